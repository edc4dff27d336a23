"""Charts as SVG for HTML and PDF alike: no script, no style sheet, the same bytes for the same figures.

Sizes are in points, of an A4 page's text width or of a phone's; every chart carries a title and a description for
those who listen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from csi_service.report.columns import width

WIDE, NARROW = 510.0, 270.0
FONT = "Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
INK, SOFT, GRID = "#1d2733", "#5b6875", "#d9dee4"
LEVEL_COLOURS = ("#b2452f", "#e0956f", "#d5d9de", "#7fb0cf", "#2b6c99")
LINE_COLOURS = ("#16324f", "#2b7a78", "#c07c1e", "#8a4f7d", "#5b6875", "#a13d3d")
_DARK_LEVELS = (0, 4)  # carry white figures
_SIZE = 9.0  # of the letters
_LETTER = 0.48  # mean width of a Latin letter, of the size


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a stacked bar: its label, its exact share, and the text that is shown for it."""

    label: str
    share: float
    shown: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a trend: its label and a value (or a gap) for each period; `hollow` marks those to read with care."""

    label: str
    values: tuple[float | None, ...]
    hollow: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A small bar: its label, its value (None: no bar) and the text that is shown for it."""

    label: str
    value: float | None
    shown: str


def stacked_bar(title: str, description: str, parts: Sequence[Share], room: float = WIDE) -> str:
    """Return one bar of shares that sum to 1, with its legend below."""
    shapes, x = [], 0.0
    for index, part in enumerate(parts):
        wide = part.share * room
        colour = LEVEL_COLOURS[index % len(LEVEL_COLOURS)]
        shapes.append(f'<rect x="{_n(x)}" y="0" width="{_n(wide)}" height="26" fill="{colour}"/>')
        if wide > _wide(part.shown) + 4:
            ink = "#ffffff" if index in _DARK_LEVELS else INK
            shapes.append(_text(x + wide / 2, 17, part.shown, ink, "middle", 9))
        x += wide
    labels = [f"{part.label} {part.shown}" for part in parts]
    legend, bottom = _legend(labels, LEVEL_COLOURS, 42, room)
    return _svg(title, description, room, bottom, [*shapes, *legend])


def trend(title: str, description: str, labels: Sequence[str], lines: Sequence[Line], room: float = WIDE) -> str:
    """Return a line chart over periods; a missing value leaves a gap, a value between two gaps a dot."""
    legend, top = _legend([line.label for line in lines], LINE_COLOURS, 8, room)
    low, high, step = _scale([value for line in lines for value in line.values if value is not None])
    left, right, upper, lower = 34.0, room - 10, top + 8, top + 150

    def x(index: int) -> float:
        return left + (right - left) * ((index + 0.5) / len(labels))

    def y(value: float) -> float:
        return lower - (lower - upper) * (value - low) / (high - low)

    shapes = list(legend)
    for number in range(round((high - low) / step) + 1):
        at = low + number * step
        shapes.append(f'<path d="M{_n(left)} {_n(y(at))}H{_n(right)}" stroke="{GRID}" stroke-width="0.6"/>')
        shapes.append(_text(left - 5, y(at) + 3, f"{at * 100:.0f} %", SOFT, "end", 8.5))
    every = math.ceil(max(map(_wide, labels), default=1.0) / ((right - left) / max(len(labels), 1)))
    for index, label in enumerate(labels):
        if (len(labels) - 1 - index) % every == 0:
            shapes.append(_text(x(index), lower + 13, label, SOFT, "middle", 8.5))
    for index in reversed(range(len(lines))):  # the first line on top
        points = [(x(place), None if value is None else y(value)) for place, value in enumerate(lines[index].values)]
        shapes += _line(points, lines[index].hollow, LINE_COLOURS[index % len(LINE_COLOURS)], index == 0)
    return _svg(title, description, room, lower + 18, shapes)


def bars(title: str, description: str, rows: Sequence[Bar], room: float = WIDE) -> str:
    """Return small horizontal bars from 0 to 1, one a row, each with its label and its figure."""
    left = min(max((_wide(row.label) for row in rows), default=0.0) + 14, room / 2)
    full = room - left - 62
    shapes = []
    for index, row in enumerate(rows):
        top = index * 17.0
        shapes.append(_text(left - 8, top + 11, row.label, INK, "end", _SIZE))
        shapes.append(f'<rect x="{_n(left)}" y="{_n(top + 3)}" width="{_n(full)}" height="10" fill="#eef1f4"/>')
        if row.value is not None:
            wide = full * min(max(row.value, 0.0), 1.0)
            shapes.append(
                f'<rect x="{_n(left)}" y="{_n(top + 3)}" width="{_n(wide)}" height="10" fill="{LINE_COLOURS[0]}"/>'
            )
        shapes.append(_text(left + full + 6, top + 11, row.shown, INK, "start", _SIZE))
    return _svg(title, description, room, len(rows) * 17.0, shapes)


def _line(
    points: Sequence[tuple[float, float | None]], hollow: Sequence[bool], colour: str, strong: bool
) -> Iterator[str]:
    path, pen_down = [], False
    for x, y in points:
        if y is not None:
            path.append(f"{'L' if pen_down else 'M'}{_n(x)} {_n(y)}")
        pen_down = y is not None
    wide = 2.2 if strong else 1.1
    if path:
        dash = "" if strong else ' stroke-dasharray="4 2"'
        yield f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{wide}"{dash}/>'
    for index, (x, y) in enumerate(points):
        if y is not None:
            inside = "#ffffff" if index < len(hollow) and hollow[index] else colour
            size = 2.8 if strong else 1.7
            yield f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{size}" fill="{inside}" stroke="{colour}" stroke-width="1"/>'


def _scale(values: Sequence[float]) -> tuple[float, float, float]:
    """The ends of an axis around the values and its step: whole five or ten per cent, at least three steps."""
    if not values:
        return 0.0, 1.0, 0.25
    step = 0.05 if max(values) - min(values) <= 0.3 else 0.2
    low, high = math.floor(min(values) / step + 1e-9), math.ceil(max(values) / step - 1e-9)
    while high - low < 3:
        low, high = (low, high + 1) if (high + 1) * step < 1 + 1e-9 else (low - 1, high)
    return low * step, high * step, step


def _legend(labels: Sequence[str], colours: Sequence[str], baseline: float, room: float) -> tuple[list[str], float]:
    """Coloured squares with labels, wrapped into lines; and where the next thing may begin."""
    shapes, x, y = [], 0.0, baseline
    for index, label in enumerate(labels):
        wide = 12 + _wide(label) + 16
        if x > 0 and x + wide > room:
            x, y = 0.0, y + 14
        colour = colours[index % len(colours)]
        shapes.append(f'<rect x="{_n(x)}" y="{_n(y - 7)}" width="8" height="8" fill="{colour}"/>')
        shapes.append(_text(x + 12, y, label, INK, "start", _SIZE))
        x += wide
    return shapes, y + 6


def _svg(title: str, description: str, room: float, height: float, shapes: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(room)} {_n(height)}" role="img" '
        f'font-family="{FONT}"><title>{escape(title)}</title><desc>{escape(description)}</desc>{"".join(shapes)}</svg>'
    )


def _text(x: float, y: float, text: str, colour: str, anchor: str, size: float) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _wide(text: str) -> float:
    """About how wide a text is at the usual size."""
    wide = width(text)
    narrow = 2 * len(text) - wide if wide >= len(text) else len(text)
    return _SIZE * (narrow * _LETTER + (wide - narrow) / 2)


def _n(number: float) -> str:
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
