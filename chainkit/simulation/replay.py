"""Replay of a trace: requests come when they came, by their times or by their numbers in each minute.

Files are CSV; trace_files.py reads them. The k-th arrival of a trace is the k-th request of every replication.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from chainkit.distributions import Constant
from chainkit.errors import ConfigError
from chainkit.law import Law
from chainkit.simulation import draws, trace_files
from chainkit.simulation.loads import Clock, FloatArray, Load, checked_s

IntArray = npt.NDArray[np.int64]
MINUTE_S = 60.0
MOST_S = 1e8
"""A trace is at most that long, seconds (three years)."""

Spread = Literal["random", "even"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Replay(Load):
    """A trace of arrivals; make it by `Replay.times`, `Replay.per_minute` or `Replay.read`.

    Each replication replays the trace from its beginning, with its own draws of everything else. A run may use a part
    of the trace, never more than it has: `requests` says how many there are, and `simulate` refuses more in a
    replication. So to replay a trace once, give `requests=trace.requests, replications=1`.

    Examples
    --------
    >>> trace = Replay.times([0.5, 0.75, 3.0])
    >>> trace, trace.requests, trace.expected_s(2)
    (Replay.times(3 requests in 3 s), 3, 0.75)
    >>> day = Replay.per_minute([120, 0, 30], spread="even")
    >>> day, day.expected_requests(90), day.clock(1, 0)(np.array([1.0, 121.0, 122.0]))
    (Replay.per_minute(150 requests in 3 minutes), 120.0, array([  0.25, 121.  , 123.  ]))
    """

    at_s: Any = None
    """(n,) ascending seconds from the start, or None."""
    counts: Any = None
    """(m,) arrivals in each bin, or None."""
    bin_s: float = MINUTE_S
    """Length of a bin, seconds: a minute, unless the trace was given another rate."""
    spread: Spread = "random"

    # --- making one ---

    @classmethod
    def times(cls, at_s: npt.ArrayLike, *, attributes: Mapping[str, Any] | None = None) -> Self:
        """Return a trace of arrival times.

        Parameters
        ----------
        at_s : seconds from the start, 0 or more, ascending; of several at one instant the first listed goes first
        attributes : as of every load

        Examples
        --------
        >>> Replay.times([3, 1])
        Traceback (most recent call last):
        chainkit.errors.ConfigError: Replay: at_s[1]=1.0 comes after 3.0; allowed: ascending seconds
          fix: sort the times, or say what they count from
        """
        return cls(at_s=at_s, attributes=attributes or {})

    @classmethod
    def per_minute(
        cls, counts: npt.ArrayLike, *, spread: Spread = "random", attributes: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a trace of counts: in each minute exactly that many requests come.

        Parameters
        ----------
        counts : whole numbers, one a minute, the first minute first
        spread : where in their minute. "random": each anywhere, independently, as Poisson arrivals of known number;
            drawn for each replication (site ``arrivals``, keyed by the place in the trace). "even": at equal distances,
            half a distance after the minute's start
        attributes : as of every load
        """
        return cls(counts=counts, spread=spread, attributes=attributes or {})

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        *,
        of: Literal["times", "counts"] | None = None,
        column: str | None = None,
        where: Mapping[str, str] | None = None,
        spread: Spread = "random",
        attributes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the trace in a CSV file.

        =====================  =================================================================================
        the file has           it is
        =====================  =================================================================================
        columns 1 to 1440      Azure Functions 2019: a row per function, a column per minute; rows are added up
        end_timestamp,         Azure Functions 2021: a row per invocation, seconds; it arrived at the difference
        duration
        a column of counts     named count, counts, invocations or requests, a row per minute; beside a column
                               minute (0 first) minutes may be missing or have several rows
        a column of times      named time_s, arrival_s, t, time, timestamp or start_timestamp: seconds from the
                               trace's start, or dates (ISO 8601, UTC unless they say otherwise), which count
                               from the first; in any order
        =====================  =================================================================================

        Parameters
        ----------
        path : the file
        of : what it holds, "times" or "counts"; None: what the names of its columns say
        column : the column that holds them; in a file without names of columns it is the only one
        where : only rows with these values: {"Trigger": "http"}
        spread : as for `per_minute`
        attributes : as of every load

        Raises
        ------
        ConfigError
            If there is no such file, or it is none of these.
        """
        found = trace_files.read(path, of=of, column=column, where=where or {})
        if found.of == "times":
            return cls.times(found.values, attributes=attributes)
        return cls.per_minute(found.values, spread=spread, attributes=attributes)

    def _check(self) -> None:
        """Refuse what is no trace, and freeze its figures."""
        if (self.at_s is None) == (self.counts is None):
            raise ConfigError("Replay: at_s and counts exclude each other", fix="use Replay.times or Replay.per_minute")
        if self.spread not in ("random", "even"):
            raise ConfigError(f"Replay: spread={self.spread!r} is unknown", fix='give spread="random" or "even"')
        checked_s(self, "bin_s", self.bin_s, above=0)
        if self.counts is None:
            self._set("at_s", _kept_times(self.at_s))
        else:
            self._set("counts", _kept_counts(self.counts))

    # --- what it is ---

    def __eq__(self, other: object) -> bool:
        """Tell whether two traces have the same arrivals and attributes."""
        if not isinstance(other, Replay):
            return NotImplemented
        mine, others = ((load.bin_s, load.spread, load.attributes) for load in (self, other))
        has_same_times = np.array_equal(self.at_s, other.at_s)
        return mine == others and has_same_times and np.array_equal(self.counts, other.counts)

    def __repr__(self) -> str:
        if self.counts is None:
            return f"Replay.times({self.requests:,} requests in {self.at_s[-1]:g} s)"
        bins = "minutes" if self.bin_s == MINUTE_S else f"bins of {self.bin_s:g} s"
        return f"Replay.per_minute({self.requests:,} requests in {self.counts.size:,} {bins})"

    @property
    def requests(self) -> int:
        """How many arrivals the trace has."""
        return int(self.at_s.size if self.counts is None else self.counts.sum())

    @property
    def rate_per_s(self) -> float:
        """Mean requests per second: until the last arrival, or over the minutes of the trace."""
        return self.requests / self.seen_s

    @property
    def seen_s(self) -> float:
        """How long a figure of it is: as long as the trace, seconds; one if all comes at once."""
        return float(self.at_s[-1] or 1.0) if self.counts is None else float(self.counts.size * self.bin_s)

    def gap(self) -> Law:
        """Return 1: operational time is the number of the arrival."""
        return Constant(1.0)

    def clock(self, seed: int, replication: int) -> Clock:
        """Return what looks the times up, or draws them within their minutes."""
        if self.counts is None:
            return self._looked_up
        return _Placed(self, draws.site_key(seed, replication, "arrivals"))

    def _looked_up(self, operational: FloatArray) -> FloatArray:
        return np.asarray(self.at_s[self.places(operational)])

    def places(self, operational: FloatArray) -> IntArray:
        """Return which arrivals of the trace some operational times are, 0 first.

        Raises
        ------
        ConfigError
            If the trace ends before.
        """
        if operational.size:
            self.check_requests(int(operational[-1]))
        return operational.astype(np.int64) - 1

    def expected_requests(self, time_s: float) -> float:
        """Return how many requests come within the first `time_s` seconds; evenly within a minute."""
        if self.counts is None:
            return float(np.searchsorted(self.at_s, time_s, side="right"))
        edges_s = np.arange(self.counts.size + 1) * self.bin_s
        return float(np.interp(time_s, edges_s, np.concatenate([[0], np.cumsum(self.counts)])))

    def expected_s(self, requests: int) -> float:
        """Return when that many requests have come, evenly within a minute; of more than there are, when all have."""
        if self.counts is None:
            return float(self.at_s[min(max(requests, 1), self.requests) - 1])
        until = np.cumsum(self.counts)
        requests = min(max(requests, 1), self.requests)
        k = int(np.searchsorted(until, requests, side="left"))
        return float((k + 1 - (until[k] - requests) / self.counts[k]) * self.bin_s)

    def rates_per_s(self, at_s: FloatArray) -> FloatArray:
        """Return the requests per second of the minute in which each instant lies; 0 after the end."""
        counts = np.bincount((self.at_s // self.bin_s).astype(np.int64)) if self.counts is None else self.counts
        k = (np.asarray(at_s) // self.bin_s).astype(np.int64)
        return np.where(k < counts.size, counts[np.minimum(k, counts.size - 1)], 0) / self.bin_s

    def _faster(self, factor: float) -> Self:
        """Return the trace on a faster clock."""
        if self.counts is None:
            return dataclasses.replace(self, at_s=self.at_s / factor)
        return dataclasses.replace(self, bin_s=self.bin_s / factor)


class _Placed:
    """The clock of counts: places each minute's arrivals within it, minute by minute."""

    def __init__(self, trace: Replay, key: int) -> None:
        self.trace, self.key = trace, key
        self.before = np.concatenate([[0], np.cumsum(trace.counts)])
        """Arrivals before each minute."""
        self.first, self.at_s = 0, np.zeros(0)
        """The arrivals placed last: the place of the first in the trace, and their times."""

    def __call__(self, operational: FloatArray) -> FloatArray:
        """Return seconds."""
        places = self.trace.places(operational)
        if not places.size:
            return np.zeros(0)
        low, high = int(places[0]), int(places[-1]) + 1
        until = self.first + self.at_s.size
        if high > until:
            # whole minutes, because the draws of a minute are sorted; what was placed already is kept
            kept = self.at_s[low - self.first :] if low < until else self.at_s[:0]
            minute = np.searchsorted(self.before, max(low, until), side="right") - 1
            last = np.searchsorted(self.before, high, side="left")
            self.first = low if low < until else int(self.before[minute])
            self.at_s = np.concatenate([kept, self._minutes(int(minute), int(last))])
        return np.asarray(self.at_s[places - self.first])

    def _minutes(self, first: int, last: int) -> FloatArray:
        """Return the arrivals of minutes first to last - 1."""
        counts = self.trace.counts[first:last]
        low, high = int(self.before[first]), int(self.before[last])
        minutes = np.repeat(np.arange(first, last), counts)
        if self.trace.spread == "even":
            within = (np.arange(low, high) - np.repeat(self.before[first:last], counts) + 0.5) / np.repeat(
                counts, counts
            )
        else:
            within = draws.words(self.key, range(low, high)) / 2.0**64
        bin_s = self.trace.bin_s
        ends_s = np.nextafter((minutes + 1) * bin_s, 0.0)  # rounding takes none into the next minute
        return np.sort(np.minimum((minutes + within) * bin_s, ends_s))


def _kept_times(given: Any) -> FloatArray:
    """Return arrival times as an array that cannot be changed, or refuse them."""
    fix = "give seconds from the start: Replay.times([0.5, 0.75, 3.0])"
    try:
        at_s = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"Replay: at_s={_short(given)} is no list of numbers; allowed: seconds", fix=fix) from None
    if at_s.ndim != 1 or not at_s.size:
        raise ConfigError(f"Replay: at_s={_short(given)} is no list of at least one time", fix=fix)
    wrong = np.flatnonzero(~((at_s >= 0) & (at_s <= MOST_S)))
    if wrong.size:
        problem = f"Replay: at_s[{wrong[0]}]={float(at_s[wrong[0]])!r} is outside 0..100,000,000 s"
        raise ConfigError(problem, fix="count the seconds from the start of the trace: subtract its first instant")
    falls = np.flatnonzero(np.diff(at_s) < 0)
    if falls.size:
        k = int(falls[0])
        raise ConfigError(
            f"Replay: at_s[{k + 1}]={float(at_s[k + 1])!r} comes after {float(at_s[k])!r}; allowed: ascending seconds",
            fix="sort the times, or say what they count from",
        )
    at_s += 0.0  # no negative zero
    at_s.flags.writeable = False
    return at_s


def _kept_counts(given: Any) -> IntArray:
    """Return counts as an array that cannot be changed, or refuse them."""
    fix = "give a whole number of requests for each minute: Replay.per_minute([120, 0, 30])"
    try:
        values = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"Replay: counts={_short(given)} is no list of whole numbers", fix=fix) from None
    if values.ndim != 1 or not values.size:
        raise ConfigError(f"Replay: counts={_short(given)} is no list of at least one minute", fix=fix)
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1e9) & (values == np.floor(values))))
    if wrong.size:
        problem = f"Replay: counts[{wrong[0]}]={float(values[wrong[0]]):g} is no whole number from 0 to 1,000,000,000"
        raise ConfigError(problem, fix=fix)
    if not values.any():
        raise ConfigError("Replay: counts are 0 in every minute", fix=fix)
    counts = values.astype(np.int64)
    counts.flags.writeable = False
    return counts


def _short(given: Any) -> str:
    """Return the first of a long value."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
