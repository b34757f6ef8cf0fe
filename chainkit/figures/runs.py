"""A run in pictures: percentiles with their intervals, where the time goes, where the chain breaks."""

import math
from textwrap import fill
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from chainkit.breaking import BreakingPoint
from chainkit.figures.style import ORANGE, PALE, SMALL, dress, legend, note_never, scale_times
from chainkit.pictures import BLUE, GREEN, GREY, INK, PAPER, VERMILION
from chainkit.simulation.intervals import FRACTIONS
from chainkit.simulation.run import Run
from chainkit.units import seconds

if TYPE_CHECKING:
    import pandas as pd

MOST_PARTS = 14
"""Bars of a blame; what is smaller shares one."""


def draw_run(ax: Axes, run: Run) -> None:
    """Draw percentiles with their intervals, response and completion one above the other."""
    summary = run.summary()
    offsets = {"response": -0.14, "completion": 0.14}
    rows = list(FRACTIONS)
    drawn = [_draw_points(ax, summary, what, rows, offset) for what, offset in offsets.items()]
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    scale_times(ax, [value for values in drawn for value in values])
    dress(ax, f"{run.chain.name}: {run.requests:,} requests, seed {run.seed}", "time, with 95 % intervals")
    legend(ax)


def interval_of(summary: "pd.DataFrame", figure: str) -> tuple[float, float, float]:
    """Return low, value and high of one figure."""
    low, value, high = summary.loc[figure, ["low", "value", "high"]].to_numpy(dtype=float)
    return float(low), float(value), float(high)


POINTS = {"response": (BLUE, "o", BLUE), "completion": (VERMILION, "s", PAPER)}


def _draw_points(ax: Axes, summary: "pd.DataFrame", what: str, rows: list[str], offset: float) -> list[float]:
    """Draw one kind of percentile, a row each; return the values drawn."""
    colour, marker, face = POINTS[what]
    values = []
    for row, name in enumerate(rows):
        figure = f"{what}_{name}_s"
        if figure not in summary.index:
            continue
        low, value, high = interval_of(summary, figure)
        if not math.isfinite(value):
            note_never(ax, row + offset, f"{what}: never", colour)
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


# --- where the time goes ---


def parts(frame: "pd.DataFrame") -> list[tuple[str, float, float, float, float]]:
    """Return (name, mean, its share, tail, its share) of each bar, the smaller ones together."""
    columns = [frame[name].astype(float) for name in ("mean_s", "share", "tail_s", "tail_share")]
    names = frame["node"] + ": " + frame["reason"]
    rows: list[tuple[str, float, float, float, float]] = list(zip(names, *columns, strict=True))
    if len(rows) <= MOST_PARTS:
        return rows
    rows.sort(key=lambda row: -max(row[2], row[4]))
    rest = [math.fsum(values) for values in zip(*(row[1:] for row in rows[MOST_PARTS - 1 :]), strict=True)]
    named = sorted(rows[: MOST_PARTS - 1], key=lambda row: -row[1])
    return [*named, (f"{len(rows) - MOST_PARTS + 1} smaller parts", rest[0], rest[1], rest[2], rest[3])]


def draw_blame(ax: Axes, frame: "pd.DataFrame") -> None:
    """Draw the parts of the mean."""
    rows = parts(frame)
    _draw_parts(ax, [(mean_s, share) for _, mean_s, share, _, _ in rows], BLUE, "")
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    of, whole_s = frame.attrs.get("of", "time"), math.fsum(row[1] for row in rows)
    dress(ax, f"mean {of}: {seconds(whole_s)}", f"seconds, of {frame.attrs.get('requests', 0):,} requests")


def draw_blame_of_tail(ax: Axes, frame: "pd.DataFrame") -> None:
    """Draw the parts of the slowest requests' mean."""
    rows = parts(frame)
    _draw_parts(ax, [(tail_s, share) for *_, tail_s, share in rows], ORANGE, "//")
    slowest, whole_s = 100 * (1 - frame.attrs.get("tail", 0.0)), math.fsum(row[3] for row in rows)
    dress(
        ax, f"the slowest {slowest:.3g} %: {seconds(whole_s)}",
        f"seconds, of {frame.attrs.get('tail_requests', 0):,} requests",
    )  # fmt: skip
    ax.tick_params(axis="y", labelleft=False)


def _draw_parts(ax: Axes, values: list[tuple[float, float]], colour: str, hatch: str) -> None:
    """Draw bars with their seconds and shares."""
    most = max((value for value, _ in values), default=0.0) or 1.0
    bars = [value for value, _ in values]
    ax.barh(range(len(bars)), bars, height=0.62, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.6)
    for row, (value, share) in enumerate(values):
        words = f"{seconds(value)} ({share:.0%})" if share >= 0.005 else f"{seconds(value)} (<1%)"
        ax.text(value + most * 0.015, row, words, va="center", fontsize=SMALL, color=INK)
    ax.set(xlim=(0, most * 1.45), ylim=(max(len(bars), 1) - 0.4, -0.6))


# --- where it breaks ---


_VERDICTS = {"holds": (GREEN, "o", "holds"), "unsure": (GREY, "^", "not sure"), "breaks": (VERMILION, "X", "breaks")}


def draw_breaking_point(ax: Axes, point: BreakingPoint) -> None:
    """Draw every rate that was tried, and between which two the chain breaks."""
    frame = point.to_frame()
    for verdict, (colour, marker, label) in _VERDICTS.items():
        rows = frame[frame["verdict"] == verdict]
        if len(rows):
            error = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
            ax.errorbar(
                rows["rate_per_s"], rows["value"], yerr=error, fmt=marker, color=colour, markersize=8, capsize=4,
                linewidth=1.5, label=label,
            )  # fmt: skip
    if point.low_per_s > 0 and math.isfinite(point.high_per_s):
        ax.axvspan(point.low_per_s, point.high_per_s, color=PALE, zorder=0, label="between these it breaks")
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda rate_per_s, _: f"{rate_per_s:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    limits = frame["limit"][frame["limit"] < math.inf]
    if len(limits):
        ax.axhline(limits.iloc[-1], color=INK, linestyle=(0, (5, 3)), linewidth=1.2, label="too much")
    dress(ax, fill(str(point).replace("`", ""), 90), "requests per second")
    ax.tick_params(which="both", labelsize=SMALL)
    ax.set_ylabel("share of what is nearest to breaking", fontsize=SMALL, color=INK)
    legend(ax)
