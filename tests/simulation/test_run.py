"""What `simulate` gives back, and what it refuses."""

import math

import numpy as np
import pytest
from scipy import stats

import chainkit as ck
from chainkit.simulation.run import student_t

ONE = {"requests": 1_000, "seed": 1, "latency": ck.no_latency}


def one(**settings):
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", init=0, **settings))
    return chain


def test_a_percentile_is_that_of_all_requests_together():
    run = ck.simulate(
        one(duration=ck.Exponential(mean_s=0.2), timeout_s=30), ck.Steady(rate_per_s=1), keep="requests",
        warmup_fraction=0, **ONE,
    )  # fmt: skip

    exact = np.quantile(run.response_s, [0.5, 0.9, 0.99])
    figures = run.summary()["value"][["response_p50_s", "response_p90_s", "response_p99_s"]]
    np.testing.assert_allclose(figures, exact, rtol=0.02)


def test_an_interval_needs_enough_slower_requests():
    summary = ck.simulate(one(), ck.Poisson(rate_per_s=1), **ONE).summary()

    assert np.isfinite(summary.loc["response_p50_s", ["low", "value", "high"]].to_numpy(dtype=float)).all()
    assert summary.loc["response_p50_s", "note"] == ""
    assert math.isnan(summary.loc["response_p99.9_s", "low"])
    assert math.isfinite(summary.loc["response_p99.9_s", "value"])
    assert summary.loc["response_p99.9_s", "note"] == "not enough requests"


def test_what_is_not_over_at_the_end_counts_as_infinite():
    chain = one(duration=10.0, timeout_s=30, reserved_concurrency=2)
    jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=180))
    chain.connect(jobs, "f", batch_size=1, maximum_concurrency=2)

    run = ck.simulate(chain, ck.Steady(rate_per_s=10), drain_s=10, **ONE)

    assert run.ledger["unfinished"] > 900
    assert run.ledger.sum() == 1_000
    assert run.summary().loc["completion_p50_s", "value"] == math.inf


def test_the_spans_of_a_predicted_trace_leave_no_gap():
    chain = ck.Chain("gapless")
    api, f = chain.add(ck.HttpApi("api")), chain.add(ck.LambdaFunction("f", timeout_s=10))
    g = chain.add(ck.LambdaFunction("g", timeout_s=5))
    chain.connect(api, f)
    chain.connect(f, g, after_fraction=1.0)
    trace = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=100, seed=1).trace(3)

    spans = {(span.node, span.what): span for span in trace.spans}
    steps = [spans[key] for key in (("api", "overhead"), ("f", "hop"), ("f", "invocation"))]
    inner = [spans[key] for key in (("g", "hop"), ("g", "invocation"))]
    assert [step.start_s for step in steps[1:]] == pytest.approx([step.end_s for step in steps[:-1]])
    assert inner[0].end_s == pytest.approx(inner[1].start_s)
    assert inner[1].end_s == pytest.approx(steps[2].end_s)
    assert steps[2].end_s == pytest.approx(trace.response_s)
    assert steps[2].reason in ("", "cold start")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"requests": 0}, "requests=0 is outside"),
        ({"requests": True}, "requests=True is outside"),
        ({"seed": 1.5}, "seed=1.5 is no whole number"),
        ({"replications": 2_000}, "replications=2000 is outside"),
        ({"warmup_fraction": 1}, "warmup_fraction=1 is outside"),
        ({"latency": {"sqs_maping": 0.01}}, r"no hop 'sqs_maping' \(did you mean 'sqs_mapping'\?\)"),
        ({"keep": "all"}, "keep='all' is unknown"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(wrong, said):
    with pytest.raises(ck.ConfigError, match=said):
        ck.simulate(one(), ck.Poisson(rate_per_s=1), **{**ONE, **wrong})


def test_what_is_no_chain_or_no_traffic_is_refused():
    with pytest.raises(ck.ConfigError, match="simulate: 3 is no chain"):
        ck.simulate(3, ck.Poisson(rate_per_s=1), **ONE)
    with pytest.raises(ck.ConfigError, match="load=4 is no traffic"):
        ck.simulate(one(), 4, **ONE)


def test_a_request_that_is_not_there_has_no_trace():
    run = ck.simulate(one(), ck.Poisson(rate_per_s=1), **ONE)

    for request in (1_000, -1, None, True):
        with pytest.raises(ck.ConfigError, match=r"is outside 0\.\.999"):
            run.trace(request)
    with pytest.raises(ck.ConfigError, match="'responses' is unknown"):
        run.slowest("responses")


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 199, 200, 201, 1_000, 1_000_000])
def test_the_factor_of_an_interval_is_student_s(degrees):
    assert student_t(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-9)


def test_the_number_of_threads_is_checked():
    with pytest.raises(ck.ConfigError, match="threads=0 is outside"):
        ck.simulate(one(), ck.Poisson(rate_per_s=1), threads=0, **ONE)
