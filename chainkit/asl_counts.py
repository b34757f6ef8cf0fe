"""How many transitions until something has happened: the two laws in which a machine is reckoned.

Both say with which probability it happens at all and, if it does, how many transitions it took: `Moments` by mean and
variance, exact however long it takes; `Masses` by the probability of each count. They answer to the same verbs, so a
machine is walked once in either.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from chainkit.errors import SimulationError

CHECKED = 64
"""Counts of a circle between two looks at what is left in it: the look costs more than a count."""
FloatArray = npt.NDArray[np.float64]
TRIMMED = 1e-18
"""Share of a law's own mass that is cut from each of its ends: it adds up over a million items to 1e-12."""
LONGEST = 1_000_000
"""Counts for which a distribution is worked out."""
WIDE, ROUNDED = 1_000, 1e-15
"""Sums of laws of more counts than this are transformed, a hundred times faster at 50,000; a transform's rounding, as a
share of its largest mass, is cut off. Below it products are summed, which keeps the digits of small probabilities."""


class Law(Protocol):
    """What both laws can do."""

    @property
    def p(self) -> float:
        """With which probability it happens."""

    @property
    def least(self) -> int:
        """The fewest transitions it can take."""

    @classmethod
    def fixed(cls, p: float, count: int) -> Self:
        """Return the law of what happens with probability `p` and takes exactly `count` transitions."""

    @classmethod
    def mixed(cls, laws: Sequence[Self]) -> Self:
        """Return the law of any of several that exclude each other."""

    def then(self, other: Self) -> Self:
        """Return the law of both, one after the other or side by side, independent of each other."""

    def scaled(self, factor: float) -> Self:
        """Return the law of what happens so much more seldom."""

    def uncounted(self) -> Self:
        """Return the law with its transitions forgotten."""

    @classmethod
    def left(
        cls, arrivals: Mapping[Hashable, Self], edges: Mapping[Hashable, Sequence[tuple[Hashable, Self]]]
    ) -> Mapping[Hashable, Self]:
        """Return how a circle of nodes is left, by target, if it is entered by `arrivals`."""


# --- mean and variance ---


@dataclass(frozen=True, slots=True)
class Moments:
    """Probability, and mean and variance of the count if it happens.

    Variances are only ever added: nothing large is subtracted, so a million sure items have a variance of 0.

    >>> coin = Moments.mixed([Moments.fixed(0.5, 0), Moments.fixed(0.5, 2)])
    >>> coin.then(coin)
    Moments(p=1.0, mean=2.0, variance=2.0, least=0)
    """

    p: float
    mean: float
    variance: float
    least: int

    @classmethod
    def fixed(cls, p: float, count: int) -> Self:
        """Return the law of exactly `count` transitions."""
        return cls(p, float(count), 0.0, count)

    @classmethod
    def mixed(cls, laws: Sequence[Self]) -> Self:
        """Return the law of any of several."""
        p = sum(law.p for law in laws)
        if p == 0:
            return cls.fixed(0.0, 0)
        mean = sum(law.p * law.mean for law in laws) / p
        variance = sum(law.p * (law.variance + (law.mean - mean) ** 2) for law in laws) / p
        return cls(p, mean, variance, min(law.least for law in laws if law.p > 0))

    def then(self, other: Self) -> Self:
        """Return the law of both."""
        mean, variance = self.mean + other.mean, self.variance + other.variance
        return type(self)(self.p * other.p, mean, variance, self.least + other.least)

    def scaled(self, factor: float) -> Self:
        """Return the law of what happens more seldom."""
        return type(self)(self.p * factor, self.mean, self.variance, self.least)

    def uncounted(self) -> Self:
        """Return the law without its transitions."""
        return self.fixed(self.p, 0)

    @classmethod
    def left(
        cls, arrivals: Mapping[Hashable, Self], edges: Mapping[Hashable, Sequence[tuple[Hashable, Self]]]
    ) -> dict[Hashable, Self]:
        """Return how a circle is left, by target."""
        place = {node: i for i, node in enumerate(edges)}
        inside = [(place[a], place[b], law) for a, ways in edges.items() for b, law in ways if b in place]
        found: dict[Hashable, Self] = {}
        for target in dict.fromkeys(b for ways in edges.values() for b, _ in ways if b not in place):
            out = [(place[a], law) for a, ways in edges.items() for b, law in ways if b == target]
            walks = cls._walks(len(place), inside, out)
            found[target] = cls.mixed([law.then(walks[place[node]]) for node, law in arrivals.items()])
        return found

    @classmethod
    def _walks(cls, n: int, inside: Sequence[tuple[int, int, Self]], out: Sequence[tuple[int, Self]]) -> Sequence[Self]:
        """Return the law of the walk from each of `n` nodes until the circle is left by one of the ways `out`.

        Doob: given that it ends there, the walk is a Markov chain too, and the variance of its count is the sum over
        all steps of the variance of (the step + the mean of what is left).
        """
        a, b, moved = _columns(inside)
        c, _, gone = _columns([(node, node, law) for node, law in out])
        here, free = np.zeros((n, n)), np.zeros(n)
        np.add.at(here, (a, b), moved[0])
        np.add.at(free, c, gone[0])
        p = np.linalg.solve(np.eye(n) - here, free)
        step, end = moved[0] * p[b] / p[a], gone[0] / p[c]
        given = np.zeros((n, n))
        np.add.at(given, (a, b), step)
        mean = np.linalg.solve(np.eye(n) - given, _sums(n, a, step * moved[1]) + _sums(n, c, end * gone[1]))
        spread = _sums(n, a, step * (moved[2] + (moved[1] + mean[b] - mean[a]) ** 2))
        spread += _sums(n, c, end * (gone[2] + (gone[1] - mean[c]) ** 2))
        variance = np.linalg.solve(np.eye(n) - given, spread)
        least = _fewest(n, inside, out)
        return [cls(*each) for each in zip(p.tolist(), mean.tolist(), variance.tolist(), least, strict=True)]


def _columns(
    ways: Iterable[tuple[int, int, Moments]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
    """Return sources, targets and (probability, mean, variance) of some ways."""
    rows = [(a, b, law.p, law.mean, law.variance) for a, b, law in ways]
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:].T


def _sums(n: int, places: npt.NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Return the sum of the values at each of `n` places."""
    return np.bincount(places, weights=values, minlength=n).astype(np.float64)


def _fewest(n: int, inside: Sequence[tuple[int, int, Moments]], out: Sequence[tuple[int, Moments]]) -> list[int]:
    """Return the fewest transitions from each node until it leaves."""
    fewest = [min((law.least for node, law in out if node == i), default=LONGEST**3) for i in range(n)]
    for _ in range(n):  # the shortest way has no node twice
        for a, b, law in inside:
            fewest[a] = min(fewest[a], law.least + fewest[b])
    return fewest


# --- every count ---


@dataclass(frozen=True, slots=True)
class Masses:
    """Probability of each count from `least` on.

    >>> coin = Masses.mixed([Masses.fixed(0.5, 0), Masses.fixed(0.5, 2)])
    >>> coin.then(coin)
    Masses(least=0, mass=array([0.25, 0.  , 0.5 , 0.  , 0.25]))
    """

    least: int
    mass: FloatArray

    @property
    def p(self) -> float:
        """With which probability it happens."""
        return float(self.mass.sum())

    @classmethod
    def fixed(cls, p: float, count: int) -> Self:
        """Return the law of exactly `count` transitions."""
        return cls(count, np.array([p]))

    @classmethod
    def mixed(cls, laws: Sequence[Self]) -> Self:
        """Return the law of any of several."""
        low = min(law.least for law in laws)
        mass = np.zeros(max(law.least + law.mass.size for law in laws) - low)
        for law in laws:
            mass[law.least - low : law.least - low + law.mass.size] += law.mass
        return cls(low, mass)._trimmed()

    def then(self, other: Self) -> Self:
        """Return the law of both."""
        if self.mass.size == 1 or other.mass.size == 1:
            return type(self)(self.least + other.least, self.mass * other.mass)
        _refuse_above(self.mass.size + other.mass.size)
        if min(self.mass.size, other.mass.size) <= WIDE:
            mass = np.convolve(self.mass, other.mass)
        else:
            from scipy.signal import fftconvolve

            mass = fftconvolve(self.mass, other.mass)
            mass[mass < ROUNDED * mass.max()] = 0.0
        return type(self)(self.least + other.least, mass)._trimmed()

    def scaled(self, factor: float) -> Self:
        """Return the law of what happens more seldom."""
        return type(self)(self.least, self.mass * factor)

    def uncounted(self) -> Self:
        """Return the law without its transitions."""
        return self.fixed(self.p, 0)

    def _trimmed(self) -> Self:
        """Return the law without ends that weigh nothing."""
        if not self.mass.any():
            return self.fixed(0.0, self.least)
        low = int(np.searchsorted(np.cumsum(self.mass), TRIMMED * self.p, side="right"))
        high = self.mass.size - int(np.searchsorted(np.cumsum(self.mass[::-1]), TRIMMED * self.p, side="right"))
        return type(self)(self.least + low, self.mass[low:high])

    @classmethod
    def left(
        cls, arrivals: Mapping[Hashable, Self], edges: Mapping[Hashable, Sequence[tuple[Hashable, Self]]]
    ) -> dict[Hashable, Self]:
        """Return how a circle is left, by target: entries are passed on, count by count, until nothing is left."""
        nodes = list(edges)
        entered = _entered(nodes, arrivals, {a: [w for w in ways if w[0] in edges] for a, ways in edges.items()})
        out: dict[Hashable, list[Self]] = {}
        for node, entries in zip(nodes, entered, strict=True):
            if entries.any():
                for target, law in edges[node]:
                    if target not in edges:
                        out.setdefault(target, []).append(cls(0, entries)._trimmed().then(law))
        return {target: cls.mixed(laws) for target, laws in out.items()}


def _entered(
    nodes: Sequence[Hashable],
    arrivals: Mapping[Hashable, Masses],
    inside: Mapping[Hashable, Sequence[tuple[Hashable, Masses]]],
) -> FloatArray:
    """Return (nodes, counts): how often each node is entered after how many transitions."""
    place = {node: i for i, node in enumerate(nodes)}
    laws = [law for ways in inside.values() for _, law in ways]
    low, high = min(law.least for law in laws), max(law.least + law.mass.size for law in laws)
    assert low >= 1, "a state is a transition"
    moves = np.zeros((len(nodes), len(nodes), high - low))
    for a, ways in inside.items():
        for b, law in ways:
            moves[place[a], place[b], law.least - low : law.least - low + law.mass.size] += law.mass
    stays = float(np.abs(np.linalg.eigvals(moves.sum(axis=2))).max())
    visits = math.log(TRIMMED) / math.log(stays) if 0 < stays < 1 else math.inf if stays else 0.0
    _refuse_above(visits * low)  # at once, not after a million counts
    last = max(law.least + law.mass.size for law in arrivals.values())
    entered = np.zeros((len(nodes), max(1024, last + high)))
    for node, law in arrivals.items():
        entered[place[node], law.least : law.least + law.mass.size] += law.mass
    enough, n, flat = TRIMMED * sum(law.p for law in arrivals.values()), 0, moves.reshape(len(nodes), -1)
    while n < last or n % CHECKED or entered[:, n : n + high].sum() > enough:
        if n + high >= entered.shape[1]:
            _refuse_above(n)
            entered = np.concatenate([entered, np.zeros_like(entered)], axis=1)
        now = entered[:, n]
        if now.any():
            entered[:, n + low : n + high] += (now @ flat).reshape(len(nodes), -1)
        n += 1
    return entered[:, :n]


def _refuse_above(counts: float) -> None:
    """Refuse to work out a distribution that is too long."""
    if counts > LONGEST:
        raise SimulationError(
            f"the distribution reaches over more than {LONGEST:,} counts and is not worked out",
            fix="mean and std are exact all the same; a circle that ends sooner has a distribution",
        )


# --- many at once ---

L = TypeVar("L", bound=Law)


def power(one: L, n: int) -> L:
    """Return the law of `n` runs, 0 or more, independent of each other.

    >>> power(Moments.fixed(0.5, 1), 3)
    Moments(p=0.125, mean=3.0, variance=0.0, least=3)
    """
    if n == 0:
        return type(one).fixed(1.0, 0)
    half = power(one, n // 2)
    return half.then(half).then(one) if n % 2 else half.then(half)


def powers(one: L, other: L, n: int) -> tuple[L, L, L]:
    """Return one^n, other^n, and the sum over k < n of one^k x other^(n-1-k), n >= 0.

    The sum is the law of n runs, of which k go one way, then something else happens, and the rest go the other way.

    >>> sure, half = Moments.fixed(1.0, 2), Moments.fixed(0.5, 1)
    >>> [law.p for law in powers(half, sure, 3)]
    [0.125, 1.0, 1.75]
    """
    kind = type(one)
    if n == 0:
        return kind.fixed(1.0, 0), kind.fixed(1.0, 0), kind.fixed(0.0, 0)
    half = powers(one, other, n // 2)
    whole = half[0].then(half[0]), half[1].then(half[1]), half[2].then(kind.mixed([half[0], half[1]]))
    if n % 2 == 0:
        return whole
    return whole[0].then(one), whole[1].then(other), kind.mixed([whole[2].then(other), whole[0]])
