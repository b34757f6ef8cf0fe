"""A run over time: panels of lines, one line per service."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from chainkit.figures.style import NORMAL, ORANGE, PURPLE, SKY, SMALL, dress, say
from chainkit.pictures import BLUE, GREEN, GREY, INK, PAPER, VERMILION

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 6
"""Of a panel: the services with the most."""
_STYLES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (ORANGE, ":"), (PURPLE, (0, (6, 2, 1, 2, 1, 2))), (SKY, "-"))
_PANELS = {
    "concurrency_mean": "environments that run",
    "throttles_per_s": "throttles per second",
    "cold_fraction": "cold starts, share of invocations",
    "backlog_mean": "messages that wait",
    "oldest_s": "age of the oldest message that waits, seconds",
}
TIME_UNITS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def panels(frame: "pd.DataFrame") -> list[Callable[[Axes, "pd.DataFrame"], None]]:
    """Return what is drawn below each other: what there is anything of."""
    there = [name for name in _PANELS if frame[name].gt(0).any()]
    return [_panel(name, is_last=name == there[-1]) for name in there] or [draw_series]


def draw_series(ax: Axes, frame: "pd.DataFrame") -> None:
    """Draw the first of the panels."""
    there = [name for name in _PANELS if frame[name].gt(0).any()]
    if there:
        _panel(there[0], is_last=True)(ax, frame)
    else:
        say(ax, f"{frame.attrs.get('chain', '')}: nothing ran, and nothing waited")


def _panel(name: str, *, is_last: bool) -> Callable[[Axes, "pd.DataFrame"], None]:
    """Return what draws one figure of every service that has it."""

    def draw(ax: Axes, frame: "pd.DataFrame") -> None:
        unit_s, unit = next((each for each in TIME_UNITS if frame["end_s"].max() >= 3 * each[0]), TIME_UNITS[-1])
        most = frame.groupby("node")[name].max().dropna().sort_values(ascending=False)
        most = most[most > 0]
        for node, (colour, dash) in zip(most.index[:MOST_LINES], _STYLES, strict=False):
            bins = frame[frame["node"] == node]
            middle = (bins["start_s"] + bins["end_s"]) / 2 / unit_s
            ax.plot(middle, bins[name].fillna(0), color=colour, linestyle=dash, linewidth=1.8, label=str(node))
        last_s = frame.attrs.get("last_arrival_s")
        if last_s is not None and last_s < 0.97 * frame["end_s"].max():
            ax.axvline(last_s / unit_s, color=GREY, linewidth=1.0, linestyle=(0, (1, 2)))
            ax.annotate(
                "last arrival", (last_s / unit_s, 0.84), xycoords=("data", "axes fraction"), xytext=(4, 0),
                textcoords="offset points", va="top", fontsize=SMALL, color=GREY,
                path_effects=[withStroke(linewidth=3, foreground=PAPER)],
            )  # fmt: skip
        more = f" ({len(most) - MOST_LINES} services more have less)" if len(most) > MOST_LINES else ""
        dress(ax, f"{_PANELS[name]}{more}", f"{unit} since the start" if is_last else "")
        ax.title.set_fontsize(NORMAL)
        ax.set_ylim(bottom=0)
        ax.set_xlim(left=0)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=SMALL, frameon=False, labelcolor=INK)

    return draw
