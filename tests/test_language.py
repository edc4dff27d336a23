"""Texts in two languages: each text of the code has its Chinese, with the same values in it."""

import ast
import builtins
import copy
import pickle
import string
import tomllib

import pytest
from babel.messages.pofile import read_po

from csi_service.cli import COMMANDS, csi
from csi_service.cli.help import help_texts
from csi_service.core.told import Told, chained
from csi_service.errors import InvalidInputError, NotFoundError, Problem, WeightsError
from csi_service.language import LANGUAGES, MARKS, chosen, message_of, tell, told_error, translator
from tests.make import ROOT, WEIGHTS

PACKAGE = ROOT / "csi_service"
MESSAGES = {"Problem": 1, "report": 1, "fault": 0, "refusal": 0, "NotAcceptable": 0, "UnsupportedMediaType": 0}
WITHOUT = {"InvalidInputError", "DocumentError", "WeightsError", "FormError", "MappingError", "ValidationError"}
CATALOGUE = PACKAGE / "translations" / "zh" / "LC_MESSAGES" / "messages.po"
HELP = {*help_texts(csi), *(text for _, text in COMMANDS.values())}


def sources_in(document):
    for name, value in document.items():
        if isinstance(value, dict):
            yield from sources_in(value)
        elif name == "source":
            yield value


SOURCES = {source for path in WEIGHTS.glob("*.toml") for source in sources_in(tomllib.loads(path.read_text("utf-8")))}


def texts_of(folder):
    """Return every text that a folder's code marks for translation.

    Read from the syntax tree: from Python 3.12 on, Babel's own reader takes a part of an f-string for an argument.
    """
    return {text for path in folder.rglob("*.py") for text in marked_in(ast.parse(path.read_text(encoding="utf-8")))}


def marked_in(tree):
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in MARKS:
            for place in MARKS[name]:
                given = call.args[place - 1] if len(call.args) >= place else None
                if isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value:
                    yield given.value


class Untold:
    """The calls of a module that are given a message which can be told in English only.

    A message is a text in the call itself, which marks it, or one that `Told` or `marked` makes: there, or where the
    name that is given was assigned, or in the function that returns it. What a parameter holds is its caller's to make.
    """

    def __init__(self, tree):
        self.functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self.found = [call.lineno for call, scopes in self.calls(tree, [tree]) if self.wrong(call, scopes)]

    def calls(self, node, scopes):
        for below in ast.iter_child_nodes(node):
            if isinstance(below, ast.Call):
                yield below, scopes
            yield from self.calls(below, [below, *scopes] if isinstance(below, ast.FunctionDef) else scopes)

    def wrong(self, call, scopes):
        name = called(call)
        own = name.endswith("Error") and name not in WITHOUT and not hasattr(builtins, name)
        place = 0 if own else MESSAGES.get(name)
        if place is None or len(call.args) <= place or isinstance(call.args[place], ast.Constant):
            return False
        return self.plain(call.args[place], scopes, frozenset())

    def plain(self, given, scopes, seen):
        if isinstance(given, ast.Constant):
            return isinstance(given.value, str) and any(map(str.isalpha, given.value))
        if isinstance(given, ast.JoinedStr | ast.BinOp):
            return True
        if isinstance(given, ast.IfExp | ast.BoolOp):
            parts = given.values if isinstance(given, ast.BoolOp) else (given.body, given.orelse)
            return any(self.plain(part, scopes, seen) for part in parts)
        if isinstance(given, ast.Name):
            return self.plain_name(given.id, scopes, seen)
        return isinstance(given, ast.Call) and self.plain_call(called(given), scopes, seen)

    def plain_call(self, name, scopes, seen):
        if name in ("str", "join", "format"):
            return True
        function = self.functions.get(name)
        if function is None or name in seen:
            return False
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        return any(self.plain(value, [function, *scopes], seen | {name}) for value in returned)

    def plain_name(self, name, scopes, seen):
        for scope in scopes:
            values = [value for names, value in assigned(scope) if name in names]
            if values and name not in seen:
                return any(self.plain(value, scopes, seen | {name}) for value in values)
            if isinstance(scope, ast.FunctionDef) and name in {
                each.arg for each in ast.walk(scope.args) if isinstance(each, ast.arg)
            }:
                return False
        return False


def called(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def assigned(scope):
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield {target.id for target in targets if isinstance(target, ast.Name)}, node.value


def untold(folder):
    paths = sorted(folder.rglob("*.py"))
    found = {path: Untold(ast.parse(path.read_text(encoding="utf-8"))).found for path in paths}
    return [f"{path.relative_to(folder)}:{line}" for path, lines in found.items() for line in lines]


def catalogue():
    with CATALOGUE.open("rb") as stream:
        return {message.id: message for message in read_po(stream, locale="zh", abort_invalid=True) if message.id}


def untranslated(texts):
    messages = catalogue()
    return sorted(text for text in texts if text not in messages or not messages[text].string)


def values_in(text):
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def test_every_text_of_the_code_has_its_chinese():
    assert len(texts_of(PACKAGE)) > 200
    assert untranslated(texts_of(PACKAGE)) == []


def test_every_help_text_has_its_chinese():
    assert len(HELP) > 100
    assert untranslated(HELP) == []


def test_every_source_that_a_shipped_set_names_has_its_chinese():
    assert len(SOURCES) > 20
    assert untranslated(SOURCES) == []


def test_no_text_stands_in_the_catalogue_that_the_code_no_longer_has():
    assert sorted(set(catalogue()) - texts_of(PACKAGE) - HELP - SOURCES) == []
    assert not any(message.fuzzy for message in catalogue().values())


def test_a_translation_has_the_values_of_its_text():
    differ = [text for text, message in catalogue().items() if values_in(text) != values_in(message.string)]
    assert differ == []


def test_an_untranslated_text_is_found(tmp_path):
    (tmp_path / "a.py").write_text('print(words("A text that nobody translated"), marked("Team"))', encoding="utf-8")
    assert untranslated(texts_of(tmp_path)) == ["A text that nobody translated"]


def test_every_message_of_an_error_can_be_told_in_another_language():
    assert untold(PACKAGE) == []


@pytest.mark.parametrize(
    "code",
    [
        'raise NotFoundError(f"there is no {name}")',
        'raise NotFoundError("there is no " + name)',
        "raise OperatorError(str(error))",
        'raise click.UsageError(f"give {name}")',
        'Problem("/a", f"is {value}", value)',
        'text = "is wrong"\nProblem("/a", text)',
        'def f():\n    text = Told("a")\n    if text:\n        text = f"is {text}"\n    raise ConflictError(text)',
        'def why():\n    return "is wrong"\ntable.report("a", why())',
        'fault(Told("a") if value else "b", "code")',
    ],
)
def test_a_message_that_is_english_only_is_found(tmp_path, code):
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    assert len(untold(tmp_path)) == 1


@pytest.mark.parametrize(
    "code",
    [
        'raise NotFoundError("there is nothing")',
        'raise ValueError(f"is {value}")',
        'raise InvalidInputError(Problem("/a", Told("is {value}", value=value), value))',
        "def f(text):\n    raise ConflictError(text)",
        'text = marked("is wrong")\nProblem("/a", text)',
        'fault(message_of(error), "code")',
    ],
)
def test_a_message_that_can_be_told_is_not_blamed(tmp_path, code):
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    assert untold(tmp_path) == []


def test_english_is_the_text_itself_and_chinese_that_of_the_catalogue():
    assert [translator(language)("Service level") for language in LANGUAGES] == ["Service level", "服务水平"]
    assert translator("zh")("a text that is in no catalogue") == "a text that is in no catalogue"


def test_another_language_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(InvalidInputError, match="'fr' is not a language of this service; accepted are en, zh"):
        translator("fr")


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        ([], "en"),
        ([("zh-CN", 1), ("en", 0.5)], "zh"),
        ([("en-GB", 1), ("zh", 0.9)], "en"),
        ([("fr", 1), ("ZH-hant-TW", 0.3)], "zh"),
        ([("zh", 0), ("fr", 1)], "en"),
        ([("*", 1)], "en"),
    ],
)
def test_the_language_is_the_one_that_the_caller_likes_best(tags, language):
    assert chosen(tags) == language


def test_a_told_text_is_its_english_and_can_be_told_in_chinese():
    inner = Told("AHT: the data hold {held} time only, of {all}", held="talk", all="talk, hold")
    text = Told("weights {name}: {warning}", name="a {b}", warning=inner)
    assert text == "weights a {b}: AHT: the data hold talk time only, of talk, hold"
    assert tell(text, translator("zh")) == "权重 a {b}：AHT：数据只有talk时长（应含talk, hold）"
    assert tell(text, translator("en")) == text
    assert tell("Team", translator("zh")) == "班组"


def test_a_long_row_of_texts_can_be_told():
    texts = [Told("give one of {names}", names=number) for number in range(5000)]
    told = tell(chained(texts, "{first}; {second}"), translator("zh"))
    assert told.split("；")[4321] == "请给出 4321 之一"


def test_an_errors_message_can_be_told_whatever_the_error():
    problem = Problem("csi.total", Told("give one of {names}", names="a"))
    zh = translator("zh")
    assert told_error(InvalidInputError(problem, Problem("", "null")), zh) == "csi.total：请给出 a 之一；null"
    assert told_error(WeightsError("mine", (problem,)), zh) == "mine：csi.total：请给出 a 之一"
    assert told_error(NotFoundError("there is no usable record to score"), zh) == "没有可用于计算的记录"
    for error in (InvalidInputError(problem), WeightsError("mine", (problem, problem)), NotFoundError("a")):
        assert told_error(error, translator("en")) == message_of(error) == str(error)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])  # noqa: S301
def test_a_copy_of_a_told_text_can_still_be_told(again):
    text = Told("weights {name}: {warning}", name="{x}", warning="w")
    assert again(text) == text
    assert tell(again(text), translator("zh")) == "权重 {x}：w"
