"""Break-even points: where lines with doubt cross is known in closed form, and so is its interval (Fieller's)."""

import math

import numpy as np
import pytest

from chainkit.crossings import LEAST, MOST, Gap, Money, break_evens
from chainkit.simulation.intervals import about, student_t


def lines(starts, slopes):
    """Return the gap between two designs: start + slope x volume, of the whole and of each replication."""
    start, slope = np.array([np.mean(starts), *starts]), np.array([np.mean(slopes), *slopes])

    def samples(volumes):
        return start[:, None] + slope[:, None] * volumes

    def money(volumes):
        return [Money(*about(float(each[0]), each[1:])) for each in samples(volumes).T]

    return Gap(lambda volumes: samples(volumes)[0], money, set(), is_straight=True)


def fieller(starts, slopes):
    """Return the interval of -start / slope: the roots of a square in the volume."""
    n = len(starts)
    a, b = np.mean(starts), np.mean(slopes)
    covariance = np.cov(starts, slopes) / n * student_t(n - 1) ** 2
    square = [b * b - covariance[1, 1], 2 * (a * b - covariance[0, 1]), a * a - covariance[0, 0]]
    return sorted(np.roots(square).real), square[0] > 0


@pytest.mark.parametrize("seed", range(8))
def test_the_interval_of_two_lines_is_fieller_s(seed):
    rng = np.random.default_rng(seed)
    starts, slopes = rng.normal(-5.0, 0.3, 10), rng.normal(1e-6, 1e-7, 10)
    (low, high), is_bounded = fieller(starts, slopes)
    (point,) = break_evens("a", "b", lines(starts, slopes))

    assert is_bounded
    assert point.requests_per_month == pytest.approx(-np.mean(starts) / np.mean(slopes))
    assert (point.low, point.high) == (pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6))
    assert (point.below, point.above) == ("a", "b")


def test_nearly_parallel_lines_have_no_upper_bound():
    rng = np.random.default_rng(1)
    starts, slopes = rng.normal(-5.0, 0.3, 10), rng.normal(2e-8, 1e-7, 10)
    assert not fieller(starts, slopes)[1]
    (point,) = break_evens("a", "b", lines(starts, slopes))

    assert math.isinf(point.high)
    assert point.low > 0
    assert point.interval.startswith("at least")


def test_a_point_of_which_nothing_is_sure_has_no_bounds():
    (point,) = break_evens("a", "b", lines([-1000.0, 980.0, 0.0], [1.1e-3, -0.9e-3, 0.0]))

    assert (point.low, point.high) == (0.0, math.inf)
    assert point.interval == "no bounds: the costs are nearly parallel"


def test_the_other_way_round_the_cheaper_ones_change_places():
    (point,) = break_evens("a", "b", lines([5.0, 5.2], [-1e-6, -1e-6]))

    assert (point.below, point.above) == ("b", "a")
    assert point.low < point.requests_per_month < point.high


def test_lines_that_meet_outside_the_search_do_not_meet():
    assert break_evens("a", "b", lines([-LEAST / 2, -LEAST / 2], [1.0, 1.0])).throughout == "b"
    assert break_evens("a", "b", lines([-MOST * 2, -MOST * 2], [1.0, 1.0])).throughout == "a"


def test_a_curve_that_bends_is_searched_finely():
    def usd(volumes):
        return np.sin(np.log10(volumes) * math.pi)  # 0 at every power of ten

    bent = Gap(usd, lambda v: [Money(x - 0.1, x, x + 0.1) for x in usd(v)], set(), is_straight=False)
    found = break_evens("a", "b", bent)

    assert [point.requests_per_month for point in found] == pytest.approx([10.0**k for k in range(4, 12)])
    assert {point.below for point in found} == {"a", "b"}
    half = math.asin(0.1) / math.pi  # of an interval, in powers of ten
    assert math.log10(found[0].high) == pytest.approx(4 + half)
    assert math.log10(found[0].low) == pytest.approx(4 - half)


def test_points_are_a_sequence_and_a_table():
    found = break_evens("a", "b", lines([-5.0, -5.1], [1e-6, 1e-6]))

    assert len(found) == 1
    assert found[0] in found
    assert [*found.to_frame().columns] == ["low", "requests_per_month", "high", "below", "above"]
    assert found.to_frame()["requests_per_month"][0] == found[0].requests_per_month
