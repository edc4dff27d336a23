"""The contract between data and formulas: each additive measure once, with its unit and meaning.

Sums and counts only, so that days pool to months and teams to sites by adding, and every engine agrees to the last
integer. A name ending in `.*` stands for one measure a survey channel, for instance `responses.ivr`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """An additive figure: its name, its unit and what is counted or summed."""

    name: str
    unit: str
    meaning: str


MEASURES = (
    Measure("contacts_answered", "calls", "answered calls"),
    Measure("contacts_abandoned", "calls", "calls that ended before an answer"),
    Measure(
        "answered_timed", "calls", "answered calls whose wait is known; only these can be judged for service level"
    ),
    Measure("answered_within_threshold", "calls", "answered calls that waited at most the threshold"),
    Measure("abandoned_within_threshold", "calls", "abandoned calls that waited at most the threshold"),
    Measure("abandoned_short", "calls", "abandoned calls that waited less than the short-abandon limit"),
    Measure("handled_contacts", "calls", "answered calls whose handling time is known"),
    Measure("handle_seconds", "seconds", "talk, hold and wrap time of the handled contacts, by the components chosen"),
    Measure("handle_seconds_squared", "seconds squared", "sum of the squares of the handled contacts' handling times"),
    Measure("resolution_flagged", "calls", "answered calls that carry the resolved flag"),
    Measure("resolution_confirmed", "calls", "answered calls flagged as resolved"),
    Measure("first_contacts", "calls", "contacts that open an issue of a customer on a topic"),
    Measure("first_contacts_repeated", "calls", "first contacts followed by another one within the window"),
    Measure("first_contacts_mature", "calls", "first contacts whose window has passed"),
    Measure("tickets_closed", "tickets", "tickets closed"),
    Measure("tickets_reactivated", "tickets", "closed tickets that were reactivated within the window"),
    Measure("tickets_mature", "tickets", "closed tickets whose window has passed"),
    Measure("evaluations", "evaluations", "evaluations that carry a score, random samples only"),
    Measure("evaluation_scores", "fractions", "sum of score / full marks over the evaluations"),
    Measure("evaluation_scores_squared", "fractions", "sum of the squares of score / full marks"),
    Measure("points_earned", "points", "sum of the points earned in the evaluations"),
    Measure("points_possible", "points", "sum of the full marks of the evaluations"),
    Measure("delight_judged", "evaluations", "evaluations that say whether an excitement need was met"),
    Measure("delight_met", "evaluations", "evaluations in which an excitement need was met"),
    Measure("complaints_received", "complaints", "complaints received"),
    Measure("complaints_upheld", "complaints", "complaints found justified"),
    Measure("responses.*", "responses", "valid survey responses of the channel"),
    Measure("satisfied_responses.*", "responses", "valid responses at or above the satisfied level of their scale"),
    Measure("response_points.*", "fractions", "sum of (score - low) / (high - low) over the valid responses"),
    Measure("responses_set_aside.*", "responses", "suspect responses, kept out of the figure"),
    Measure("invitations.*", "invitations", "customers invited to answer"),
)
