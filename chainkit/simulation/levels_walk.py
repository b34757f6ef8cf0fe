# ruff: noqa: F403, F405 - the memory layout belongs to this walk
"""The walk of the run by levels (levels_kernel.py): which invocations are cold, exactly, and how high levels go."""

import numpy as np
from numba import njit

from chainkit.simulation.levels_memory import *

@njit(**OPTIONS)
def is_before(mem, mem_f, x, y):
    """Tell whether of two events of one pool the first goes first, by the event loop's order."""
    t, u = time_of(mem, mem_f, x), time_of(mem, mem_f, y)
    if t != u:
        return t < u
    i, j = x >> EVENT_BITS, y >> EVENT_BITS
    a = kind_of(mem, mem_f, mem[mem[PLACES] + (x & EVENT)], i)
    b = kind_of(mem, mem_f, mem[mem[PLACES] + (y & EVENT)], j)
    if a != b:
        return a < b
    if i != j:
        return request_of(mem, i) < request_of(mem, j)
    v, w = mem[VISIT] + VISIT_WORDS * ((x & EVENT) >> 1), mem[VISIT] + VISIT_WORDS * ((y & EVENT) >> 1)
    if mem[v + V_FLOW] != mem[w + V_FLOW]:
        mem[DOUBT] = 1
    return mem[v + V_RANK + (x & 1)] < mem[w + V_RANK + (y & 1)]


@njit(**OPTIONS)
def gather(mem, mem_f, p, b):
    """Write the events of a pool in a bucket in their order; return how many, or -1 if there is no room."""
    at, n = mem[FOUND], 0
    x = mem[mem[HEADS] + p + (b & (mem[BUCKETS] - 1)) * mem[POOLS]]
    while x >= 0:
        if n == mem[ROOM]:
            return -1
        mem[at + n] = x
        n += 1
        x = mem[mem[NEXTS] + (x & EVENT) * mem[SLOTS] + (x >> EVENT_BITS)]
    gap = 1 if n < 16 else n >> 1
    while gap > 0:
        for i in range(gap, n):
            x = mem[at + i]
            j = i
            while j >= gap and is_before(mem, mem_f, x, mem[at + j - gap]):
                mem[at + j] = mem[at + j - gap]
                j -= gap
            mem[at + j] = x
        gap >>= 1
    return n


@njit(**OPTIONS)
def need(mem, p, level):
    """Set the level of a pool from which on buckets are settled."""
    mem[mem[POOL] + POOL_ROW * p + NEEDED] = level
    shift = LANE_BITS * (p % 3)
    mem[mem[NEEDS] + p // 3] &= ~(LANE << shift)
    mem[mem[NEEDS] + p // 3] |= (HALF - level) << shift


@njit(**OPTIONS)
def recall(mem, mem_f, p, wanted):
    """Need a lower level of a pool from now on, and find when the levels between were last left; tell if all is known.

    What happened in a bucket is still there as long as the buckets have not come round: they are searched backwards.
    """
    row, fell, stale = mem[POOL] + POOL_ROW * p, mem[FELL] + p * mem[LEVELS], mem[STALE] + p * mem[LEVELS]
    shift, needed = LANE_BITS * (p % 3), mem[row + NEEDED]
    level = (mem[mem[LANES] + p // 3] >> shift) & LANE
    high = min(needed - 1, mem[row + TOP])
    seen, b = max(level, wanted - 1), mem[FRONT] - 1
    while seen < high and b >= max(0, mem[CLEARED] - mem[BUCKETS]):
        at = mem[COUNTS] + (b & (mem[BUCKETS] - 1)) * 2 * mem[GROUPS] + 2 * (p // 3)
        starts, ends = (mem[at] >> shift) & LANE, (mem[at + 1] >> shift) & LANE
        level += ends
        if level > seen:
            n = gather(mem, mem_f, p, b)
            if n < 0 or not is_kept_whole(mem, mem_f, n, b):
                break
            now, top = level - starts, seen
            for i in range(n):
                top = max(top, now)
                if mem[mem[FOUND] + i] & 1 == 0:
                    now += 1
                else:
                    if seen < now <= high:
                        mem_f[fell + now] = time_of(mem, mem_f, mem[mem[FOUND] + i])
                    now -= 1
            seen = max(top, now)
        level -= starts
        b -= 1
    for j in range(needed - 1, wanted - 1, -1):
        mem[stale + j] = 0 if j <= seen else 1
        if j > seen:
            mem_f[fell + j] = max(mem_f[fell + j], mem_f[fell + j + 1])
    need(mem, p, wanted)
    return seen >= high


@njit(**OPTIONS)
def is_kept_whole(mem, mem_f, n, b):
    """Tell whether what was gathered from an old bucket is all of it: no other request has come into a slot since."""
    for i in range(n):
        if np.int64(time_of(mem, mem_f, mem[mem[FOUND] + i]) * mem_f[PER_S_F]) != b:
            return False
    return True


@njit(**OPTIONS)
def lower(mem, mem_f, t):
    """Where the needed level was last left long ago, need a lower one; return nothing: `due` says when to look again."""
    due = np.inf
    for p in range(mem[POOLS]):
        row = mem[POOL] + POOL_ROW * p
        level, keep = mem[row + NEEDED], mem_f[row + KEEP]
        now = (mem[mem[LANES] + p // 3] >> (LANE_BITS * (p % 3))) & LANE
        if level > 1 and mem_f[row + DUE] <= t:
            fell = mem_f[mem[FELL] + p * mem[LEVELS] + level]
            if now >= level:
                mem_f[row + DUE] = t + 0.5 * keep
            elif fell + 0.5 * keep > t:
                mem_f[row + DUE] = fell + 0.5 * keep
            else:
                level = 1 if fell + keep <= t + 4.0 * mem_f[WIDTH_F] + 0.0625 * keep else level - 1
                recall(mem, mem_f, p, level)
                mem_f[row + DUE] = t + 0.0625 * keep
        if level > 1:
            due = min(due, mem_f[row + DUE])
    mem_f[DUE_F] = due


@njit(**OPTIONS)
def lives(mem, mem_f, p, level, t):
    """Return the sum of the instants until which the environments of a pool have been there, at an instant."""
    fell, keep = mem[FELL] + p * mem[LEVELS], mem_f[mem[POOL] + POOL_ROW * p + KEEP]
    total = level * t
    for j in range(level + 1, mem[LEVELS]):
        if mem_f[fell + j] == NEVER_F:
            break
        total += min(t, mem_f[fell + j] + keep)
    return total


@njit(**OPTIONS)
def sweep(mem, mem_f, p, n, level, best, is_last):
    """Go through a pool's events of one bucket; return its first new cold start if that is before `best`, else `best`.

    What is written is undone if there is one: UNDO holds (place, bits before), COLDS the cold starts already known.
    """
    row = mem[POOL] + POOL_ROW * p
    keep, needed = mem_f[row + KEEP], mem[row + NEEDED]
    fell, stale, undo = mem[FELL] + p * mem[LEVELS], mem[STALE] + p * mem[LEVELS], mem[UNDO]
    top, last = level, mem_f[LAST_ARRIVAL_F]
    is_seen = not is_last
    for i in range(n):
        x = mem[mem[FOUND] + i]
        t = time_of(mem, mem_f, x)
        if t > last and not is_seen:
            is_seen = True
            mem_f[row + RELEASES] = lives(mem, mem_f, p, level, last)
        if x & 1 == 0:
            level += 1
            top = max(top, level)
            if level >= mem[LEVELS] - 1:
                mem[DOUBT] = 2
                return best
            is_warm = mem_f[fell + level] + keep > t or (level < needed and mem_f[fell + needed] + keep > t)
            if is_warm:
                continue
            if mem[stale + level] == 1:
                mem[DOUBT] = 1
                return best
            if not is_cold(mem, x >> EVENT_BITS, (x & EVENT) >> 1):
                return x if best < 0 or is_before(mem, mem_f, x, best) else best
            k = mem[COLDS] + 1 + 2 * mem[mem[COLDS]]
            mem[k], mem[k + 1] = x, mem[fell + level]
            mem[mem[COLDS]] += 1
            k = undo + 1 + 2 * mem[undo]
            mem[k], mem[k + 1] = fell + level, mem[fell + level]
            mem[undo] += 1
            mem_f[fell + level] = NEVER_F
        else:
            k = undo + 1 + 2 * mem[undo]
            mem[k], mem[k + 1] = fell + level, mem[fell + level]
            mem[undo] += 1
            mem_f[fell + level] = t
            if level >= needed and mem[stale + level] == 1:
                k = undo + 1 + 2 * mem[undo]
                mem[k], mem[k + 1] = stale + level, 1
                mem[undo] += 1
                mem[stale + level] = 0
            level -= 1
    if not is_seen:
        mem_f[row + RELEASES] = lives(mem, mem_f, p, level, last)
    k = mem[UNDO] + 1 + 2 * mem[undo]  # the level's top, written when all is known
    mem[k], mem[k + 1] = -1 - p, top
    mem[undo] += 1
    return best


@njit(**OPTIONS)
def settle(mem, mem_f, sites, sites_f, table, b):
    """Find out exactly what is warm and cold in a bucket; return why the attempt ends, if it does."""
    t = (b + 2) * mem_f[WIDTH_F]
    if t >= mem_f[DUE_F]:
        lower(mem, mem_f, t)
    undo, colds = mem[UNDO], mem[COLDS]
    is_last = b == np.int64(mem_f[LAST_ARRIVAL_F] * mem_f[PER_S_F])
    at = mem[COUNTS] + (b & (mem[BUCKETS] - 1)) * 2 * mem[GROUPS]
    while True:
        mem[undo] = 0
        mem[colds] = 0
        best = np.int64(-1)
        for p in range(mem[POOLS]):
            shift = LANE_BITS * (p % 3)
            level = (mem[mem[LANES] + p // 3] >> shift) & LANE
            high = level + ((mem[at + 2 * (p // 3)] >> shift) & LANE)
            if is_last or high >= mem[mem[POOL] + POOL_ROW * p + NEEDED]:
                n = gather(mem, mem_f, p, b)
                if n < 0:
                    return UNSURE
                best = sweep(mem, mem_f, p, n, level, best, is_last)
                if mem[DOUBT] != 0:
                    return UNSURE if mem[DOUBT] == 1 else MORE_LEVELS
        if best < 0:
            return commit(mem, mem_f, sites, sites_f, table, is_last)
        for k in range(mem[undo] - 1, -1, -1):
            if mem[undo + 1 + 2 * k] >= 0:
                mem[mem[undo + 1 + 2 * k]] = mem[undo + 2 + 2 * k]
        slot, v = best >> EVENT_BITS, (best & EVENT) >> 1
        lift(mem, mem_f, slot)
        mem[mem[COLD_AT] + slot * mem[COLD_WORDS] + (v >> 5)] |= 1 << (v & 31)
        lay(mem, mem_f, sites, sites_f, table, slot, 1, mem[FIRST] + request_of(mem, slot), True)
        if not reaches(mem, mem_f, slot, 1):
            return MORE_ROOM
        place(mem, mem_f, slot, 1)


@njit(**OPTIONS)
def commit(mem, mem_f, sites, sites_f, table, is_last):
    """Count what a settled bucket had: cold starts in their order, and how high the levels went."""
    undo = mem[UNDO]
    for k in range(mem[undo]):
        p = -1 - mem[undo + 1 + 2 * k]
        if p >= 0:
            row, top = mem[POOL] + POOL_ROW * p, mem[undo + 2 + 2 * k]
            mem[row + TOP] = max(mem[row + TOP], top)
            mem[mem[HITS] + p * mem[LEVELS] + top] += 1
            if top > mem[row + MOST_LEVEL]:
                return LIMITED
            if is_last:
                mem_f[row + LIVES_AREA] += mem_f[row + RELEASES]
    for k in range(mem[mem[COLDS]]):
        x = mem[mem[COLDS] + 1 + 2 * k]
        before = mem_f[mem[COLDS] + 2 + 2 * k]
        t = time_of(mem, mem_f, x)
        w = mem[VISIT] + VISIT_WORDS * ((x & EVENT) >> 1)
        row = mem[POOL] + POOL_ROW * mem[w + V_POOL]
        tokens = min(mem_f[row + BURST], mem_f[row + TOKENS] + (t - mem_f[row + TOKENS_AT]) * mem_f[row + REFILL])
        if tokens < 1.0:
            return LIMITED
        mem_f[row + TOKENS], mem_f[row + TOKENS_AT] = tokens - 1.0, t
        mem[row + COLD_RUNS] += 1
        life = -t
        if before > NEVER_F:
            life += before
            mem[row + REPLACED] += 1
        mem_f[row + LIVES] += life
        if t <= mem_f[LAST_ARRIVAL_F]:
            mem_f[row + LIVES_AREA] += life + (mem_f[row + KEEP] if before > NEVER_F else 0.0)
        if mem[row + INIT] >= 0:
            request = mem[FIRST] + request_of(mem, x >> EVENT_BITS)
            init = draw(sites, sites_f, table, mem[row + INIT], request, mem[w + V_SALT])
            if init > mem_f[row + INIT_LIMIT]:
                return LIMITED
            mem_f[row + INIT_MS] += init * 1000.0
    return PROVEN


@njit(**OPTIONS)
def walk(mem, mem_f, sites, sites_f, table, stop):
    """Go through the buckets before `stop`."""
    groups, mask, lanes, needs = mem[GROUPS], mem[BUCKETS] - 1, mem[LANES], mem[NEEDS]
    while mem[FRONT] < stop:
        b = mem[FRONT]
        at = mem[COUNTS] + (b & mask) * 2 * groups
        high = np.int64(0)
        for k in range(groups):
            high |= (mem[lanes + k] + mem[at + 2 * k] + mem[needs + k]) & FULL
        if high != 0 or (b + 2) * mem_f[WIDTH_F] >= mem_f[DUE_F]:
            why = settle(mem, mem_f, sites, sites_f, table, b)
            if why != PROVEN:
                return why
        for k in range(groups):
            mem[lanes + k] += mem[at + 2 * k] - mem[at + 2 * k + 1]
        mem[FRONT] = b + 1
    return PROVEN


@njit(**OPTIONS)
def tune(mem, mem_f):
    """Need of each pool the highest level that is reached often: in 3 % of the buckets, and 16 times per keep-alive."""
    buckets = mem[FRONT] - mem[TUNED]
    if buckets < CHUNK // 2:
        return
    mem[TUNED] = mem[FRONT]
    for p in range(mem[POOLS]):
        row, hits = mem[POOL] + POOL_ROW * p, mem[HITS] + p * mem[LEVELS]
        often = max(0.03 * buckets, 16.0 * buckets * mem_f[WIDTH_F] / max(mem_f[row + KEEP], 1e-9))
        needed, fell = mem[row + NEEDED], mem[FELL] + p * mem[LEVELS]
        n, level, reached = 0, 0, 0
        for k in range(mem[row + TOP], 0, -1):
            n += mem[hits + k]
            mem[hits + k] = 0
            if level == 0 and n >= often:
                level = k
            if k >= needed:
                reached = n
        if level > needed and mem_f[fell + level] + 0.5 * mem_f[row + KEEP] > mem[FRONT] * mem_f[WIDTH_F]:
            for k in range(needed, level):
                mem[mem[STALE] + p * mem[LEVELS] + k] = 1
            need(mem, p, level)
        elif needed > 1 and reached < 0.3 * often:
            recall(mem, mem_f, p, needed - 1 if reached > 0 else (3 * needed) >> 2)
        mem_f[row + DUE] = -1.0
    mem_f[DUE_F] = -1.0
