"""From the text of a cell to a typed value: one SQL expression a type, with the condition under which it is refused.

Expressions run in DuckDB over whole columns; `raw` is the trimmed text of a cell, NULL where it is blank.
"""

from collections.abc import Callable
from dataclasses import dataclass

from csi_service.core.calculators.external import SCALES
from csi_service.core.levels import CHINESE, LEVELS
from csi_service.facts.days import FIRST_YEAR, LAST_YEAR, fixed_offset
from csi_service.facts.duck import literal
from csi_service.ingest.mapping import Column

MAX_ID, MAX_COMMENT = 64, 10_000
TRUE_WORDS = ("y", "yes", "true", "t", "1", "是", "有", "已接通", "接通")
FALSE_WORDS = ("n", "no", "false", "f", "0", "否", "无", "未接通")
SELECTIONS = ("random", "targeted", "calibration")
CHANNEL_WORDS = {"短信": "sms", "语音": "ivr", "回访": "callback", "电话回访": "callback", "call-back": "callback"}
_OFFSET = r"':\d{2}(\.\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)$'"


@dataclass(frozen=True, slots=True)
class Typed:
    """How a cell is read: SQL of the value, NULL where the cell is blank or refused, and the reason for a refusal."""

    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Zones:
    """The time zone of the source's local times and the zone in which the centre cuts its days."""

    source: str
    centre: str


def typed(type_: str, raw: str, column: Column, zones: Zones, decimal: str) -> Typed:
    """Return how a cell of a type is read from its text."""
    if type_ == "seconds":
        return _seconds(raw, column, decimal)
    if type_ in ("number", "count"):
        return _number(raw, decimal, whole=type_ == "count")
    if type_ == "instant":
        return _instant(raw, column, zones)
    if type_ == "instants":
        one = _instant("x", column, zones)
        parts = f"list_filter(string_split_regex({raw}, '\\s*[;|]\\s*'), lambda x: x <> '')"
        values = f"list_transform({parts}, lambda x: {one.value})"
        return Typed(f"CASE WHEN len(list_filter({values}, lambda v: v IS NULL)) = 0 THEN {values} END", one.reason)
    return _WORDS[type_](raw, column)


def _text(raw: str, limit: int = MAX_ID) -> Typed:
    value = f"CASE WHEN length({raw}) <= {limit} AND NOT contains({raw}, chr(0)) THEN {raw} END"
    return Typed(value, f"is longer than {limit} characters or holds a NUL")


def _flag(raw: str) -> Typed:
    yes, no = (", ".join(map(literal, words)) for words in (TRUE_WORDS, FALSE_WORDS))
    value = f"CASE WHEN lower({raw}) IN ({yes}) THEN true WHEN lower({raw}) IN ({no}) THEN false END"
    return Typed(value, "is neither yes nor no; accepted are Y/N, yes/no, true/false, 1/0, 是/否, or a value map")


def _number(raw: str, decimal: str, *, whole: bool) -> Typed:
    text = raw if decimal == "." else f"replace({raw}, ',', '.')"
    value = f"TRY_CAST({text} AS DOUBLE)"
    good = f"isfinite({value})" + (f" AND {value} >= 0 AND {value} = floor({value})" if whole else "")
    reason = "is not a whole number of at least 0" if whole else "is not a finite number"
    return Typed(f"CASE WHEN {good} THEN {value} END", reason)


def _seconds(raw: str, column: Column, decimal: str) -> Typed:
    number = raw if decimal == "." else f"replace({raw}, ',', '.')"
    factor = {"seconds": "", "minutes": " * 60", "days": " * 86400"}.get(column.unit)
    if factor is not None:
        value = f"TRY_CAST({number} AS DOUBLE){factor}"
        reason = f"is not a number of {column.unit} of at least 0"
        if column.unit == "seconds":
            reason += "; for 00:02:23 set unit = 'hh:mm:ss' or 'mm:ss' in the mapping"
    else:
        hours = column.unit == "hh:mm:ss"
        pattern = r"^\d{1,4}:[0-5]?\d:[0-5]?\d(\.\d+)?$" if hours else r"^\d{1,5}:[0-5]?\d(\.\d+)?$"
        parts = f"string_split({raw}, ':')"
        sums = f"TRY_CAST({parts}[1] AS DOUBLE) * 60 + TRY_CAST({parts}[2] AS DOUBLE)"
        value = f"({sums}) * 60 + TRY_CAST({parts}[3] AS DOUBLE)" if hours else sums
        value = f"CASE WHEN regexp_matches({raw}, '{pattern}') THEN {value} END"
        reason = f"is not a duration written as {column.unit}"
    return Typed(f"CASE WHEN isfinite({value}) AND {value} >= 0 THEN {value} END", reason)


def _instant(raw: str, column: Column, zones: Zones) -> Typed:
    """An instant in UTC; text without an offset is local time of the source's zone."""
    if column.formats:
        patterns = ", ".join(map(literal, column.formats))
        local = f"try_strptime({raw}, [{patterns}])"
        offset = "false"
        reason = f"is not an instant written as {' or '.join(column.formats)}"
    else:
        local = f"TRY_CAST({raw} AS TIMESTAMP)"
        offset = f"NOT (length({raw}) = 19 AND {raw}[17] = ':') AND regexp_matches({raw}, {_OFFSET})"  # the usual form needs no regex
        reason = "is not an instant such as 2021-01-31 09:12:58"
    plausible = f"{local} >= TIMESTAMP '{FIRST_YEAR}-01-01' AND {local} < TIMESTAMP '{LAST_YEAR + 1}-01-01'"
    reason += f" between {FIRST_YEAR} and {LAST_YEAR}"
    zone = literal(zones.source)
    shift = fixed_offset(zones.source)
    if shift is None:
        utc = f"CASE WHEN timezone({zone}, timezone({zone}, {local})) = {local} THEN timezone('UTC', timezone({zone}, {local})) END"
        reason += ", or falls into an hour that a clock change skips"
    else:
        utc = f"{local} - INTERVAL '{shift} seconds'" if shift else local
    with_offset = f"timezone('UTC', TRY_CAST({raw} AS TIMESTAMPTZ))"
    value = f"CASE WHEN {plausible} THEN CASE WHEN {offset} THEN {with_offset} ELSE {utc} END END"
    return Typed(value, reason)


def _day(raw: str, column: Column) -> Typed:
    value = f"CAST(try_strptime({raw}, [{', '.join(map(literal, column.formats))}]) AS DATE)" if column.formats else f"TRY_CAST({raw} AS DATE)"
    plausible = f"CASE WHEN year({value}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR} THEN {value} END"
    return Typed(plausible, "is not a date such as 2021-01-31")


def _cases(raw: str, words: dict[str, str], otherwise: str = "NULL") -> str:
    cases = " ".join(f"WHEN {literal(word)} THEN {literal(value)}" for word, value in words.items())
    return f"CASE lower({raw}) {cases} ELSE {otherwise} END"


def _word(raw: str) -> Typed:
    text = _cases(raw, CHANNEL_WORDS, f"lower({raw})")
    value = rf"CASE WHEN regexp_full_match({text}, '[\p{{L}}\p{{N}}_-]{{1,32}}') THEN {text} END"
    return Typed(value, "is not a channel; use letters, digits, - and _, for instance ivr, sms, callback")


def _scale(raw: str) -> Typed:
    words = {scale: scale for scale in SCALES} | {"0/1": "binary", "2": "binary"}
    return Typed(_cases(raw, words), f"is not a scale; accepted are {', '.join(SCALES)}")


def _level(raw: str) -> Typed:
    words = {name: str(level) for names in (LEVELS, CHINESE) for level, name in enumerate(names, 1)}
    words |= {str(level): str(level) for level in range(1, len(LEVELS) + 1)}
    names = ", ".join(f"{level} {name} {chinese}" for level, (name, chinese) in enumerate(zip(LEVELS, CHINESE, strict=True), 1))
    value = f"CAST({_cases(raw, words)} AS TINYINT)"
    return Typed(value, f"is not a rating; accepted are {names}")


def _selection(raw: str) -> Typed:
    words = {word: word for word in SELECTIONS}
    return Typed(_cases(raw, words), f"is not a way of choosing calls; accepted are {', '.join(SELECTIONS)}")


def _period(raw: str) -> Typed:
    pattern = r"\d{4}|\d{4}-Q[1-4]|\d{4}-(0[1-9]|1[0-2])|\d{4}-W(0[1-9]|[1-4]\d|5[0-3])|\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?"
    value = f"CASE WHEN regexp_full_match({raw}, '{pattern}') THEN {raw} END"
    return Typed(value, "is not a period such as 2021-01, 2021-W05 or 2021-01-04..2021-01-31")


_WORDS: dict[str, Callable[[str, Column], Typed]] = {
    "text": lambda raw, column: _text(raw),
    "comment": lambda raw, column: _text(raw, MAX_COMMENT),
    "flag": lambda raw, column: _flag(raw),
    "day": _day,
    "word": lambda raw, column: _word(raw),
    "scale": lambda raw, column: _scale(raw),
    "level": lambda raw, column: _level(raw),
    "selection": lambda raw, column: _selection(raw),
    "period": lambda raw, column: _period(raw),
}
