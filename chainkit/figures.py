"""`plot`: one picture of a chain, a trace, a run, a bill, a comparison or a load. The only home of matplotlib.

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
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import ScaledTranslation

from chainkit.billing.bill import Bill
from chainkit.calibration.calibrate import Calibration
from chainkit.calibration.drawing import lines
from chainkit.chain import Chain, as_chain
from chainkit.comparison import Comparison
from chainkit.errors import ConfigError
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH
from chainkit.pictures import BAND, BLUE, GREEN, GREY, INK, PAPER, VERMILION, Card, Picture, Wire, picture
from chainkit.records import Span, Trace
from chainkit.rewiring import Variant
from chainkit.simulation.loads import Load
from chainkit.simulation.run import FRACTIONS, Run
from chainkit.units import seconds, usd

if TYPE_CHECKING:
    import pandas as pd

ORANGE, PALE = "#E69F00", "#C9D1D9"
SMALL, NORMAL, LARGE = 10.5, 12.0, 14.0
"""Sizes of text, points: legible on a projector."""
WIDTH = 10.0
"""Of a figure, inches."""
MOST_LINES = 16
"""Of a bill; what is smaller shares one bar."""
_TIME_UNITS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


class Drawing(Figure):
    """A figure that shows itself as PNG, without pyplot."""

    def _repr_png_(self) -> bytes:
        """Return the figure as a notebook shows it: in 64 colours, a third of the size that the repository keeps."""
        from PIL import Image  # matplotlib brings it

        drawn, png = BytesIO(), BytesIO()
        self.savefig(drawn, format="png")
        drawn.seek(0)
        Image.open(drawn).convert("RGB").quantize(64).save(png, format="png", optimize=True)
        return png.getvalue()


@overload
def plot(thing: Any, ax: None = None) -> Drawing: ...


@overload
def plot(thing: Any, ax: Axes) -> Axes: ...


def plot(thing: Any, ax: Axes | None = None) -> Drawing | Axes:
    """Return a picture of a chain, trace, run, bill, calibration, comparison or load.

    =============  ===========================================================================================
    chain          cards and links; thick: the caller waits, dashed vermilion: what was given up
    trace          waterfall: a bar per hop, wait and attempt, in seconds since the request entered
    run            percentiles of response and completion with their 95 % intervals
    bill           dollars of the month, line by line, in the order of the services
    calibration    measured quantiles as points, the laws made of them as lines
    comparison     percentiles of every chain, and beside them dollars a month (not drawn into a given `ax`)
    load           requests per second over time: a sample in steps, and what is expected in the mean
    =============  ===========================================================================================

    Parameters
    ----------
    thing : Chain, Variant, Trace, Run, Bill, Calibration, Comparison or Load
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
    figure_of = next((entry for kind, entry in _FIGURES.items() if isinstance(thing, kind)), None)
    if figure_of is None:
        names = ", ".join(kind.__name__ for kind in _FIGURES)
        raise ConfigError(
            f"plot: there is no figure of a {type(thing).__name__}; allowed: {names}",
            fix="give one of these; a DataFrame draws itself (frame.plot)",
        )
    if not isinstance(ax, Axes | None):
        raise ConfigError(f"plot: ax={ax!r} is no matplotlib axes", fix="give one of plt.subplots(), or leave it out")
    if ax is not None:
        figure_of.draw(ax, thing)
        return ax
    width, height = figure_of.size(thing)
    figure = Drawing(figsize=(width, height), dpi=110, layout="constrained", facecolor=PAPER)
    if figure_of.beside is None:
        figure_of.draw(figure.add_subplot(), thing)
    else:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        figure_of.draw(left, thing)
        figure_of.beside(right, thing)
    return figure


# --- a chain ---


def _chain_size(chain: Chain | Variant) -> tuple[float, float]:
    """Return inches: 80 pixels each, as long as it is not wider than two pages."""
    *_, width, height = picture(as_chain(chain, "plot")).box
    scale = min(1 / 80, 20 / width)
    return max(width * scale, 3.0), max(height * scale, 1.2)


def _draw_chain(ax: Axes, thing: Chain | Variant) -> None:
    """Draw cards and links, in the pixels of the layout."""
    chain = as_chain(thing, "plot")
    drawn = picture(chain)
    left, top, width, height = drawn.box
    ax.set(xlim=(left, left + width), ylim=(top + height, top), aspect="equal")
    ax.set_axis_off()
    scale = _points_per_pixel(ax, drawn)
    for wire in drawn.wires:
        _draw_wire(ax, wire, scale)
    for card in drawn.cards:
        _draw_card(ax, card, scale)
    if not drawn.cards:
        _say(ax, f"{chain.name}: no services yet")


def _points_per_pixel(ax: Axes, drawn: Picture) -> float:
    """Return how large a pixel of the layout comes out."""
    box = ax.get_position()
    figure_width, figure_height = ax.figure.get_figure(root=True).get_size_inches()
    *_, width, height = drawn.box
    # Constrained layout has not moved the axes yet: in a figure of its own they will fill it.
    share = (1.0, 1.0) if len(ax.figure.axes) == 1 else (box.width, box.height)
    return float(72 * min(figure_width * share[0] / width, figure_height * share[1] / height))


def _draw_wire(ax: Axes, wire: Wire, scale: float) -> None:
    """Draw a link, its head and its word."""
    style = wire.style
    # matplotlib counts dashes in widths of the line.
    dash: Any = (0, tuple(length / style.width for length in style.dash)) if style.dash else "solid"
    codes = [Path.MOVETO, *[Path.CURVE4] * (len(wire.points) - 1)]
    line = Path(list(wire.points), codes)
    ax.add_patch(
        PathPatch(line, fill=False, edgecolor=style.colour, linewidth=style.width * scale, linestyle=dash, zorder=1)
    )
    ax.add_patch(Polygon(wire.arrow(), facecolor=style.colour, linewidth=0, zorder=2))
    halo = [withStroke(linewidth=4 * scale, foreground=PAPER)]
    ax.text(
        *wire.middle, wire.text, color=style.colour, fontsize=11.5 * scale, ha="center", va="center", zorder=3,
        path_effects=halo,
    )  # fmt: skip


def _draw_card(ax: Axes, card: Card, scale: float) -> None:
    """Draw a service: stripe, name and kind."""
    left, top = card.x - CARD_WIDTH / 2, card.y - CARD_HEIGHT / 2
    ax.add_patch(
        FancyBboxPatch(
            (left, top), CARD_WIDTH, CARD_HEIGHT, boxstyle="round,pad=0,rounding_size=6", facecolor=PAPER,
            edgecolor=card.colour, linewidth=1.5 * scale, zorder=4,
        )
    )  # fmt: skip
    ax.add_patch(Rectangle((left, top), BAND, CARD_HEIGHT, facecolor=card.colour, linewidth=0, zorder=5))
    for text, y, size, colour, weight in (
        (card.title, card.y - 9, 14.5, INK, "bold"),
        (card.label, card.y + 12, 12.5, GREY, "normal"),
    ):
        ax.text(left + 18, y, text, color=colour, fontsize=size * scale, weight=weight, va="center", zorder=6)


# --- a trace ---


@dataclass(frozen=True)
class _Look:
    """How a kind of span is drawn."""

    colour: str
    hatch: str
    word: str


_WAITING = _Look(PALE, "", "wait, hop")
_LOOKS = {
    "invocation": _Look(BLUE, "", "invocation"),
    "init": _Look(ORANGE, "//", "init"),
    "overhead": _Look(PALE, "..", "overhead"),
    "dead letter": _Look(VERMILION, "xx", "given up"),
    "expired": _Look(VERMILION, "xx", "given up"),
    "dropped": _Look(VERMILION, "xx", "given up"),
}
_FAILED = _Look(VERMILION, "\\\\", "failed attempt")


def _look(span: Span) -> _Look:
    """Return how a span is drawn."""
    return _LOOKS.get(span.what, _WAITING) if span.status == "ok" else _FAILED


def _spans(trace: Trace) -> list[Span]:
    """Return the spans from top to bottom: not the answer, which is a line of its own, nor waits that took no time."""
    shown = [s for s in trace.spans if s.what != "answer" and (s.end_s > s.start_s or _look(s) is not _WAITING)]
    return sorted(shown, key=lambda s: (s.start_s, s.end_s))


def _draw_trace(ax: Axes, trace: Trace) -> None:
    """Draw the waterfall."""
    spans = _spans(trace)
    last_s = max([span.end_s for span in spans], default=0.0) or 1.0
    shown: dict[str, Any] = {}
    for row, span in enumerate(spans):
        look, took_s = _look(span), span.end_s - span.start_s
        (bar,) = ax.barh(
            row, max(took_s, last_s * 0.002), left=span.start_s, height=0.62, color=look.colour, hatch=look.hatch,
            edgecolor=INK, linewidth=0.6,
        )  # fmt: skip
        shown.setdefault(look.word, bar)
        status = "" if span.status == "ok" else f"  {span.status}"
        ax.text(span.end_s + last_s * 0.01, row, f"{seconds(took_s)}{status}", va="center", fontsize=SMALL, color=INK)
    if math.isfinite(trace.response_s):
        label = f"answered after {seconds(trace.response_s)}"
        shown[label] = ax.axvline(trace.response_s, color=GREEN, linestyle=(0, (5, 3)), linewidth=1.6)
    ax.set(xlim=(0, last_s * 1.16), ylim=(max(len(spans), 1) - 0.4, -0.6))
    ax.set_yticks(range(len(spans)), [_span_name(span) for span in spans])
    _dress(ax, f"{trace.request}: {trace.outcome}", "seconds since the request entered")
    if shown:
        ax.legend(shown.values(), shown.keys(), loc="best", fontsize=SMALL, framealpha=0.9)


def _span_name(span: Span) -> str:
    """Return what stands before a bar."""
    return f"{span.node}: {span.what}" + (f" ({span.attempt})" if span.attempt > 1 else "")


# --- a run ---


def _draw_run(ax: Axes, run: Run) -> None:
    """Draw percentiles with their intervals, response and completion one above the other."""
    summary = run.summary()
    offsets = {"response": -0.14, "completion": 0.14}
    rows = list(FRACTIONS)
    drawn = [_draw_points(ax, summary, what, rows, offset) for what, offset in offsets.items()]
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    _scale_times(ax, [value for values in drawn for value in values])
    _dress(ax, f"{run.chain.name}: {run.requests:,} requests, seed {run.seed}", "time, with 95 % intervals")
    _legend(ax)


def _interval(summary: "pd.DataFrame", figure: str) -> tuple[float, float, float]:
    """Return low, value and high of one figure."""
    low, value, high = summary.loc[figure, ["low", "value", "high"]].to_numpy(dtype=float)
    return float(low), float(value), float(high)


_POINTS = {"response": (BLUE, "o", BLUE), "completion": (VERMILION, "s", PAPER)}


def _draw_points(ax: Axes, summary: "pd.DataFrame", what: str, rows: list[str], offset: float) -> list[float]:
    """Draw one kind of percentile, a row each; return the values drawn."""
    colour, marker, face = _POINTS[what]
    values = []
    for row, name in enumerate(rows):
        figure = f"{what}_{name}_s"
        if figure not in summary.index:
            continue
        low, value, high = _interval(summary, figure)
        if not math.isfinite(value):
            _note_never(ax, row + offset, f"{what}: never", colour)
            continue
        values.append(value)
        error = [[max(value - low, 0.0)], [max(high - value, 0.0)]] if math.isfinite(high - low) else None
        label = what if len(values) == 1 else "_"
        ax.errorbar(
            value, row + offset, xerr=error, fmt=marker, color=colour, markerfacecolor=face, markersize=8, capsize=4,
            linewidth=1.8, label=label,
        )  # fmt: skip
        ax.annotate(
            seconds(value), (value, row + offset), xytext=(0, 8 if offset <= 0 else -17), textcoords="offset points",
            ha="center", fontsize=SMALL, color=colour,
        )  # fmt: skip
    return values


def _note_never(ax: Axes, y: float, text: str, colour: str) -> None:
    """Say at the right edge that a time is infinite."""
    ax.annotate(
        f"{text} ▸", (1.0, y), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=SMALL, color=colour
    )


def _scale_times(ax: Axes, values: list[float]) -> None:
    """Scale the time axis: by factors where the times differ widely, and with units on its ticks."""
    positive = [value for value in values if value > 0]
    if positive and max(positive) > 15 * min(positive):
        ax.set_xscale("log")
        ax.set_xlim(min(positive) / 2.2, max(positive) * 2.8)
    else:
        ax.set_xlim(0, max(positive, default=1.0) * 1.2)
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.4g} s" if value >= 1 else f"{value * 1000:.4g} ms")
    )
    ax.xaxis.set_minor_formatter(NullFormatter())


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
    _dress(
        ax, f"{bill.chain} in {bill.region}: {usd(bill.total_usd)} for {bill.requests_per_month:,.0f} requests",
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
        for what in _POINTS:
            for name in _MARKERS:
                figure = f"{what}_{name}_s"
                if figure in summary.index:
                    yield row, what, name, *_interval(summary, figure)


def _draw_comparison(ax: Axes, comparison: Comparison) -> None:
    """Draw the percentiles of each chain: shapes are percentiles, filled is response, hollow completion."""
    values, labelled, never = [], set(), dict[int, list[str]]()
    for row, what, name, low, value, high in _comparison_bars(comparison):
        colour, _, face = _POINTS[what]
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
        _note_never(ax, row + 0.15, f"{', '.join(names)}: never", VERMILION)
    ax.set_yticks(range(len(comparison.runs)), list(comparison.runs))
    ax.set_ylim(len(comparison.runs) - 0.4, -0.6)
    _scale_times(ax, values)
    _dress(ax, "How long", "time, with 95 % intervals")
    _legend(ax)


def _draw_comparison_bills(ax: Axes, comparison: Comparison) -> None:
    """Draw the month of each chain."""
    _draw_dollars(ax, [comparison.bills[name].total_usd for name in comparison.runs])
    _dress(ax, "How much", "USD a month")
    ax.tick_params(axis="y", labelleft=False)


def _draw_calibration(ax: Axes, cal: Calibration) -> None:
    """Draw how many runs took at most so long: points are measured, lines are laws."""
    for x_s, y, look in lines(cal):
        ax.plot(x_s, y, **look)
    _scale_times(ax, [float(time_s) for x_s, *_ in lines(cal) for time_s in x_s])
    _dress(ax, "Measured times and their laws", "time; upwards: share of runs that took at most so long")
    _legend(ax)


# --- traffic ---


def _draw_load(ax: Axes, load: Load) -> None:
    """Draw the rate as it is expected, and the counts of a sample."""
    seen = load.seen()
    unit_s, unit = next((each for each in _TIME_UNITS if seen.edges_s[-1] >= 3 * each[0]), _TIME_UNITS[-1])
    ax.stairs(seen.sample_per_s, seen.edges_s / unit_s, fill=True, color=PALE, label="a sample")
    ax.stairs(seen.expected_per_s, seen.edges_s / unit_s, color=BLUE, linewidth=1.8, label="expected")
    _dress(ax, f"{type(load).__name__}: {load.rate_per_s:.4g} requests per second in the long run", unit)
    _legend(ax)


# --- what all share ---


def _dress(ax: Axes, title: str, below: str) -> None:
    """Give axes a title, a grid and text that can be read from afar."""
    ax.set_title(title, fontsize=LARGE, color=INK, loc="left")
    ax.set_xlabel(below, fontsize=NORMAL, color=INK)
    ax.tick_params(labelsize=NORMAL, colors=INK)
    ax.tick_params(axis="y", length=0)
    ax.set_facecolor(PAPER)
    ax.grid(visible=True, axis="x", color=PALE, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _legend(ax: Axes) -> None:
    """Put the legend below the axes and their label, where no point can be."""
    handles, labels = ax.get_legend_handles_labels()
    inch = ax.figure.get_figure(root=True).dpi_scale_trans
    below = ax.transAxes + ScaledTranslation(0, -0.55, inch)
    if handles:
        ax.legend(
            handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=3,
            fontsize=SMALL, frameon=False,
        )  # fmt: skip


def _say(ax: Axes, text: str) -> None:
    """Write one line in the middle of empty axes."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=NORMAL, color=GREY)


@dataclass(frozen=True)
class _Figure:
    """How a kind of thing is drawn."""

    draw: Callable[[Axes, Any], None]
    size: Callable[[Any], tuple[float, float]]
    """Of a figure of its own, inches."""
    beside: Callable[[Axes, Any], None] | None = None
    """What a figure of its own shows besides."""


def _rows(count: Callable[[Any], int], each: float = 0.42, fixed: float = 1.5) -> Callable[[Any], tuple[float, float]]:
    """Return the size of a figure whose height follows its rows."""
    return lambda thing: (WIDTH, fixed + each * max(count(thing), 2))


_FIGURES: Mapping[type, _Figure] = {
    Chain: _Figure(_draw_chain, _chain_size),
    Variant: _Figure(_draw_chain, _chain_size),
    Trace: _Figure(_draw_trace, _rows(lambda trace: len(_spans(trace)))),
    Run: _Figure(_draw_run, _rows(lambda _: len(FRACTIONS), 0.85)),
    Bill: _Figure(_draw_bill, _rows(lambda bill: len(_bill_rows(bill)))),
    Calibration: _Figure(_draw_calibration, lambda _: (WIDTH, 5.0)),
    Comparison: _Figure(
        _draw_comparison, _rows(lambda comparison: len(comparison.runs), 0.62, 2.0), _draw_comparison_bills
    ),
    Load: _Figure(_draw_load, lambda _: (WIDTH, 3.6)),
}
