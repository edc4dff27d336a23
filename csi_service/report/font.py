"""The font of the PDF: where it lies, and which characters it can draw."""

import bisect
import functools
import struct
import unicodedata
from pathlib import Path
from typing import Any

from noto_cjk_sans_otc import FONT_PATH

_FACE = 2  # of the collection: JP, KR, SC, TC, HK
_JOINERS = ("\u200d", "\ufe0e", "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400)))  # they join and tint emoji


def font_folder() -> Path:
    """Return the folder of the font file."""
    return Path(str(FONT_PATH)).parent


def drawable(text: str) -> str:
    """Return a text of which the font can draw every character; what it lacks is named in brackets.

    >>> drawable("华东 🚀")
    '华东 [rocket]'
    """
    if text.isascii():
        return text
    return "".join(sign if sign.isascii() or has_glyph(sign) else _named(sign) for sign in text)


def has_glyph(sign: str) -> bool:
    """Tell whether the font draws a character."""
    starts, ends = _ranges()
    at = bisect.bisect_right(starts, ord(sign)) - 1
    return at >= 0 and ord(sign) <= ends[at]


def _named(sign: str) -> str:
    if sign in _JOINERS:
        return ""
    name = unicodedata.name(sign, "").lower()
    return f"[{name}]" if name and not name.startswith("cjk ") else f"[U+{ord(sign):04X}]"


@functools.cache
def _ranges() -> tuple[list[int], list[int]]:
    """The first and last characters of the ranges that the face covers, from its character map (OpenType `cmap`)."""
    with Path(str(FONT_PATH)).open("rb") as stream:

        def read(offset: int, form: str) -> tuple[Any, ...]:
            stream.seek(offset)
            return struct.unpack(form, stream.read(struct.calcsize(form)))

        (face,) = read(12 + 4 * _FACE, ">I")
        (tables,) = read(face + 4, ">H")
        found = {tag: offset for tag, _, offset, _ in (read(face + 12 + 16 * i, ">4sIII") for i in range(tables))}
        cmap = found[b"cmap"]
        _, maps = read(cmap, ">HH")
        offsets = [cmap + read(cmap + 4 + 8 * i, ">HHI")[2] for i in range(maps)]
        full = next(offset for offset in offsets if read(offset, ">H") == (12,))  # the map of all of Unicode
        (groups,) = read(full + 12, ">I")
        numbers = read(full + 16, f">{3 * groups}I")
    return list(numbers[::3]), list(numbers[1::3])
