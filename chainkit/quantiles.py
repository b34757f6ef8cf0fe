"""Quantile functions that several laws are built from: straight lines, the normal, and the first float that fits."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from chainkit.law import FloatArray, Unit


def lines(p: npt.ArrayLike, q: npt.ArrayLike, time_s: npt.ArrayLike) -> Unit:
    """Return the functions of straight lines between times at `p` from 0 to 1, and `q` = 1 - p."""
    p, q, time_s = np.asarray(p), np.asarray(q), np.asarray(time_s)
    return Unit(
        lambda: float(np.sum(np.diff(p) * (time_s[1:] + time_s[:-1])) / 2),
        lambda at: np.interp(at, p, time_s),
        lambda at: np.interp(at, q[::-1], time_s[::-1]),
        lambda x: np.interp(x, time_s, p, left=0.0),  # at a repeated time the last of its probabilities
        lambda x: np.interp(x, time_s, q, left=1.0),
    )


def first(is_reached: Callable[[FloatArray], npt.NDArray[np.bool_]], parts_s: list[FloatArray]) -> FloatArray:
    """Return the least float that is reached; it lies between the times of the parts.

    Halves the integers that floats of 0 or more are in binary: at most 63 steps to the last bit, so jumps are exact.
    """
    low_s, high_s = np.min(parts_s, axis=0), np.max(parts_s, axis=0)
    low, high = low_s.view(np.int64), np.where(is_reached(low_s), low_s, high_s).view(np.int64)
    while (high - low > 1).any():
        middle = low + (high - low) // 2
        reached = is_reached(middle.view(np.float64))
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray(high.view(np.float64))


def normal_ppf(p: FloatArray) -> FloatArray:
    """Return the standard normal quantile; the standard library's is exact to 1e-15 and loads nothing."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(each) if 0 < each < 1 else (each - 0.5) * math.inf for each in p.tolist()])


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal P(X <= x), exact in both tails; numpy has no erfc."""
    return np.array([math.erfc(each) / 2 for each in (-x / math.sqrt(2)).ravel().tolist()]).reshape(x.shape)
