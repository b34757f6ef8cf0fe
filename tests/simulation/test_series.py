"""A run over time: what the bins say is what the run did."""

import math

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation import series
from tests.simulation.case import chain_of, function
from tests.simulation.cases import CASES


def burst(requests=600, replications=1, duration=1.0, **settings):
    """Simulate a queue that is sent twice what its function can do: 2 at a time, 1 s each (or more)."""
    chain = chain_of(
        ck.SqsQueue("jobs", visibility_timeout_s=100), function("f", init=0, duration=duration, **settings)
    )
    chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
    options = {"seed": 1, "latency": ck.no_latency, "replications": replications, "warmup_fraction": 0}
    return ck.simulate(chain, ck.Steady(rate_per_s=4), requests=requests, keep="requests", **options)


def test_a_backlog_grows_ages_and_drains():
    run = burst()
    jobs = run.series.set_index("node").loc["jobs"]
    jobs = jobs.set_index("end_s")

    assert jobs.loc[50.0, "backlog_peak"] == pytest.approx(100, abs=6)
    assert jobs.loc[50.0, "oldest_s"] == pytest.approx(25, abs=2)
    assert jobs["backlog_peak"].idxmax() == pytest.approx(150, abs=4)
    assert jobs["backlog_mean"].iloc[-1] == pytest.approx(0, abs=2)
    assert jobs["arrivals_per_s"][jobs.index <= 150].to_numpy() == pytest.approx(4, abs=0.6)
    assert run.nodes.loc["jobs", "drain_s"] == pytest.approx(149, abs=2)


def test_concurrency_is_flat_where_it_is_capped():
    run = burst()
    f = run.series.set_index("node").loc["f"]

    assert f["concurrency_peak"].max() == 2
    assert f["concurrency_mean"].iloc[5:100].to_numpy() == pytest.approx(2.0)
    assert f["backlog_mean"].isna().all()


def test_bins_that_are_joined_hold_what_their_halves_held():
    run = burst(requests=800, duration=1.5)
    f = run.series.set_index("node").loc["f"]

    assert f["end_s"].iloc[0] == 4  # bins of 2 s would be 300
    assert f["concurrency_mean"].iloc[1:149].to_numpy() == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["reserved_limit", "batches_with_a_window", "throttled_events", "poller_ramp"])
def test_the_bins_add_up_to_the_run(name):
    case = CASES[name]()
    run = ck.simulate(case.chain, case.load, seed=1, replications=3, **case.options)
    frame, nodes = run.series, run.nodes
    width_s = frame["end_s"].iloc[0]

    for node, bins in frame.groupby("node"):
        assert len(bins) <= series.MOST_BINS
        np.testing.assert_allclose(np.diff(bins["start_s"]), width_s)
        total = bins["arrivals_per_s"].sum() * width_s * 3
        if node in run.program.queue_nodes:
            assert total == pytest.approx(nodes.loc[node, "receives"])
            assert bins["backlog_peak"].max() == nodes.loc[node, "backlog_peak"]
            waited_s = bins["backlog_mean"].sum() * width_s * 3
            assert waited_s == pytest.approx(nodes.loc[node, "wait_mean_s"] * nodes.loc[node, "receives"])
        else:
            assert total == pytest.approx(nodes.loc[node, "invocations"] + nodes.loc[node, "throttles"])
            assert bins["throttles_per_s"].sum() * width_s * 3 == pytest.approx(nodes.loc[node, "throttles"])
            assert bins["concurrency_peak"].max() == nodes.loc[node, "busy_peak"]
            busy_s = bins["concurrency_mean"].sum() * width_s * 3
            assert busy_s == pytest.approx(nodes.loc[node, "invocations"] * nodes.loc[node, "duration_mean_s"])


def test_bins_get_wider_where_the_drain_is_long():
    chain = chain_of(function("f", error_rate=0.5), function("g"))
    chain.connect("g", "f", link="async")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=50), requests=2_000, seed=1, replications=2)
    bins = run.series.groupby("node").size()

    assert (bins <= series.MOST_BINS).all()
    assert run.series["end_s"].max() > 200  # retries come one and two minutes later
    assert run.series.attrs["last_arrival_s"] < 25


def test_users_who_never_think_all_come_at_once():
    chain = chain_of(ck.SqsQueue("jobs"), function("f", init=0, duration=1.0))
    chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
    run = ck.simulate(
        chain, ck.ClosedLoop(users=8, think=0), requests=8, replications=1, seed=1, latency=ck.no_latency
    )  # fmt: skip
    jobs = run.series[run.series["node"] == "jobs"]

    assert run.series.attrs["last_arrival_s"] == 0
    assert jobs["backlog_peak"].max() == 6
    assert 4 <= jobs["end_s"].max() < 5


def test_cold_starts_come_at_the_beginning():
    chain = chain_of(function("f", duration=0.5))
    run = ck.simulate(chain, ck.Poisson(rate_per_s=20), requests=4_000, seed=1, replications=2)
    cold = run.series["cold_fraction"]

    assert cold.iloc[0] > 0.1
    assert cold.iloc[20:90].mean() < 0.05


def test_means_until_the_last_arrival_obey_littles_law():
    chain = chain_of(function("f", init=0, duration=ck.Exponential(mean_s=0.5), timeout_s=60, keep_alive=10))
    run = ck.simulate(chain, ck.Poisson(rate_per_s=20), requests=50_000, seed=1, latency=ck.no_latency)
    f = run.nodes.loc["f"]

    assert f["environments_mean"] - f["idle_mean"] == pytest.approx(20 * 0.5, rel=0.02)
    assert f["environments_mean"] <= f["busy_peak"]
    assert f["runs_per_request"] == 1.0


def test_retries_multiply_the_runs_of_a_request():
    chain = chain_of(*(function(name, init=0) for name in "abc"))
    chain.set("c", error_rate=1.0)
    for a, b in ("ab", "bc"):
        chain.connect(a, b, retry=ck.Retry(max_attempts=3, interval_s=0.1))
    nodes = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=50, seed=1).nodes

    assert nodes["runs_per_request"].tolist() == [1.0, 3.0, 9.0]


def test_a_queue_that_is_not_empty_at_the_end_has_no_drain_time():
    chain = chain_of(ck.SqsQueue("jobs", visibility_timeout_s=100), function("f", init=0, duration=1.0))
    chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
    run = ck.simulate(chain, ck.Steady(rate_per_s=40), requests=400, seed=1, replications=1, drain_s=5)

    assert run.nodes.loc["jobs", "drain_s"] == math.inf
    assert run.series["end_s"].max() <= 10 + 5 + 2
