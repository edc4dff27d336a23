"""The languages that people read: English stands in the code, other languages in catalogues under `translations/`."""

import functools
from collections.abc import Callable, Iterable
from importlib.resources import files

from babel.messages.pofile import read_po

from csi_service.core.told import Told
from csi_service.errors import CsiError, DocumentError, InvalidInputError, Problem

LANGUAGES = ("en", "zh")
ENGLISH = LANGUAGES[0]
_ERRORS = "NotFound FileRefused NotAllowed Conflict Outdated StoreBusy StoreFull Damaged Malformed"
_FIRST = ("_", "marked", "Told", "words", "self", "translate", "fault", "refusal", "UnsupportedMediaType")
# A text in such a call is found for translation: the call's name, and which of its arguments the text is.
MARKS = dict.fromkeys((*_FIRST, *(f"{name}Error" for name in _ERRORS.split())), (1,)) | {"Problem": (2,)}

Translate = Callable[[str], str]


def marked(text: str) -> str:
    """Return a text unchanged: the call marks it for translation where it is shown later."""
    return text


@functools.cache
def translator(language: str) -> Translate:
    """Return the function that gives an English text of the code in a language.

    Raises:
        InvalidInputError: no such language; the message names the languages.
    """
    if language not in LANGUAGES:
        text = f"{language!r} is not a language of this service; accepted are {', '.join(LANGUAGES)}"
        raise InvalidInputError(Problem("lang", text, language, "language"))
    texts = {} if language == ENGLISH else _catalogue(language)
    return lambda text: texts.get(text, text)


def chosen(tags: Iterable[tuple[str, float]]) -> str:
    """Return the language that fits a caller best: of tags such as zh-CN with their quality, the best liked first.

    English where none of them is a language of this service.
    """
    primary = (tag.partition("-")[0].lower() for tag, quality in tags if quality > 0)
    return next((language for language in primary if language in LANGUAGES), ENGLISH)


def tell(text: str, translate: Translate) -> str:
    """Return a text in the translator's language: a `Told` by its pattern, any other by itself; values stay."""
    if isinstance(text, Told):
        values = {
            name: tell(value, translate) if isinstance(value, Told) else value for name, value in text.values.items()
        }
        return translate(text.pattern).format(**values)
    return translate(text)


def told_problem(problem: Problem, translate: Translate) -> str:
    """Return a problem as one line, as `str(problem)` gives it, in the translator's language."""
    message = tell(problem.message, translate)
    return f"{problem.where}: {message}" if problem.where else message


def told_error(error: CsiError, translate: Translate) -> str:
    """Return an error's message, as `str(error)` gives it, in the translator's language."""
    if isinstance(error, InvalidInputError | DocumentError):
        lines = "; ".join(told_problem(problem, translate) for problem in error.problems)
        return f"{error.document}: {lines}" if isinstance(error, DocumentError) else lines
    text = error.args[0] if len(error.args) == 1 else ""
    return tell(text, translate) if isinstance(text, str) and text else str(error)


def _catalogue(language: str) -> dict[str, str]:
    path = files("csi_service") / "translations" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as stream:
        catalogue = read_po(stream, locale=language, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
