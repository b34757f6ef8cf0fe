"""What decides between designs: cost by volume, time against cost, and how far figures swing."""

import math
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from chainkit.figures.style import NORMAL, ORANGE, PALE, PURPLE, SKY, SMALL, dress, legend, say
from chainkit.fronts import Front
from chainkit.pictures import BLUE, GREEN, GREY, INK, PAPER, VERMILION
from chainkit.scaling import CostCurve
from chainkit.swings import Sensitivity, Swing
from chainkit.units import amount, seconds, usd

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK, GREY)
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^v*Xp"
POINTS = 200
"""Volumes of a drawn curve, besides its knots."""
MOST_SWINGS = 14
"""Bars of a tornado; what swings less is told in a word."""
RANGE_OF_LOG = 8.0
"""Largest by smallest value from which an axis goes by factors."""


# --- cost by volume ---


def draw_costs(ax: Axes, curve: CostCurve) -> None:
    """Draw dollars a million requests by volume: a line per design with its interval, knots, and break-even points."""
    asked = [volume for volume in curve.requests_per_month if volume > 0]
    if not asked:
        say(ax, "no volume above 0")
        return
    low, high = (min(asked), max(asked)) if len(asked) > 1 else (asked[0] / 10, asked[0] * 10)
    frame = curve.at(*np.geomspace(low, high, POINTS)).to_frame()
    for k, (name, own) in enumerate(frame.groupby("variant", sort=False)):
        volumes = own["requests_per_month"].to_numpy()
        colour = COLOURS[k % len(COLOURS)]
        each = {key: own[key].to_numpy() / volumes * 1e6 for key in ("low", "usd", "high")}
        ax.plot(volumes, each["usd"], color=colour, linestyle=DASHES[k % len(DASHES)], linewidth=1.9, label=str(name))
        ax.fill_between(volumes, each["low"], each["high"], color=colour, alpha=0.18, linewidth=0)
        knots = own["knot"].to_numpy()
        ax.plot(volumes[knots], each["usd"][knots], "o", color=colour, markersize=4, label="_")
    _mark_break_evens(ax, curve, low, high)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    tier = "with the free tier" if curve.terms.free_tier else "without free tier"
    dress(ax, f"USD a million requests, {tier}", "requests a month; dots: a tier or a free part ends")
    ax.grid(visible=True, axis="y", color=PALE, linewidth=0.7)
    ax.set_ylim(bottom=0)
    legend(ax)


def _mark_break_evens(ax: Axes, curve: CostCurve, low: float, high: float) -> None:
    """Mark the volumes at which another design becomes the cheapest."""
    marked = 0
    for one, other in combinations(curve.tariffs, 2):
        for point in curve.break_even(one, other):
            volume = point.requests_per_month
            costs = {name: curve.usd(name, volume).usd for name in curve.tariffs}
            if low <= volume <= high and costs[one] <= min(costs.values()) * (1 + 1e-9):
                at = costs[one] / volume * 1e6
                ax.plot([volume], [at], "x", color=INK, markersize=9, markeredgewidth=2, label="_")
                below: dict[str, Any] = {
                    "xytext": (4, -14 if marked % 2 else 9),
                    "textcoords": "offset points",
                }  # neighbours give way
                ax.annotate(amount(volume), (volume, at), fontsize=SMALL, color=INK, **below)
                marked += 1


# --- time against cost ---


def draw_front(ax: Axes, front: Front) -> None:
    """Draw each design with its intervals: filled on the front, hollow undecided, grey where another one beats it."""
    seen = [each for each in front.standings if math.isfinite(each.time_s[1])]
    for k, each in enumerate(seen):
        colour = GREY if each.is_on_front is False else COLOURS[k % len(COLOURS)]
        (x_low, x, x_high), (y_low, y, y_high) = each.usd, each.time_s
        face = PAPER if each.is_on_front is None else colour
        bars = {"xerr": _error(x_low, x, x_high), "yerr": _error(y_low, y, y_high)}
        look: dict[str, Any] = {"color": colour, "markerfacecolor": face, "markersize": 9, "capsize": 3, **bars}
        ax.errorbar(x, y, fmt=MARKERS[k % len(MARKERS)], **look)
        ax.annotate(each.variant, (x, y), xytext=(7, 6), textcoords="offset points", fontsize=SMALL, color=INK)
    on = sorted((each.usd[1], each.time_s[1]) for each in seen if each.is_on_front)
    ax.plot([x for x, _ in on], [y for _, y in on], color=PALE, linewidth=4, zorder=0.5, label="_")
    missing = [each for each in front.standings if not math.isfinite(each.time_s[1])]
    words = [f"{each.variant}: {'no answer' if math.isnan(each.time_s[1]) else 'never'}" for each in missing]
    ax.text(0.99, 0.97, "\n".join(words), transform=ax.transAxes, ha="right", va="top", fontsize=SMALL, color=VERMILION)
    _scale(ax, "x", [each.usd[1] for each in seen], usd)
    _scale(ax, "y", [each.time_s[1] for each in seen], seconds)
    what, p, _ = front.time.split("_")
    dress(ax, f"{what} {p} against cost: filled, no other design beats it", front.money.replace("_", " "))
    ax.grid(visible=True, axis="y", color=PALE, linewidth=0.7)


def _error(low: float, value: float, high: float) -> list[list[float]] | None:
    """Return the bars of an interval; none where there is none."""
    if not math.isfinite(high - low):
        return None
    return [[max(value - low, 0.0)], [max(high - value, 0.0)]]


def _scale(ax: Axes, axis: str, values: list[float], shown: object) -> None:
    """Scale an axis by factors where its values differ widely, and write units on its ticks."""
    positive = [value for value in values if value > 0]
    is_wide = bool(positive) and max(positive) > RANGE_OF_LOG * min(positive)
    ax.set(**{f"{axis}scale": "log" if is_wide else "linear"})
    side = ax.xaxis if axis == "x" else ax.yaxis
    side.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))  # type: ignore[operator]
    side.set_minor_formatter(NullFormatter())
    if positive and is_wide:
        ax.set(**{f"{axis}lim": (min(positive) / 2, max(positive) * 2)})
    elif positive:
        room = 0.2 * (max(positive) - min(positive)) or 0.2 * max(positive)
        ax.set(**{f"{axis}lim": (max(min(positive) - room, 0.0), max(positive) + room)})


# --- sensitivity ---


def shown_swings(found: Sensitivity) -> list[Swing]:
    """Return the swings that are drawn: finite ones, the widest."""
    return [each for each in found.swings if each.width > 0 and math.isfinite(each.width)][:MOST_SWINGS]


def draw_sensitivity(ax: Axes, found: Sensitivity) -> None:
    """Draw a tornado: a bar from the figure at one end of a supposition to that at its other end; hatched: it flips."""
    swings = shown_swings(found)
    if not swings:
        say(ax, f"nothing that was varied moves the {found.what}")
        return
    base = found.base[1]
    for row, each in enumerate(swings):
        ends = ((each.at_low[1], each.supposition.low, SKY), (each.at_high[1], each.supposition.high, ORANGE))
        hatch = "///" if found.to and each.flips == "yes" else None
        # The farther end first: where both lie on one side, the other bar is drawn into it, and has no room for a word.
        far, near = sorted(ends, key=lambda end: -abs(end[0] - base))
        for value, end, colour in (far, near):
            ax.barh(row, value - base, left=base, height=0.62, color=colour, edgecolor=INK, linewidth=0.6, hatch=hatch)
            if (value, end) == far[:2] or (value - base) * (far[0] - base) < 0:
                text = f" {'x ' if each.supposition.is_factor else ''}{end:g} "
                side = "left" if value >= base else "right"
                ax.text(value, row, text, ha=side, va="center", fontsize=SMALL, color=INK)
    ax.axvline(base, color=INK, linewidth=1.2)
    if found.to and min(each.at_low[1] for each in swings) < 0 < max(each.at_high[1] for each in swings):
        ax.axvline(0, color=VERMILION, linewidth=1.2, linestyle="--")
    ax.set_yticks(range(len(swings)), [f"{each.supposition.name} ({each.supposition.confidence})" for each in swings])
    ax.set_ylim(len(swings) - 0.4, -0.6)
    ax.margins(x=0.12)
    hatched = "; hatched: another one wins" if found.to else ""
    dress(ax, f"{found.what}: {found.shown(base)}", f"at both ends of what may be off{hatched}")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: found.shown(value)))
    ax.tick_params(axis="x", labelsize=SMALL)
    ax.title.set_fontsize(NORMAL)
