"""Gestures on a machine's canvas and texts typed beside it: each a step of the chain, or a refusal in words."""

import json

import pytest

import chainkit as ck
from chainkit.asl_text import written
from chainkit.asl_ways import names, ways
from chainkit.widgets.machine_desk import WORDS, Desk, machine_kind, machines
from chainkit.widgets.machine_scene import scene
from chainkit.widgets.state import State
from tests.test_asl_edit import FLOW


@pytest.fixture
def desk():
    chain = ck.Chain("orders")
    chain.add(ck.LambdaFunction("pay"))
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.StateMachine("flow", definition=FLOW, choices={"Paid?": [0.75, 0.25]}, result_bytes={"Pay": 10}))
    return Desk(State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1), "flow")


def did(desk, **gesture):
    assert desk.carry_out(gesture) == {}
    return {(each.source, each.word, each.target) for each in ways(desk.definition)}


def test_machines_are_the_services_that_have_a_definition(desk):
    assert machines(desk.state) == ["flow"]
    assert machine_kind() == "StateMachine"


def test_a_state_let_go_on_the_canvas_stands_alone_and_says_so(desk):
    did(desk, kind="add", what="Wait", at=[5000, 5000])

    assert desk.selected == "Wait"
    assert any("'Wait': cannot be reached" in error.problem for error in desk.state.chain.validate())


def test_a_state_let_go_in_a_frame_stands_inside(desk):
    group = next(g for g in scene(desk.machine, {})["groups"] if g["cards"] == ["Ship", "Box"])
    x, y, *_ = group["box"]
    did(desk, kind="add", what="Pass", at=[x + 5, y + 5])

    assert "Pass" in desk.definition["States"]["Both"]["Branches"][1]["States"]


def test_a_state_added_by_key_follows_what_is_selected(desk):
    desk.select("Pay")

    assert ("Pay", "Next", "Wait") in did(desk, kind="add", what="Wait")


def test_a_new_task_calls_the_service_that_no_task_calls_yet(desk):
    did(desk, kind="insert", what="Task", key="Pay\nNext 0")

    assert ("Task", "jobs") in {task[:2] for task in desk.machine.tasks()}
    assert "flow>jobs" in " ".join(desk.state.chain.links)


def test_what_is_drawn_from_the_start_comes_first(desk):
    assert {("", "Start", "Wait"), ("Wait", "Next", "Pay")} <= did(
        desk, kind="extend", **{"from": "Start"}, what="Wait"
    )
    assert ("", "Start", "Box") not in did(desk, kind="connect", **{"from": "Start"}, to="Both", word="Start")


def test_ways_are_drawn_and_offered_with_what_they_write(desk):
    (rule, default) = desk.carry_out({"kind": "offers", "from": "Paid?", "to": "Pay"})["offers"]

    assert (rule["word"], default["word"]) == ("rule", "Default")
    assert rule["text"] == WORDS["rule"]
    assert '"Default": "Pay"' in default["brings"]
    assert ("Paid?", "rule", "Pay") in did(desk, kind="connect", **{"from": "Paid?"}, to="Pay", word="rule")
    assert sum(desk.machine.choices["Paid?"]) == pytest.approx(1)


def test_several_ways_and_states_are_removed_at_once(desk):
    did(desk, kind="connect", **{"from": "Paid?"}, to="Pay", word="rule")
    did(desk, kind="remove", keys=["Paid?\nrule 0", "Paid?\nrule 1", "Both", "Mail"])

    assert desk.definition["States"]["Paid?"]["Choices"] == []
    assert names(desk.definition) == ["Pay", "Paid?", "Refused"]
    assert desk.machine.choices == {"Paid?": [1.0]}


def test_a_renamed_state_keeps_its_figures_and_stays_selected(desk):
    desk.select("Paid?")
    did(desk, kind="rename", key="Paid?", name="Is it paid?")

    assert desk.machine.choices == {"Is it paid?": [0.75, 0.25]}
    assert desk.selected == "Is it paid?"


def test_each_gesture_is_one_step_that_undo_takes_back(desk):
    before = json.dumps(desk.definition)
    did(desk, kind="remove", keys=["Paid?"])
    assert [each.verb for each in desk.state.history] == ["set"]

    assert desk.carry_out({"kind": "undo"}) == {}
    assert json.dumps(desk.definition) == before
    assert desk.machine.choices == {"Paid?": [0.75, 0.25]}
    assert desk.carry_out({"kind": "redo"}) == {}
    assert "Paid?" not in names(desk.definition)


@pytest.mark.parametrize(
    ("gesture", "problem"),
    [
        ({"kind": "remove", "keys": ["Start"]}, "the start cannot be removed"),
        ({"kind": "remove", "keys": ["\nStart 0"]}, "needs a state to start at"),
        ({"kind": "connect", "from": "Pay", "to": "Mail", "word": "Next"}, "cannot lead to 'Mail'"),
        ({"kind": "extend", "from": "Refused", "what": "Pass"}, "nothing can follow"),
        ({"kind": "rename", "key": "Pay", "name": "Both"}, "is there already"),
        ({"kind": "redo"}, "nothing to redo"),
        ({"kind": "undo"}, "nothing to undo"),
        ({"kind": "tidy"}, "where the layout puts them"),
        ({"kind": "duplicate", "keys": ["Pay"]}, "not copied on the canvas"),
    ],
)
def test_what_cannot_be_done_is_said(desk, gesture, problem):
    before = json.dumps(desk.definition)

    assert problem in desk.carry_out(gesture)["refusal"]["problem"]
    assert json.dumps(desk.definition) == before


def test_an_unknown_gesture_is_an_error(desk):
    with pytest.raises(ck.ConfigError, match="'dance' is unknown"):
        desk.carry_out({"kind": "dance"})


def test_a_text_is_taken_as_the_definition(desk):
    assert desk.type(desk.text.replace('"Paid?"', '"Paid"')) is None

    assert desk.machine.choices == {"Paid": [0.75, 0.25]}
    assert len(desk.state.history) == 1


def test_spaces_alone_are_no_step(desk):
    assert desk.type(json.dumps(desk.definition)) is None
    assert desk.state.history == ()


def test_a_mistake_keeps_the_definition_and_the_text_and_stops_the_hand(desk):
    before, broken = json.dumps(desk.definition), desk.text.replace('"StartAt": "Pay",', '"StartAt": "Pay"', 1)
    error = desk.type(broken)

    assert "a comma" in error.problem
    assert (desk.text, desk.misread.line) == (broken, 4)
    assert "line 4" in desk.carry_out({"kind": "add", "what": "Wait"})["refusal"]["problem"]
    assert json.dumps(desk.definition) == before
    desk.take_back()
    assert desk.text == written(desk.definition)


def test_a_gesture_changes_only_its_own_lines(desk):
    before = desk.text.split("\n")
    did(desk, kind="rename", key="Refused", name="No")

    assert [(a, b) for a, b in zip(before, desk.text.split("\n"), strict=True) if a != b] == [
        ('      "Default": "Refused"', '      "Default": "No"'),
        ('    "Refused": {', '    "No": {'),
    ]


def test_a_task_is_led_to_another_service(desk):
    assert desk.callable_services() == ["pay", "jobs"]
    assert desk.call("Pay", "jobs") is None
    assert desk.machine.tasks()[0][:2] == ("Pay", "jobs")


def test_the_picture_can_be_kept_as_a_file(desk):
    file = desk.carry_out({"kind": "file", "as": "svg"})["file"]

    assert file["name"] == "flow.svg"
    assert "Paid?" in file["text"]
