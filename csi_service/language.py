"""The languages that people read: English stands in the code, other languages in catalogues under `translations/`."""

import functools
from collections.abc import Callable
from importlib.resources import files

from babel.messages.pofile import read_po

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

LANGUAGES = ("en", "zh")
MARKS = ("_", "marked", "Told", "words", "self", "translate")  # a text in such a call is found for translation

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
    texts = {} if language == LANGUAGES[0] else _catalogue(language)
    return lambda text: texts.get(text, text)


def tell(text: str, translate: Translate) -> str:
    """Return a text in the translator's language: a `Told` by its pattern, any other by itself; values stay."""
    if isinstance(text, Told):
        values = {
            name: tell(value, translate) if isinstance(value, Told) else value for name, value in text.values.items()
        }
        return translate(text.pattern).format(**values)
    return translate(text)


def _catalogue(language: str) -> dict[str, str]:
    path = files("csi_service") / "translations" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as stream:
        catalogue = read_po(stream, locale=language, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
