"""Record files -> measures by day and group, in one workspace that lives as long as they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from csi_service.core.calculators import external, internal
from csi_service.core.weights import WeightSet
from csi_service.facts.duck import refusing, run_with_progress
from csi_service.facts.kinds import REFERRING
from csi_service.ingest import load, rejects
from csi_service.ingest.load import Importer
from csi_service.ingest.outcome import Outcome
from csi_service.ingest.rows import Records
from csi_service.rollup import calls
from csi_service.rollup.places import Scope, load_places

if TYPE_CHECKING:  # pandas, and the rollups that make its frames, take their time to load: the calls come first
    import pandas as pd
    from numpy.typing import NDArray

Progress = Callable[[str, float], None]


class FileFacts:
    """Opened record files; small kinds are loaded at once, calls are rolled up straight from their files."""

    def __init__(
        self, importer: Importer, files: Mapping[str, Sequence[Path]], scope: Scope, progress: Progress | None = None
    ) -> None:
        """Open each kind's files (a kind that the mapping takes from another's file joins in); load all but the calls.

        Raises:
            FileRefusedError: a file that cannot be read as a whole.
        """
        self._importer = importer
        self._connection = importer.connection
        self._scope = scope
        self._progress = progress
        paths = dict(files)
        for kind, described in importer.mapping.kinds.items():
            if kind not in paths and described.taken_from is not None and described.taken_from in files:
                paths[kind] = files[described.taken_from]
        self._names = ", ".join(dict.fromkeys(path.name for kind in paths.values() for path in kind))
        with refusing(self._names):
            self.records = load.open_all(importer, paths)
        for kind, records in self.records.items():
            if kind != "calls":
                with refusing(", ".join(records.outcome.files)):
                    load.stage(self._connection, records, self._telling(kind))
        self._calls_relation = ""  # unknown until they were checked
        self._counted_with: internal.Parameters | None = None

    @cached_property
    def batches(self) -> pd.DataFrame:
        """The sample batches; asked for the first time, the table `batch_days` is made of them."""
        from csi_service.rollup import evaluations

        return evaluations.load_batches(self._connection, "batches" in self.records)

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of the rows of each kind; complete once measures were asked for."""
        return [records.outcome for records in self.records.values()]

    def fields(self, kind: str) -> frozenset[str]:
        """Return the fields of a kind that the files have a column for; none where there is no record of the kind."""
        records = self.records.get(kind)
        if records is None or (kind != "calls" and not records.outcome.loaded):  # calls are counted later
            return frozenset()
        return records.fields

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        """Return the measures under a set's parameters: columns day, the keys, one a measure that is known.

        Raises:
            FileRefusedError: a file that turns out to be damaged further down.
        """
        import pandas as pd

        with refusing(self._names):
            frames = self._frames(weights)
        groups = ["day", *self._scope.keys]
        if not frames:
            return pd.DataFrame(
                {name: pd.Series(dtype="object" if name != "day" else "datetime64[s]") for name in groups}
            )
        return pd.concat(frames, ignore_index=True).groupby(groups, as_index=False, sort=True).sum()

    def _frames(self, weights: WeightSet) -> list[pd.DataFrame]:
        """The measures of each kind that is given."""
        from csi_service.rollup import complaints, evaluations, surveys, tickets

        frames = []
        process = _process(weights)
        survey: external.Parameters | None = weights.components.get("external")
        if "calls" in self.records:
            frames.append(self._calls(process or internal.UNWEIGHED))
            if (
                process is not None
                and process.resolution_method == "repeat_contact"
                and "customer_id" in self.fields("calls")
            ):
                frames.append(self._frame(calls.repeats_query(self._loaded_calls(), self._scope, process)))
        self._find_places()
        if "tickets" in self.records and process is not None:
            has_reactivated = "reactivated_at" in self.fields("tickets")
            frames.append(tickets.roll_up(self._connection, self._scope, process, has_reactivated))
        if "surveys" in self.records and survey is not None:
            frames.append(surveys.roll_up(self._connection, self._scope, survey))
        if "survey_invitations" in self.records:
            frames.append(surveys.roll_up_invitations(self._connection, self._scope))
        if "complaints" in self.records:
            frames.append(complaints.roll_up(self._connection, self._scope, "upheld" in self.fields("complaints")))
        if "evaluations" in self.records:
            self._make_batch_days()
            frames.append(evaluations.roll_up(self._connection, self._scope, "delight" in self.fields("evaluations")))
        return frames

    def rated_calls(self) -> pd.DataFrame | None:
        """Return the rated calls by day, key, batch and level; None where no file carries ratings."""
        if "rating" not in self.fields("evaluations"):
            return None
        from csi_service.rollup import evaluations

        self._make_batch_days()
        return evaluations.rated_calls(self._connection, self._scope)

    def _make_batch_days(self) -> None:
        _ = self.batches

    @contextmanager
    def reading_ahead(self, weights: WeightSet) -> Iterator[None]:
        """Check and count the calls in a thread while the block does other things; it must not ask these facts.

        Raises:
            FileRefusedError: when the block ends; a file that turns out to be damaged further down.
        """
        with ThreadPoolExecutor(1) as thread:
            reading = thread.submit(self._read_calls, weights)
            try:
                yield
                reading.result()
            except BaseException:
                self._connection.interrupt()
                raise

    def _read_calls(self, weights: WeightSet) -> None:
        if "calls" in self.records:
            with refusing(self._names):
                self._check_calls(_process(weights) or internal.UNWEIGHED)

    def _calls(self, p: internal.Parameters) -> pd.DataFrame:
        self._check_calls(p)
        if p == self._counted_with:
            return self._frame("SELECT * FROM counted_calls")
        return self._frame(calls.query(self._calls_relation, self.fields("calls"), self._scope, p))

    def _check_calls(self, p: internal.Parameters) -> None:
        """Once: look for faults while the calls are counted in the same reading; where there are any, load the rest."""
        if self._calls_relation:
            return
        records = self.records["calls"]
        ready = self._ready_calls(records)
        if not (ready and self._count(ready, p, "calls")):
            self._count(records, p, "calls, as text")
            rejects.collect_structure_rejects(self._connection, records)
        if self._counted_with is None:
            rejects.collect_rejects(self._connection, records, self._telling("calls, rejected"))
            self._loaded_calls()

    def _ready_calls(self, records: Records) -> Records | None:
        try:
            return load.ready_records(self._importer, records)
        except duckdb.Error:
            return None

    def _count(self, records: Records, p: internal.Parameters, label: str) -> bool:
        """Count the calls of all rows if none is at fault and no number stands twice; False where it broke off."""
        late = calls.late_fields(records.fields, self._scope)
        early = [name for name in records.reads if name not in late]
        unread = calls.Unread(records.values(late), records.refused(late), records.doubts(early))
        query = calls.alike_query(records.rows, records.fields, self._scope, p, unread)
        try:
            run_with_progress(self._connection, f"CREATE TEMP TABLE alike_calls AS {query}", self._telling(label))
        except duckdb.InterruptException:
            raise
        except duckdb.Error:
            if not records.ready:
                raise
            return False
        doubts = self._connection.execute(calls.doubts_query("alike_calls", records.fields, self._scope, unread))
        if not doubts.fetchall()[0][0] and not self._any_call_twice():
            measures = calls.measures_query("alike_calls", records.fields, self._scope, p, unread)
            self._connection.execute(f"CREATE TEMP TABLE counted_calls AS {measures}")
            total = "SELECT coalesce(sum(contacts_answered + contacts_abandoned), 0) FROM counted_calls"
            records.outcome.loaded = int(self._connection.execute(total).fetchall()[0][0])
            self._calls_relation, self._counted_with = records.rows, p
        self._connection.execute("DROP TABLE alike_calls")
        return True

    def _any_call_twice(self) -> bool:
        hashes = self._connection.execute("SELECT unnest(ids) AS id FROM alike_calls").fetchnumpy()["id"]
        return any_twice(np.asarray(hashes))

    def _loaded_calls(self) -> str:
        if self._calls_relation != "calls":
            load.load_good(self._connection, self.records["calls"], self._telling("calls, good"))
            self._calls_relation = "calls"
        return self._calls_relation

    def _find_places(self) -> None:
        referring = [kind for kind in REFERRING if "call_id" in self.fields(kind)]
        needed = self._scope.keys or "customer_id" in self.fields("surveys")
        if not self._scope.placed and "calls" in self.records and referring and needed:
            load_places(self._connection, self._calls_relation, referring)
            self._scope = replace(self._scope, placed=True)

    def _frame(self, query: str) -> pd.DataFrame:
        return self._connection.execute(query).df()

    def _telling(self, kind: str) -> Callable[[float], None] | None:
        progress = self._progress
        return None if progress is None else lambda share: progress(kind, share)


def _process(weights: WeightSet) -> internal.Parameters | None:
    found: internal.Parameters | None = weights.components.get("internal")
    return found


def any_twice(hashes: NDArray[np.uint64]) -> bool:
    """Tell whether any hash stands twice.

    Numbers of 32 bits sort faster: only where two hashes agree in their upper half are they looked at as a whole. The
    two halves of the range are sorted at the same time.
    """
    upper = (hashes >> np.uint64(32)).astype(np.uint32)
    lower_range = upper < np.uint32(2**31)
    with ThreadPoolExecutor(2) as threads:
        agreeing = np.concatenate(list(threads.map(_repeated, (upper[lower_range], upper[~lower_range]))))
    marked = np.zeros(2**20, dtype=bool)
    marked[agreeing >> np.uint32(12)] = True
    return bool(_repeated(hashes[marked[upper >> np.uint32(12)]]).size)


def _repeated(numbers: NDArray[Any]) -> NDArray[Any]:
    """Sort the numbers in place and return those that equal the one before."""
    numbers.sort()
    again: NDArray[Any] = numbers[1:][numbers[1:] == numbers[:-1]]
    return again
