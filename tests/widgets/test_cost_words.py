"""What the cost panel says at a volume is what bills, curves and `ck.sentence` say there."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest

import chainkit as ck
from chainkit.comparison import Comparison
from chainkit.units import usd
from chainkit.widgets import cost_words as words
from chainkit.widgets.tradeoff import LETTER
from tests.widgets.test_sliders import LOAD

NAMES = ("sqs", "sns", "standard")


@pytest.fixture(scope="module")
def both() -> Comparison:
    return ck.compare(ck.variants(ck.example("orders"), NAMES), LOAD, requests=2_000, seed=1)


@pytest.fixture(scope="module")
def curve(both):
    return ck.cost_at_scale(both, free_tier=True)


def test_the_marker_stops_in_small_steps_and_where_it_is_told_to():
    stops = words.stops(4_137_000.0, 5.0)

    assert (stops[0], stops[-1], 4_137_000.0 in stops, 5.0 in stops) == (words.LEAST, words.MOST, True, False)
    assert max(b / a for a, b in pairwise(stops)) < 1.15


def test_between_the_points_of_a_line_dollars_are_exact(curve):
    for line in words.lines(curve, NAMES):
        volumes, _, dollars, _ = np.array(line.points).T
        knots = [each for each in curve.knots(line.name) if words.LEAST < each < words.MOST]
        assert knots
        for volume in (23_456.0, 999_999.0, 4.2e9, *knots, *(1.001 * each for each in knots)):
            exact = curve.bill(line.name, volume).total_usd
            assert np.interp(volume, volumes, dollars) == pytest.approx(exact, rel=1e-9)


def test_ticks_of_millions_stand_within_the_picture(curve):
    drawn = words.picture(curve, NAMES, [])
    ticks = [tick["text"] for tick in drawn["y_ticks"]]

    assert "$1M" in ticks
    assert max(map(len, ticks)) * LETTER < drawn["box"][0] - 8


def test_dollars_at_a_stop_are_those_of_the_bill(curve):
    for volume in words.stops()[::17]:
        shown = words.said(curve, NAMES, volume)
        assert shown["usd"] == [usd(curve.bill(name, volume).total_usd) for name in NAMES]


def test_the_cheapest_is_called_so_only_where_every_difference_is_beyond_chance(curve):
    for volume in words.stops()[::9]:
        text = words.cheapest(curve, NAMES, volume)
        least = min(NAMES, key=lambda name: curve.usd(name, volume).usd)
        sure = all(curve.difference(least, name, volume).high < 0 for name in NAMES if name != least)
        assert (text == f"cheapest: {least}") == sure


def test_equal_designs_cost_the_same():
    flows = ck.variants(ck.example("orders"), ["sqs", "sns"])
    runs = ck.compare({"a": flows["sqs"], "b": flows["sqs"]}, LOAD, requests=600, seed=1)

    assert words.cheapest(ck.cost_at_scale(runs), ["a", "b"], 1e6) == "a and b cost the same"


def test_designs_that_only_chance_tells_apart_are_not_told_apart():
    law = ck.LogNormal(p50_s=0.1, p99_s=2.0)
    chains = {}
    for name in "ab":  # draws go by the name: equal in law, and never in a run
        chains[name] = ck.Chain(name)
        chains[name].add(ck.LambdaFunction(name, duration=law, timeout_s=10))
    curve = ck.cost_at_scale(ck.compare(chains, ck.Poisson(rate_per_s=4), requests=1_000, seed=3))
    gap = curve.difference("a", "b", 1e6)

    assert gap.low < 0 < gap.high
    assert gap.usd != 0
    assert words.cheapest(curve, ["a", "b"], 1e6).startswith("no difference seen between")


def test_the_sentence_is_that_of_the_library_at_every_volume(both):
    curve = ck.cost_at_scale(both)
    pair = words.Pair(curve, "sns", "sqs", both)

    for volume in words.stops()[::13]:
        assert pair.sentence(volume) == ck.sentence(both, "sns", "sqs", requests_per_month=volume, curve=curve)


def test_a_break_even_point_is_marked_with_its_interval(both):
    curve = ck.cost_at_scale(both)
    points = curve.break_even("standard", "sqs")
    drawn = words.picture(curve, NAMES, [points])
    seen = [each for each in points if words.LEAST <= each.requests_per_month <= words.MOST]

    assert len(drawn["marks"]) == len(seen) > 0
    for mark, point in zip(drawn["marks"], seen, strict=True):
        assert point.interval in mark["words"]
        left, right = mark["band"]
        assert left <= mark["x"] <= right


def test_the_least_and_the_largest_dollars_are_inside_the_picture(curve):
    drawn = words.picture(curve, NAMES, [])
    _, top, _, bottom = drawn["box"]
    dollars = [float(re.sub("[$,]", "", tick["text"].replace("M", "e6"))) for tick in drawn["y_ticks"]]

    assert all(top <= y <= bottom for line in drawn["lines"] for _, y in line["route"])
    assert max(dollars) >= max(curve.usd(name, words.MOST).usd for name in NAMES)
    assert math.isclose(min(dollars), words.FLOOR) or min(dollars) > words.FLOOR
