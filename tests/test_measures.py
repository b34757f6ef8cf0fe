"""Figures of a run by name, and of each of its replications."""

import pytest

import chainkit as ck
from chainkit.measures import ALL, COLD, COUNTS, MONEY, made_of, measures


def run_of(chain: ck.Chain, requests: int = 1_000):
    return ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=requests, seed=1)


def failing() -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", error_rate=0.2))
    return chain


def test_a_figure_is_the_mean_of_what_it_is_in_equal_replications():
    run = run_of(failing())
    found = measures(run, ck.bill(run.chain, run))

    assert [*found] == [*MONEY, *COUNTS, *COLD]
    for key in ("usd_per_million", "failed", "cold_per_request"):
        assert sum(found[key].each) / 10 == pytest.approx(found[key].value, rel=0.02), key
    assert found["failed"].value == run.ledger["failed"]


def test_an_event_is_worth_one_of_a_count_and_a_share_of_its_whole():
    run = run_of(failing())
    found = measures(run, ck.bill(run.chain, run))

    assert found["failed"].unit == 1
    assert found["cold_per_request"].unit == 1 / 1_000
    assert found["cold_fraction"].unit == 1 / run.nodes["invocations"].sum()


def test_a_chain_without_functions_has_no_cold_starts():
    chain = ck.Chain("none")
    chain.add(ck.SnsTopic("t"))
    chain.add(ck.SqsQueue("q"))
    chain.connect("t", "q")
    run = run_of(chain, 50)
    found = measures(run, ck.bill(chain, run))

    assert (found["cold_fraction"].value, found["cold_per_request"].value) == (0, 0)


def test_calls_are_no_things_to_operate():
    chain = ck.example("orders")

    assert made_of(chain)["services"] == 9
    assert made_of(chain)["links"] == 8
    assert made_of(chain)["to_operate"] == 9 + 4  # a mapping, a redrive, two subscriptions


def test_every_figure_has_one_name():
    assert len(ALL) == len({*ALL}) == 17
