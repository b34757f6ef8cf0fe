# ruff: noqa: F403, F405 - the memory layout belongs to this walk
"""The walk of the run by levels (levels_kernel.py): which invocations are cold, exactly, and how high levels go."""

import numpy as np
from numba import njit

from chainkit.simulation.levels_memory import *
from chainkit.simulation.levels_ways import wander
from chainkit.simulation.primitives import OPTIONS, draw


@njit(**OPTIONS)
def is_before(mem, mem_f, x, y):
    """Tell whether of two events the first goes first, by the event loop's order."""
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
    a, b = rank_of(mem, x), rank_of(mem, y)
    if a >> FLOW_BITS != b >> FLOW_BITS and pool_of(mem, (x & EVENT) >> 1, i) == pool_of(mem, (y & EVENT) >> 1, j):
        mem[DOUBT] = 1  # of two pools either may go first: flows of a request do not wait for each other
    return a < b


@njit(**OPTIONS)
def rank_of(mem, x):
    """Return the flow of an event, and its place in the program's order within it."""
    if mem[HAS_WAYS] == 1:
        return mem[mem[ORDER] + mem[mem[PLACES] + (x & EVENT)] * mem[STRIDE] + (x >> EVENT_BITS)] >> KIND_BITS
    v = mem[VISIT] + VISIT_WORDS * ((x & EVENT) >> 1)
    return (mem[v + V_FLOW] << FLOW_BITS) | mem[v + V_RANK + (x & 1)]


@njit(**OPTIONS)
def gather(mem, mem_f, p, b):
    """Write the events of a pool in a bucket in their order, each with its time; return how many, -1 for too many."""
    at, stride, n = mem[FOUND], mem[STRIDE], 0
    x = mem[mem[HEADS] + p + (b & (mem[BUCKETS] - 1)) * mem[POOLS]]
    while x >= 0:
        if n == mem[ROOM]:
            return -1
        mem[at + 2 * n], mem_f[at + 2 * n + 1] = x, time_of(mem, mem_f, x)
        n += 1
        x = mem[mem[NEXTS] + (x & EVENT) * stride + (x >> EVENT_BITS)]
    gap = 1 if n < 16 else n >> 1
    while gap > 0:
        for i in range(gap, n):
            x, t = mem[at + 2 * i], mem_f[at + 2 * i + 1]
            j = i - gap
            while j >= 0:
                u = mem_f[at + 2 * j + 1]
                if u < t or (u == t and not is_before(mem, mem_f, x, mem[at + 2 * j])):
                    break
                k = at + 2 * (j + gap)
                mem[k], mem_f[k + 1] = mem[at + 2 * j], u
                j -= gap
            k = at + 2 * (j + gap)
            mem[k], mem_f[k + 1] = x, t
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
                if mem[mem[FOUND] + 2 * i] & 1 == 0:
                    now += 1
                else:
                    if seen < now <= high:
                        mem_f[fell + now] = mem_f[mem[FOUND] + 2 * i + 1]
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
    strangers = 0
    for i in range(n):
        strangers += int(np.int64(mem_f[mem[FOUND] + 2 * i + 1] * mem_f[PER_S_F]) != b)
    return strangers == 0


@njit(**OPTIONS)
def reached(mem, mem_f, p, most):
    """Return the highest level below `most` that a pool had at the start of one of the last buckets, at least 1."""
    shift, level, high = LANE_BITS * (p % 3), (mem[mem[LANES] + p // 3] >> (LANE_BITS * (p % 3))) & LANE, np.int64(1)
    buckets = min(mem[BUCKETS] >> 5, np.int64(0.25 * mem_f[mem[POOL] + POOL_ROW * p + SPAN] * mem_f[PER_S_F]))
    for b in range(mem[FRONT] - 1, max(-1, mem[FRONT] - 1 - buckets), -1):
        at = mem[COUNTS] + (b & (mem[BUCKETS] - 1)) * 2 * mem[GROUPS] + 2 * (p // 3)
        high = max(high, level)
        level += ((mem[at + 1] >> shift) & LANE) - ((mem[at] >> shift) & LANE)
    return min(high, most - 1)


@njit(**OPTIONS)
def lower(mem, mem_f, t):
    """Where the needed level was last left long ago, need one reached of late; `due` says when to look again."""
    due = np.inf
    for p in range(mem[POOLS]):
        row, fell = mem[POOL] + POOL_ROW * p, mem[FELL] + p * mem[LEVELS]
        keep, span, level = mem_f[row + KEEP], mem_f[row + SPAN], mem[row + NEEDED]
        now = (mem[mem[LANES] + p // 3] >> (LANE_BITS * (p % 3))) & LANE
        if level > 1 and mem_f[row + DUE] <= t:
            if now < level and mem_f[fell + level] + span <= t:
                recall(mem, mem_f, p, reached(mem, mem_f, p, level))
                level = mem[row + NEEDED]
                if now < level and mem_f[fell + level] + 0.5 * keep <= t:  # it is not known exactly
                    recall(mem, mem_f, p, np.int64(1))
                    level = 1
            mem_f[row + DUE] = (t if now >= level else mem_f[fell + level]) + span
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
    row, found = mem[POOL] + POOL_ROW * p, mem[FOUND]
    keep, needed = mem_f[row + KEEP], mem[row + NEEDED]
    now = top = level
    for i in range(n):
        now += 1 - ((mem[found + 2 * i] & 1) << 1)
        top = max(top, now)
    if top < needed and not is_last:
        return best  # all of it is warm
    fell, stale, undo = mem[FELL] + p * mem[LEVELS], mem[STALE] + p * mem[LEVELS], mem[UNDO]
    last = mem_f[LAST_ARRIVAL_F]
    is_seen = not is_last
    if top >= mem[LEVELS] - 1:
        mem[DOUBT] = 2
        return best
    for i in range(n):
        x, t = mem[found + 2 * i], mem_f[found + 2 * i + 1]
        if t > last and not is_seen:
            is_seen = True
            mem_f[row + RELEASES] = lives(mem, mem_f, p, level, last)
        if x & 1 == 0:
            level += 1
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
        request = mem[FIRST] + request_of(mem, slot)
        lift(mem, mem_f, slot)
        if mem[HAS_WAYS] == 1:  # take back the times that it has counted
            why = wander(mem, mem_f, sites, sites_f, table, slot, request, np.int64(TAKE_BACK))
        mem[mem[COLD_AT] + slot * mem[COLD_WORDS] + (v >> 5)] |= 1 << (v & 31)
        if mem[HAS_WAYS] == 1:
            why = wander(mem, mem_f, sites, sites_f, table, slot, request, np.int64(NEXT_TURN))
            if why != PROVEN:
                return why
        else:
            lay(mem, mem_f, sites, sites_f, table, slot, np.int64(1), request, np.int64(NEXT_TURN))
        if not reaches(mem, mem_f, slot, np.int64(1)):
            return MORE_ROOM
        place_one(mem, mem_f, slot)


@njit(**OPTIONS)
def commit(mem, mem_f, sites, sites_f, table, is_last):
    """Count what a settled bucket had: cold starts in their order, and how high the levels went."""
    undo = mem[UNDO]
    for k in range(mem[undo]):
        p = -1 - mem[undo + 1 + 2 * k]
        if p >= 0:
            row, top = mem[POOL] + POOL_ROW * p, mem[undo + 2 + 2 * k]
            if mem[row + IS_SHARED] == 1:
                mem[ACCOUNT_LEFT] -= max(top - mem[row + TOP], 0)
            mem[row + TOP] = max(mem[row + TOP], top)
            if top > mem[row + MOST_LEVEL]:
                return LIMITED
            if is_last:
                mem_f[row + LIVES_AREA] += mem_f[row + RELEASES]
    for k in range(mem[mem[COLDS]]):
        x = mem[mem[COLDS] + 1 + 2 * k]
        before = mem_f[mem[COLDS] + 2 + 2 * k]
        t = time_of(mem, mem_f, x)
        slot, v = x >> EVENT_BITS, (x & EVENT) >> 1
        row = mem[POOL] + POOL_ROW * pool_of(mem, v, slot)
        tokens = min(mem_f[row + BURST], mem_f[row + TOKENS] + (t - mem_f[row + TOKENS_AT]) * mem_f[row + REFILL])
        if tokens < 1.0:
            return LIMITED
        mem_f[row + TOKENS], mem_f[row + TOKENS_AT] = tokens - 1.0, t
        mem[row + COLD_RUNS] += 1
        mem[COLD_RUNS_ALL] += 1
        life = -t
        if before > NEVER_F:
            life += before
            mem[row + REPLACED] += 1
        mem_f[row + LIVES] += life
        if t <= mem_f[LAST_ARRIVAL_F]:
            mem_f[row + LIVES_AREA] += life + (mem_f[row + KEEP] if before > NEVER_F else 0.0)
        if mem[row + INIT] >= 0:
            request = mem[FIRST] + request_of(mem, slot)
            init = draw(sites, sites_f, table, mem[row + INIT], request, salt_of(mem, v, slot))
            if init > mem_f[row + INIT_LIMIT]:
                return LIMITED
            mem_f[row + INIT_MS] += init * 1000.0
    return PROVEN


@njit(**OPTIONS)
def is_within_quota(mem, mem_f):
    """Tell whether the request quota holds even if all invocations of a stretch of buckets come at its worst moment."""
    n = 0
    for k in range(mem[GROUPS]):
        x = mem[mem[ENTERED] + k]
        n += (x & LANE) + ((x >> LANE_BITS) & LANE) + (x >> 2 * LANE_BITS)
        mem[mem[ENTERED] + k] = 0
    most = mem_f[BACKLOG_F] + n
    mem_f[BACKLOG_F] = max(0.0, mem_f[BACKLOG_F] - mem_f[QUOTA_F] * (STRETCH + 1) * mem_f[WIDTH_F]) + n
    return most <= mem_f[QUOTA_F] - 2.0


@njit(**OPTIONS)
def walk(mem, mem_f, sites, sites_f, table, stop):
    """Go through the buckets before `stop`."""
    groups, mask, lanes, needs, entered = mem[GROUPS], mem[BUCKETS] - 1, mem[LANES], mem[NEEDS], mem[ENTERED]
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
        if mem[ACCOUNT_LEFT] < 0:  # the pools' highest levels together are too many: were they at one time?
            high = np.int64(0)
            for k in range(groups):
                high += (mem[lanes + k] + mem[at + 2 * k]) & mem[mem[SHARED] + k]
            if (high & LANE) + ((high >> LANE_BITS) & LANE) + (high >> 2 * LANE_BITS) > mem[ACCOUNT]:
                return LIMITED
        for k in range(groups):
            mem[lanes + k] += mem[at + 2 * k] - mem[at + 2 * k + 1]
            mem[entered + k] += mem[at + 2 * k]
        if b & STRETCH == STRETCH and not is_within_quota(mem, mem_f):
            return LIMITED
        mem[FRONT] = b + 1
    return PROVEN


@njit(**OPTIONS)
def tune(mem, mem_f):
    """Need of each pool the highest level that it has reached of late."""
    t = mem[FRONT] * mem_f[WIDTH_F]
    past = t * mem[SLOTS] / mem[LAID]  # as far back as `recall` will still find all requests
    if mem[LAID] >= mem[SLOTS]:
        past = t - mem_f[mem[TIMES] + ((mem[LAID] + CHUNK) & (mem[SLOTS] - 1))]
    for p in range(mem[POOLS]):
        row, fell, stale = mem[POOL] + POOL_ROW * p, mem[FELL] + p * mem[LEVELS], mem[STALE] + p * mem[LEVELS]
        mem_f[row + SPAN] = min(0.5 * mem_f[row + KEEP], 0.25 * mem[BUCKETS] * mem_f[WIDTH_F], 0.5 * past)
        mem_f[row + DUE] = -1.0
        if mem_f[row + KEEP] < 64.0 * mem_f[WIDTH_F]:
            continue
        now = (mem[mem[LANES] + p // 3] >> (LANE_BITS * (p % 3))) & LANE
        level = mem[row + NEEDED]
        while level < mem[row + TOP] and (now > level or mem_f[fell + level + 1] + 0.5 * mem_f[row + SPAN] > t):
            mem[stale + level] = 1
            level += 1
        if level > mem[row + NEEDED]:
            need(mem, p, level)
    mem_f[DUE_F] = -1.0
