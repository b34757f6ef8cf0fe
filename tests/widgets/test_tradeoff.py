"""Time against cost: nothing is hidden, intervals are bars, and what cannot be drawn is told."""

import math
import xml.etree.ElementTree as ET

from chainkit.widgets.tradeoff import COLOURS, HEIGHT, LINE, SHAPES, TEXT_LETTER, WIDTH, svg, tradeoff

CROWD = [(f"design {k}", (70.0 + k, 71.0 + k, 72.0 + k), (0.1, 0.11, 0.12)) for k in range(8)]


def test_slower_stands_higher_and_dearer_further_right():
    slow, dear = tradeoff([("slow", (9, 10, 11), (0.4, 0.5, 0.6)), ("dear", (19, 20, 21), (0.1, 0.2, 0.3))], "p95")[
        "points"
    ]

    assert slow["y"] < dear["y"]
    assert slow["x"] < dear["x"]


def test_an_interval_is_a_bar_about_the_shape():
    point = tradeoff([("a", (9, 10, 11), (0.4, 0.5, 0.6)), ("b", (19, 20, 21), (0.1, 0.2, 0.3))], "p95")["points"][0]

    assert point["x_bar"][0] < point["x"] < point["x_bar"][1]
    assert point["y_bar"][0] > point["y"] > point["y_bar"][1]


def test_a_figure_without_an_interval_has_no_bar():
    point = tradeoff([("a", (9, 10, 11), (math.nan, 0.5, math.nan)), ("b", (19, 20, 21), (0.1, 0.2, 0.3))], "p95")[
        "points"
    ][0]

    assert point["y_bar"] == [point["y"], point["y"]]


def test_names_cover_neither_each_other_nor_the_edge():
    points = tradeoff(CROWD, "p95")["points"]
    places = {(point["name_x"], point["name_y"]) for point in points}

    assert len(places) == len(CROWD)
    assert all(0 <= point["name_x"] <= WIDTH and 0 <= point["name_y"] <= HEIGHT for point in points)


def test_designs_differ_in_shape_as_well_as_in_colour():
    points = tradeoff(CROWD, "p95")["points"]

    assert len({point["shape"] for point in points}) == len(SHAPES) == len({point["colour"] for point in points})
    assert len(COLOURS) == len(SHAPES)


def test_a_wide_range_has_a_logarithmic_axis():
    drawn = tradeoff([("a", (9, 10, 11), (0.1, 0.1, 0.1)), ("b", (900, 1000, 1100), (0.2, 0.2, 0.2))], "p95")

    assert [tick["text"] for tick in drawn["x_ticks"]] == ["$10", "$20", "$50", "$100", "$200", "$500", "$1,000"]


def test_a_long_line_below_the_picture_is_wrapped_within_it():
    drawn = tradeoff([("a", (9, 10, 11), (0.4, 0.5, 0.6)), ("b", (19, 20, 21), (0.1, 0.2, 0.3))], "p95")
    words = "b instead of a costs 10 USD a month more at ten million orders, and saves 300 ms at completion p99. " * 3
    picture = ET.fromstring(svg(drawn, [words]))
    below = [each.text for each in picture.iter() if each.get("x") == "12" and each.text]

    assert " ".join(below) == words.strip()
    assert max(map(len, below)) * TEXT_LETTER <= WIDTH - 24
    assert float(picture.get("height")) > HEIGHT + len(below) * LINE


def test_what_never_comes_to_an_end_is_told_instead_of_drawn():
    drawn = tradeoff([("a", (9, 10, 11), (0.1, 0.1, 0.1)), ("lossy", (9, 10, 11), (0.1, math.inf, math.inf))], "p99")

    assert [point["name"] for point in drawn["points"]] == ["a"]
    assert drawn["missing"] == ["lossy: never"]


def test_the_picture_says_what_the_data_says_and_escapes_names():
    text = svg(tradeoff([("a<b", (9, 10, 11), (0.1, 0.1, 0.1))], "p95"), ["a<b: 100 ms"])
    words = "".join(ET.fromstring(text).itertext())

    assert "a<b: 100 ms (100 ms to 100 ms), $10.00 a month" in words
    assert "<script" not in text
