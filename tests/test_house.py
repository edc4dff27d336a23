"""The laws of the house (CONTRIBUTING.md): each finds nothing in the house, and finds its fault in a planted one."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from csi_service.core import composite, weights
from csi_service.core.calculators import CALCULATORS
from csi_service.core.calculators.complaint import CALCULATOR as COMPLAINT
from csi_service.core.indicator import Calculator, Indicator, leaf, ratio
from csi_service.core.measures import MEASURES
from csi_service.core.weights import parse_weights
from csi_service.errors import WeightsError
from tests.make import ROOT, WEIGHTS, make_document, make_measures, make_weights, scores

HOUSE = ROOT / "csi_service"
STAIRS = (  # low to high; a room imports itself and rooms on lower steps
    {"errors"},
    {"core"},
    {"facts", "language"},
    {"schema", "records"},
    {"ingest", "rollup"},
    {"settings", "scoring", "access", "weights_folder", "forms_folder", "file_facts", "metrics"},
    {"store"},
    {"report", "demo"},
    {"services", "server", "logs"},
    {"api", "web", "cli"},
    {"app"},
    {"wsgi", "gunicorn_hooks", "__main__", "__init__"},
)
STEP = {room: step for step, rooms in enumerate(STAIRS) for room in rooms}
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "hashlib",
    "json",
    "math",
    "re",
    "tomllib",
    "typing",
}
PURE |= {"numpy", "pandas", "scipy"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 50
CALCULATOR_FILE = "core/calculators/a.py"
SIGN = ("Lives here", "May import", "Never")


@dataclass(frozen=True)
class Import:
    """One imported module: where it stands and its dotted name; `from a import b` gives a.b."""

    path: Path
    line: int
    module: str

    def fault(self, text: str) -> str:
        return f"{self.path.name}:{self.line}: {text}"


def files(house: Path) -> list[Path]:
    return sorted(path for path in house.rglob("*.py") if "__pycache__" not in path.parts)


def imports_of(path: Path) -> Iterator[Import]:
    """Yield every import of a file, wherever in it the import stands; relative ones start with a dot."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from (Import(path, node.lineno, f"{start}.{alias.name}") for alias in node.names)


def room_of(house: Path, path: Path) -> str:
    return path.relative_to(house).parts[0].removesuffix(".py")


def wrong_steps(house: Path) -> Iterator[str]:
    """Imports point down the stairs and are absolute; `csi_service.__version__` is for everybody."""
    for path in files(house):
        here = room_of(house, path)
        if here not in STEP:
            yield f"{path.name}: the room {here} is not on the stairs"
            continue
        for found in imports_of(path):
            top, _, rest = found.module.partition(".")
            there = rest.partition(".")[0] or "__init__"
            if found.module.startswith("."):
                yield found.fault("imports relatively")
            elif (
                top == "csi_service"
                and there not in (here, "__version__")
                and STEP.get(there, len(STAIRS)) >= STEP[here]
            ):
                yield found.fault(f"{here} imports {there}, which is not below it")


def impure(house: Path) -> Iterator[str]:
    """The core imports the errors, itself and the short list."""
    for path in files(house / "core"):
        for found in imports_of(path):
            allowed = ("csi_service.core", "csi_service.errors")
            if found.module.partition(".")[0] not in PURE and not found.module.startswith(allowed):
                yield found.fault(f"the core must not import {found.module}")


def related_calculators(house: Path) -> Iterator[str]:
    """No calculator imports another, nor the list of them."""
    for path in files(house / "core/calculators"):
        if path.name != "__init__.py":
            yield from (
                found.fault(f"a calculator imports {found.module}")
                for found in imports_of(path)
                if found.module.startswith("csi_service.core.calculators")
            )


def unregistered(house: Path, names: set[str]) -> Iterator[str]:
    """Every calculator file is registered under its own name."""
    for path in files(house / "core/calculators"):
        if path.stem not in names | {"__init__"}:
            yield f"{path.name} is not in CALCULATORS"


def too_long(house: Path) -> Iterator[str]:
    """A file fits into 400 lines, a function into 50; a migration, which lists tables, is as long as it must be."""
    for path in files(house):
        if path.parent.name == "versions":
            continue
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > MOST_LINES:
            yield f"{path.name} has more than {MOST_LINES} lines"
        for node in ast.walk(ast.parse(text)):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES:
                yield f"{path.name}: {node.name} has more than {MOST_FUNCTION_LINES} lines"


def unsigned(house: Path) -> Iterator[str]:
    """Every folder of Python files has its sign on the door."""
    for folder in sorted({path.parent for path in files(house) if path.parent.name != "versions"} - {house}):
        door = folder / "__init__.py"
        sign = (ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or "") if door.exists() else ""
        if missing := [word for word in SIGN if f"{word}:" not in sign]:
            yield f"{folder.name}: the sign lacks {', '.join(missing)}"


def unread_weights(folder: Path) -> Iterator[str]:
    """Every weights file parses."""
    for path in sorted(folder.glob("*.toml")):
        try:
            parse_weights(path.read_text(encoding="utf-8"), path.stem)
        except WeightsError as error:
            yield str(error)


def undocumented(calculator: Calculator) -> Iterator[str]:
    """Every figure has a unit, reads measures of the contract and names its source."""
    own = [(indicator, "") for indicator in calculator.indicators]
    for indicator, ending in own + [(channel, ".*") for channel in [calculator.per_channel] if channel]:
        unknown = {need + ending for need in indicator.needs} - {measure.name for measure in MEASURES}
        if unknown or not indicator.needs:
            yield f"{indicator.name} reads measures that nobody counts: {sorted(unknown)}"
        if not indicator.unit:
            yield f"{indicator.name} has no unit"
        if "Source:" not in (indicator.formula.__doc__ or ""):
            yield f"the formula of {indicator.name} names no source"


# --- the laws hold


@pytest.mark.parametrize("law", [wrong_steps, impure, related_calculators, too_long, unsigned])
def test_the_house_keeps_the_law(law):
    assert list(law(HOUSE)) == []


def test_every_calculator_file_is_registered_under_its_name():
    assert list(unregistered(HOUSE, {calculator.name for calculator in CALCULATORS})) == []
    for calculator in CALCULATORS:
        assert importlib.import_module(f"csi_service.core.calculators.{calculator.name}").CALCULATOR is calculator


def test_every_weights_file_parses():
    assert list(WEIGHTS.glob("*.toml"))
    assert list(unread_weights(WEIGHTS)) == []


@pytest.mark.parametrize("calculator", CALCULATORS, ids=lambda calculator: calculator.name)
def test_every_figure_is_documented(calculator):
    assert list(undocumented(calculator)) == []


def test_the_front_door_holds_the_version_and_nothing_else():
    tree = ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8"))
    assert [type(node) for node in tree.body] == [ast.Expr, ast.Assign]


# --- the laws can fail


@pytest.mark.parametrize(
    ("law", "file", "text", "fault"),
    [
        (wrong_steps, "core/a.py", "from csi_service.schema import calls", "core imports schema"),
        (wrong_steps, "core/a.py", "def f():\n    import csi_service.api.problems", "core imports api"),
        (wrong_steps, "api/a.py", "from csi_service import cli", "api imports cli"),  # the same step
        (wrong_steps, "facts/a.py", "if TYPE_CHECKING:\n    from csi_service.records import x", "records"),
        (wrong_steps, "api/a.py", "import csi_service", "api imports __init__"),
        (wrong_steps, "api/a.py", "from csi_service.basement import x", "api imports basement"),
        (wrong_steps, "core/a.py", "from . import b", "relatively"),
        (wrong_steps, "core/a.py", "from ..errors import CsiError", "relatively"),
        (wrong_steps, "utils/a.py", "", "the room utils is not on the stairs"),
        (impure, "core/a.py", "import os", "must not import os"),
        (impure, "core/a.py", "def now():\n    from time import time", "must not import time.time"),
        (impure, "core/a.py", "import jsonschema", "must not import jsonschema"),
        (related_calculators, CALCULATOR_FILE, "from csi_service.core.calculators import external", "external"),
        (related_calculators, CALCULATOR_FILE, "from csi_service.core.calculators.internal import a", "internal.a"),
        (too_long, "core/a.py", "x = 1\n" * 401, "more than 400 lines"),
        (too_long, "core/a.py", "def f():\n" + "    x = 1\n" * 50, "f has more than 50 lines"),
        (unsigned, "core/a.py", "", "core: the sign lacks Lives here, May import, Never"),
        (unsigned, "core/__init__.py", '"""Lives here: x.\n\nMay import: y.\n"""', "the sign lacks Never"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(tmp_path, law, file, text, fault):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    faults = list(law(tmp_path))
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("law", "file", "text"),
    [
        (wrong_steps, "api/a.py", "from csi_service.core.index import weigh\nfrom csi_service import __version__, api"),
        (too_long, "core/a.py", "def f():\n" + "    x = 1\n" * 49 + "y = 1\n" * 350),
        (unsigned, "core/__init__.py", '"""Lives here: x.\n\nMay import: y.\nNever: z.\n"""'),
    ],
)  # fmt: skip
def test_what_is_lawful_is_not_blamed(tmp_path, law, file, text):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert list(law(tmp_path)) == []


def test_a_forgotten_registry_line_and_a_broken_weights_file_are_found(tmp_path):
    (tmp_path / "core/calculators").mkdir(parents=True)
    (tmp_path / "core/calculators/digital.py").touch()
    assert list(unregistered(tmp_path, {"internal"})) == ["digital.py is not in CALCULATORS"]
    (tmp_path / "2027-01-01.toml").write_text('title = "Empty"', encoding="utf-8")
    assert next(unread_weights(tmp_path)).startswith("2027-01-01: ")


def test_a_figure_without_unit_source_or_known_measures_is_found():
    figure = Indicator("wit", "", ("jokes_told",), lambda m, p: ratio(m["jokes_told"], m["jokes_told"]))
    assert len(list(undocumented(replace(COMPLAINT, indicators=(figure,))))) == 3


# --- the fourth calculator


def self_service(m, p):
    """Return the first contacts that needed no second one.

    Source: made up for this test.
    """
    return ratio(m["first_contacts"] - m["first_contacts_repeated"], m["first_contacts"])


def read_digital(table):
    scale = table.number("scale", 1, above=0)
    table.close()
    return scale


DIGITAL = Calculator(
    name="digital",
    title="D-CSI",
    read=read_digital,
    index=lambda ratios, p, minimum: leaf("digital", ratios["self_service"], ratios["self_service"].value * p),
    indicators=(Indicator("self_service", "fraction", ("first_contacts", "first_contacts_repeated"), self_service),),
)


def test_a_fourth_calculator_is_one_line_in_the_registry_and_a_table_in_a_weights_file(monkeypatch):
    before = scores(make_measures(), make_weights())
    for module in (weights, composite):
        monkeypatch.setattr(module, "CALCULATORS", (*CALCULATORS, DIGITAL))
    assert list(undocumented(DIGITAL)) == []
    after = scores(make_measures(), make_weights({"csi.total": 4, "csi.digital": 1, "digital": {"scale": 0.8}}))
    assert list(after) == [*before, "csi.digital"]
    assert after["csi.digital"].value[0] == pytest.approx(0.6, abs=1e-12)  # 600 of 800 x 0.8
    old = 0.8642592592592593  # the worked example
    assert after["csi"].value[0] == pytest.approx((3 * old + 0.6) / 4, abs=1e-12)
    # the sets of yesterday stay valid, and their figures the same to the last bit
    again = scores(make_measures(), weights.read_weights(make_document(), "default"))
    assert again.keys() == before.keys()
    assert all(np.array_equal(again[key].value, before[key].value, equal_nan=True) for key in before)
