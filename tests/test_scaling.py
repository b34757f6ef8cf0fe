"""Cost at scale: curves equal to bills, break-even points equal to closed forms, intervals that hold."""

import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

import chainkit as ck
from chainkit.billing.prices import Price, Prices, Tier, price_book
from chainkit.crossings import LEAST, MOST, BreakEven

LOAD = ck.Poisson(rate_per_s=4)


def used(**counts):
    """Return a chain with a function, a queue and a machine, and its usage per request."""
    chain = ck.Chain("used")
    chain.add(ck.LambdaFunction("f", memory_mb=1024))
    chain.add(ck.SqsQueue("q"))
    states = {"A": {"Type": "Pass", "End": True}}
    chain.add(ck.StateMachine("standard", definition={"StartAt": "A", "States": states}))
    chain.add(ck.StateMachine("express", definition={"StartAt": "A", "States": states}, workflow="EXPRESS"))
    chain.add(ck.HttpApi("api"))
    return chain, ck.usage_of(chain, counts, requests=1.0)


def pair(**settings) -> ck.Chain:
    made = ck.Chain("pair")
    made.add(ck.LambdaFunction("a", timeout_s=10, duration=ck.LogNormal(p50_s=0.05, p99_s=0.3)))
    made.add(ck.LambdaFunction("b", timeout_s=10, duration=ck.LogNormal(p50_s=0.1, p99_s=0.8), **settings))
    made.connect("a", "b", needs_answer=False)
    return made


@pytest.fixture(scope="module")
def comparison():
    return ck.compare(
        ck.variants(pair(), ["sqs", "sns", "standard", "express"]), LOAD, requests=4_000, seed=1, requests_per_month=3e6
    )


@pytest.fixture(scope="module")
def curve(comparison):
    return ck.cost_at_scale(comparison)


# --- the curve ---


@pytest.mark.parametrize("free_tier", [False, True])
def test_a_curve_is_the_bill_at_every_volume(comparison, free_tier):
    curve = ck.cost_at_scale(comparison, free_tier=free_tier)
    for name, run in comparison.runs.items():
        for volume in (0.0, 1e4, 777_777.0, 3e8, 1e11, *curve.knots(name)):
            expected = ck.bill(run.chain, run, requests_per_month=volume, free_tier=free_tier)
            assert curve.usd(name, volume).usd == pytest.approx(expected.total_usd, rel=1e-12)
            assert curve.bill(name, volume) == expected


def test_intervals_are_those_of_the_comparison(comparison, curve):
    for name in comparison.runs:
        assert curve.usd(name, 3e6) == pytest.approx(comparison.interval("usd_per_month", name))
    expected = comparison.difference("usd_per_month", "standard", "sqs")[:3]
    assert curve.difference("standard", "sqs", 3e6) == pytest.approx(expected)


def test_the_table_has_the_volumes_asked_for_and_the_knots_between(comparison):
    frame = ck.cost_at_scale(comparison, [1e5, 1e7], free_tier=True).to_frame()
    sns = frame[frame["variant"] == "sns"].set_index("requests_per_month")

    assert [*frame.columns] == ["variant", "requests_per_month", "low", "usd", "high", "knot"]
    assert {1e5, 1e7} < {*sns.index}
    assert sns["knot"].sum() == len(sns) - 2
    assert (frame["low"] <= frame["usd"]).all()
    assert (frame["usd"] <= frame["high"]).all()
    assert sns["usd"].is_monotonic_increasing


def test_the_free_tier_is_that_of_the_comparison_unless_said_otherwise(comparison):
    with_free = ck.compare(ck.variants(pair(), ["sqs"]), LOAD, requests=500, seed=1, free_tier=True)

    assert ck.cost_at_scale(with_free).terms.free_tier
    assert not ck.cost_at_scale(comparison).terms.free_tier
    assert not ck.cost_at_scale(with_free, free_tier=False).terms.free_tier


def test_other_volumes_and_the_text(curve):
    assert "1 million" in str(curve)
    assert curve.at(5e6).requests_per_month == (5e6,)
    assert [*curve.at(5e6).to_frame()["requests_per_month"].unique()] == [5e6]
    assert repr(curve) == "CostCurve(sqs, sns, standard, express)"


# --- break-even ---


def decimal_usd(quantities, volume):
    """Return dollars of straight and tiered prices, computed in decimal from the price file's own digits."""
    total = Decimal(0)
    for (price, fixed), per_request in quantities.items():
        quantity, low = Decimal(repr(per_request)) * volume + Decimal(repr(fixed)), Decimal(0)
        for tier in price.tiers:
            end = Decimal(repr(tier.up_to))
            total += max(Decimal(0), min(quantity, end) - low) * Decimal(repr(tier.usd))
            low = end
    return total


def made(price, per_request=0.0, fixed=0.0):
    """Return usage whose only price is a made-up one."""
    from chainkit.records import Meter, Usage, UsageLine

    chain = ck.Chain("made")
    chain.add(ck.LambdaFunction("f"))
    lines = [UsageLine("f", Meter(price=price.key, counter="c", why="made up"), per_request)]
    lines += [UsageLine("f", Meter(price=price.key, counter="d", per="hour", why="made up"), fixed)] if fixed else []
    return chain, Usage(lines=tuple(lines), requests=1.0, hours=730.0)


TIERED = Price(key="tiered", unit="x", tiers=(Tier(1e6, 3e-6), Tier(1e8, 1e-6), Tier(math.inf, 1e-7)))
FLAT = Price(key="flat", unit="x", tiers=(Tier(math.inf, 1e-6),))
BOOK = Prices("us-east-1", "2026-11-23", {"tiered": TIERED, "flat": FLAT})


def test_a_flat_part_and_a_straight_one_cross_where_they_must():
    polled = used(q={"sends": 1.0})
    # what a queue costs each month, whatever the volume, against dearer requests
    with_month = (polled[0], replace_hours(polled[1]))
    curve = ck.cost_at_scale({"api": used(api={"requests": 1.0}), "queue": with_month})
    (point,) = curve.break_even("api", "queue")

    assert point.requests_per_month == pytest.approx(0.2628 / (1.0e-6 - 0.4e-6))
    assert (point.below, point.above) == ("api", "queue")
    assert point.low == pytest.approx(point.requests_per_month)
    assert point.high == pytest.approx(point.requests_per_month)
    assert point.is_bounded


def replace_hours(usage):
    """Return usage with 657,000 empty receives a month."""
    from dataclasses import replace

    lines = [replace(x, quantity=657_000.0) if x.meter.counter == "empty_receives" else x for x in usage.lines]
    return replace(usage, lines=tuple(lines))


def test_tiers_make_curves_cross_several_times_as_decimal_arithmetic_says():
    curve = ck.cost_at_scale({"tiered": made(TIERED, 1.0), "flat": made(FLAT, 0.6, 9e5)}, price_book=BOOK)
    found = curve.break_even("tiered", "flat")
    quantities = {"tiered": {(TIERED, 0.0): 1.0}, "flat": {(FLAT, 9e5): 0.6}}

    def gap(volume):
        return decimal_usd(quantities["tiered"], volume) - decimal_usd(quantities["flat"], volume)

    # every sign change on a fine grid is a point, and every point is a sign change
    grid = [Decimal(repr(v)) for v in np.geomspace(LEAST, MOST, 4_001).tolist()]
    changes = [(a, b) for a, b in pairwise(grid) if gap(a) * gap(b) < 0]
    assert len(changes) == len(found) >= 2
    for (low, high), point in zip(changes, found, strict=True):
        exact = Decimal(repr(point.requests_per_month))
        assert low <= exact <= high
        assert gap(exact * Decimal("0.999999")) * gap(exact * Decimal("1.000001")) < 0
        assert point.below == ("tiered" if gap(low) < 0 else "flat")


def test_standard_and_express_cross_where_the_free_transitions_are_used_up():
    # 2 transitions each; Express: a request, and 10 units of 100 ms at 64 MB
    short = {"executions": 1.0, "express_100ms": 10.0}
    curve = ck.cost_at_scale(
        {"standard": used(standard={"transitions": 2.0}), "express": used(express=short)}, free_tier=True
    )
    (point,) = curve.break_even("standard", "express")

    express_usd = 1e-6 + 10 * 0.1 * 64 / 1024 * 0.00001667
    assert point.requests_per_month == pytest.approx(4_000 * 25e-6 / (2 * 25e-6 - express_usd))
    assert (point.below, point.above) == ("standard", "express")


def test_within_the_free_tier_both_cost_the_same():
    curve = ck.cost_at_scale({"one": used(f={"invocations": 1.0}), "two": used(f={"invocations": 2.0})}, free_tier=True)
    (point,) = curve.break_even("one", "two")

    assert point.requests_per_month == pytest.approx(5e5)
    assert (point.below, point.above) == ("", "one")
    assert "below, both cost the same; above, one costs less" in str(curve.break_even("one", "two"))


def test_without_a_crossing_it_says_who_is_cheaper_throughout():
    one, two = used(f={"invocations": 1.0}), used(f={"invocations": 2.0})
    curve = ck.cost_at_scale({"one": one, "two": two, "again": one})

    assert len(curve.break_even("two", "one")) == 0
    assert curve.break_even("two", "one").throughout == "one"
    assert str(curve.break_even("two", "one")).startswith("one costs less than two at every volume")
    assert str(curve.break_even("one", "again")) == "one and again cost the same at every volume"
    assert curve.break_even("two", "one").to_frame().empty


def test_mixed_free_parts_cross_where_the_bills_do():
    from chainkit.records import Meter, Usage, UsageLine

    chain = used()[0]
    lines = (
        UsageLine("f", Meter(price="lambda-gb-s-x86", counter="any", per="hour", why="kept warm"), 5e5),
        UsageLine("f", Meter(price="lambda-gb-s-arm64", counter="any", why="work"), 0.5),
    )
    mixed = (chain, Usage(lines=lines, requests=1.0, hours=730.0))
    curve = ck.cost_at_scale({"mixed": mixed, "plain": used(f={"run_ms": 1500.0})}, free_tier=True)
    found = curve.break_even("mixed", "plain")

    assert len(found) == 1
    below, above = (
        curve.bill("mixed", v).total_usd - curve.bill("plain", v).total_usd
        for v in (found[0].requests_per_month * (1 - 1e-9), found[0].requests_per_month * (1 + 1e-9))
    )
    assert below > 0 > above


def test_nearly_parallel_curves_have_no_bounds():
    # The same function behind a queue and behind an API, priced so that only the queue's idle receives and the chance
    # of two seeds tell them apart.
    work = {"duration": ck.LogNormal(p50_s=0.1, p99_s=1.0), "timeout_s": 30, "init": 0}
    polled, asked = ck.Chain("polled"), ck.Chain("asked")
    for chain, before in ((polled, ck.SqsQueue("in")), (asked, ck.HttpApi("in"))):
        chain.add(before), chain.add(ck.LambdaFunction("f", **work))
    polled.connect("in", "f", batch_size=1)
    asked.connect("in", "f")
    runs = {
        "queue": ck.simulate(polled, LOAD, requests=1_000, seed=1),
        "api": ck.simulate(asked, LOAD, requests=1_000, seed=2),
    }
    book = price_book("us-east-1").with_price("http-api-requests", 1.145e-6).with_price("sqs-standard-requests", 4e-7)
    book = book.with_price("lambda-gb-s-x86", 0.0000166667)  # no tiers
    (point,) = ck.cost_at_scale(runs, price_book=book).break_even("queue", "api")

    assert not point.is_bounded
    assert math.isinf(point.high)
    assert point.interval.startswith(("no bounds", "at least"))


def test_one_replication_has_a_point_without_an_interval():
    flows = ck.variants(pair(), ["express", "standard"])
    runs = {name: ck.simulate(v.chain, LOAD, requests=500, seed=1, replications=1) for name, v in flows.items()}
    (point,) = ck.cost_at_scale(runs, free_tier=True).break_even("express", "standard")

    assert math.isnan(point.low)
    assert math.isnan(point.high)
    assert point.interval == "no interval: one replication"


def test_runs_of_other_replications_have_a_difference_without_an_interval():
    flow = ck.variants(pair(), ["sqs"])["sqs"].chain
    ten, five = (ck.simulate(flow, LOAD, requests=500, seed=1, replications=n) for n in (10, 5))
    low, usd, high = ck.cost_at_scale({"ten": ten, "five": five}).difference("ten", "five", 1e6)

    assert math.isnan(low)
    assert math.isnan(high)
    assert usd == pytest.approx(
        ck.bill(flow, ten, requests_per_month=1e6).total_usd - ck.bill(flow, five, requests_per_month=1e6).total_usd
    )


def test_usage_and_a_run_differ_by_what_is_known_of_the_run():
    run = ck.simulate(pair(), LOAD, requests=500, seed=1)
    curve = ck.cost_at_scale({"run": run, "typed": used(f={"invocations": 1.0})})
    own, gap = curve.usd("run", 1e6), curve.difference("run", "typed", 1e6)

    assert gap.high - gap.low == pytest.approx(own.high - own.low)
    assert gap.usd == pytest.approx(own.usd - 0.2)


def test_the_words_of_an_interval():
    assert BreakEven(5e6, 4e6, 6e6, "a", "b").interval == "4 million to 6 million"
    assert BreakEven(5e6, 4e6, math.inf, "a", "b").interval == "at least 4 million"
    assert BreakEven(5e6, 0.0, 6e6, "a", "b").interval == "at most 6 million"
    assert BreakEven(5e6, 0.0, math.inf, "a", "b").interval == "no bounds: the costs are nearly parallel"


def crossing(seed, requests):
    """Return the break-even point of two designs whose true one is known, with its interval."""
    one, other = ck.Chain("one"), ck.Chain("other")
    one.add(ck.LambdaFunction("f", memory_mb=1024, duration=ck.Exponential(mean_s=0.1), timeout_s=30, init=0))
    other.add(ck.SqsQueue("q"))
    other.add(ck.LambdaFunction("g", duration=0.01, init=0))
    other.connect("q", "g", batch_size=1)
    runs = {
        name: ck.simulate(chain, LOAD, requests=requests, seed=seed, latency=ck.no_latency)
        for name, chain in (("f", one), ("q", other))
    }
    (point,) = ck.cost_at_scale(runs).break_even("f", "q")
    return point


def true_crossing():
    billed_ms = 1 / (1 - math.exp(-1 / 100))  # an exponential time of 100 ms, each up to the next millisecond
    one_usd = 2e-7 + billed_ms / 1000 * 0.0000166667
    other_usd = 3 * 4e-7 + 2e-7 + 0.010 / 8 * 0.0000166667
    return 0.2628 / (one_usd - other_usd)


def covered(repetitions, requests):
    truth = true_crossing()
    points = [crossing(seed, requests) for seed in range(repetitions)]
    return sum(point.low <= truth <= point.high for point in points) / repetitions


def test_intervals_hold_the_true_point():
    assert 0.85 <= covered(40, 1_000) <= 1.0


@pytest.mark.slow
def test_intervals_hold_the_true_point_as_often_as_they_say():
    assert 0.93 <= covered(1_000, 1_000) <= 0.97


# --- at the rate of the volume ---


def test_runs_at_other_rates_count_at_their_volumes():
    chain = ck.Chain("batches")
    chain.add(ck.SqsQueue("q"))
    chain.add(ck.LambdaFunction("f", duration=0.1))
    chain.connect("q", "f", batch_size=10)
    run = ck.simulate(chain, LOAD, requests=2_000, seed=1)
    plain, again = (ck.cost_at_scale(run, [1e6, 1e9], simulate_at=at) for at in ((), (1e6, 1e9)))
    there = ck.simulate(chain, LOAD.with_rate(1e9 / (730 * 3600)), requests=2_000, seed=1)

    assert again.usd("batches", 1e9).usd == pytest.approx(ck.bill(chain, there, requests_per_month=1e9).total_usd)
    assert again.usd("batches", 1e9).usd < 0.8 * plain.usd("batches", 1e9).usd  # batches are full there
    assert again.bill("batches", 1e9).total_usd == pytest.approx(again.usd("batches", 1e9).usd)
    assert again.knots("batches") == []
    moved = again.moved()
    assert {"receives that brought a batch", "invocations, retries included"} < {*moved["what"]}
    assert (moved["share"].abs() >= 0.001).all()
    assert plain.moved().empty


def test_a_break_even_point_between_runs_at_several_rates_is_where_the_costs_are_equal(comparison):
    curve = ck.cost_at_scale(comparison, simulate_at=[1e4, 1e6, 1e8], free_tier=True)
    (point,) = curve.break_even("sqs", "standard")
    costs = [curve.usd(name, point.requests_per_month).usd for name in ("sqs", "standard")]

    assert costs[0] == pytest.approx(costs[1], rel=1e-9)


def test_far_apart_rates_are_filled_in_until_the_break_even_point_is_where_runs_of_their_own_say() -> None:
    flows = ck.variants(pair(), ["sqs", "sns"])
    gathering = flows["sqs"].chain.copy()
    (key,) = [key for key, link in gathering.links.items() if link.word == "mapping"]
    gathering.set(key, batch_size=10, maximum_batching_window_s=5)
    both = ck.compare({"sqs": gathering, "sns": flows["sns"]}, LOAD, requests=8_000, seed=1)

    coarse = ck.cost_at_scale(both, simulate_at=[1e6, 1e8])
    (point,) = coarse.break_even("sqs", "sns")
    assert len(coarse.again) == 2  # the curve that was asked for stays

    def apart(volume: float) -> float:
        load = LOAD.with_rate(volume / 730 / 3600)
        runs = (ck.simulate(chain, load, requests=20_000, seed=7) for chain in (gathering, flows["sns"].chain))
        queue, topic = (ck.bill(run.chain, run, requests_per_month=volume).total_usd for run in runs)
        return queue - topic

    assert apart(point.requests_per_month * 0.93) > 0 > apart(point.requests_per_month * 1.07)
    assert point.low < point.requests_per_month < point.high < point.requests_per_month * 1.1


def test_a_price_at_another_height_counts_in_the_runs_that_are_filled_in_too():
    flows = ck.variants(pair(), ["sqs", "sns"])
    both = ck.compare(flows, LOAD, requests=2_000, seed=1)
    cheap = ck.cost_at_scale(both, simulate_at=[1e6, 1e8]).with_price_at("sqs-standard-requests", 0.1)

    assert cheap.difference("sqs", "sns", 1e7).high < 0
    (point,) = cheap.break_even("sqs", "sns")  # below, what receives that find nothing cost decides
    assert (point.below, point.above) == ("sns", "sqs")
    assert cheap.difference("sqs", "sns", point.requests_per_month).usd == pytest.approx(0, abs=0.02)


# --- what is refused ---


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: ck.cost_at_scale({}), "no runs"),
        (lambda c: ck.cost_at_scale({"a": 1}), "neither a run"),
        (lambda c: ck.cost_at_scale(c, [-1.0]), "-1.0 is no volume"),
        (lambda c: ck.cost_at_scale(c, 1e6), "no list of volumes"),
        (lambda c: ck.cost_at_scale(c, []), "no list of volumes"),
        (lambda c: ck.cost_at_scale(c, simulate_at=[0.0]), "no traffic"),
        (lambda c: ck.cost_at_scale({"u": used()}, simulate_at=[1e6]), "typed in"),
        (lambda c: ck.cost_at_scale(c).usd("sqz", 1e6), "did you mean 'sqs'"),
        (lambda c: ck.cost_at_scale(c).break_even("sqs", "sqz"), "'sqz' is unknown"),
        (lambda c: ck.cost_at_scale(c).with_price_at("lambda-request", 2), "is on no bill .did you mean 'lambda-req"),
    ],
)
def test_nonsense_is_refused(comparison, call, words):
    with pytest.raises(ck.ConfigError, match=words) as caught:
        call(comparison)
    assert caught.value.fix
