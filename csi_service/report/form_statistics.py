"""Statistics of evaluations by QA forms as a body."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from csi_service.store.form_statistics import FormStatistics

Body = dict[str, Any]


def statistics_body(found: FormStatistics, keys: tuple[str, ...]) -> Body:
    """Return the statistics with null where there is nothing to tell."""
    groups = zip(found.groups.index, _rows(found.groups), strict=True)
    members = ((index if len(keys) > 1 else (index,), row) for index, row in groups)
    return {
        "by": list(keys),
        "evaluations": found.evaluations,
        "total": next(_rows(found.total)),
        "groups": [{"group": dict(zip(keys, index, strict=True)), **row} for index, row in members],
        "raters": [{"rater": rater, **row} for rater, row in zip(found.raters.index, _rows(found.raters), strict=True)],
        "items": [
            {"form": form, "item": item, **row}
            for form, items in found.items.items()
            for item, row in zip(items.index, _rows(items), strict=True)
        ],
    }


def _rows(frame: pd.DataFrame) -> Iterator[Body]:
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    for row in range(len(frame)):
        yield {name: None if values[row] != values[row] else values[row] for name, values in columns.items()}
