"""A machine's picture: no card on another, none in a frame that is not its own, and every way in words."""

from itertools import combinations

import pytest
from hypothesis import given

from chainkit.asl_picture import LOOKS, WIDTH, condition, cut, label, picture, start_of
from chainkit.asl_ways import names, ways
from chainkit.layout import CARD_HEIGHT
from chainkit.pictures import as_svg
from tests.test_asl_edit import DONE, FLOW, machines, real_definitions


def overlaps(drawn):
    return [
        (a.name, b.name)
        for a, b in combinations(drawn.cards, 2)
        if abs(a.x - b.x) < WIDTH and abs(a.y - b.y) < CARD_HEIGHT
    ]


def touching(drawn):
    """Return cards that touch a frame in which they do not stand."""
    inside = {frame: {*frame.services} for frame in drawn.frames}
    for outer, inner in combinations(drawn.frames, 2):  # the outer ones come first
        if is_in(inner.box, outer.box):
            inside[outer] |= {*inner.services}
    return [
        (frame.name, card.name)
        for frame in drawn.frames
        for card in drawn.cards
        if card.name not in inside[frame] and meets(frame.box, card)
    ]


def is_in(inner, outer):
    (x, y, w, h), (u, v, wide, tall) = inner, outer
    return u <= x and v <= y and x + w <= u + wide and y + h <= v + tall


def meets(box, card):
    x, y, width, height = box
    return (
        x < card.x + WIDTH / 2 and card.x - WIDTH / 2 < x + width
        and y < card.y + CARD_HEIGHT / 2 and card.y - CARD_HEIGHT / 2 < y + height
    )  # fmt: skip


def check(definition):
    drawn = picture(definition)
    assert overlaps(drawn) == []
    assert touching(drawn) == []
    for one, other in combinations(drawn.frames, 2):
        (x, y, w, h), (u, v, wide, tall) = one.box, other.box
        apart = x + w <= u or u + wide <= x or y + h <= v or v + tall <= y
        assert apart or is_in(other.box, one.box)
    assert {card.name for card in drawn.cards} == {start_of(definition), *names(definition)}
    assert len(drawn.wires) == len(ways(definition))
    return drawn


@given(machines())
def test_no_card_touches_another_or_a_frame_that_is_not_its_own(definition):
    check(definition)


@given(machines())
def test_the_same_machine_is_always_drawn_alike(definition):
    assert picture(definition) == picture(definition)


def test_real_definitions_are_drawn_without_overlaps(corpus):
    for real in real_definitions(corpus).values():
        check(real)


def test_what_a_state_holds_stands_in_its_frame():
    for frame in picture(FLOW).frames:
        x, y, width, height = frame.box
        for card in picture(FLOW).cards:
            if card.name in frame.services:
                assert x < card.x - WIDTH / 2 and card.x + WIDTH / 2 < x + width  # noqa: PT018
                assert y < card.y - CARD_HEIGHT / 2 and card.y + CARD_HEIGHT / 2 < y + height  # noqa: PT018


def test_the_flow_runs_downwards():
    y = {card.name: card.y for card in picture(FLOW).cards}

    assert y["Start"] < y["Pay"] < y["Paid?"] < y["Both"] < y["Mail"]


def test_a_way_back_runs_beside_everything_it_passes():
    circle = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsNull": True, "Next": "A"}], "Default": "C"},
            "C": {"Type": "Succeed"},
        },
    }
    back = next(wire for wire in picture(circle).wires if (wire.source, wire.target) == ("B", "A"))
    right = max(card.x + WIDTH / 2 for card in picture(circle).cards)

    assert max(x for x, _ in back.points) > right
    assert back.points[-1][1] < back.points[0][1]


def test_shares_stand_on_the_ways_of_a_choice():
    said = [wire.text for wire in picture(FLOW, choices={"Paid?": [0.75, 0.25]}).wires if wire.source == "Paid?"]

    assert said == ["paid = true \u00b7 75 %", "otherwise \u00b7 25 %"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"Variable": "$.kind", "StringEquals": "digital"}, "kind = digital"),
        ({"Variable": "$.a", "NumericLessThanEqualsPath": "$.b"}, "a \u2264 b"),
        ({"Variable": "$.a", "IsPresent": False}, "a not present"),
        (
            {"Or": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.b", "StringMatches": "x*"}]},
            "a null or b like x*",
        ),
        ({"Condition": "{% $x = 1 %}"}, "$x = 1"),
        ({}, ""),
        ("no rule", ""),
    ],
)
def test_a_condition_is_said_as_people_write_it(rule, said):
    assert condition(rule) == said


def test_every_type_has_a_colour_an_icon_and_a_word_of_its_own():
    assert len({look.icon for look in LOOKS.values()}) == len({look.colour for look in LOOKS.values()}) == len(LOOKS)


def test_a_task_says_whom_it_calls():
    assert label(FLOW["States"]["Pay"]) == "Task: pay"
    outside = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:copyObject"}
    assert label(outside) == "Task: s3:copyObject"


def test_a_state_that_is_called_start_leaves_the_start_another_name():
    named = {"StartAt": "Start", "States": {"Start": {"Type": "Succeed"}}}

    assert start_of(named) != "Start"
    check(named)


def test_an_empty_machine_has_a_start_alone():
    assert [card.name for card in picture({"States": {}}).cards] == ["Start"]


def test_the_svg_holds_words_and_no_script():
    text = as_svg(picture(DONE), "flow", "one state")

    assert "<script" not in text
    assert "Done" in text


def test_long_texts_are_cut():
    assert cut("abc", 3) == "abc"
    assert len(cut("abcdef", 4)) == 4


def test_no_way_of_a_real_machine_crosses_a_card(corpus):
    for real in real_definitions(corpus).values():
        drawn = picture(real)
        for wire in drawn.wires:
            inner = [(x - c.x, y - c.y) for x, y in along(wire) for c in drawn.cards]
            assert not [xy for xy in inner if abs(xy[0]) < WIDTH / 2 - 3 and abs(xy[1]) < CARD_HEIGHT / 2 - 3]


def along(wire):
    """Yield points of a wire's curves."""
    for k in range(0, len(wire.points) - 1, 3):
        a, b, c, d = wire.points[k : k + 4]
        for t in (j / 20 for j in range(21)):
            u = 1 - t
            yield tuple(u**3 * a[i] + 3 * u * u * t * b[i] + 3 * u * t * t * c[i] + t**3 * d[i] for i in (0, 1))
