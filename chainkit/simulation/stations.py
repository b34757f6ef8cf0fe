# ruff: noqa: F403, F405 - the names of the memory layout, as in the kernel
"""What the kernel asks on its way: which idle environment it takes, whether a quota or a breaker lets it pass."""

import numpy as np
from numba import njit

from chainkit.simulation.primitives import *

# --- idle environments of a special pool ---
ENVIRONMENT, READY_BIT = 25, 1 << 24
"""Of the ROOT of a frame that runs in an environment: its number from that bit on; whether it is provisioned."""


@njit(**OPTIONS)
def put_idle(pools, pools_f, ring, p, mask, at, until, number):
    """Put an environment among the idle ones, to be gone at `until`."""
    k = pools[p + RING] + 2 * (pools[p + TAIL] & mask)
    ring[k], ring[k + 1] = until, number
    pools[p + TAIL] += 1
    pools_f[p + IDLE_F] -= at


@njit(**OPTIONS)
def seek(pools, pools_f, ring, sites, p, mask, t, request, salt):
    """Take an idle environment out by the pool's reuse order and return its number, -1 for none; gone ones go."""
    base, head, tail = pools[p + RING], pools[p + HEAD], pools[p + TAIL]
    if pools[p + REUSE] == RANDOM:  # close the gaps that gone ones leave, then pick
        kept = head
        for i in range(head, tail):
            k, j = base + 2 * (i & mask), base + 2 * (kept & mask)
            if ring[k] > t:
                ring[j], ring[j + 1] = ring[k], ring[k + 1]
                kept += 1
            else:
                pools_f[p + IDLE_F] += ring[k]
        tail = kept
        number = np.int64(-1)
        if tail > head:
            u = np.float64(word(sites[((pools[p + REUSE_SITE] & PAGE) << 3) + 1], request, salt)) * 2.0**-64
            n = tail - head
            pick = head + min(np.int64(u * n), n - 1)
            number = np.int64(ring[base + 2 * (pick & mask) + 1])
            for i in range(pick, tail - 1):
                k, j = base + 2 * ((i + 1) & mask), base + 2 * (i & mask)
                ring[j], ring[j + 1] = ring[k], ring[k + 1]
            tail -= 1
            pools_f[p + IDLE_F] += t
        pools[p + TAIL] = tail
        return number
    while tail > head and ring[base + 2 * (head & mask)] <= t:
        pools_f[p + IDLE_F] += ring[base + 2 * (head & mask)]
        head += 1
    pools[p + HEAD] = head
    while tail > head:
        if pools[p + REUSE] == MOST_RECENT:
            tail -= 1
            k = base + 2 * (tail & mask)
        else:
            k = base + 2 * (head & mask)
            head += 1
        pools[p + HEAD], pools[p + TAIL] = head, tail
        if ring[k] > t:
            pools_f[p + IDLE_F] += t
            return np.int64(ring[k + 1])
        pools_f[p + IDLE_F] += ring[k]
    return -1


# --- rate limiters and circuit breakers ---


@njit(**OPTIONS)
def taken_in(rows, rows_f, k, t):
    """Tell whether a rate limiter lets something through now, and count it."""
    x = max(rows_f[k + TAT_F], t)
    if x - t > rows_f[k + SLACK_F]:
        rows[k + REFUSALS] += 1
        return False
    rows_f[k + TAT_F] = x + rows_f[k + STEP_F]
    return True


@njit(**OPTIONS)
def paced(rows_f, k, t):
    """Return when a rate limiter lets something through that comes now."""
    x = max(rows_f[k + TAT_F], t)
    rows_f[k + TAT_F] = x + rows_f[k + STEP_F]
    return max(t, x - rows_f[k + SLACK_F])


@njit(**OPTIONS)
def asked(rows, rows_f, k, frames, b, t):
    """Tell whether a circuit breaker lets a call be made; one on trial is marked."""
    frames[b + STATE] &= ~DOOMED
    if rows[k + B_STATE] == CLOSED:
        return True
    if t < rows_f[k + B_OPENED_F] + rows_f[k + B_OPEN_F]:
        rows[k + B_REFUSALS] += 1
        return False
    rows[k + B_STATE] = ON_TRIAL
    rows_f[k + B_OPENED_F] = t
    frames[b + STATE] |= DOOMED
    return True


@njit(**OPTIONS)
def told(rows, rows_f, k, frames, b, t):
    """Tell a circuit breaker how a call ended."""
    has_failed, is_trial = frames[b + STATE] & STATUS != OK, frames[b + STATE] & DOOMED != 0
    frames[b + STATE] &= ~DOOMED
    if is_trial:
        rows[k + B_STATE] = OPEN if has_failed else CLOSED
        rows[k + B_COUNT] = 0
        rows_f[k + B_SINCE_F] = t
        rows_f[k + B_OPENED_F] = t
    elif has_failed and rows[k + B_STATE] == CLOSED:
        if t - rows_f[k + B_SINCE_F] > rows_f[k + B_WINDOW_F]:
            rows[k + B_COUNT] = 0
            rows_f[k + B_SINCE_F] = t
        rows[k + B_COUNT] += 1
        if rows[k + B_COUNT] >= rows[k + B_FAILURES]:
            rows[k + B_STATE] = OPEN
            rows_f[k + B_OPENED_F] = t
