"""The rows of one record kind over its files: SQL from cells to typed values, and what is wrong with each row."""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.facts.duck import literal
from csi_service.facts.kinds import Field, Kind
from csi_service.ingest.coerce import Typed, Zones, doubt, ready, ready_type, refused, trimmed, typed
from csi_service.ingest.mapping import Column, Condition, Mapping
from csi_service.ingest.outcome import Outcome
from csi_service.ingest.sources import Source

Columns = MappingType[str, Column]
_SQL_TYPES = {
    "instant": "TIMESTAMP", "instants": "TIMESTAMP[]", "flag": "BOOLEAN", "seconds": "DOUBLE", "number": "DOUBLE",
    "count": "DOUBLE", "day": "DATE", "level": "TINYINT",
}  # fmt: skip


_BLANK = Told("is blank; every row needs it")


@dataclass(slots=True)
class Records:
    """The rows of one kind in the engine.

    `rows` is a view over the files: the kind's fields, `day` (the local day it is counted on), `source` (the number of
    the file), `good`, and `problems` (what is wrong with a row; ask for it only where a row is not good); beside each
    field its text as it came, `r_field`. `reads` tells how each field that the files have a column for is read.
    `answers_for` are the sources whose broken lines are told here; another kind that takes rows from them tells none.
    `ready` are the fields whose text is a value already.
    """

    kind: Kind
    rows: str
    reads: dict[str, Typed]
    sources: list[Source]
    answers_for: list[Source]
    outcome: Outcome
    ready: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the files have a column for."""
        return frozenset(self.reads)

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """Return SQL of the value of each field, over its text."""
        return {name: self.reads[name].value for name in names}

    def refused(self, names: Iterable[str]) -> dict[str, str]:
        """Return SQL that is true where a field's text is refused, over its value and its text."""
        return {name: _fault(self.kind.field(name), self.reads[name]) for name in names}

    def doubts(self, names: Iterable[str]) -> str:
        """Return SQL of an aggregate that is 0 where no row is refused for any of the fields; else `good` tells."""
        nul = any(source.csv is None or source.csv.may_hold_nul for source in self.sources)
        doubts = []
        for item in map(self.kind.field, names):
            how = self.reads[item.name]
            value = "day" if how.day_tells and item.name == self.kind.counted_on else item.name
            sure = item.name in self.ready and item.type in ("number", "seconds")
            cell = value if sure else f"r_{item.name}"
            doubts.append(doubt(item.type, how, value, cell, required=item.required, nul=nul))
        return " + ".join(doubts)

    def reasons(self) -> dict[str, Told]:
        """Return why a row can be rejected, by the text that `problems` has for it."""
        told = [_BLANK, *(rule.reason for rule in self.kind.rules)]
        told += [reason for how in self.reads.values() for reason in how.reasons]
        return {str(reason): reason for reason in told}


def reads_of(kind: Kind, fields: frozenset[str], mapping: Mapping, zones: Zones) -> dict[str, Typed]:
    """Return how each field that the files have is read from its cell `r_field` by way of its first step `b_field`."""
    columns = mapping.of(kind).columns
    present = [item for item in kind.fields if item.name in fields]
    return {
        item.name: typed(item.type, f"r_{item.name}", f"b_{item.name}", columns[item.name], zones, mapping.decimal)
        for item in present
    }


def ready_types(source: Source, kind: Kind, reads: Iterable[str], mapping: Mapping) -> dict[str, tuple[str, str]]:
    """Return the column and the SQL type of each field that the CSV reader can deliver as a value."""
    described = mapping.of(kind)
    if mapping.blanks:
        return {}
    used = Counter([condition.column for condition in described.rows])
    used.update(name for column in described.columns.values() for name in column.sources)
    found = {}
    for item in (item for item in kind.fields if item.name in reads):
        column = described.columns[item.name]
        type_ = ready_type(item.type, column, mapping.decimal)
        name = source.column(column.column or "")
        as_it_came = not (column.time or column.values) and column.constant is None and column.blank is None
        if type_ and name and as_it_came and used[column.column or ""] == 1:
            found[item.name] = (name, type_)
    return found


def select_ready(
    source: Source, number: int, kind: Kind, mapping: Mapping, zones: Zones, reads: dict[str, Typed]
) -> tuple[str, dict[str, Typed]] | None:
    """Return SQL of a source's rows, some of whose cells are values already, and how the fields are read.

    None where no cell can be. The rows have no `problems`: the engine fails over what it cannot read, and of the rest
    `good` tells which rows the rows of text must judge.
    """
    types = ready_types(source, kind, reads, mapping)
    relation = source.ready(dict(types.values()))
    if relation is None or not types:
        return None
    columns = mapping.of(kind).columns
    own = {name: ready(kind.field(name).type, f"r_{name}", f"b_{name}", columns[name], zones) for name in types}
    reads = reads | own
    inner = _values(replace(source, relation=relation), kind, mapping, reads)
    faults = [_fault(kind.field(name), how, is_value=name in types) for name, how in reads.items()]
    faults += [f"coalesce({rule.broken}, false)" for rule in kind.rules]
    good = f"NOT ({' OR '.join(faults)}) AS good"
    return f"SELECT {_selected(kind, reads)}, {number} AS source, {good} FROM {inner}", reads


def select_rows(source: Source, number: int, kind: Kind, mapping: Mapping, reads: dict[str, Typed]) -> str:
    """Return SQL of a source's typed rows, inside out: the cells, a first step of each, the values, the judgement."""
    present = [item for item in kind.fields if item.name in reads]
    bad, problems = _judgement(kind, present, mapping.of(kind).columns, reads)
    originals = ", ".join(f"c{index}" for index in range(len(source.header)))
    return (
        f"SELECT {_selected(kind, reads)}, {number} AS source, line, [{originals}] AS original, "
        f"NOT ({bad}) AS good, list_filter([{problems}], lambda p: p IS NOT NULL) AS problems "
        f"FROM {_values(source, kind, mapping, reads)}"
    )


def _selected(kind: Kind, reads: dict[str, Typed]) -> str:
    """SQL of the columns that all rows of a kind have."""
    names = ", ".join(item.name for item in kind.fields if item.name != "day")
    texts = ", ".join(
        name for item in kind.fields if item.name in reads for name in (f"b_{item.name}", f"r_{item.name}")
    )
    return f"{names}, {_day(kind, reads)} AS day, {texts}"


def _values(source: Source, kind: Kind, mapping: Mapping, reads: dict[str, Typed]) -> str:
    """SQL of a source's cells `r_field`, the first step of each, `b_field`, and its value."""
    columns = mapping.of(kind).columns
    present = [item for item in kind.fields if item.name in reads]
    raws = [f"{_cell(source, columns[item.name], mapping.blanks)} AS r_{item.name}" for item in present]
    bases = [f"{reads[item.name].base} AS b_{item.name}" for item in present]
    values = [f"{reads[item.name].value} AS {item.name}" for item in present]
    values += [
        f"CAST(NULL AS {_SQL_TYPES.get(item.type, 'VARCHAR')}) AS {item.name}"
        for item in kind.fields
        if item.name not in reads
    ]
    where = " AND ".join(_condition(source, condition, mapping.blanks) for condition in mapping.of(kind).rows) or "true"
    originals = ", ".join(f"c{index}" for index in range(len(source.header)))
    return (
        f"(SELECT *, {', '.join(values)} FROM (SELECT *, {', '.join(bases)} "
        f"FROM (SELECT line, {originals}, {', '.join(raws)} FROM {source.relation} AS source_rows WHERE {where})))"
    )


def _judgement(kind: Kind, present: Sequence[Field], columns: Columns, reads: dict[str, Typed]) -> tuple[str, str]:
    """SQL that is true where a row is at fault, and SQL of its problems (NULL for each that it does not have)."""
    checks = [_check(item, columns[item.name], reads[item.name]) for item in present]
    for rule in kind.rules:
        cell = f"r_{rule.field}" if rule.field in reads else "NULL"
        checks.append((f"coalesce({rule.broken}, false)", _problem(rule.field, columns, cell, rule.reason)))
    bad = " OR ".join(f"({broken})" for broken, _ in checks)
    return bad, ", ".join(f"CASE WHEN {broken} THEN {problem} END" for broken, problem in checks)


def _day(kind: Kind, reads: dict[str, Typed]) -> str:
    how = reads.get(kind.counted_on or "")
    return how.day if how is not None else "CAST(NULL AS DATE)"


def _cell(source: Source, column: Column, blanks: Sequence[str]) -> str:
    """SQL of the text that a field is read from; a plain column is left as it came."""
    if column.constant is not None:
        return literal(column.constant)
    cell = source.column(column.column or "") or "NULL"
    if column.time:
        cell = f"({trimmed(cell)} || ' ' || {trimmed(source.column(column.time) or 'NULL')})"
    if blanks:
        cell = f"CASE WHEN trim({cell}) NOT IN ({', '.join(map(literal, blanks))}) THEN {cell} END"
    if column.values:
        cases = " ".join(f"WHEN {literal(text)} THEN {literal(value)}" for text, value in column.values.items())
        cell = f"CASE trim({cell}) {cases} ELSE {cell} END"
    return cell if column.blank is None else f"coalesce({trimmed(cell)}, {literal(column.blank)})"


def _condition(source: Source, condition: Condition, blanks: Sequence[str]) -> str:
    name = source.column(condition.column)
    if name is None:
        raise FileRefusedError(
            Told(
                "{file}: has no column {column}, by which the mapping chooses rows",
                file=source.name,
                column=condition.column,
            )
        )
    text = f"coalesce(trim({name}), '')"
    if condition.blank is not None:
        nothing = ", ".join(map(literal, ("", *blanks)))
        return f"{text} {'IN' if condition.blank else 'NOT IN'} ({nothing})"
    return f"{text} IN ({', '.join(map(literal, condition.texts))})"


def _fault(item: Field, how: Typed, *, is_value: bool = False) -> str:
    """SQL that is true where a field's text (or what is a value already) is refused or a required field is blank."""
    cell = f"CAST(r_{item.name} AS VARCHAR)" if is_value else f"r_{item.name}"
    refusal = refused(item.type, how, item.name, cell)
    return f"({item.name} IS NULL OR {refusal})" if item.required else f"({refusal})"


def _check(item: Field, column: Column, how: Typed) -> tuple[str, str]:
    """SQL that is true where a field's cell is at fault, and SQL of the problem."""
    cell, where = f"r_{item.name}", {item.name: column}
    problem = _problem(item.name, where, cell, how.reason)
    if how.closer is not None:
        fits, reason = how.closer
        other = _problem(item.name, where, cell, reason)
        problem = f"CASE WHEN {item.name} IS NULL AND {fits} THEN {other} ELSE {problem} END"
    if not item.required:
        return _fault(item, how), problem
    blank = _problem(item.name, where, "''", _BLANK)
    return _fault(item, how), f"CASE WHEN {trimmed(cell)} IS NULL THEN {blank} ELSE {problem} END"


def _problem(field: str, columns: Columns, value: str, reason: str) -> str:
    column = columns.get(field)
    name = " + ".join(column.sources) if column is not None and column.sources else field
    return f"{{'column': {literal(name)}, 'value': coalesce({value}, ''), 'reason': {literal(reason)}}}"
