"""A first draft of a mapping from a file's headers and first rows."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from csi_service.core.calculators.external import SCALES
from csi_service.core.told import Told
from csi_service.facts.days import FIRST_YEAR, LAST_YEAR
from csi_service.facts.duck import literal
from csi_service.facts.kinds import KINDS, Field, Kind
from csi_service.ingest.coerce import FALSE_WORDS, TRUE_WORDS
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.sources import listed, open_source
from csi_service.ingest.synonyms import DATE_WORDS, SCORE_WORDS, SYNONYMS, TIME_WORDS, UNIT_WORDS

_SAMPLE_ROWS = 500
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d-%m-%y", "%Y年%m月%d日", "%Y%m%d")
_TIMES = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", "%H%M%S", "")
_PATTERNS = tuple(date + time for date in _DATES for time in _TIMES)
_LEAST_OF_SAMPLE = 0.02  # a pattern that fits fewer texts is an accident
_BLANK_SIGNS = ("?", "-", "--", "n/a", "#n/a", "null", "none", "nan", "\\n")
_MOST_FLAG_WORDS = 8
_IN_BRACKETS = re.compile(r"^(.*\S)\s*[(（\[【]([^()（）\[\]【】]+)[)）\]】]\s*$", re.DOTALL)
_CASES = (str.lower, str.capitalize, str.title, str.upper)
Tell = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Column:
    """What a draft says of a field: the headers that it takes, its value in TOML, a remark behind it."""

    headers: tuple[str, ...]
    toml: str
    remark: str = ""

    def line(self, field: str, tell: Tell) -> str:
        return f"{field} = {self.toml}" + (f"  # {tell(self.remark)}" if self.remark else "")


_Draft = dict[str, _Column]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The headers of a file; of each column the different texts in the first rows, and apart the signs for blank.

    Of a workbook also the name of the sheet, and those of the others.
    """

    connection: duckdb.DuckDBPyConnection
    headers: tuple[str, ...]
    samples: dict[str, list[str]]
    blanks: dict[str, list[str]]
    name: str = ""
    others: tuple[str, ...] = ()

    def headed(self, words: Sequence[str]) -> str | None:
        """Return the first header that is one of the words."""
        return next((name for name in self.headers if _without_unit(name) in words), None)

    def read(self, texts: Sequence[str], pattern: str | None) -> frozenset[str]:
        """Return the texts that the import reads as an instant by a pattern, or without one."""
        parsed = "TRY_CAST(text AS TIMESTAMP)" if pattern is None else f"try_strptime(text, {literal(pattern)})"
        query = f"SELECT text FROM (SELECT unnest(?) AS text) WHERE year({parsed}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}"
        return frozenset(row[0] for row in self.connection.execute(query, [list(texts)]).fetchall())


def suggest(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path, time_zone: str, tell: Tell) -> str:
    """Return a mapping (TOML) drafted for a file: the record kinds that its headers can feed.

    `tell` gives a remark in the reader's language.

    Raises:
        FileRefusedError: the file cannot be read as a whole.
    """
    sheet = _open(connection, path, folder)
    drafts = {kind.name: _draft(kind, sheet) for kind in KINDS.values()}
    chosen = _choose(drafts)
    used = {name for kind in chosen for column in drafts[kind].values() for name in column.headers}
    blanks = dict.fromkeys(sign for name in sheet.headers if name in used for sign in sheet.blanks[name])
    drafted = Told("Drafted from the headers of {file}. Read every line: headers can mislead.", file=path.name)
    lines = [
        f"# {tell(drafted)}",
        _Column((), _quoted(time_zone), Told("of the times in the file")).line("time_zone", tell),
    ]
    if blanks:
        signs = f"[{', '.join(map(_quoted, blanks))}]"
        lines.append(_Column((), signs, Told("texts that stand for an empty cell")).line("blanks", tell))
    lines += _sheet_lines(sheet, tell, recognised=bool(chosen))
    if not chosen:
        text = Told(
            "No header was recognised; name the columns under [calls], [surveys], [complaints] or another kind."
        )
        lines.append(f"# {tell(text)}")
    for kind in chosen:
        lines += _table(KINDS[kind], drafts, chosen[0], sheet, tell)
    unused = [name for name in sheet.headers if name and name not in used]
    lines += ["", f"# {tell(Told('Columns not used: {names}', names=', '.join(unused)))}"] if unused else []
    return "\n".join(lines) + "\n"


def _open(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> _Sheet:
    wanted = [word for words in SYNONYMS.values() for word in words]
    source = open_source(connection, path, folder, Mapping(), wanted, "draft")
    columns = ", ".join(f"c{index}" for index in range(len(source.header)))
    rows = connection.execute(f"SELECT {columns} FROM {source.relation} AS rows LIMIT {_SAMPLE_ROWS}").fetchall()
    samples, blanks = {}, {}
    for index, name in enumerate(source.header):
        texts = dict.fromkeys(text.strip() for row in rows if (text := row[index]) and text.strip())
        samples[name] = [text for text in texts if text.lower() not in _BLANK_SIGNS]
        blanks[name] = [text for text in texts if text.lower() in _BLANK_SIGNS]
    return _Sheet(connection, source.header, samples, blanks, source.sheet, source.others)


def _sheet_lines(sheet: _Sheet, tell: Tell, *, recognised: bool) -> Iterator[str]:
    """How a mapping names another sheet or header row: where there are other sheets, or no header was recognised."""
    if sheet.others:
        others = listed([_quoted(name) for name in sheet.others])
        read = Told("read was {sheet}; the workbook also has {others}", sheet=_quoted(sheet.name), others=others)
        yield f"# sheet = {_quoted(sheet.others[0])}  # {tell(read)}"
    if sheet.name and not recognised:
        yield f"# header_row = 2  # {tell(Told('the row of the headers, where others stand above them'))}"


def _choose(drafts: dict[str, _Draft]) -> list[str]:
    """The kind that the headers fit best, and survey answers that may stand in the rows of calls."""
    fits = {
        name: sum(1 + 2 * KINDS[name].field(field).required for field in draft)
        for name, draft in drafts.items()
        if draft
    }
    if not fits:
        return []
    main = max(fits, key=lambda name: fits[name])
    return [main, *(["surveys"] if main == "calls" and "score" in drafts["surveys"] else [])]


def _table(kind: Kind, drafts: dict[str, _Draft], main: str, sheet: _Sheet, tell: Tell) -> Iterator[str]:
    """The lines of a kind's table; a kind that is not the main one stands in the main one's rows."""
    draft = dict(drafts[kind.name])
    yield from ("", f"[{kind.name}]")
    if kind.name != main:
        for field, of_call in (("survey_id", "call_id"), ("call_id", "call_id"), ("answered_at", "started_at")):
            if of_call in drafts[main]:
                draft.setdefault(field, drafts[main][of_call])
        draft.setdefault("channel", _Column((), '{ constant = "ivr" }', Told("or sms, callback")))
        yield f'from = "{main}"'
        yield f"rows = [{{ column = {_quoted(draft['score'].headers[0])}, blank = false }}]"
    if kind.name == "surveys" and "score" in draft:
        scale = _scale(sheet.samples[draft["score"].headers[0]])
        draft.setdefault("scale", _Column((), f'{{ constant = "{scale}" }}', Told("guessed from the scores")))
    for item in kind.fields:
        if item.name in draft:
            yield draft[item.name].line(item.name, tell)
        elif item.required:
            needed = Told('every row needs it: name the column, or write {{ constant = "..." }}')
            yield f'# {item.name} = "..."  # {tell(needed)}'


def _draft(kind: Kind, sheet: _Sheet) -> _Draft:
    """What the headers say of the fields of a kind; each header is taken once."""
    draft: _Draft = {}
    taken: set[str] = set()
    for field in kind.fields:
        words = (_plain(field.name), *SYNONYMS.get(field.name, ()))
        header = next((name for name in sheet.headers if name not in taken and _without_unit(name) in words), None)
        if header is not None:
            draft[field.name] = _column(kind, field, header, sheet)
            taken.add(header)
    if kind.counted_on and kind.field(kind.counted_on).type == "instant":
        _join_date_and_time(draft, kind.counted_on, sheet)
    return draft


def _join_date_and_time(draft: _Draft, field: str, sheet: _Sheet) -> None:
    """Read the instant from a date and a time column where no column holds it whole."""
    date, time = sheet.headed(DATE_WORDS), sheet.headed(TIME_WORDS)
    whole = field in draft and draft[field].headers != (time,)
    if date is None or whole:
        return
    if time is None:
        draft[field] = _instant(date, sheet)
        return
    texts = [f"{day} {clock}" for day, clock in zip(sheet.samples[date], sheet.samples[time], strict=False)]
    pattern, remark = _pattern(texts, sheet)
    draft[field] = _Column((date, time), f"{{ date = {_quoted(date)}, time = {_quoted(time)}{pattern} }}", remark)


def _column(kind: Kind, field: Field, header: str, sheet: _Sheet) -> _Column:
    texts = sheet.samples[header]
    if field.type in ("instant", "day"):
        return _instant(header, sheet)
    if (kind.name, field.name) == ("surveys", "score") and (marks := _marks(texts)):
        values = ", ".join(f"{_quoted(text)} = {mark}" for text, mark in marks.items())
        return _Column((header,), f"{{ column = {_quoted(header)}, values = {{ {values} }} }}")
    if field.type == "seconds" and (unit := _unit(header, texts)):
        return _Column((header,), f'{{ column = {_quoted(header)}, unit = "{unit}" }}')
    if field.type == "flag" and any(text.lower() not in TRUE_WORDS + FALSE_WORDS for text in texts):
        values = ", ".join(f"{_quoted(text)} = false" for text in texts[:_MOST_FLAG_WORDS])
        toml = f"{{ column = {_quoted(header)}, values = {{ {values} }} }}"
        return _Column((header,), toml, Told("write true where it means yes"))
    return _Column((header,), _quoted(header))


def _unit(header: str, texts: Sequence[str]) -> str:
    """The unit in which all durations are written, by their form or else by the header; empty for seconds."""
    named = _named_unit(header) or ""
    units = {
        "hh:mm:ss": r"\d+:\d{1,2}:\d{1,2}(\.\d+)?",
        "mm:ss": r"\d+:\d{1,2}(\.\d+)?",
        "days": r"0?\.\d+|0",
    }
    fitting = (unit for unit, form in units.items() if texts and all(re.fullmatch(form, text) for text in texts))
    found = next(fitting, "") if any(text != "0" for text in texts) else ""
    if named and ":" not in found:
        return "" if named == "seconds" else named
    return found


def _marks(texts: Sequence[str]) -> dict[str, int]:
    """The marks of the words of a five-point scale, those that are not among the texts too; none for other texts."""
    found: dict[str, int] = {}
    for language in SCORE_WORDS:
        marks = {word: mark for mark, words in zip((5, 4, 3, 2, 1), language, strict=True) for word in words}
        seen = {text: marks[plain] for text in texts if (plain := text.lower().replace("_", " ")) in marks}
        if not seen:
            continue
        usual = (words[0] for words in language)
        case = next((case for case in _CASES if any(case(text) == text for text in seen)), str.lower)
        more = {case(word): marks[word] for word in usual if marks[word] not in seen.values()}
        found |= seen | more
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _scale(texts: Sequence[str]) -> str:
    """The smallest scale that holds the scores; five points where there are none, and for words."""
    if _marks(texts):
        return "5"
    scores = [float(text) for text in texts if re.fullmatch(r"\d+(\.\d+)?", text)]
    fitting = (
        scale for scale, (low, high, _) in SCALES.items() if scores and low <= min(scores) and max(scores) <= high
    )
    return next(fitting, "5")


def _instant(header: str, sheet: _Sheet) -> _Column:
    pattern, remark = _pattern(sheet.samples[header], sheet)
    return _Column((header,), f"{{ column = {_quoted(header)}{pattern} }}" if pattern else _quoted(header), remark)


def _pattern(texts: Sequence[str], sheet: _Sheet) -> tuple[str, str]:
    """The TOML of the patterns by which the texts are read as instants (empty where they need none), and a remark."""
    if len(sheet.read(texts, None)) == len(set(texts)):
        return "", ""
    left, patterns, others = frozenset(texts), [], []
    while left:
        found = {pattern: sheet.read(sorted(left), pattern) for pattern in _PATTERNS}
        best = max(found, key=lambda pattern: len(found[pattern]))
        if len(found[best]) <= _LEAST_OF_SAMPLE * len(texts):
            break
        patterns.append(best)
        others += [pattern for pattern in _PATTERNS if pattern != best and found[pattern] == found[best]]
        left -= found[best]
    if not patterns:
        return ', format = "?"', Told("how is it written? for instance %d/%m/%Y %H:%M")
    listed = ", ".join(map(_quoted, patterns))
    remark = Told("or {others}: the first rows fit both", others=", ".join(others)) if others else ""
    return f", format = {listed if len(patterns) == 1 else f'[{listed}]'}", remark


def _named_unit(header: str) -> str | None:
    """The unit that a header names in brackets behind its name; None where it names none."""
    match = _IN_BRACKETS.match(header)
    return UNIT_WORDS.get(_plain(match[2])) if match else None


def _without_unit(header: str) -> str:
    """A header as it is compared with the words."""
    match = _IN_BRACKETS.match(header)
    return _plain(match[1] if match and _named_unit(header) is not None else header)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
