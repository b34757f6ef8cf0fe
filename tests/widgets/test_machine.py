"""The state machine panel: picture and text never differ, and follow the chain."""

import pytest

import chainkit as ck
from chainkit.asl_text import written
from chainkit.widgets.machine import MachinePanel
from tests.test_asl_edit import FLOW


def orders(**machines):
    chain = ck.Chain("orders")
    chain.add(ck.LambdaFunction("pay"))
    for name, definition in machines.items():
        chain.add(ck.StateMachine(name, definition=definition))
    return chain


@pytest.fixture
def panel():
    return MachinePanel(orders(flow=FLOW))


def cards(panel):
    return [card["id"] for card in panel.canvas.scene["cards"]]


def test_a_gesture_rewrites_the_text(panel):
    assert panel.gesture({"kind": "insert", "what": "Wait", "key": "Pay\nNext 0"}) == {}

    assert panel.editor.text == written(panel.state.chain.service("flow").definition)
    assert '"Next": "Wait"' in panel.editor.text
    assert panel.canvas.selected == ["Wait"]


def test_a_typed_text_is_drawn(panel):
    panel.type(panel.editor.text.replace('"Refused"', '"No"'))

    assert "No" in cards(panel)
    assert "Refused" not in cards(panel)


def test_a_broken_text_keeps_the_picture_and_says_the_line(panel):
    before, broken = panel.canvas.scene, panel.editor.text.replace('"StartAt": "Pay",', '"StartAt": "Pay"', 1)
    panel.type(broken)

    assert panel.canvas.scene == before
    assert (panel.editor.text, panel.editor.fault) == (broken, 4)
    assert "line 4: a comma" in panel.message.value
    assert panel.back.layout.display != "none"
    panel.back.click()
    assert (panel.editor.text, panel.editor.fault) == (written(FLOW), 0)


def test_selecting_a_card_marks_its_lines_and_a_line_selects_its_card(panel):
    panel.canvas.selected = ["Refused"]
    first, last = panel.editor.marks
    assert '"Refused": {' in panel.editor.text.split("\n")[first - 1]

    panel.editor.hear({"kind": "line", "line": first - 40})
    assert panel.canvas.selected != ["Refused"]
    panel.editor.hear({"kind": "line", "line": last})
    assert panel.canvas.selected == ["Refused"]


def test_selecting_a_way_marks_where_it_is_written(panel):
    panel.canvas.selected = ["Paid?\nDefault 0"]
    first, last = panel.editor.marks

    assert first == last
    assert '"Default": "Refused"' in panel.editor.text.split("\n")[first - 1]


def test_undo_on_the_chain_takes_the_panel_back(panel):
    panel.gesture({"kind": "remove", "keys": ["Pay"]})
    assert "Pay" not in cards(panel)
    panel.state.undo()

    assert "Pay" in cards(panel)
    assert panel.editor.text == written(FLOW)


def test_several_machines_are_chosen_and_the_selection_on_the_chain_is_followed():
    panel = MachinePanel(orders(one=FLOW, two={"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}), "two")
    assert cards(panel) == ["Start", "A"]

    panel.which.value = "one"
    assert "Pay" in cards(panel)
    panel.state.select("two")
    assert panel.which.value == "two"
    panel.state.select("pay")
    assert cards(panel) == ["Start", "A"]


def test_a_broken_text_is_kept_while_another_machine_is_shown():
    panel = MachinePanel(orders(one=FLOW, two=FLOW))
    panel.type("{")
    panel.which.value = "two"
    assert panel.editor.text == written(FLOW)
    panel.which.value = "one"

    assert panel.editor.text == "{"


def test_without_a_machine_there_is_a_button_to_add_one():
    panel = MachinePanel(orders())
    assert panel.new in panel.children
    assert "no state machine" in panel.twin()
    panel.new.click()

    assert cards(panel) == ["Start", "Done"]
    panel.state.remove(panel.which.value)
    assert panel.new in panel.children
    panel.state.undo()
    assert cards(panel) == ["Start", "Done"]


def test_a_name_that_is_no_machine_is_refused():
    with pytest.raises(ck.ConfigError, match=r"name='flo' is no state machine of the chain \(did you mean 'flow'"):
        MachinePanel(orders(flow=FLOW), "flo")


def test_what_aws_would_refuse_is_told_below_the_text(panel):
    panel.gesture({"kind": "add", "what": "Wait", "at": [9000, 9000]})

    assert "cannot be reached" in panel.message.value


def test_the_twin_is_the_machine_in_words_and_as_svg(panel):
    bundle = panel._repr_mimebundle_()

    assert "Paid? > Refused (Default)" in bundle["text/plain"]
    assert "Paid?" in bundle["image/svg+xml"]
    assert repr(panel) == "MachinePanel('orders')"


def test_the_designer_has_the_panel_in_a_tab():
    designer = ck.Designer(orders(flow=FLOW), requests=50)

    assert isinstance(designer.panels["State machine"], MachinePanel)


def test_a_renamed_state_stays_selected(panel):
    panel.select("Pay")
    panel.gesture({"kind": "rename", "key": "Pay", "name": "Charge"})

    assert panel.canvas.selected == ["Charge"]
    assert "Charge" in panel.form.title.value


def test_a_name_that_stands_twice_is_drawn_once_and_told():
    twice = {"StartAt": "A", "States": {"A": {"Type": "Parallel", "End": True, "Branches": [FLOW, FLOW]}}}
    panel = MachinePanel(orders(flow=twice))

    assert len(cards(panel)) == len({*cards(panel)})
    assert len(panel.canvas.scene["wires"]) == len({wire["id"] for wire in panel.canvas.scene["wires"]})
    assert "stands more than once" in panel.message.value


def test_an_empty_machine_is_filled_by_hand():
    panel = MachinePanel(orders(flow={"States": {}}))
    assert cards(panel) == ["Start"]
    panel.gesture({"kind": "extend", "from": "Start", "what": "Succeed"})

    assert panel.desk.definition["StartAt"] == "Succeed"


def test_the_settings_get_the_keyboard(panel):
    panel.select("Pay")

    assert panel.gesture({"kind": "edit", "key": "Pay"}) == {"field": "TimeoutSeconds"}
