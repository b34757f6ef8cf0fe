"""Runs counted by hand: transitions of the order machine, and what a chain of waiting functions is billed."""

import math
from functools import cache

import pytest

import chainkit as ck
from chainkit import data
from chainkit.simulation import draws
from chainkit.simulation.lower import hop_laws

REQUESTS = 50
OWN_S = {"a": 1.0, "b": 2.0, "c": 3.0}
EVERY_20_S = ck.Steady(rate_per_s=0.05)  # no two requests meet: only the first finds nothing warm


def order_machine(shipped: float, **payment) -> ck.Chain:
    """Return the order machine as a Standard workflow; of the orders, `shipped` is the share that is charged."""
    chain = ck.load(data.path("chains", "orders", "orders-sfn.chain.yaml"))
    chain.remove("api")
    chain.set("flow", workflow="STANDARD", choices={"Charged": [shipped, 1 - shipped]})
    chain.set("payment", **{"error_rate": 0.0, "poison_fraction": 0.0, **payment})
    return chain


def transitions(chain: ck.Chain) -> float:
    """Return the transitions of all executions."""
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=REQUESTS, seed=1, replications=1)

    assert run.nodes.loc["flow", "executions"] == REQUESTS
    return run.nodes.loc["flow", "transitions"]


def in_line() -> ck.Chain:
    """Return three functions of 1, 2 and 3 s, each of which waits for the next in the middle of its work."""
    chain = ck.Chain("line")
    for name, own_s in OWN_S.items():
        chain.add(ck.LambdaFunction(name, memory_mb=1024, timeout_s=30, duration=own_s))
    chain.connect("a", "b")
    chain.connect("b", "c")
    return chain


# --- transitions ---


def test_a_shipped_order_takes_six_transitions():
    # Validate, Reserve, Charge, Charged, Ship, Confirm
    assert transitions(order_machine(shipped=1.0)) == 6 * REQUESTS


def test_a_declined_order_takes_five_transitions():
    # Validate, Reserve, Charge, Charged, Confirm
    assert transitions(order_machine(shipped=0.0)) == 5 * REQUESTS


def test_of_mixed_orders_only_the_shipped_ones_take_the_sixth():
    chain = order_machine(shipped=0.5)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=REQUESTS, seed=1, replications=1)
    shipped = run.nodes.loc["shipping", "invocations"]

    assert 10 < shipped < 40
    assert run.nodes.loc["flow", "transitions"] == 5 * REQUESTS + shipped


def test_an_order_that_can_never_be_charged_takes_seven_transitions():
    # Validate, Reserve, Charge and its two retries, GiveUp, Failed
    assert transitions(order_machine(shipped=1.0, poison_fraction=1.0)) == 7 * REQUESTS


def test_a_thousand_shipped_orders_cost_fifteen_cents_of_transitions():
    chain = order_machine(shipped=1.0)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=REQUESTS, seed=1, replications=1)
    bill = ck.bill(chain, run, requests_per_month=1_000)
    (line,) = [line for line in bill.lines if line.node == "flow"]

    assert line.quantity == pytest.approx(6_000)
    assert line.usd == pytest.approx(0.15)  # 25 USD per million transitions, us-east-1


def test_each_task_runs_its_function_once():
    chain = order_machine(shipped=1.0)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=REQUESTS, seed=1, replications=1)
    functions = ["validate", "inventory", "payment", "shipping", "confirm"]

    assert [*run.nodes.loc[functions, "invocations"]] == [REQUESTS] * 5


# --- a chain in which everybody waits ---


def test_waiting_callers_are_billed_six_five_and_three_seconds():
    chain = in_line()
    for name in OWN_S:
        chain.set(name, init=0)
    run = ck.simulate(chain, EVERY_20_S, requests=REQUESTS, seed=1, replications=1, latency=ck.no_latency)

    assert [*run.nodes.billed_s] == [6.0 * REQUESTS, 5.0 * REQUESTS, 3.0 * REQUESTS]
    assert run.summary().loc["response_mean_s", "value"] == pytest.approx(6.0)


def by_hand(chain: ck.Chain, seed: int) -> dict[str, dict[str, float]]:
    """Return run and init milliseconds of each function, added up request by request from the draws themselves."""
    hops = hop_laws(None)["sync_invocation"]
    table = cache(draws.table)
    total = {name: {"init_ms": 0.0, "billed_ms": 0.0} for name in OWN_S}

    def drawn_s(site: str, law, request: int) -> float:
        return draws.draw(seed, 0, site, law, request, 0, table(law))

    for request in range(REQUESTS):
        below_s, hop_s = 0.0, 0.0
        for name, hop_from in (("c", "b"), ("b", "a"), ("a", "")):
            init = chain.service(name).behaviour().init
            init_s = drawn_s(f"{name}.init", init, request) if request == 0 else 0.0
            runs_s = init_s + OWN_S[name] + hop_s + below_s
            total[name]["init_ms"] += 1000 * init_s
            total[name]["billed_ms"] += math.ceil(1000 * runs_s - 1e-6)
            below_s, hop_s = runs_s, drawn_s(f"{hop_from}>{name}.hop", hops, request)
    return total


def test_hops_and_inits_are_billed_to_all_who_wait_for_them_line_by_line():
    chain = in_line()
    run = ck.simulate(chain, EVERY_20_S, requests=REQUESTS, seed=5, replications=1)
    expected = by_hand(chain, seed=5)
    counted = {(line.node, line.meter.counter): line.quantity for line in run.usage.lines}

    assert [*run.nodes.cold_starts] == [1, 1, 1]
    for name, hand in expected.items():  # at 1024 MB a GB-second is a second
        assert counted[name, "init_ms"] == pytest.approx(hand["init_ms"] / 1000, rel=1e-9)
        assert counted[name, "run_ms"] == pytest.approx((hand["billed_ms"] - hand["init_ms"]) / 1000, rel=1e-9)
        assert run.nodes.loc[name, "billed_s"] == hand["billed_ms"] / 1000


def test_the_bill_has_a_line_for_each_of_them():
    chain = in_line()
    run = ck.simulate(chain, EVERY_20_S, requests=REQUESTS, seed=5, replications=1)
    bill = ck.bill(chain, run, requests_per_month=REQUESTS)
    expected = by_hand(chain, seed=5)

    for name, hand in expected.items():
        time = [line for line in bill.lines if line.node == name and line.unit == "GB-s"]
        assert len(time) == 2
        assert sum(line.usd for line in time) == pytest.approx(hand["billed_ms"] / 1000 * 0.0000166667)
