"""Write the demo folder: 14 months of a contact centre with three sites, 12 teams and 160 agents.

One team improves, one worsens, and two days of the 9th month have an outage. The files are CSV in UTF-8 with
the columns that the imports expect; instants are local times of Asia/Shanghai, ids and names are made up.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from csi_service.core.told import Told
from csi_service.demo import calls, customers, quality
from csi_service.demo.centre import build_centre
from csi_service.demo.columns import write_file
from csi_service.demo.span import Span, build_span


def write_demo(
    folder: Path, last_month: str, seed: int = 20, *, scale: float = 1.0, progress: Callable[[str], None] | None = None
) -> list[Path]:
    """The paths of the files written into `folder`, which appears whole or not at all.

    The same arguments give the same bytes. `last_month` is "YYYY-MM"; `scale` is the share of the full 1.2 million
    calls, above 0 and up to 1 (the samples of quality assurance keep their size); `progress` is told each file once
    it is complete. ValueError: an argument is not acceptable, or `folder` holds something already.
    """
    span = build_span(last_month)
    if not 0 < scale <= 1:
        raise ValueError(Told("scale: found {scale}, accepted is a number above 0 and up to 1", scale=scale))
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(Told("folder: {folder} exists and is not an empty folder; name a new one", folder=folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        built = Path(beside) / "demo"
        (built / "calls").mkdir(parents=True)
        names = []
        for name, frame, columns in _files(span, seed, scale):
            write_file(built / name, frame, columns)
            names.append(name)
            if progress is not None:
                progress(Told("{file}: {count} rows", file=name, count=len(frame)))
        if folder.exists():
            folder.rmdir()  # empty; not every system renames onto an existing folder
        built.rename(folder)
    return [folder / name for name in names]


def _files(span: Span, seed: int, scale: float) -> Iterator[tuple[str, pd.DataFrame, Sequence[str]]]:
    # A generator of random numbers for each kind, so that a change of one leaves the others as they are.
    centre_rng, call_rng, survey_rng, ticket_rng, complaint_rng, quality_rng = (
        np.random.Generator(np.random.PCG64([seed, kind])) for kind in range(6)
    )
    centre = build_centre(centre_rng, len(span.months))
    all_calls = calls.make_calls(span, centre, call_rng, scale)
    for month, name in enumerate(span.months):
        yield f"calls/calls-{name}.csv", all_calls[all_calls["month"] == month], calls.COLUMNS
    invited = customers.make_invitations(all_calls, survey_rng)
    yield "surveys.csv", customers.make_surveys(invited, span, survey_rng), customers.SURVEY_COLUMNS
    yield "survey_invitations.csv", customers.count_invitations(invited), customers.INVITATION_COLUMNS
    tickets = customers.make_tickets(all_calls, span, ticket_rng)
    yield "tickets.csv", tickets, customers.TICKET_COLUMNS
    complaints = customers.make_complaints(all_calls, tickets, span, complaint_rng)
    yield "complaints.csv", complaints, customers.COMPLAINT_COLUMNS
    batches = quality.make_batches(all_calls, span, quality_rng)
    yield "batches.csv", batches, quality.BATCH_COLUMNS
    yield "evaluations.csv", quality.make_evaluations(batches, all_calls, span, quality_rng), quality.COLUMNS
