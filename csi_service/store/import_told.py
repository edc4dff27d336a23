"""What became of an import's files: as its book keeps it, and as it is told in the reader's language."""

from collections.abc import Mapping
from typing import Any

from csi_service.core.told import Told, told_as_body, told_from_body
from csi_service.ingest.outcome import Outcome
from csi_service.language import Translate, marked, tell
from csi_service.store.import_books import Import

_REASONS_KEPT = 20
_COUNTS = ("created", "replaced", "unchanged")


def outcome_body(outcome: Outcome, results: Mapping[str, int]) -> dict[str, Any]:
    """Return what the book keeps of the outcome of a kind."""
    reasons = outcome.reasons()[:_REASONS_KEPT]
    return {
        "kind": outcome.kind,
        "loaded": outcome.loaded,
        **{name: results.get(name, 0) for name in _COUNTS},
        "repeated": outcome.repeated,
        "rejected": outcome.rejected,
        "reasons": [{"reason": told_as_body(text), "rows": rows} for text, rows in reasons],
        "ignored_columns": list(outcome.ignored_columns),
        "notes": [told_as_body(note) for note in outcome.notes],
    }


def told_outcomes(found: Import, translate: Translate) -> list[dict[str, Any]]:
    """Return the outcomes of an import, one a record kind, with their reasons in the reader's language."""
    return [
        {name: value for name, value in outcome.items() if name != "notes"}
        | {"reasons": [each | {"reason": _told(each["reason"], translate)} for each in outcome["reasons"]]}
        for outcome in found.outcomes
    ]


def told_notes(found: Import, days_zone: str, translate: Translate) -> list[str]:
    """Return what else is to be told of an import into a folder whose days are cut in a zone: what was left out."""
    notes = [_told(note, translate) for outcome in found.outcomes for note in outcome.get("notes", ())]
    if found.outcomes and found.time_zone not in (None, days_zone):
        text = marked("Its local times are read in {zone}; the days are cut in {own}, CSI_TIME_ZONE of this folder.")
        notes.append(tell(Told(text, zone=found.time_zone, own=days_zone), translate))
    return notes


def _told(body: Mapping[str, Any] | str, translate: Translate) -> str:
    """A kept text; the first folders held it ready made."""
    return tell(body if isinstance(body, str) else told_from_body(body), translate)
