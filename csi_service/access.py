"""Who may do what: roles and the actions that they permit, denied unless listed; and the scope of teams."""

import datetime as dt
from dataclasses import dataclass

ROLES = ("viewer", "rater", "lead", "analyst", "operator", "admin")

_EVERYBODY = ROLES[:-1]
_JUDGES = ("rater", "lead", "analyst")
# Action: the roles that may, besides the administrator, who may do everything that is listed.
_TABLE: dict[str, tuple[str, ...]] = {
    "calculate": _EVERYBODY,
    "weights.read": _EVERYBODY,
    "form.read": _EVERYBODY,
    "key.read": _EVERYBODY,  # one's own
    "score.read": _EVERYBODY,
    "ratings.read": _EVERYBODY,  # shares of levels, no single rating
    "report.read": _EVERYBODY,
    "report.publish": ("analyst",),
    "record.write": ("operator",),
    "import.read": ("operator", "analyst"),
    "import.write": ("operator",),
    "rating.read": _JUDGES,  # single ratings and evaluations, with comments
    "rating.write": ("rater", "lead", "operator"),  # an operator brings in what was made in another system
    "rating.for_others": ("lead", "operator"),  # in another person's name
    "batch.read": _JUDGES,  # plans and worklists
    "batch.write": ("operator", "lead", "analyst"),  # a plain record (record.write) or a plan (sample.write)
    "sample.write": ("lead", "analyst"),  # plan, draw, mark away
    "form.write": ("lead",),
    "calibration.read": ("lead", "analyst"),
    "appeal.read": _JUDGES,
    "appeal.write": ("lead",),
    "appeal.decide": ("lead",),  # that it is another one than who appealed is the use case's to check
    "metrics.read": ("operator",),
    "audit.read": (),
}
ACTIONS: dict[str, tuple[str, ...]] = {
    action: tuple(role for role in ROLES if role in (*roles, "admin")) for action, roles in _TABLE.items()
}
_PERMITTED = {role: frozenset(action for action, roles in ACTIONS.items() if role in roles) for role in ROLES}


def permitted(role: str) -> frozenset[str]:
    """Return the actions that a role permits; none for an unknown one."""
    return _PERMITTED.get(role, frozenset())


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the person or system that a key was given to.

    `teams` are the only teams that the caller sees (None: all), sorted; `agent` is the person's own agent number, whose
    calls they may not judge; `prefix` names the key without giving it away; `expires_at` is in UTC (None: never).
    """

    name: str
    role: str
    key_id: int
    prefix: str
    teams: tuple[str, ...] | None = None
    agent: str | None = None
    expires_at: dt.datetime | None = None

    def may(self, action: str) -> bool:
        """Tell whether the caller's role permits an action."""
        return action in permitted(self.role)

    def allows_team(self, team: str | None) -> bool:
        """Tell whether the caller may see a team's records (None: those that belong to no team)."""
        return self.teams is None or team in self.teams
