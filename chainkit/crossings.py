"""At which volume two designs cost the same, and how sure that is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainkit.units import amount

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

LEAST, MOST = 1e3, 1e12
"""Requests a month between which break-even points are looked for."""
FINE = 241
"""Volumes at which a difference is looked at, besides its corners: 80 from one to its thousandfold."""
NARROWER, TIMES = 31, 7
"""An end of an interval is found between one of so many steps, as often: to ten figures."""


class Money(NamedTuple):
    """Dollars with their 95 % interval; NaN where one replication has none."""

    low: float
    usd: float
    high: float


@dataclass(frozen=True)
class BreakEven:
    """A volume at which two designs cost the same."""

    requests_per_month: float
    low: float
    """Of its 95 % interval; 0: no bound, down to the least volume it is not clear which is cheaper."""
    high: float
    """Infinite: no bound."""
    below: str
    """Which is cheaper just below; "" where both cost the same."""
    above: str

    @property
    def is_bounded(self) -> bool:
        """Whether the interval has both ends."""
        return self.low > 0 and math.isfinite(self.high)

    @property
    def interval(self) -> str:
        """Return the interval in words."""
        if math.isnan(self.low):
            return "no interval: one replication"
        if not self.low and math.isinf(self.high):
            return "no bounds: the costs are nearly parallel"
        if not self.low:
            return f"at most {amount(self.high)}"
        return f"{amount(self.low)} to {amount(self.high)}" if self.is_bounded else f"at least {amount(self.low)}"


@dataclass(frozen=True)
class BreakEvens(Sequence[BreakEven]):
    """All volumes, from a thousand to 10^12 requests a month, at which two designs cost the same."""

    of: str
    to: str
    points: tuple[BreakEven, ...]
    throughout: str = ""
    """Which is cheaper at every volume, if there is no point; "" where both always cost the same."""

    def __getitem__(self, place: Any) -> Any:
        """Return one point."""
        return self.points[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.points)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point: low, requests_per_month, high, and which is cheaper below and above."""
        import pandas as pd

        columns = ("low", "requests_per_month", "high", "below", "above")
        return pd.DataFrame([{key: getattr(point, key) for key in columns} for point in self.points], columns=columns)

    def __str__(self) -> str:
        """Return the answer in words."""
        if not self.points and not self.throughout:
            return f"{self.of} and {self.to} cost the same at every volume"
        if not self.points:
            other = self.to if self.throughout == self.of else self.of
            return f"{self.throughout} costs less than {other} at every volume from 1,000 to 10^12 requests a month"
        return "\n".join(
            f"{amount(point.requests_per_month)} requests a month ({point.interval}): below, {_cheaper(point.below)};"
            f" above, {_cheaper(point.above)}"
            for point in self.points
        )


def _cheaper(name: str) -> str:
    return f"{name} costs less" if name else "both cost the same"


# --- how they are found ---


@dataclass(frozen=True)
class Gap:
    """By how much one design costs more than another, as a function of the volume."""

    usd: Callable[[FloatArray], FloatArray]
    """(v,) USD at (v,) volumes; exactly 0 where both cost the same."""
    money: Callable[[FloatArray], list[Money]]
    """The same with intervals."""
    corners: set[float]
    """Volumes at which it may bend."""
    is_straight: bool
    """Whether it is straight between corners."""

    def volumes(self, *, fine: bool) -> FloatArray:
        """Return the ends of the search, the corners between them, and if asked for many more."""
        more = np.geomspace(LEAST, MOST, FINE).tolist() if fine else ()
        return np.array(sorted({LEAST, MOST, *more, *(v for v in self.corners if LEAST < v < MOST)}))


def break_evens(of: str, to: str, gap: Gap) -> BreakEvens:
    """Return all volumes at which two designs cost the same.

    >>> line = Gap(lambda v: v - 5e6, lambda v: [Money(x - 1e6, x, x + 1e6) for x in v - 5e6], set(), is_straight=True)
    >>> print(break_evens("a", "b", line))
    5 million requests a month (4 million to 6 million): below, a costs less; above, b costs less
    """
    ends = _ends(gap)
    signs = np.sign(gap.usd(np.sqrt(ends[:-1] * ends[1:]))).astype(int).tolist()
    cheaper = [{-1: of, 0: "", 1: to}[sign] for sign in signs]
    points = [
        BreakEven(float(end), *_around(gap, float(end)), below, above)
        for end, below, above in zip(ends[1:-1], cheaper[:-1], cheaper[1:], strict=True)
        if below != above
    ]
    return BreakEvens(of, to, tuple(points), "" if points else cheaper[0])


def _ends(gap: Gap) -> FloatArray:
    """Return ascending volumes between which the sign of the difference does not change."""
    volumes = gap.volumes(fine=not gap.is_straight)
    usd = gap.usd(volumes)
    changes = np.flatnonzero(usd[:-1] * usd[1:] < 0)
    roots = [_root(gap, *map(float, (volumes[k], volumes[k + 1], usd[k], usd[k + 1]))) for k in changes]
    return np.array(sorted({*volumes.tolist(), *roots}))


def _root(gap: Gap, low: float, high: float, at_low: float, at_high: float) -> float:
    """Return where the difference is 0 between two volumes at which its signs differ."""
    if gap.is_straight:
        return low + (high - low) * at_low / (at_low - at_high)
    from scipy.optimize import brentq

    return float(brentq(lambda v: float(gap.usd(np.array([v]))[0]), low, high, xtol=low * 1e-12, rtol=1e-13))


def _around(gap: Gap, root: float) -> tuple[float, float]:
    """Return the ends of the stretch about a break-even point in which it is not clear which is cheaper."""
    if math.isnan(gap.money(np.array([root]))[0].low):
        return (math.nan, math.nan)
    volumes = gap.volumes(fine=True)
    down = _until_sure(gap, root, volumes[volumes < root][::-1])
    up = _until_sure(gap, root, volumes[volumes > root])
    return (0.0 if down is None else down, math.inf if up is None else up)


def _until_sure(gap: Gap, root: float, volumes: FloatArray) -> float | None:
    """Return the first volume, going away from a root, at which it is certain which is cheaper; None: nowhere."""
    near = far = root
    for _ in range(TIMES):
        sure = [low > 0 or high < 0 or low == high for low, _, high in gap.money(volumes)]
        if True not in sure:
            return None
        k = sure.index(True)
        near, far = (float(volumes[k - 1]) if k else near), float(volumes[k])
        volumes = np.geomspace(near, far, NARROWER)[1:]
    return far
