"""The memory of one replication: everything the kernel works on, how it grows, and what it counted in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chainkit.errors import SimulationError
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import FIRST_COUNTER, POOL_WORDS, Program
from chainkit.simulation.keepers import Keeper

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MOST_FRAMES = 1 << 23
BREATH = 1 << 24
"""Events after which the kernel stops for a moment, so that it can be interrupted: a second or so."""
TRACE_ROWS, MOST_TRACE_ROWS = 1 << 17, 1 << 22
"""Rows of a trace at first, and at most: what does not fit is cut off, and the tally says so."""


class Control(Protocol):
    """Acts on a replication's memory at instants of its own choice.

    Everything of an instant happens before the controls of that instant, which act in their order.
    """

    next_s: float
    """When it acts next; infinite: never again. `act` moves it on."""
    acts_after_arrivals: bool
    """Whether it goes on after the last arrival, as long as something is in flight."""

    def act(self, memory: "Memory", now_s: float) -> None:
        """Read or change the memory."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What was counted of some successive requests of a long replication."""

    histograms: IntArray
    sums: FloatArray
    lost: int
    """Requests of which a branch was lost for good."""


Told = Callable[[int], str | None]
"""Is told how many more requests have arrived."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What one replication counted."""

    replication: int
    bounds: tuple[int, int]
    """Its requests' numbers: from, to before."""
    batches: tuple[Batch, ...]
    ledger: IntArray
    branches: IntArray
    live_branches: int
    samples: IntArray
    """A request of each outcome, + 1; 0 where there is none."""
    slowest: tuple[tuple[float, int], tuple[float, int]]
    """(seconds, request) of the slowest answer and completion."""
    histograms: IntArray
    sums: FloatArray
    counted: int
    """Requests that count for the figures: those after the warm-up."""
    kept: FloatArray
    pools: dict[str, dict[str, float]]
    queues: dict[str, dict[str, float]]
    drain_s: dict[str, float]
    """By queue: how long after the last arrival its last message was taken; infinite: some wait still."""
    counters: IntArray
    span_s: float
    """First to last arrival, from the start."""
    areas: dict[str, tuple[float, float]]
    """Until the last arrival, by node: environments running and idle, or messages waiting and 0; times seconds."""
    events: int
    engine: str
    """Which way it was run: "loop", or "levels" where that was proven to give the same."""
    trace: IntArray
    effects: IntArray
    """(n, 3) what was written down of units of work: bits of the instant, request, pool << 2 | what (effects.py)."""
    trace_is_cut: bool
    """Whether there was more to write down than fits."""


def time_in_bin(j: int, within: float) -> float:
    """Return the time at a fraction of a histogram's bin, seconds; bins are 0.8 % wide."""
    if j == 0:
        return 0.0
    octave, step = (j + m.FIRST_BIN) >> 7, (j + m.FIRST_BIN) & 127
    return float((1.0 + (step + within) / 128.0) * 2.0 ** (octave - 1023))


@dataclass
class _Areas:
    """Reads, at the last arrival, for how long environments ran and were idle, and messages waited."""

    next_s: float
    acts_after_arrivals: bool = False

    def act(self, memory: "Memory", now_s: float) -> None:
        """Read them."""
        memory.areas, self.next_s = memory.areas_at(now_s), np.inf


class Memory:
    """Everything the kernel works on, and how it grows."""

    def __init__(
        self, program: Program, seed: int, replication: int, requests: int, *, keep: bool, batches: int = 1
    ) -> None:
        self.replication, self.last_request = replication, -1
        self.told: Told = lambda _: None
        self.engine = "loop"
        self.last_arrival_s = self.end_s = np.inf
        """Known as soon as the last block of arrivals is drawn."""
        self.drain_s = np.inf
        self.controls: Sequence[Control] = ()
        self.keepers: Sequence[Keeper] = ()
        self.areas: dict[str, tuple[float, float]] = {}
        self.pool_nodes, self.queue_nodes, self.labels = program.pool_nodes, program.queue_nodes, program.labels
        self.code, self.table = program.code, program.table
        self.sites = program.keyed_sites(seed, replication).ravel()
        self.pools, self.queues = program.pools.copy(), program.queues.copy()
        queues = len(program.queue_nodes)
        rows = program.code.size // 8
        self.g = np.zeros(64, np.int64)
        frames, room = 1 << 12, 1 << 7
        while frames < 2 * (rows + 64):
            frames *= 2
        blank = np.zeros((frames, 8), np.int64)
        blank[:, m.LINK] = np.arange(1, frames + 1)
        used = 0
        for name, row in zip(program.queue_nodes, self.queues.reshape(-1, 32), strict=False):
            for word, label in ((m.TICK_FRAME, "tick"), (m.RAMP_FRAME, "ramp")):
                row[word] = used
                blank[used, m.PC] = program.labels[f"{name}.{label}"]
                used += 1
        assert used == 2 * queues
        self.frames = blank.ravel()
        for i, row in enumerate(self.pools.reshape(-1, POOL_WORDS)):
            row[m.RING] = 2 * i * room
        self.ring = np.zeros(2 * room * (self.pools.size // POOL_WORDS))
        self.heap = np.zeros(2 * frames + 16, np.int64)
        self.histograms = np.zeros((batches, 2, m.BINS), np.int64)
        self.sums = np.zeros(m.SUM_BATCHES + m.SUM_WORDS * batches)
        self.kept = np.full((requests if keep else 1, 2), np.nan)
        self.out = np.zeros(FIRST_COUNTER + len(program.counters) + 1, np.int64)
        self.trace, self.marks = np.zeros(m.TRACE_WORDS, np.int64), np.zeros(1, np.int64)
        self.effects = np.zeros(3, np.int64)
        g = self.g
        g[m.G_FREE], g[m.G_FREE_COUNT] = used, frames - used
        g[m.G_READY], g[m.G_READY_LAST], g[m.G_FORM] = -1, -1, -1
        g[m.G_ACCOUNT_LIMIT], g[m.G_RING], g[m.G_RESERVE] = program.account_limit, room, rows + 64
        g[m.G_KEEP], g[m.G_BATCHES] = int(keep), batches
        g[m.G_ENTRY], g[m.G_WATCH_PC], g[m.G_BUDGET] = program.labels["entry"], program.labels["watch"], BREATH
        g[m.G_GONE_PC], g[m.G_ARRIVE_PC] = program.labels["gone"], program.labels["arrive"]
        g[m.G_MOST_IN_FLIGHT] = program.most_in_flight
        g[m.G_COUNTS_TURNS] = int((program.code[::8] == k.RECUR).any())
        g[m.G_TOKENS], g[m.G_FRAMES] = int((program.code[::8] == k.AWAIT).any()), frames
        floats = g.view(np.float64)
        floats[m.G_STEP_F] = 1 / program.request_quota
        floats[m.G_SLACK_F] = (program.request_quota - 1) / program.request_quota

    def trace_requests(self, marked: Sequence[int], requests: int) -> None:
        """Write down what happens to some of the replication's requests, named by their places in it."""
        if marked:
            bits = np.zeros((requests + 64) // 64 * 64, np.uint8)
            bits[list(marked)] = 1
            self.marks = np.packbits(bits, bitorder="little").view(np.int64)
            self.trace = np.zeros(TRACE_ROWS * m.TRACE_WORDS, np.int64)
            self.g[m.G_TRACED], self.g[m.G_TRACE_ROOM] = requests, TRACE_ROWS

    def log_effects(self) -> None:
        """Write down when units of work begin and have their effect: rows of time, request, pool << 2 | what."""
        self.effects = np.zeros(3 * 4 * m.TRACE_SPARE, np.int64)
        self.g[m.G_EFFECT_ROOM] = 4 * m.TRACE_SPARE

    def go(self, arrivals: FloatArray) -> FloatArray:
        """Run until the arrivals are used up; return the one that waits for the next block."""
        while True:
            self.g.view(np.float64)[m.G_STOP_F] = min([self.end_s, *(c.next_s for c in self._live_controls())])
            why = k.run(
                self.code, self.sites, self.table, self.pools, self.ring, self.queues, self.frames, self.heap, arrivals,
                self.g, self.histograms.ravel(), self.sums, self.kept.ravel(), self.out, self.trace,
                self.marks, self.effects,
            )  # fmt: skip
            arrivals = arrivals[self.g[m.G_TAKEN] :]
            self.g[m.G_FIRST_REQUEST] += self.g[m.G_TAKEN]
            if why == k.MORE_FRAMES:
                self._more_frames()
            elif why == k.MORE_RING:
                self._more_ring()
            elif why == k.TRACE_FULL:
                self._more_trace()
            elif why == k.MORE_EFFECTS:
                self.effects = np.concatenate([self.effects, np.zeros(self.effects.size, np.int64)])
                self.g[m.G_EFFECT_ROOM] *= 2
            elif why == k.PAUSED:
                self.told(0)
            elif why == k.ALL_ISSUED:
                self.end_arrivals(float(self.g.view(np.float64)[m.G_LAST_F]))
            elif why == k.MORE_ARRIVALS or not self._control(why):
                return arrivals

    def end_arrivals(self, last_s: float) -> None:
        """Take note of the last arrival: what is in flight then has so long to come to an end."""
        self.last_arrival_s, self.end_s = last_s, last_s + self.drain_s
        self.controls = [*self.controls, _Areas(next_s=last_s)]

    def _live_controls(self) -> list[Control]:
        """Return the controls that may still act."""
        return [c for c in self.controls if c.acts_after_arrivals or c.next_s <= self.last_arrival_s]

    def _control(self, why: int) -> bool:
        """Let the controls act that are due; return whether there were any."""
        now_s = float(self.g.view(np.float64)[m.G_NOW_F])
        if why == k.DONE:  # nothing is in flight: only what is due until the last arrival is left to do
            now_s = min([np.inf, *(c.next_s for c in self.controls if c.next_s <= self.last_arrival_s)])
            self.g.view(np.float64)[m.G_NOW_F] = now_s
        due = [c for c in self._live_controls() if c.next_s <= now_s < np.inf]
        for control in due:
            control.act(self, now_s)
        return bool(due)

    def _more_trace(self) -> None:
        """Double the room for rows of traces; where there is enough, write no more."""
        room = int(self.g[m.G_TRACE_ROOM])
        if room >= MOST_TRACE_ROWS:
            self.g[m.G_TRACED] = 0
            return
        self.trace = np.concatenate([self.trace, np.zeros(self.trace.size, np.int64)])
        self.g[m.G_TRACE_ROOM] = 2 * room

    def areas_at(self, now_s: float) -> dict[str, tuple[float, float]]:
        """Return what each node has had until now, in seconds: of running and idle environments, or of waiting, 0."""
        areas = {}
        rows = self.pools.reshape(-1, POOL_WORDS)
        for name, row in zip(self.pool_nodes, rows, strict=False):
            floats = row.view(np.float64)
            busy_s = floats[m.BUSY_F] + row[m.RUNNING] * now_s - floats[m.SINCE_F]
            ready_s = self._idle_s(rows[row[m.READY_ROW]], now_s) if row[m.READY_ROW] else 0.0
            areas[name] = (float(busy_s), self._idle_s(row, now_s) + ready_s)
        for name, row in zip(self.queue_nodes, self.queues.reshape(-1, 32), strict=False):
            floats = row.view(np.float64)
            areas[name] = (float(floats[m.WAITED_F] + row[m.WAITING_NOW] * now_s - floats[m.SINCE_Q_F]), 0.0)
        return areas

    def reading(self, now_s: float) -> dict[tuple[str, str], float]:
        """Return what has been counted until now, by (node, figure); of the whole chain the node is empty."""
        found: dict[tuple[str, str], float] = {}
        for name, row in zip(self.pool_nodes, self.pools.reshape(-1, POOL_WORDS), strict=False):
            found |= {(name, figure): value for figure, value in _pool(row).items()}
        starts = self.frames.view(np.float64).reshape(-1, 8)[:, m.START]
        for name, row in zip(self.queue_nodes, self.queues.reshape(-1, 32), strict=False):
            waiting = int(row[m.WAITING_NOW])
            oldest_s = now_s - starts[row[m.FIRST] & m.SLOT] if waiting else 0.0
            found |= {(name, "waiting"): waiting, (name, "arrived"): row[m.RECEIVED] + waiting}
            found[name, "oldest_s"] = float(oldest_s)
        ledger = self.out[k.OUT_LEDGER : k.OUT_LEDGER + 6]
        found |= {("", "completed"): float(ledger[k.COMPLETED]), ("", "ended"): float(ledger.sum())}
        return found

    def held_s(self, row: int, now_s: float) -> float:
        """Return how long a rate limiter would hold what comes now."""
        floats = self.queues.view(np.float64).reshape(-1, 32)[row]
        return max(0.0, float(floats[m.TAT_F] - floats[m.SLACK_F]) - now_s)

    def _idle_s(self, row: IntArray, now_s: float) -> float:
        """Return for how long environments of one row of the pools have been idle until now, together."""
        floats, x = row.view(np.float64), np.arange(row[m.HEAD], row[m.TAIL]) & (self.g[m.G_RING] - 1)
        if row[m.IS_SPECIAL]:
            return float(floats[m.IDLE_F] + np.minimum(self.ring[row[m.RING] + 2 * x], now_s).sum())
        return float(floats[m.IDLE_F] + np.minimum(now_s - self.ring[row[m.RING] + x], floats[m.KEEP_F]).sum())

    def begin(self, label: str, request: int) -> None:
        """Let an activity begin at this instant, behind those that are ready."""
        if self.g[m.G_FREE_COUNT] <= self.g[m.G_RESERVE]:
            self._more_frames()
        frames, g = self.frames.reshape(-1, 8), self.g
        slot = int(g[m.G_FREE]) & m.SLOT
        row = frames[slot]
        g[m.G_FREE], g[m.G_FREE_COUNT] = row[m.LINK], g[m.G_FREE_COUNT] - 1
        row[m.PC], row[m.PARENT], row[m.REQUEST], row[m.ROOT], row[m.SALT] = self.labels[label], -1, request, m.SLOT, 0
        row[m.STATE] = (row[m.STATE] >> 40 << 40) | m.ONE
        row[m.LINK] = -1
        if g[m.G_READY] < 0:
            g[m.G_READY] = slot
        else:
            frames[int(g[m.G_READY_LAST]) & m.SLOT, m.LINK] = slot
        g[m.G_READY_LAST] = slot

    def make_room(self, row: IntArray, more: int) -> None:
        """See that a pool's ring has room for so many more idle environments."""
        while row[m.RUNNING] + row[m.TAIL] - row[m.HEAD] + more > self.g[m.G_RING] - 64:
            self._more_ring()

    def _more_frames(self) -> None:
        """Double the frames, the new ones linked behind each other, and the heap that holds them all."""
        frames = self.frames.reshape(-1, 8)
        n, g = len(frames), self.g
        if n >= MOST_FRAMES:
            raise SimulationError(
                f"more than {n:,} things are in flight at once: the chain does not keep up with its load",
                fix="lower the rate, raise the limits that throttle it, or simulate fewer requests",
            )
        more = np.zeros((2 * n, 8), np.int64)
        more[:n] = frames
        more[n:, m.LINK] = np.arange(n + 1, 2 * n + 1)
        if g[m.G_FREE_COUNT] == 0:
            g[m.G_FREE] = n
        else:
            last = g[m.G_FREE]
            for _ in range(g[m.G_FREE_COUNT] - 1):
                last = more[last, m.LINK]
            more[last, m.LINK] = n
        g[m.G_FREE_COUNT] += n
        g[m.G_FRAMES] = 2 * n
        self.frames = more.ravel()
        self.heap = np.concatenate([self.heap, np.zeros(2 * n, np.int64)])

    def _more_ring(self) -> None:
        """Double the room for idle environments of every pool."""
        room, pools = self.g[m.G_RING], self.pools.reshape(-1, POOL_WORDS)
        ring = np.zeros(2 * self.ring.size)
        for row in pools:
            x, words = np.arange(row[m.HEAD], row[m.TAIL]), 2 if row[m.IS_SPECIAL] else 1
            for word in range(words):
                old = self.ring[row[m.RING] + words * (x & (room - 1)) + word]
                ring[2 * row[m.RING] + words * (x & (2 * room - 1)) + word] = old
            row[m.RING] *= 2
        self.ring, self.g[m.G_RING] = ring, 2 * room

    def tally(self, program: Program, last_s: float) -> Tally:
        """Return what was counted."""
        out, sums, low = self.out, self.sums, int(self.g[m.G_NUMBERED])
        live_branches = self._close_open()
        slowest = tuple(
            (float(sums[k.SUM_SLOWEST + i]), int(out[k.OUT_SLOWEST + i])) for i in (k.RESPONSES, k.COMPLETIONS)
        )
        return Tally(
            replication=self.replication,
            bounds=(low, self.last_request),
            batches=self._batches() if len(self.histograms) > 1 else (),
            ledger=out[k.OUT_LEDGER : k.OUT_LEDGER + 6].copy(),
            branches=out[k.OUT_BRANCHES : k.OUT_BRANCHES + 6].copy(),
            live_branches=live_branches,
            samples=out[k.OUT_SAMPLES : k.OUT_SAMPLES + 6].copy(),
            slowest=(slowest[0], slowest[1]),
            histograms=self.histograms.sum(axis=0),
            sums=sums[m.SUM_BATCHES :].reshape(-1, m.SUM_WORDS).sum(axis=0)[: m.SUM_LOST],
            counted=max(0, self.last_request - int(self.g[m.G_WARM])),
            kept=self.kept[: self.last_request - low],
            pools=self._pools(),
            queues={n: _queue(row) for n, row in zip(program.queue_nodes, self.queues.reshape(-1, 32), strict=False)},
            drain_s={
                n: self._drain_s(row) for n, row in zip(program.queue_nodes, self.queues.reshape(-1, 32), strict=False)
            },
            counters=out,
            span_s=last_s,
            areas=self.areas,
            events=int(self.g[m.G_EVENTS]),
            engine=self.engine,
            trace=self.trace.reshape(-1, m.TRACE_WORDS)[: self.g[m.G_TRACES]],
            effects=self.effects.reshape(-1, 3)[: self.g[m.G_EFFECTS]],
            trace_is_cut=bool(self.g[m.G_TRACE_ROOM] > 0 and self.g[m.G_TRACED] == 0),
        )

    def _drain_s(self, row: IntArray) -> float:
        """Return how long after the last arrival a buffer was empty for good."""
        if row[m.WAITING_NOW]:
            return float("inf")
        return max(0.0, float(row.view(np.float64)[m.EMPTIED_F]) - self.last_arrival_s)

    def _batches(self) -> tuple[Batch, ...]:
        """Return what was counted of each batch of requests."""
        sums = self.sums[m.SUM_BATCHES :].reshape(-1, m.SUM_WORDS)
        return tuple(
            Batch(histograms=counts, sums=each[: m.SUM_LOST], lost=int(each[m.SUM_LOST]))
            for counts, each in zip(self.histograms, sums, strict=True)
        )

    def _pools(self) -> dict[str, dict[str, float]]:
        """Return the figures of every pool, with those of its provisioned environments."""
        rows = self.pools.reshape(-1, POOL_WORDS)
        figures = {}
        for name, row in zip(self.pool_nodes, rows, strict=False):
            figures[name] = _pool(row)
            if row[m.READY_ROW]:
                ready = _pool(rows[row[m.READY_ROW]])
                figures[name]["run_ms"] -= ready["billed_ms"]
                figures[name] |= {"ready_runs": ready["invocations"], "provisioned_run_ms": ready["billed_ms"]}
        for keeper in self.keepers:
            figures[keeper.name] |= keeper.figures(self)
        return figures

    def _close_open(self) -> int:
        """Count requests in flight that have lost a branch already as lost; return how many flows are in flight."""
        frames = self.frames.reshape(-1, 8)
        own_root = (frames[:, m.ROOT] & m.SLOT) == np.arange(len(frames))
        live = frames[:, m.ROOT] >> 32
        roots = np.flatnonzero(own_root & (live > 0))
        if not roots.size:
            return 0
        free = np.zeros(len(frames), bool)
        at = int(self.g[m.G_FREE])
        for _ in range(int(self.g[m.G_FREE_COUNT])):
            free[at] = True
            at = int(frames[at, m.LINK])
        roots = roots[~free[roots]]
        for root in roots:
            worst = int(frames[root, m.ROOT] >> 24) & 15
            if worst >= k.DEAD_LETTERED:
                request = int(frames[root, m.REQUEST])
                self.out[k.OUT_LEDGER + worst] += 1
                self.out[k.OUT_SAMPLES + worst] = self.out[k.OUT_SAMPLES + worst] or request + 1
                if self.g[m.G_KEEP]:
                    self.kept[request - self.g[m.G_NUMBERED], k.COMPLETIONS] = np.inf
        return int(live[roots].sum())


def _pool(row: IntArray) -> dict[str, float]:
    """Return a pool's figures by name."""
    floats = row.view(np.float64)
    init_ms = float(floats[m.INIT_MS_F])
    return {
        "invocations": int(row[m.INVOCATIONS]),
        "cold_starts": int(row[m.COLD_STARTS]),
        "throttles": int(row[m.THROTTLES]),
        "throttles_reserved": int(row[m.BY_RESERVATION]),
        "throttles_account": int(row[m.BY_ACCOUNT]),
        "throttles_quota": int(row[m.BY_QUOTA]),
        "throttles_scaling": int(row[m.BY_SCALING]),
        "errors": int(row[m.ERRORS]),
        "timeouts": int(row[m.TIMEOUTS]),
        "peak": int(row[m.PEAK]),
        "busy_s": float(floats[m.BUSY_F]),
        "idle_s": float(floats[m.IDLE_F]),
        "billed_ms": int(row[m.BILLED_MS]),
        "init_ms": init_ms,
        "run_ms": int(row[m.BILLED_MS]) - init_ms,
    }


def _queue(row: IntArray) -> dict[str, float]:
    """Return a buffer's figures by name."""
    return {
        "batches": int(row[m.BATCHES]),
        "received": int(row[m.RECEIVED]),
        "receives": int(row[m.RECEIVE_CHUNKS]),
        "deletes": int(row[m.DELETES]),
        "returned": int(row[m.RETURNED]),
        "dead_letters": int(row[m.DEAD_LETTERS]),
        "peak_waiting": int(row[m.PEAK_WAITING]),
        "waited_s": float(row.view(np.float64)[m.WAITED_F]),
    }
