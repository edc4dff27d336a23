"""--help in the language chosen: what click prints in English is put into Chinese on its way to the terminal."""

import inspect
import re
from collections.abc import Iterable, Iterator

import click

from csi_service.cli.language import spoken, words
from csi_service.language import ENGLISH, marked
from csi_service.report.columns import width

_CLICKS_OWN = (marked("Usage: "), marked("Options"), marked("Commands"), marked("Show this message and exit."))
_EXTRAS = ((re.compile(r"\bdefault: "), marked("default: ")), (re.compile(r"\brequired\b"), marked("required")))
_ADDED = re.compile(r"(?:^|  )\[")  # what click puts behind an option's help
_PIECES = re.compile(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+|\s+")  # a Chinese sign, a word, or space
_NEVER_FIRST = "，。；：、）"


class SpokenContext(click.Context):
    """A command at work whose help is told in the language chosen."""

    def make_formatter(self) -> click.HelpFormatter:
        """Return what the help is written with."""
        return super().make_formatter() if spoken() == ENGLISH else _Translated(self)


def spoken_help(command: click.Command) -> click.Command:
    """Return a command whose help, and that of the commands below it, is told in the language chosen."""
    command.context_class = SpokenContext
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        spoken_help(below)
    return command


class _Translated(click.HelpFormatter):
    def __init__(self, context: click.Context) -> None:
        super().__init__(width=context.terminal_width, max_width=context.max_content_width)
        self._below = context.command.commands if isinstance(context.command, click.Group) else {}

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, words("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(words(heading))

    def write_text(self, text: str) -> None:
        told = [_raw(words(each), self.width - self.current_indent) for each in paragraphs(text)]
        super().write_text("\n\n".join(told))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        told = [(name, self._told(name, text)) for name, text in rows]
        first = min(max(len(name) for name, _ in told), col_max) + col_spacing
        room = self.width - self.current_indent - first
        super().write_dl([(name, _raw(text, room)) for name, text in told], col_max, col_spacing)

    def _told(self, name: str, text: str) -> str:
        """The help of an option with what click adds to it, or the first sentence of a command's."""
        if name in self._below:
            first = paragraphs(self._below[name].help or "")[0]
            return words(first).partition("。")[0]
        told = _ADDED.split(text)[0]
        added = text[len(told) :]
        for pattern, english in _EXTRAS:
            added = pattern.sub(words(english), added)
        return words(told) + added


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each as one line: as it stands in the catalogue."""
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", inspect.cleandoc(text))]


def help_texts(command: click.Command) -> Iterator[str]:
    """Yield all that the help of a command, and of those below it, tells."""
    yield from paragraphs(command.help or "")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            yield parameter.help
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                if below is not None:
                    yield from help_texts(below)


def _raw(text: str, room: int) -> str:
    """A text in lines of so many places, marked as wrapped; click counts a Chinese sign as one place."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if width(lines[-1] + piece) > room and piece not in _NEVER_FIRST:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece.lstrip() if not lines[-1] else piece
    return "\b\n" + "\n".join(lines)
