"""From the text of a cell to a typed value: SQL of the value a type, NULL where the cell is blank or refused.

Expressions run in DuckDB over whole columns of millions of cells, so the usual form of a cell takes the short way:
`cell` is its text as it came, and only what the short way leaves over is trimmed and looked at closely.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from csi_service.core.calculators.external import SCALES
from csi_service.core.levels import CHINESE, LEVEL_NAMES, LEVELS
from csi_service.core.told import Told, chained
from csi_service.facts.days import FIRST_YEAR, LAST_YEAR, fixed_offset, local_day
from csi_service.facts.duck import literal
from csi_service.facts.kinds import CHANNEL_WORDS, SELECTIONS
from csi_service.ingest.mapping import Column

_LENGTHS = {"text": 64, "comment": 10_000}
_FACTORS = {"seconds": "", "minutes": " * 60", "days": " * 86400"}
_UNITS = {"seconds": Told("seconds"), "minutes": Told("minutes"), "days": Told("days")}
_LARGEST = "1e15"  # infinity and NaN compare as larger
TRUE_WORDS = ("y", "yes", "true", "t", "1", "是", "有", "已接通", "接通")
FALSE_WORDS = ("n", "no", "false", "f", "0", "否", "无", "未接通")
# How an instant may be written. The engine takes more, and passes over what follows it, be it PM or the name of a zone.
_SPACES = "' \t\n\v\f\r'"
_SPACE = r"[\s\v]"  # to the engine, a vertical tab is a space too
_DATE, _CLOCK = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}", rf"(T|{_SPACE}+)\d{{1,2}}:\d{{1,2}}(:\d{{1,2}}(\.\d+)?)?"
_WITHOUT_OFFSET = rf"'^{_SPACE}*{_DATE}({_CLOCK})?{_SPACE}*$'"
_WITH_OFFSET = rf"'^{_SPACE}*{_DATE}{_CLOCK}{_SPACE}*(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?){_SPACE}*$'"


@dataclass(frozen=True, slots=True)
class Typed:
    """How a cell is read: a first step, the value made from it (which may name it `base`), and why a cell is refused.

    A value below `least` or above `most` (SQL literals) is refused too, and so is one that is not there although the
    cell holds text. `day` is the local day of an instant in the centre's zone; with `day_tells` it is NULL where the
    value is, and cheaper to know. `closer` is a reason that fits better where its SQL is true and there is no value.
    """

    value: str
    reason: Told
    base: str = "NULL"
    least: str = ""
    most: str = ""
    day: str = ""
    day_tells: bool = False
    closer: tuple[str, Told] | None = None

    @property
    def reasons(self) -> tuple[Told, ...]:
        """All reasons for which a cell can be refused."""
        return (self.reason,) if self.closer is None else (self.reason, self.closer[1])


@dataclass(frozen=True, slots=True)
class Zones:
    """The time zone of the source's local times and the zone in which the centre cuts its days."""

    source: str
    centre: str


def ready_type(type_: str, column: Column, decimal: str) -> str | None:
    """Return the SQL type in which the CSV reader may deliver a cell, with the same value as from its text."""
    if type_ == "instant":
        return None if column.formats else "TIMESTAMP"
    number = type_ in ("number", "count") or (type_ == "seconds" and column.unit in _FACTORS)
    return "DOUBLE" if number and decimal == "." else None


def ready(type_: str, cell: str, base: str, column: Column, zones: Zones) -> Typed:
    """Return how a cell is read that comes in its `ready_type`."""
    if type_ == "instant":
        return _local_instant(base, cell, zones)
    how = typed(type_, cell, base, column, zones, ".")
    return replace(how, base=f"{cell}{_FACTORS[column.unit] if type_ == 'seconds' else ''}")


def typed(type_: str, cell: str, base: str, column: Column, zones: Zones, decimal: str) -> Typed:
    """Return how a cell of a type is read; `base` is the name under which the value finds its first step."""
    if type_ == "seconds":
        return _seconds(cell, base, column, decimal)
    if type_ in ("number", "count"):
        return _number(cell, base, decimal, whole=type_ == "count")
    if type_ == "instant":
        return _instant(cell, base, column, zones)
    if type_ == "instants":
        one = _instant("x", _first_step("x", column), column, zones)
        parts = f"list_filter(string_split_regex(trim({cell}), '\\s*[;|]\\s*'), lambda x: x <> '')"
        reason = one.reason
        if one.closer is not None:
            reason = Told("{reason}, or {other}", reason=reason, other=one.closer[1])
        return Typed(_all_or_null(base), reason, f"list_transform({parts}, lambda x: {one.value})")
    if type_ == "day":
        return _day(cell, base, column)
    return _WORDS[type_](cell)


def refused(type_: str, how: Typed, value: str, cell: str) -> str:
    """Return SQL that is true where a cell with text gave no acceptable value; never NULL."""
    if type_ in _LENGTHS:
        too_long = (
            f"CASE WHEN strlen({cell}) > {_LENGTHS[type_]} THEN length(trim({cell})) > {_LENGTHS[type_]} ELSE false END"
        )
        return f"({too_long} OR coalesce(contains({cell}, chr(0)), false))"
    bounds = [
        f"coalesce({value} {sign} {bound}, false)" for sign, bound in (("<", how.least), (">", how.most)) if bound
    ]
    return " OR ".join(
        [f"CASE WHEN {value} IS NULL AND {cell} IS NOT NULL THEN trim({cell}) <> '' ELSE false END", *bounds]
    )


def doubt(type_: str, how: Typed, value: str, cell: str, *, required: bool, nul: bool) -> str:
    """Return SQL of an aggregate over rows that is 0 where no cell is refused; cheap, it may count good cells as well.

    `nul` tells that the files may hold a NUL, which is then looked for. A required text without space around it is the
    same as its cell.
    """
    checks = []
    if type_ in _LENGTHS:
        faults = [f"max(strlen({cell})) > {_LENGTHS[type_]}"]
        faults += [f"bool_or(contains({cell}, chr(0)))"] if nul else []
        faults += [f"bool_or(starts_with({cell}, ' ') OR ends_with({cell}, ' '))"] if required else []
        checks.append(f"CAST(coalesce({' OR '.join(faults)}, false) AS INTEGER)")
        value = cell
    if type_ not in _LENGTHS or required:
        checks.append(f"count({'*' if required else cell}) - count({value})")
    bounds = ((f"min({value}) <", how.least), (f"max({value}) >", how.most))
    checks += [f"CAST(coalesce({extreme} {bound}, false) AS INTEGER)" for extreme, bound in bounds if bound]
    return " + ".join(checks)


def trimmed(cell: str) -> str:
    """Return SQL of a cell without space around it, NULL where nothing is left."""
    return f"nullif(trim({cell}), '')"


def _text(cell: str, type_: str) -> Typed:
    return Typed(trimmed(cell), Told("is longer than {most} characters or holds a NUL", most=_LENGTHS[type_]))


def _flag(cell: str) -> Typed:
    words = [(word, "true") for word in TRUE_WORDS] + [(word, "false") for word in FALSE_WORDS]
    cases = " ".join(f"WHEN {literal(word)} THEN {value}" for word, value in words)  # IN (...) would become a join
    reason = Told("is neither yes nor no; accepted are Y/N, yes/no, true/false, 1/0, 是/否, or a value map")
    return Typed(f"CASE lower(trim({cell})) {cases} END", reason)


def _as_number(cell: str, decimal: str) -> str:
    if decimal == ".":
        return f"TRY_CAST({cell} AS DOUBLE)"
    return f"CASE WHEN NOT contains({cell}, '.') THEN TRY_CAST(replace({cell}, ',', '.') AS DOUBLE) END"


def _number(cell: str, base: str, decimal: str, *, whole: bool) -> Typed:
    if whole:
        value = f"CASE WHEN {base} = floor({base}) THEN {base} END"
        return Typed(value, Told("is not a whole number of at least 0"), _as_number(cell, decimal), "0", _LARGEST)
    word = Told('is a word, not a number; a mapping can turn words into numbers: values = {{ "satisfied" = 4 }}')
    return Typed(
        base,
        Told("is not a finite number"),
        _as_number(cell, decimal),
        f"-{_LARGEST}",
        _LARGEST,
        closer=(rf"regexp_matches({cell}, '\p{{L}}') AND NOT regexp_matches({cell}, '[0-9]')", word),
    )


def _seconds(cell: str, base: str, column: Column, decimal: str) -> Typed:
    factor = _FACTORS.get(column.unit)
    if factor is not None:
        first = f"{_as_number(cell, decimal)}{factor}"
        reason = Told("is not a number of {unit} of at least 0", unit=_UNITS[column.unit])
        if column.unit == "seconds":
            hint = Told("for 00:02:23 set unit = 'hh:mm:ss' or 'mm:ss' in the mapping")
            reason = Told("{reason}; {hint}", reason=reason, hint=hint)
    else:
        hours = column.unit == "hh:mm:ss"
        pattern = r"^\s*\d{1,4}:[0-5]?\d:[0-5]?\d(\.\d+)?\s*$" if hours else r"^\s*\d{1,5}:[0-5]?\d(\.\d+)?\s*$"
        parts = f"string_split({cell}, ':')"
        first = f"TRY_CAST({parts}[1] AS DOUBLE) * 60 + TRY_CAST({parts}[2] AS DOUBLE)"
        first = f"({first}) * 60 + TRY_CAST({parts}[3] AS DOUBLE)" if hours else first
        first = f"CASE WHEN regexp_matches({cell}, '{pattern}') THEN {first} END"
        reason = Told("is not a duration written as {unit}", unit=column.unit)
    return Typed(base, reason, first, "0", _LARGEST)


def _first_step(cell: str, column: Column) -> str:
    if column.formats:
        return f"try_strptime(trim({cell}), [{', '.join(map(literal, column.formats))}])"
    return f"coalesce(TRY_CAST({cell} AS TIMESTAMP), TRY_CAST(trim({cell}, {_SPACES}) AS TIMESTAMP))"


def _instant(cell: str, base: str, column: Column, zones: Zones) -> Typed:
    """An instant in UTC; text without an offset is local time of the source's zone."""
    local = _local_instant(base, base, zones)
    written = Told("such as 2021-01-31 09:12:58")
    if column.formats:
        written = Told("written as {formats}", formats=chained(column.formats, "{first} or {second}"))
    reason = Told("is not an instant {written} {years}", written=written, years=local.reason)
    utc, day, closer = local.value, local.day, local.closer
    if any("%z" in pattern for pattern in column.formats):
        utc, closer = f"timezone('UTC', {base})", None
        day = local_day(f"({utc})", zones.centre)
    elif not column.formats:
        usual = f"CAST({base} AS VARCHAR) = {cell}"  # without an offset; the rest is looked at closely
        exact = f"timezone('UTC', TRY_CAST({_close_up(cell)} AS TIMESTAMPTZ))"
        utc = (
            f"CASE WHEN {usual} THEN {utc} WHEN regexp_matches({cell}, {_WITHOUT_OFFSET}) THEN {utc} "
            f"WHEN regexp_matches({cell}, {_WITH_OFFSET}) THEN {exact} END"
        )
        day = local_day(f"({utc})", zones.centre)
        if zones.source == zones.centre:
            day = f"CASE WHEN {usual} THEN {local.day} ELSE {day} END"
        if closer is not None:
            closer = (f"{closer[0]} AND regexp_matches({cell}, {_WITHOUT_OFFSET})", closer[1])
    return replace(local, value=utc, reason=reason, base=_first_step(cell, column), day=day, closer=closer)


def _local_instant(base: str, cell: str, zones: Zones) -> Typed:
    """An instant in UTC of a local time of the source's zone; of an hour that a clock change repeats, the later one."""
    reason = Told("between {first} and {last}", first=FIRST_YEAR, last=LAST_YEAR)
    least, most = f"TIMESTAMP '{FIRST_YEAR}-01-02'", f"TIMESTAMP '{LAST_YEAR}-12-30'"
    closer = None
    zone, shift = literal(zones.source), fixed_offset(zones.source)
    if shift is None:
        exact = f"timezone({zone}, {base})"
        utc = f"CASE WHEN timezone({zone}, {exact}) = {base} THEN timezone('UTC', {exact}) END"
        closer = (f"{base} BETWEEN {least} AND {most}", Told("falls into an hour that a clock change skips"))
    else:
        utc = f"{base} - INTERVAL '{shift} seconds'" if shift else base
    day = f"CAST({base} AS DATE)" if zones.source == zones.centre else local_day(f"({utc})", zones.centre)
    return Typed(utc, reason, cell, least, most, day, shift is not None, closer)


def _close_up(cell: str) -> str:
    """SQL of an instant without space before its offset."""
    return rf"regexp_replace({cell}, '\s+([+-]\d)', '\1')"


def _all_or_null(values: str) -> str:
    return f"CASE WHEN len(list_filter({values}, lambda v: v IS NULL)) = 0 THEN {values} END"


def _day(cell: str, base: str, column: Column) -> Typed:
    first = f"CAST({_first_step(cell, column)} AS DATE)"
    if not column.formats:
        first = f"CASE WHEN regexp_matches({cell}, {_WITHOUT_OFFSET}) THEN {first} END"
    least, most = f"DATE '{FIRST_YEAR}-01-01'", f"DATE '{LAST_YEAR}-12-31'"
    return Typed(base, Told("is not a date such as 2021-01-31"), first, least, most, base)


def _cases(cell: str, words: dict[str, str], otherwise: str = "NULL") -> str:
    cases = " ".join(f"WHEN {literal(word)} THEN {literal(value)}" for word, value in words.items())
    return f"CASE lower(trim({cell})) {cases} ELSE {otherwise} END"


def _word(cell: str) -> Typed:
    text = _cases(cell, CHANNEL_WORDS, f"lower(trim({cell}))")
    value = rf"CASE WHEN regexp_full_match({text}, '[\p{{L}}\p{{N}}_-]{{1,32}}') THEN {text} END"
    return Typed(value, Told("is not a channel; use letters, digits, - and _, for instance ivr, sms, callback"))


def _scale(cell: str) -> Typed:
    words = {scale: scale for scale in SCALES} | {"0/1": "binary", "2": "binary"}
    return Typed(_cases(cell, words), Told("is not a scale; accepted are {names}", names=", ".join(SCALES)))


def _level(cell: str) -> Typed:
    words = {name: str(level) for names in (LEVELS, CHINESE) for level, name in enumerate(names, 1)}
    words |= {name.replace("_", " "): str(level) for level, name in enumerate(LEVELS, 1)}
    words |= {str(level): str(level) for level in range(1, len(LEVELS) + 1)}
    reason = Told("is not a rating; accepted are {names}", names=LEVEL_NAMES)
    return Typed(f"CAST({_cases(cell, words)} AS TINYINT)", reason)


def _selection(cell: str) -> Typed:
    words = {word: word for word in SELECTIONS}
    reason = Told("is not a way of choosing calls; accepted are {names}", names=", ".join(SELECTIONS))
    return Typed(_cases(cell, words), reason)


def _period(cell: str) -> Typed:
    """A period as `core.periods` reads it; of the days and weeks that fit the pattern, only those in the calendar."""
    text = f"trim({cell})"
    year, day = r"20\d\d", r"20\d\d-\d\d-\d\d"
    month = f"regexp_full_match({text}, '{year}(-Q[1-4]|-(0[1-9]|1[0-2]))?')"
    week = rf"regexp_full_match({text}, '{year}-W\d\d') AND CAST({text}[7:8] AS INTEGER) BETWEEN 1 AND {_weeks(text)}"
    first, last = f"TRY_CAST({text}[:10] AS DATE)", f"TRY_CAST({text}[-10:] AS DATE)"
    days = rf"regexp_full_match({text}, '{day}(\.\.{day})?') AND {first} <= {last}"
    value = f"CASE WHEN {month} THEN {text} WHEN {week} THEN {text} WHEN {days} THEN {text} END"
    return Typed(value, Told("is not a period such as 2021-01, 2021-W05 or 2021-01-04..2021-01-31"))


def _weeks(text: str) -> str:
    return f"weekofyear(make_date(CAST({text}[:4] AS INTEGER), 12, 28))"  # this day lies in its year's last week


_WORDS: dict[str, Callable[[str], Typed]] = {
    "text": lambda cell: _text(cell, "text"),
    "comment": lambda cell: _text(cell, "comment"),
    "flag": _flag,
    "word": _word,
    "scale": _scale,
    "level": _level,
    "selection": _selection,
    "period": _period,
}
