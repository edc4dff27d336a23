"""What is counted from the records: each output once, with the kind it follows and the parameters it is counted with.

An engine hands in tables named after the kinds (and `places`, `batch_days`); each output gives a frame of day, the
group keys and sums. Counters that were kept answer for the same parameters only: their `variant`.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb
import pandas as pd

from csi_service.core.calculators import external, internal
from csi_service.core.weights import WeightSet
from csi_service.facts.duck import to_frame
from csi_service.rollup import calls, complaints, evaluations, surveys, tickets
from csi_service.rollup.places import Scope

VERSION = 2  # of the counting; a change of its meaning takes a new number, and everything is counted anew
Fields = Mapping[str, frozenset[str]]  # by kind, the fields that its records were given


@dataclass(frozen=True, slots=True)
class Counting:
    """One counting: where the tables are, the fields that the data hold, the set whose parameters count.

    `horizon` is the latest instant known of the output's records, by which it is judged whose window has passed.
    """

    connection: duckdb.DuckDBPyConnection
    fields: Fields
    weights: WeightSet
    horizon: dt.datetime | None = None

    @property
    def process(self) -> internal.Parameters:
        """The parameters of the internal index; calls are counted also where it is not weighed."""
        parameters: internal.Parameters = self.weights.components.get("internal") or internal.UNWEIGHED
        return parameters


@dataclass(frozen=True, slots=True)
class Output:
    """What is counted: its name, the kind whose days it follows, its parameters, how, and the window that must pass.

    `parameters` answers None where the data or the set do not call for it.
    """

    name: str
    source: str
    parameters: Callable[[WeightSet, Fields], tuple[object, ...] | None]
    roll_up: Callable[[Counting, Scope], pd.DataFrame]
    window_days: Callable[[WeightSet], float] | None = None


def _process(weights: WeightSet) -> internal.Parameters:
    found: internal.Parameters = weights.components.get("internal") or internal.UNWEIGHED
    return found


def _calls(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    p, held = _process(weights), fields["calls"]
    if not held:
        return None
    parts = calls.handling_components(held, p)
    return (p.threshold_seconds, p.short_abandon_seconds, *parts, "wait_seconds" in held, "resolved" in held)


def _repeats(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    p = _process(weights)
    wanted = p.resolution_method == "repeat_contact" and "customer_id" in fields["calls"]
    return (p.resolution_window_days,) if wanted else None


def _tickets(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    if not fields["tickets"] or "internal" not in weights.components:
        return None
    return (_process(weights).resolution_window_days, "reactivated_at" in fields["tickets"])


def _complaints(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    return ("upheld" in fields["complaints"],) if fields["complaints"] else None


def _surveys(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    p: external.Parameters | None = weights.components.get("external")
    return tuple(sorted(p.satisfied_from.items())) if p is not None and fields["surveys"] else None


def _evaluations(weights: WeightSet, fields: Fields) -> tuple[object, ...] | None:
    return ("delight" in fields["evaluations"],) if fields["evaluations"] else None


def _where(kind: str, field: str = "") -> Callable[[WeightSet, Fields], tuple[object, ...] | None]:
    return lambda weights, fields: () if (field in fields[kind] if field else fields[kind]) else None


def _roll_up_repeats(c: Counting, scope: Scope) -> pd.DataFrame:
    return c.connection.execute(calls.repeats_query("calls_around", scope, c.process, c.horizon)).df()


def _roll_up_surveys(c: Counting, scope: Scope) -> pd.DataFrame:
    return surveys.roll_up(c.connection, scope, c.weights.components["external"])


OUTPUTS = (
    Output(
        "calls",
        "calls",
        _calls,
        lambda c, scope: to_frame(c.connection, calls.query("calls", c.fields["calls"], scope, c.process)),
    ),
    Output("repeats", "calls", _repeats, _roll_up_repeats, lambda weights: _process(weights).resolution_window_days),
    Output(
        "tickets",
        "tickets",
        _tickets,
        lambda c, scope: tickets.roll_up(
            c.connection, scope, c.process, "reactivated_at" in c.fields["tickets"], c.horizon
        ),
        lambda weights: _process(weights).resolution_window_days,
    ),
    Output("surveys", "surveys", _surveys, _roll_up_surveys),
    Output(
        "invitations",
        "survey_invitations",
        _where("survey_invitations"),
        lambda c, scope: surveys.roll_up_invitations(c.connection, scope),
    ),
    Output(
        "complaints",
        "complaints",
        _complaints,
        lambda c, scope: complaints.roll_up(c.connection, scope, "upheld" in c.fields["complaints"]),
    ),
    Output(
        "evaluations",
        "evaluations",
        _evaluations,
        lambda c, scope: evaluations.roll_up(c.connection, scope, "delight" in c.fields["evaluations"]),
    ),
    Output(
        "ratings",
        "evaluations",
        _where("evaluations", "rating"),
        lambda c, scope: evaluations.rated_calls(c.connection, scope),
    ),
)


def variants(weights: WeightSet, fields: Fields) -> dict[str, str]:
    """Return the outputs that a set asks for of these data, each with the variant that answers for it."""
    found = {output.name: output.parameters(weights, fields) for output in OUTPUTS}
    return {name: json.dumps([VERSION, *given]) for name, given in found.items() if given is not None}
