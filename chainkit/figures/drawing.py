"""`plot`: one picture of a chain, a trace, a run, a bill, a comparison, a load.

A figure says nothing by colour alone: bars carry hatches, points shapes, and all of them words and numbers. It takes no
setting from matplotlib's global ones that it cannot do without, and leaves pyplot alone: a figure shows itself.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, overload

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chainkit.billing.bill import Bill
from chainkit.breaking import BreakingPoint
from chainkit.calibration.calibrate import Calibration
from chainkit.calibration.drawing import lines
from chainkit.calibration.tunings import PowerTuning
from chainkit.chain import Chain
from chainkit.comparison import Comparison
from chainkit.deployment.measured import Measured
from chainkit.errors import ConfigError
from chainkit.figures.chains import chain_size, draw_chain, draw_map, map_size
from chainkit.figures.decisions import draw_costs, draw_front, draw_sensitivity, shown_swings
from chainkit.figures.runs import (
    POINTS,
    draw_blame,
    draw_blame_of_tail,
    draw_breaking_point,
    draw_run,
    interval_of,
    parts,
)  # fmt: skip
from chainkit.figures.sizing import draw_curve, draw_curve_dollars, draw_sizing, draw_tuning, draw_tuning_dollars
from chainkit.figures.style import PALE, SMALL, WIDTH, dress, legend, note_never, scale_times
from chainkit.figures.timelines import TIME_UNITS, draw_series, panels
from chainkit.figures.waterfall import draw_trace, rows
from chainkit.fronts import Front
from chainkit.pictures import BLUE, GREEN, INK, PAPER, VERMILION
from chainkit.records import Trace
from chainkit.rewiring import Variant
from chainkit.scaling import CostCurve
from chainkit.simulation.loads import Load
from chainkit.simulation.run import FRACTIONS, Run
from chainkit.sizing.memory_curves import FunctionCurve
from chainkit.sizing.right_sizing import Sizing
from chainkit.swings import Sensitivity
from chainkit.units import usd

if TYPE_CHECKING:
    pass

MOST_LINES = 16
"""Of a bill; what is smaller shares one bar."""


class Drawing(Figure):
    """A figure that shows itself as PNG, without pyplot."""

    def _repr_png_(self) -> bytes:
        """Return the figure as a notebook shows it: in 64 colours, a third of the size that the repository keeps.

        The colours are those farthest from each other: the most frequent ones would be greys, of the letters' edges.
        """
        from PIL import Image  # matplotlib brings it

        drawn, png = BytesIO(), BytesIO()
        self.savefig(drawn, format="png")
        drawn.seek(0)
        Image.open(drawn).convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE).save(png, format="png", optimize=True)
        return png.getvalue()


@overload
def plot(thing: Any, ax: None = None) -> Drawing: ...


@overload
def plot(thing: Any, ax: Axes) -> Axes: ...


def plot(thing: Any, ax: Axes | None = None) -> Drawing | Axes:
    """Return a picture of a chain, trace, load test, run, bill, calibration, comparison or load.

    ===============  ===========================================================================================
    chain            cards and links; thick: the caller waits, dashed vermilion: what was given up
    measured         the chain with calls, errors, p50 and p95 of each service, and counts on the links
    trace            waterfall: a bar per hop, wait and attempt, in seconds since the request entered
    run              percentiles of response and completion with their 95 % intervals
    bill             dollars of the month, line by line, in the order of the services
    calibration      measured quantiles as points, the laws made of them as lines
    comparison       percentiles of every chain, and beside them dollars a month (not drawn into a given `ax`)
    load             requests per second over time: a sample in steps, and what is expected in the mean
    run.series       environments, throttles, cold starts, backlogs over time, below each other (the first in `ax`)
    run.blame()      the parts of the mean, and beside them those of the slowest (not drawn into a given `ax`)
    cost at scale    dollars a million requests by volume, and where another design becomes the cheapest
    pareto           time against cost, with intervals: filled on the front, hollow undecided, grey beaten
    sensitivity      a tornado: the figure at both ends of what may be off; hatched where another design wins
    breaking point   every rate that was tried, and between which two the chain breaks
    memory curve     a function's times at every size, and beside them dollars of a million runs; a tuning likewise
    sizing           every design that was tried, by time and money, with the limit, before and after
    ===============  ===========================================================================================

    Parameters
    ----------
    thing : Chain, Variant, Measured, Trace, Run, Bill, Calibration, Comparison, CostCurve, Front, Sensitivity, Load,
        BreakingPoint, FunctionCurve, PowerTuning, Sizing, run.series or run.blame()
    ax : matplotlib axes to draw into; None: a figure of its own

    Returns
    -------
    `ax`, or the new figure, which a notebook shows when it is the last line of a cell.

    Raises
    ------
    ConfigError
        If there is no picture of such a thing, or `ax` is none.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> [text.get_text() for text in ck.plot(chain).axes[0].texts]
    ['jobs', 'SQS queue']
    """
    figure_of = _FRAMES.get(getattr(thing, "attrs", {}).get("figure")) or next(
        (entry for kind, entry in _FIGURES.items() if isinstance(thing, kind)), None
    )
    if figure_of is None:
        names = ", ".join(kind.__name__ for kind in _FIGURES)
        raise ConfigError(
            f"plot: there is no figure of a {type(thing).__name__}; allowed: {names}, run.series, run.blame()",
            fix="give one of these; any other DataFrame draws itself (frame.plot)",
        )
    if not isinstance(ax, Axes | None):
        raise ConfigError(f"plot: ax={ax!r} is no matplotlib axes", fix="give one of plt.subplots(), or leave it out")
    if ax is not None:
        figure_of.draw(ax, thing)
        return ax
    width, height = figure_of.size(thing)
    figure = Drawing(figsize=(width, height), dpi=110, layout="constrained", facecolor=PAPER)
    if figure_of.panels is not None:
        draws = figure_of.panels(thing)
        for panel, draw in zip(figure.subplots(len(draws), 1, sharex=True, squeeze=False).flat, draws, strict=True):
            draw(panel, thing)
    elif figure_of.beside is None:
        figure_of.draw(figure.add_subplot(), thing)
    else:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        figure_of.draw(left, thing)
        figure_of.beside(right, thing)
    return figure


# --- a bill ---


def _bill_rows(bill: Bill) -> list[tuple[str, float]]:
    """Return what each bar is called, and its dollars."""
    ranked = sorted(range(len(bill.lines)), key=lambda k: -bill.lines[k].usd)
    large, small = sorted(ranked[:MOST_LINES]), [bill.lines[k] for k in ranked[MOST_LINES:]]
    order = {name: k for k, name in enumerate(bill.nodes)}
    lines = sorted((bill.lines[k] for k in large), key=lambda line: order[line.node])
    rows = [(f"{line.node}: {line.what}", line.usd) for line in lines]
    return [*rows, (f"{len(small)} smaller lines", math.fsum(line.usd for line in small))] if small else rows


def _draw_bill(ax: Axes, bill: Bill) -> None:
    """Draw a bar per line."""
    rows = _bill_rows(bill)
    _draw_dollars(ax, [value for _, value in rows])
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    dress(
        ax, f"{bill.title.replace(': ', f': {usd(bill.total_usd)} for ', 1)}",
        "USD a month",
    )  # fmt: skip


def _draw_dollars(ax: Axes, values: list[float]) -> None:
    """Draw bars with their dollars."""
    most = max(values, default=0.0) or 1.0
    ax.barh(range(len(values)), values, height=0.62, color=GREEN, edgecolor=INK, linewidth=0.6)
    for row, value in enumerate(values):
        ax.text(value + most * 0.015, row, usd(value), va="center", fontsize=SMALL, color=INK)
    ax.set_xlim(0, most * 1.22)


# --- a comparison ---


_MARKERS = {"p50": "o", "p95": "D", "p99": "s"}


def _comparison_bars(comparison: Comparison) -> Iterator[tuple[int, str, str, float, float, float]]:
    """Yield row, what, percentile, low, value, high."""
    for row, run in enumerate(comparison.runs.values()):
        summary = run.summary()
        for what in POINTS:
            for name in _MARKERS:
                figure = f"{what}_{name}_s"
                if figure in summary.index:
                    yield row, what, name, *interval_of(summary, figure)


def _draw_comparison(ax: Axes, comparison: Comparison) -> None:
    """Draw the percentiles of each chain: shapes are percentiles, filled is response, hollow completion."""
    values, labelled, never = [], set(), dict[int, list[str]]()
    for row, what, name, low, value, high in _comparison_bars(comparison):
        colour, _, face = POINTS[what]
        if not math.isfinite(value):
            never.setdefault(row, []).append(name)
            continue
        values.append(value)
        label = f"{what} {name}"
        error = [[max(value - low, 0.0)], [max(high - value, 0.0)]] if math.isfinite(high - low) else None
        ax.errorbar(
            value, row + (-0.15 if what == "response" else 0.15), xerr=error, fmt=_MARKERS[name], color=colour,
            markerfacecolor=face, markersize=8, capsize=3, linewidth=1.5, label="_" if label in labelled else label,
        )  # fmt: skip
        labelled.add(label)
    for row, names in never.items():
        note_never(ax, row + 0.15, f"{', '.join(names)}: never", VERMILION)
    ax.set_yticks(range(len(comparison.runs)), list(comparison.runs))
    ax.set_ylim(len(comparison.runs) - 0.4, -0.6)
    scale_times(ax, values)
    dress(ax, "How long", "time, with 95 % intervals")
    legend(ax)


def _draw_comparison_bills(ax: Axes, comparison: Comparison) -> None:
    """Draw the month of each chain."""
    _draw_dollars(ax, [comparison.bills[name].total_usd for name in comparison.runs])
    dress(ax, "How much", "USD a month")
    ax.tick_params(axis="y", labelleft=False)


def _draw_calibration(ax: Axes, cal: Calibration) -> None:
    """Draw how many runs took at most so long: points are measured, lines are laws."""
    for x_s, y, look in lines(cal):
        ax.plot(x_s, y, **look)
    scale_times(ax, [float(time_s) for x_s, *_ in lines(cal) for time_s in x_s])
    dress(ax, "Measured times and their laws", "time; upwards: share of runs that took at most so long")
    legend(ax)


# --- traffic ---


def _draw_load(ax: Axes, load: Load) -> None:
    """Draw the rate as it is expected, and the counts of a sample."""
    seen = load.seen()
    unit_s, unit = next((each for each in TIME_UNITS if seen.edges_s[-1] >= 3 * each[0]), TIME_UNITS[-1])
    ax.stairs(seen.sample_per_s, seen.edges_s / unit_s, fill=True, color=PALE, label="a sample")
    ax.stairs(seen.expected_per_s, seen.edges_s / unit_s, color=BLUE, linewidth=1.8, label="expected")
    dress(ax, f"{type(load).__name__}: requests per second ({load.rate_per_s:.4g} in the long run)", unit)
    legend(ax)


# --- which is drawn how ---


@dataclass(frozen=True)
class _Figure:
    """How a kind of thing is drawn."""

    draw: Callable[[Axes, Any], None]
    size: Callable[[Any], tuple[float, float]]
    """Of a figure of its own, inches."""
    beside: Callable[[Axes, Any], None] | None = None
    """What a figure of its own shows besides."""
    panels: Callable[[Any], list[Callable[[Axes, Any], None]]] | None = None
    """What a figure of its own shows below each other instead."""


def _rows(count: Callable[[Any], int], each: float = 0.42, fixed: float = 1.5) -> Callable[[Any], tuple[float, float]]:
    """Return the size of a figure whose height follows its rows."""
    return lambda thing: (WIDTH, fixed + each * max(count(thing), 2))


_FIGURES: Mapping[type, _Figure] = {
    Chain: _Figure(draw_chain, chain_size),
    Variant: _Figure(draw_chain, chain_size),
    Trace: _Figure(draw_trace, _rows(lambda trace: len(rows(trace)), 0.42, 2.1)),
    Run: _Figure(draw_run, _rows(lambda _: len(FRACTIONS), 0.85)),
    Bill: _Figure(_draw_bill, _rows(lambda bill: len(_bill_rows(bill)))),
    Measured: _Figure(draw_map, map_size),
    Calibration: _Figure(_draw_calibration, lambda _: (WIDTH, 5.0)),
    Comparison: _Figure(
        _draw_comparison, _rows(lambda comparison: len(comparison.runs), 0.62, 2.0), _draw_comparison_bills
    ),
    CostCurve: _Figure(draw_costs, lambda _: (WIDTH, 5.4)),
    Front: _Figure(draw_front, lambda _: (WIDTH, 5.0)),
    Sensitivity: _Figure(draw_sensitivity, _rows(lambda found: len(shown_swings(found)))),
    Load: _Figure(_draw_load, lambda _: (WIDTH, 3.6)),
    BreakingPoint: _Figure(draw_breaking_point, lambda _: (WIDTH, 4.4)),
    FunctionCurve: _Figure(draw_curve, _rows(lambda curve: len(curve.sizes), 0.42, 2.0), draw_curve_dollars),
    PowerTuning: _Figure(draw_tuning, _rows(lambda tuning: len(tuning.sizes), 0.42, 2.0), draw_tuning_dollars),
    Sizing: _Figure(draw_sizing, lambda _: (WIDTH, 5.0)),
}
_FRAMES: Mapping[Any, _Figure] = {
    "series": _Figure(draw_series, lambda frame: (WIDTH, 0.6 + 2.3 * len(panels(frame))), panels=panels),
    "blame": _Figure(draw_blame, _rows(lambda frame: len(parts(frame))), draw_blame_of_tail),
}
"""By what a run's table says of itself."""
