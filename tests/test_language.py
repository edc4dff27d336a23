"""Texts in two languages: each text of the code has its Chinese, with the same values in it."""

import ast
import copy
import pickle
import string

import pytest
from babel.messages.pofile import read_po

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError
from csi_service.language import LANGUAGES, MARKS, chosen, tell, translator
from tests.make import ROOT

PACKAGE = ROOT / "csi_service"
CATALOGUE = PACKAGE / "translations" / "zh" / "LC_MESSAGES" / "messages.po"


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
            (place,) = MARKS[name]
            given = call.args[place - 1] if len(call.args) >= place else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value:
                yield given.value


def catalogue():
    with CATALOGUE.open("rb") as stream:
        return {message.id: message for message in read_po(stream, locale="zh", abort_invalid=True) if message.id}


def untranslated(folder):
    messages = catalogue()
    return sorted(text for text in texts_of(folder) if text not in messages or not messages[text].string)


def values_in(text):
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def test_every_text_of_the_code_has_its_chinese():
    assert len(texts_of(PACKAGE)) > 200
    assert untranslated(PACKAGE) == []


def test_no_text_stands_in_the_catalogue_that_the_code_no_longer_has():
    assert sorted(set(catalogue()) - texts_of(PACKAGE)) == []
    assert not any(message.fuzzy for message in catalogue().values())


def test_a_translation_has_the_values_of_its_text():
    differ = [text for text, message in catalogue().items() if values_in(text) != values_in(message.string)]
    assert differ == []


def test_an_untranslated_text_is_found(tmp_path):
    (tmp_path / "a.py").write_text('print(words("A text that nobody translated"), marked("Team"))', encoding="utf-8")
    assert untranslated(tmp_path) == ["A text that nobody translated"]


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
    inner = Told("aht: the data hold {held} time only, of {all}", held="talk", all="talk, hold")
    text = Told("weights {name}: {warning}", name="a {b}", warning=inner)
    assert text == "weights a {b}: aht: the data hold talk time only, of talk, hold"
    assert tell(text, translator("zh")) == "权重 a {b}：aht：talk, hold 中，数据只有 talk 时长"
    assert tell(text, translator("en")) == text
    assert tell("Team", translator("zh")) == "班组"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])  # noqa: S301
def test_a_copy_of_a_told_text_can_still_be_told(again):
    text = Told("weights {name}: {warning}", name="{x}", warning="w")
    assert again(text) == text
    assert tell(again(text), translator("zh")) == "权重 {x}：w"
