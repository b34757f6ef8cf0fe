"""Loads: what all have in common, one by one through a run, and the loads of one rate."""

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import chainkit as ck
from chainkit.errors import ConfigError, SimulationError
from chainkit.simulation import draws
from chainkit.simulation.loads import Load
from tests.simulation.case import KINDS, WAYS, chain_of, function
from tests.simulation.simpy_twin import twin
from tests.simulation.traffic import HOURS, OPEN, arrivals_s, counts_within

RANDOM = [name for name in OPEN if name not in ("Steady", "Replay of times", "Replay of even counts")]
loads = pytest.mark.parametrize("load", OPEN.values(), ids=OPEN)


# --- every load ---


@loads
def test_arrivals_ascend_from_the_start(load: Load) -> None:
    at_s = arrivals_s(load, 100_000)

    assert at_s[0] >= 0
    assert (np.diff(at_s) >= 0).all()
    assert np.isfinite(at_s).all()


@loads
@pytest.mark.parametrize("block", [777, 65_536])
def test_how_arrivals_are_cut_into_blocks_changes_nothing(load: Load, block: int) -> None:
    np.testing.assert_array_equal(arrivals_s(load, 150_000, block=block), arrivals_s(load, 150_000))


@loads
@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_machine_takes_them_in_blocks_of_any_size(load: Load, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainkit.simulation.machine.BLOCK", block)
    run = ck.simulate(chain_of(function("f")), load, requests=300, seed=1, replications=2)

    assert [tally.span_s for tally in run.tallies] == [
        arrivals_s(load, 150)[-1],
        second_replication(load, 150)[-1],
    ]


def second_replication(load: Load, requests: int) -> np.ndarray:
    """Return its arrivals, gap by gap: its requests are numbered from `requests` on."""
    gap, clock = load.gap(), load.clock(1, 1)
    rows = draws.table(gap)
    gaps = (draws.draw(1, 1, "arrivals", gap, i, 0, rows) for i in range(requests, 2 * requests))
    at = np.array([*itertools.accumulate(gaps)])
    return at if clock is None else clock(at)


@loads
def test_a_run_and_its_slow_twin_see_the_same_arrivals(load: Load) -> None:
    settings: dict[str, Any] = {"requests": 300, "seed": 3, "replications": 2, "latency": WAYS}
    chain = chain_of(function("f", reserved_concurrency=5))
    run = ck.simulate(chain, load, keep="requests", **settings)
    slow = twin(chain, load, **settings)

    np.testing.assert_array_equal(run.response_s, slow.response_s)
    assert run.ledger.sum() == 300


@loads
def test_a_run_lasts_about_as_long_as_the_load_expects(load: Load) -> None:
    run = ck.simulate(chain_of(function("f")), load, requests=40_000, seed=1, replications=4)
    spans_s = [tally.span_s for tally in run.tallies]

    assert np.mean(spans_s) == pytest.approx(load.expected_s(10_000), rel=0.15)


@pytest.mark.parametrize("name", RANDOM)
def test_replications_have_arrivals_of_their_own(name: str) -> None:
    first, second = (arrivals_s(OPEN[name], 1_000, replication=r) for r in (0, 1))

    assert not np.isin(first, second).any()


@loads
def test_a_load_shows_the_arrivals_of_a_run(load: Load) -> None:
    np.testing.assert_array_equal(
        load.arrivals_s(400, seed=5, replication=3), arrivals_s(load, 400, seed=5, replication=3)
    )


@loads
def test_a_load_that_was_sent_elsewhere_is_the_same(load: Load) -> None:
    load = type(load)(**{**load.__reduce__()[1][1], "attributes": KINDS})

    for sent in (pickle.loads(pickle.dumps(load)), copy.deepcopy(load)):
        assert sent == load
        np.testing.assert_array_equal(arrivals_s(sent, 500), arrivals_s(load, 500))


@loads
def test_twice_the_rate_brings_the_same_requests_in_half_the_time_or_twice_as_many(load: Load) -> None:
    faster = load.with_rate(2 * load.rate_per_s)

    assert faster.rate_per_s == pytest.approx(2 * load.rate_per_s)
    if isinstance(load, ck.Replay):
        assert arrivals_s(faster, 1_000) == pytest.approx(arrivals_s(load, 1_000) / 2, rel=1e-12)
    else:
        assert faster.expected_requests(50) == pytest.approx(2 * load.expected_requests(50))


@loads
def test_what_is_expected_fits_the_rates_over_time(load: Load) -> None:
    until_s = 60.0 * np.clip(load.expected_s(20_000) // 60, 1, 2_000)
    at_s = (np.arange(200_000) + 0.5) / 200_000 * until_s

    total = load.rates_per_s(at_s).mean() * until_s
    assert load.expected_requests(until_s) == pytest.approx(total, rel=0.02)
    if not isinstance(load, ck.Replay):
        assert load.expected_requests(load.expected_s(500)) == pytest.approx(500)


@pytest.mark.parametrize("name", OPEN)
def test_attributes_stay_what_they_are(name: str) -> None:
    load = copy.copy(OPEN[name])
    load = type(load)(**{**load.__reduce__()[1][1], "attributes": {"kind": {"a": 0.25, "b": 0.75}}})

    assert load.with_rate(3).attributes == {"kind": {"a": 0.25, "b": 0.75}}


# --- what each has of its own ---


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    counts = np.diff(np.searchsorted(arrivals_s(ck.Poisson(rate_per_s=4), 200_000), np.arange(0, 49_000, 10)))

    ratio = counts.var(ddof=1) / counts.mean()
    assert ratio == pytest.approx(1, abs=4 * (2 / (counts.size - 1)) ** 0.5)


def test_poisson_gaps_are_exponential() -> None:
    gaps_s = np.diff(arrivals_s(ck.Poisson(rate_per_s=4), 50_000), prepend=0.0)

    assert stats.kstest(gaps_s * 4, "expon").pvalue > 1e-3


def test_steady_requests_come_at_equal_distances() -> None:
    assert arrivals_s(ck.Steady(rate_per_s=4), 8).tolist() == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]


def test_replications_of_poisson_traffic_have_the_mean_they_should() -> None:
    counts = counts_within(ck.Poisson(rate_per_s=4), [0, 30], 300)

    assert counts.mean() == pytest.approx(120, abs=4 * (120 / 300) ** 0.5)


# --- closed loop ---


def test_users_of_a_closed_loop_take_turns_of_numbers() -> None:
    loop = ck.ClosedLoop(users=3, think=1.5)
    numbers = [loop.number(user, turn, first=10, requests=6) for turn in (0, 1) for user in range(3)]

    assert numbers == [10, 11, 12, 13, 14, 15]


def test_no_more_users_than_requests_take_part() -> None:
    loop = ck.ClosedLoop(users=50, think=ck.Exponential(mean_s=2))

    assert (loop.active(10), loop.active(100)) == (10, 50)
    assert loop.number(user=9, turn=0, first=0, requests=10) == 9


def test_a_closed_loop_is_never_faster_than_its_users_think() -> None:
    loop = ck.ClosedLoop(users=50, think=2)

    assert (loop.rate_per_s, loop.expected_s(100)) == (25, 4)
    assert (ck.ClosedLoop(users=1, think=0).rate_per_s, ck.ClosedLoop(users=1, think=0).expected_s(9)) == (np.inf, 0)


def test_a_closed_loop_has_no_gaps() -> None:
    with pytest.raises(SimulationError, match="no law of gaps"):
        ck.ClosedLoop(users=1, think=1).gap()


def test_a_closed_loop_can_be_sent_elsewhere() -> None:
    loop = ck.ClosedLoop(users=5, think=ck.LogNormal(p50_s=1, p99_s=4), attributes=KINDS)

    assert pickle.loads(pickle.dumps(loop)) == loop


# --- wrong on purpose ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ck.Poisson(), "Poisson: rate_per_s missing"),
        (lambda: ck.Poisson(rate=4), r"'rate' is unknown \(did you mean 'rate_per_s'\?\)"),
        (lambda: ck.Poisson(4, KINDS), "is given without a name"),
        (lambda: ck.Poisson(rate_per_s="4"), "rate_per_s='4' is outside 0..1000000 requests per second"),
        (lambda: ck.Poisson(rate_per_s=float("nan")), "rate_per_s=nan"),
        (lambda: ck.Steady(rate_per_s=True), "Steady: rate_per_s=True"),
        (lambda: ck.Steady(rate_per_s=4, attributes=3), "Steady: attributes=3 is no mapping"),
        (lambda: ck.Ramp(start_per_s=0, end_per_s=1, duration_s=9, attributes={"a": {"b": 0.5}}), "Ramp: attributes"),
        (lambda: ck.Bursts(phases=[(1, 9), (9, 1)], attributes={"a": {"b": 0.5}}), "Bursts: attributes"),
        (lambda: ck.Replay.times([1], attributes={"a": {"b": 0.5}}), "Replay: attributes"),
        (lambda: ck.Poisson(rate_per_s=4).with_rate(0), "rate_per_s=0 is outside"),
        (lambda: ck.Calendar(hours_per_s=HOURS).with_rate(-1), "Calendar: rate_per_s=-1 is outside"),
        (lambda: ck.ClosedLoop(users=0, think=1), "ClosedLoop: users=0 is outside 1..1,000,000"),
        (lambda: ck.ClosedLoop(users=2.5, think=1), "users=2.5"),
        (lambda: ck.ClosedLoop(users=True, think=1), "users=True"),
        (lambda: ck.ClosedLoop(users=5), "think missing"),
        (lambda: ck.ClosedLoop(users=5, think="1 s"), "ClosedLoop: think: .*'1 s'"),
        (lambda: ck.ClosedLoop(users=5, think=-1), "ClosedLoop: think"),
        (lambda: ck.ClosedLoop(users=5, think=1).with_rate(4), "ClosedLoop: rate_per_s=4 cannot be set"),
    ],
)
def test_wrong_traffic_is_one_clear_error(make: Callable[[], Load], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make()

    assert caught.value.fix
