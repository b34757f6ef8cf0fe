"""The canvas: its JavaScript is whole and fetches nothing; every gesture is answered, and none ends in a traceback."""

import re

import pytest

import chainkit as ck
from chainkit.widgets.canvas import Canvas, refused
from chainkit.widgets.scene import scene
from tests.examples import orders


@pytest.fixture
def made():
    gestures = []

    def hear(gesture):
        gestures.append(gesture)
        if gesture.get("kind") == "wrong":
            raise ck.ConfigError("it is wrong", fix="mend it")
        return {"heard": gesture.get("kind")}

    widget = Canvas(scene(orders()), hear, twin=lambda: "<svg/>")
    answers = []
    widget.send = answers.append
    return widget, gestures, answers


def test_the_javascript_asks_for_no_file_of_its_own(made):
    source = made[0]._esm

    assert source.rstrip().endswith("export default { render };")
    assert "sourceMappingURL" not in source
    assert (
        re.findall(r"https?:(?!//www\.w3\.org/2000/svg)|^import\b|\bfetch\(|XMLHttpRequest|<iframe", source, re.M) == []
    )


def test_the_style_sheet_asks_for_no_file(made):
    assert re.findall(r"url\(|@import|https?:", str(made[0]._css)) == []


def test_a_gesture_reaches_python_and_is_answered_by_its_number(made):
    widget, gestures, answers = made
    widget._handle_custom_msg({"kind": "remove", "keys": ["jobs"], "n": "a-1"}, [])

    assert gestures == [{"kind": "remove", "keys": ["jobs"], "n": "a-1"}]
    assert answers == [{"heard": "remove", "to": "a-1"}]


def test_a_refusal_is_the_answer(made):
    widget, _, answers = made
    widget._handle_custom_msg({"kind": "wrong", "n": 7}, [])

    assert answers == [{"refusal": {"problem": "it is wrong", "fix": "mend it"}, "to": 7}]


@pytest.mark.parametrize("message", [None, "remove", [1], 3])
def test_a_message_that_is_no_mapping_is_heard_as_one_without_a_kind(made, message):
    widget, gestures, answers = made
    widget._hear(message)

    assert gestures == [{}]
    assert answers == [{"heard": None, "to": None}]


def test_nothing_is_refused_without_an_error():
    assert refused(None) == {}


def test_the_canvas_has_a_stable_repr_and_a_twin(made):
    bundle, _ = made[0]._repr_mimebundle_()

    assert repr(made[0]) == "Canvas('orders')"
    assert (bundle["text/plain"], bundle["image/svg+xml"]) == ("Canvas('orders')", "<svg/>")


def test_showing_a_scene_draws_it_with_what_is_selected(made):
    made[0].show(scene(ck.Chain("new")), ("jobs",))

    assert made[0].scene["name"] == "new"
    assert made[0].selected == ["jobs"]


def test_what_breaks_inside_chainkit_is_answered_too_and_not_hidden(made):
    widget, _, answers = made
    widget._on_gesture = lambda _: 1 / 0

    with pytest.raises(ZeroDivisionError):
        widget._hear({"kind": "undo", "n": "a-2"})
    assert answers[0]["refusal"]["problem"] == "this went wrong inside chainkit"
    assert answers[0]["to"] == "a-2"
