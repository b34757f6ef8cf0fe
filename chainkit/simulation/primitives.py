"""What the kernel is built from: the layout of its memory, its draws, its event heap and its histograms.

Compiled code works on flat int64 arrays with a float64 view of the same memory. Inside it arrays are bare pointers: no
reference counts, no wrap-around test per access, and LLVM inlines by itself (1.4-1.7x over arrays, measured 2026).
With NUMBA_DISABLE_JIT=1 the same source runs as plain Python on views, where an index out of range raises.
"""

from pathlib import Path

import numpy as np
from numba import njit
from numba import types as nt
from numba.core import config
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from chainkit.simulation import draws
from chainkit.simulation.compiled import forget_stale_code

forget_stale_code(Path(__file__).parent)  # before any of it is asked for
OPTIONS = {"cache": True, "nogil": True, "boundscheck": False}
U = np.uint64

# --- a frame: one activity, 8 words ---
PC, PARENT, REQUEST, ROOT, SALT, START, LINK, STATE = range(8)
# PARENT  handle of the caller (generation << 24 | slot); -1 - turns in a circle: a flow; a root: its arrival time;
#         a batch: BATCH | messages << 48 | current message << 24 | first message
# ROOT    slot of the request's root; in the root itself + worst outcome << 24 + live flows << 32
# LINK    deadline of an invocation; next frame of a list; eight retry counters of 8 bits
# STATE   generation << 40 | copy, retried | outstanding << 24 | receives (a batch: units begun) << 10 | flags | status
BATCH, BATCH_COUNT = -(1 << 63), 0x3FFF
STATUS, WAITING, WATCHED, COLD, DOOMED, FAILED, FORKED = 15, 16, 32, 64, 128, 256, 512
RECEIVE, RECEIVES, RECEIVE_SHIFT = 1 << 10, 0x3FFF << 10, 10
COPIED = WATCHED
"""Of a message: it has become visible again while its batch still runs."""
STRAND = 1 << 10
"""Of a caller's own branch; the same bit counts the receives of a message, which is never one."""
ENDED = FORKED
"""Of a root whose own flow is over."""
ONE, COUNT, COUNT_SHIFT = 1 << 24, 0x3FFF << 24, 24
RETRIED, COPY = 1 << 38, 1 << 39
"""A further attempt of this frame's own; part of a further attempt, or of a duplicate: of no fresh work."""
SLOT = 0xFFFFFF
LIVE = 1 << 32
OK, ERROR, THROTTLED, TIMEOUT, SERVICE = 0, 1, 2, 3, 4
FIRST_NAME, LAST_NAME = 5, 13
"""Statuses between are error names that some Retry or Catch tells apart."""
FATAL, IMPATIENT = 14, 15
"""What nothing catches; a caller, or a state, gave up waiting."""
GENERATIONS = 0x7FFFFF

# --- a pool of environments, 64 words; f: a float ---
POOL_SHIFT = 6
(RUNNING, LIMIT, HEAD, TAIL, COLD_STARTS, INVOCATIONS, THROTTLES, PEAK, IN_ACCOUNT, ERRORS, TIMEOUTS, RING, KEEP_F,
 TIMEOUT_F, BUSY_F, IDLE_F, INIT_SITE, BILLED_MS, OVERHEAD_SITE, TOKENS_F, TOKENS_AT_F, INIT_MS_F, BURST_F,
 REFILL_F, SINCE_F, INIT_LIMIT_F, IS_SPECIAL, KEEP_SITE, REUSE, REUSE_SITE, SPEED_SITE, NUMBER, READY_ROW,
 EXCESS, BY_RESERVATION, BY_ACCOUNT, BY_QUOTA, BY_SCALING) = range(38)  # fmt: skip
# SINCE_F    sum of the starts of what runs now: the time integral of what runs is BUSY_F + RUNNING * now - SINCE_F
# RING       its idle environments: when each became idle, oldest first. Of a special pool (law of keep-alive, reuse
#            order, speed factor, provisioned ones) two words each: when it will be gone, its number
# IDLE_F     of a special pool: sum of the ends less the sum of the beginnings of idle times
# READY_ROW  row of the provisioned environments, 0 for none; NUMBER the next environment's; EXCESS: provisioned
#            environments that go as soon as they are free
# BY_...     throttles by what refused: its reservation, the account's concurrency or request quota, the scaling rate
MOST_RECENT, LEAST_RECENT, RANDOM = 0, 1, 2

# --- a buffer, 32 words ---
(FIRST, LAST, WAITING_NOW, SIZE, BATCHES_NOW, MOST, ARMED, BATCH_PC, AFTER_PC, DEAD_PC, MAX_RECEIVES, CAP, BATCHES,
 RECEIVED, DEAD_LETTERS, TICK_FRAME, PEAK_WAITING, WINDOW_F, VISIBILITY_F, AGAIN_PC, RAMP_FRAME, RAMPING, START_MOST,
 RAMP_F, RECEIVE_CHUNKS, MESSAGE_BYTES, DELETES, WAITED_F, EMPTIED_F, RETURNED, SINCE_Q_F,
 IN_FLIGHT) = range(32)  # fmt: skip
# SINCE_Q_F  sum of the instants since which what waits now has waited; EMPTIED_F  when the last that waited was taken

# --- a rate limiter and a circuit breaker, rows of the same array ---
(TAT_F, STEP_F, SLACK_F, REFUSALS) = range(4)
(B_STATE, B_COUNT, B_SINCE_F, B_OPENED_F, B_FAILURES, B_WINDOW_F, B_OPEN_F, B_REFUSALS) = range(8)
CLOSED, OPEN, ON_TRIAL = 0, 1, 2

# --- the machine's own state ---
(G_HEAP, G_FREE, G_FREE_COUNT, G_TAKEN, G_ACCOUNT, G_ACCOUNT_LIMIT, G_READY, G_READY_LAST, G_FINAL, G_FIRST_REQUEST,
 G_ENTRY, G_RING, G_RESERVE, G_KEEP, G_FORM, G_EVENTS, G_TRACED, G_TRACES, G_TRACE_ROOM, G_WARM, G_WATCH_PC, G_STOP_F,
 G_NOW_F, G_BUDGET, G_NUMBERED, G_TAT_F, G_STEP_F, G_SLACK_F, G_USERS, G_LAST_REQUEST, G_ISSUED, G_LAST_F,
 G_ARRIVE_PC, G_MOST_IN_FLIGHT, G_GONE_PC, G_TOKENS, G_FRAMES, G_EFFECTS, G_EFFECT_ROOM,
 G_COUNTS_TURNS, G_BATCHES, G_COUNTED) = range(42)  # fmt: skip

PAGE = 0xFFFFF
"""Masks a row number, so that the compiler sees that it is not negative."""
INF_BITS = 0x7FF0000000000000

# --- a histogram: 128 bins per octave, 2^-20 .. 2^20 s; bin 0 also holds what is shorter ---
BINS_PER_OCTAVE, LOWEST = 128, -20
BINS = 40 * BINS_PER_OCTAVE
FIRST_BIN = (1023 + LOWEST) << 7
SUM_BATCHES, SUM_WORDS, SUM_LOST = 6, 5, 4
"""Sums of each batch, two of answers and two of completions, and how many requests were lost: where, how many, last."""


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
def hit(sites, site, request, salt):
    """Tell whether a site's chance hits; site -1 never does."""
    b = (site & PAGE) << 3
    return site >= 0 and (sites[b + 3] == 1 or below(word(sites[b + 1], request, salt), sites[b + 2]))


# --- the event heap: binary; entries (time bits, class << 61 | request << 24 | frame) side by side; the root is
# replaced where the event just taken reschedules. Ties: class (ends before timers), request, salt, then program order.
CLASS_SHIFT, END, TIMER, ARRIVAL = 61, 0, 1, 2


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
def batch_of(request, warm, counted, batches):
    """Return in which batch a request is counted, that batch's first request, and the first after it."""
    batch = max(((request - warm + 1) * batches - 1) // counted, 0)
    return batch, warm + batch * counted // batches, warm + (batch + 1) * counted // batches


@njit(**OPTIONS)
def tally(histograms, sums, batch, which, x):
    """Count a duration in a batch's histogram, and add it and its square to the batch's sums."""
    histograms[(2 * batch + which) * BINS + min(max((bits_of(x) >> 45) - FIRST_BIN, 0), BINS - 1)] += 1
    k = SUM_BATCHES + SUM_WORDS * batch + 2 * which
    sums[k] += x
    sums[k + 1] += x * x


# --- frames: a free list, and a list of those that run next in the same instant, first come first served ---
TRACE_WORDS = 10
"""Words of a trace row: time, row of the program, frame, state, salt, request, kind, other frame, two numbers."""
TRACE_SPARE = 1 << 15
"""Rows that must be free before anything runs: more than one frame, or one batch, can write at once."""
NOTE_ROW, NOTE_BORN, NOTE_BATCHED, NOTE_SETTLED, NOTE_TOOK, NOTE_UNIT, NOTE_SHARE = range(7)
"""Kinds of trace rows: a frame runs a row; a frame is born of another (number: how long a rate limiter holds it before
it travels); a message is taken by a batch, is settled by it (number: the batch's start); an invocation's init, init and
overhead; a batch turns to a message (the frame); without calls, from when to when a message is worked on, seconds after
the batch's start."""


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
def handed_down(state):
    """Return the flag that what a frame starts has of it: whether it is part of a further attempt."""
    return ((state << 1) | state) & COPY


@njit(**OPTIONS)
def log(effects, effects_f, g, t, request, pool, what):
    """Write down that a unit of work began (0; 1: again) or had its effect (2)."""
    k = 3 * g[G_EFFECTS]
    effects_f[k], effects[k + 1], effects[k + 2] = t, request, pool << 2 | what
    g[G_EFFECTS] += 1


@njit(**OPTIONS)
def item(frames, g, f, i, pc):
    """Return a new frame that runs item `i` of a map."""
    k = take(frames, g)
    b, e = (f & SLOT) << 3, k << 3
    frames[e + PC] = pc
    frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | (f & SLOT)
    frames[e + REQUEST] = frames[b + REQUEST]
    frames[e + ROOT] = frames[b + ROOT] & SLOT
    frames[e + SALT] = descended(frames[b + SALT], 65_536 * (i + 1))
    frames[e + STATE] = (frames[e + STATE] >> 40 << 40) | ONE | STRAND | handed_down(frames[b + STATE])
    return k


@njit(**OPTIONS)
def turns(frames, f):
    """Return how many events of a circle have led to the flow that a frame belongs to."""
    k = f
    while True:
        parent = frames[(k << 3) + PARENT]
        if k == frames[(k << 3) + ROOT] & SLOT:
            return 0
        if parent < -(1 << 62):  # a batch: of its current message
            k = (parent >> 24) & SLOT
        elif parent < 0:
            return -1 - parent
        elif frames[((parent & SLOT) << 3) + STATE] >> 40 != parent >> 24:
            return 0
        else:
            k = parent & SLOT


@njit(**OPTIONS)
def wake_lost(frames, g):
    """Let strands that wait for a token, and whose state is over, find that out; few programs have any."""
    for k in range(g[G_FRAMES]):
        state = frames[(k << 3) + STATE]
        if state & FORKED and state & STRAND and state & COUNT == 0:
            j = k
            while True:
                parent = frames[(j << 3) + PARENT]
                is_gone = parent < 0 or frames[((parent & SLOT) << 3) + STATE] >> 40 != parent >> 24
                j = parent & SLOT
                if is_gone or frames[(j << 3) + STATE] & STRAND == 0:
                    break
            if is_gone:
                frames[(k << 3) + STATE] = (((state >> 40) + 1 & GENERATIONS) << 40) | ONE | STRAND | ERROR
                make_ready(frames, g, k)


@njit(**OPTIONS)
def copy_of(frames, g, m, pc):
    """Return a copy of a message that has become visible while its batch still runs."""
    k = take(frames, g)
    b, e = (m & SLOT) << 3, k << 3
    frames[e + PC] = pc
    frames[e + PARENT] = -1 if m & SLOT == frames[b + ROOT] & SLOT else frames[b + PARENT]  # of a root: its arrival
    frames[e + REQUEST], frames[e + SALT] = frames[b + REQUEST], frames[b + SALT]
    frames[e + ROOT] = frames[b + ROOT] & SLOT
    frames[((frames[b + ROOT] & SLOT) << 3) + ROOT] += LIVE
    frames[e + STATE] = (frames[e + STATE] >> 40 << 40) | ONE | COPY | (frames[b + STATE] & RECEIVES)
    frames[b + STATE] |= COPIED
    return k


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
def is_marked(marks, k, count):
    """Tell whether a replication's k-th request is traced: one bit each."""
    return 0 <= k < count and (marks[k >> 6] >> (k & 63)) & 1 == 1


@njit(**OPTIONS)
def concerns(frames, marks, f, numbered, count):
    """Tell whether a frame works for a traced request; a batch: for any of its messages."""
    b = (f & SLOT) << 3
    found = is_marked(marks, frames[b + REQUEST] - numbered, count)
    parent = frames[b + PARENT]
    if not found and parent < -(1 << 62):
        m = parent & SLOT
        for _ in range((parent >> 48) & BATCH_COUNT):
            found = found or is_marked(marks, frames[(m << 3) + REQUEST] - numbered, count)
            m = frames[(m << 3) + LINK] & SLOT
    return found


@njit(**OPTIONS)
def note(trace, g, t, pc, frames, f, status, kind, other, x, y):
    """Write down one row of a traced request, while there is room."""
    if g[G_TRACES] < g[G_TRACE_ROOM]:
        k = g[G_TRACES] * TRACE_WORDS
        b = (f & SLOT) << 3
        trace[k], trace[k + 1], trace[k + 2] = bits_of(t), pc, f
        trace[k + 3], trace[k + 4], trace[k + 5] = frames[b + STATE] | status, frames[b + SALT], frames[b + REQUEST]
        trace[k + 6], trace[k + 7], trace[k + 8], trace[k + 9] = kind, other, bits_of(x), bits_of(y)
        g[G_TRACES] += 1
