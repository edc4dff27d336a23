"""What the edges work with, wired once; the only place that opens things."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from csi_service.core.weights import DEFAULT, WeightSet
from csi_service.settings import Settings
from csi_service.weights_folder import WeightsFolder, shipped_folder

LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    """The settings, the weights folder and the clock (`today`: the local day in the centre's time zone).

    `dated_weights` are the sets that can be in effect on a day; a changed file counts within a second.
    """

    settings: Settings
    weights: WeightsFolder
    today: Callable[[], dt.date]
    dated_weights: Callable[[], list[WeightSet]]


def build_services(settings: Settings) -> Services:
    """Return the services that these settings describe."""
    folder = WeightsFolder(settings.weights or shipped_folder())
    return Services(
        settings=settings,
        weights=folder,
        today=lambda: dt.datetime.now(settings.time_zone).date(),
        dated_weights=recent(
            lambda: [folder.get(name) for name in folder.names() if name == DEFAULT or name[:1].isdigit()]
        ),
    )


def recent(
    read: Callable[[], list[WeightSet]], clock: Callable[[], float] = time.monotonic
) -> Callable[[], list[WeightSet]]:
    """Return a function that answers what `read` returned, read anew once it is a second old."""
    kept: tuple[float, list[WeightSet]] | None = None

    def answer() -> list[WeightSet]:
        nonlocal kept
        now = clock()
        if kept is None or now - kept[0] >= LOOK_AGAIN_SECONDS:
            kept = (now, read())
        return kept[1]

    return answer
