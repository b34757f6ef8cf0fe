"""What queueing theory, AWS's arithmetic and published simulators say of a run: closed forms, laws, conservation."""

import math
from collections.abc import Callable, Iterable
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit import data
from chainkit.distributions import Constant, Exponential, Gamma, Law, LogNormal, Uniform, from_plain
from chainkit.simulation.loads import Load, Poisson, Steady
from tests.simulation.case import chain_of, machine, rules, task
from tests.simulation.cases import CASES
from tests.simulation.twin_parts import Dice, Visit

SEEDS = range(1, 11)


def function(name: str, duration: Any, **more: Any) -> ck.LambdaFunction:
    """Return a function that starts at once and is never cut."""
    return ck.LambdaFunction(name, **{"duration": duration, "init": 0, "timeout_s": 900, **more})


def queue_before(f: ck.LambdaFunction, **mapping: Any) -> ck.Chain:
    """Return a queue and a function that takes its messages one by one."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=5400), f)
    chain.connect("q", f.name, **{"batch_size": 1, **mapping})
    return chain


def simulate(chain: ck.Chain, load: Load, requests: int, **more: Any) -> ck.Run:
    """Run without hops, all requests in the figures."""
    settings = {"seed": 1, "replications": 1, "warmup_fraction": 0, "latency": ck.no_latency, "keep": "requests"}
    return ck.simulate(chain, load, requests=requests, **{**settings, **more})


def assert_about(expected: float, values: Iterable[float], own_error: float = 0.0) -> None:
    """Hold the mean of independent values to what theory says, within four standard errors."""
    found = [float(value) for value in values]
    error = math.hypot(stdev(found) / len(found) ** 0.5, own_error)
    assert fmean(found) == pytest.approx(expected, abs=4 * error + 1e-12)


def erlang_b(offered: float, servers: int) -> float:
    """Return the chance that all servers are busy, where nobody waits."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(offered: float, servers: int) -> float:
    """Return the chance that all servers are busy, where everybody waits."""
    blocked = erlang_b(offered, servers)
    return blocked / (1 - offered / servers * (1 - blocked))


# --- conservation ---


@pytest.mark.parametrize("name", CASES)
def test_every_request_has_one_outcome(name: str) -> None:
    case = CASES[name]()
    run = ck.simulate(case.chain, case.load, seed=5, replications=min(10, case.requests), **case.options)

    assert run.ledger.sum() == case.requests
    assert (run.ledger >= 0).all()
    assert (run.branches >= 0).all()


def test_every_message_of_a_queue_has_one_outcome() -> None:
    chain = queue_before(function("f", Exponential(mean_s=0.1), error_rate=0.5))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("q", "dead", link="redrive", max_receive_count=2)
    run = simulate(chain, Poisson(rate_per_s=5), 2_000)

    queue = run.nodes.loc["q"]
    assert run.branches.sum() == 2_000
    assert run.branches["dead-lettered"] == queue["dead_letters"]
    assert queue["receives"] == 2_000 + queue["returned"] - queue["dead_letters"]


def test_what_is_on_its_way_is_rate_times_time() -> None:
    chain = queue_before(function("f", Exponential(mean_s=1.0)), maximum_concurrency=10)
    load = Poisson(rate_per_s=8)
    run, dice = simulate(chain, load, 20_000), Dice(1, 0)
    arrive_s = np.cumsum([dice.time_s("arrivals", load.gap(), Visit(i)) for i in range(20_000)])
    leave_s = np.sort(arrive_s + run.completion_s)
    times_s = np.linspace(0, leave_s[-1], 200_001)
    inside = np.searchsorted(arrive_s, times_s) - np.searchsorted(leave_s, times_s)

    assert inside.mean() == pytest.approx(run.completion_s.sum() / leave_s[-1], rel=2e-3)
    assert run.nodes.loc["f", "busy_mean"] == pytest.approx(8, rel=0.05)


# --- no queue: busy environments, losses ---


@pytest.mark.parametrize(
    "work", [Exponential(mean_s=2), Constant(2), Uniform(1, 3), Gamma(mean_s=2, shape=0.5)], ids=repr
)
def test_busy_environments_do_not_depend_on_the_shape_of_work(work: Law) -> None:
    chain = chain_of(function("f", work))
    runs = (ck.simulate(chain, Poisson(rate_per_s=5), requests=40_000, seed=s, replications=1) for s in SEEDS)

    assert_about(10.0, (run.nodes.loc["f", "busy_mean"] for run in runs))


@pytest.mark.parametrize(
    ("offered", "servers", "expected"), [(1.7919, 5, 0.0259188), (8.0, 10, 0.1216611), (90.0, 100, 0.0269574)]
)
@pytest.mark.parametrize("law", [lambda mean: Exponential(mean_s=mean), Constant], ids=["exponential", "constant"])
def test_throttled_share_is_erlangs(offered: float, servers: int, expected: float, law: Callable[[float], Law]) -> None:
    chain = chain_of(function("f", law(offered), reserved_concurrency=servers))
    shares = (simulate(chain, Poisson(rate_per_s=1), 40_000, seed=s).ledger["throttled"] / 40_000 for s in SEEDS)

    assert erlang_b(offered, servers) == pytest.approx(expected, abs=5e-8)
    assert_about(expected, shares)


# --- queues ---


@pytest.mark.parametrize(("offered", "servers", "expected"), [(8.0, 10, 0.4091802), (90.0, 100, 0.2169405)])
def test_share_that_waits_is_erlangs(offered: float, servers: int, expected: float) -> None:
    law = Exponential(mean_s=1)
    chain = queue_before(function("f", law), maximum_concurrency=servers)
    shares = []
    for seed in SEEDS:
        run, dice = simulate(chain, Poisson(rate_per_s=offered), 10_000, seed=seed), Dice(seed, 0)
        work_s = [dice.time_s("f.duration", law, Visit(i)) for i in range(4_000, 10_000)]
        shares.append(float((run.completion_s[4_000:] - work_s > 1e-9).mean()))

    assert erlang_c(offered, servers) == pytest.approx(expected, abs=5e-8)
    assert_about(expected, shares)


def test_mean_wait_of_ten_servers() -> None:
    chain = queue_before(function("f", Exponential(mean_s=1)), maximum_concurrency=10)
    waits = [
        simulate(chain, Poisson(rate_per_s=8), 200_000, seed=s, keep=None).nodes.loc["q", "wait_mean_s"] for s in SEEDS
    ]

    assert_about(0.2045901, waits)


@settings(max_examples=15)
@given(
    servers=st.integers(2, 6),
    rate_per_s=st.floats(0.5, 8.0),
    work=st.sampled_from([Exponential(mean_s=1), LogNormal(p50_s=0.5, p99_s=3), Constant(1)]),
)
def test_one_more_server_never_makes_anyone_wait_longer(servers: int, rate_per_s: float, work: Law) -> None:
    few, many = (
        simulate(
            queue_before(function("f", work), maximum_concurrency=n), Poisson(rate_per_s=rate_per_s), 300
        ).completion_s
        for n in (servers, servers + 1)
    )

    assert (many <= few + 1e-9).all()


def test_halving_all_times_halves_all_results() -> None:
    def run(scale: int) -> ck.Run:
        pay = ck.LambdaFunction(
            "pay", duration=LogNormal(p50_s=0.5 * scale, p99_s=2.0 * scale), init=Exponential(mean_s=0.25 * scale),
            timeout_s=4 * scale, keep_alive=8.0 * scale, error_rate=0.1, reserved_concurrency=20,
        )  # fmt: skip
        chain = chain_of(function("f", Exponential(mean_s=0.25 * scale)), pay)
        chain.connect("f", "pay", retry=ck.Retry(max_attempts=3, interval_s=0.5 * scale), client_timeout_s=2.0 * scale)
        return simulate(chain, Poisson(rate_per_s=8 / scale), 2_000)

    np.testing.assert_allclose(run(1).response_s * 2, run(2).response_s, rtol=1e-9)


# --- calls ---


@pytest.mark.parametrize(("n", "expected"), [(2, 1.5), (3, 1.8333333), (5, 2.2833333), (10, 2.9289683)])
def test_parallel_calls_take_the_mean_of_the_longest(n: int, expected: float) -> None:
    chain = chain_of(function("f", 0), *(function(f"g{k}", Exponential(mean_s=1)) for k in range(n)))
    for k in range(n):
        chain.connect("f", f"g{k}")
    means = (simulate(chain, Poisson(rate_per_s=1), 10_000, seed=s).response_s.mean() for s in SEEDS)

    assert_about(expected, means)


def test_tries_of_a_caller_are_a_geometric_sum() -> None:
    chain = chain_of(function("f", 0.1), function("g", 0.1, error_rate=0.3))
    chain.connect("f", "g", retry=ck.Retry(max_attempts=4, interval_s=0.1))
    tries = (simulate(chain, Poisson(rate_per_s=1), 5_000, seed=s).nodes.loc["g", "invocations"] / 5_000 for s in SEEDS)

    assert_about((1 - 0.3**4) / 0.7, tries)


def test_attempts_of_an_event_are_a_geometric_sum() -> None:
    chain = chain_of(function("f", 0.1), function("g", 0.1, error_rate=0.4))
    chain.connect("f", "g", link="async")
    runs = [simulate(chain, Poisson(rate_per_s=1), 5_000, seed=s) for s in SEEDS]

    assert_about(1 + 0.4 + 0.16, (run.nodes.loc["g", "invocations"] / 5_000 for run in runs))
    assert_about(0.4**3, (run.ledger["dropped"] / 5_000 for run in runs))


def test_share_of_dead_letters_is_the_chance_to_fail_every_time() -> None:
    chain = queue_before(function("f", 0.1, error_rate=0.5))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("q", "dead", link="redrive", max_receive_count=3)
    shares = (simulate(chain, Poisson(rate_per_s=1), 5_000, seed=s).ledger["dead-lettered"] / 5_000 for s in SEEDS)

    assert_about(0.5**3, shares)


def test_a_batch_fails_if_one_of_its_messages_does() -> None:
    chain = queue_before(function("f", 0.1, error_rate=0.1), batch_size=5, maximum_batching_window_s=300)
    chain.add(ck.SqsQueue("dead"))
    chain.connect("q", "dead", link="redrive", max_receive_count=1)
    runs = [simulate(chain, Steady(rate_per_s=5), 10_000, seed=s) for s in SEEDS]

    assert {run.nodes.loc["f", "invocations"] for run in runs} == {2_000}
    assert_about(1 - 0.9**5, (run.nodes.loc["f", "errors"] / 2_000 for run in runs))


def chain_of_three(**more: Any) -> ck.Chain:
    """Return functions of 1, 2 and 3 seconds that call one another."""
    names = ("one", "two", "three")
    chain = chain_of(*(ck.LambdaFunction(name, duration=k, timeout_s=30, **more) for k, name in enumerate(names, 1)))
    chain.connect("one", "two")
    chain.connect("two", "three")
    return chain


def test_a_synchronous_chain_is_billed_for_its_waits() -> None:
    run = simulate(chain_of_three(init=0), Poisson(rate_per_s=2), 500)

    assert (run.nodes["billed_s"] / 500).to_dict() == {"one": 6.0, "two": 5.0, "three": 3.0}
    np.testing.assert_allclose(run.response_s, 6.0, rtol=0, atol=1e-9)


def test_hops_and_inits_are_all_that_a_real_chain_adds() -> None:
    chain, dice = chain_of_three(), Dice(3, 0)
    run = ck.simulate(chain, Steady(rate_per_s=1), requests=1, seed=3, replications=1, warmup_fraction=0)
    hop = from_plain(data.latency()["hops"]["sync_invocation"]["law"])
    init_s = {name: dice.time_s(f"{name}.init", f.behaviour().init, Visit(0)) for name, f in chain.services.items()}
    three_s = 3 + init_s["three"]
    two_s = 2 + init_s["two"] + dice.time_s("two>three.hop", hop, Visit(0)) + three_s
    one_s = 1 + init_s["one"] + dice.time_s("one>two.hop", hop, Visit(0)) + two_s

    billed_s = [math.ceil(time_s * 1000) / 1000 for time_s in (one_s, two_s, three_s)]
    assert run.nodes["billed_s"].to_list() == pytest.approx(billed_s)


# --- loops ---


def test_a_circle_of_calls_is_walked_a_geometric_number_of_times() -> None:
    chain = chain_of(function("f", 0.01))
    chain.connect("f", "f", probability=0.6)
    visits = (
        simulate(chain, Poisson(rate_per_s=1), 4_000, seed=s, at="f").nodes.loc["f", "invocations"] / 4_000
        for s in SEEDS
    )

    assert_about(1 / 0.4, visits)


def test_a_loop_of_states_is_walked_a_geometric_number_of_times() -> None:
    states = {
        "Work": task("work", Next="More"),
        "More": {"Type": "Choice", "Choices": rules("Work"), "Default": "Done"},
        "Done": {"Type": "Succeed"},
    }
    chain = chain_of(machine(states, choices={"More": [0.6, 0.4]}), function("work", 0.01))
    runs = [simulate(chain, Poisson(rate_per_s=1), 4_000, seed=s) for s in SEEDS]

    assert_about(1 / 0.4, (run.nodes.loc["work", "invocations"] / 4_000 for run in runs))
    assert {run.nodes.loc["flow", "transitions"] - 2 * run.nodes.loc["work", "invocations"] for run in runs} == {4_000}


# --- published simulations ---


def test_cold_starts_are_those_of_simfaas() -> None:
    # SimFaaS base case (pacslab/simfaas, examples/02), run again with ten million seconds: p_cold 0.001339 +- 0.000011,
    # running 1.7917 +- 0.0009; standard deviation from run to run of 1e6 s: 3.4e-5 and 0.0027.
    f = function("f", Exponential(mean_s=1.991), first_duration=Exponential(mean_s=2.244), keep_alive=600.0)
    run = simulate(chain_of(f), Poisson(rate_per_s=0.9), 3_600_000, replications=4, keep=None)
    cold = float(run.nodes.loc["f", "cold_fraction"])

    assert cold == pytest.approx(0.001339, abs=3 * math.hypot(1.1e-5, 3.4e-5 / 2))
    assert run.nodes.loc["f", "busy_mean"] == pytest.approx(1.7917, abs=3 * math.hypot(0.0009, 0.0027 / 2))
    assert run.nodes.loc["f", "busy_mean"] == pytest.approx(0.9 * (1.991 + cold * 0.253), rel=2e-3)


def test_the_account_limit_throttles_as_erlang_says() -> None:
    # SimFaaS notebook 03: rate 1000/s, warm 2.016 s, cold 2.163 s, limit 1000: Erlang B(2016, 1000).
    f = function("f", Exponential(mean_s=2.016), first_duration=Exponential(mean_s=2.163))
    shares = (simulate(chain_of(f), Poisson(rate_per_s=1_000), 100_000, seed=s).ledger["throttled"] for s in SEEDS)

    assert erlang_b(2016, 1000) == pytest.approx(0.504455, abs=5e-7)
    assert_about(0.504455, (share / 100_000 for share in shares), own_error=0.003)  # at first all is free
