"""What the slow twin of the simulator is built from: time with its rules for ties, draws, environments, queues.

Everything here is state and plain arithmetic; the stories of requests are in simpy_twin.py.
"""

import functools
import heapq
import math
from collections import Counter, deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import simpy

from chainkit.distributions import Constant, Law, Standard
from chainkit.patterns import passes
from chainkit.records import Buffer, Flow, Pool
from chainkit.simulation import draws
from chainkit.wiring import EventSourceMapping

Story = Generator[simpy.Event, Any, Any]
"""A strand of a request's story: it yields what it waits for."""
ITEM = 65_536
"""What one more item of a `count`, or one more turn of a loop, adds to a place."""

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


class Clock(simpy.Environment):
    """SimPy's environment with times that are given, not added up, and with the rules' order of ties."""

    def at(self, time_s: float, rank: Rank, request: int = 0, salt: int = 0, place: int = 0) -> simpy.Event:
        """Return an event that happens at that time."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        heapq.heappush(self._queue, (time_s, (rank, request, salt, place), next(self._eid), event))
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

    def time_s(self, site: str, law: Law | None, request: int, salt: int) -> float:
        """Return a draw of a law, 0 where there is none."""
        if law is None:
            return 0.0
        if isinstance(law, Constant):
            return law.value_s
        unit, rows = _standard(law)
        return draws.sample(rows, draws.word(self.key(site), request, salt)) * unit.scale + unit.shift

    def uniform(self, site: str, request: int, salt: int) -> float:
        """Return a uniform number."""
        return draws.word(self.key(site), request, salt) / 2.0**64

    def hits(self, site: str, p: float, request: int, salt: int) -> bool:
        """Tell whether a chance hits."""
        return draws.hits(self.key(site), p, request, salt)

    def way(self, site: str, shares: list[float], request: int, salt: int) -> int | None:
        """Return which of several that exclude each other is taken, or None."""
        u, total = self.uniform(site, request, salt), 0.0
        for i, share in enumerate(shares):
            total += share
            if u < total:
                return i
        return None


# --- requests ---

WORST_FIRST = ("dropped", "expired", "dead-lettered", "throttled", "failed", "completed")
LOST = WORST_FIRST[:3]


class Answer(NamedTuple):
    """How a call ended."""

    status: str
    error: str = ""
    ran_nothing: bool = False
    """Whether the call was refused by what it called itself."""

    @property
    def is_ok(self) -> bool:
        """Whether it is a success."""
        return self.status == "ok"

    @property
    def outcome(self) -> str:
        """The branch's word for it."""
        return {"ok": "completed", "throttled": "throttled"}.get(self.status, "failed")


OK, TIMEOUT = Answer("ok"), Answer("timeout", "Sandbox.Timedout")
THROTTLED = Answer("throttled", "throttled", ran_nothing=True)
GONE = Answer("timeout", ran_nothing=True)
"""Of a call whose caller was cut: what it called is a branch of its own."""


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


# --- environments ---

ACCOUNT = 1000
BURST, REFILL_PER_S = 1000.0, 100.0


class Account:
    """The environments that functions without a reservation share."""

    def __init__(self, pools: list[Pool]) -> None:
        self.limit = ACCOUNT - sum(pool.limit or 0 for pool in pools)
        self.running = 0


class Environments:
    """The environments of one function."""

    def __init__(self, pool: Pool, account: Account) -> None:
        self.pool, self.account = pool, account
        self.running = 0
        self.idle_since_s: list[float] = []
        """Of the idle ones, the most recently used last."""
        self.tokens, self.filled_s = BURST, 0.0
        self.counts = Counter[str]()

    def take(self, now_s: float) -> str | None:
        """Return whether the environment that takes an invocation is "warm" or "cold", or None: throttled."""
        self.idle_since_s = [since for since in self.idle_since_s if since + self.pool.keep_alive.mean_s > now_s]
        how = self._free(now_s)
        if how is None:
            self.counts["throttles"] += 1
            return None
        self.running += 1
        self.account.running += self.pool.limit is None
        self.counts["invocations"] += 1
        self.counts["cold_starts"] += how == "cold"
        return how

    def _free(self, now_s: float) -> str | None:
        """Return which environment can be had, and take it."""
        if self.pool.limit is not None and self.running >= self.pool.limit:
            return None
        if self.pool.limit is None and self.account.running >= self.account.limit:
            return None
        if self.idle_since_s:
            self.idle_since_s.pop()
            return "warm"
        self.tokens = min(BURST, self.tokens + (now_s - self.filled_s) * REFILL_PER_S)
        self.filled_s = now_s
        if self.tokens < 1:
            return None
        self.tokens -= 1
        return "cold"

    def give_back(self, start_s: float, now_s: float, status: str) -> None:
        """End an invocation: bill it, and keep the environment unless it was cut."""
        self.running -= 1
        self.account.running -= self.pool.limit is None
        self.counts["errors"] += status == "error"
        self.counts["timeouts"] += status == "timeout"
        self.counts["billed_ms"] += math.ceil((now_s - start_s) * 1000 - 1e-6)
        if status != "timeout":
            self.idle_since_s.append(now_s)


class Work(NamedTuple):
    """What an invocation starts with."""

    is_cold: bool
    is_batch: bool
    is_reporting: bool
    """Whether it reports which units failed."""
    extra_s: float
    """Init and overhead, before the first unit."""
    deadline_s: float


# --- queues ---


@dataclass
class Message:
    """A message in a queue with a mapping."""

    request: int
    salt: int
    receives: int = 0
    visible_s: float = 0.0


class Queue:
    """A queue and its mapping's poller."""

    FIRST, LAST, STEP_S = 5, 1250, 0.2

    def __init__(self, buffer: Buffer, mapping_id: str | None, mapping: EventSourceMapping | None) -> None:
        self.buffer, self.mapping_id, self.mapping = buffer, mapping_id, mapping
        self.waiting: deque[Message] = deque()
        self.running = 0
        self.is_ramping = mapping is not None and mapping.maximum_concurrency is None
        self.most = self.FIRST if mapping is None or self.is_ramping else mapping.maximum_concurrency
        self.has_timer = False
        self.counts = Counter[str]()

    def is_ready(self, now_s: float) -> bool:
        """Tell whether the waiting messages make a batch."""
        assert self.mapping is not None
        if not self.waiting:
            return False
        is_full = len(self.waiting) >= self.mapping.batch_size
        return is_full or self.waiting[0].visible_s + self.mapping.maximum_batching_window_s <= now_s

    def receive(self) -> list[Message]:
        """Take the next batch."""
        assert self.mapping is not None
        batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), self.mapping.batch_size))]
        for message in batch:
            message.receives += 1
        self.counts["batches"] += 1
        self.counts["receives"] += len(batch)
        return batch

    def one_more(self) -> None:
        """Let one more batch run at once, if all are busy and something waits."""
        if self.waiting and self.running >= self.most:
            self.most += 1

    def calm_down(self) -> None:
        """Go back to the first pollers when there is little to do."""
        if self.is_ramping and not self.waiting and self.running < self.FIRST:
            self.most = self.FIRST


# --- state machines ---


class Machine:
    """A state machine's counters."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.counts = Counter[str]()


def matches(errors: tuple[str, ...], answer: Answer) -> bool:
    """Tell whether names in a Retry or Catch mean this failure."""
    names = {"States.ALL", "States.TaskFailed"}
    names.add("Lambda.TooManyRequestsException" if answer.status == "throttled" else answer.error)
    return bool(names & set(errors))


# --- traffic ---


def attributes(dice: Dice, shares: Mapping[str, Mapping[Any, float]], request: int) -> dict[str, Any]:
    """Return the attributes that a request carries."""
    carried = {}
    for name, values in shares.items():
        i = dice.way(f"attribute:{name}", list(values.values()), request, 0)
        carried[name] = list(values)[-1 if i is None else i]
    return carried


def passes_all(policy: Mapping[str, Any], carried: Mapping[str, Any]) -> bool:
    """Tell whether a request's attributes pass every field of a filter."""
    return all(passes(rules, carried[name]) for name, rules in policy.items())
