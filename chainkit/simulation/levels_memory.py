"""The memory of the run by levels (levels_kernel.py), and what writes requests into it.

One array of words with a float view: a head of sizes and places, the plan, a column of times per step with a slot per
request in flight, counts by pool and time bucket, lists of what happens in each, and a pool's levels.
"""

import numpy as np
from numba import njit

from chainkit.simulation.many import draw_many
from chainkit.simulation.primitives import OPTIONS, draw

PROVEN, UNSURE, LIMITED, TOO_COLD, MORE_ROOM, MORE_LEVELS, MORE_VISITS = range(7)
"""Why `advance` stopped: all is proven so far; something is not; or an attempt with more room may prove it."""

DRAW, ADD, LATEST = range(3)
"""Steps of a plan, each for a column:
DRAW column, site, salt, first site, visit: draws of a site; ADD column, from, drawn, overhead, visit, -, fraction: a
time after another one; LATEST column, a, b: the later of two."""
STEP_WORDS, VISIT_WORDS, ORIGIN_WORDS, SPAN_WORDS, POOL_ROW, HEAD_WORDS = 8, 8, 3, 4, 32, 96
(V_POOL, V_SALT, V_RANK, V_RANK_LEAVE, V_FLOW) = range(5)

# --- the head of the memory, 96 words: sizes, places of what follows, and how far the walk is ---
(FRONT, LAID, OLDEST, SLOTS, STRIDE, BUCKETS, GROUPS, POOLS, VISITS, STEPS, LEVELS, PLAN, VISIT, PLACES, ORIGIN, TIMES,
 COUNTS, HEADS, NEXTS, COLD_AT, COLD_WORDS, POOL, FELL, STALE, FOUND, UNDO, LANES, NEEDS, SHARED, COLDS, FIRST, WARM,
 ANSWER, END_COLUMN, CLEARED, ROOM, WIDTH_F, PER_S_F, DUE_F, LAST_F, LAST_ARRIVAL_F, DOUBT, ACCOUNT_LEFT, COLD_RUNS_ALL,
 HAS_WAYS, COUNT_AT, WAY, ORDER, OUTCOME_AT, STACK, TALLY, SPANS, SPAN_COUNT, ENTRY, ACCOUNT, EVENTS_ALL, CHECK_AT,
 COLD_BEFORE, STEPS_BEFORE, ENTERED, QUOTA_F, BACKLOG_F, BATCHES, COUNTED, SLOW_F, SLOW_KIND,
 FIRST_END_F, FIRST_END_KIND, FIRST_END) = (*range(65), 66, 68, 74, 80)  # fmt: skip

# --- a pool ---
(NEEDED, TOP, COLD_RUNS, RUNS, BILLED, INIT, MOST_LEVEL, REPLACED, KEEP, DUE, TOKENS, TOKENS_AT, BURST, REFILL, INIT_MS,
 BUSY, BUSY_AREA, LIVES, LIVES_AREA, RELEASES, LAST_START, LONGEST, INIT_LIMIT, SPAN, IS_SHARED, OVERHEAD, FAILURES,
 LONGEST_TIME) = range(28)  # fmt: skip
# LIVES       sum of when environments were last used, of those that are gone and replaced, less when each began
# LIVES_AREA  the same until the last arrival, with the keep-alive after it, and those that are there then
# RELEASES    at the end: sum of when those that are not replaced were last used

LANE_BITS, LANE, HALF = 21, (1 << 21) - 1, 1 << 20
FULL = (HALF << 42) | (HALF << 21) | HALF
EVENT_BITS, EVENT = 10, 1023
KIND_BITS, FLOW_BITS = 2, 24
PAD = 8
"""Words between columns: were they a power of two apart, they would share a few lines of the cache."""
CALLER_WORDS, DEEPEST, FLOW_WORDS, MOST_FLOWS = 16, 64, 8, 256
"""Of one request that takes one of several ways: a caller that waits, and how many may; a flow that is handed over."""
STACK_WORDS = CALLER_WORDS * DEEPEST + FLOW_WORDS * MOST_FLOWS
NEVER_F = -1e300
TAKE_BACK, FIRST_TURN, NEXT_TURN = -1, 0, 1
MARGIN_S = 1e-6
"""How much shorter than a timeout or deadline what it could cut must be."""
COLD_SHARE, CHECKED = 0.015, 2048
"""Cold starts per step of a request beyond which the event loop is faster (each costs 0.6 us), asked after so many
requests, but not in the rush of the beginning."""
STRETCH = 15
"""Mask of a bucket's number: how often invocations are compared with the account's request quota."""
CHUNK = 512
"""Requests laid out at a time: their columns stay in the cache."""


@njit(**OPTIONS)
def is_cold(mem, slot, v):
    """Tell whether a visit of a request has been found cold."""
    return (mem[mem[COLD_AT] + slot * mem[COLD_WORDS] + (v >> 5)] >> (v & 31)) & 1 == 1


@njit(**OPTIONS)
def lay(mem, mem_f, sites, sites_f, table, slot, n, request, turn):
    """Write the times of n requests; `turn` 1: of one, again, some of whose visits are cold."""
    stride, times = mem[STRIDE], mem[TIMES] + slot
    for k in range(mem[STEPS]):
        c = mem[PLAN] + STEP_WORDS * k
        to, v = times + mem[c + 1] * stride, mem[c + 5]
        has_init = turn != FIRST_TURN and v >= 0 and is_cold(mem, slot, v)
        if mem[c] == DRAW:
            draw_many(mem_f, to, n, sites, sites_f, table, mem[c + 4] if has_init else mem[c + 2], request, mem[c + 3])
        elif mem[c] == ADD:
            since, drawn, fraction = times + mem[c + 2] * stride, times + mem[c + 3] * stride, mem_f[c + 7]
            extra = 0.0
            if has_init:
                w = mem[VISIT] + VISIT_WORDS * v
                init = mem[mem[POOL] + POOL_ROW * mem[w + V_POOL] + INIT]
                if init >= 0:
                    extra = draw(sites, sites_f, table, init, request, mem[w + V_SALT])
            if mem[c + 4] < 0:
                for i in range(n):
                    mem_f[to + i] = mem_f[since + i] + (extra + mem_f[drawn + i] * fraction)
            else:
                over = times + mem[c + 4] * stride
                for i in range(n):
                    mem_f[to + i] = mem_f[since + i] + ((extra + mem_f[over + i]) + mem_f[drawn + i] * fraction)
        else:
            a, b = times + mem[c + 2] * stride, times + mem[c + 3] * stride
            for i in range(n):
                mem_f[to + i] = max(mem_f[a + i], mem_f[b + i])


@njit(**OPTIONS)
def place(mem, mem_f, slot, n):
    """Count the starts and ends of n requests in their buckets, where the walk has not been yet."""
    stride, mask, groups, pools = mem[STRIDE], mem[BUCKETS] - 1, 2 * mem[GROUPS], mem[POOLS]
    front, per_s = mem[FRONT], mem_f[PER_S_F]
    for e in range(2 * mem[VISITS]):
        p = mem[mem[VISIT] + VISIT_WORDS * (e >> 1) + V_POOL]
        times, nexts = mem[TIMES] + mem[mem[PLACES] + e] * stride, mem[NEXTS] + e * stride
        count, one, head = mem[COUNTS] + 2 * (p // 3) + (e & 1), 1 << (LANE_BITS * (p % 3)), mem[HEADS] + p
        for i in range(slot, slot + n):
            b = np.int64(mem_f[times + i] * per_s)
            if b >= front:
                b &= mask
                mem[count + b * groups] += one
                mem[nexts + i] = mem[head + b * pools]
                mem[head + b * pools] = (i << EVENT_BITS) | e


@njit(**OPTIONS)
def pool_of(mem, v, slot):
    """Return the pool of a visit of a request."""
    if mem[HAS_WAYS] == 1:
        return mem[mem[WAY] + 2 * v * mem[STRIDE] + slot]
    return mem[mem[VISIT] + VISIT_WORDS * v + V_POOL]


@njit(**OPTIONS)
def salt_of(mem, v, slot):
    """Return the salt of a visit of a request."""
    if mem[HAS_WAYS] == 1:
        return mem[mem[WAY] + (2 * v + 1) * mem[STRIDE] + slot]
    return mem[mem[VISIT] + VISIT_WORDS * v + V_SALT]


@njit(**OPTIONS)
def visits_of(mem, slot):
    """Return how many visits a request makes."""
    return mem[mem[COUNT_AT] + slot] if mem[HAS_WAYS] == 1 else mem[VISITS]


@njit(**OPTIONS)
def time_at(mem, e, slot):
    """Return where the time of a start or end of a request stands."""
    return mem[TIMES] + mem[mem[PLACES] + e] * mem[STRIDE] + slot


@njit(**OPTIONS)
def time_of(mem, mem_f, x):
    """Return when a start or end happens."""
    return mem_f[time_at(mem, x & EVENT, x >> EVENT_BITS)]


@njit(**OPTIONS)
def place_one(mem, mem_f, slot):
    """Count the starts and ends of one request, as `place` does."""
    for e in range(2 * visits_of(mem, slot)):
        b = np.int64(mem_f[time_at(mem, e, slot)] * mem_f[PER_S_F])
        if b >= mem[FRONT]:
            b &= mem[BUCKETS] - 1
            p = pool_of(mem, e >> 1, slot)
            mem[mem[COUNTS] + 2 * (p // 3) + (e & 1) + b * 2 * mem[GROUPS]] += 1 << (LANE_BITS * (p % 3))
            head = mem[HEADS] + p + b * mem[POOLS]
            mem[mem[NEXTS] + e * mem[STRIDE] + slot] = mem[head]
            mem[head] = (slot << EVENT_BITS) | e


@njit(**OPTIONS)
def lift(mem, mem_f, slot):
    """Take the starts and ends of one request out of the buckets where the walk has not been yet."""
    stride = mem[STRIDE]
    for e in range(2 * visits_of(mem, slot)):
        b = np.int64(mem_f[time_at(mem, e, slot)] * mem_f[PER_S_F])
        if b < mem[FRONT]:
            continue
        b &= mem[BUCKETS] - 1
        p = pool_of(mem, e >> 1, slot)
        mem[mem[COUNTS] + 2 * (p // 3) + (e & 1) + b * 2 * mem[GROUPS]] -= 1 << (LANE_BITS * (p % 3))
        this, at = (slot << EVENT_BITS) | e, mem[HEADS] + p + b * mem[POOLS]
        while mem[at] != this:
            at = mem[NEXTS] + (mem[at] & EVENT) * stride + (mem[at] >> EVENT_BITS)
        mem[at] = mem[mem[NEXTS] + e * stride + slot]


@njit(**OPTIONS)
def kind_of(mem, mem_f, column, slot):
    """Return the latest kind of event (0 end, 1 timer, 2 arrival) on a request's way to a time, within its instant."""
    stride, times = mem[STRIDE], mem[TIMES] + slot
    if mem[HAS_WAYS] == 1:
        return mem[mem[ORDER] + column * stride + slot] & 3
    t = mem_f[times + column * stride]
    kind = np.int64(0)
    while column >= 0 and mem_f[times + column * stride] == t:
        at = mem[ORIGIN] + ORIGIN_WORDS * column
        kind = max(kind, mem[at + 1])
        column, other = mem[at], mem[at + 2]
        if other >= 0 and mem_f[times + other * stride] == t:  # the later of two
            if mem_f[times + column * stride] == t:
                mem[DOUBT] = 1
            column = other
    return kind


@njit(**OPTIONS)
def request_of(mem, slot):
    """Return the number, from 0, of the last request that was laid out in a slot."""
    return mem[LAID] - 1 - ((mem[LAID] - 1 - slot) & (mem[SLOTS] - 1))


@njit(**OPTIONS)
def reaches(mem, mem_f, slot, n):
    """Tell whether the buckets reach as far as n requests do; what lies there from before is cleared."""
    ends = mem[TIMES] + mem[END_COLUMN] * mem[STRIDE] + slot
    last = 0.0
    for i in range(n):
        last = max(last, mem_f[ends + i])
    mem_f[LAST_F] = max(mem_f[LAST_F], last)
    high = np.int64(last * mem_f[PER_S_F]) + 1
    if high - mem[FRONT] >= mem[BUCKETS]:
        return False
    mask, pools, groups = mem[BUCKETS] - 1, mem[POOLS], 2 * mem[GROUPS]
    while mem[CLEARED] < high:
        b = mem[CLEARED] & mask
        m = min(high - mem[CLEARED], mask + 1 - b)
        for k in range(mem[COUNTS] + b * groups, mem[COUNTS] + (b + m) * groups):
            mem[k] = 0
        for k in range(mem[HEADS] + b * pools, mem[HEADS] + (b + m) * pools):
            mem[k] = -1
        mem[CLEARED] += m
    return True
