"""What the slow twin of the simulator is built from: time with its rules for ties, draws, visits, answers, requests.

Everything here is state and plain arithmetic; the stories of requests are in simpy_twin.py and the files it names.
"""

import functools
import heapq
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, NamedTuple

import simpy

from chainkit.distributions import Constant, Law, Standard
from chainkit.patterns import passes
from chainkit.simulation import draws

Story = Generator[simpy.Event, Any, Any]
"""A strand of a request's story: it yields what it waits for."""
ITEM = 65_536
"""What one more item of a `count`, or one more turn of a loop, adds to a place."""
TURNED_AWAY = ("throttled", "service")
"""Failures of an attempt that never ran."""
SECOND_COPY = 32_768
"""What a duplicate adds to the place by which its message travels."""

RUN_LIMIT, STATE_LIMIT, EXECUTION_LIMIT = 1_000_000, 1_000_001, 1_000_002
"""Places of time limits: what ends in the instant of a limit is in time, and the inner one of two comes first."""

# --- time ---


class Rank(IntEnum):
    """What comes first of several things at one instant."""

    DIRECT = 0
    """A consequence of what runs now: a call, its answer."""
    HANDED = 1
    """Strands that start in their turn: messages that have no way to go, batches, parallel branches."""
    END = 2
    TIMER = 3
    ARRIVAL = 4
    CONTROL = 5
    """Provisioned environments and warmers."""


@dataclass(frozen=True)
class Visit:
    """One request on one of its ways: what its draws there are keyed by."""

    request: int
    salt: int = 0
    is_repeat: bool = False
    """Whether it, or something above it, is a further attempt or a duplicate."""
    turns: int = 0
    """How many events of a circle of services have led here."""
    is_entry: bool = False
    """Whether a request enters here."""
    token: simpy.Event | None = None
    """What a state that waits for a callback has sent along: it happens when this branch completes."""

    def by(self, place: int, *, is_repeat: bool = False, token: simpy.Event | None = None) -> "Visit":
        """Return the visit that comes from here by a place."""
        salt = draws.descend(self.salt, place)
        return Visit(self.request, salt, self.is_repeat or is_repeat, self.turns, token=token)

    def again(self, *, after: str = "error") -> "Visit":
        """Return the visit of the next attempt; of one that was turned away nothing had run, so it repeats nothing."""
        return replace(self, salt=draws.again(self.salt), is_repeat=self.is_repeat or after not in TURNED_AWAY)


class Clock(simpy.Environment):
    """SimPy's environment with times that are given, not added up, and with the rules' order of ties."""

    def at(self, time_s: float, rank: Rank, visit: Visit | None = None, place: int = 0) -> simpy.Event:
        """Return an event that happens at that time."""
        key = (rank, visit.request, visit.salt, place) if visit is not None else (rank, 0, 0, place)
        return self._put(time_s, key)

    def control(self, time_s: float, service: int, kind: int, entry: int = 0) -> simpy.Event:
        """Return an event after everything else of its time."""
        return self._put(time_s, (Rank.CONTROL, service, kind, entry))

    def _put(self, time_s: float, key: tuple[int, int, int, int]) -> simpy.Event:
        """Put an event where time and rank want it."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        heapq.heappush(self._queue, (time_s, key, next(self._eid), event))
        return event

    def schedule(self, event: simpy.Event, priority: int = 1, delay: float = 0) -> None:
        """Take SimPy's own events, starts and ends of processes, as direct consequences."""
        heapq.heappush(self._queue, (self.now + delay, (Rank.DIRECT, 0, 0, 0), next(self._eid), event))


# --- draws ---


@functools.cache
def _standard(law: Law) -> tuple[Standard, Any]:
    """Return a law's unit and its table."""
    return law.standard(), draws.table(law)


class Dice:
    """The draws of one replication."""

    def __init__(self, seed: int, replication: int) -> None:
        self.key = functools.cache(lambda site: draws.site_key(seed, replication, site))

    def time_s(self, site: str, law: Law | None, visit: Visit, longer_s: float = 0.0) -> float:
        """Return a draw of a law that is shifted by so much; where there is no law it is 0 before the shift."""
        if law is None:
            return longer_s
        if isinstance(law, Constant):
            return law.value_s + longer_s
        unit, rows = _standard(law)
        bits = draws.word(self.key(site), visit.request, visit.salt)
        return draws.sample(rows, bits) * unit.scale + (unit.shift + longer_s)

    def uniform(self, site: str, visit: Visit) -> float:
        """Return a uniform number."""
        return draws.word(self.key(site), visit.request, visit.salt) / 2.0**64

    def hits(self, site: str, p: float, visit: Visit) -> bool:
        """Tell whether a chance hits."""
        return draws.hits(self.key(site), p, visit.request, visit.salt)

    def way(self, site: str, shares: list[float], visit: Visit) -> int | None:
        """Return which of several that exclude each other is taken, or None."""
        u, total = self.uniform(site, visit), 0.0
        for i, share in enumerate(shares):
            total += share
            if u < total:
                return i
        return None


# --- answers ---


class Answer(NamedTuple):
    """How a call ended."""

    status: str
    """ok, error, throttled, timeout, service (an error of Lambda itself) or impatient (States.Timeout of a state)."""
    error: str = ""
    ran_nothing: bool = False
    """Whether the call was refused by what it called itself."""
    is_fatal: bool = False
    """Whether no Retry and no Catch takes it."""

    @property
    def is_ok(self) -> bool:
        """Whether it is a success."""
        return self.status == "ok"

    @property
    def outcome(self) -> str:
        """The branch's word for it."""
        return {"ok": "completed", "throttled": "throttled"}.get(self.status, "failed")


OK, TIMEOUT = Answer("ok"), Answer("timeout", "Sandbox.Timedout")
THROTTLED = Answer("throttled", "Lambda.TooManyRequestsException", ran_nothing=True)
SERVICE = Answer("service", "Lambda.ServiceException", ran_nothing=True)
IMPATIENT = Answer("impatient", "States.Timeout")
CIRCUIT_OPEN = Answer("error", "CircuitOpen", ran_nothing=True)
GONE = Answer("timeout", ran_nothing=True)
"""Of a call whose caller was cut: what it called is a branch of its own."""


def matches(errors: tuple[str, ...], answer: Answer) -> bool:
    """Tell whether names in a Retry or Catch mean this failure."""
    if answer.is_fatal:
        return False
    wide = {"States.ALL"} if answer.status == "impatient" else {"States.ALL", "States.TaskFailed"}
    return bool((wide | {answer.error}) & set(errors))


# --- requests ---

WORST_FIRST = ("dropped", "expired", "dead-lettered", "throttled", "failed", "completed")
LOST = WORST_FIRST[:3]


@dataclass
class Request:
    """What became of one request."""

    arrived_s: float
    answered_s: float = math.nan
    over_s: float = math.nan
    open: int = 0
    """Branches that are not over."""
    outcomes: set[str] = field(default_factory=set)

    @property
    def outcome(self) -> str:
        """The worst of its branches."""
        if self.open and not self.outcomes & set(LOST):
            return "unfinished"
        return next((word for word in WORST_FIRST if word in self.outcomes), "completed")

    @property
    def completion_s(self) -> float:
        """Until its last branch was over."""
        if self.outcome in LOST:
            return math.inf
        return math.nan if self.open else self.over_s - self.arrived_s


# --- traffic ---


def attributes(dice: Dice, shares: Mapping[str, Mapping[Any, float]], request: int) -> dict[str, Any]:
    """Return the attributes that a request carries."""
    carried = {}
    for name, values in shares.items():
        i = dice.way(f"attribute:{name}", list(values.values()), Visit(request))
        carried[name] = list(values)[-1 if i is None else i]
    return carried


def passes_all(policy: Mapping[str, Any], carried: Mapping[str, Any]) -> bool:
    """Tell whether a request's attributes pass every field of a filter."""
    return all(passes(rules, carried[name]) for name, rules in policy.items())
