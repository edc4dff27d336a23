"""Roles and what they permit, written down a second time by hand; the scope of teams."""

import pytest

from csi_service.access import ACTIONS, ROLES, Caller, permitted

# v viewer, r rater, l lead, a analyst, o operator, A admin
BY_HAND = """
calculate          vrlaoA
weights.read       vrlaoA
form.read          vrlaoA
key.read           vrlaoA
score.read         vrlaoA
ratings.read       vrlaoA
report.read        vrlaoA
report.publish     ...a.A
record.write       ....oA
import.read        ...aoA
import.write       ....oA
rating.read        .rla.A
rating.write       .rl.oA
rating.for_others  ..l.oA
batch.read         .rla.A
batch.write        ..laoA
sample.write       ..la.A
form.write         ..l..A
calibration.read   ..la.A
appeal.read        .rla.A
appeal.write       ..l..A
appeal.decide      ..l..A
metrics.read       ....oA
audit.read         .....A
"""


def test_each_role_may_do_what_the_table_says_and_nothing_else():
    rows = [line.split() for line in BY_HAND.split("\n") if line]
    assert {action for action, _ in rows} == set(ACTIONS)
    for action, marks in rows:
        assert [role for role in ROLES if action in permitted(role)] == [
            role for role, mark in zip(ROLES, marks, strict=True) if mark != "."
        ], action


@pytest.mark.parametrize("role", ["", "Viewer", "root", "viewer "])
def test_a_role_that_is_not_listed_permits_nothing(role):
    assert permitted(role) == frozenset()
    assert not Caller("x", role, 1, "csi_0").may("calculate")


def test_an_action_that_is_not_listed_is_permitted_to_nobody():
    assert not any(Caller("x", role, 1, "csi_0").may("key.manage") for role in ROLES)


def test_a_caller_sees_the_teams_of_the_key_only():
    limited = Caller("x", "lead", 1, "csi_0", teams=("A", "B"))
    assert [team for team in ("A", "B", "C", "a", "", None) if limited.allows_team(team)] == ["A", "B"]
    assert not Caller("x", "admin", 1, "csi_0", teams=()).allows_team("A")


def test_a_caller_without_a_limit_sees_every_team_and_what_belongs_to_none():
    assert all(Caller("x", "viewer", 1, "csi_0").allows_team(team) for team in ("A", "", None))
