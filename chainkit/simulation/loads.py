"""Traffic: when requests arrive, and the attributes they carry. Here: what a load is, and those of one rate.

A load says the law of the gap between two requests in *operational time*, and may have a *clock* that turns operational
time into seconds. Request i's gap is a draw of site ``arrivals`` (request i, salt 0); gaps are added up in the order of
the requests, from 0 in each replication, and the clock maps the sums, block after block, to ascending seconds. Poisson
and Steady have no clock: there operational time is seconds. Where the rate changes (rates.py, bursts.py), operational
time is the number of requests expected so far; in a trace (replay.py) it is the number of the arrival, 1 first.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from chainkit.distributions import Constant, Exponential, as_law
from chainkit.errors import ConfigError, SimulationError
from chainkit.law import Law, checked_names, is_number
from chainkit.simulation import draws

FloatArray = npt.NDArray[np.float64]
Attributes = MappingProxyType[str, MappingProxyType[Any, float]]
Clock = Callable[[FloatArray], FloatArray]
"""Of one replication: takes ascending operational times, call after call where the last one ended; gives seconds."""
MOST_PER_S = 1e6
"""A rate is below this, requests per second."""
MOST_USERS = 1_000_000
MOST_SAMPLED = 5_000_000
"""Requests of a figure; of more only the expected rate is shown."""


@dataclass(frozen=True)
class Load(ABC):
    """Base of all loads.

    Parameters
    ----------
    attributes : {attribute: {value: share}}: drawn once per request, seen by filters; the shares of each add to 1
    """

    attributes: Any = field(default_factory=dict, kw_only=True)

    if TYPE_CHECKING:  # some loads have it as a field, which a property of the base would shadow

        @property
        def rate_per_s(self) -> float:
            """Mean requests per second, in the long run."""

    def __new__(cls, *args: Any, **named: Any) -> Self:
        """Refuse fields that are missing, or that there are not: rate for rate_per_s."""
        known = [each.name for each in dataclasses.fields(cls)]
        positional = [each.name for each in dataclasses.fields(cls) if not each.kw_only]
        if len(args) > len(positional):
            problem = f"{cls.__name__}: {args[len(positional)]!r} is given without a name; allowed: {', '.join(known)}"
            raise ConfigError(problem, fix="write name=value")
        missing = dataclasses.MISSING
        required = [
            each.name for each in dataclasses.fields(cls) if each.default is missing and each.default_factory is missing
        ]
        checked_names(cls.__name__, dict(zip(positional, args, strict=False)) | named, known=known, required=required)
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the load anew: its views of mappings cannot be sent elsewhere as they are."""
        given = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        given["attributes"] = {name: dict(shares) for name, shares in self.attributes.items()}
        return _made, (type(self), given)

    def __post_init__(self) -> None:
        """Refuse what is no traffic."""
        who = type(self).__name__
        if not isinstance(self.attributes, Mapping):
            raise ConfigError(f"{who}: attributes={self.attributes!r} is no mapping", fix=_ATTRIBUTES)
        frozen: dict[str, MappingProxyType[Any, float]] = {}
        for name, shares in self.attributes.items():
            if not isinstance(name, str) or not _are_shares(shares):
                raise ConfigError(
                    f"{who}: attributes[{name!r}]={shares!r} is no set of shares that add to 1", fix=_ATTRIBUTES
                )
            frozen[name] = MappingProxyType(dict(shares))
        self._set("attributes", MappingProxyType(frozen))
        self._check()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @abstractmethod
    def _check(self) -> None:
        """Refuse what is out of range, and bring collections into their stored form."""

    def gap(self) -> Law:
        """Return the law of the gap between two requests, in operational time: requests expected so far."""
        return Exponential(mean_s=1.0)

    def clock(self, seed: int, replication: int) -> Clock | None:
        """Return what turns operational times of one replication into seconds; None: they are seconds.

        It keeps where it is: it takes consecutive ascending arrays, however they are cut, and gives ascending ones.
        """
        return None

    def arrivals_s(self, requests: int, *, seed: int = 1, replication: int = 0) -> FloatArray:
        """Return (requests,) when the requests numbered from 0 on come, seconds: a sample to look at.

        For replication 0 they are the arrivals of `simulate` with that seed.

        >>> Steady(rate_per_s=4).arrivals_s(3)
        array([0.25, 0.5 , 0.75])
        """
        gap, clock = self.gap(), self.clock(seed, replication)
        if isinstance(gap, Constant):
            gaps = np.full(requests, gap.value_s)
        else:
            words, unit = draws.words(draws.site_key(seed, replication, "arrivals"), range(requests)), gap.standard()
            gaps = draws.samples(draws.table(gap), words) * unit.scale + unit.shift
        at = np.cumsum(gaps)
        return at if clock is None else clock(at)

    def carried(self, request: int, *, seed: int = 1, replication: int = 0) -> dict[str, Any]:
        """Return the attributes that a request carries: those that filters see in `simulate` with that seed.

        >>> load = Steady(rate_per_s=4, attributes={"status": {"charged": 0.5, "declined": 0.5}})
        >>> [load.carried(request)["status"] for request in range(4)]
        ['charged', 'declined', 'charged', 'charged']
        """
        found: dict[str, Any] = {}
        for name, shares in self.attributes.items():
            values = [value for value, share in shares.items() if share > 0]
            limits = np.cumsum([share for share in shares.values() if share > 0])
            word = draws.word(draws.site_key(seed, replication, f"attribute:{name}"), request, 0)
            below = (i for i, limit in enumerate(limits[:-1]) if word < draws.threshold(float(min(limit, 1.0))))
            found[name] = values[next(below, len(values) - 1)]
        return found

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: until it repeats itself, or has shown what it does."""
        return self.expected_s(1_000)

    def seen(self, seed: int = 1) -> "Seen":
        """Return what a figure shows: the rate expected in each of 200 intervals, and that of a sample."""
        self.gap()  # a closed loop has none, and says so
        edges_s = np.linspace(0.0, self.seen_s, 201)
        until = np.array([self.expected_requests(each) for each in edges_s])
        if until[-1] > MOST_SAMPLED:
            return Seen(edges_s, np.diff(until) / np.diff(edges_s), np.zeros(200))
        count = min(2 * until[-1] + 100, self.requests)
        while (at_s := self.arrivals_s(int(count), seed=seed))[-1] < edges_s[-1] and count < self.requests:
            count = min(2 * count, self.requests)
        sample = np.histogram(at_s, edges_s)[0]
        return Seen(edges_s, np.diff(until) / np.diff(edges_s), sample / np.diff(edges_s))

    def expected_requests(self, time_s: float) -> float:
        """Return about how many requests come within the first `time_s` seconds.

        >>> Poisson(rate_per_s=4).expected_requests(60)
        240.0
        """
        return float(self.rate_per_s * time_s)

    def expected_s(self, requests: int) -> float:
        """Return about how many seconds it takes until that many requests have come.

        >>> Poisson(rate_per_s=4).expected_s(100)
        25.0
        """
        return float(requests / self.rate_per_s)

    def rates_per_s(self, at_s: FloatArray) -> FloatArray:
        """Return the expected requests per second at some instants, for a figure.

        >>> Steady(rate_per_s=4).rates_per_s(np.array([0.0, 60.0]))
        array([4., 4.])
        """
        return np.full(np.shape(at_s), self.rate_per_s, np.float64)

    def with_rate(self, rate_per_s: float) -> Self:
        """Return the same traffic at another mean rate: every rate of it is multiplied alike.

        >>> Poisson(rate_per_s=4).with_rate(10).rate_per_s
        10
        """
        checked(self, "rate_per_s", rate_per_s, above=0)
        return self._faster(rate_per_s / self.rate_per_s)

    @abstractmethod
    def _faster(self, factor: float) -> Self:
        """Return the load with its rates multiplied."""

    @property
    def requests(self) -> float:
        """How many requests come in all; infinite but for traces."""
        return math.inf

    def check_requests(self, requests: int, replications: int = 1) -> None:
        """Refuse a run with more requests in a replication than the load has.

        Raises
        ------
        ConfigError
            If a trace ends before.
        """
        if requests > self.requests:
            raise ConfigError(
                f"{type(self).__name__}: {requests:,} requests in a replication are more than the trace has: "
                f"{self.requests:,}",
                fix=f"each of {replications} replications replays the trace from its beginning: "
                f"give requests={self.requests * replications} at most",
            )


class Seen(NamedTuple):
    """What a figure of a load shows, requests per second."""

    edges_s: FloatArray
    """(201,) ends of the intervals."""
    expected_per_s: FloatArray
    """(200,)."""
    sample_per_s: FloatArray
    """(200,) of one replication; 0 where there are too many requests to draw."""


def _made(cls: type[Load], given: dict[str, Any]) -> Load:
    """Return a load from its fields."""
    return cls(**given)


_ATTRIBUTES = 'give each value its share, at most 62 values: attributes={"status": {"charged": 0.97, "declined": 0.03}}'


def _are_shares(shares: Any) -> bool:
    """Tell whether a mapping gives values shares that add to 1."""
    return (
        isinstance(shares, Mapping)
        and 0 < len(shares) <= 62
        and all(isinstance(value, str | int | float | bool) for value in shares)
        and all(isinstance(p, int | float) and p >= 0 for p in shares.values())
        and abs(sum(shares.values()) - 1) <= 1e-9
    )


def checked(load: Load, name: str, value: Any, *, above: float = -1.0, below: float = MOST_PER_S) -> None:
    """Refuse what is no rate: a number from 0, or above `above`, to below a million requests per second."""
    if not is_number(value) or not above < value < below or value < 0:
        raise ConfigError(
            f"{type(load).__name__}: {name}={value!r} is outside 0..{below:.0f} requests per second",
            fix=f"give the mean number of requests per second, {'above 0' if above >= 0 else '0 or more'}",
        )


def checked_s(load: Load, name: str, value: Any, *, above: float = -1.0) -> None:
    """Refuse what is no time: seconds from 0, or above `above`, to 100,000,000 (three years)."""
    if not is_number(value) or not above < value <= 1e8 or value < 0:
        raise ConfigError(
            f"{type(load).__name__}: {name}={value!r} is outside 0..100,000,000 s",
            fix=f"give seconds, {'above 0' if above >= 0 else '0 or more'}",
        )


@dataclass(frozen=True)
class _OneRate(Load):
    """Traffic whose rate never changes: operational time is seconds.

    Parameters
    ----------
    rate_per_s : requests per second, above 0
    """

    rate_per_s: float

    def _check(self) -> None:
        checked(self, "rate_per_s", self.rate_per_s, above=0)

    def with_rate(self, rate_per_s: float) -> Self:
        """Return the same traffic at another rate."""
        return dataclasses.replace(self, rate_per_s=rate_per_s)

    def _faster(self, factor: float) -> Self:
        return self.with_rate(self.rate_per_s * factor)


@dataclass(frozen=True)
class Poisson(_OneRate):
    """Requests that come independently of each other, `rate_per_s` in the mean.

    Examples
    --------
    >>> Poisson(rate_per_s=4).gap()
    Exponential(mean_s=0.25)
    """

    def gap(self) -> Law:
        """Return exponential gaps, in seconds."""
        return Exponential(mean_s=1 / self.rate_per_s)


@dataclass(frozen=True)
class Steady(_OneRate):
    """Requests at equal distances, `rate_per_s` of them.

    Examples
    --------
    >>> Steady(rate_per_s=4).gap()
    Constant(value_s=0.25)
    """

    def gap(self) -> Law:
        """Return constant gaps, in seconds."""
        return Constant(1 / self.rate_per_s)


@dataclass(frozen=True)
class ClosedLoop(Load):
    """A fixed number of users, each of whom thinks, asks, waits for the answer, and thinks again.

    The slower the chain, the fewer requests come: what a load test with a number of virtual users does. In a
    replication whose requests are numbered from `first`, U = `active(requests)` users take part; the k-th request of
    user u (both from 0) has the number `number(u, k, first, requests)` = first + u + k*U. It enters one think after the
    answer to the one before (where nobody waits for an answer: after it was handed over), the first one a think after
    the start; the think is a draw of site ``think`` (that number, salt 0). So it has neither gap nor clock.

    Parameters
    ----------
    users : how many, 1 to 1,000,000
    think : law of the time between answer and next request, or seconds; 0: the next request follows at once

    Examples
    --------
    >>> loop = ClosedLoop(users=50, think=2)
    >>> loop.rate_per_s, loop.number(user=3, turn=2, first=1_000, requests=400)
    (25.0, 1103)
    """

    users: int
    think: Any

    def _check(self) -> None:
        is_whole = isinstance(self.users, int) and not isinstance(self.users, bool)
        if not is_whole or not 1 <= self.users <= MOST_USERS:
            raise ConfigError(
                f"ClosedLoop: users={self.users!r} is outside 1..{MOST_USERS:,}", fix="give a whole number of users"
            )
        try:
            self._set("think", as_law(self.think))
        except ConfigError as error:
            raise ConfigError(f"ClosedLoop: think: {error.problem}", fix=error.fix) from None

    @property
    def rate_per_s(self) -> float:
        """Requests per second if every answer came at once: no more can come; infinite without a think time."""
        return float(self.users / self.think.mean_s) if self.think.mean_s else float("inf")

    def active(self, requests: int) -> int:
        """Return how many users take part in a replication of that many requests."""
        return min(self.users, requests)

    def number(self, user: int, turn: int, first: int, requests: int) -> int:
        """Return the number of a user's request, both counted from 0, in a replication numbered from `first`."""
        return first + user + turn * self.active(requests)

    def gap(self) -> Law:
        """Refuse: the next request waits for an answer.

        Raises
        ------
        SimulationError
            Always.
        """
        raise SimulationError(
            "ClosedLoop: it has no law of gaps: a user's next request waits for the answer to the last",
            fix="use users, think and number, or an open load such as ck.Poisson(rate_per_s=4)",
        )

    def with_rate(self, rate_per_s: float) -> Self:
        """Refuse: the rate follows from users, think time and answers.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(
            f"ClosedLoop: rate_per_s={rate_per_s!r} cannot be set; it follows from users, think and the answers",
            fix="change users or think",
        )

    def _faster(self, factor: float) -> Self:
        return self.with_rate(self.rate_per_s * factor)
