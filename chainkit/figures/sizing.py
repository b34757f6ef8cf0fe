"""Memory and design sizes in pictures: times and dollars by memory, and designs by time and money."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from chainkit.calibration.tunings import PowerTuning
from chainkit.figures.style import PALE, SMALL, dress, legend, scale_times
from chainkit.pictures import BLUE, GREEN, GREY, INK, PAPER, VERMILION
from chainkit.sizing.memory_curves import FunctionCurve
from chainkit.sizing.right_sizing import Sizing
from chainkit.units import usd

# --- one function ---


def draw_curve(ax: Axes, curve: FunctionCurve) -> None:
    """Draw a row for each size: mean and p95 alone, the cold start, and the chain's figure with its interval."""
    rows = range(len(curve.sizes))
    times = {
        "mean": ("o", BLUE, [each.duration_mean_s for each in curve.sizes]),
        "p95": ("D", BLUE, [each.duration_p95_s for each in curve.sizes]),
        "first run, with init": ("s", GREY, [each.cold_mean_s for each in curve.sizes]),
    }
    for label, (marker, colour, values) in times.items():
        ax.plot(values, rows, marker=marker, color=colour, markerfacecolor=PAPER, linestyle=":", label=label)
    shown = [value for _, _, values in times.values() for value in values]
    if curve.figure:
        ends = [(max(v - low, 0.0), v, max(high - v, 0.0)) for low, v, high in curve.chain]
        less, values, more = ([0.0 if x != x else x for x in column] for column in zip(*ends, strict=True))
        label = f"chain: {curve.figure.removesuffix('_s').replace('_', ' ')}"
        ax.errorbar(values, rows, xerr=[less, more], fmt="^", color=VERMILION, capsize=3, label=label)
        shown += [value for value in values if math.isfinite(value)]
    _label_sizes(ax, [_named(curve, k) for k in rows])
    scale_times(ax, shown)
    dress(ax, f"{curve.function}: how long", "time, with 95 % intervals of the chain's" if curve.figure else "time")
    legend(ax)


def draw_curve_dollars(ax: Axes, curve: FunctionCurve) -> None:
    """Draw what a million runs cost, on both processors."""
    _draw_bars(ax, [each.usd_per_million for each in curve.sizes])
    other = "arm64" if curve.architecture == "x86_64" else "x86_64"
    there = [getattr(each, f"usd_per_million_{other}") for each in curve.sizes]
    ax.plot(there, range(len(there)), marker="D", color=INK, markerfacecolor=PAPER, linestyle="", label=f"on {other}")
    dress(ax, f"How much on {curve.architecture}", "USD a million invocations")
    ax.tick_params(axis="y", labelleft=False)
    legend(ax)


def draw_tuning(ax: Axes, tuning: PowerTuning) -> None:
    """Draw what was measured at each size, and the curve through it."""
    rows = range(len(tuning.sizes))
    measured = [each.duration_s for each in tuning.sizes]
    ax.plot(measured, rows, marker="o", color=VERMILION, linestyle="", label="measured")
    curve = tuning.curve
    if curve is not None:
        fitted = [curve.duration_s(each.memory_mb) for each in tuning.sizes]
        ax.plot(fitted, rows, marker="|", markersize=14, color=BLUE, linestyle=":", label="io + cpu / min(m, 1769)")
        measured += fitted
    _label_sizes(ax, [f"{each.memory_mb} MB" for each in tuning.sizes])
    scale_times(ax, measured)
    dress(ax, "Power Tuning: how long", "time, trimmed means")
    legend(ax)


def draw_tuning_dollars(ax: Axes, tuning: PowerTuning) -> None:
    """Draw what a million runs cost."""
    _draw_bars(ax, [each.usd * 1e6 for each in tuning.sizes])
    dress(ax, "How much", "USD a million invocations")
    ax.tick_params(axis="y", labelleft=False)


def _named(curve: FunctionCurve, k: int) -> str:
    """Return how a size is called: with what it is best in."""
    each = curve.sizes[k]
    best = {"cheapest": curve.cheapest, "balanced": curve.balanced(), "fastest": curve.fastest}
    words = [word for word, size in best.items() if size == each]
    return f"{each.memory_mb} MB" + (f"\n{', '.join(words)}" if words else "")


def _label_sizes(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.4, -0.6)


def _draw_bars(ax: Axes, values: Sequence[float]) -> None:
    """Draw bars with their dollars; none where the cost is not known."""
    known = [0.0 if value != value else value for value in values]
    most = max(known, default=0.0) or 1.0
    ax.barh(range(len(known)), known, height=0.62, color=GREEN, edgecolor=INK, linewidth=0.6)
    for row, value in enumerate(values):
        told = usd(value) if value == value else "not known"
        ax.text(known[row] + most * 0.03, row, told, va="center", fontsize=SMALL, color=INK)
    ax.set_xlim(0, most * 1.35)


# --- a sizing ---


def draw_sizing(ax: Axes, sizing: Sizing) -> None:
    """Draw every design that was tried, by time and money, with the limit, before and after."""
    tried = sizing.designs[sizing.designs[sizing.figure].map(math.isfinite)]
    for is_within, marker, label in ((False, "x", "beyond the limit"), (True, "o", "within")):
        own = tried[tried["is_within"] == is_within]
        ax.plot(own[sizing.figure], own["usd_per_month"], marker, color=GREY, markersize=4, label=f"tried: {label}")
    shown = [*tried[sizing.figure]]
    for name, marker, colour in (("before", "s", BLUE), ("after", "D", VERMILION)):
        run, bill = sizing.comparison.runs[name], sizing.comparison.bills[name]
        time_s = float(run.summary()["value"][sizing.figure])
        if math.isfinite(time_s):
            ax.plot([time_s], [bill.total_usd], marker, color=colour, markersize=10, label=name)
            shown.append(time_s)
    line = ax.axvline if sizing.goal.limited == "time_s" else ax.axhline
    line(sizing.goal.limit, color=INK, linestyle="--", linewidth=1.2, label="limit")
    if sizing.goal.limited == "time_s":
        shown.append(sizing.goal.limit)
    scale_times(ax, shown)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: usd(value)))
    ax.grid(visible=True, axis="y", color=PALE, linewidth=0.7)
    dress(ax, f"{sizing.chain.name}: USD a month against time", sizing.figure.removesuffix("_s").replace("_", " "))
    legend(ax)
