"""Runs the kernel: gives it memory, feeds it arrivals, lets it grow, and reads what it counted."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chainkit.errors import SimulationError
from chainkit.simulation import kernel as k
from chainkit.simulation import levels
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import FIRST_COUNTER, Assembler, Program
from chainkit.simulation.loads import Load

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BLOCK = 1 << 16
"""Arrivals drawn at a time: memory does not grow with the number of requests."""
MOST_FRAMES = 1 << 23
TRACE_ROWS = 200_000
LEVELS_FROM = 5_000
"""Requests of a replication from which on the run by levels is tried first."""
ENGINE = "CHAINKIT_ENGINE"
"""Environment variable with which tests and benchmarks choose "loop" or "levels"; results are the same."""


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
class Tally:
    """What one replication counted."""

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
    first_request: int
    pools: dict[str, dict[str, float]]
    queues: dict[str, dict[str, float]]
    counters: IntArray
    span_s: float
    """First to last arrival, from the start."""
    areas: dict[str, tuple[float, float]]
    """Until the last arrival, by node: environments running and idle, or messages waiting and 0; times seconds."""
    events: int
    engine: str
    """Which way it was run: "loop", or "levels" where that was proven to give the same."""
    trace: IntArray

    def mean_s(self, which: int) -> float:
        """Return the mean response (0), or completion (1) of the requests that were not lost, seconds."""
        count = int(self.histograms[which].sum())
        return float(self.sums[2 * which]) / count if count else float("nan")

    def quantile_s(self, which: int, fraction: float) -> float:
        """Return a quantile of response (0) or completion (1), seconds; what never came is infinite."""
        return quantile_s(self.histograms[which], self.counted, fraction, self.slowest[which][0])


def quantile_s(counts: IntArray, total: int, fraction: float, slowest_s: float) -> float:
    """Return a quantile of `total` times of which a histogram counts those that came, within a bin of 0.8 %."""
    cumulative = np.cumsum(counts)
    rank = fraction * total
    if rank > cumulative[-1]:
        return float("inf")
    j = int(np.searchsorted(cumulative, rank))
    if j == 0:
        return 0.0
    within = (rank - (cumulative[j] - counts[j])) / counts[j]
    octave, step = (j + m.FIRST_BIN) >> 7, (j + m.FIRST_BIN) & 127
    value_s = float((1.0 + (step + within) / 128.0) * 2.0 ** (octave - 1023))
    return min(value_s, slowest_s)  # within a bin the slowest is known exactly


def replicate(
    program: Program,
    load: Load,
    seed: int,
    replication: int,
    bounds: tuple[int, int],
    *,
    warmup_fraction: float,
    keep: bool,
    drain_s: float,
    traced: int = -1,
    controls: Sequence[Control] = (),
) -> Tally:
    """Return one replication of a program, from empty to drained."""
    low, high = bounds
    memory = Memory(program, seed, replication, high - low, keep=keep, traced=traced)
    memory.g[m.G_NUMBERED] = low
    memory.last_request = high
    memory.g[m.G_WARM] = low + int(warmup_fraction * (high - low))
    if traced < 0 and not controls and _may_use_levels(high - low):
        found_s = levels.fill(program, memory, lambda: _Gaps(load, seed, replication), bounds, drain_s, BLOCK)
        if found_s is not None:
            return memory.tally(program, found_s, "levels")
    gaps = _Gaps(load, seed, replication)
    waiting = np.empty(0)
    drawn, last_s = low, 0.0
    memory.controls = controls
    while True:
        count = min(BLOCK, high - drawn)
        arrivals = np.empty(waiting.size + count)
        arrivals[: waiting.size] = waiting
        last_s = gaps.fill(drawn, last_s, arrivals[waiting.size :])
        memory.g[m.G_FIRST_REQUEST] = drawn - waiting.size
        drawn += count
        if drawn == high:
            memory.g[m.G_FINAL] = 1
            memory.last_arrival_s, memory.end_s = last_s, last_s + drain_s
            memory.controls = [*controls, _Areas(next_s=last_s)]
        waiting = memory.go(arrivals)
        if drawn == high:
            return memory.tally(program, last_s, "loop")


def _may_use_levels(requests: int) -> bool:
    """Tell whether to try the run by levels: not for so few requests that loading its code takes longer."""
    wanted = os.environ.get(ENGINE, "")
    return wanted != "loop" and (wanted == "levels" or requests >= LEVELS_FROM)


@dataclass
class _Areas:
    """Reads, at the last arrival, for how long environments ran and were idle, and messages waited."""

    next_s: float
    acts_after_arrivals: bool = False

    def act(self, memory: "Memory", now_s: float) -> None:
        """Read them."""
        memory.areas, self.next_s = memory.areas_at(now_s), np.inf


class _Gaps:
    """Draws the arrivals of one replication."""

    def __init__(self, load: Load, seed: int, replication: int) -> None:
        a = Assembler()
        self.site = a.law("arrivals", load.gap())
        program = a.program([], [], pool_nodes=(), queue_nodes=(), account_limit=0, nobody_waits=False)
        self.sites, self.table = program.keyed_sites(seed, replication).ravel(), program.table

    def fill(self, first: int, start_s: float, out: FloatArray) -> float:
        """Fill `out` with the arrivals of requests first, first + 1 ... after `start_s`; return the last."""
        return float(m.arrivals(self.sites, self.table, self.site, first, start_s, out))


class Memory:
    """Everything the kernel works on, and how it grows."""

    def __init__(
        self, program: Program, seed: int, replication: int, requests: int, *, keep: bool, traced: int
    ) -> None:
        self.last_request = 0
        self.last_arrival_s = self.end_s = np.inf
        """Known as soon as the last block of arrivals is drawn."""
        self.controls: Sequence[Control] = ()
        self.areas: dict[str, tuple[float, float]] = {}
        self.pool_nodes, self.queue_nodes = program.pool_nodes, program.queue_nodes
        self.code, self.table = program.code, program.table
        self.sites = program.keyed_sites(seed, replication).ravel()
        self.pools, self.queues = program.pools.copy(), program.queues.copy()
        queues = len(program.queue_nodes)
        rows = program.code.size // 8
        self.g = np.zeros(32, np.int64)
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
        for i, row in enumerate(self.pools.reshape(-1, 32)):
            row[m.RING] = i * room
        self.ring = np.zeros(room * (self.pools.size // 32))
        self.heap = np.zeros(2 * frames + 16, np.int64)
        self.histograms = np.zeros((2, m.BINS), np.int64)
        self.sums = np.zeros(8)
        self.kept = np.full((requests if keep else 1, 2), np.nan)
        self.out = np.zeros(FIRST_COUNTER + len(program.counters) + 1, np.int64)
        self.trace = np.zeros((TRACE_ROWS if traced >= 0 else 1) * m.TRACE_WORDS, np.int64)
        g = self.g
        g[m.G_FREE], g[m.G_FREE_COUNT] = used, frames - used
        g[m.G_READY], g[m.G_READY_LAST], g[m.G_FORM] = -1, -1, -1
        g[m.G_ACCOUNT_LIMIT], g[m.G_RING], g[m.G_RESERVE] = program.account_limit, room, rows + 64
        g[m.G_KEEP], g[m.G_TRACED], g[m.G_TRACE_ROOM] = int(keep), traced, TRACE_ROWS if traced >= 0 else 0
        g[m.G_ENTRY], g[m.G_WATCH_PC], g[m.G_BUDGET] = program.labels["entry"], program.labels["watch"], -1

    def go(self, arrivals: FloatArray) -> FloatArray:
        """Run until the arrivals are used up; return the one that waits for the next block."""
        while True:
            self.g.view(np.float64)[m.G_STOP_F] = min([self.end_s, *(c.next_s for c in self._live_controls())])
            why = k.run(
                self.code, self.sites, self.table, self.pools, self.ring, self.queues, self.frames, self.heap, arrivals,
                self.g, self.histograms.ravel(), self.sums, self.kept.ravel(), self.out, self.trace,
            )  # fmt: skip
            arrivals = arrivals[self.g[m.G_TAKEN] :]
            self.g[m.G_FIRST_REQUEST] += self.g[m.G_TAKEN]
            if why == k.MORE_FRAMES:
                self._more_frames()
            elif why == k.MORE_RING:
                self._more_ring()
            elif why == k.MORE_ARRIVALS or not self._control(why):
                return arrivals

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

    def areas_at(self, now_s: float) -> dict[str, tuple[float, float]]:
        """Return what each node has had until now, in seconds: of running and idle environments, or of waiting, 0."""
        areas = {}
        for name, row in zip(self.pool_nodes, self.pools.reshape(-1, 32), strict=False):
            floats = row.view(np.float64)
            busy_s = floats[m.BUSY_F] + row[m.RUNNING] * now_s - floats[m.SINCE_F]
            x = np.arange(row[m.HEAD], row[m.TAIL]) & (self.g[m.G_RING] - 1)
            idle_s = np.minimum(now_s - self.ring[row[m.RING] + x], floats[m.KEEP_F])
            areas[name] = (float(busy_s), float(floats[m.IDLE_F] + idle_s.sum()))
        for name, row in zip(self.queue_nodes, self.queues.reshape(-1, 32), strict=False):
            floats = row.view(np.float64)
            areas[name] = (float(floats[m.WAITED_F] + row[m.WAITING_NOW] * now_s - floats[m.SINCE_Q_F]), 0.0)
        return areas

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
        self.frames = more.ravel()
        self.heap = np.concatenate([self.heap, np.zeros(2 * n, np.int64)])

    def _more_ring(self) -> None:
        """Double the room for idle environments of every pool."""
        room, pools = self.g[m.G_RING], self.pools.reshape(-1, 32)
        ring = np.zeros(2 * self.ring.size)
        for row in pools:
            x = np.arange(row[m.HEAD], row[m.TAIL])
            ring[2 * row[m.RING] + (x & (2 * room - 1))] = self.ring[row[m.RING] + (x & (room - 1))]
            row[m.RING] *= 2
        self.ring, self.g[m.G_RING] = ring, 2 * room

    def tally(self, program: Program, last_s: float, engine: str) -> Tally:
        """Return what was counted."""
        out, sums = self.out, self.sums
        live_branches = self._close_open()
        slowest = tuple(
            (float(sums[k.SUM_SLOWEST + i]), int(out[k.OUT_SLOWEST + i])) for i in (k.RESPONSES, k.COMPLETIONS)
        )
        return Tally(
            ledger=out[k.OUT_LEDGER : k.OUT_LEDGER + 6].copy(),
            branches=out[k.OUT_BRANCHES : k.OUT_BRANCHES + 6].copy(),
            live_branches=live_branches,
            samples=out[k.OUT_SAMPLES : k.OUT_SAMPLES + 6].copy(),
            slowest=(slowest[0], slowest[1]),
            histograms=self.histograms,
            sums=sums,
            counted=self.last_request - int(self.g[m.G_WARM]),
            kept=self.kept,
            first_request=int(self.g[m.G_NUMBERED]),
            pools={n: _pool(row) for n, row in zip(program.pool_nodes, self.pools.reshape(-1, 32), strict=False)},
            queues={n: _queue(row) for n, row in zip(program.queue_nodes, self.queues.reshape(-1, 32), strict=False)},
            counters=out,
            span_s=last_s,
            areas=self.areas,
            events=int(self.g[m.G_EVENTS]),
            engine=engine,
            trace=self.trace.reshape(-1, m.TRACE_WORDS)[: self.g[m.G_TRACES]],
        )

    def _close_open(self) -> int:
        """Count requests in flight that have lost a branch already as lost; return how many flows are in flight."""
        frames = self.frames.reshape(-1, 8)
        free = np.zeros(len(frames), bool)
        at = int(self.g[m.G_FREE])
        for _ in range(int(self.g[m.G_FREE_COUNT])):
            free[at] = True
            at = int(frames[at, m.LINK])
        own_root = (frames[:, m.ROOT] & m.SLOT) == np.arange(len(frames))
        live = frames[:, m.ROOT] >> 32
        roots = np.flatnonzero(~free & own_root & (live > 0))
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
