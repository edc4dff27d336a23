"""Many evaluations by QA forms: critical share beside the mean, items met, how often raters say "does not apply"."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from csi_service.core.form_scores import FormScore
from csi_service.core.forms import CRITICAL


def evaluation_frame(scored: Iterable[tuple[str, FormScore]]) -> pd.DataFrame:
    """Return one row an evaluation, from pairs (evaluation, score).

    Columns: evaluation, score, score_before_critical, na_share, and one true or false a kind of critical item:
    critical_customer, critical_business, critical_compliance. NaN is no score.
    """
    rows = [
        (
            evaluation,
            found.score,
            found.score_before_critical,
            found.na_share,
            *(any(item.critical == kind for item in found.critical_failures) for kind in CRITICAL),
        )
        for evaluation, found in scored
    ]
    names = ("evaluation", "score", "score_before_critical", "na_share", *_critical_columns())
    frame = pd.DataFrame(rows, columns=list(names))
    numbers = ["score", "score_before_critical", "na_share"]
    return frame.astype(dict.fromkeys(numbers, np.float64) | dict.fromkeys(_critical_columns(), np.bool_))


def answer_frame(scored: Iterable[tuple[str, str, FormScore]]) -> pd.DataFrame:
    """Return one row an answer, from triples (evaluation, rater, score).

    Columns: evaluation, rater, item, share (the earned share of the item's points, NaN where it did not apply).
    """
    rows = [
        (evaluation, rater, score.item.name, np.nan if score.share is None else score.share)
        for evaluation, rater, found in scored
        for score in found.items
    ]
    frame = pd.DataFrame(rows, columns=["evaluation", "rater", "item", "share"])
    return frame.astype({"share": np.float64})


def score_statistics(evaluations: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the scores of evaluations, one row a group of the columns `by` (one row in all without them).

    `evaluations` as from `evaluation_frame`; those without a score count nothing. Columns: evaluations (those with a
    score), mean, mean_before_critical (as if no critical item zeroed anything), critical_share (a critical item of any
    kind failed), critical_share_customer, critical_share_business, critical_share_compliance. NaN without evaluations.

    Source: critical error accuracy apart from the score, by kind, as the COPC Customer Experience Standard asks.

    >>> frame = pd.DataFrame({"score": [0.0, 0.9, 0.6], "score_before_critical": [0.9, 0.9, 0.6]})
    >>> frame = frame.assign(critical_customer=False, critical_business=False, critical_compliance=[True, False, False])
    >>> row = score_statistics(frame).iloc[0]
    >>> [float(round(row[name], 4)) for name in ("mean", "mean_before_critical", "critical_share")]
    [0.5, 0.8, 0.3333]
    """
    has = evaluations[evaluations["score"].notna()]
    columns = list(_critical_columns())
    kinds = has[columns].astype(np.float64)
    wanted = pd.DataFrame(
        {
            "mean": has["score"],
            "mean_before_critical": has["score_before_critical"],
            "critical_share": kinds.max(axis=1),
            **{name.replace("critical_", "critical_share_"): kinds[name] for name in columns},
        },
        index=has.index,
    )
    if by:
        grouped = wanted.groupby([has[name] for name in by], sort=True, observed=True, dropna=False)
        means = grouped.mean()
        means.insert(0, "evaluations", grouped.size())
        return means
    means = pd.DataFrame([wanted.mean()])
    means.insert(0, "evaluations", len(wanted))
    return means


def item_statistics(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how each item was answered, one row an item, in the order in which the items first come.

    `answers` as from `answer_frame`. Columns: answers (all), judged (without "na"), na_share, met_share (all points
    earned, of those judged), mean_share (earned share of the points, of those judged). NaN where nobody judged it.
    """
    share = answers["share"]
    met = (share == 1).where(share.notna()).astype(np.float64)
    grouped = pd.DataFrame({"share": share, "met": met}).groupby(answers["item"], sort=False, observed=True)
    answered, judged = grouped.size(), grouped["share"].count()
    return pd.DataFrame(
        {
            "answers": answered,
            "judged": judged,
            "na_share": 1 - judged / answered,
            "met_share": grouped["met"].mean(),
            "mean_share": grouped["share"].mean(),
        }
    )


def na_shares(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how often each rater said "does not apply", one row a rater, by name: evaluations, answers, na_share.

    `answers` as from `answer_frame`, without items that never allow it where those shall not dilute the share.
    """
    frame = answers.assign(na=answers["share"].isna())
    grouped = frame.groupby("rater", sort=True, observed=True)
    return grouped.agg(evaluations=("evaluation", "nunique"), answers=("na", "size"), na_share=("na", "mean"))


def _critical_columns() -> tuple[str, ...]:
    return tuple(f"critical_{kind}" for kind in CRITICAL)
