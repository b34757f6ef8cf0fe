"""Differences of two runs on the same draws: what falls out, what does not, and how sure the rest is."""

import math

import numpy as np
import pytest
from scipy import stats

from chainkit.simulation import paired
from chainkit.simulation.intervals import CORRELATED, TOO_FEW
from chainkit.simulation.paired import Times

N = 10_000
EDGES = np.arange(0, N + 1, N // 10)


def times(values, edges=EDGES) -> Times:
    return Times(np.asarray(values, dtype=float), edges)


def exponential(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


# --- percentiles and means ---


@pytest.mark.parametrize("fraction", [0.5, 0.95, 0.99])
def test_what_both_have_in_common_falls_out(fraction):
    slow = exponential(1)
    low, value, high, note = paired.percentile(times(slow + 0.001), times(slow), fraction)

    assert (low, value, high) == pytest.approx((0.001, 0.001, 0.001), abs=1e-7)
    assert low < 0.001 < high  # rounding has room
    assert note == ""


def test_two_equal_runs_differ_in_nothing():
    same = exponential(1)

    assert paired.percentile(times(same), times(same), 0.99)[:3] == (0.0, 0.0, 0.0)
    assert paired.mean(times(same), times(same))[:3] == (0.0, 0.0, 0.0)


def test_a_percentile_alone_has_about_the_interval_of_order_statistics():
    sample = exponential(2)
    own = times(sample)
    low, value, high, _ = paired.percentile(own, own.nothing, 0.95)
    ranks = stats.binom.ppf([0.025, 0.975], N, 0.95).astype(int)

    assert value == np.sort(sample)[N * 95 // 100 - 1]
    assert [low, high] == pytest.approx(np.sort(sample)[ranks], rel=0.02)


def test_independent_runs_have_the_textbook_s_interval_of_a_mean():
    one, other = exponential(3), exponential(4)
    low, _, high, _ = paired.mean(times(one), times(other))
    textbook = 1.96 * (one - other).std(ddof=1) / math.sqrt(N)

    assert (high - low) / 2 == pytest.approx(textbook, rel=0.1)


def test_a_jump_that_only_one_law_may_have_passed_is_in_the_interval():
    quick = exponential(5) / 10
    jumps = np.where(np.random.default_rng(13).permutation(N) < 100, 5.0, quick)  # just as many as p99 leaves out
    low, _, high, _ = paired.percentile(times(jumps), times(quick), 0.99)

    assert low < 0.5
    assert high > 4.0


def test_a_law_that_jumps_before_the_other_is_seen_between_the_ends():
    u = np.random.default_rng(6).random(N)
    early, late = (np.where(u < jump, 0.1, 1.05 + 8 * (u - jump)) for jump in (0.987, 0.991))
    low, value, high, _ = paired.percentile(times(late), times(early), 0.99)

    assert value < -0.9  # the early law is beyond its jump, the late one is not
    assert low < value - 1e-3  # a little later it is still not, while the early law goes on
    assert high > -0.1  # and then it is


def test_requests_that_wait_for_each_other_count_for_less():
    groups = np.repeat(exponential(7, N // 50), 50)
    own, alone = times(groups), times(exponential(8))
    wide, narrow = (np.subtract(*paired.mean(each, each.nothing)[2::-2]) for each in (own, alone))

    assert wide > 4 * narrow  # 50 alike: the root of 50 is 7


def test_slow_requests_in_groups_widen_the_percentile():
    groups, alone = times(np.repeat(exponential(9, N // 25), 25)), times(exponential(9))
    wide, narrow = (np.subtract(*paired.percentile(each, each.nothing, 0.95)[2::-2]) for each in (groups, alone))

    assert wide > 2.5 * narrow  # 25 alike: the root of 25 is 5


def test_slow_requests_are_in_groups_where_many_of_a_lower_percentile_are():
    rng = np.random.default_rng(15)
    is_slow = np.repeat(rng.random(N // 25) < 0.05, 25)  # one group in twenty, and who of it is very slow is chance
    groups = np.where(is_slow, 1 + rng.random(N), rng.random(N))
    wide, narrow = (
        np.subtract(*paired.percentile(times(each), times(each).nothing, 0.99)[2::-2])
        for each in (groups, rng.permutation(groups))
    )

    assert wide > 4 * narrow  # 1 + 24 / 5 alike at p99 itself, whose root is 2.4; 25 at p95


def test_neighbours_that_resemble_each_other_widen_the_mean_of_one_replication():
    edges, rng = np.array([0, N]), np.random.default_rng(16)
    slow = np.repeat(np.convolve(rng.normal(size=N // 250 + 3), np.ones(4), "valid"), 250)  # over two batches of 500
    own = times(slow, edges)
    low, _, high, _ = paired.mean(own, own.nothing)
    batches = own.means(20)

    assert (high - low) / 2 > 1.3 * stats.t.ppf(0.975, 19) * batches.std(ddof=1) / math.sqrt(20)


def test_what_differs_between_replications_alone_is_seen():
    rng = np.random.default_rng(17)
    own = times(rng.normal(size=N) + np.repeat(0.15 * rng.normal(size=10), N // 10))
    low, _, high, _ = paired.mean(own, own.nothing)

    assert (high - low) / 2 > 1.96 * 0.15 / math.sqrt(10) * 0.7  # and not 1.96 / 100, that of its requests


def test_a_trend_within_replications_is_no_error_of_the_mean():
    trend = np.tile(np.linspace(0, 100, N // 10), 10)
    low, value, high, _ = paired.mean(times(trend), times(np.zeros(N)))

    assert value == pytest.approx(50)
    assert high - low < 1  # every replication has it alike


def test_one_replication_is_cut_into_batches_and_says_when_they_resemble_each_other():
    edges = np.array([0, N])
    walk = np.cumsum(np.random.default_rng(11).normal(size=N))
    sure = paired.mean(times(exponential(10), edges), times(exponential(12), edges))
    unsure = paired.mean(times(walk, edges), times(np.zeros(N), edges))

    assert sure[3] == ""
    assert unsure[3] == CORRELATED


@pytest.mark.parametrize(("n", "fraction"), [(200, 0.99), (100, 0.95)])
def test_too_few_slow_requests_have_no_interval(n, fraction):
    edges = np.arange(0, n + 1, n // 10)
    low, value, high, note = paired.percentile(
        times(exponential(1, n), edges), times(exponential(2, n), edges), fraction
    )

    assert math.isnan(low)
    assert math.isnan(high)
    assert math.isfinite(value)
    assert note == TOO_FEW


def test_runs_of_other_lengths_are_not_paired():
    low, _, _, note = paired.percentile(times(exponential(1)), times(exponential(1)[:5_000], EDGES[:6]), 0.5)

    assert math.isnan(low)
    assert note == TOO_FEW


def test_what_is_lost_never_comes_to_an_end():
    done, lost = exponential(1), exponential(1)
    lost[np.random.default_rng(14).permutation(N) < N // 20] = np.inf

    assert paired.percentile(times(lost), times(done), 0.99)[:3] == (math.inf,) * 3
    assert paired.percentile(times(lost), times(lost + 1), 0.99)[:3] == (0.0, 0.0, 0.0)
    low, _, high, _ = paired.percentile(times(lost), times(done), 0.95)
    assert math.isfinite(low)
    assert high == math.inf
    assert math.isfinite(paired.mean(times(lost), times(done))[1])


def test_nobody_waits_where_there_are_no_times():
    assert paired.percentile(None, times(exponential(1)), 0.5)[3] == "nobody waits for an answer"
    assert paired.mean(times(exponential(1)), None)[3] == "nobody waits for an answer"


# --- counts ---


@pytest.mark.parametrize("count", [0, 1, 3, 12])
def test_limits_of_few_events_are_garwood_s(count):
    low, high = paired.poisson_limits(count)

    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0)


def test_nothing_seen_is_no_certainty():
    low, value, high, note = paired.events(0.0, [0.0] * 10)

    assert low == -high == pytest.approx(math.log(0.025))
    assert value == 0
    assert note == paired.EXACT


def test_many_events_have_student_s_interval():
    each = np.random.default_rng(1).poisson(40, 10) * 10.0
    value = each.mean()
    low, _, high, note = paired.events(value, [*each])
    half = stats.t.ppf(0.975, 9) * each.std(ddof=1) / math.sqrt(10)

    assert (low, high) == pytest.approx((value - half, value + half))
    assert note == ""


def test_an_event_of_a_share_is_worth_its_share():
    counts = [0.0, 0.0, 20.0, 10.0, *[0.0] * 6]  # three events
    of_count = paired.events(3.0, counts)
    of_share = paired.events(3e-4, [each * 1e-4 for each in counts], unit=1e-4)

    assert of_share[:3] == pytest.approx([end * 1e-4 for end in of_count[:3]])


def test_few_events_are_covered_at_least_as_often_as_promised():
    rng, mean, right = np.random.default_rng(3), 4.0, 0
    for _ in range(500):
        each = 10.0 * rng.poisson(mean / 10, 10)
        low, _, high, _ = paired.events(each.mean(), [*each])
        right += low <= mean <= high

    assert right >= 0.93 * 500
