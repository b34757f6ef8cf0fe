"""A flow in a few words becomes the state language that it says."""

import numpy as np

import chainkit as ck
from chainkit.validation import flows
from chainkit.validation.workers import worker


def run_of(flow: flows.Flow, **seconds: float) -> ck.Run:
    chain = ck.Chain("flow")
    for name, time_s in seconds.items():
        chain.add(worker(name, time_s))
    chain.add(flows.machine("m", flow, task_overhead=0.0, start_overhead=0.0))
    return ck.simulate(chain, ck.Steady(rate_per_s=0.01), requests=20_000, seed=1, latency={}, keep="requests")


def test_steps_run_one_after_another() -> None:
    run = run_of(["a", "b", "a"], a=1.0, b=2.0)

    np.testing.assert_allclose(run.completion_s, 4.0)


def test_parallel_flows_last_as_long_as_the_longest() -> None:
    run = run_of([{"parallel": [["a", "b"], ["c"]]}, "a"], a=1.0, b=2.0, c=5.0)

    np.testing.assert_allclose(run.completion_s, 6.0)


def test_each_way_is_taken_by_its_share_and_goes_on() -> None:
    run = run_of([{"share": [0.3, 0.7], "of": [["a"], []]}, "b"], a=1.0, b=2.0)

    assert set(np.round(run.completion_s, 6)) == {2.0, 3.0}
    np.testing.assert_allclose((run.completion_s > 2.5).mean(), 0.3, atol=0.015)


def test_a_flow_is_repeated_as_often_as_its_chance_says() -> None:
    run = run_of([{"again": 0.25, "after": ["a", "b"]}], a=1.0, b=2.0)

    visits = run.nodes["invocations"].dropna() / run.requests
    np.testing.assert_allclose(visits, 1 / 0.75, rtol=0.02)
    assert visits["a"] == visits["b"]
