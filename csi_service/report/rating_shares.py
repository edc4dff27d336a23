"""The rollup of ratings as a body, as rows for CSV, and as a table for a terminal."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from csi_service.core.composite import reason
from csi_service.core.indicator import Node
from csi_service.core.levels import LEVELS, whole_percents
from csi_service.core.told import Told, chained
from csi_service.ingest.outcome import safe_cell
from csi_service.language import ENGLISH, marked
from csi_service.report.columns import in_columns, visible
from csi_service.report.numbers import percent
from csi_service.report.words import words_of
from csi_service.schema.scores import number, weights_body
from csi_service.store.rating_shares import RatedBatch, Rollup, Shares

Body = dict[str, Any]
_SELECTIONS = {"targeted": marked("targeted samples"), "calibration": marked("calibration samples")}
_FIGURES = ("n", "batches", "raters", "mean", "satisfied")


def rollup_body(rollup: Rollup) -> Body:
    """Return the rollup with exact shares, and beside them per cents that add up to 100."""
    random, query = rollup.random, rollup.query
    return {
        "period": rollup.period.label,
        "first": rollup.period.first.isoformat(),
        "last": rollup.period.last.isoformat(),
        "in_progress": rollup.in_progress,
        "weights": weights_body(rollup.weights),
        "by": list(query.keys),
        "filters": {name: list(members) for name, members in query.filters.items()},
        "revision": rollup.revision,
        "warnings": _fallback(rollup),
        "slow": rollup.slow is not None,
        "slow_because": rollup.slow,
        "hint": rollup.hint,
        "judged_by": "quality raters",
        "weighting": random.total.notes["weighting"],
        "fallback": random.total.notes["fallback"],
        "empty_batches": list(random.total.notes["empty_batches"]),
        **_part(random),
        "apart": [{"selection": part.selection, **_part(part)} for part in rollup.apart],
        "batches": [_batch(batch) for batch in rollup.batches],
    }


def _fallback(rollup: Rollup) -> list[str]:
    """Say that batches weigh their numbers of ratings though populations were to be used, and for want of which."""
    if not rollup.random.total.notes["fallback"]:
        return []
    random = (each for each in rollup.batches if each.selection == "random" and sum(each.counts) > 0)
    names = [each.batch or Told("none named") for each in random if each.population is None]
    text = Told(
        "a random batch with ratings lacks its population ({names}), so every batch weighs its number of ratings",
        names=chained(names, "{first}, {second}"),
    )
    return [text]


def _part(part: Shares) -> Body:
    groups = part.groups.to_dict("records")
    return {
        "groups": [
            {"group": group, **_figures(part.by_group, place, int(part.group_raters[place]))}
            for place, group in enumerate(groups)
        ],
        "total": _figures(part.total, 0, part.total_raters),
    }


def _figures(node: Node, place: int, raters: int) -> Body:
    shares = {child.name: number(child.value, place) for child in node.children}
    exact = [share for share in shares.values() if share is not None]
    percents = whole_percents(exact) if exact else [None] * len(LEVELS)
    return {
        "shares": shares,
        "percents": dict(zip(LEVELS, percents, strict=True)),
        "mean": number(node.raw, place),
        "satisfied": number(node.value, place),
        "n": number(node.n, place),
        "batches": int(node.beside["batches"][place]),
        "raters": raters,
        "reason": reason(node, place),
    }


def _batch(batch: RatedBatch) -> Body:
    return {
        "batch": batch.batch or None,
        "selection": batch.selection,
        "first": None if batch.first is None else batch.first.isoformat(),
        "last": None if batch.last is None else batch.last.isoformat(),
        "population": batch.population,
        "n": sum(batch.counts),
        "counts": dict(zip(LEVELS, batch.counts, strict=True)),
    }


def rollup_rows(rollup: Rollup) -> Iterator[Body]:
    """Yield a row a group and way of choosing, or where there are no groups the total of each."""
    for part in (rollup.random, *rollup.apart):
        found = _part(part)
        for row in found["groups"] if rollup.query.keys else [{"group": {}, **found["total"]}]:
            yield {**row["group"], "period": rollup.period.label, "selection": part.selection} | _flat(row)


def _flat(row: Body) -> Body:
    shares = {f"share_{name}": share for name, share in row["shares"].items()}
    return {name: row[name] for name in _FIGURES} | shares | {f"percent_{n}": p for n, p in row["percents"].items()}


def rollup_csv(rollup: Rollup) -> bytes:
    """Return the rows as CSV with unrounded numbers; texts are safe to open in a spreadsheet."""
    keys = rollup.query.keys
    names = [*keys, "period", "selection", *_FIGURES]
    names += [f"{word}_{level}" for word in ("share", "percent") for level in LEVELS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rollup_rows(rollup):
        safe = row | {key: safe_cell(row[key]) for key in keys}
        writer.writerow([safe[name] for name in names])
    return text.getvalue().encode("utf-8", "backslashreplace")


def rollup_table(rollup: Rollup, language: str = ENGLISH) -> str:
    """Return the rollup as lines for people: per cents that add up to 100, the total last, other samples beneath."""
    keys, words = rollup.query.keys, words_of(language)
    about = {"period": rollup.period.label, "weighting": words.weighting(rollup.random.total.notes["weighting"])}
    lines = [words("Ratings {period} by quality raters, not by customers, weighting {weighting}", **about)]
    if rollup.in_progress:
        lines = [words("{heading}, not over yet", heading=lines[0])]
    head = [*map(words.key, keys), words("calls"), words("batches"), words("raters"), words("mean"), words("satisfied")]
    head += [f"{level} {words.title(name)}" for level, name in enumerate(LEVELS, 1)]
    for part in (rollup.random, *rollup.apart):
        found = _part(part)
        rows = [
            [*(words.member(visible(each["group"][key])) for key in keys), *_cells(each)] for each in found["groups"]
        ]
        total = [words("all"), *([""] * (len(keys) - 1))][: len(keys)] + _cells(found["total"])
        lines += ["", words(_SELECTIONS[part.selection])] if part.selection != "random" else []
        lines += in_columns([head, *rows, total], range(len(keys)))
    empty = rollup.random.total.notes["empty_batches"]
    if empty:
        lines.append(words("Batches without ratings: {names}", names=visible(words(", ").join(empty))))
    notes = [words.told(note) for note in _fallback(rollup)]
    notes += [words.told(rollup.hint)] if rollup.hint else []
    lines += [words("Note: {text}.", text=note) for note in notes]
    return "\n".join(lines) + "\n"


def _cells(row: Body) -> list[str]:
    mean, satisfied = row["mean"], row["satisfied"]
    return [
        f"{row['n']:g}",
        str(row["batches"]),
        str(row["raters"]),
        "-" if mean is None else f"{mean:.2f}",
        "-" if satisfied is None else percent(satisfied),
        *("-" if whole is None else f"{whole:.0f} %" for whole in row["percents"].values()),
    ]
