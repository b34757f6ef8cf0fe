"""A second way to run a program, without an event queue, for chains whose limits never bind: see levels_kernel.py.

It is chosen by proof. `is_uncoupled` looks at the program; then the run itself proves that no limit binds, no timeout
cuts and no tie is left open, or gives up, and the event loop runs from the same seed. Draws are keyed by request, so
both give the same results, and the choice shows in time only.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from chainkit.simulation import kernel as k
from chainkit.simulation import levels_memory as lm
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import FIRST_COUNTER, POOL_WORDS, FloatArray, IntArray, Program
from chainkit.simulation.levels_kernel import advance
from chainkit.simulation.levels_plan import NotStraightError, Plan, has_ways, longest_wait_s, plan_of, steps_of

SLOTS, BUCKETS, LEVELS, EVENTS, VISITS = 1 << 12, 1 << 13, 1 << 10, 1 << 10, 1 << 4
"""Room to begin with: requests in flight, time buckets, busy environments of a pool, events of a pool in a bucket, and
visits of a request that can take several ways."""
MOST_VISITS = 1 << 8
MOST_BYTES = 1 << 28
BUFFER_WORDS = 32
"""Of one row behind the last buffer, which is always there."""


class Traffic(Protocol):
    """Draws the arrivals of one replication."""

    def fill(self, first: int, out: FloatArray) -> float:
        """Fill `out` with the arrivals of the next requests, first, first + 1 ...; return the last, seconds."""


class Replication(Protocol):
    """What a replication gives to be filled, before its first arrival: its arrays as the event loop fills them."""

    g: IntArray
    sites: IntArray
    table: FloatArray
    pools: IntArray
    histograms: IntArray
    sums: FloatArray
    out: IntArray
    kept: FloatArray
    frames: IntArray
    areas: dict[str, tuple[float, float]]
    told: Callable[[int], str | None]
    drain_s: float
    last_request: int
    engine: str


def is_uncoupled(program: Program) -> bool:
    """Tell whether all that requests of a program share is which environments are warm, as far as its rows tell."""
    return _is_plain(program) and (_plan(program) is not None or has_ways(program))


def _is_plain(program: Program) -> bool:
    """Tell whether pools reuse the most recent environment, keep it a constant time, and stand alone.

    Every rule of a pool that is not asked after here or in the attempt must make this false.
    """
    stations = program.queues.size > BUFFER_WORDS  # a buffer, a rate limiter, a breaker
    special = program.pools.reshape(-1, POOL_WORDS)[:, m.IS_SPECIAL].any()
    return bool(program.pool_nodes) and not (program.keepers or stations or special)


def _plan(program: Program) -> Plan | None:
    """Return the one way that requests take; None if there are several."""
    try:
        return plan_of(program)
    except NotStraightError:
        return None


def fill(
    program: Program, memory: Replication, traffic: Callable[[], Traffic], bounds: tuple[int, int], block: int
) -> float | None:
    """Fill a replication's memory and return its last arrival; where that is not proven leave it and return None.

    Parameters
    ----------
    memory : as it is before the first arrival
    traffic : begins the arrivals anew: an attempt that runs out of room starts again with more
    bounds : requests of the replication, from and to
    block : arrivals to draw at a time
    """
    plan = _plan(program)
    if not _is_plain(program) or (plan is None and not has_ways(program)):
        return None
    grown, visits = 0, len(plan.visits) if plan is not None else VISITS
    while visits <= MOST_VISITS and _words(program, plan, grown, visits) * 8 <= MOST_BYTES:
        attempt = _Attempt(program, plan, memory, grown, visits)
        why = attempt.run(traffic(), bounds, block)
        if why == lm.PROVEN and attempt.finish():
            return attempt.last_s
        memory.told(-attempt.requests)  # they arrive again
        if why < lm.MORE_ROOM:
            return None
        grown += 2 * int(why != lm.MORE_VISITS)
        visits *= 4 if why == lm.MORE_VISITS else 1
    return None


def _sizes(program: Program, plan: Plan | None, grown: int, visits: int) -> dict[int, int]:
    """Return how many words each part of the memory takes, by the word of the head that says where it stands."""
    pools = len(program.pool_nodes)
    slots, buckets, levels, events = SLOTS << grown, BUCKETS << grown, LEVELS << grown, EVENTS << grown
    stride, groups, columns = slots + lm.PAD, -(-pools // 3), len(plan.origins) if plan is not None else 2 * visits + 3
    sizes = {
        lm.PLAN: len(plan.steps) * lm.STEP_WORDS if plan is not None else program.code.size,
        lm.PLACES: 2 * visits + 2,
        lm.TIMES: columns * stride,
        lm.COUNTS: 2 * groups * buckets,
        lm.HEADS: pools * buckets,
        lm.NEXTS: 2 * visits * stride,
        lm.COLD_AT: -(-visits // 32) * slots,
        lm.POOL: pools * lm.POOL_ROW,
        lm.FELL: pools * levels,
        lm.STALE: pools * levels,
        lm.FOUND: 2 * events,
        lm.UNDO: 2 * pools * (2 * events + 1) + 1,
        lm.COLDS: 2 * pools * events + 1,
        lm.LANES: groups,
        lm.NEEDS: groups,
        lm.SHARED: groups,
        lm.ENTERED: groups,
    }
    if plan is not None:
        spans = lm.SPAN_WORDS * len(plan.spans)
        return sizes | {lm.VISIT: visits * lm.VISIT_WORDS, lm.ORIGIN: columns * lm.ORIGIN_WORDS, lm.SPANS: spans}
    return sizes | {
        lm.WAY: 2 * visits * stride,
        lm.ORDER: columns * stride,
        lm.COUNT_AT: slots,
        lm.OUTCOME_AT: slots,
        lm.STACK: lm.STACK_WORDS,
        lm.TALLY: FIRST_COUNTER + len(program.counters) + 1,
    }


def _words(program: Program, plan: Plan | None, grown: int, visits: int) -> int:
    """Return how many words an attempt takes."""
    return lm.HEAD_WORDS + sum(_sizes(program, plan, grown, visits).values())


class _Attempt:
    """One try of a replication, `grown` doublings beyond the first room; without a plan requests take several ways."""

    def __init__(self, program: Program, plan: Plan | None, memory: Replication, grown: int, visits: int) -> None:
        self.program, self.plan, self.memory = program, plan, memory
        self.histograms, self.sums = np.zeros_like(memory.histograms), np.zeros_like(memory.sums)
        self.out, self.kept = memory.out.copy(), memory.kept.copy()
        self.sizes = _sizes(program, plan, grown, visits)
        self.mem = np.zeros(lm.HEAD_WORDS + sum(self.sizes.values()), np.int64)
        self.floats = self.mem.view(np.float64)
        self.requests, self.last_s, pools = 0, 0.0, len(program.pool_nodes)
        head, at = self.mem, lm.HEAD_WORDS
        for word, size in self.sizes.items():
            head[word] = at
            at += size
        head[lm.SLOTS], head[lm.STRIDE], head[lm.BUCKETS] = SLOTS << grown, (SLOTS << grown) + lm.PAD, BUCKETS << grown
        head[lm.LEVELS], head[lm.ROOM] = LEVELS << grown, EVENTS << grown
        head[lm.POOLS], head[lm.GROUPS], head[lm.VISITS] = pools, -(-pools // 3), visits
        head[lm.COLD_WORDS] = -(-visits // 32)
        head[lm.FIRST], head[lm.WARM] = memory.g[m.G_NUMBERED], memory.g[m.G_WARM]
        head[lm.BATCHES], head[lm.COUNTED] = memory.g[m.G_BATCHES], max(memory.g[m.G_COUNTED], 1)
        head[lm.ACCOUNT] = head[lm.ACCOUNT_LEFT] = program.account_limit
        head[lm.CHECK_AT] = lm.CHECKED
        self.floats[lm.LAST_ARRIVAL_F] = np.inf
        self.floats[lm.FIRST_END_F : lm.FIRST_END_F + 6] = np.inf
        self.floats[lm.DUE_F], self.floats[lm.QUOTA_F] = -1.0, program.request_quota
        if plan is not None:
            self._write_plan(plan)
        else:
            self._write_ways(visits)
        self.rows = self._part(lm.POOL).reshape(-1, lm.POOL_ROW)
        self._write_pools()

    def _part(self, word: int) -> IntArray:
        """Return a part of the memory."""
        return self.mem[self.mem[word] : self.mem[word] + self.sizes[word]]

    def _write_plan(self, plan: Plan) -> None:
        """Write the steps, the visits, and where the columns come from."""
        self.mem[lm.STEPS], self.mem[lm.ANSWER], self.mem[lm.END_COLUMN] = len(plan.steps), plan.answer, plan.end
        self._part(lm.PLAN)[:] = steps_of(plan).ravel()
        for row, visit in zip(self._part(lm.VISIT).reshape(-1, lm.VISIT_WORDS), plan.visits, strict=True):
            row[:5] = visit.pool, visit.salt, visit.rank, visit.end_rank, visit.flow
        self._part(lm.PLACES)[:-2] = [c for v in plan.visits for c in (v.start, v.end)]
        self._part(lm.ORIGIN)[:] = np.array(plan.origins).ravel()
        self.mem[lm.SPAN_COUNT] = len(plan.spans)
        for row, span in zip(self._part(lm.SPANS).reshape(-1, lm.SPAN_WORDS), plan.spans, strict=True):
            row[:3], row.view(np.float64)[3] = span[:3], span[3]

    def _write_ways(self, visits: int) -> None:
        """Write the program itself, and a column for the start and the end of each visit, the answer and the end."""
        self.mem[lm.HAS_WAYS], self.mem[lm.ENTRY] = 1, self.program.labels["entry"]
        self.mem[lm.ANSWER], self.mem[lm.END_COLUMN] = 2 * visits + 1, 2 * visits + 2
        self._part(lm.PLAN)[:] = self.program.code
        self._part(lm.PLACES)[:] = np.arange(1, 2 * visits + 3)

    def _write_pools(self) -> None:
        """Write the pools: nothing has run, and the first level is needed."""
        given = self.program.pools.reshape(-1, POOL_WORDS)[: len(self.rows)]
        given_f = given.view(np.float64)
        rows, rows_f = self.rows, self.rows.view(np.float64)
        rows[:, lm.NEEDED], rows[:, lm.INIT] = 1, given[:, m.INIT_SITE]
        rows[:, lm.MOST_LEVEL] = np.minimum(given[:, m.LIMIT], (1 << 20) - 1)
        for word, source in (
            (lm.KEEP, m.KEEP_F), (lm.TOKENS, m.TOKENS_F), (lm.TOKENS_AT, m.TOKENS_AT_F), (lm.BURST, m.BURST_F),
            (lm.REFILL, m.REFILL_F), (lm.LONGEST_TIME, m.TIMEOUT_F), (lm.INIT_LIMIT, m.INIT_LIMIT_F),
        ):  # fmt: skip
            rows_f[:, word] = given_f[:, source]
        rows[:, lm.IS_SHARED], rows[:, lm.OVERHEAD] = given[:, m.IN_ACCOUNT], given[:, m.OVERHEAD_SITE]
        needs, shared = self._part(lm.NEEDS), self._part(lm.SHARED)
        for p, row in enumerate(rows):
            needs[p // 3] |= (lm.HALF - 1) << (lm.LANE_BITS * (p % 3))
            shared[p // 3] |= int(row[lm.IS_SHARED] * lm.LANE) << (lm.LANE_BITS * (p % 3))
        self._part(lm.FELL).view(np.float64)[:] = lm.NEVER_F

    def run(self, traffic: Traffic, bounds: tuple[int, int], most: int) -> int:
        """Run block by block; return whether all is proven, or why not."""
        low, high = bounds
        for first in range(low, high, most):
            block = np.empty(min(most, high - first))
            self.last_s = traffic.fill(first, block)
            if first == low:
                self._set_width(block)
            is_final = first + block.size == high
            why = self._advance(block, is_final=is_final)
            self.requests += block.size
            is_over = self.memory.told(block.size) == "end"
            if why == lm.PROVEN and is_over and not is_final:
                return self._advance(np.empty(0), is_final=True)
            if why != lm.PROVEN:
                return why
        return lm.PROVEN

    def _set_width(self, block: FloatArray) -> None:
        """Make the buckets as wide as requests are apart."""
        self.floats[lm.WIDTH_F] = width_s = max(float(block[-1]) / block.size, 1e-9)
        self.floats[lm.PER_S_F] = 1.0 / width_s
        rows = self.rows.view(np.float64)
        rows[:, lm.SPAN] = np.minimum(rows[:, lm.KEEP] / 2, self.mem[lm.BUCKETS] / 4 * width_s)

    def _advance(self, block: FloatArray, *, is_final: bool) -> int:
        """Run one block."""
        memory = self.memory
        if is_final:
            self.floats[lm.LAST_ARRIVAL_F] = self.last_s
        why = advance(
            self.mem, memory.sites, memory.table, block, self.histograms.ravel(), self.sums, self.out,
            self.kept.ravel(), bool(memory.g[m.G_KEEP]), is_final,
        )  # fmt: skip
        return lm.LIMITED if why == lm.PROVEN and self._is_cut() else int(why)

    def _is_cut(self) -> bool:
        """Tell whether an invocation may have met its timeout."""
        given = self.program.pools.reshape(-1, POOL_WORDS)[: len(self.rows)].view(np.float64)
        longest_s = self.rows.view(np.float64)[:, lm.LONGEST]
        return bool((longest_s >= given[:, m.TIMEOUT_F] - lm.MARGIN_S).any())

    def finish(self) -> bool:
        """Write what was counted into the replication's memory, if the end of the run cuts nothing; return whether."""
        memory, plan, n = self.memory, self.plan, self.requests
        wait_s = plan.longest_wait_s if plan is not None else longest_wait_s(self.program)
        if self.floats[lm.LAST_F] + wait_s > self.last_s + memory.drain_s:
            return False
        memory.engine, memory.last_request = "levels", int(self.mem[lm.FIRST]) + n
        if plan is not None:
            for place, amount in plan.counters.items():
                self.out[place] += amount * n
            self.out[k.OUT_LEDGER + k.COMPLETED] = n
            memory.g[m.G_EVENTS] = plan.events * n
        else:
            self.out += self._part(lm.TALLY)
            memory.g[m.G_EVENTS] = self.mem[lm.EVENTS_ALL]
        self.out[k.OUT_SAMPLES : k.OUT_SAMPLES + 6] = self.mem[lm.FIRST_END : lm.FIRST_END + 6]
        memory.histograms[:], memory.sums[:], memory.out[:] = self.histograms, self.sums, self.out
        memory.kept[:] = self.kept
        memory.frames = memory.frames[:0]  # nothing is in flight
        self._finish_pools()
        return True

    def _finish_pools(self) -> None:
        """Write what the pools did, and for how long their environments ran and were idle."""
        given = self.memory.pools.reshape(-1, POOL_WORDS)
        given_f, rows_f = given.view(np.float64), self.rows.view(np.float64)
        fell = self._part(lm.FELL).view(np.float64).reshape(len(self.rows), -1)
        for p, name in enumerate(self.program.pool_nodes):
            row, row_f, last_s = self.rows[p], rows_f[p], fell[p][fell[p] > lm.NEVER_F]
            keep_s = row_f[lm.KEEP]
            gone = int(row[lm.REPLACED]) + int((last_s + keep_s <= row_f[lm.LAST_START]).sum())
            idle_s = row_f[lm.LIVES] + last_s.sum() + gone * keep_s - row_f[lm.BUSY]
            given[p, m.COLD_STARTS], given[p, m.INVOCATIONS] = row[lm.COLD_RUNS], row[lm.RUNS]
            given[p, m.PEAK], given[p, m.BILLED_MS] = row[lm.TOP], row[lm.BILLED]
            given_f[p, m.BUSY_F], given_f[p, m.IDLE_F] = row_f[lm.BUSY], idle_s
            given_f[p, m.INIT_MS_F], given[p, m.ERRORS] = row_f[lm.INIT_MS], row[lm.FAILURES]
            self.memory.areas[name] = (
                float(row_f[lm.BUSY_AREA]), float(row_f[lm.LIVES_AREA] - row_f[lm.BUSY_AREA]),
            )  # fmt: skip
