"""What was measured speaks as a run does; the simulator's own traces are the oracle."""

import math

import numpy as np
import pytest

import chainkit as ck
from chainkit.deployment.measured import Measured, counted, mean_of, quantile_of
from chainkit.records import Span, Trace
from chainkit.simulation import stories


def chain_of(**pay):
    chain = ck.Chain("loop")
    chain.add(ck.LambdaFunction("order", duration=0.02, init=0.1, timeout_s=10))
    chain.add(
        ck.LambdaFunction("pay", timeout_s=10, **{"duration": ck.Uniform(low_s=0.1, high_s=0.3), "init": 0.1, **pay})
    )
    chain.connect("order", "pay")
    return chain


def simulated(chain, requests, *, seed=1, rate_per_s=2.0):
    """Return a simulation's requests as if they had been measured."""
    load = ck.Poisson(rate_per_s=rate_per_s)
    run = ck.simulate(chain, load, requests=requests, seed=seed, replications=1, latency=ck.no_latency)
    again = run.again(run.tallies[0], traced=range(requests))
    traces = tuple(stories.traces(run.program, again, range(requests)))
    at_s = load.arrivals_s(requests, seed=seed)
    return Measured(
        chain=chain, target="twin", load=load, seed=seed, traces=traces, sent_s=at_s, asked_s=at_s
    ), run  # fmt: skip


def test_ledger_and_nodes_are_those_of_the_run():
    measured, run = simulated(chain_of(error_rate=0.2), 400)

    assert measured.ledger.drop("unfinished").to_dict() == run.ledger.reindex(measured.ledger.index[:-1]).to_dict()
    assert measured.nodes.loc["pay", "errors"] == run.nodes.loc["pay", "errors"] > 0
    assert measured.nodes.loc["order", "invocations"] == 400


def test_summary_holds_the_times_of_the_run():
    measured, run = simulated(chain_of(), 400)

    ours, theirs = measured.summary(), run.again and run.summary()

    for figure in ("response_p50_s", "completion_p50_s"):
        low, high = ours.loc[figure, ["low", "high"]]
        assert low <= theirs.loc[figure, "value"] <= high
    assert ours.loc["response_p99.9_s", "note"] == "not enough requests"


def test_order_statistics_cover_the_quantile():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(500):
        low, _, high, _ = quantile_of(rng.random(300), 0.9)
        held += low <= 0.9 <= high
    assert 0.93 * 500 <= held <= 0.985 * 500


def test_a_mean_of_what_was_partly_lost_is_infinite():
    assert mean_of(np.array([1.0, math.inf]))[1:] == (math.inf, pytest.approx(math.nan, nan_ok=True), "some were lost")


def test_a_dead_letter_counts_where_it_is_kept_and_only_if_it_is():
    chain = ck.Chain("kept")
    for service in (ck.SqsQueue("jobs", visibility_timeout_s=60), ck.SqsQueue("dead"), ck.SqsQueue("lost")):
        chain.add(service)
    chain.add(ck.LambdaFunction("pay", timeout_s=10))
    chain.add(ck.LambdaFunction("ship", error_rate=1.0, duration=0.1))
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    chain.connect("pay", "ship", link="async")
    chain.connect("ship", "lost", link="on_failure")
    chain.set("pay", poison_fraction=0.5)
    measured, run = simulated(chain, 100)

    kept = measured.nodes["dead_letters"]
    assert run.ledger["dead-lettered"] == 100
    assert kept["lost"] == 100 + kept["dead"], "each of the two tries that fail has handed over before"
    assert 20 < kept["dead"] < 80
    assert not kept.drop(["dead", "lost"]).any()
    refused = Span(node="dead", what="dead letter", start_s=0, end_s=0, status="error")
    trace = Trace(request="1", outcome="dropped", response_s=0, completion_s=math.inf, spans=[refused])
    assert not counted(trace)


def test_calibrated_takes_own_work_without_waits_and_inits():
    measured, _ = simulated(chain_of(), 600)

    chain = measured.calibrated()

    law = chain.service("pay").duration
    assert law.ppf(np.array([0.5]))[0] == pytest.approx(0.2, abs=0.02)
    assert chain.service("order").duration.mean_s == pytest.approx(0.02, abs=0.001), "its wait for pay is not its work"
    assert chain.service("pay").init.mean_s == pytest.approx(0.1, abs=0.001)


def test_calibrated_tells_poison_from_chance():
    chain = ck.Chain("fails")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.SqsQueue("dead"))
    chain.add(ck.LambdaFunction("pay", duration=0.1, timeout_s=10, poison_fraction=0.1, error_rate=0.2))
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=4)
    measured, _ = simulated(chain, 1_000)

    pay = measured.calibrated().service("pay")

    assert pay.poison_fraction == pytest.approx(0.1, abs=0.03)
    assert pay.error_rate == pytest.approx(0.2, abs=0.04)


def test_too_few_runs_say_nothing():
    measured, _ = simulated(chain_of(), 3)

    with pytest.raises(ck.ConfigError, match="no function of 'loop' ran 5 times warm"):
        measured.calibrated()


def test_a_request_that_is_not_there_is_refused():
    measured, _ = simulated(chain_of(), 5)

    assert measured.trace(4).outcome == "completed"
    for wrong in (5, -1, True, "1"):
        with pytest.raises(ck.ConfigError, match=r"is outside 0\.\.4"):
            measured.trace(wrong)


def test_the_frame_has_every_span():
    measured, _ = simulated(chain_of(), 20)

    frame = measured.to_frame()

    assert len(frame) == sum(len(trace.spans) for trace in measured.traces)
    assert set(frame["request"]) == set(range(20))


def test_a_machine_that_does_not_keep_up_is_told():
    measured, _ = simulated(chain_of(), 50)
    late = Measured(
        **{**{n: getattr(measured, n) for n in Measured.__dataclass_fields__}, "sent_s": measured.sent_s * 3}
    )

    assert "does not keep up" in str(late)
    assert "does not keep up" not in str(measured)
