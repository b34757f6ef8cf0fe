"""Sensitivity: swings of designs in which every figure is a straight line are known exactly."""

import math

import pytest

import chainkit as ck
from chainkit.suppositions import Supposition
from chainkit.swings import Sensitivity, Swing

LOAD = ck.Steady(rate_per_s=4)
GB_S, REQUEST = 0.0000166667, 2e-7


def one(duration=0.25, name="f"):
    made = ck.Chain("one")
    made.add(ck.LambdaFunction(name, duration=duration, memory_mb=1024, init=0, timeout_s=30))
    return made


def swings(chains, *args, **named):
    options = {"requests": 200, "seed": 1, "latency": ck.no_latency}
    return ck.sensitivity(chains, LOAD, *args, **options | named)


def rows(found):
    return found.to_frame().set_index("factor")[["at_low", "base", "at_high", "swing"]]


def test_swings_of_a_straight_model_are_exact():
    table = rows(swings(one(), requests_per_month=1e6, ranges={"f.duration": (0.5, 2.0), "load.rate_per_s": (0.5, 3)}))

    def usd(factor):
        return 1e6 * (REQUEST + 0.25 * factor * GB_S)

    assert table.loc["f.duration"].tolist() == pytest.approx([usd(0.5), usd(1), usd(2), usd(2) - usd(0.5)])
    assert table.loc["load.rate_per_s"].tolist() == pytest.approx([0.5 * usd(1), usd(1), 3 * usd(1), 2.5 * usd(1)])
    part = 1e6 * 0.25 * GB_S
    assert table.loc["price.lambda-gb-s-x86", "swing"] == pytest.approx(0.1 * part)
    assert table.loc["price.lambda-requests", "swing"] == pytest.approx(0.1 * 1e6 * REQUEST)
    assert table["swing"].is_monotonic_decreasing


def test_without_a_month_the_load_goes_on_for_one():
    found = swings(one())

    assert found.requests_per_month == 4 * 730 * 3600
    assert found.base[1] == pytest.approx(4 * 730 * 3600 * (REQUEST + 0.25 * GB_S))


def test_a_million_costs_the_same_whatever_the_traffic():
    table = rows(swings(one(), "usd_per_million", requests_per_month=3e6))

    assert table.loc["load.rate_per_s", "swing"] == pytest.approx(0.0, abs=1e-9)
    assert table.loc["f.duration", "at_high"] == pytest.approx(1e6 * (REQUEST + 0.375 * GB_S))


def test_the_free_tier_is_taken_off_at_both_ends():
    table = rows(swings(one(), requests_per_month=1e6, free_tier=True, ranges={"f.duration": (0.5, 2.0)}))

    assert table.loc["f.duration", ["at_low", "at_high"]].tolist() == pytest.approx([0.0, (5e5 - 4e5) * GB_S])


def test_times_swing_too():
    chain = one()
    chain.add(ck.HttpApi("api"))
    chain.connect("api", "f")
    found = swings(chain, "response_p95_s", latency={"http_api": 0.01}, ranges={"f.duration": (0.5, 2.0)})
    table = rows(found)

    assert table.loc["f.duration", ["at_low", "base", "at_high"]].tolist() == pytest.approx([0.135, 0.26, 0.51])
    assert table.loc["latency.http_api", "swing"] == pytest.approx(0.01 * (1.5 - 0.67))
    assert not any(name.startswith("price.") for name in table.index)
    assert "measure f.duration first (250 ms in the mean; stated: the design says so)" in found.measure_first
    assert "135 ms at 0.5 times what was taken and 510 ms at 2 times" in found.measure_first


def test_the_traffic_of_a_closed_loop_is_not_varied():
    loop = ck.ClosedLoop(users=5, think=1.0)
    chain = one()
    chain.add(ck.HttpApi("api")), chain.connect("api", "f")
    found = ck.sensitivity(chain, loop, requests=200, seed=1, requests_per_month=1e6)

    assert not any(name.startswith("load.") for name in found.to_frame()["factor"])
    assert found.first.supposition.name == "f.duration"


def test_counts_swing_too():
    table = rows(swings(one(), "failed", ranges={"f.error_rate": (0.0, 1.0)}))

    assert table.loc["f.error_rate", ["at_low", "base", "at_high"]].tolist() == [0.0, 0.0, 200.0]


def test_the_difference_of_two_designs_swings_by_what_they_do_not_share():
    chains = {"a": one(0.25, "f"), "b": one(0.30, "g")}
    found = swings(chains, requests_per_month=1e6, ranges={"f.duration": (0.5, 2.0), "g.duration": (0.9, 1.1)})
    frame = found.to_frame().set_index("factor")

    def gap(f, g):
        return 1e6 * (0.25 * f - 0.30 * g) * GB_S

    assert found.base[1] == pytest.approx(gap(1, 1))
    assert frame.loc["f.duration", ["at_low", "at_high"]].tolist() == pytest.approx([gap(0.5, 1), gap(2, 1)])
    assert frame.loc["price.lambda-requests", "swing"] == pytest.approx(0.0, abs=1e-12)
    assert frame.loc[["f.duration", "g.duration"], "flips"].tolist() == ["yes", "no"]
    assert found.measure_first.startswith("measure f.duration first")
    assert found.measure_first.endswith("that turns the decision")
    assert str(found).startswith("usd_per_month of a less that of b")


def test_what_turns_the_decision_comes_before_what_only_swings_more():
    chains = {"a": one(0.25, "f"), "b": one(0.30, "g")}
    found = swings(chains, requests_per_month=1e6, ranges={"f.duration": (0.01, 1.0), "g.duration": (0.8, 1.0)})

    assert found.swings[0].supposition.name == "f.duration"
    assert found.first.supposition.name == "g.duration"


def test_where_nothing_turns_the_decision_it_is_what_comes_nearest():
    chains = {"a": one(0.25, "f"), "b": one(0.50, "g")}
    ranges = {"f.duration": (0.1, 1.1), "g.duration": (0.7, 1.0), "load.rate_per_s": None}
    found = swings(chains, requests_per_month=1e6, ranges=ranges)

    assert found.swings[0].supposition.name == "f.duration"  # swings most, away from 0
    assert found.first.supposition.name == "g.duration"
    assert found.measure_first.endswith("nothing that was varied comes nearer to turning it")


def figure(value, half=0.0):
    return (value - half, value, value + half)


@pytest.mark.parametrize(
    ("base", "low", "high", "flips"),
    [
        (figure(1), figure(2), figure(3), "no"),
        (figure(1), figure(-1), figure(3), "yes"),
        (figure(-1), figure(-1), figure(3), "yes"),
        (figure(1), figure(1, 2), figure(3), "undecided"),
        (figure(1, 2), figure(-5), figure(5), "undecided"),
        (figure(0), figure(0), figure(0), "undecided"),
        ((math.nan, 1.0, math.nan), figure(1), figure(1), "undecided"),
    ],
)
def test_a_decision_flips_only_where_the_intervals_say_so(base, low, high, flips):
    assert Swing(Supposition("f.duration", 0.5, 2, "stated", "a test", "1 s"), low, high, base).flips == flips


def test_what_never_ends_swings_without_bound():
    each = Supposition("f.duration", 0.5, 2, "stated", "a test", "1 s")
    swing = Swing(each, (1.0, 1.0, 1.0), (math.inf,) * 3, (1.0, 1.0, 1.0))

    assert swing.width == math.inf
    assert Swing(each, (math.inf,) * 3, (math.inf,) * 3, (math.inf,) * 3).width == 0.0
    assert "never" in Sensitivity("completion_p99_s", "a", None, swing.base, (swing,), 1e6, 1).measure_first


def test_nothing_that_moves_is_said():
    found = Sensitivity("usd_per_month", "a", None, (1.0, 1.0, 1.0), (), 1e6, 1)

    assert found.measure_first == "nothing that was varied moves the usd_per_month of a"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: swings({}), "are no chains"),
        (lambda: swings({"a": one(), "b": one(), "c": one()}), "which two of 3 chains"),
        (lambda: swings({"a": one(), "b": one()}, of="c"), "'c' is unknown"),
        (lambda: swings({"a": one(), "b": one()}, of="a", to="a"), "held against itself"),
        (lambda: swings(one(), ranges=[1]), "no mapping of names to pairs"),
        (lambda: swings(one(), requests_per_month="1e6x"), "'1e6x' is no volume"),
        (lambda: ck.sensitivity(one(), 4, requests=50, seed=1), "4 is no traffic"),
        (lambda: swings(one(), "usd_per_moth"), "did you mean 'usd_per_month'"),
        (lambda: swings(one(), ranges={"f.memory_mb": (1, 128)}), "f.memory_mb at 1: .*outside 128"),
    ],
)
def test_nonsense_is_refused(call, words):
    with pytest.raises(ck.ConfigError, match=words) as caught:
        call()
    assert caught.value.fix
