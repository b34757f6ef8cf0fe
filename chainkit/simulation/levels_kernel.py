# ruff: noqa: F403, F405 - the memory layout is what all of this works on
"""Requests laid out one after the other, without an event queue, where all they share is which environments are warm.

With most recently used reuse and one constant keep-alive, a pool is a stack: position j was last used when the pool's
busy level last fell from j to j - 1. So an invocation is cold exactly if it lifts the level to a j of which that is
longer ago than the keep-alive, and nothing else of one request reaches another while no limit binds.

Requests are laid out as if all were warm, a column of times per step. Starts and ends are counted by pool and time
bucket. A walk over the buckets adds the counts up; a bucket in which a level can reach the pool's *needed* level, which
is reached often enough to be warm for certain, is settled exactly, event by event. The earliest invocation found cold
there is laid out again; everything before it is final. Levels of 21 bits lie three to a word.
"""

import numpy as np
from numba import njit

from chainkit.simulation.kernel import COMPLETIONS, DEAD_LETTERED, OUT_SLOWEST, RESPONSES, SUM_SLOWEST
from chainkit.simulation.levels_memory import *
from chainkit.simulation.levels_walk import is_within_quota, recall, tune, walk
from chainkit.simulation.levels_ways import wander
from chainkit.simulation.primitives import (
    BINS,
    FIRST_BIN,
    OPTIONS,
    SUM_BATCHES,
    SUM_LOST,
    SUM_WORDS,
    batch_of,
    bits_of,
    floats,
    ints,
)  # fmt: skip


@njit(**OPTIONS)
def meter(mem, mem_f, slot, n):
    """Add up what the visits of n requests cost."""
    stride, times = mem[STRIDE], mem[TIMES] + slot
    for v in range(mem[VISITS]):
        row = mem[POOL] + POOL_ROW * mem[mem[VISIT] + VISIT_WORDS * v + V_POOL]
        start, end = times + mem[mem[PLACES] + 2 * v] * stride, times + mem[mem[PLACES] + 2 * v + 1] * stride
        busy, longest, last, billed, until = 0.0, 0.0, 0.0, np.int64(0), mem_f[LAST_ARRIVAL_F]
        if until < np.inf:
            area = 0.0
            for i in range(n):
                area += min(mem_f[end + i], until) - min(mem_f[start + i], until)
            mem_f[row + BUSY_AREA] += area
        for i in range(n):
            d = mem_f[end + i] - mem_f[start + i]
            busy += d
            billed += np.int64(np.ceil(d * 1000.0 - 1e-6))
            longest = max(longest, d)
            last = max(last, mem_f[start + i])
        mem_f[row + BUSY] += busy
        if until == np.inf:
            mem_f[row + BUSY_AREA] += busy
        mem[row + BILLED] += billed
        mem[row + RUNS] += n
        mem_f[row + LONGEST] = max(mem_f[row + LONGEST], longest)
        mem_f[row + LAST_START] = max(mem_f[row + LAST_START], last)


@njit(**OPTIONS)
def measure(mem, mem_f, out, slot, n):
    """Add up the counters of elapsed time of n requests, and look at the deadlines of those who wait."""
    stride, times = mem[STRIDE], mem[TIMES] + slot
    for k in range(mem[SPAN_COUNT]):
        row = mem[SPANS] + SPAN_WORDS * k
        since, end = times + mem[row + 1] * stride, times + mem[row + 2] * stride
        if mem[row] < 0:
            for i in range(n):
                if mem_f[end + i] - mem_f[since + i] >= mem_f[row + 3] - MARGIN_S:
                    mem[DOUBT] = 1
            continue
        for i in range(n):
            out[mem[row]] += np.int64(np.ceil((mem_f[end + i] - mem_f[since + i]) * mem_f[row + 3] - 1e-6))


@njit(**OPTIONS)
def meter_ways(mem, mem_f, slot, n):
    """Add up what the visits of n requests cost that took several ways."""
    until = mem_f[LAST_ARRIVAL_F]
    for i in range(slot, slot + n):
        for v in range(visits_of(mem, i)):
            row = mem[POOL] + POOL_ROW * pool_of(mem, v, i)
            start, end = mem_f[time_at(mem, 2 * v, i)], mem_f[time_at(mem, 2 * v + 1, i)]
            mem_f[row + BUSY] += end - start
            mem_f[row + BUSY_AREA] += min(end, until) - min(start, until)
            mem[row + BILLED] += np.int64(np.ceil((end - start) * 1000.0 - 1e-6))
            mem[row + RUNS] += 1
            mem_f[row + LONGEST] = max(mem_f[row + LONGEST], end - start)
            mem_f[row + LAST_START] = max(mem_f[row + LAST_START], start)


@njit(**OPTIONS)
def is_missing(mem, mem_f, which, at, slot):
    """Tell whether a request that took one of several ways was never answered, or is lost."""
    if mem[HAS_WAYS] == 0:
        return False
    return mem_f[at] < 0.0 if which == RESPONSES else mem[mem[OUTCOME_AT] + slot] >= DEAD_LETTERED


@njit(**OPTIONS)
def slower(mem, mem_f, out, sums, which, x, t, kind, request):
    """Keep the slowest request; of equals the first to get there."""
    if x == sums[SUM_SLOWEST + which]:
        before, other = mem_f[SLOW_F + which], mem[SLOW_KIND + which]
        if x == 0.0 or t > before or (t == before and (kind, request) > (other, out[OUT_SLOWEST + which])):
            return
    sums[SUM_SLOWEST + which], out[OUT_SLOWEST + which] = x, request
    mem_f[SLOW_F + which], mem[SLOW_KIND + which] = t, kind


@njit(**OPTIONS)
def count(mem, mem_f, histograms, sums, out, kept, is_kept, which, column, slot, n, request, number, batch):
    """Count the response or completion of n requests of one batch."""
    times = mem[TIMES] + slot
    at = times + column * mem[STRIDE]
    first = min(max(mem[WARM] - request, 0), n)
    total, squares, lost = 0.0, 0.0, 0
    bins = (2 * batch + which) * BINS
    slowest = sums[SUM_SLOWEST + which]
    for i in range(first, n):
        if is_missing(mem, mem_f, which, at + i, slot + i):
            lost += 1
            continue
        x = mem_f[at + i] - mem_f[times + i]
        histograms[bins + min(max((bits_of(x) >> 45) - FIRST_BIN, 0), BINS - 1)] += 1
        total += x
        squares += x * x
        if x >= slowest:
            slower(mem, mem_f, out, sums, which, x, mem_f[at + i], kind_of(mem, mem_f, column, slot + i), request + i)
            slowest = sums[SUM_SLOWEST + which]
    k = SUM_BATCHES + SUM_WORDS * batch
    sums[k + 2 * which] += total
    sums[k + 2 * which + 1] += squares
    if which == COMPLETIONS:
        sums[k + SUM_LOST] += lost
    if is_kept:
        for i in range(n):
            if not is_missing(mem, mem_f, which, at + i, slot + i):
                kept[2 * (number + i) + which] = mem_f[at + i] - mem_f[times + i]
            elif which == COMPLETIONS:
                kept[2 * (number + i) + which] = np.inf


@njit(**OPTIONS)
def first_over(mem, mem_f, slot, n, request):
    """Keep the first request to complete with each outcome."""
    column = mem[END_COLUMN]
    ends = mem[TIMES] + column * mem[STRIDE]
    for i in range(slot, slot + n):
        k = mem[mem[OUTCOME_AT] + i] if mem[HAS_WAYS] == 1 else np.int64(0)
        if mem_f[ends + i] <= mem_f[FIRST_END_F + k]:
            kind = kind_of(mem, mem_f, column, i)
            if mem_f[ends + i] < mem_f[FIRST_END_F + k] or kind < mem[FIRST_END_KIND + k]:
                mem_f[FIRST_END_F + k], mem[FIRST_END_KIND + k] = mem_f[ends + i], kind
                mem[FIRST_END + k] = request + (i - slot) + 1


@njit(**OPTIONS)
def retire(mem, mem_f, histograms, sums, out, kept, is_kept):
    """Count the requests that are over, oldest first."""
    ends, per_s, front = mem[TIMES] + mem[END_COLUMN] * mem[STRIDE], mem_f[PER_S_F], mem[FRONT]
    while mem[OLDEST] < mem[LAID]:
        slot = mem[OLDEST] & (mem[SLOTS] - 1)
        request, number = mem[FIRST] + mem[OLDEST], mem[OLDEST]
        batch, _, border = batch_of(request, mem[WARM], mem[COUNTED], mem[BATCHES])
        most = min(mem[LAID] - mem[OLDEST], mem[SLOTS] - slot, border - request)
        n = 0
        while n < most and np.int64(mem_f[ends + slot + n] * per_s) < front:
            n += 1
        if n == 0:
            return
        if mem[HAS_WAYS] == 1:
            meter_ways(mem, mem_f, slot, n)
        else:
            meter(mem, mem_f, slot, n)
            measure(mem, mem_f, out, slot, n)
        for k in range(2):  # responses, completions
            column = mem[ANSWER] if k == RESPONSES else mem[END_COLUMN]
            if column >= 0:
                count(mem, mem_f, histograms, sums, out, kept, is_kept, k, column, slot, n, request, number, batch)
        first_over(mem, mem_f, slot, n, request)
        mem[OLDEST] += n
        if n < most:
            return


@njit(**OPTIONS)
def advance(mem_, sites_, table_, arrivals_, histograms_, sums_, out_, kept_, is_kept, is_final):
    """Lay out, walk and count the arrivals of one block; return whether all is proven so far."""
    mem, mem_f, sites, sites_f, table = ints(mem_), floats(mem_), ints(sites_), floats(sites_), floats(table_)
    arrivals, histograms, sums = floats(arrivals_), ints(histograms_), floats(sums_)
    out, kept = ints(out_), floats(kept_)
    taken, total = 0, arrivals_.size
    slots, words = mem[SLOTS], mem[COLD_WORDS]
    is_recalled = False
    while taken < total or (is_final and mem[OLDEST] < mem[LAID]):
        if taken < total:
            slot = mem[LAID] & (slots - 1)
            n = min(CHUNK, total - taken, slots - slot)
            if mem[LAID] + n - mem[OLDEST] > slots:
                return MORE_ROOM
            for i in range(n):
                mem_f[mem[TIMES] + slot + i] = arrivals[taken + i]
            for k in range(mem[COLD_AT] + slot * words, mem[COLD_AT] + (slot + n) * words):
                mem[k] = 0
            if mem[HAS_WAYS] == 1:
                for i in range(n):
                    request = mem[FIRST] + mem[LAID] + i
                    why = wander(mem, mem_f, sites, sites_f, table, slot + i, request, np.int64(FIRST_TURN))
                    if why != PROVEN:
                        return why
            else:
                lay(mem, mem_f, sites, sites_f, table, slot, n, mem[FIRST] + mem[LAID], np.int64(FIRST_TURN))
            if not reaches(mem, mem_f, slot, n):
                return MORE_ROOM
            if mem[HAS_WAYS] == 1:
                for i in range(n):
                    place_one(mem, mem_f, slot + i)
            else:
                place(mem, mem_f, slot, n)
            mem[LAID] += n
            taken += n
            stop = np.int64(arrivals[taken - 1] * mem_f[PER_S_F])
        else:
            if not is_recalled:  # from here on all is settled: how long environments are idle is told exactly
                is_recalled = True
                for p in range(mem[POOLS]):
                    if not recall(mem, mem_f, p, np.int64(1)):
                        return UNSURE
                mem_f[DUE_F] = -1.0
            stop = np.int64(mem_f[LAST_F] * mem_f[PER_S_F]) + 1
        why = walk(mem, mem_f, sites, sites_f, table, stop)
        if why != PROVEN:
            return why
        retire(mem, mem_f, histograms, sums, out, kept, is_kept)
        if mem[DOUBT] != 0:
            return UNSURE
        if mem[LAID] >= mem[CHECK_AT]:
            n = mem[EVENTS_ALL] + mem[STEPS] * mem[LAID]
            if mem[CHECK_AT] > CHECKED and mem[COLD_RUNS_ALL] - mem[COLD_BEFORE] > COLD_SHARE * (n - mem[STEPS_BEFORE]):
                return TOO_COLD
            mem[CHECK_AT], mem[COLD_BEFORE], mem[STEPS_BEFORE] = mem[LAID] + CHECKED, mem[COLD_RUNS_ALL], n
        if taken < total:
            tune(mem, mem_f)
    if not is_final:
        tune(mem, mem_f)
        return PROVEN
    return PROVEN if is_within_quota(mem, mem_f) else LIMITED
