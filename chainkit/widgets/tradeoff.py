"""Time against cost: where each design stands, with its intervals, laid out for whoever draws it, and as SVG.

A design has a shape, a colour and its name beside it, so that none of them is needed to tell it from the others.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any, NamedTuple

from chainkit.pictures import FONT, GREY, INK, PAPER
from chainkit.units import seconds, usd

WIDTH, HEIGHT = 560.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 24.0, 18.0, 46.0
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8E4585", "#7D8590")
SHAPES = (
    "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0Z", "M-5.5 -5.5H5.5V5.5H-5.5Z", "M0 -7L6.5 5H-6.5Z",
    "M0 -7.5L7.5 0L0 7.5L-7.5 0Z", "M0 7L6.5 -5H-6.5Z", "M-2.2 -7H2.2V-2.2H7V2.2H2.2V7H-2.2V2.2H-7V-2.2H-2.2Z",
    "M-6.5 -6.5L6.5 6.5V-6.5L-6.5 6.5Z",
    "M0 -7.5L6.6 -2.3L4.1 5.9H-4.1L-6.6 -2.3Z",
)  # fmt: skip
"""Paths about (0, 0): circle, square, triangle, diamond, triangle that points down, plus, bow tie, pentagon."""
LETTER, LINE = 7.6, 15.0
"""Room for a letter of a name, and for its line, pixels."""
GAP = 3.0
"""On either side of a name, pixels: two names beside each other are two."""
TEXT_LETTER = 6.4
"""Width of a letter of the text below, pixels."""
LINES = (0, -1, 1, *(-line for line in range(2, 12)), 2, 3)
"""Where names are tried: beside the shape, then ever further above."""
WIDE_SPAN = 5.0
"""Largest by smallest value from which an axis is logarithmic."""

Figure = tuple[float, float, float]
"""low, value, high."""
Scale = Callable[[float], float]
Box = tuple[float, float, float, float]


def tradeoff(points: Sequence[tuple[str, Figure, Figure]], title: str) -> dict[str, Any]:
    """Return where names, shapes, bars and ticks stand, pixels.

    Parameters
    ----------
    points : name, US dollars a month, and seconds; a time that is infinite or NaN is not drawn, and told
    title : what the time is

    Examples
    --------
    >>> drawn = tradeoff([("sync", (9, 10, 11), (0.4, 0.5, 0.6)), ("sqs", (11, 12, 13), (0.1, 0.1, 0.1))], "p95")
    >>> [point["name"] for point in drawn["points"]], drawn["x_title"]
    (['sync', 'sqs'], 'US dollars a month')
    """
    marks = {name: k for k, (name, _, _) in enumerate(points)}
    seen = [(name, _known(x), _known(y)) for name, x, y in points if math.isfinite(x[1]) and math.isfinite(y[1])]
    missing = [
        f"{name}: {'never' if math.isinf(y[1]) else 'no answer'}"
        for name, _, y in points
        if name not in {n for n, *_ in seen}
    ]
    to_x, x_ticks = _axis([value for _, x, _ in seen for value in x], LEFT, WIDTH - RIGHT)
    to_y, y_ticks = _axis([value for _, _, y in seen for value in y], HEIGHT - BOTTOM, TOP)
    drawn = [
        {
            "name": name, "shape": SHAPES[marks[name] % len(SHAPES)], "colour": COLOURS[marks[name] % len(COLOURS)],
            "x": to_x(x[1]), "y": to_y(y[1]), "x_bar": [to_x(x[0]), to_x(x[2])], "y_bar": [to_y(y[0]), to_y(y[2])],
            "text": f"{name}: {seconds(y[1])} ({seconds(y[0])} to {seconds(y[2])}), {usd(x[1])} a month",
        }
        for name, x, y in seen
    ]  # fmt: skip
    _place_names(drawn)
    return {
        "width": WIDTH, "height": HEIGHT, "box": [LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM], "points": drawn,
        "x_ticks": [{"at": to_x(value), "text": _dollars(value)} for value in x_ticks],
        "y_ticks": [{"at": to_y(value), "text": seconds(value)} for value in y_ticks],
        "x_title": "US dollars a month", "y_title": title, "missing": missing,
    }  # fmt: skip


def _known(of: Figure) -> Figure:
    """Return a figure whose interval is itself where there is none."""
    low, value, high = of
    return (low if math.isfinite(low) else value, value, high if math.isfinite(high) else value)


def _dollars(value: float) -> str:
    return f"${value:,.0f}" if value >= 10 and value == round(value) else usd(value)


# --- axes ---


def _axis(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """Return what brings a value to its pixel, and the values at which ticks stand."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low > 0 and high / low >= WIDE_SPAN:
        margin = (high / low) ** 0.12
        return _logarithmic(low / margin, high * margin, start, end)
    margin = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = max(low - margin, 0.0) if low >= 0 else low - margin, high + margin
    step = _step((high - low) / 5)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return lambda value: _pixel((value - low) / (high - low), start, end), ticks


def _logarithmic(low: float, high: float, start: float, end: float) -> tuple[Scale, list[float]]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [digit * 10.0**power for power in powers for digit in range(1, 10) if low <= digit * 10.0**power <= high]
    ticks = [value for value in found if f"{value:e}"[0] in "125"] if len(found) > 7 else found
    whole = math.log(high / low)
    return lambda value: _pixel(math.log(max(value, low) / low) / whole, start, end), ticks[:: 1 + len(ticks) // 8]


def _step(about: float) -> float:
    """Return a round step near `about`.

    >>> _step(0.7), _step(31), _step(0.013)
    (1.0, 50.0, 0.02)
    """
    power = 10.0 ** math.floor(math.log10(about))
    return round(next(digit for digit in (1, 2, 5, 10) if digit * power >= about * 0.999) * power, 12)


def _pixel(share: float, start: float, end: float) -> float:
    return round(start + share * (end - start), 1)


# --- names ---


def _place_names(points: Sequence[dict[str, Any]]) -> None:
    """Put every name near its shape, where it covers no shape and no other name, if there is such a place."""
    taken: list[Box] = [(p["x"] - 8, p["y"] - 8, p["x"] + 8, p["y"] + 8) for p in points]
    for point in sorted(points, key=lambda each: -each["x"]):  # then no line to a shape crosses a name further right
        wide = LETTER * len(point["name"])
        ways = [(0, "start"), (0, "end"), *((line, anchor) for anchor in ("start", "end") for line in LINES)]
        spots = [_spot(point, wide, anchor, line) for line, anchor in ways]
        clear = [spot for spot in spots if _is_clear(spot.box, taken)]
        spot = (clear or spots)[0]
        point |= {
            "anchor": spot.anchor,
            "name_x": round(spot.x, 1),
            "name_y": round(spot.y, 1),
            "has_leader": spot.is_far,
        }
        taken.append(spot.box)


class _Spot(NamedTuple):
    """One place of a name."""

    anchor: str
    x: float
    y: float
    box: Box
    is_far: bool
    """Whether a line must lead to it."""


def _spot(point: Mapping[str, Any], wide: float, anchor: str, line: int) -> _Spot:
    """Return a place beside the shape, or some lines above or below it."""
    away = 11.0 if line == 0 else 0.0
    x = point["x"] + (away if anchor == "start" else -away)
    y = point["y"] + 4 + LINE * line
    left = x if anchor == "start" else x - wide
    return _Spot(anchor, x, y, (left - GAP, y - 11, left + wide + GAP, y + 3), abs(line) > 1)


def _is_clear(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    is_inside = left >= LEFT and right <= WIDTH and top >= 0 and bottom <= HEIGHT - BOTTOM
    return is_inside and all(right < a or left > c or bottom < b or top > d for a, b, c, d in taken)


# --- SVG ---


def svg(drawn: Mapping[str, Any], lines: Sequence[str] = ()) -> str:
    """Return the scatter as SVG, with lines of text below; the same data, without a script or style sheet."""
    lines = [part for line in lines for part in wrap(line, int((drawn["width"] - 24) / TEXT_LETTER))]
    width, height = drawn["width"], drawn["height"] + (LINE + 2) * len(lines) + (10 if lines else 0)
    left, top, right, bottom = drawn["box"]
    words = "; ".join([*(point["text"] for point in drawn["points"]), *drawn["missing"]])
    middle = (top + bottom) / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
            f' viewBox="0 0 {width:g} {height:g}" role="img" font-family="{FONT}" font-size="12"'
            f' style="max-width: 100%; height: auto; background: {PAPER}">',
            f"<title>{escape(drawn['y_title'])} against cost</title>",
            f"<desc>{escape(words)}</desc>",
            f'<path d="M{left:g} {top:g}V{bottom:g}H{right:g}" fill="none" stroke="{GREY}"/>',
            *(
                _text(tick["at"], bottom + 17, tick["text"], "middle", GREY)
                + _line(tick["at"], bottom, tick["at"], bottom + 4)
                for tick in drawn["x_ticks"]
            ),
            *(
                _text(left - 8, tick["at"] + 4, tick["text"], "end", GREY)
                + _line(left - 4, tick["at"], left, tick["at"])
                for tick in drawn["y_ticks"]
            ),
            _text((left + right) / 2, bottom + 36, drawn["x_title"], "middle", INK),
            f'<text transform="translate(14 {middle:g}) rotate(-90)" text-anchor="middle" fill="{INK}">'
            f"{escape(drawn['y_title'])}</text>",
            *map(_point, drawn["points"]),
            *(_text(12, drawn["height"] + 8 + (LINE + 2) * k, line, "start", INK) for k, line in enumerate(lines)),
            "</svg>",
        ]
    )


def _point(point: Mapping[str, Any]) -> str:
    """Return a shape with its bars and name."""
    x, y = point["x"], point["y"]
    return (
        f"<g><title>{escape(point['text'])}</title>"
        + (_line(x, y, point["name_x"], point["name_y"] + 3) if point["has_leader"] else "")
        + _line(point["x_bar"][0], y, point["x_bar"][1], y)
        + _line(x, point["y_bar"][0], x, point["y_bar"][1])
        + f'<path d="{point["shape"]}" transform="translate({x:g} {y:g})" fill="{point["colour"]}" stroke="{INK}"/>'
        + _text(point["name_x"], point["name_y"], point["name"], point["anchor"], INK)
        + "</g>"
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{GREY}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
