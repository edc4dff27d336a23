"""Example bodies of the documentation: the README's worked month, and what fits any other calculator."""

from typing import Any

from csi_service.core.indicator import Calculator, Indicator

Body = dict[str, Any]
_KNOWN: dict[str, Body] = {
    "internal": {
        "sla": {"answered_within_threshold": 935, "answered_timed": 1000, "contacts_abandoned": 100},
        "aht": {"value": 360},
        "fcr": {"numerator": 400, "denominator": 500},
        "qa": {"numerator": 36, "denominator": 40},
    },
    "external": {
        "channels": {"ivr": {"numerator": 141, "denominator": 150}, "sms": {"numerator": 43, "denominator": 50}}
    },
    "complaint": {"complaints": {"numerator": 9, "denominator": 1000}},
}


def _figure(indicator: Indicator) -> Body:
    return {"numerator": 80, "denominator": 100} if indicator.share else {"value": 1}


def component_example(calculator: Calculator) -> Body:
    """Return a body of `calculate/<component>`."""
    if calculator.name in _KNOWN:
        return _KNOWN[calculator.name]
    if calculator.per_channel is not None:
        return {"channels": {"ivr": _figure(calculator.per_channel)}}
    return {indicator.name: _figure(indicator) for indicator in calculator.indicators}


def composite_example(calculators: tuple[Calculator, ...]) -> Body:
    """Return a body of `calculate/composite`."""
    return {calculator.name: component_example(calculator) for calculator in calculators if calculator.name in _KNOWN}


RATINGS: Body = {
    "batches": [
        {"batch": "A", "population": 9000, "counts": [0, 0, 10, 60, 30]},
        {"batch": "B", "population": 1000, "counts": [10, 20, 30, 30, 10]},
    ]
}

_AT = "2026-01-31T09:12:58+08:00"
RATING_EXAMPLE: Body = {"call_id": "C-1001", "rating": "基本满意", "batch": "2026-01-A", "rated_at": _AT}
RECORDS: dict[str, Body] = {
    "calls": {
        "call_id": "C-1001",
        "started_at": _AT,
        "answered": True,
        "team": "T1",
        "agent": "A7",
        "wait_seconds": 12,
        "talk_seconds": 240,
        "wrap_seconds": 30,
        "resolved": True,
    },
    "surveys": {
        "survey_id": "S-1",
        "answered_at": _AT,
        "channel": "sms",
        "scale": "5",
        "score": 4,
        "call_id": "C-1001",
    },
    "survey_invitations": {"day": "2026-01-31", "channel": "sms", "invited": 120, "team": "T1"},
    "complaints": {"complaint_id": "K-1", "received_at": _AT, "team": "T1", "category": "billing", "upheld": True},
    "tickets": {
        "ticket_id": "W-1",
        "opened_at": "2026-01-30T10:00:00+08:00",
        "closed_at": _AT,
        "reactivated_at": [],
        "team": "T1",
    },
    "evaluations": {
        "evaluation_id": "E-1",
        "call_id": "C-1001",
        "evaluated_at": _AT,
        "score": 92,
        "rating": "satisfied",
        "batch": "2026-01-A",
        "rater": "R3",
    },
    "batches": {"batch": "2026-01-A", "period": "2026-01", "population": 4800, "selection": "random"},
}
PLAN: Body = {
    "batch": "2026-01-QA",
    "period": "2026-01",
    "plan": {
        "strata": ["team"],
        "size": 400,
        "min_per": 25,
        "seed": 20260101,
        "raters": [{"name": "anna", "share": 2}, {"name": "ben"}],
        "due_on": "2026-02-10",
    },
}
