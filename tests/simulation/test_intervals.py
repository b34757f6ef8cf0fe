"""Intervals say what they promise: nineteen of twenty hold the truth, and what a run cannot tell it does not."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy.optimize import brentq

import chainkit as ck
from chainkit.simulation import intervals

SEEDS = 200
LAW = ck.LogNormal(p50_s=0.1, p99_s=1.0)


def lone(seed, requests=2_000, replications=10):
    """Simulate a function whose answers take as long as its work: what is true stands in the law."""
    chain = ck.Chain("lone")
    chain.add(ck.LambdaFunction("f", duration=LAW, init=0, timeout_s=900, memory_mb=1769))
    load = ck.Poisson(rate_per_s=20)
    options = {"requests": requests, "replications": replications, "latency": ck.no_latency}
    return ck.simulate(chain, load, seed=seed, **options)


def two_servers(seed, requests=20_000, replications=1, rho=0.7):
    """Simulate the queue M/M/2."""
    chain = ck.Chain("two")
    chain.add(ck.SqsQueue("q", visibility_timeout_s=43_000))
    chain.add(ck.LambdaFunction("f", duration=ck.Exponential(mean_s=1.0), init=0, timeout_s=900))
    chain.connect("q", "f", batch_size=1, maximum_concurrency=2)
    options = {"requests": requests, "replications": replications, "latency": ck.no_latency}
    return ck.simulate(chain, ck.Poisson(rate_per_s=2 * rho), seed=seed, **options)


def of_lone():
    """Return the true figures of `lone`."""
    return {"response_mean_s": LAW.mean_s} | {
        f"response_{name}_s": float(LAW.ppf(p)) for name, p in intervals.FRACTIONS.items()
    }


def of_two_servers(rho=0.7):
    """Return the true figures of M/M/2 with work of mean 1 s (Erlang C)."""
    a, free = 2 * rho, 2 - 2 * rho
    lost = (a**2 / 2) / (1 + a + a**2 / 2)
    waits = lost / (1 - rho * (1 - lost))

    def slower(t):
        return (1 - waits) * math.exp(-t) + waits * (free * math.exp(-t) - math.exp(-free * t)) / (free - 1)

    return {"completion_mean_s": 1 + waits / free} | {
        f"completion_{name}_s": brentq(lambda t, p=p: slower(t) - (1 - p), 0, 200)
        for name, p in intervals.FRACTIONS.items()
    }


@pytest.mark.parametrize(
    ("simulated", "truth"), [(lone, of_lone()), (two_servers, of_two_servers())], ids=["replications", "batches"]
)
def test_nineteen_of_twenty_intervals_hold_the_truth(simulated, truth):
    given, right = Counter(), Counter()
    for seed in range(SEEDS):
        for figure, row in simulated(seed).summary().iterrows():
            if row["note"] != intervals.TOO_FEW and figure in truth:
                given[figure] += 1
                right[figure] += row["low"] <= truth[figure] <= row["high"]

    sure = {figure: right[figure] / n for figure, n in given.items() if n > SEEDS / 2}
    assert len(sure) == 5  # the mean, and p50 to p99: for p99.9 these runs are too short
    assert all(0.90 <= share <= 0.99 for share in sure.values()), sure
    assert not any(figure.endswith("p99.9_s") for figure in given)


def test_slow_requests_that_come_in_groups_count_for_less():
    alone, grouped = lone(1, requests=20_000).summary(), two_servers(1, replications=10).summary()

    assert alone.loc["response_p99.9_s", "note"] == ""
    assert grouped.loc["completion_p99.9_s", "note"] == intervals.TOO_FEW


def test_neighbouring_batches_that_are_alike_are_told():
    summary = two_servers(4, requests=4_000, rho=0.98).summary()

    assert summary.loc["completion_mean_s", "note"] == intervals.CORRELATED
    assert summary.loc["completion_p99_s", "note"] == intervals.TOO_FEW


def test_batches_count_every_request_once():
    run = two_servers(5, requests=10_007)
    (tally,) = run.tallies

    assert len(tally.batches) == intervals.BATCHES
    counted = np.sum([batch.histograms for batch in tally.batches], axis=0)
    np.testing.assert_array_equal(counted, tally.histograms)
    assert counted[1].sum() == tally.counted


def test_a_figure_is_the_same_however_its_interval_is_made():
    batched, split = two_servers(5).summary(), two_servers(5, replications=10).summary()

    assert batched.loc["completion_p50_s", "value"] == pytest.approx(split.loc["completion_p50_s", "value"], rel=0.1)
    exact = np.quantile(kept(two_servers, 5), 0.5)
    assert batched.loc["completion_p50_s", "value"] == pytest.approx(exact, rel=0.01)


def kept(simulated, seed):
    """Return the completions after the warm-up, in seconds."""
    run = simulated(seed)
    (tally,) = run.tallies
    return run.again(tally).kept[-tally.counted :, 1]


def test_a_run_too_short_for_batches_has_no_intervals():
    summary = lone(1, requests=100, replications=1).summary()

    assert (summary["note"] == intervals.TOO_FEW).all()
    assert np.isfinite(summary["value"]).all()


def test_what_was_lost_makes_the_upper_end_infinite():
    chain = ck.Chain("lossy")
    chain.add(ck.SnsTopic("t"))
    chain.add(ck.LambdaFunction("f", init=0, duration=0.1, poison_fraction=0.02, maximum_retry_attempts=0))
    chain.connect("t", "f")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=5), requests=5_000, seed=1, latency=ck.no_latency)
    summary = run.summary()

    assert run.ledger["dropped"] > 50
    assert summary.loc["completion_p99_s", "value"] == math.inf
    assert summary.loc["completion_p99_s", "high"] == math.inf
    assert summary.loc["completion_p90_s", "high"] < 1
