"""The languages that people read: English stands in the code, other languages in catalogues under `translations/`."""

import functools
from collections.abc import Callable, Iterable

from csi_service.core.told import Told, as_told, chained
from csi_service.errors import CsiError, DocumentError, InvalidInputError, Problem

LANGUAGES = ("en", "zh")
ENGLISH = LANGUAGES[0]
_ERRORS = "NotFound FileRefused NotAllowed Conflict Outdated StoreBusy StoreFull Damaged Malformed Settings Operator"
_FIRST = (
    "_",
    "marked",
    "Told",
    "words",
    "self",
    "translate",
    "say",
    "fault",
    "refusal",
    "UnsupportedMediaType",
    "PreconditionRequired",
    "NotAcceptable",
)
_SECOND = ("Problem", "report", "warn", "chained")
# A text in such a call is found for translation: the call's name, and which of its arguments the texts are.
MARKS = {"Verdict": (1, 3), "Setting": (3,), "_row": (3,), "heads": tuple(range(1, 13)), **dict.fromkeys(_SECOND, (2,))}
MARKS |= dict.fromkeys((*_FIRST, *(f"{name}Error" for name in (*_ERRORS.split(), "Cancelled", "Usage"))), (1,))

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
        text = Told(
            "{language!r} is not a language of this service; accepted are {languages}",
            language=language,
            languages=", ".join(LANGUAGES),
        )
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
    return tell(line_of(problem), translate)


def told_error(error: CsiError, translate: Translate) -> str:
    """Return an error's message, as `str(error)` gives it, in the translator's language."""
    return tell(message_of(error), translate)


def line_of(problem: Problem) -> str:
    """Return a problem as one line, as `str(problem)` gives it, that can be told in another language."""
    if not problem.where:
        return problem.message
    return Told("{where}: {message}", where=problem.where, message=as_told(problem.message))


def message_of(error: CsiError) -> str:
    """Return an error's message, as `str(error)` gives it, that can be told in another language."""
    if isinstance(error, InvalidInputError | DocumentError):
        lines = chained([line_of(problem) for problem in error.problems], "{first}; {second}")
        return (
            Told("{where}: {message}", where=error.document, message=lines)
            if isinstance(error, DocumentError)
            else lines
        )
    text = error.args[0] if len(error.args) == 1 else ""
    return text if isinstance(text, str) and text else str(error)


def _catalogue(language: str) -> dict[str, str]:
    from importlib.resources import files  # both take their time to load, and English needs none

    from babel.messages.pofile import read_po

    path = files("csi_service") / "translations" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as stream:
        catalogue = read_po(stream, locale=language, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
