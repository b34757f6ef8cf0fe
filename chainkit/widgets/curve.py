"""The load curve: requests per second over time, as a scene with axes that the browser draws and that is an SVG here.

A drawn load (`rates.Drawn`) has its points in the scene: they are dragged, added and removed by hand. Of other traffic
the expected rate is shown. Faint bars are what the first replication of the last run saw: its own arrivals.
"""

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from chainkit.pictures import BLUE, FONT, GREY, INK, PAPER
from chainkit.simulation.loads import ClosedLoop, Load, Poisson, Steady
from chainkit.simulation.rates import DAY_S, HOUR_S, Drawn
from chainkit.simulation.replay import MINUTE_S
from chainkit.simulation.run import Run
from chainkit.widgets import assets
from chainkit.widgets.canvas import Canvas
from chainkit.widgets.state import MOST_REQUESTS
from chainkit.widgets.traffic_kinds import span, words

PIECES = 200
"""Of the line of a load that is not drawn."""
MOST_BARS, LEAST_IN_BAR = 60, 20
MOST_SAMPLED = 300_000
"""Arrivals that are drawn once more for the bars; of longer runs there are none."""
UNITS = ((180.0, 1.0, "s"), (3 * HOUR_S, MINUTE_S, "min"), (3 * DAY_S, HOUR_S, "h"), (math.inf, DAY_S, "days"))
"""Spans up to the first number are measured in seconds of the second."""
ROUND = (1.0, 2.0, 5.0, 10.0)
ROUND_HOURS = (1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0)
REPLICATIONS = 10
"""Of `simulate`, unless it is told otherwise."""
WIDTH, HEIGHT = 760.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 16.0, 18.0, 46.0


class LoadCurve(Canvas):
    """The curve as a widget: it draws a scene, and reports {"kind": "points", "points": [[seconds, rate], ...]}."""

    _esm = assets.module("curve.js")
    _css = assets.style("curve.css")

    def __repr__(self) -> str:
        """Return the curve in a word: stable, so that notebooks can be compared."""
        return f"LoadCurve({self.scene.get('what', '')!r})"


def scene(load: Load, run: Run | None = None) -> dict[str, Any]:
    """Return what is drawn of a load, and of the last run with it.

    Examples
    --------
    >>> shown = scene(Drawn(points=[(0, 2), (600, 10), (1200, 2)]))
    >>> shown["points"], shown["x"]["title"], shown["y"]["top"]
    ([[0, 2], [600, 10], [1200, 2]], 'min', 12.0)
    """
    span_s, line = _line(load)
    seen_s, bars = _bars(load, run, span_s)
    top = max([rate for _, rate in line] + [bar[2] for bar in bars], default=0.0) or 1.0
    per_s = _axis(1.1 * top, 5, 1.0, ROUND)
    _, size_s, unit = next(each for each in UNITS if span_s <= each[0])
    time = _axis(span_s, 8, size_s, ROUND_HOURS if size_s == HOUR_S else ROUND)
    within = [at_s for at_s in time if at_s <= span_s]
    return {
        "what": type(load).__name__, "title": f"Load curve. {words(load)}",
        "is_drawn": isinstance(load, Drawn),
        "is_bound": isinstance(load, ClosedLoop),
        "points": [[*each] for each in load.points] if isinstance(load, Drawn) else [],
        "line": line, "bars": bars, "seen_s": seen_s, "note": _note(load, run, seen_s, span_s),
        "span_s": span_s,
        "x": {"title": unit, "size": size_s, "ticks": within, "step": time[1] / 10},
        "y": {"top": per_s[-1], "ticks": per_s, "step": per_s[1] / 10},
    }  # fmt: skip


def _line(load: Load) -> tuple[float, list[list[float]]]:
    """Return how long the curve is, seconds, and its line."""
    if isinstance(load, ClosedLoop):
        return MINUTE_S, [[0.0, load.rate_per_s], [MINUTE_S, load.rate_per_s]] if math.isfinite(load.rate_per_s) else []
    if isinstance(load, Poisson | Steady):
        return HOUR_S, [[0.0, load.rate_per_s], [HOUR_S, load.rate_per_s]]
    span_s = load.seen_s
    if isinstance(load, Drawn):
        return span_s, [[*each] for each in load.points]
    edges_s = np.linspace(0.0, span_s, PIECES + 1)
    rates = np.diff([load.expected_requests(each) for each in edges_s]) / np.diff(edges_s)
    ends = np.stack([edges_s[:-1], rates, edges_s[1:], rates], axis=1).reshape(-1, 2)
    return span_s, ends.tolist()


def _bars(load: Load, run: Run | None, span_s: float) -> tuple[float, list[tuple[float, float, float]]]:
    """Return how far the first replication of a run came, and (from, until, requests per second) within that."""
    if run is None or run.load != load:
        return 0.0, []
    if isinstance(load, ClosedLoop):
        measured = run.requests / sum(tally.span_s for tally in run.tallies)
        return span_s, [(0.0, span_s, float(measured))]
    count = run.requests // run.replications
    if not LEAST_IN_BAR <= count <= MOST_SAMPLED:
        return 0.0, []
    at_s = load.arrivals_s(count, seed=run.seed)
    seen_s = float(min(at_s[-1], span_s))
    edges_s = np.linspace(0.0, seen_s, min(max(int((at_s <= seen_s).sum()) // LEAST_IN_BAR, 1), MOST_BARS) + 1)
    if not seen_s > 0:
        return 0.0, []
    rates = np.histogram(at_s, edges_s)[0] / np.diff(edges_s)
    return seen_s, [*zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), rates.tolist(), strict=True)]


def _note(load: Load, run: Run | None, seen_s: float, span_s: float) -> str:
    """Return what the bars are, and how much of the curve they are."""
    if isinstance(load, ClosedLoop):
        most = f"dashed: the most that {load.users:,} users can ask, if every answer comes at once"
        return f"{most}; grey: what they asked in the last run" if seen_s else most
    if run is None or not seen_s:
        return ""
    part = f"all of these {span(span_s)}" if seen_s >= 0.98 * span_s else f"the first {_about(seen_s)}"
    if isinstance(load, Poisson | Steady):
        part = _about(seen_s) if seen_s < span_s else "this hour, and more"
    needed = whole(load, run) or 0
    more = f"; all of it would take {needed:,} requests" if needed > MOST_REQUESTS else ""
    return f"bars: arrivals of the last run; each of its {run.replications} replications saw {part}{more}"


def whole(load: Load, run: Run | None) -> int | None:
    """Return how many requests show a whole curve in each replication; None if the run did, or no run can.

    >>> whole(Poisson(rate_per_s=4), None) is None
    True
    """
    if run is None or run.load != load or isinstance(load, ClosedLoop | Poisson | Steady):
        return None
    each = load.expected_requests(load.seen_s)
    if run.asked[0] / run.asked[1] >= 0.98 * each:
        return None
    return math.ceil(min(each, load.requests) - 1e-6) * run.asked[1]


def _about(time_s: float) -> str:
    """Return a time to two figures."""
    _, size_s, unit = next(each for each in UNITS if time_s <= each[0])
    return f"{float(f'{time_s / size_s:.2g}'):g} {unit}"


def _axis(high: float, ticks: int, size: float, steps: tuple[float, ...]) -> list[float]:
    """Return evenly spaced round numbers from 0 to `high` or above, about so many; `size` is one of the unit.

    >>> _axis(11, 5, 1.0, ROUND), _axis(1200, 8, 60.0, ROUND)[:3]
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0], [0.0, 120.0, 240.0])
    """
    rough = 0.8 * high / size / ticks
    power = 10.0 ** math.floor(math.log10(rough)) if steps is ROUND else 1.0
    step = next(each * power for each in steps if each * power >= rough)
    count = math.ceil(high / size / step - 1e-9)
    return [float(f"{k * step * size:.10g}") for k in range(count + 1)]


def picture(shown: Mapping[str, Any]) -> str:
    """Return a scene as SVG: the same data as in the browser.

    Examples
    --------
    >>> image = picture(scene(Poisson(rate_per_s=4)))
    >>> image.startswith("<svg"), "requests per second" in image
    (True, True)
    """
    x_axis, y_axis = shown["x"], shown["y"]

    def x(at_s: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * at_s / float(shown["span_s"]), 1)

    def y(rate: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate / float(y_axis["top"]), 1)

    def text(at: float, height: float, words: str, anchor: str) -> str:
        return f'<text x="{at:g}" y="{height:g}" text-anchor="{anchor}" fill="{GREY}">{escape(words)}</text>'

    parts = [f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="{PAPER}"/>']
    for rate in y_axis["ticks"]:
        parts += [
            f'<path d="M{LEFT:g} {y(rate):g}H{WIDTH - RIGHT:g}" stroke="#D8DEE4"/>',
            text(LEFT - 8, y(rate) + 4, f"{rate:g}", "end"),
        ]
    parts += [text(x(at_s), HEIGHT - BOTTOM + 18, f"{at_s / x_axis['size']:g}", "middle") for at_s in x_axis["ticks"]]
    parts += [
        f'<rect x="{x(low):g}" y="{y(rate):g}" width="{x(high) - x(low):.1f}" height="{y(0) - y(rate):.1f}" '
        f'fill="{GREY}" fill-opacity="0.25"/>'
        for low, high, rate in shown["bars"]
    ]
    route = " ".join(f"{x(at_s):g},{y(rate):g}" for at_s, rate in shown["line"])
    dash = ' stroke-dasharray="7 5"' if shown["is_bound"] else ""
    parts += [f'<polyline points="{route}" fill="none" stroke="{BLUE}" stroke-width="2.5"{dash}/>']
    parts += [
        f'<circle cx="{x(at_s):g}" cy="{y(rate):g}" r="5" fill="{PAPER}" stroke="{BLUE}" stroke-width="2.5"/>'
        for at_s, rate in shown["points"]
    ]
    parts += [
        text(LEFT, 12, "requests per second", "start"),
        text(WIDTH - RIGHT, HEIGHT - 8, f"time, {x_axis['title']}", "end"),
        text(LEFT, HEIGHT - 8, shown["note"], "start"),
        f'<path d="M{LEFT:g} {y(0):g}H{WIDTH - RIGHT:g}" stroke="{INK}"/>',
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{HEIGHT:g}" '
        f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" font-family="{escape(FONT)}" font-size="12">'
    )
    return f"{head}<title>{escape(shown['title'])}</title>{''.join(parts)}</svg>"
