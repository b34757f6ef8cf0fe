"""The load curve: the area under it is what is expected, bars are what was run, and the SVG shows both."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

import chainkit as ck
from chainkit.widgets import curve
from tests.widgets.test_traffic_kinds import LOADS

loads = pytest.mark.parametrize("load", LOADS, ids=lambda load: type(load).__name__)


def one() -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", duration=0.1))
    return chain


def area(line: list[list[float]]) -> float:
    return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(line))


@loads
def test_the_area_under_the_line_is_the_requests_expected(load):
    shown = curve.scene(load)

    assert area(shown["line"]) == pytest.approx(load.expected_requests(shown["span_s"]), abs=1e-6)


def test_the_points_of_a_drawn_load_are_its_line():
    load = ck.Drawn(points=[(0, 2), (600, 10), (600, 1), (1200, 2)])

    assert curve.scene(load)["points"] == curve.scene(load)["line"] == [[0, 2], [600, 10], [600, 1], [1200, 2]]
    assert curve.scene(LOADS[0])["points"] == []


@loads
def test_bars_count_the_arrivals_of_the_first_replication(load):
    run = ck.simulate(one(), load, requests=min(30, load.requests), seed=3, replications=1)
    shown = curve.scene(load, run)
    counted = sum((high - low) * rate for low, high, rate in shown["bars"])

    if isinstance(load, ck.ClosedLoop):
        assert 0 < shown["bars"][0][2] < load.rate_per_s
    elif shown["bars"]:
        at_s = load.arrivals_s(30, seed=3)
        assert counted == pytest.approx((at_s <= shown["seen_s"]).sum())


def test_a_run_under_other_traffic_has_no_bars():
    run = ck.simulate(one(), LOADS[0], requests=300, seed=1)

    assert curve.scene(ck.Poisson(rate_per_s=5), run)["bars"] == []


def test_the_curve_says_how_much_of_it_the_run_saw_and_how_many_requests_see_all():
    load = ck.Drawn(points=[(0, 1), (600, 1)])
    part = ck.simulate(one(), load, requests=1_000, seed=1)
    full = ck.simulate(one(), load, requests=curve.whole(load, part), seed=1)

    assert "saw the first 98 s" in curve.scene(load, part)["note"]
    assert curve.whole(load, part) == 6_000
    assert curve.whole(load, full) is None


@loads
def test_axes_hold_the_line_and_have_few_round_ticks(load):
    shown = curve.scene(load)

    assert max(rate for _, rate in shown["line"]) <= shown["y"]["top"]
    assert 3 <= len(shown["y"]["ticks"]) <= 9
    assert 2 <= len(shown["x"]["ticks"]) <= 13


@loads
def test_the_picture_is_svg_with_the_line_the_points_and_a_title(load):
    shown = curve.scene(load)
    root = ET.fromstring(curve.picture(shown))
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")

    assert len(line.get("points", "").split()) == len(shown["line"])
    assert len([*root.iter("{http://www.w3.org/2000/svg}circle")]) == len(shown["points"])
    assert root.find("{http://www.w3.org/2000/svg}title").text == shown["title"]


def test_users_who_do_not_think_have_no_line():
    shown = curve.scene(ck.ClosedLoop(users=5, think=0))

    assert shown["line"] == []
    assert curve.picture(shown).startswith("<svg")
