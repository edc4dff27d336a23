"""Shares and durations as text, rounded half up to two decimals."""

from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # holds any float in full
_CENT = Decimal("0.01")


def percent(value: float) -> str:
    """Return a fraction as per cent, rounded half up to two decimals; a dash for NaN.

    >>> percent(0.98765)
    '98.77 %'
    """
    if np.isnan(value):
        return "-"
    return f"{_two_decimals(Decimal(repr(float(value))).scaleb(2, _EXACT))} %"


def seconds(value: float) -> str:
    """Return a duration, rounded half up to two decimals; a dash for NaN.

    >>> seconds(226.125)
    '226.13 s'
    """
    return "-" if np.isnan(value) else f"{_two_decimals(Decimal(repr(float(value)))):,} s"


def _two_decimals(number: Decimal) -> Decimal:
    return _EXACT.plus(number.quantize(_CENT, context=_EXACT))  # plus: no minus before a zero
