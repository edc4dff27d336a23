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
