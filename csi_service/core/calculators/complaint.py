"""Complaint index C-CSI: how rarely customers complain, scaled by how many dissatisfied customers stay silent.

The index and its factor are this project's own method, after a practitioner's article, not an industry standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from csi_service.core.indicator import Calculator, Indicator, Measures, Node, Ratio, leaf, ratio
from csi_service.core.tables import Table

COUNTS = ("received", "upheld_only")
CONTACTS = ("answered", "offered")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an operator sets for the complaint index."""

    multiplier: float
    count: str
    contacts: str


def read(table: Table) -> Parameters:
    """Read the `[complaint]` table of a weights document."""
    parameters = Parameters(
        multiplier=table.number("multiplier", 25, least=1, most=1_000_000),
        count=table.choice("count", COUNTS, "received"),
        contacts=table.choice("contacts", CONTACTS, "answered"),
    )
    table.text("source", "")
    table.close()
    return parameters


def complaint_rate(m: Measures, p: Parameters) -> Ratio:
    """Return the complaints per contact, one a group; it may exceed 1.

    Source: complaints over handled transactions, as complaint handling statistics state it (ISO 10002).
    """
    complaints = m["complaints_upheld" if p.count == "upheld_only" else "complaints_received"]
    contacts = m["contacts_answered"]
    if p.contacts == "offered":
        contacts = contacts + m["contacts_abandoned"]
    return ratio(complaints, contacts, share=False, what="complaints")


def index(ratios: Mapping[str, Ratio], p: Parameters, minimum_coverage: float) -> Node:
    """Return C-CSI = 1 - multiplier x complaint rate, clamped to 0..1; `raw` keeps the figure before clamping.

    Source: of the dissatisfied, about 1 in 25 complains (TARP studies of the 1970s and 1980s, "up to 96 % do not
    complain"); the multiplier turns complaints back into dissatisfied customers.

    >>> rate = ratio(np.array([9.0, 60.0]), np.array([1000.0, 1000.0]), share=False)
    >>> index({"complaints": rate}, Parameters(25, "received", "answered"), 0.5).value.round(3).tolist()
    [0.775, 0.0]
    """
    rate = ratios["complaints"]
    raw = 1.0 - p.multiplier * rate.value
    value = np.clip(raw, 0.0, 1.0)
    notes = {"multiplier": p.multiplier, "count": p.count, "contacts": p.contacts}
    return leaf("complaint", rate, value, {"floored": raw < 0}, notes, raw)


CALCULATOR = Calculator(
    name="complaint",
    title="C-CSI",
    read=read,
    index=index,
    indicators=(
        Indicator(
            "complaints",
            "fraction",
            ("complaints_received", "complaints_upheld", "contacts_answered", "contacts_abandoned"),
            complaint_rate,
            share=False,
        ),
    ),
)
