"""From frames of whole numbers to CSV files; the only module that knows pyarrow.

A column's name says how it is written. In every column of numbers -1 is missing and becomes an empty cell.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from csi_service.demo.centre import QUEUES, SITES, TEAMS, TOPICS, Ints

FLAGS = ("answered", "resolved", "transfer_succeeded", "upheld", "promised_callback", "delight")
LABELS = {"site": SITES, "team": TEAMS, "queue": QUEUES, "topic": TOPICS} | dict.fromkeys(FLAGS, ("N", "Y"))
PREFIXES = {"call_id": "K", "agent": "A", "customer_id": "C", "survey_id": "S", "ticket_id": "T"}
PREFIXES |= {"complaint_id": "P", "evaluation_id": "E"}  # the ids count from 1, the columns of numbers from 0


def named(codes: Any, names: Sequence[str]) -> Any:
    """The name at each code, for a column whose names differ from file to file."""
    return pd.Categorical.from_codes(np.asarray(codes, dtype=np.int64), pd.Index(names))


def joined(first: Ints, second: Ints) -> Any:
    """Two instants in one cell, with a semicolon between; where the second is missing, the first alone."""
    texts = [_cells("_at", pd.Series(instants)) for instants in (first, second)]
    return pc.coalesce(pc.binary_join_element_wise(*texts, ";"), texts[0]).to_numpy(zero_copy_only=False)


def write_file(path: Path, frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Write the named columns as CSV in UTF-8, without quotes: no cell of the demo holds a comma."""
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(names) + "\n").encode())
        pa_csv.write_csv(pa.table({name: _cells(name, frame[name]) for name in names}), file, options)


def _cells(name: str, values: pd.Series) -> Any:
    if not pd.api.types.is_integer_dtype(values.dtype):
        return pa.array(values).cast(pa.string())
    numbers = pa.array(values.to_numpy(), mask=(values < 0).to_numpy())
    if name in LABELS:
        return pa.array(LABELS[name], pa.string()).take(numbers)
    if name in PREFIXES:
        digits = pc.utf8_lpad(pc.add(numbers, 1).cast(pa.string()), 4 if name == "agent" else 7, "0")
        return pc.binary_join_element_wise(PREFIXES[name], digits, "")
    return numbers.cast(pa.timestamp("s")).cast(pa.string()) if name.endswith("_at") else numbers
