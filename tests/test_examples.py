"""The designs that come with chainkit."""

import pytest

import chainkit as ck
from chainkit import data
from chainkit.rewiring import KINDS


@pytest.mark.parametrize("path", sorted(data.path("chains").glob("*/*.chain.yaml")), ids=lambda path: path.name)
def test_every_design_has_a_name_and_runs(path):
    chain = ck.example(path.name.removesuffix(".chain.yaml"))

    assert chain == ck.load(path)
    assert chain.validate() == []


def test_an_example_can_be_changed_without_changing_the_next():
    ck.example("orders").remove("payment")

    assert "payment" in ck.example("orders").services


def test_an_unknown_example_is_refused_with_those_there_are():
    with pytest.raises(ck.ConfigError, match=r"example 'order' is unknown \(did you mean 'orders'") as caught:
        ck.example("order")

    assert "orders-sfn" in caught.value.fix


@pytest.mark.parametrize("name", ["etl", "media"])
def test_a_design_without_code_runs_is_priced_and_has_nothing_to_find(name):
    chain = ck.example(name)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=1000, seed=1)
    bill = ck.bill(chain, run, requests_per_month=1e6)
    functions = [service for service in chain.services.values() if isinstance(service, ck.LambdaFunction)]

    assert run.ledger.sum() == 1000
    assert run.ledger["completed"] > 950
    assert list(ck.check(chain)) == []
    assert not any(service.code for service in functions)
    assert {line.node for line in bill.lines if line.price == "logs-ingestion-gb"} == {f.name for f in functions}
    assert "lambda-ephemeral-gb-s" in {line.price for line in bill.lines}


@pytest.mark.parametrize("name", ["etl", "media"])
def test_a_design_without_code_can_be_wired_in_every_way(name):
    chain = ck.example(name)
    flows = ck.variants(chain, KINDS)

    assert (list(flows), dict(flows.refused)) == ([*KINDS], {})
    for flow in flows.values():
        run = ck.simulate(flow.chain, ck.Poisson(rate_per_s=1), requests=100, seed=1)
        assert run.ledger.sum() == 100
        assert ck.bill(flow.chain, run).total_usd > 0
