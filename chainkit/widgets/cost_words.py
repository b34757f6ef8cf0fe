"""What the cost panel says at every volume where its marker can stand: dollars, the cheapest, the deciding sentence.

All of it is made once, so that the browser only looks it up while the marker is dragged. Curves are straight between
their knots, which are all among the points of the lines: what is drawn is exact for the usage of the runs.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainkit.comparison import Comparison
from chainkit.crossings import BreakEvens, Money
from chainkit.scaling import CostCurve
from chainkit.sentences import break_even_words, chosen_time, money_words, time_words
from chainkit.units import amount, usd
from chainkit.widgets.chart import Axis, Line, Mark, chart

LEAST, MOST = 1e4, 1e10
"""Requests a month: ends of the picture."""
DIGITS = (
    1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.3, 3.6, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0,
    8.0, 9.0,
)  # fmt: skip
"""Where the marker stops in each decade."""
FINE = 121
"""Points of a line besides its knots, for the bands: their ends bend a little between knots."""
FLOOR = 1e-3
"""Least dollars of the picture; what costs nothing lies on its lower edge."""
WIDTH, HEIGHT = 780.0, 340.0


def stops(*more: float) -> list[float]:
    """Return the volumes where the marker can stand, in whole requests, ascending.

    >>> stops(4.13e6)[:3], 4.13e6 in stops(4.13e6 + 0.2)
    ([10000.0, 11000.0, 12000.0], True)
    """
    powers = range(round(math.log10(LEAST)), round(math.log10(MOST)))
    found = [float(f"{digit * 10.0**power:.4g}") for power in powers for digit in DIGITS]
    return sorted({*found, MOST, *(float(round(volume)) for volume in more if LEAST <= volume <= MOST)})


def lines(curve: CostCurve, names: Sequence[str]) -> tuple[Line, ...]:
    """Return one line per design through its knots and many other volumes, with its band."""
    frame = curve.at(*np.geomspace(LEAST, MOST, FINE).tolist()).to_frame()  # which adds the knots of each design
    return tuple(
        Line(name, tuple(own[["requests_per_month", "low", "usd", "high"]].itertuples(index=False, name=None)))
        for name in names
        for own in [frame[frame["variant"] == name]]
    )


def picture(curve: CostCurve, names: Sequence[str], points: Sequence[BreakEvens]) -> dict[str, Any]:
    """Return the curves as a chart with logarithmic axes, break-even points marked with their interval."""
    drawn = lines(curve, names)
    seen = [value for line in drawn for _, _, value, _ in line.points if value > 0]
    low, high = max(min(seen, default=1.0), FLOOR), max(seen, default=10.0)
    y = Axis(
        "US dollars a month", 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high * 1.01)), True, _usd
    )
    x = Axis("requests a month", LEAST, MOST, True, amount)
    marks = [
        Mark(
            each.requests_per_month, f"{pair.of} and {pair.to} cost the same at {amount(each.requests_per_month)}"
            f" ({each.interval})", each.low, each.high,
        )
        for pair in points for each in pair
    ]  # fmt: skip
    return chart("Cost a month over requests a month", x, y, drawn, marks, width=WIDTH, height=HEIGHT)


def _usd(value: float) -> str:
    """Return a tick's dollars, short enough to stand left of the axis."""
    if value >= 1e6:
        return f"${value / 1e6:,.0f}M"
    return f"${value:,.0f}" if value >= 1 else f"${value:g}"


# --- what is said at a volume ---


def said(curve: CostCurve, names: Sequence[str], volume: float) -> dict[str, Any]:
    """Return what a volume costs: dollars of each design with their interval, and which is the cheapest."""
    money = {name: curve.usd(name, volume) for name in names}
    return {
        "volume": f"{amount(volume)} requests a month",
        "usd": [usd(money[name].usd) for name in names],
        "ranges": [_range(money[name]) for name in names],
        "cheapest": cheapest(curve, names, volume) if len(names) > 1 else "",
    }


def _range(money: Money) -> str:
    """Return the interval of an amount, where it has one that is seen."""
    low, _, high = money
    return f"{usd(low)} to {usd(high)}" if math.isfinite(high - low) and usd(low) != usd(high) else ""


def cheapest(curve: CostCurve, names: Sequence[str], volume: float) -> str:
    """Return which design costs least, or those between which no difference is seen.

    Each of the others is held against the least by the interval of their paired difference.
    """
    leader = min(names, key=lambda name: curve.usd(name, volume).usd)
    gaps = {name: curve.difference(leader, name, volume) for name in names if name != leader}
    level = [name for name, gap in gaps.items() if not (gap.high < 0 or gap.low == gap.high < 0)]
    if not level:
        return f"cheapest: {leader}"
    if all(gaps[name].low == gaps[name].high == 0 for name in level):
        return f"{' and '.join([leader, *level])} cost the same"
    return f"no difference seen between {' and '.join([leader, *level])}"


class Pair:
    """The deciding sentence of two designs, at any volume: what does not change with it is made once."""

    def __init__(self, curve: CostCurve, of: str, to: str, comparison: Comparison | None) -> None:
        self.curve, self.of, self.to = curve, of, to
        self.points: BreakEvens = curve.break_even(of, to)
        self._time = ""
        if comparison is not None:
            self._time = f", and {time_words(comparison, of, to, chosen_time(comparison, of, to))}"

    def sentence(self, volume: float) -> str:
        """Return the sentence: that of `ck.sentence`."""
        gap = self.curve.difference(self.of, self.to, volume)
        at = f"at {amount(volume)} requests"
        turn = break_even_words(self.points, volume)
        return f"{self.of} instead of {self.to} {money_words(gap, at)}{self._time}; {turn}."


def pairs(curve: CostCurve, names: Sequence[str], comparison: Comparison | None) -> tuple[Pair, ...]:
    """Return each further design beside the first."""
    return tuple(Pair(curve, name, names[0], comparison) for name in names[1:])
