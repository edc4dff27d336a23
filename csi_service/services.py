"""What the edges work with, wired once; the only place that opens things."""

import datetime as dt
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csi_service.core.weights import DEFAULT, WeightSet
from csi_service.forms_folder import FormsFolder, shipped_forms
from csi_service.settings import Settings
from csi_service.weights_folder import WeightsFolder, shipped_folder

if TYPE_CHECKING:
    from csi_service.store.folder import Store

LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    """The settings, the folders of weights and forms, the store, the clock (`today`: the local day of the centre).

    `dated_weights` are the sets that can be in effect on a day; a changed file counts within a second. `store` opens
    the data folder when it is first asked for.
    """

    settings: Settings
    weights: WeightsFolder
    forms: FormsFolder
    now: Callable[[], dt.datetime]
    today: Callable[[], dt.date]
    dated_weights: Callable[[], list[WeightSet]]
    store: "Callable[[], Store]"


def build_services(settings: Settings) -> Services:
    """Return the services that these settings describe."""
    folder = WeightsFolder(settings.weights or shipped_folder())

    @functools.cache
    def store() -> "Store":
        from csi_service.store.folder import open_store  # loads SQLAlchemy, which scoring files can do without

        return open_store(settings.data, str(settings.time_zone), settings.database_url, settings.undo_days)

    return Services(
        settings=settings,
        weights=folder,
        forms=FormsFolder(settings.data / "forms", shipped_forms()),
        now=lambda: dt.datetime.now(dt.UTC),
        today=lambda: dt.datetime.now(settings.time_zone).date(),
        dated_weights=recent(
            lambda: [folder.get(name) for name in folder.names() if name == DEFAULT or name[:1].isdigit()]
        ),
        store=store,
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
