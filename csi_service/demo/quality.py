"""Quality assurance: the sample batches of calls and what the raters found in them."""

import numpy as np
import pandas as pd

from csi_service.demo.centre import AGENTS, SITES, Ints, pick
from csi_service.demo.columns import named
from csi_service.demo.span import DAY_SECONDS, Span, in_office_hours

COLUMNS = "evaluation_id call_id evaluated_at score full_marks delight rating batch rater form team agent queue".split()
BATCH_COLUMNS = "batch period selection population stratum description".split()
RATERS = ("Q01", "Q02", "Q03", "Q04", "Q05", "Q06", "Q07", "Q08", "A0020", "A0130")  # two lead agents help out
RATER_AGENTS = np.array([-2] * 8 + [19, 129])  # the same people as rows of agents
RATER_BIAS = np.array([-6, 0.5, -1, 5, 0, 1, -0.5, 0, 1, -1])  # points; the first is strict, the fourth lenient
RANDOM_CALLS, TARGETED_CALLS, CALIBRATION_CALLS = 3 * AGENTS // len(SITES), 60, 40  # in a batch
RATING_STEPS = (-2.1, -1.4, -0.6, 0.6)  # of the mood, between the levels 1 to 5


def make_batches(calls: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """The batches, one row each, with the rows of their calls in `sample`; no call is in two of them."""
    answered = calls["answered"] == 1
    taken = np.zeros(len(calls), dtype=np.bool_)
    batches = []

    def draw(batch: str, selection: str, rows: Ints, size: int, stratum: str, description: str) -> None:
        free = rows[~taken[rows]]
        sample = free[np.argsort(rng.random(free.size), kind="stable")[:size]]
        taken[sample] = True
        population = sample.size if selection == "calibration" else rows.size
        batches.append((batch, batch[:7], selection, population, stratum, description, sample))

    unhappy = (calls["resolved"] == 0) & (calls["hold_seconds"] > 60)
    for month, name in enumerate(span.months):
        here = answered & (calls["month"] == month)
        for code, site in enumerate(SITES):
            rows = np.flatnonzero(here & (calls["site"] == code))
            draw(f"{name}-{site}", "random", rows, RANDOM_CALLS, site, "站点月度随机抽样")
        if name.endswith(("03", "06", "09", "12")):
            rows = np.flatnonzero(here & unhappy)
            draw(f"{name}-targeted", "targeted", rows, TARGETED_CALLS, "unresolved", "未解决且保持时间长")
    draw(f"{name}-calibration", "calibration", np.flatnonzero(here), CALIBRATION_CALLS, "all", "三人校准评分")
    return pd.DataFrame(batches, columns=[*BATCH_COLUMNS, "sample"])


def make_evaluations(batches: pd.DataFrame, calls: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """The evaluations in order of time; a call of a calibration batch has three, each by another rater."""
    times = np.where(batches["selection"] == "calibration", 3, 1)
    sizes = np.array([sample.size for sample in batches["sample"]])
    found = calls.iloc[np.repeat(np.concatenate(batches["sample"].tolist()), np.repeat(times, sizes))]
    nth = np.concatenate([np.tile(np.arange(n), size) for size, n in zip(sizes, times, strict=True)])
    size, quality, mood, ended = len(found), *(found[name].to_numpy() for name in ("quality", "mood", "ended_at"))

    # The second and third rater of a call sit three seats further on; nobody rates herself.
    rater = (pick([1] * len(RATERS), len(calls), rng)[found["call_id"]] + 3 * nth) % len(RATERS)
    rater = np.where(RATER_AGENTS[rater] == found["agent"], (rater + 1) % len(RATERS), rater)
    days_later = np.minimum(pick((0.2, 0.35, 0.3, 0.15), size, rng), (span.end - 1 - ended) // DAY_SECONDS)
    score = 86 + 6.5 * quality + RATER_BIAS[rater] + 5 * rng.standard_normal(size)
    judged = mood + 0.1 * RATER_BIAS[rater] + 0.3 * rng.standard_normal(size)
    evaluations = found.assign(
        evaluated_at=np.minimum(in_office_hours(ended, days_later, rng), span.end - 1),
        score=np.clip(np.rint(score), 0, 100).astype(np.int64),
        full_marks=100,
        delight=(rng.random(size) < np.clip(0.045 + 0.02 * mood, 0.005, 0.15)).astype(np.int64),
        rating=np.searchsorted(RATING_STEPS, judged) + 1,
        batch=np.repeat(batches["batch"].to_numpy(), sizes * times),
        rater=named(rater, RATERS),
        form=named(found["channel"] == "chat", ("voice-2", "chat-1")),
    )
    return evaluations.sort_values("evaluated_at", kind="stable").assign(evaluation_id=np.arange(size))
