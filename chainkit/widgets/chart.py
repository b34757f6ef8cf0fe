"""A small chart: lines with their bands over one axis, laid out for whoever draws it, and as SVG.

Each axis is straight or logarithmic. What is drawn is in pixels of one fixed size, so the browser and the static
picture show the same; a line has a colour, a dash and its name, so that none of them is needed to tell it apart.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

from chainkit.pictures import FONT, GREY, INK, PAPER
from chainkit.widgets.tradeoff import COLOURS, TEXT_LETTER

LEFT, RIGHT, TOP, BOTTOM = 76.0, 34.0, 26.0, 42.0
NAMES = 92.0
"""Right of several lines, for their names, pixels."""
DASHES = ("", "9 4", "3 3", "12 3 3 3", "6 6", "2 5")
LINE = 17.0
"""Height of a line of text below a picture, pixels."""
NEAR = 13.0
"""Pixels between the names of two lines."""

Scale = Callable[[float], float]
Words = Callable[[float], str]
Point = tuple[float, float, float, float]
"""x, low, value, high; NaN ends: no interval."""


@dataclass(frozen=True)
class Axis:
    """One axis: its ends, and what its ticks say."""

    title: str
    low: float
    high: float
    is_log: bool
    words: Words
    ticks: tuple[float, ...] = ()
    """() : round numbers."""

    def scale(self, start: float, end: float) -> Scale:
        """Return what brings a value to its pixel."""
        low, high = self.low, self.high
        if self.is_log:
            whole = math.log(high / low)
            return lambda value: _pixel(math.log(min(max(value, low), high) / low) / whole, start, end)
        return lambda value: _pixel((min(max(value, low), high) - low) / (high - low), start, end)

    def marks(self) -> list[float]:
        """Return where ticks stand: powers of ten of a logarithmic axis, else about five round numbers."""
        if self.ticks:
            return [*self.ticks]
        if self.is_log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            return [10.0**power for power in powers]
        step = _step((self.high - self.low) / 5)
        return [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Line:
    """One line with its name and band."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Mark:
    """A place on the x axis with words, and the stretch that it may be in."""

    at: float
    words: str
    low: float = math.nan
    high: float = math.nan


def chart(
    title: str, x: Axis, y: Axis, lines: Sequence[Line], marks: Sequence[Mark] = (), *, width: float, height: float
) -> dict[str, Any]:
    """Return where everything stands, pixels.

    Examples
    --------
    >>> x, y = Axis("MB", 128, 1024, True, str, (128, 1024)), Axis("s", 0, 1, False, str)
    >>> drawn = chart("time", x, y, [Line("a", ((128, 1, 1, 1), (1024, 0.2, 0.2, 0.2)))], width=300, height=200)
    >>> drawn["lines"][0]["route"], [tick["text"] for tick in drawn["x_ticks"]]
    ([[76.0, 26.0], [266.0, 131.6]], ['128', '1024'])
    """
    right = width - (NAMES if len(lines) > 1 else RIGHT)
    to_x, to_y = x.scale(LEFT, right), y.scale(height - BOTTOM, TOP)
    drawn = [_line(k, each, to_x, to_y) for k, each in enumerate(lines)]
    _spread_names(drawn, height - BOTTOM)
    return {
        "title": title, "width": width, "height": height, "box": [LEFT, TOP, right, height - BOTTOM],
        "x_title": x.title, "y_title": y.title, "lines": drawn,
        "x_ticks": [{"at": to_x(value), "text": x.words(value)} for value in x.marks()],
        "y_ticks": [{"at": to_y(value), "text": y.words(value)} for value in y.marks()],
        "marks": [
            {"x": to_x(each.at), "words": each.words, "band": _band(each, to_x)}
            for each in marks if x.low <= each.at <= x.high
        ],
    }  # fmt: skip


def _line(k: int, line: Line, to_x: Scale, to_y: Scale) -> dict[str, Any]:
    """Return a line as the route of its middle, and the outline of its band."""
    banded = [each for each in line.points if math.isfinite(each[1]) and math.isfinite(each[3])]
    upper = [[to_x(x), to_y(high)] for x, _, _, high in banded]
    lower = [[to_x(x), to_y(low)] for x, low, _, _ in reversed(banded)]
    route = [[to_x(x), to_y(value)] for x, _, value, _ in line.points if math.isfinite(value)]
    return {
        "name": line.name, "colour": COLOURS[k % len(COLOURS)], "dash": DASHES[k % len(DASHES)],
        "route": route, "band": upper + lower, "name_y": route[-1][1] if route else TOP,
    }  # fmt: skip


def _spread_names(drawn: Sequence[dict[str, Any]], bottom: float) -> None:
    """Put names near the ends of their lines, none over another."""
    last = -math.inf
    for line in sorted(drawn, key=lambda each: each["name_y"]):
        last = max(line["name_y"] + 4, last + NEAR, TOP + 8)
        line["name_y"] = round(min(last, bottom - 3), 1)


def _band(mark: Mark, to_x: Scale) -> list[float]:
    """Return the ends of the stretch that a mark may be in; [] where nothing is known of it."""
    return [] if math.isnan(mark.low) else [to_x(max(mark.low, 1e-9)), to_x(mark.high)]


def _pixel(share: float, start: float, end: float) -> float:
    return round(start + share * (end - start), 1)


def _step(about: float) -> float:
    """Return a round step near `about`.

    >>> _step(0.07), _step(33)
    (0.1, 50.0)
    """
    power = 10.0 ** math.floor(math.log10(about))
    return round(next(digit for digit in (1, 2, 5, 10) if digit * power >= about * 0.999) * power, 12)


# --- SVG ---


def svg(drawn: Sequence[Mapping[str, Any]], lines: Sequence[str] = (), *, cursor: float | None = None) -> str:
    """Return charts beside each other as SVG, with lines of text below; the same data, without a script."""
    width = sum(each["width"] for each in drawn)
    height = max((each["height"] for each in drawn), default=0.0)
    lines = [part for line in lines for part in wrap(line, int((width - 24) / TEXT_LETTER))]
    whole = height + LINE * len(lines) + (8 if lines else 0)
    parts, left = [], 0.0
    for each in drawn:
        parts.append(f'<g transform="translate({left:g} 0)">{_drawn(each, cursor)}</g>')
        left += each["width"]
    parts += [_text(12, height + 8 + LINE * k, line, "start", INK) for k, line in enumerate(lines)]
    title = "; ".join(each["title"] for each in drawn)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{whole:g}"'
            f' viewBox="0 0 {width:g} {whole:g}" role="img" font-family="{escape(FONT)}" font-size="12"'
            f' style="max-width: 100%; height: auto; background: {PAPER}">',
            f"<title>{escape(title)}</title>",
            *parts,
            "</svg>",
        ]
    )


def _drawn(drawn: Mapping[str, Any], cursor: float | None) -> str:
    """Return one chart."""
    left, top, right, bottom = drawn["box"]
    parts = [_text(left, 14, drawn["y_title"], "start", INK)]
    for tick in drawn["y_ticks"]:
        parts += [
            f'<path d="M{left:g} {tick["at"]:g}H{right:g}" stroke="#D8DEE4"/>',
            _text(left - 8, tick["at"] + 4, tick["text"], "end", GREY),
        ]
    parts += [_text(tick["at"], bottom + 17, tick["text"], "middle", GREY) for tick in drawn["x_ticks"]]
    parts += [_text(right, bottom + 35, drawn["x_title"], "end", INK)]
    for mark in drawn["marks"]:
        band = mark["band"]
        if band:
            parts.append(
                f'<rect x="{band[0]:g}" y="{top:g}" width="{max(band[1] - band[0], 1):g}"'
                f' height="{bottom - top:g}" fill="{GREY}" fill-opacity="0.18"/>'
            )
        parts.append(
            f'<path d="M{mark["x"]:g} {top:g}V{bottom:g}" stroke="{GREY}" stroke-dasharray="2 3">'
            f"<title>{escape(mark['words'])}</title></path>"
        )
    for line in drawn["lines"]:
        dash = f' stroke-dasharray="{line["dash"]}"' if line["dash"] else ""
        if line["band"]:
            parts.append(f'<polygon points="{_route(line["band"])}" fill="{line["colour"]}" fill-opacity="0.18"/>')
        parts.append(
            f'<polyline points="{_route(line["route"])}" fill="none" stroke="{line["colour"]}"'
            f' stroke-width="2.2"{dash}/>'
        )
        if len(drawn["lines"]) > 1:
            parts.append(_text(right + 6, line["name_y"], line["name"], "start", INK))
    if cursor is not None:
        parts.append(f'<path d="M{cursor:g} {top:g}V{bottom:g}" stroke="{INK}" stroke-width="1.5"/>')
    parts.append(f'<path d="M{left:g} {top:g}V{bottom:g}H{right:g}" fill="none" stroke="{GREY}"/>')
    return "".join(parts)


def _route(points: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
