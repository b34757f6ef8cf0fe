"""What tends pools by the clock: provisioned environments that follow use and schedule, and the pings of warmers.

Rare and slow beside the event loop, so it is plain Python: the kernel stops at these instants, after everything else of
them, and goes on from what was changed here. Nothing is tended after the last request has arrived.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from chainkit import data
from chainkit.records import Pings, Pool, Provisioned
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import POOL_WORDS, IntArray

if TYPE_CHECKING:
    from chainkit.simulation.memory import Memory

FIRST_PING = 1 << 34
"""Number of a pool's first ping: beyond those of requests, in the range that an event can carry."""
MINUTE_S = 60.0


@dataclass
class Keeper:
    """Tends one pool."""

    name: str
    pool: Pool
    next_s: float = 0.0
    acts_after_arrivals: bool = False
    scaling: "_Scaling | None" = None
    warming: "_Warming | None" = None

    def __post_init__(self) -> None:
        """Start with what the pool has."""
        if self.pool.provisioned is not None:
            self.scaling = _Scaling(self.name, self.pool, self.pool.provisioned)
        if self.pool.pings is not None:
            self.warming = _Warming(self.name, self.pool.pings)
        self._plan()

    def _plan(self) -> None:
        """Find out when there is something to do next."""
        self.next_s = min([math.inf, *(part.next_s for part in (self.scaling, self.warming) if part is not None)])

    def begin(self, memory: "Memory") -> None:
        """Provide what is there when the run begins."""
        if self.scaling is not None:
            self.scaling.grow(memory, 0.0)

    def act(self, memory: "Memory", now_s: float) -> None:
        """Do what is due now."""
        for part in (self.scaling, self.warming):
            if part is not None and part.next_s <= now_s:
                part.act(memory, now_s)
        self._plan()

    def figures(self, memory: "Memory") -> dict[str, float]:
        """Return how long environments were provisioned, and are billed, in seconds, and how many runs spilled over."""
        if self.scaling is None:
            return {}
        last_s = memory.last_arrival_s
        return {
            "provisioned_s": self.scaling.allocated_until(last_s),
            "provisioned_billed_s": self.scaling.billed_until(last_s),
            "spill_over": self.scaling.spilled_over(memory),
        }


@dataclass
class _Scaling:
    """Provisioned environments of one pool [Application Auto Scaling: readiness.py]."""

    name: str
    pool: Pool
    plan: Provisioned
    ready: int = 0
    wanted: int = 0
    ready_s: float = math.inf
    """When an increase that is under way will be there."""
    minute: int = 1
    over: int = 0
    under: int = 0
    low: int = 0
    high: int = 0
    turn: list[int] = field(default_factory=list)
    """How often each entry of the schedule has happened."""
    area_s: float = 0.0
    since_s: float = 0.0
    begun_s: list[float] = field(default_factory=list)
    """Since when each environment of now is allocated, the newest last."""
    rounded_s: float = 0.0
    """What is billed for those that are gone."""
    minute_busy_s: float = 0.0
    minute_ready_s: float = 0.0
    spilled: int = 0
    on_demand: int = 0
    """Invocations on demand until the number of provisioned environments changed last."""

    def __post_init__(self) -> None:
        """Read the rules."""
        rules = data.quotas()["lambda"]
        self.wanted = self.plan.count
        self.low, self.high = self.plan.minimum, self.plan.maximum
        self.turn = [0] * len(self.plan.schedule)
        self.delay_s = float(rules["provisioned_delay"]["value"])
        self.period_s = float(rules["provisioned_period"]["value"])
        self.minutes_over = int(rules["tracking_scale_out"]["value"])
        self.minutes_under = int(rules["tracking_scale_in"]["value"])
        self.share_under = float(rules["tracking_scale_in_share"]["value"])

    @property
    def next_s(self) -> float:
        """When there is something to do."""
        tracking_s = self.minute * MINUTE_S if self.plan.target is not None else math.inf
        return min([self.ready_s, tracking_s, *(self._entry_s(i) for i in range(len(self.turn)))])

    def _entry_s(self, i: int) -> float:
        """Return when an entry of the schedule happens next."""
        at_s, again_s = self.plan.schedule[i][0], self.plan.every_s
        if again_s is None:
            return at_s if self.turn[i] == 0 else math.inf
        return at_s + self.turn[i] * again_s

    def act(self, memory: "Memory", now_s: float) -> None:
        """Make ready, follow the schedule, follow the use: in this order."""
        if self.ready_s <= now_s:
            self.grow(memory, now_s)
        for i in range(len(self.turn)):
            if self._entry_s(i) <= now_s:
                self.turn[i] += 1
                _, self.low, self.high = self.plan.schedule[i]
                self._want(memory, now_s, min(max(self.wanted, self.low), self.high))
        if self.plan.target is not None and self.minute * MINUTE_S <= now_s:
            self.minute += 1
            self._track(memory, now_s, self.plan.target)

    def _want(self, memory: "Memory", now_s: float, wanted: int) -> None:
        """Begin a change; it takes the place of one that is under way."""
        if wanted == self.wanted:
            return
        self.wanted, self.ready_s = wanted, math.inf
        if wanted <= self.ready:
            self._shrink(memory, now_s)
        else:
            self.ready_s = now_s + self.delay_s

    def _track(self, memory: "Memory", now_s: float, target: float) -> None:
        """Compare the past minute's use with the target, and change what is wanted after some minutes in a row."""
        use = self._use(memory, now_s)
        self.over = self.over + 1 if use > target else 0
        self.under = self.under + 1 if use < self.share_under * target else 0
        if self.wanted > self.ready or math.isnan(use):
            return
        fitting = math.ceil(self.ready * use / target)
        more, fewer = min(self.high, fitting), max(self.low, fitting)
        if self.over >= self.minutes_over and more > self.ready:
            self._want(memory, now_s, more)
        elif self.under >= self.minutes_under and fewer < self.ready:
            self._want(memory, now_s, fewer)
        else:
            return
        self.over = self.under = 0

    def _use(self, memory: "Memory", now_s: float) -> float:
        """Return which share of the provisioned environments was busy in the past minute; NaN if there were none."""
        row, _ = self._rows(memory)
        floats = row.view(np.float64)
        busy_s = float(floats[m.BUSY_F] + row[m.RUNNING] * now_s - floats[m.SINCE_F])
        ready_s = self.allocated_until(now_s)
        passed_busy_s, passed_ready_s = busy_s - self.minute_busy_s, ready_s - self.minute_ready_s
        self.minute_busy_s, self.minute_ready_s = busy_s, ready_s
        return passed_busy_s / passed_ready_s if passed_ready_s > 0 else math.nan

    def allocated_until(self, until_s: float) -> float:
        """Return the time integral of what was allocated."""
        return self.area_s + self.ready * (until_s - self.since_s)

    def billed_until(self, until_s: float) -> float:
        """Return the same as it is billed: up to whole periods for each environment that is gone.

        Those that are there still go on after the run, so their periods are not over. Assumed, since AWS speaks of one
        number that is set and taken back: where there are fewer, the newest go.
        """
        return self.rounded_s + sum(until_s - begun_s for begun_s in self.begun_s)

    def spilled_over(self, memory: "Memory") -> int:
        """Return how many invocations took an environment on demand although some were provisioned."""
        row, pool = self._rows(memory)
        return self.spilled + (int(pool[m.INVOCATIONS] - row[m.INVOCATIONS]) - self.on_demand) * (self.ready > 0)

    def _rows(self, memory: "Memory") -> tuple[IntArray, IntArray]:
        """Return the row of the provisioned environments, and their pool's."""
        rows = memory.pools.reshape(-1, POOL_WORDS)
        pool = rows[memory.pool_nodes.index(self.name)]
        return rows[pool[m.READY_ROW]], pool

    def _allocate(self, memory: "Memory", now_s: float, ready: int) -> None:
        """Set how many are allocated; without a reservation they are taken from the account."""
        self.area_s, self.since_s = self.allocated_until(now_s), now_s
        self.begun_s += [now_s] * (ready - len(self.begun_s))
        while len(self.begun_s) > ready:
            self.rounded_s += math.ceil((now_s - self.begun_s.pop()) / self.period_s - 1e-9) * self.period_s
        self.spilled = self.spilled_over(memory)
        row, pool = self._rows(memory)
        self.on_demand = int(pool[m.INVOCATIONS] - row[m.INVOCATIONS])
        if self.pool.limit is None:
            memory.g[m.G_ACCOUNT_LIMIT] -= ready - self.ready
        self.ready = ready

    def grow(self, memory: "Memory", now_s: float) -> None:
        """Have as many as are wanted, warm and idle."""
        row, pool = self._rows(memory)
        more, self.ready_s = self.wanted - self.ready, math.inf
        self._allocate(memory, now_s, self.wanted)
        memory.make_room(row, more)
        words, mask = memory.ring, int(memory.g[m.G_RING]) - 1
        for _ in range(more):
            at = row[m.RING] + 2 * (row[m.TAIL] & mask)
            words[at], words[at + 1] = math.inf, pool[m.NUMBER]
            pool[m.NUMBER] += 1
            row[m.TAIL] += 1
            row.view(np.float64)[m.IDLE_F] -= now_s

    def _shrink(self, memory: "Memory", now_s: float) -> None:
        """Keep no more than are wanted: idle ones leave now, the least recently used first, busy ones at their end."""
        row, _ = self._rows(memory)
        fewer = self.ready - self.wanted + int(row[m.EXCESS])
        self._allocate(memory, now_s, self.wanted)
        idle = min(fewer, int(row[m.TAIL] - row[m.HEAD]))
        row[m.HEAD] += idle
        row.view(np.float64)[m.IDLE_F] += idle * now_s
        row[m.EXCESS] = fewer - idle


@dataclass
class _Warming:
    """The pings of one pool."""

    name: str
    pings: Pings
    turn: int = 0

    @property
    def next_s(self) -> float:
        """When the next pings are due."""
        return self.turn * self.pings.every_s

    def act(self, memory: "Memory", now_s: float) -> None:
        """Let the pings begin, at once."""
        first = FIRST_PING + self.turn * self.pings.environments
        for i in range(self.pings.environments):
            memory.begin(f"{self.name}.ping", first + i)
        self.turn += 1
