"""The text beside a picture: shown anew each time, and heard."""

from chainkit.widgets.editor import Editor


def editor(heard):
    return Editor("Definition", lambda t: heard.append(t), lambda k: heard.append(k), lambda: heard.append("back"))


def test_a_text_shown_again_takes_the_place_of_what_was_typed():
    made = editor([])
    made.show("a")
    first = made.shown
    made.show("a", fault=3)

    assert made.shown != first
    assert (made.text, made.fault) == ("a", 3)


def test_what_is_done_in_the_browser_is_heard():
    heard = []
    made = editor(heard)
    for message in ({"kind": "typed", "text": "{}"}, {"kind": "line", "line": 4}, {"kind": "back"}, {"kind": "else"}):
        made.hear(message)

    assert heard == ["{}", 4, "back"]


def test_an_editor_prints_stably():
    assert repr(editor([])) == "Editor('Definition')"
