"""Replay: the requests of a trace come when they came, or exactly as many in each minute."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import chainkit as ck
from chainkit.errors import ConfigError
from tests.simulation.case import chain_of, function
from tests.simulation.traffic import arrivals_s

COUNTS = [3, 0, 0, 500, 1, 0, 2_000]


def test_times_are_replayed_to_the_last_bit() -> None:
    at_s = np.cumsum(np.random.default_rng(1).exponential(0.37, 5_000))

    np.testing.assert_array_equal(arrivals_s(ck.Replay.times(at_s), 5_000, block=777), at_s)


def test_a_trace_begins_anew_in_each_replication() -> None:
    trace = ck.Replay.times([0.5, 0.75, 3.0])
    run = ck.simulate(chain_of(function("f")), trace, requests=6, seed=1, replications=2)

    assert [tally.span_s for tally in run.tallies] == [3.0, 3.0]


def test_requests_at_one_instant_are_allowed() -> None:
    assert arrivals_s(ck.Replay.times([0, 0, 1, 1]), 4).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("spread", ["random", "even"])
@pytest.mark.parametrize("block", [1, 3, 64, 10_000])
def test_each_minute_has_exactly_its_count(spread: Any, block: int) -> None:
    at_s = arrivals_s(ck.Replay.per_minute(COUNTS, spread=spread), sum(COUNTS), block=block)

    assert np.bincount((at_s // 60).astype(int), minlength=len(COUNTS)).tolist() == COUNTS


def test_requests_lie_uniformly_within_their_minute() -> None:
    within = [arrivals_s(ck.Replay.per_minute([2_000]), 2_000, replication=r) / 60 for r in range(3)]

    assert all(stats.kstest(each, "uniform").pvalue > 1e-3 for each in within)
    assert not np.isin(within[0], within[1]).any()


def test_even_requests_have_equal_distances_within_their_minute() -> None:
    trace = ck.Replay.per_minute([2, 0, 3], spread="even")

    assert arrivals_s(trace, 5).tolist() == [15, 45, 130, 150, 170]


def test_a_trace_knows_its_rate_and_how_long_it_takes() -> None:
    times, counts = ck.Replay.times([1, 2, 4]), ck.Replay.per_minute([60, 0, 30])

    assert (times.requests, times.rate_per_s, times.expected_s(2), times.expected_requests(3)) == (3, 0.75, 2, 2)
    assert (counts.requests, counts.rate_per_s) == (90, 0.5)
    assert (counts.expected_s(30), counts.expected_s(60), counts.expected_s(75), counts.expected_s(10**6)) == (
        30, 60, 150, 180,
    )  # fmt: skip
    assert counts.rates_per_s(np.array([0, 59, 60, 130, 500])).tolist() == [1, 1, 0, 0.5, 0]


def test_traces_are_equal_if_their_arrivals_are() -> None:
    assert ck.Replay.times([1, 2]) == ck.Replay.times(np.array([1.0, 2.0]))
    assert ck.Replay.times([1, 2]) != ck.Replay.times([1, 3])
    assert ck.Replay.per_minute([1, 2]) != ck.Replay.per_minute([1, 2], spread="even")
    assert ck.Replay.per_minute([1, 2]) != ck.Poisson(rate_per_s=1)


def test_a_trace_cannot_be_changed_from_outside() -> None:
    given = np.array([1.0, 2.0])
    trace = ck.Replay.times(given)
    given[0] = 99.0

    assert trace.at_s.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        trace.at_s[0] = 5


def test_more_requests_than_the_trace_has_is_one_error_that_says_how_many_there_are() -> None:
    chain, trace = chain_of(function("f")), ck.Replay.per_minute([60, 30])
    with pytest.raises(ConfigError, match="100 requests in a replication are more than the trace has: 90") as caught:
        ck.simulate(chain, trace, requests=1_000, seed=1)

    assert "give requests=900 at most" in caught.value.fix
    assert ck.simulate(chain, trace, requests=900, seed=1).ledger.sum() == 900


def test_a_clock_asked_for_more_says_the_same() -> None:
    with pytest.raises(ConfigError, match="4 requests in a replication are more than the trace has: 3"):
        arrivals_s(ck.Replay.times([1, 2, 3]), 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ck.Replay(), "at_s and counts exclude each other"),
        (lambda: ck.Replay(at_s=[1], counts=[1]), "at_s and counts exclude each other"),
        (lambda: ck.Replay.times([]), r"at_s=\[\] is no list of at least one time"),
        (lambda: ck.Replay.times(5), "at_s=5 is no list"),
        (lambda: ck.Replay.times("trace.csv"), "at_s='trace.csv' is no list of numbers"),
        (lambda: ck.Replay.times([1, None]), "at_s"),
        (lambda: ck.Replay.times([2, 1]), r"at_s\[1\]=1.0 comes after 2.0; allowed: ascending seconds"),
        (lambda: ck.Replay.times([-1, 1]), r"at_s\[0\]=-1.0 is outside 0..100,000,000 s"),
        (lambda: ck.Replay.times([1.7e9, 1.7e9 + 1]), r"at_s\[0\]=1700000000.0 is outside"),
        (lambda: ck.Replay.times([1, float("nan")]), r"at_s\[1\]=nan"),
        (lambda: ck.Replay.times([[1, 2]]), "is no list of at least one time"),
        (lambda: ck.Replay.per_minute([]), "no list of at least one minute"),
        (lambda: ck.Replay.per_minute([1.5]), r"counts\[0\]=1.5 is no whole number"),
        (lambda: ck.Replay.per_minute([4, -1]), r"counts\[1\]=-1 is no whole number"),
        (lambda: ck.Replay.per_minute([0, 0]), "counts are 0 in every minute"),
        (lambda: ck.Replay.per_minute({"a": 1}), "counts={'a': 1} is no list"),
        (lambda: ck.Replay.per_minute([1], spread="poisson"), "spread='poisson' is unknown"),
    ],
)
def test_a_wrong_trace_is_one_clear_error(make: Callable[[], ck.Replay], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make()

    assert caught.value.fix
