"""Local days of instants: in SQL, cut in a named zone."""

import functools
import zoneinfo
from datetime import UTC, datetime, timedelta

from csi_service.facts.duck import literal

FIRST_YEAR, LAST_YEAR = 2000, 2099  # instants outside are taken for mistakes


def local_day(instant: str, zone: str) -> str:
    """Return SQL of the local day in a zone of an instant in UTC."""
    shift = fixed_offset(zone)
    if shift is None:
        return f"CAST(timezone({literal(zone)}, timezone('UTC', {instant})) AS DATE)"
    return f"CAST({instant} + INTERVAL '{shift} seconds' AS DATE)" if shift else f"CAST({instant} AS DATE)"


@functools.cache
def fixed_offset(zone: str) -> int | None:
    """The zone's offset in seconds where it never changes in the years that we accept, else None."""
    info = zoneinfo.ZoneInfo(zone)
    day, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
    offsets: set[timedelta | None] = set()
    while day < end and len(offsets) < 2:
        offsets.add(info.utcoffset(day.astimezone(info)))
        day += timedelta(days=7)
    only = offsets.pop() if len(offsets) == 1 else None
    return int(only.total_seconds()) if only is not None else None
