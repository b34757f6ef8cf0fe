"""Charts: values stand where their axes put them, in the browser and in the SVG."""

import math
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from chainkit.widgets.chart import Axis, Line, Mark, chart, svg

X = Axis("requests", 1e4, 1e8, True, lambda value: f"{value:,.0f}")
Y = Axis("USD", 0.0, 100.0, False, lambda value: f"${value:g}")
LINES = [
    Line("a", ((1e4, 9, 10, 11), (1e8, 80, 90, 100))),
    Line("b & c", ((1e4, math.nan, 11, math.nan), (1e8, 1, 91, 95))),
]


@pytest.fixture
def drawn():
    return chart("cost", X, Y, LINES, [Mark(1e6, "equal", 1e5, 1e7), Mark(1e9, "beyond")], width=600, height=300)


def test_a_logarithmic_axis_gives_every_decade_the_same_room(drawn):
    ticks = [tick["at"] for tick in drawn["x_ticks"]]
    steps = {round(b - a, 1) for a, b in pairwise(ticks)}

    assert [tick["text"] for tick in drawn["x_ticks"]] == [
        "10,000",
        "100,000",
        "1,000,000",
        "10,000,000",
        "100,000,000",
    ]
    assert len(steps) == 1
    assert (ticks[0], ticks[-1]) == (drawn["box"][0], drawn["box"][2])


def test_a_straight_axis_is_straight(drawn):
    _, top, _, bottom = drawn["box"]

    assert drawn["lines"][0]["route"][0][1] == pytest.approx(bottom - 0.1 * (bottom - top), abs=0.1)
    assert [tick["text"] for tick in drawn["y_ticks"]] == ["$0", "$20", "$40", "$60", "$80", "$100"]


def test_what_is_outside_lies_on_the_edge():
    scale = Y.scale(200, 0)

    assert (scale(-5), scale(500)) == (200, 0)


def test_a_band_is_drawn_where_there_is_an_interval(drawn):
    assert len(drawn["lines"][0]["band"]) == 4
    assert len(drawn["lines"][1]["band"]) == 2


def test_marks_stand_at_their_place_and_those_beyond_the_picture_are_left_out(drawn):
    (mark,) = drawn["marks"]
    ticks = {tick["text"]: tick["at"] for tick in drawn["x_ticks"]}

    assert mark["x"] == ticks["1,000,000"]
    assert mark["band"] == [ticks["100,000"], ticks["10,000,000"]]


def test_names_of_lines_that_end_together_do_not_cover_each_other(drawn):
    first, second = (line["name_y"] for line in drawn["lines"])

    assert abs(first - second) >= 13


def test_the_svg_holds_every_line_and_word_escaped(drawn):
    root = ET.fromstring(svg([drawn], ["a < b and a sentence " * 12]))
    text = " ".join(root.itertext())

    assert "b & c" in text
    assert "a < b" in text
    assert len([each for each in root.iter() if each.tag.endswith("polyline")]) == 2
    assert float(root.get("height")) > 300 + 2 * 17  # a long line is broken
