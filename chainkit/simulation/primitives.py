"""What the kernel is built from: the layout of its memory, its draws, its event heap and its histograms.

Compiled code works on flat int64 arrays with a float64 view of the same memory. Inside it arrays are bare pointers: no
reference counts, no wrap-around test per access, and LLVM inlines by itself (1.4-1.7x over arrays, measured 2026).
With NUMBA_DISABLE_JIT=1 the same source runs as plain Python on views, where an index out of range raises.
"""

import numpy as np
from numba import njit
from numba import types as nt
from numba.core import config
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from chainkit.simulation import draws

OPTIONS = {"cache": True, "nogil": True, "boundscheck": False}
U = np.uint64

# --- a frame: one activity, 8 words ---
PC, PARENT, REQUEST, ROOT, SALT, START, LINK, STATE = range(8)
# PARENT  handle of the caller (generation << 24 | slot); -1: a flow of its own; a root: its arrival time;
#         a batch: BATCH | messages << 48 | current message << 24 | first message
# ROOT    slot of the request's root; in the root itself + worst outcome << 24 + live flows << 32
# LINK    deadline of an invocation; next frame of a list; eight retry counters of 8 bits
# STATE   generation << 40 | outstanding branches << 24 | receives (of a batch: units begun) << 10 | flags | status
BATCH, BATCH_COUNT = -(1 << 63), 0x3FFF
STATUS, WAITING, WATCHED, COLD, DOOMED, FAILED, FORKED = 15, 16, 32, 64, 128, 256, 512
RECEIVE, RECEIVES, RECEIVE_SHIFT = 1 << 10, 0x3FFF << 10, 10
STRAND = 1 << 10
"""Of a caller's own branch; the same bit counts the receives of a message, which is never one."""
ENDED = FORKED
"""Of a root whose own flow is over."""
ONE, COUNT, COUNT_SHIFT = 1 << 24, 0xFFFF << 24, 24
SLOT = 0xFFFFFF
LIVE = 1 << 32
OK, ERROR, THROTTLED, TIMEOUT = 0, 1, 2, 3
IMPATIENT = 15
"""A caller gave up waiting; 4 to 14 are error names that some Retry or Catch tells apart."""
GENERATIONS = 0x7FFFFF

# --- a pool of environments, 32 words; f: a float ---
(RUNNING, LIMIT, HEAD, TAIL, COLD_STARTS, INVOCATIONS, THROTTLES, PEAK, IN_ACCOUNT, ERRORS, TIMEOUTS, RING, KEEP_F,
 TIMEOUT_F, BUSY_F, IDLE_F, INIT_SITE, BILLED_MS, OVERHEAD_SITE, TOKENS_F, TOKENS_AT_F, INIT_MS_F, BURST_F,
 REFILL_F, SINCE_F) = range(25)  # fmt: skip
# SINCE_F  sum of the starts of what runs now: the time integral of what runs is BUSY_F + RUNNING * now - SINCE_F

# --- a buffer, 32 words ---
(FIRST, LAST, WAITING_NOW, SIZE, BATCHES_NOW, MOST, ARMED, BATCH_PC, AFTER_PC, DEAD_PC, MAX_RECEIVES, CAP, BATCHES,
 RECEIVED, DEAD_LETTERS, TICK_FRAME, PEAK_WAITING, WINDOW_F, VISIBILITY_F, AGAIN_PC, RAMP_FRAME, RAMPING, START_MOST,
 RAMP_F, RECEIVE_CHUNKS, MESSAGE_BYTES, DELETES, WAITED_F, WHOLE_BATCH, RETURNED, SINCE_Q_F) = range(31)  # fmt: skip
# SINCE_Q_F  sum of the instants since which what waits now has waited

# --- the machine's own state ---
(G_HEAP, G_FREE, G_FREE_COUNT, G_TAKEN, G_ACCOUNT, G_ACCOUNT_LIMIT, G_READY, G_READY_LAST, G_FINAL, G_FIRST_REQUEST,
 G_ENTRY, G_RING, G_RESERVE, G_KEEP, G_FORM, G_EVENTS, G_TRACED, G_TRACES, G_TRACE_ROOM, G_WARM, G_WATCH_PC, G_STOP_F,
 G_NOW_F, G_BUDGET, G_NUMBERED) = range(25)  # fmt: skip

PAGE = 0xFFFFF
"""Masks a row number, so that the compiler sees that it is not negative."""
INF_BITS = 0x7FF0000000000000

# --- a histogram: 128 bins per octave, 2^-20 .. 2^20 s; bin 0 also holds what is shorter ---
BINS_PER_OCTAVE, LOWEST = 128, -20
BINS = 40 * BINS_PER_OCTAVE
FIRST_BIN = (1023 + LOWEST) << 7


def _pointer(dtype):
    @intrinsic
    def view(context, array):
        out = nt.CPointer(dtype)

        def code(context, builder, sig, args):
            data = make_array(sig.args[0])(context, builder, args[0]).data
            return builder.bitcast(data, context.get_value_type(out))

        return out(array), code

    return view


if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def ints(array):
        """Return an int64 view."""
        return array.view(np.int64)

    def floats(array):
        """Return a float64 view."""
        return array.view(np.float64)

    def bits_of(x):
        """Return the bits of a float as an integer."""
        return int(np.float64(x).view(np.int64))

    def word(key, request, salt):
        """Return the 64 random bits of one draw, as a Python integer: numpy's uint64 would warn of overflow."""
        return draws.word(int(key) & draws.MASK, int(request), int(salt) & draws.MASK)

    def descended(salt, place):
        """Return draws.descend as a signed word."""
        x = draws.descend(int(salt) & draws.MASK, int(place))
        return x - (1 << 64) if x >> 63 else x

    def retried(salt):
        """Return draws.again as a signed word."""
        x = draws.again(int(salt) & draws.MASK)
        return x - (1 << 64) if x >> 63 else x

    def unretried(salt, attempts):
        """Return the salt before so many attempts."""
        x = (int(salt) - int(attempts) * draws.AGAIN) & draws.MASK
        return x - (1 << 64) if x >> 63 else x

    def tail(h):
        """Return the tail probability * 2^64 of a word, in [1, 2^63]."""
        return float((h >> 1) | 1)

    def side(h):
        """Return which side of the table a word draws from."""
        return h & 1

    def below(h, limit):
        """Tell whether a word is below a threshold."""
        return h < (int(limit) & draws.MASK)

    def later_salt(a, b):
        """Tell whether salt a comes after salt b, both taken as unsigned."""
        return (int(a) & draws.MASK) > (int(b) & draws.MASK)

else:
    ints, floats = _pointer(nt.int64), _pointer(nt.float64)
    REQUEST_, SALT_, PLACE_, AGAIN_ = U(draws.REQUEST), U(draws.SALT), U(draws.PLACE), U(draws.AGAIN)
    MIX_1, MIX_2 = U(draws.MIX_1), U(draws.MIX_2)
    U1, U27, U30, U31 = U(1), U(27), U(30), U(31)

    @njit(**OPTIONS)
    def bits_of(x):
        """Return the bits of a float as an integer; of one that is not negative they sort like it."""
        return np.float64(x).view(np.int64)

    @njit(**OPTIONS)
    def _mix(x):
        x = (x ^ (x >> U30)) * MIX_1
        x = (x ^ (x >> U27)) * MIX_2
        return x ^ (x >> U31)

    @njit(**OPTIONS)
    def word(key, request, salt):
        """Return the 64 random bits of one draw: draws.word."""
        return _mix(U(key) + U(request) * REQUEST_ + U(salt) * SALT_)

    @njit(**OPTIONS)
    def descended(salt, place):
        """Return draws.descend as a signed word."""
        return np.int64(_mix(U(salt) + U(place) * PLACE_))

    @njit(**OPTIONS)
    def retried(salt):
        """Return draws.again as a signed word."""
        return np.int64(U(salt) + AGAIN_)

    @njit(**OPTIONS)
    def unretried(salt, attempts):
        """Return the salt before so many attempts."""
        return np.int64(U(salt) - U(attempts) * AGAIN_)

    @njit(**OPTIONS)
    def tail(h):
        """Return the tail probability * 2^64 of a word, in [1, 2^63]."""
        return np.float64(np.int64(h >> U1) | 1)

    @njit(**OPTIONS)
    def side(h):
        """Return which side of the table a word draws from."""
        return np.int64(h & U1)

    @njit(**OPTIONS)
    def below(h, limit):
        """Tell whether a word is below a threshold."""
        return h < U(limit)

    @njit(**OPTIONS)
    def later_salt(a, b):
        """Tell whether salt a comes after salt b, both taken as unsigned."""
        return U(a) > U(b)


# --- draws: a site row is mode | key | table offset or threshold | 1 if always hit | - | - | scale | shift ---
CONSTANT, SMOOTH, SPLIT = 0, 1, 2
_SHIFT = 52 - draws.SUB
_J0 = (1023 + 63 - draws.OCTAVES) << draws.SUB
_SIDE, _SIDE_SPLIT = draws.BINS * draws.SMOOTH, draws.BINS * draws.SPLIT


@njit(**OPTIONS)
def draw(sites, sites_f, table, site, request, salt):
    """Return one value of a site, in seconds."""
    b = (site & PAGE) << 3
    mode, key, at = sites[b], sites[b + 1], sites[b + 2]
    x = 0.0
    k = 0
    if mode != CONSTANT:
        h = word(key, request, salt)
        x = tail(h)
        j = max((bits_of(x) >> _SHIFT) - _J0, 0)
        if mode == SMOOTH:
            k = at + side(h) * _SIDE + (j << 1)
        else:
            k = at + side(h) * _SIDE_SPLIT + j * 6
            if table[k + 2] != 0.0 and x >= table[k + 2]:
                k += 3
    return (table[k] + table[k + 1] * x) * sites_f[b + 6] + sites_f[b + 7]


@njit(**OPTIONS)
def draw_many(out, at, n, sites, sites_f, table, site, request, salt):
    """Write the draws of n requests from `request` on: `draw` with what is the same for all taken out, 3 times as fast."""
    b = (site & PAGE) << 3
    mode, key, k, scale, shift = sites[b], sites[b + 1], sites[b + 2], sites_f[b + 6], sites_f[b + 7]
    if mode == CONSTANT:
        for i in range(n):
            out[at + i] = shift
    elif mode == SMOOTH:
        for i in range(n):
            h = word(key, request + i, salt)
            x = tail(h)
            j = k + side(h) * _SIDE + (max((bits_of(x) >> _SHIFT) - _J0, 0) << 1)
            out[at + i] = (table[j] + table[j + 1] * x) * scale + shift
    else:
        for i in range(n):
            out[at + i] = draw(sites, sites_f, table, site, request + i, salt)


@njit(**OPTIONS)
def hit(sites, site, request, salt):
    """Tell whether a site's chance hits; site -1 never does."""
    b = (site & PAGE) << 3
    return site >= 0 and (sites[b + 3] == 1 or below(word(sites[b + 1], request, salt), sites[b + 2]))


@njit(**OPTIONS)
def arrivals(sites_, table_, site, first, start, out_):
    """Fill `out` with the arrival times of requests first, first + 1, ...; gaps are draws of a site."""
    sites, sites_f, table, out = ints(sites_), floats(sites_), floats(table_), floats(out_)
    t = start
    for at in range(0, out_.size, 1024):
        n = min(1024, out_.size - at)
        draw_many(out, at, n, sites, sites_f, table, site, first + at, 0)
        for i in range(at, at + n):
            t += out[i]
            out[i] = t
    return t


# --- the event heap: binary; entries (time bits, class << 61 | request << 24 | frame) side by side; the root is
# replaced where the event just taken reschedules. Ties: class (ends before timers), request, salt, then program order.
CLASS_SHIFT, END, TIMER = 61, 0, 1


@njit(**OPTIONS)
def tie(frames, a, b):
    """Tell whether of two entries of one instant the first goes first."""
    if a >> 24 != b >> 24:
        return a < b
    p, q = (a & SLOT) << 3, (b & SLOT) << 3
    if frames[p + SALT] != frames[q + SALT]:
        return later_salt(frames[q + SALT], frames[p + SALT])
    return frames[p + PC] < frames[q + PC]


@njit(**OPTIONS)
def sift(heap, frames, n, t, k):
    """Put (t, k) at the root of a heap of n entries and let it sink."""
    i = 0
    c = 2
    n += n
    heap[n] = INF_BITS
    while c < n:
        if heap[c + 2] == heap[c]:
            if c + 2 < n and tie(frames, heap[c + 3], heap[c + 1]):
                c += 2
        else:
            c += (heap[c + 2] < heap[c]) << 1
        if heap[c] > t or (heap[c] == t and tie(frames, k, heap[c + 1])):
            break
        heap[i] = heap[c]
        heap[i + 1] = heap[c + 1]
        i = c
        c = 2 * i + 2
    heap[i] = t
    heap[i + 1] = k


@njit(**OPTIONS)
def schedule(heap, frames, n, is_hole, at, k):
    """Insert an event and return the new size; a root just taken is replaced: one walk instead of two."""
    t = bits_of(at)
    if is_hole:
        sift(heap, frames, n, t, k)
        return n
    i = n
    while i > 0:
        j = (i - 1) >> 1
        if heap[2 * j] < t or (heap[2 * j] == t and tie(frames, heap[2 * j + 1], k)):
            break
        heap[2 * i] = heap[2 * j]
        heap[2 * i + 1] = heap[2 * j + 1]
        i = j
    heap[2 * i] = t
    heap[2 * i + 1] = k
    return n + 1


@njit(**OPTIONS)
def tally(histograms, sums, which, x):
    """Count a duration in a histogram, and add it and its square to the sums."""
    histograms[which * BINS + min(max((bits_of(x) >> 45) - FIRST_BIN, 0), BINS - 1)] += 1
    sums[2 * which] += x
    sums[2 * which + 1] += x * x


# --- frames: a free list, and a list of those that run next in the same instant, first come first served ---
TRACE_WORDS = 8
"""Words of a trace row: time, row of the program, frame, state, salt, since (of a message), batch frame, parent."""


@njit(**OPTIONS)
def take(frames, g):
    """Return a free frame, and mark it as taken."""
    f = g[G_FREE] & SLOT
    g[G_FREE] = frames[(f << 3) + LINK]
    g[G_FREE_COUNT] -= 1
    return f


@njit(**OPTIONS)
def release(frames, g, f):
    """Give a frame back; its generation changes, so that whoever still names it finds that it is gone."""
    b = (f & SLOT) << 3
    frames[b + STATE] = ((frames[b + STATE] >> 40) + 1 & GENERATIONS) << 40
    frames[b + LINK] = g[G_FREE]
    g[G_FREE] = f
    g[G_FREE_COUNT] += 1


@njit(**OPTIONS)
def make_ready(frames, g, f):
    """Let a frame run after those that are ready already."""
    frames[((f & SLOT) << 3) + LINK] = -1
    if g[G_READY] < 0:
        g[G_READY] = f
    else:
        frames[((g[G_READY_LAST] & SLOT) << 3) + LINK] = f
    g[G_READY_LAST] = f


@njit(**OPTIONS)
def watch(frames, heap, g, n, is_hole, f, deadline, leave):
    """Set a timer at a waiting frame's deadline, after which it goes to `leave`; return the heap's new size."""
    b = (f & SLOT) << 3
    m = take(frames, g)
    e = m << 3
    frames[e + PC] = g[G_WATCH_PC]
    frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | f
    frames[e + REQUEST] = frames[b + REQUEST]
    frames[e + ROOT] = leave
    frames[e + SALT] = frames[b + SALT]
    return schedule(heap, frames, n, is_hole, deadline, (TIMER << CLASS_SHIFT) | (frames[b + REQUEST] << 24) | m)


@njit(**OPTIONS)
def note(trace, g, t, pc, frames, f, status, since, batch):
    """Write down one row of the traced request, while there is room."""
    if g[G_TRACES] < g[G_TRACE_ROOM]:
        k = g[G_TRACES] * TRACE_WORDS
        b = (f & SLOT) << 3
        trace[k], trace[k + 1], trace[k + 2] = bits_of(t), pc, f
        trace[k + 3], trace[k + 4] = frames[b + STATE] | status, frames[b + SALT]
        trace[k + 5], trace[k + 6], trace[k + 7] = bits_of(since), batch, frames[b + PARENT]
        g[G_TRACES] += 1
