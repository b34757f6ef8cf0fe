"""What all figures share: colours, sizes, axes that can be read from afar."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import ScaledTranslation

from chainkit.pictures import GREY, INK, PAPER

ORANGE, PALE, YELLOW, SKY, PURPLE = "#E69F00", "#C9D1D9", "#F0E442", "#56B4E9", "#CC79A7"
SMALL, NORMAL, LARGE = 10.5, 12.0, 14.0
"""Sizes of text, points: legible on a projector."""
WIDTH = 10.0
"""Of a figure, inches."""


def dress(ax: Axes, title: str, below: str) -> None:
    """Give axes a title, a grid and text that can be read from afar."""
    ax.set_title(title, fontsize=LARGE, color=INK, loc="left")
    ax.set_xlabel(below, fontsize=NORMAL, color=INK)
    ax.tick_params(labelsize=NORMAL, colors=INK)
    ax.tick_params(axis="y", length=0)
    ax.set_facecolor(PAPER)
    ax.grid(visible=True, axis="x", color=PALE, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)


def legend(ax: Axes, shown: Mapping[str, Any] | None = None) -> None:
    """Put the legend below the axes and their label, where no point can be; of `shown`, or of what has a label."""
    handles, labels = ax.get_legend_handles_labels() if shown is None else (list(shown.values()), list(shown))
    inch = ax.figure.get_figure(root=True).dpi_scale_trans
    below = ax.transAxes + ScaledTranslation(0, -0.55, inch)
    if handles:
        ax.legend(
            handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=3,
            fontsize=SMALL, frameon=False,
        )  # fmt: skip


def say(ax: Axes, text: str) -> None:
    """Write one line in the middle of empty axes."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=NORMAL, color=GREY)


def note_never(ax: Axes, y: float, text: str, colour: str) -> None:
    """Say at the right edge that a time is infinite."""
    ax.annotate(
        f"{text} ▸", (1.0, y), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=SMALL, color=colour
    )


def scale_times(ax: Axes, values: list[float]) -> None:
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
