"""Anything else: a line like others, at the price that is given."""

import pytest

import chainkit as ck
from chainkit.uses.priced import PricedUse

DATABASE = PricedUse(what="database", quantity=730, unit="hour", usd_per_unit=0.082, said_by="a contract")


def test_it_costs_its_quantity_at_its_price_and_says_whose_that_is():
    (line,) = ck.estimate({"db": DATABASE}, free_tier=True).lines

    assert line.usd == pytest.approx(59.86)
    assert (line.what, line.unit, line.free, line.source, line.confidence) == ("database", "hour", 0, "a contract", "U")


def test_two_prices_of_one_name_stay_apart():
    dear = PricedUse(what="database", quantity=730, unit="hour", usd_per_unit=1.0)

    assert ck.estimate({"a": DATABASE, "b": dear}).node_usd() == pytest.approx({"a": 59.86, "b": 730})


def test_one_request_s_share_grows_with_the_requests():
    chain = ck.Chain("shop")
    chain.add_cost("fraud", PricedUse(what="calls", quantity=1, unit="call", usd_per_unit=0.001), per="request")

    assert ck.bill(chain, ck.usage_of(chain, {}, requests=1e6)).total_usd == pytest.approx(1000)
