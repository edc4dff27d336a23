"""The language of what commands print for people: that of --lang, else of CSI_LANGUAGE."""

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import click

from csi_service.core.told import Told
from csi_service.language import ENGLISH, LANGUAGES, marked, tell, translator
from csi_service.report.columns import visible

_NAMES = {
    "calls": marked("calls"),
    "surveys": marked("surveys"),
    "survey_invitations": marked("survey_invitations"),
    "complaints": marked("complaints"),
    "tickets": marked("tickets"),
    "evaluations": marked("evaluations"),
    "batches": marked("batches"),
    "calls, as text": marked("calls, as text"),
    "calls, good": marked("calls, good"),
    "calls, rejected": marked("calls, rejected"),
    "merging": marked("merging"),
}
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def speak(language: str) -> None:
    """Choose the language of what is printed from here on."""
    _language.set(language)


def spoken() -> str:
    """Return the language that was chosen."""
    return _language.get()


def words(text: str, /, **values: Any) -> str:
    """Return a text of the code, with its values filled in, or a text that can be told, in the language chosen."""
    return tell(Told(text, **values) if values else text, translator(spoken()))


def heads(*texts: str) -> tuple[str, ...]:
    """Return the heads of a table's columns in the language chosen."""
    return tuple(map(words, texts))


def say(text: str, /, *, err: bool = False, **values: Any) -> None:
    """Print a line in the language chosen; signs that would move the cursor are shown as `?`."""
    click.echo(visible(words(text, **values)), err=err)


def named(word: str) -> str:
    """Return a record kind, or a step of long work, in the language chosen."""
    return words(_NAMES.get(word, word))


def with_language(command: click.Command) -> click.Command:
    """Return a command that takes --lang, as do the commands below it."""
    for each in _leaves(command):
        if not any(option.name == "lang" for option in each.params):
            each.params.append(lang_option())
    return command


def lang_option() -> click.Option:
    """Return the option --lang; it holds for the command and for what is printed after it."""
    return click.Option(
        ["--lang"],
        type=click.Choice(LANGUAGES),
        expose_value=False,
        is_eager=True,
        callback=_choose,
        help="Language of what is printed; default: that of CSI_LANGUAGE.",
    )


def _leaves(command: click.Command) -> Iterator[click.Command]:
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from _leaves(below)
    else:
        yield command


def _choose(_: click.Context, __: click.Parameter, language: str | None) -> None:
    if language is not None:
        speak(language)
