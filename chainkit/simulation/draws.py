"""Draws that belong to the request, `uniform(seed, replication, site, request, visit, attempt)`, and the one sampler.

A draw is a hash of what it is for, not the next number of a stream. So results do not depend on the order of events or
on threads, the same order costs the same in every variant, and any request can be replayed.

Sites (name and purpose)
------------------------
=============================  =======================================================================================
``arrivals``                   gap before request i, or its place within the minute of a trace; visit 0
``arrivals.sojourn``           length of the n-th stay in a phase of bursts; n stands for the request, visit 0
``arrivals.phase``             which phase the n-th stay is in; likewise
``attribute:<name>``           the request's value of a traffic attribute; visit 0
``<node>.duration``            own work for one unit; the segments between calls share the one draw
``<node>.first``               replaces it for the first unit after an init
``<part>.duration`` ...        likewise first, error, poison of a part, as if it were a function of that name
``<node>.overhead``            what an invocation takes beyond its units; a batch draws for its first message
``<node>.init``                init of a new environment, drawn by the invocation that starts it
``<node>.error``               whether an attempt fails
``<node>.poison``              whether the request fails here always; visit 0
``<node>.start``               what a state machine or API takes before its first step
``<node>.keep_alive``          life of an environment that becomes idle, drawn by the invocation that leaves it
``<node>.reuse``               which idle environment is taken, where it is any
``<node>.speed``               factor of an environment's work; by the environment's number instead of a request's
``<node>.service``             whether the service itself answers an attempt with an error
``<node>.ping``                how long a warmer's ping runs; by the ping's number
``<node>.<state>.start``       what an item of a Map takes before its first state, as an execution of its own
``<link id>.duplicate``        whether what is handed over comes twice
``<link id>.delivery``         whether a try of a delivery fails
``think``                      what a user of a closed loop takes before request i; visit 0
``<node>.<state>.overhead``    what a task state takes beyond its call
``<node>.<state>.choice``      which way a choice goes
``<link id>.hop``              latency of a link
``<link id>.chance``           whether a request takes a link, or passes a filter stated as a fraction
``<link id>.jitter``           jitter of a caller's retries; of a state: ``<node>.<state>.jitter``
=============================  =======================================================================================

Visit and attempt
-----------------
They live in one 64-bit word, the *salt*: 0 at the start; `again(salt)` for each further attempt; `descend(salt, place)`
on entering a node, where place is the incoming link's position among the target's links (0 for the first) plus 65,536
times the number of the item (message of a `count`, turn of a loop). The first attempt by a first link keeps salt 0, so
variants that reach a function by other links draw the same.
"""

import hashlib
import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from chainkit.distributions import Constant
from chainkit.law import Law

FloatArray = npt.NDArray[np.float64]

MASK = (1 << 64) - 1
REQUEST = 0x9E3779B97F4A7C15
"""Odd multiplier of the request number."""
SALT = 0xD1B54A32D192ED03
"""Odd multiplier of the salt."""
AGAIN = 0xA24BAED4963EE407
"""What one more attempt adds to the salt."""
PLACE = 0x9FB21C651E98DF25
"""Odd multiplier of the place."""
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

SUB = 5
"""log2 of the bins per octave."""
OCTAVES = 40
"""Octaves of tail probability, 2^-1 .. 2^-40, on both sides."""
BINS = (OCTAVES << SUB) + 1
"""Bins of one side."""
SMOOTH, SPLIT = 2, 6
"""Words of a bin: a, b of its line; with a jump inside: a, b below it, its x, a, b above it, one unused."""


def mix(x: int) -> int:
    """Return splitmix64's finaliser of a 64-bit word."""
    x = ((x ^ (x >> 30)) * MIX_1) & MASK
    x = ((x ^ (x >> 27)) * MIX_2) & MASK
    return x ^ (x >> 31)


def site_key(seed: int, replication: int, site: str) -> int:
    """Return the 64-bit key of a site."""
    digest = hashlib.blake2b(f"{seed}/{site}".encode(), digest_size=8).digest()
    return mix((int.from_bytes(digest, "little") + replication * REQUEST) & MASK)


def again(salt: int) -> int:
    """Return the salt of the next attempt."""
    return (salt + AGAIN) & MASK


def descend(salt: int, place: int) -> int:
    """Return the salt of a visit that comes by `place`; 0 stays 0 at place 0."""
    return mix((salt + place * PLACE) & MASK)


def word(key: int, request: int, salt: int) -> int:
    """Return the 64 random bits of one draw."""
    return mix((key + request * REQUEST + salt * SALT) & MASK)


def uniform(seed: int, replication: int, site: str, request: int, visit: int = 0, attempt: int = 0) -> float:
    """Return the uniform number in [0, 1) of one draw.

    Examples
    --------
    >>> uniform(1, 0, "pay.error", 17) == uniform(1, 0, "pay.error", 17)
    True
    >>> uniform(1, 0, "pay.error", 17) == uniform(1, 0, "pay.error", 17, attempt=1)
    False
    """
    return word(site_key(seed, replication, site), request, (visit + attempt * AGAIN) & MASK) / 2.0**64


def threshold(p: float) -> int:
    """Return the word below which a draw is a hit with chance `p`; chances of 1 always hit (see `hits`)."""
    return min(int(p * 2.0**64), MASK)


def hits(key: int, p: float, request: int, salt: int) -> bool:
    """Tell whether the draw hits with chance `p`."""
    return p >= 1 or word(key, request, salt) < threshold(p)


def table(law: Law) -> FloatArray:
    """Return the inverse-CDF table of a law's standard form: (2 sides, BINS, words of a bin), lower side first.

    A bin holds a straight line in x = tail probability * 2^64; where the law jumps inside a bin it holds two lines and
    the x of the jump. Means and p99.99 are within 2e-4 of the law's, other quantiles within 2e-3 (test_draws.py).
    """
    return unit_table(law.standard().key)


def unit_table(unit: Law) -> FloatArray:
    """Return the table of a unit law, as `standard` gives it."""
    sides = [_side(unit.ppf), _side(unit.isf)]
    rows = np.stack(sides)
    rows[0, 0] = unit.ppf(bin_edges()[:1])[0], 0.0, 0.0, 0.0, 0.0, 0.0  # no time below zero: the lowest bin is flat
    return rows if rows[:, :, 2].any() else np.ascontiguousarray(rows[:, :, :SMOOTH])


def _side(quantile: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return one side of a table: lines between values inside each bin, two where the law jumps or rises steeply."""
    edges = bin_edges()
    low, high = edges[:-1], edges[1:]
    width = high - low
    first, last = low + 1e-9 * width, high - 1e-9 * width
    left, right, middle = quantile(first), quantile(last), quantile(low + 0.5 * width)
    rows = np.zeros((BINS, SPLIT))
    rows[:, 0], rows[:, 1] = _lines(first, last, left, right)
    bent = np.abs(middle - 0.5 * (left + right)) > 0.1 * np.abs(right - left)
    bent &= np.abs(right - left) > 1e-12 * np.maximum(np.abs(left), np.abs(right))
    if bent.any():
        at = _crossing(quantile, low[bent], high[bent], left[bent], right[bent])
        before, after = at - 0.01 * (at - low[bent]), at + 0.01 * (high[bent] - at)
        rows[bent, 0], rows[bent, 1] = _lines(first[bent], before, left[bent], quantile(before))
        rows[bent, 3], rows[bent, 4] = _lines(after, last[bent], quantile(after), right[bent])
        rows[bent, 2] = np.ldexp(_kept_mean(quantile, rows[bent], low[bent], high[bent], at), 64)
    return rows


def _kept_mean(
    quantile: Callable[[FloatArray], FloatArray], lines: FloatArray, low: FloatArray, high: FloatArray, at: FloatArray
) -> FloatArray:
    """Return where to change from the first line to the second, so that each bin keeps its mean; a jump stays put."""
    x, ends = np.ldexp(at, 64), np.ldexp(np.stack([low, high]), 64)
    first, second = lines[:, 0] + lines[:, 1] * x, lines[:, 3] + lines[:, 4] * x
    near = 1e-9 * (high - low)
    is_jump = np.abs(quantile(at + near) - quantile(at - near)) > 0.9 * np.abs(second - first)
    parts = (np.arange(4096) + 0.5) / 4096
    wanted = np.array([quantile(a + (b - a) * parts).mean() * (b - a) for a, b in zip(low, high, strict=True)])
    middles = (ends[0] + x) / 2, (x + ends[1]) / 2
    got = (lines[:, 0] + lines[:, 1] * middles[0]) * (at - low) + (lines[:, 3] + lines[:, 4] * middles[1]) * (high - at)
    moved = np.clip(at + np.where(is_jump, 0.0, (wanted - got) / np.where(is_jump, 1.0, first - second)), low, high)
    return np.where(np.isfinite(moved), moved, at)


def _crossing(
    quantile: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, left: FloatArray, right: FloatArray
) -> FloatArray:
    """Return where, within each bin, the quantile passes the middle of its two end values."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        is_before = (quantile(middle) - 0.5 * (left + right)) * (right - left) < 0
        low, high = np.where(is_before, middle, low), np.where(is_before, high, middle)
    return high


def bin_edges() -> FloatArray:
    """Return the BINS + 1 edges of one side's bins, as tail probabilities."""
    j = np.arange(BINS + 1)
    edges = np.ldexp(1.0 + (j & ((1 << SUB) - 1)) / (1 << SUB), (j >> SUB) - OCTAVES - 1)
    edges[-1] = 0.5
    return np.asarray(edges, np.float64)


def _lines(low: FloatArray, high: FloatArray, left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (a, b) of the lines through (low, left) and (high, right), in x = probability * 2^64."""
    width = np.ldexp(high - low, 64)
    slope = np.divide(right - left, width, out=np.zeros_like(width), where=width > 0)
    return left - slope * np.ldexp(low, 64), slope


def sample(rows: FloatArray, bits: int) -> float:
    """Return the value that 64 random bits draw from a table: the plain twin of the kernel's sampler."""
    x = float((bits >> 1) | 1)
    mantissa, exponent = math.frexp(x)
    j = max(((exponent - 1 - (63 - OCTAVES)) << SUB) + int((mantissa * 2 - 1) * (1 << SUB)), 0)
    line = rows[bits & 1, j]
    k = 3 if line.size == SPLIT and line[2] != 0.0 and x >= line[2] else 0
    return float(line[k] + line[k + 1] * x)


def draw(seed: int, replication: int, site: str, law: Law, request: int, salt: int, rows: FloatArray) -> float:
    """Return one draw of a law at a site, in seconds: what the kernel draws, bit for bit."""
    if isinstance(law, Constant):
        return law.mean_s
    unit = law.standard()
    return sample(rows, word(site_key(seed, replication, site), request, salt)) * unit.scale + unit.shift


def words(key: int, requests: range) -> npt.NDArray[np.uint64]:
    """Return `word` of many requests at once, salt 0.

    >>> int(words(7, range(3, 5))[1]) == word(7, 4, 0)
    True
    """
    x = np.uint64(key) + np.arange(requests.start, requests.stop, dtype=np.uint64) * np.uint64(REQUEST)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(MIX_2)
    return x ^ (x >> np.uint64(31))


def samples(rows: FloatArray, bits: npt.NDArray[np.uint64]) -> FloatArray:
    """Return `sample` of many words at once, bit for bit."""
    x = ((bits >> np.uint64(1)) | np.uint64(1)).astype(np.float64)
    mantissa, exponent = np.frexp(x)
    j = np.maximum(((exponent - 1 - (63 - OCTAVES)) << SUB) + ((mantissa * 2 - 1) * (1 << SUB)).astype(np.int64), 0)
    lines = rows[(bits & np.uint64(1)).astype(np.int64), j]
    k = np.zeros(x.size, np.int64)
    if rows.shape[2] == SPLIT:
        k[(lines[:, 2] != 0.0) & (x >= lines[:, 2])] = 3
    i = np.arange(x.size)
    return np.asarray(lines[i, k] + lines[i, k + 1] * x)


def greatest(rows: FloatArray) -> float:
    """Return the greatest value that a table can give: the far end of its upper side."""
    return float(rows[1, 0, 0] + rows[1, 0, 1])


def tables(laws: Iterable[Law]) -> dict[object, FloatArray]:
    """Return the table of each distinct shape among `laws`."""
    found: dict[object, FloatArray] = {}
    for law in laws:
        if not isinstance(law, Constant) and (key := law.standard().key) not in found:
            found[key] = table(law)
    return found
