"""Loads whose rate changes with time by plan: a ramp, a spike, a week, a line that somebody drew.

Their arrivals are a Poisson process of that rate: unit exponential gaps in expected requests, turned into seconds by
the exact inverse of the cumulative rate. A straight piece of it gives a quadratic equation, a level one a linear one.
Source: E. Cinlar, Introduction to Stochastic Processes (1975), section 4.7: inversion of the expectation function.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from chainkit.errors import ConfigError
from chainkit.law import is_number
from chainkit.simulation.loads import Clock, FloatArray, Load, checked, checked_s

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0
MOST_POINTS = 1_000


class Curve:
    """A rate over time: straight pieces one after another, the last one for ever, or all again and again.

    Parameters
    ----------
    at_s : (n + 1,) ends of the pieces, from 0; the last is infinite, or the period after which it begins anew
    start_per_s, end_per_s : (n,) rate at both ends of each piece; a piece without end is level

    Examples
    --------
    >>> curve = Curve([0, 2, np.inf], [0, 3], [6, 3])
    >>> curve.requests(np.array([1.0, 2.0, 4.0])), curve.seconds(np.array([1.5, 6.0, 12.0]))
    (array([ 1.5,  6. , 12. ]), array([1., 2., 4.]))
    """

    def __init__(self, at_s: npt.ArrayLike, start_per_s: npt.ArrayLike, end_per_s: npt.ArrayLike) -> None:
        ends_s = np.asarray(at_s, np.float64)
        self.from_s, self.length_s, self.period_s = ends_s[:-1], np.diff(ends_s), float(ends_s[-1])
        self.start, end = np.asarray(start_per_s, np.float64), np.asarray(end_per_s, np.float64)
        self.slope = (end - self.start) / self.length_s
        mass = 0.5 * (self.start + end) * np.where(self.start + end > 0, self.length_s, 0.0)
        self.before = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
        """Requests expected before each piece."""
        self.total = float(mass.sum())
        self.busy = np.flatnonzero(mass > 0)
        """The pieces in which anything arrives."""

    def requests(self, at_s: FloatArray) -> FloatArray:
        """Return the requests expected until some instants."""
        turns, rest_s = self._turns(np.asarray(at_s, np.float64), self.period_s)
        k = np.searchsorted(self.from_s, rest_s, side="right") - 1
        within_s = rest_s - self.from_s[k]
        past = turns * self.total if np.isfinite(self.period_s) else 0.0
        return np.asarray(past + self.before[k] + within_s * (self.start[k] + 0.5 * self.slope[k] * within_s))

    def seconds(self, requests: FloatArray) -> FloatArray:
        """Return when that many requests are expected: the inverse, exact up to rounding."""
        turns, rest = self._turns(requests, self.total)
        k = self.busy[np.searchsorted(self.before[self.busy], rest, side="right") - 1]
        rest = rest - self.before[k]
        # tau of start * tau + slope * tau^2 / 2 = rest, in the form that loses no digits
        root = np.sqrt(np.maximum(self.start[k] * self.start[k] + 2.0 * self.slope[k] * rest, 0.0))
        below = self.start[k] + root
        within_s = np.divide(2.0 * rest, below, out=np.zeros_like(rest), where=below > 0)
        past_s = turns * self.period_s if np.isfinite(self.period_s) else 0.0
        return np.asarray(past_s + (self.from_s[k] + np.minimum(within_s, self.length_s[k])))

    def rates_per_s(self, at_s: FloatArray) -> FloatArray:
        """Return the rate at some instants."""
        rest_s = self._turns(np.asarray(at_s, np.float64), self.period_s)[1]
        k = np.searchsorted(self.from_s, rest_s, side="right") - 1
        return np.asarray(self.start[k] + self.slope[k] * (rest_s - self.from_s[k]))

    @staticmethod
    def _turns(value: FloatArray, period: float) -> tuple[FloatArray, FloatArray]:
        """Return whole periods, and the rest."""
        if not np.isfinite(period):
            return np.zeros_like(value), value
        turns = np.floor(value / period)
        return turns, np.maximum(value - turns * period, 0.0)


class _Inverse:
    """The clock of a rate: operational time is the requests expected from `start_s` of the curve on."""

    def __init__(self, curve: Curve, start_s: float) -> None:
        self.curve, self.start_s = curve, start_s
        self.before = float(curve.requests(np.array([start_s]))[0])
        self.last_s = 0.0

    def __call__(self, operational: FloatArray) -> FloatArray:
        """Return seconds; where rounding would turn two arrivals round, the second comes with the first."""
        at_s = self.curve.seconds(self.before + operational) - self.start_s
        at_s = np.maximum.accumulate(np.maximum(at_s, self.last_s))
        self.last_s = float(at_s[-1]) if at_s.size else self.last_s
        return at_s


@dataclass(frozen=True)
class _Planned(Load):
    """A load with a plan of its rate."""

    @property
    @abstractmethod
    def curve(self) -> Curve:
        """The rate over time."""

    @property
    def _start_s(self) -> float:
        """Where on the curve a replication begins."""
        return 0.0

    def clock(self, seed: int, replication: int) -> Clock:
        """Return the inverse of the cumulative rate."""
        return _Inverse(self.curve, self._start_s)

    def expected_requests(self, time_s: float) -> float:
        """Return how many requests are expected within the first `time_s` seconds."""
        until, before = self.curve.requests(np.array([self._start_s + time_s, self._start_s]))
        return float(until - before)

    def expected_s(self, requests: int) -> float:
        """Return when that many requests are expected to have come, seconds."""
        return float(_Inverse(self.curve, self._start_s)(np.array([float(requests)]))[0])

    def rates_per_s(self, at_s: FloatArray) -> FloatArray:
        """Return the rate at some instants of a replication, requests per second."""
        return self.curve.rates_per_s(self._start_s + np.asarray(at_s))


@dataclass(frozen=True, kw_only=True)
class Ramp(_Planned):
    """A rate that goes along a straight line from one level to another, and stays there.

    Parameters
    ----------
    start_per_s : requests per second at the start, 0 or more
    end_per_s : requests per second from the end of the ramp on, above 0
    duration_s : length of the ramp, seconds

    Examples
    --------
    >>> ramp = Ramp(start_per_s=0, end_per_s=100, duration_s=600)
    >>> ramp.rate_per_s, ramp.expected_requests(600), ramp.expected_s(30_000)
    (100, 30000.0, 600.0)
    """

    start_per_s: float
    end_per_s: float
    duration_s: float

    def _check(self) -> None:
        checked(self, "start_per_s", self.start_per_s)
        checked(self, "end_per_s", self.end_per_s, above=0)
        checked_s(self, "duration_s", self.duration_s, above=0)

    @property
    def rate_per_s(self) -> float:
        """Requests per second in the long run: those after the ramp."""
        return self.end_per_s

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: the ramp, and half as long again."""
        return 1.5 * self.duration_s

    @cached_property
    def curve(self) -> Curve:
        """The rate over time."""
        end = self.end_per_s
        return Curve([0.0, self.duration_s, np.inf], [self.start_per_s, end], [end, end])

    def _faster(self, factor: float) -> Self:
        return dataclasses.replace(self, start_per_s=self.start_per_s * factor, end_per_s=self.end_per_s * factor)


@dataclass(frozen=True, kw_only=True)
class Spike(_Planned):
    """A level rate, and another one for a while: once, or again and again.

    Parameters
    ----------
    base_per_s : requests per second before and after, above 0
    peak_per_s : requests per second during the spike; below the base it is a lull
    at_s : when it begins, seconds from the start
    duration_s : how long it lasts
    every_s : a spike begins every that many seconds, the first at `at_s`; None: there is one

    Examples
    --------
    >>> spike = Spike(base_per_s=10, peak_per_s=200, at_s=300, duration_s=60)
    >>> spike.expected_requests(300), spike.expected_requests(360), spike.rate_per_s
    (3000.0, 15000.0, 10)
    """

    base_per_s: float
    peak_per_s: float
    at_s: float
    duration_s: float
    every_s: float | None = None

    def _check(self) -> None:
        checked(self, "base_per_s", self.base_per_s, above=0)
        checked(self, "peak_per_s", self.peak_per_s)
        checked_s(self, "at_s", self.at_s)
        checked_s(self, "duration_s", self.duration_s, above=0)
        if self.every_s is not None:
            checked_s(self, "every_s", self.every_s, above=0)
            if self.every_s < self.at_s + self.duration_s:
                raise ConfigError(
                    f"Spike: every_s={self.every_s!r} is shorter than at_s + duration_s = "
                    f"{self.at_s + self.duration_s!r} s",
                    fix="let a spike be over within every_s seconds",
                )
            if not self.rate_per_s > 0:
                raise ConfigError("Spike: peak_per_s=0 lasts for ever", fix="let every_s be longer than duration_s")

    @property
    def rate_per_s(self) -> float:
        """Requests per second in the long run: a single spike does not count."""
        if self.every_s is None:
            return self.base_per_s
        return self.base_per_s + (self.peak_per_s - self.base_per_s) * self.duration_s / self.every_s

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: until after the spike, or two of them."""
        return 2 * self.every_s if self.every_s else 2 * self.at_s + 2 * self.duration_s

    @cached_property
    def curve(self) -> Curve:
        """The rate over time; pieces without length are left out."""
        over_s = self.at_s + self.duration_s
        ends_s = np.array([0.0, self.at_s, over_s, np.inf if self.every_s is None else self.every_s])
        levels = np.array([self.base_per_s, self.peak_per_s, self.base_per_s])[np.diff(ends_s) > 0]
        return Curve(np.unique(ends_s), levels, levels)

    def _faster(self, factor: float) -> Self:
        return dataclasses.replace(self, base_per_s=self.base_per_s * factor, peak_per_s=self.peak_per_s * factor)


@dataclass(frozen=True, kw_only=True)
class Calendar(_Planned):
    """A week of hours: a rate for each hour of the day, and a factor for each day of the week; then the next week.

    Every replication begins at the same instant of the week, Monday 00:00 if `start_s` is 0. So to see whole weeks,
    give `simulate` as many requests as come in them: `replications * week.expected_requests(604_800)`.

    Parameters
    ----------
    hours_per_s : 24 rates, requests per second, of the hours that begin at 00:00, 01:00 ... 23:00
    weekdays : 7 factors, Monday first, by which the rates of a day are multiplied; default: all days alike
    shape : "steps": the rate is level within an hour, as hourly counts are; "linear": each rate is that of its full
        hour, with straight lines in between, over midnight too
    start_s : how far into the week a replication begins, seconds: 0 is Monday 00:00, 36_000 Monday at ten

    Examples
    --------
    >>> week = Calendar(hours_per_s=[1] * 8 + [9] * 10 + [1] * 6, weekdays=[1, 1, 1, 1, 1, 0.5, 0])
    >>> round(week.rate_per_s, 6), week.expected_requests(9 * 3600), week.expected_requests(7 * 86_400)
    (3.404762, 61200.0, 2059200.0)
    """

    hours_per_s: Any
    weekdays: Any = (1.0,) * 7
    shape: Literal["steps", "linear"] = "steps"
    start_s: float = 0.0

    def _check(self) -> None:
        self._keep("hours_per_s", 24, "the requests per second of each hour of the day")
        self._keep("weekdays", 7, "the factor of each day, Monday first")
        if self.shape not in ("steps", "linear"):
            raise ConfigError(f"Calendar: shape={self.shape!r} is unknown", fix='give shape="steps" or "linear"')
        checked_s(self, "start_s", self.start_s)
        if not self.start_s < WEEK_S:
            raise ConfigError(
                f"Calendar: start_s={self.start_s!r} is outside 0..604,800 s", fix="give less than a week"
            )
        if not 0 < max(self.hours_per_s) * max(self.weekdays) < 1e6:
            raise ConfigError(
                "Calendar: hours_per_s times weekdays is 0 all week, or a million requests per second and more",
                fix="give at least one hour of one day a rate above 0, and none a million",
            )

    def _keep(self, name: str, count: int, what: str) -> None:
        """Store a list of numbers, or refuse it."""
        given = getattr(self, name)
        values = given.tolist() if isinstance(given, np.ndarray) else given
        is_list = isinstance(values, Sequence) and not isinstance(values, str)
        if not is_list or len(values) != count:
            size = f"has {len(values)} entries" if is_list else f"is {given!r}"
            raise ConfigError(f"Calendar: {name} {size}; allowed: {count} numbers", fix=f"give {what}")
        for k, value in enumerate(values):
            if not is_number(value) or not 0 <= value < 1e6:
                raise ConfigError(f"Calendar: {name}[{k}]={value!r} is outside 0..1000000", fix=f"give {what}")
        self._set(name, tuple(values))

    @property
    def rate_per_s(self) -> float:
        """Mean requests per second over a week."""
        return self.curve.total / WEEK_S

    @property
    def _start_s(self) -> float:
        return self.start_s

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: a week."""
        return WEEK_S

    @cached_property
    def curve(self) -> Curve:
        """The rate over the week."""
        rates = np.outer(self.weekdays, self.hours_per_s).ravel()
        ends = rates if self.shape == "steps" else np.roll(rates, -1)
        return Curve(HOUR_S * np.arange(169), rates, ends)

    def _faster(self, factor: float) -> Self:
        return dataclasses.replace(self, hours_per_s=[rate * factor for rate in self.hours_per_s])


@dataclass(frozen=True, kw_only=True)
class Drawn(_Planned):
    """A rate along straight lines between points, as a hand draws it; after the last point it begins anew.

    What is drawn is what is run: arrivals are a Poisson process of exactly that rate. Between two instants as many
    requests are expected as the area under the line.

    Parameters
    ----------
    points : 2 to 1,000 pairs (seconds from the start, requests per second) in the order of time, the first at 0; two
        at one instant are a jump

    Examples
    --------
    >>> hill = Drawn(points=[(0, 2), (600, 10), (1200, 2)])
    >>> hill.rate_per_s, hill.expected_requests(600), hill.expected_requests(2400)
    (6.0, 3600.0, 14400.0)
    """

    points: Any

    def _check(self) -> None:
        given = self.points.tolist() if isinstance(self.points, np.ndarray) else self.points
        if not isinstance(given, Sequence) or isinstance(given, str) or not 2 <= len(given) <= MOST_POINTS:
            raise ConfigError(f"Drawn: points={_short(given)} is no list of 2 to {MOST_POINTS:,} points", fix=_POINTS)
        last_s = 0.0
        for k, pair in enumerate(given):
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise ConfigError(f"Drawn: points[{k}]={pair!r} is no pair of time and rate", fix=_POINTS)
            checked_s(self, f"points[{k}][0]", pair[0])
            checked(self, f"points[{k}][1]", pair[1])
            if pair[0] < last_s or (k == 0 and pair[0] != 0):
                wrong = f"comes before {last_s!r}" if k else "is not the start, 0"
                problem = f"Drawn: points[{k}][0]={pair[0]!r} s {wrong}; allowed: ascending seconds"
                raise ConfigError(problem, fix=_POINTS)
            last_s = pair[0]
        self._set("points", tuple((at_s, rate) for at_s, rate in given))
        if not last_s > 0 or not self.curve.total > 0:
            problem = f"Drawn: points={_short(self.points)} have no requests under their line"
            raise ConfigError(problem, fix="give a point a rate above 0, and the last one a later time")

    @property
    def rate_per_s(self) -> float:
        """Mean requests per second: the area under the line, by its length."""
        return self.curve.total / self.curve.period_s

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: until it begins anew."""
        return float(self.points[-1][0])

    @cached_property
    def curve(self) -> Curve:
        """The rate over time; a jump is no piece."""
        at_s, rates = np.array(self.points, np.float64).T
        lasts = np.diff(at_s) > 0
        return Curve([0.0, *at_s[1:][lasts]], rates[:-1][lasts], rates[1:][lasts])

    def _faster(self, factor: float) -> Self:
        return dataclasses.replace(self, points=[(at_s, rate * factor) for at_s, rate in self.points])


def _short(given: Any) -> str:
    """Return the beginning of a long value."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."


_POINTS = "give pairs (seconds, requests per second), the first at 0: points=[(0, 2), (600, 10), (1200, 2)]"
