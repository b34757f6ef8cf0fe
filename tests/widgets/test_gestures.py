"""Gestures: what js/ sends is what Python knows, each does one operation, and a broken message is one refusal."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.widgets import assets, gestures
from chainkit.widgets.canvas import Canvas
from chainkit.widgets.gestures import NEEDS, carry_out, file
from chainkit.widgets.scene import FILES, STORIES, scene
from chainkit.widgets.state import State
from tests.examples import orders

RIGHT = [
    *({"kind": "story", "which": which} for which in STORIES[:2]),
    {"kind": "add", "what": "SqsQueue"},
    {"kind": "add", "what": "SqsQueue", "at": [10, 20.5]},
    {"kind": "insert", "what": "LambdaFunction", "key": "api>validate"},
    {"kind": "extend", "from": "pay", "what": "SqsQueue", "at": [900, 0]},
    {"kind": "connect", "from": "validate", "to": "pay", "word": "async"},
    {"kind": "remove", "keys": ["jobs>pay!", "dead"]},
    {"kind": "rename", "key": "jobs", "name": "orders"},
    {"kind": "move", "places": {"pay": [1, 2]}},
    {"kind": "group", "title": "Payments", "keys": ["pay"]},
    {"kind": "ungroup", "title": "Payments"},
    {"kind": "duplicate", "keys": ["pay"]},
    {"kind": "copy", "keys": ["pay"]},
    {"kind": "paste"},
    {"kind": "tidy"},
    {"kind": "undo"},
    {"kind": "redo"},
    {"kind": "edit", "key": "pay"},
    {"kind": "offers", "from": "validate", "to": "pay"},
    *({"kind": "file", "as": kind} for kind in FILES),
]


def new_state():
    return State(orders(), ck.Poisson(rate_per_s=4), requests=50, seed=1)


@pytest.fixture
def told():
    """Return what sends a message through a canvas, as a browser does, and returns the answer."""
    state = new_state()
    state.refresh()
    answers = []
    canvas = Canvas(scene(state.chain), lambda gesture: carry_out(state, gesture), twin=str)
    canvas.send = answers.append

    def send(message):
        canvas._handle_custom_msg(message, [])
        return answers.pop()

    send.state = state
    return send


def test_the_browser_sends_what_python_knows_and_nothing_else():
    text = assets.module("canvas.js")
    sent = re.findall(r'\bask\(\{ kind: "(\w+)"|kind: \w+ \? "(\w+)" : "(\w+)"|: \{ kind: "(\w+)"', text)

    assert {word for words in sent for word in words if word} - {"fire"} == NEEDS.keys()


def test_there_is_a_message_of_every_kind_here():
    assert {message["kind"] for message in RIGHT} == NEEDS.keys()


def test_right_messages_are_carried_out_one_after_the_other(told):
    for message in RIGHT:
        answer = told(message)

        assert json.dumps(answer, allow_nan=False)
        assert "refusal" not in answer, message


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({}, "gesture None is unknown"),
        ({"kind": "explode"}, "gesture 'explode' is unknown"),
        ({"kind": ["add"]}, "is unknown"),
        ({"kind": "add"}, "what=None is not a text"),
        ({"kind": "add", "what": "SqsQueu"}, "did you mean 'SqsQueue'?"),
        ({"kind": "add", "what": "SqsQueue", "at": ["a", 1]}, "is not a place"),
        ({"kind": "add", "what": "SqsQueue", "at": [None, 1]}, "is not a place"),
        ({"kind": "add", "what": "SqsQueue", "at": [1]}, "is not a place"),
        ({"kind": "add", "what": "SqsQueue", "at": 3}, "is not a place"),
        ({"kind": "connect", "from": "jobs", "to": "nobody", "word": None}, "has no service 'nobody'"),
        ({"kind": "connect", "from": "jobs", "to": "pay", "word": "shout"}, "shout"),
        ({"kind": "insert", "what": "SqsQueue", "key": "a>b"}, "has no link 'a>b'"),
        ({"kind": "extend", "from": "nobody", "what": "SqsQueue"}, "has no service 'nobody'"),
        ({"kind": "remove", "keys": "jobs"}, "is not a list of names"),
        ({"kind": "remove", "keys": [1]}, "is not a list of names"),
        ({"kind": "remove", "keys": ["nobody"]}, "has no service 'nobody'"),
        ({"kind": "rename", "key": "jobs", "name": "pay"}, "has a service 'pay' already"),
        ({"kind": "rename", "key": "jobs", "name": "9 lives"}, "is not a name"),
        ({"kind": "move", "places": [1, 2]}, "is not a mapping of names to places"),
        ({"kind": "move", "places": {"pay": "ab"}}, "is not a mapping of names to places"),
        ({"kind": "group", "title": "", "keys": ["pay"]}, "is no title of a group"),
        ({"kind": "group", "title": "A", "keys": ["nobody"]}, "has no service 'nobody'"),
        ({"kind": "duplicate", "keys": []}, "nothing has been copied"),
        ({"kind": "undo"}, "there is nothing to undo"),
        ({"kind": "redo"}, "there is nothing to redo"),
        ({"kind": "offers", "from": "nobody", "to": "pay"}, "has no service 'nobody'"),
        ({"kind": "story", "which": "funniest"}, "'funniest' is no request"),
        ({"kind": "file", "as": "exe"}, "file kind 'exe' is unknown"),
    ],
)
def test_a_wrong_message_is_refused_with_a_fix_and_changes_nothing(told, message, problem):
    before = told.state.chain.copy()
    answer = told(message)

    assert problem in answer["refusal"]["problem"]
    assert answer["refusal"]["fix"]
    assert told.state.chain == before


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["pay", "jobs", "jobs>pay", "SqsQueue"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["pay", "jobs"]), inner, max_size=2),
    max_leaves=4,
)
fields = sorted({name for names in NEEDS.values() for name in names})


@given(
    message=st.fixed_dictionaries(
        {"kind": st.sampled_from(sorted(NEEDS.keys() - {"file"})) | anything},
        optional=dict.fromkeys(fields, anything),
    )
)
def test_no_message_whatever_ends_in_a_traceback(message):
    answers = []
    state = new_state()
    canvas = Canvas({}, lambda gesture: carry_out(state, gesture), twin=str)
    canvas.send = answers.append
    canvas._hear(message)
    (answer,) = answers

    assert answer.get("refusal", {"fix": "none"})["fix"]
    assert json.dumps({**answer, "to": 1}, allow_nan=False)


@pytest.mark.parametrize("kind", FILES)
def test_every_file_has_a_name_a_type_and_content(kind):
    made = file(new_state(), kind)

    assert made["name"].startswith("orders.")
    assert made["type"]
    assert made.get("text") or made.get("base64")


def test_the_file_of_python_makes_the_chain_again():
    state = new_state()
    state.group("Payments", ["pay"])
    names = {}
    exec(file(state, "py")["text"], names)

    assert names["chain"] == state.chain
    assert names["chain"].groups == state.chain.groups


def test_an_offer_says_what_it_means_and_brings(told):
    offers = told({"kind": "offers", "from": "validate", "to": "pay"})["offers"]

    assert [offer["word"] for offer in offers][:2] == ["sync", "async"]
    assert offers[0]["text"] == "The caller waits for the answer, and is billed while it waits."
    assert "permission of validate: lambda:InvokeFunction on pay" in offers[0]["brings"]
    assert gestures.WORDS.keys() >= {offer["word"] for offer in offers}
