"""Tariffs: the bill at every volume at once, held equal to the bill itself."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.billing.prices import Price, Tier, price_book
from chainkit.billing.tariffs import FEW, MANY, Tariff, tariff
from chainkit.records import Meter, Usage, UsageLine

BOOK = price_book("us-east-1")
CHAIN = ck.Chain("priced")
CHAIN.add(ck.LambdaFunction("f"))
METERS = [
    Meter(price=price, counter="any", per=per, why="made up")
    for price in (
        "lambda-requests", "lambda-gb-s-x86", "lambda-gb-s-arm64", "sqs-standard-requests",
        "stepfunctions-express-gb-s", "stepfunctions-transitions", "http-api-requests",
    )
    for per in ("request", "hour")
]  # fmt: skip


FREE = st.booleans() | st.just(("lambda-gb-s-x86", "sqs-requests"))


def of(usage, *, free_tier):
    pair = tuple(ck.bill(CHAIN, usage, requests_per_month=month, free_tier=free_tier) for month in (FEW, MANY))
    return tariff([[pair]], [1.0])


def usages():
    quantity = st.floats(1e-3, 1e6)
    lines = st.lists(st.tuples(st.sampled_from(METERS), quantity), min_size=1, max_size=6)
    return st.builds(
        lambda lines, requests, hours: Usage(
            lines=tuple(UsageLine("f", meter, quantity) for meter, quantity in lines), requests=requests, hours=hours
        ),
        lines, st.floats(1.0, 1e6), st.floats(0.1, 1e4),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    usages(),
    st.booleans() | st.just(("lambda-gb-s-x86", "sqs-requests")),
    st.lists(st.floats(0, 1e13), min_size=1, max_size=5),
)
def test_a_tariff_is_the_bill_at_any_volume(usage, free_tier, volumes):
    found = of(usage, free_tier=free_tier)
    at = [*volumes, *found.knots()]
    expected = [ck.bill(CHAIN, usage, requests_per_month=v, free_tier=free_tier).total_usd for v in at]

    # What is left of a month's part after two bills were taken from each other is known to nine digits of the larger.
    floor = 1e-9 * ck.bill(CHAIN, usage, requests_per_month=FEW).total_usd
    np.testing.assert_allclose(found.usd(np.array(at))[0], expected, rtol=1e-9, atol=floor)


@settings(max_examples=60, deadline=None)
@given(usages(), st.booleans())
def test_dollars_are_straight_between_knots_and_bend_at_them(usage, free_tier):
    found = of(usage, free_tier=free_tier)
    if not found.is_straight:
        return
    for low, high in pairwise(sorted([0.0, *found.knots(), 1e14])):
        inside = low + (high - low) * np.array([0.0, 0.3, 0.7, 1.0])
        usd = found.usd(inside)[0]
        np.testing.assert_allclose(usd[1:3], usd[0] + np.array([0.3, 0.7]) * (usd[3] - usd[0]), rtol=1e-8, atol=1e-9)


def test_the_knots_of_a_simple_design_are_known():
    usage = ck.usage_of(CHAIN, {"f": {"invocations": 2e6, "run_ms": 8e9}}, requests=1e6)  # 2 invocations, 1 GB-s
    plain, free = (of(usage, free_tier=is_free).knots() for is_free in (False, True))

    assert plain == pytest.approx([6e9, 15e9])
    assert free == pytest.approx([4e5, 5e5, 6.0004e9, 15.0004e9])


def test_a_shared_free_part_goes_by_the_shares_at_each_volume():
    # x86 by the hour, arm64 by request: what each gets of 400,000 GB-s changes with the volume, so dollars curve.
    lines = (
        UsageLine("f", Meter(price="lambda-gb-s-x86", counter="any", per="hour", why="kept warm"), 5e5),
        UsageLine("f", Meter(price="lambda-gb-s-arm64", counter="any", why="work"), 1e6),
    )
    found = of(Usage(lines=lines, requests=1e6, hours=730.0), free_tier=True)
    volumes = np.array([1e3, 1e5, 1e6, 1e7])
    x86, arm = 5e5, volumes
    free = 4e5 / (x86 + arm)
    expected = x86 * (1 - free) * 0.0000166667 + arm * (1 - free) * 0.0000133334

    assert not found.is_straight
    np.testing.assert_allclose(found.usd(volumes)[0], expected, rtol=1e-12)


def test_samples_are_priced_apart():
    steps = Price(key="steps", unit="step", tiers=(Tier(10.0, 2.0), Tier(math.inf, 1.0)), free_per_month=4)
    made = Tariff((steps,), np.array([1.0]), np.array([[[1.0], [2.0]]]), np.zeros((1, 2, 1)), free_tier=True)

    assert made.usd(np.array([0.0, 4.0, 20.0])).tolist() == [[0.0, 0.0, 26.0], [0.0, 8.0, 46.0]]


def test_between_two_anchors_usage_goes_from_one_to_the_other():
    steps = Price(key="steps", unit="step", tiers=(Tier(math.inf, 1.0),))
    anchors, per_request = np.array([10.0, 1000.0]), np.array([[[2.0]], [[1.0]]])
    made = Tariff((steps,), anchors, per_request, np.zeros((2, 1, 1)), free_tier=False)
    volumes = np.array([1.0, 10.0, 100.0, 1000.0, 5000.0])

    assert made.usd(volumes)[0] == pytest.approx([2.0, 20.0, 150.0, 1000.0, 5000.0])
    assert not made.is_straight


def test_bills_with_and_without_free_tier_do_not_mix():
    usage = ck.usage_of(CHAIN, {"f": {"invocations": 2e6}}, requests=1e6)
    few, many = ck.bill(CHAIN, usage), ck.bill(CHAIN, usage, free_tier=True)

    with pytest.raises(ck.ConfigError, match="free tier"):
        tariff([[(few, many)]], [1.0])


def test_a_price_of_the_user_s_own_counts():
    usage = ck.usage_of(CHAIN, {"f": {"invocations": 1e6}}, requests=1e6)
    book = BOOK.with_price("lambda-requests", 1.0)
    pair = tuple(ck.bill(CHAIN, usage, requests_per_month=month, price_book=book) for month in (FEW, MANY))

    assert tariff([[pair]], [1.0]).usd(np.array([7.0]))[0, 0] == pytest.approx(7.0)
    assert replace(pair[0]).total_usd == pytest.approx(1e6)
