"""A first draft of a mapping from a file's headers and first rows."""

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from csi_service.core.calculators.external import SCALES
from csi_service.facts.kinds import KINDS, Field, Kind
from csi_service.ingest.coerce import FALSE_WORDS, TRUE_WORDS
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.sources import open_source
from csi_service.ingest.synonyms import SYNONYMS

_SAMPLE_ROWS = 500
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d-%m-%y", "%Y年%m月%d日", "%Y%m%d")
_TIMES = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", "%H%M%S", "")
_FORMATS = tuple(date + time for date in _DATES for time in _TIMES)
_LEAST_OF_SAMPLE = 0.02  # a pattern that fits fewer texts is an accident
_DATE_WORDS, _TIME_WORDS = (
    ("date", "calldate", "日期", "通话日期", "来电日期"),
    ("time", "calltime", "时间", "通话时间点", "来电时刻"),
)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The headers of a file and the different texts of each column in its first rows."""

    headers: tuple[str, ...]
    samples: dict[str, list[str]]


def suggest(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> str:
    """Return a mapping (TOML) drafted for a file: the record kinds that its headers can feed.

    Raises:
        FileRefusedError: the file cannot be read as a whole.
    """
    wanted = [word for words in SYNONYMS.values() for word in words]
    source = open_source(connection, path, folder, Mapping(), wanted, "draft")
    columns = ", ".join(f"c{index}" for index in range(len(source.header)))
    rows = connection.execute(f"SELECT {columns} FROM {source.relation} AS rows LIMIT {_SAMPLE_ROWS}").fetchall()
    samples = {
        name: list(dict.fromkeys(text.strip() for row in rows if (text := row[index]) and text.strip()))
        for index, name in enumerate(source.header)
    }
    sheet = _Sheet(source.header, samples)
    drafts = {kind.name: _draft(kind, sheet) for kind in KINDS.values()}
    chosen = _choose(drafts)
    lines = [
        f"# Drafted from the headers of {path.name}. Read every line: headers can mislead, and 3/4 may be in March or April."
    ]
    lines.append('time_zone = "Asia/Shanghai"  # of the times in the file')
    used: set[str] = set()
    for name in chosen:
        lines += ["", f"[{name}]"]
        if name != chosen[0]:
            _join(drafts[name], drafts[chosen[0]], sheet)
            score = drafts[name]["score"][0][0]
            lines += [f'from = "{chosen[0]}"', f"rows = [{{ column = {_quoted(score)}, blank = false }}]"]
        for field in KINDS[name].fields:
            if field.name in drafts[name]:
                headers, text = drafts[name][field.name]
                used.update(headers)
                lines.append(f"{field.name} = {text}")
            elif field.required:
                lines.append(f'{field.name} = ""  # every row needs it: name the column, or {{ constant = "..." }}')
    unused = [name for name in source.header if name and name not in used]
    lines += ["", f"# Columns not used: {', '.join(unused)}"] if unused else []
    return "\n".join(lines) + "\n"


_Draft = dict[str, tuple[tuple[str, ...], str]]


def _join(surveys: _Draft, calls: _Draft, sheet: _Sheet) -> None:
    """Fill what survey answers take from the call in whose row they stand."""
    for field, of_call in (("survey_id", "call_id"), ("call_id", "call_id"), ("answered_at", "started_at")):
        if of_call in calls:
            surveys.setdefault(field, calls[of_call])
    surveys.setdefault("channel", ((), '{ constant = "ivr" }  # or sms, callback'))
    scores = [float(text) for text in sheet.samples[surveys["score"][0][0]] if re.fullmatch(r"\d+(\.\d+)?", text)]
    scale = next(
        (scale for scale in ("binary", "3", "5", "7", "10") if scores and max(scores) <= SCALES[scale][1]), "5"
    )
    surveys.setdefault("scale", ((), f'{{ constant = "{scale}" }}  # guessed from the scores'))


def _draft(kind: Kind, sheet: _Sheet) -> _Draft:
    """For each field of a kind that a header fits: the headers it takes and the TOML of its column."""
    draft: _Draft = {}
    taken: set[str] = set()
    for field in kind.fields:
        header = next((name for name in sheet.headers if name not in taken and _fits(field.name, name)), None)
        if header is not None:
            draft[field.name] = ((header,), _column(field, header, sheet.samples[header]))
            taken.add(header)
    instant = kind.counted_on
    if instant and instant not in draft and kind.field(instant).type == "instant":
        date, time = (
            next((name for name in sheet.headers if _plain(name) in words), None)
            for words in (_DATE_WORDS, _TIME_WORDS)
        )
        if date and time:
            both = [f"{day} {clock}" for day, clock in zip(sheet.samples[date], sheet.samples[time], strict=False)]
            draft[instant] = ((date, time), f"{{ date = {_quoted(date)}, time = {_quoted(time)}{_format(both)} }}")
        elif date:
            draft[instant] = (
                (date,),
                _quoted(date)
                if not (form := _format(sheet.samples[date]))
                else f"{{ column = {_quoted(date)}{form} }}",
            )
    return draft


def _fits(field: str, header: str) -> bool:
    return _plain(header) in (_plain(field), *SYNONYMS.get(field, ()))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _column(field: Field, header: str, texts: Sequence[str]) -> str:
    extra = ""
    if field.type == "seconds":
        extra = _unit(texts)
    elif field.type == "instant":
        extra = _format(texts)
    elif field.type == "flag" and not all(text.lower() in TRUE_WORDS + FALSE_WORDS for text in texts):
        values = ", ".join(f"{_quoted(text)} = false" for text in texts[:8])
        return f"{{ column = {_quoted(header)}, values = {{ {values} }} }}  # set true where it means yes"
    return f"{{ column = {_quoted(header)}{extra} }}" if extra else _quoted(header)


def _unit(texts: Sequence[str]) -> str:
    if texts and all(re.fullmatch(r"\d+:\d{1,2}:\d{1,2}(\.\d+)?", text) for text in texts):
        return ', unit = "hh:mm:ss"'
    if texts and all(re.fullmatch(r"\d+:\d{1,2}(\.\d+)?", text) for text in texts):
        return ', unit = "mm:ss"'
    if texts and all(re.fullmatch(r"0?\.\d+|0", text) for text in texts):
        return ', unit = "days"'
    return ""


def _format(texts: Sequence[str]) -> str:
    """The TOML of the patterns by which the texts are instants; nothing where they need none."""
    if not texts or all(_reads(text, None) for text in texts):
        return ""
    left, patterns = list(texts), []
    while left:
        unread = {form: [text for text in left if not _reads(text, form)] for form in _FORMATS}
        best = min(unread, key=lambda form: len(unread[form]))
        if len(left) - len(unread[best]) <= _LEAST_OF_SAMPLE * len(texts):
            break
        patterns.append(_quoted(best))
        left = unread[best]
    if not patterns:
        return ', format = "?"'
    return f", format = {patterns[0] if len(patterns) == 1 else '[' + ', '.join(patterns) + ']'}"


def _reads(text: str, form: str | None) -> bool:
    try:
        if form is None:
            dt.datetime.fromisoformat(text)
        else:
            dt.datetime.strptime(text, form)  # noqa: DTZ007 - only whether it reads
    except ValueError:
        return False
    return True


def _choose(drafts: dict[str, _Draft]) -> list[str]:
    """The kind that the headers fit best, and a kind of scores that may stand in the same rows."""
    fits = {
        name: sum(1 + 2 * KINDS[name].field(field).required for field in draft)
        for name, draft in drafts.items()
        if draft
    }
    if not fits:
        return []
    main = max(fits, key=lambda name: fits[name])
    return [main, *(["surveys"] if main == "calls" and "score" in drafts["surveys"] else [])]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
