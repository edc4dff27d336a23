"""What Prometheus may know of the store: its figures are read at each scrape, so they count every process's work."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from csi_service.records.tables import CALL_PARTS, IMPORTS, STATE
from csi_service.store.folder import Store
from csi_service.store.import_books import STATUSES


@dataclass(frozen=True, slots=True)
class Gauges(Collector):
    """The figures of a store."""

    store: Store

    def collect(self) -> Iterable[Metric]:
        """Return the figures as they are now."""
        with self.store.database.reading() as connection:
            revision = connection.execute(sa.select(STATE.c.revision)).scalar_one()
            query = sa.select(IMPORTS.c.status, sa.func.count()).group_by(IMPORTS.c.status)
            imports: dict[str, int] = {row[0]: row[1] for row in connection.execute(query).all()}
            outcomes = connection.execute(sa.select(IMPORTS.c.outcomes)).scalars().all()
            days, calls = connection.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(CALL_PARTS.c.calls), 0)).select_from(CALL_PARTS)
            ).one()
        yield GaugeMetricFamily("csi_store_revision", "Number of the last write.", value=revision)
        found = GaugeMetricFamily("csi_imports", "Imports by their state.", labels=("status",))
        for status in STATUSES:
            found.add_metric((status,), imports.get(status, 0))
        yield found
        rejected = sum(outcome.get("rejected", 0) for one in outcomes for outcome in one or ())
        yield GaugeMetricFamily("csi_import_rejected_rows", "Rows that imports rejected.", value=rejected)
        yield GaugeMetricFamily("csi_call_days", "Days that have a file of calls.", value=days)
        yield GaugeMetricFamily("csi_calls", "Calls in the days' files.", value=int(calls))
