"""Record files -> measures by day and group, in one workspace that lives as long as they are asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from csi_service.core.calculators import external, internal
from csi_service.core.weights import WeightSet
from csi_service.facts.duck import refusing, run_with_progress
from csi_service.facts.kinds import REFERRING
from csi_service.ingest import load, rejects
from csi_service.ingest.load import Importer
from csi_service.ingest.outcome import Outcome
from csi_service.rollup import calls, complaints, evaluations, surveys, tickets
from csi_service.rollup.places import Scope, load_places

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
        self.batches = evaluations.load_batches(self._connection, "batches" in self.records)
        self._calls_relation = "(SELECT * FROM calls_rows WHERE good)"
        self._calls_checked = False

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
        frames = []
        process: internal.Parameters | None = weights.components.get("internal")
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
            frames.append(tickets.roll_up(self._connection, self._scope, process))
        if "surveys" in self.records and survey is not None:
            frames.append(surveys.roll_up(self._connection, self._scope, survey))
        if "survey_invitations" in self.records:
            frames.append(surveys.roll_up_invitations(self._connection, self._scope))
        if "complaints" in self.records:
            frames.append(complaints.roll_up(self._connection, self._scope))
        if "evaluations" in self.records:
            frames.append(evaluations.roll_up(self._connection, self._scope, "delight" in self.fields("evaluations")))
        return frames

    def rated_calls(self) -> pd.DataFrame | None:
        """Return the rated calls by day, key, batch and level; None where no file carries ratings."""
        if "rating" not in self.fields("evaluations"):
            return None
        return evaluations.rated_calls(self._connection, self._scope)

    def _calls(self, p: internal.Parameters) -> pd.DataFrame:
        if not self._calls_checked:
            self._calls_checked = True
            measures = self._check_calls(p)
            if measures is not None:
                return measures
        return self._frame(calls.query(self._calls_relation, self.fields("calls"), self._scope, p))

    def _check_calls(self, p: internal.Parameters) -> pd.DataFrame | None:
        """Roll the calls up in one reading while looking for faults; None where the good rows had to be loaded."""
        records = self.records["calls"]
        late = calls.late_fields(records.fields, self._scope)
        early = [name for name in records.reads if name not in late]
        unread = calls.Unread(records.values(late), records.refused(late), records.doubts(early))
        query = calls.alike_query(records.rows, records.fields, self._scope, p, unread)
        run_with_progress(self._connection, f"CREATE TEMP TABLE alike_calls AS {query}", self._telling("calls"))
        rejects.collect_structure_rejects(self._connection, records)
        doubts = self._connection.execute(calls.doubts_query("alike_calls", records.fields, self._scope, unread))
        measures = None
        if doubts.fetchall()[0][0] or self._any_call_twice():
            rejects.collect_rejects(self._connection, records)
            self._loaded_calls()
        else:
            measures = self._frame(calls.measures_query("alike_calls", records.fields, self._scope, p, unread))
            records.outcome.loaded = int(measures["contacts_answered"].sum() + measures["contacts_abandoned"].sum())
        self._connection.execute("DROP TABLE alike_calls")
        return measures

    def _any_call_twice(self) -> bool:
        hashes = self._connection.execute("SELECT unnest(ids) AS id FROM alike_calls").fetchnumpy()["id"]
        ordered = np.sort(np.asarray(hashes))
        return bool((ordered[1:] == ordered[:-1]).any())

    def _loaded_calls(self) -> str:
        if self._calls_relation != "calls":
            load.load_good(self._connection, self.records["calls"])
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
