"""What the price book promises to those who compute with it."""

import math
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit import data
from chainkit.billing.prices import Charge, Price, Prices, Tier, from_entry, prices
from chainkit.errors import ConfigError, PriceMissingError

BOOK = prices("us-east-1")
GOLD = Price(key="gold", unit="ounce", tiers=(Tier(2.0, 10.0), Tier(5.0, 8.0), Tier(math.inf, 4.0)))
QUANTITIES = st.floats(0, 1e12)


@st.composite
def tiered(draw: st.DrawFn) -> Price:
    """A price of one to five tiers."""
    ends = sorted(draw(st.sets(st.floats(1e-3, 1e12), max_size=4)))
    usd = sorted(draw(st.lists(st.floats(0, 10), min_size=len(ends) + 1, max_size=len(ends) + 1)), reverse=True)
    return Price(key="any", unit="piece", tiers=tuple(map(Tier, [*ends, math.inf], usd)))


# --- tiers ---


@pytest.mark.parametrize(("quantity", "usd"), [(0, 0), (1, 10), (2, 20), (3, 28), (5, 44), (6, 48), (1005, 4044)])
def test_each_part_of_a_quantity_costs_what_its_tier_says(quantity, usd):
    assert GOLD.usd(quantity) == usd


def test_a_quantity_is_charged_tier_by_tier_as_far_as_it_reaches():
    assert GOLD.charges(3) == (Charge(2.0, 10.0), Charge(1.0, 8.0))


@given(tiered(), QUANTITIES)
def test_charges_add_up_to_the_quantity(price, quantity):
    assert math.fsum(charge.quantity for charge in price.charges(quantity)) == pytest.approx(quantity, rel=1e-12)


@given(tiered(), QUANTITIES, QUANTITIES)
def test_more_never_costs_less(price, one, other):
    low, high = sorted([one, other])

    assert price.usd(low) <= price.usd(high) * (1 + 1e-12)


@given(tiered(), QUANTITIES, st.floats(0, 1e3))
def test_a_little_more_never_costs_more_than_at_the_first_price(price, quantity, more):
    step_usd = price.usd(quantity + more) - price.usd(quantity)

    assert step_usd <= price.tiers[0].usd * more + 1e-9 * (1 + price.usd(quantity + more))


@given(tiered())
def test_cost_does_not_jump_where_a_tier_ends(price):
    for tier in price.tiers[:-1]:
        below, above = (price.usd(math.nextafter(tier.up_to, toward)) for toward in (0, math.inf))

        assert above == pytest.approx(below, rel=1e-9, abs=1e-9)


# --- reading ---


def test_every_price_file_is_read_whole():
    for file in data.path("prices").glob("*.json"):
        assert set(prices(file.stem).by_key) == set(data.prices(file.stem)["prices"])


def test_a_price_says_its_source_date_and_confidence():
    price = BOOK.price("lambda-requests")

    assert (price.unit, price.date, price.confidence) == ("request", "2026-09", "A")
    assert "P8" in price.source


def test_a_price_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        BOOK.price("lambda-requests").unit = "million requests"
    with pytest.raises(TypeError):
        BOOK.by_key["lambda-requests"] = GOLD


def test_an_unknown_price_is_answered_with_the_region_and_the_nearest_key():
    with pytest.raises(PriceMissingError, match=r"'lambda-request'.*'us-east-1'.*did you mean 'lambda-requests'"):
        BOOK.price("lambda-request")


def test_an_unknown_region_is_answered_with_those_that_exist():
    with pytest.raises(PriceMissingError, match=r"'us-east-2' has no price file; there is one for .*us-east-1"):
        prices("us-east-2")


def test_a_price_of_ones_own_is_flat_and_leaves_the_book_as_it_was():
    own = BOOK.with_price("http-api-requests", 0.5e-6, source="contract")

    assert own.price("http-api-requests").usd(400e6) == pytest.approx(200)
    assert own.price("http-api-requests").source == "contract"
    assert BOOK.price("http-api-requests").usd(400e6) == pytest.approx(390)


def test_only_a_price_that_is_there_can_be_replaced():
    with pytest.raises(PriceMissingError, match="'gold'"):
        BOOK.with_price("gold", 10)


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tiers": ()}, "the last has no end"),
        ({"tiers": (Tier(2.0, 1.0),)}, "the last has no end"),
        ({"tiers": (Tier(math.inf, 1.0), Tier(math.inf, 1.0))}, "the last has no end"),
        ({"tiers": (Tier(5.0, 1.0), Tier(2.0, 1.0), Tier(math.inf, 1.0))}, "do not rise"),
        ({"tiers": (Tier(0.0, 1.0), Tier(math.inf, 1.0))}, "do not rise"),
        ({"tiers": (Tier(math.inf, -1.0),)}, "no list of amounts"),
        ({"tiers": (Tier(math.inf, math.nan),)}, "no list of amounts"),
        ({"tiers": (Tier(math.inf, "1"),)}, "no list of amounts"),
        ({"tiers": (Tier(2.0, 0.0), Tier(math.inf, 1.0))}, "gets dearer"),
        ({"free_per_month": -1.0}, "free_per_month=-1.0"),
        ({"confidence": "sure"}, "confidence='sure'"),
        ({"source": ""}, "source=''"),
    ],
)
def test_a_price_that_cannot_be_is_refused(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        replace(GOLD, **changes)


@pytest.mark.parametrize("change", [{"tier": []}, {"tiers": [{"up_to": None, "eur": 1}]}])
def test_an_entry_with_unknown_fields_is_refused(change):
    entry = {**data.prices("us-east-1")["prices"]["lambda-requests"], **change}

    with pytest.raises(ConfigError, match="allowed are exactly"):
        from_entry("lambda-requests", entry)


def test_an_entry_without_a_source_is_refused():
    entry = {**data.prices("us-east-1")["prices"]["lambda-requests"]}
    del entry["source"]

    with pytest.raises(ConfigError, match="allowed are exactly"):
        from_entry("lambda-requests", entry)


def test_prices_that_share_a_free_part_agree_on_its_size():
    entries = [replace(GOLD, key=f"gold-{k}", free_pool="gold", free_per_month=k) for k in (1, 2)]

    with pytest.raises(ConfigError, match="free_pool='gold' is 1 for 'gold-1' and 2 for 'gold-2'"):
        Prices("nowhere", "2026", {price.key: price for price in entries})


def test_tiers_of_list_prices_fall():
    for price in BOOK.by_key.values():
        assert all(high.usd <= low.usd for low, high in pairwise(price.tiers))
