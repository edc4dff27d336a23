"""Errors in a command's usage: click words them, in English; told in both languages."""

import pytest

from csi_service.cli import usage
from tests.cli.terminal import complaint, csi

COMPARED = "'previous', 'year'"
WORDED = {
    "score --bogus": ("No such option '--bogus'.", "没有选项 '--bogus'。"),
    "score --formt csv": (
        "No such option '--formt'. Did you mean '--format'?",
        "没有选项 '--formt'。是否想用 '--format'？",
    ),
    "score --complaint x": (
        "No such option '--complaint'. (Did you mean one of: '--complaints', '--format', '--mapping'?)",
        "没有选项 '--complaint'。是否想用其中之一：'--complaints', '--format', '--mapping'？",
    ),
    "scores": ("No such command 'scores'.", "没有命令 'scores'。"),
    "key creat": (
        "No such command 'creat'. Did you mean 'create'?",
        "没有命令 'creat'。是否想用 'create'？",
    ),
    "key create --role rater": ("Missing option '--name'.", "缺少选项 '--name'。"),
    "weights show": ("Missing argument 'NAME'.", "缺少参数 'NAME'。"),
    "ratings 2021-01 x": ("Got unexpected extra argument (x)", "多余的参数（x）"),
    "ratings 2021-01 x y": ("Got unexpected extra arguments (x y)", "多余的参数（x y）"),
    "serve --port": ("Option '--port' requires an argument.", "选项 '--port' 需要一个值。"),
    "report 2021-01 --live=x": ("Option '--live' does not take a value.", "选项 '--live' 不带值。"),
    "serve --workers 0": (
        "Invalid value for '--workers': 0 is not in the range 1<=x<=64.",
        "'--workers' 的值无效：0 不在范围 1<=x<=64 之内。",
    ),
    "serve --workers two": (
        "Invalid value for '--workers': 'two' is not a valid integer range.",
        "'--workers' 的值无效：'two' 不是有效的整数。",
    ),
    "imports show one": (
        "Invalid value for 'NUMBER': 'one' is not a valid integer.",
        "'NUMBER' 的值无效：'one' 不是有效的整数。",
    ),
    "sample plan B1 --expected-share half": (
        "Invalid value for '--expected-share': 'half' is not a valid float.",
        "'--expected-share' 的值无效：'half' 不是有效的数。",
    ),
    "report 2021-01 --compare never": (
        f"Invalid value for '--compare': 'never' is not one of {COMPARED}.",
        f"'--compare' 的值无效：'never' 不在可选值之中：{COMPARED}。",
    ),
    "report 2021-01 --output /": (
        "Invalid value for '--output': File '/' is a directory.",
        "'--output' 的值无效：文件 '/' 是一个文件夹。",
    ),
}


@pytest.mark.parametrize("command", WORDED)
def test_an_error_in_a_command_s_usage_is_told_in_both_languages(command):
    words = command.split()
    told = complaint(csi(*words)), complaint(csi(*words, CSI_LANGUAGE="zh"))
    assert told == WORDED[command]


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    (file := tmp_path / "file").touch()
    told = complaint(csi("doctor", "--data", file)), complaint(csi("doctor", "--data", file, CSI_LANGUAGE="zh"))
    assert told == (
        f"Invalid value for '--data': Directory '{file}' is a file.",
        f"'--data' 的值无效：文件夹 '{file}' 是一个文件。",
    )


def test_a_missing_choice_names_the_choices():
    told = complaint(csi("key", "create", "--name", "x"))
    assert told == "Missing option '--role'. Choose from: viewer, rater, lead, analyst, operator, admin"
    told = complaint(csi("key", "create", "--name", "x", CSI_LANGUAGE="zh"))
    assert told == "缺少选项 '--role'，可选：viewer, rater, lead, analyst, operator, admin"


@pytest.mark.parametrize("words", [("--lang", "zh", "--bogus"), ("--bogus", "--lang=zh"), ("--bogus", "--lang", "zh")])
def test_the_language_asked_for_holds_wherever_it_stands(words):
    assert complaint(csi("score", *words)) == "没有选项 '--bogus'。"


def test_a_language_that_is_none_is_told_in_the_usual_one():
    told = complaint(csi("score", "--lang", "fr", CSI_LANGUAGE="zh"))
    assert told == "'--lang' 的值无效：'fr' 不在可选值之中：'en', 'zh'。"


def test_what_is_not_known_stays_as_it_is():
    assert usage.reworded("Something new.") == "Something new."
