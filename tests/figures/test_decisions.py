"""Figures of what decides: their words, shapes and numbers are those of what they draw."""

import math

import pytest

import chainkit as ck
from chainkit.fronts import Front, Standing
from chainkit.suppositions import Supposition
from chainkit.swings import Sensitivity, Swing

LOAD = ck.Poisson(rate_per_s=4)


def words(axes):
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    return [text.get_text() for text in axes.texts] + labels + [axes.get_title(loc="left")]


@pytest.fixture(scope="module")
def comparison():
    made = ck.Chain("pair")
    made.add(ck.LambdaFunction("a", timeout_s=10)), made.add(ck.LambdaFunction("b", timeout_s=5))
    made.connect("a", "b", needs_answer=False)
    return ck.compare(ck.variants(made, ["sqs", "standard", "async"]), LOAD, requests=500, seed=1)


def test_a_curve_has_a_line_per_design_and_marks_where_the_cheapest_changes(comparison):
    curve = ck.cost_at_scale(comparison, [1e3, 1e9], free_tier=True)
    (axes,) = ck.plot(curve).axes
    lines = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    (x, *_, last), (y, *_, at_last) = lines["sqs"].get_data()

    assert [*lines] == ["sqs", "standard", "async"]
    assert len({line.get_linestyle() for line in lines.values()}) == 3
    assert (x, last) == (1e3, 1e9)
    assert y == pytest.approx(curve.usd("sqs", 1e3).usd * 1e3)
    assert at_last == pytest.approx(curve.usd("sqs", 1e9).usd / 1e3)
    (point,) = curve.break_even("async", "standard")
    crosses = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "x"]
    assert any(cross == pytest.approx(point.requests_per_month) for cross in crosses)


def test_a_curve_of_one_volume_shows_what_lies_around(comparison):
    (axes,) = ck.plot(ck.cost_at_scale(comparison, [1e6])).axes
    assert axes.get_lines()[0].get_xdata()[0] == pytest.approx(1e5)
    (axes,) = ck.plot(ck.cost_at_scale(comparison, [0.0])).axes
    assert "no volume above 0" in words(axes)


def test_a_front_names_every_design_and_who_never_ends():
    front = Front("completion_p95_s", "usd_per_month", (
        Standing("on", (1, 2, 3), (0.1, 0.2, 0.3), (), ()),
        Standing("open", (2, 3, 4), (0.1, 0.2, 0.3), (), ("on",)),
        Standing("beaten", (2, 3, 4), (0.4, 0.5, math.nan), ("on",), ()),
        Standing("lossy", (1, 1, 1), (math.inf,) * 3, (), ()),
        Standing("polled", (1, 1, 1), (math.nan,) * 3, (), ()),
    ))  # fmt: skip
    (axes,) = ck.plot(front).axes
    shown = words(axes)

    assert {"on", "open", "beaten", "lossy: never\npolled: no answer"} < {*shown}
    faces = [each[0].get_markerfacecolor() for each in axes.containers]
    assert len({*map(str, faces)}) == 3  # filled, hollow, grey


def test_a_tornado_hatches_what_turns_the_decision_and_writes_both_ends():
    def swing(name, low, high):
        told = Supposition(name, 0.5, 2.0, "assumed", "a test", "1 s")
        return Swing(told, (low, low, low), (high, high, high), (1.0, 1.0, 1.0))

    found = Sensitivity("usd_per_month", "a", "b", (1.0, 1.0, 1.0), (
        swing("turns", -1.0, 3.0), swing("keeps", 0.5, 1.5), swing("one side", 1.5, 2.0), swing("still", 1.0, 1.0),
    ), 1e6, 1)  # fmt: skip
    (axes,) = ck.plot(found).axes

    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "turns (assumed)", "keeps (assumed)", "one side (assumed)",
    ]  # fmt: skip
    assert [bar.get_hatch() for bar in axes.patches] == ["///", "///", None, None, None, None]
    assert [text.get_text().strip() for text in axes.texts] == ["x 0.5", "x 2", "x 0.5", "x 2", "x 2"]
    assert {(bar.get_x() + bar.get_width()) for bar in axes.patches} == {-1.0, 3.0, 0.5, 1.5, 2.0}


def test_a_tornado_without_bars_says_so():
    (axes,) = ck.plot(Sensitivity("usd_per_month", "a", None, (1.0, 1.0, 1.0), (), 1e6, 1)).axes

    assert "nothing that was varied moves the usd_per_month of a" in words(axes)
