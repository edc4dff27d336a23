"""What the records hold but a figure leaves out of its count, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from csi_service.core.calculators import complaint, internal

Sums = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many of what a figure does not count, and why."""

    count: float
    unit: str
    why: str


def left_out(component: str, figure: str, sums: Sums, parameters: Any) -> list[LeftOut]:
    """Return what a figure of a component leaves out of one group's sums; what nobody counted is not listed.

    >>> left_out("internal", "aht", {"contacts_answered": 10.0, "handled_contacts": 8.0}, internal.UNWEIGHED)
    [LeftOut(count=2.0, unit='calls', why='answered, but their handling time is not known')]
    """
    if component == "external":
        found = [
            _part(
                sums,
                f"responses_set_aside.{figure}",
                "responses",
                "suspect: a second one after a call, too quick for a person, or the agent's own",
            )
        ]
    else:
        rule = _RULES.get((component, figure))
        found = rule(sums, parameters) if rule else []
    return [part for part in found if part is not None and part.count > 0]


def _part(sums: Sums, name: str, unit: str, why: str, without: str = "") -> LeftOut | None:
    """What a measure counts, without what another one does; None where one of them is not known."""
    if name not in sums or (without and without not in sums):
        return None
    return LeftOut(sums[name] - (sums[without] if without else 0.0), unit, why)


def _service_level(sums: Sums, p: internal.Parameters) -> list[LeftOut | None]:
    unknown = _part(sums, "contacts_answered", "calls", "answered, but their wait is not known", "answered_timed")
    abandoned = {
        "answered_only": ("contacts_abandoned", "abandoned; the method counts answered calls only"),
        "exclude_short": ("abandoned_short", "abandoned before the limit of short ones"),
        "late_abandons_only": ("abandoned_within_threshold", "abandoned within the threshold"),
    }
    name, why = abandoned.get(p.service_level_method, ("", ""))
    return [unknown, _part(sums, name, "calls", why)]


def _handling_time(sums: Sums, p: internal.Parameters) -> list[LeftOut | None]:
    why = "answered, but their handling time is not known"
    return [_part(sums, "contacts_answered", "calls", why, "handled_contacts")]


def _resolution(sums: Sums, p: internal.Parameters) -> list[LeftOut | None]:
    if p.resolution_method != "flag":
        return []
    why = "answered, but without the flag that tells whether the issue was resolved"
    return [_part(sums, "contacts_answered", "calls", why, "resolution_flagged")]


def _complaints(sums: Sums, p: complaint.Parameters) -> list[LeftOut | None]:
    contacts = _part(sums, "contacts_abandoned", "calls", "abandoned; complaints are set against answered calls")
    upheld = _part(sums, "complaints_received", "complaints", "not found justified", "complaints_upheld")
    return [contacts if p.contacts == "answered" else None, upheld if p.count == "upheld_only" else None]


_RULES: Mapping[tuple[str, str], Callable[[Sums, Any], list[LeftOut | None]]] = {
    ("internal", "sla"): _service_level,
    ("internal", "aht"): _handling_time,
    ("internal", "fcr"): _resolution,
    ("complaint", "complaints"): _complaints,
}
