"""Errors in a command's usage in the language chosen: click words them in English, and tells them ready made."""

import functools
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from csi_service.cli.language import speak
from csi_service.core.told import Told
from csi_service.language import LANGUAGES, marked

_CLICKS_OWN = (  # the longer ones of two that begin alike come first
    marked("Invalid value for {param}: {message}"),
    marked("Missing argument {name}. Choose from: {choices}"),
    marked("Missing argument {name}."),
    marked("Missing option {name}. Choose from: {choices}"),
    marked("Missing option {name}."),
    marked("Missing command."),
    marked("No such option {name}. Did you mean {possibility}?"),
    marked("No such option {name}. (Did you mean one of: {possibilities}?)"),
    marked("No such option {name}."),
    marked("No such command {name}. Did you mean {possibility}?"),
    marked("No such command {name}. (Did you mean one of: {possibilities}?)"),
    marked("No such command {name}."),
    marked("Option {name} requires an argument."),
    marked("Option {name} does not take a value."),
    marked("Got unexpected extra argument ({args})"),
    marked("Got unexpected extra arguments ({args})"),
    marked("{value} is not one of {choices}."),
    marked("{value} is not a valid integer range."),
    marked("{value} is not a valid integer."),
    marked("{value} is not a valid float."),
    marked("{value} is not in the range {range}."),
    marked("File {name} is a directory."),
    marked("File {name} is not readable."),
    marked("Directory {name} is a file."),
)


def reworded(message: str) -> str:
    """Return click's message so that it can be told in another language; as it is where it is not known."""
    if isinstance(message, Told):
        return message
    line = " ".join(message.split())
    for pattern, form in _forms():
        if found := form.fullmatch(line):
            values = found.groupdict()
            return Told(pattern, **values | {name: reworded(values[name]) for name in values.keys() & {"message"}})
    return message


@functools.cache
def _forms() -> Sequence[tuple[str, re.Pattern[str]]]:
    return [(pattern, re.compile("".join(_pieces(pattern)))) for pattern in _CLICKS_OWN]


def _pieces(pattern: str) -> Iterator[str]:
    for place, piece in enumerate(re.split(r"\{(\w+)\}", pattern)):
        yield f"(?P<{piece}>.+)" if place % 2 else re.escape(piece)


def speak_as_asked(words: Sequence[str]) -> None:
    """Choose the language of --lang among a command's words, which click has not read where another is at fault."""
    for word, after in pairwise([*words, ""]):
        language = after if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and language in LANGUAGES:
            speak(language)
