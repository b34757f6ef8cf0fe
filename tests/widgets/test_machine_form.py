"""The settings of a state: shown, changed, and refused beside the field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit import asl_edit
from chainkit.asl_ways import ways
from chainkit.widgets.machine import MachinePanel
from chainkit.widgets.machine_form import shared
from tests.test_asl_edit import FLOW


@pytest.fixture
def panel():
    chain = ck.Chain("orders")
    chain.add(ck.LambdaFunction("pay"))
    chain.add(ck.SqsQueue("jobs"))
    definition = asl_edit.insert(FLOW, "Each", "Map", ways(FLOW)[0].key)
    definition = asl_edit.insert(definition, "Rest", "Wait", ways(FLOW)[0].key)
    chain.add(ck.StateMachine("flow", definition=definition, choices={"Paid?": [0.75, 0.25]}))
    return MachinePanel(chain)


def state(panel, name):
    return panel.desk.definition["States"][name]


def typed(panel, name, label, text):
    panel.select(name)
    panel.form.fields[label].control.value = text
    return panel.form.fields[label].message.value


@pytest.mark.parametrize(
    ("name", "label", "text", "field", "value"),
    [
        ("Rest", "Seconds", "30", "Seconds", 30),
        ("Rest", "Comment", "sleep", "Comment", "sleep"),
        ("Pay", "TimeoutSeconds", "9", "TimeoutSeconds", 9),
        ("Pay", "retries", "5", "Retry", [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 5}]),
        ("Both", "retries", "2", "Retry", [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]),
        ("Refused", "Error", "TooLate", "Error", "TooLate"),
        ("Each", "MaxConcurrency", "3", "MaxConcurrency", 3),
    ],
)
def test_a_setting_is_typed(panel, name, label, text, field, value):
    assert typed(panel, name, label, text) == ""
    assert state(panel, name)[field] == value
    assert len(panel.state.history) == 1


@pytest.mark.parametrize(
    ("name", "label", "text", "problem"),
    [
        ("Rest", "Seconds", "soon", "is no whole number"),
        ("Pay", "retries", "-1", "is no whole number"),
        ("Pay", "TimeoutSeconds", "1.5", "is no whole number"),
        ("Paid?", "share of rule 1", "130 %", "outside 0..1"),
        ("Paid?", "share of Default", "often", "outside 0..1"),
        ("Each", "items", "many", "is no whole number"),
        ("Each", "items", "999999999999", "items"),
    ],
)
def test_a_refused_value_is_told_beside_its_field_and_changes_nothing(panel, name, label, text, problem):
    before = panel.desk.machine

    assert problem in typed(panel, name, label, text)
    assert panel.desk.machine == before
    assert panel.form.fields[label].control.value == text


def test_nothing_typed_takes_a_field_away(panel):
    typed(panel, "Rest", "Comment", "sleep")
    typed(panel, "Rest", "Comment", "")

    assert "Comment" not in state(panel, "Rest")


def test_one_share_moves_the_others_and_all_add_to_one(panel):
    assert typed(panel, "Paid?", "share of rule 1", "40 %") == ""
    assert panel.desk.machine.choices == {"Paid?": [0.4, 0.6]}
    assert panel.form.fields["share of Default"].control.value == "0.6"


def test_the_items_of_a_map_are_typed(panel):
    assert typed(panel, "Each", "items", "50") == ""
    assert panel.desk.machine.items == {"Each": 50}


def test_a_task_is_led_to_another_service_by_choice(panel):
    panel.select("Pay")
    assert panel.form.service.value == "pay"
    panel.form.service.value = "jobs"

    assert panel.desk.machine.tasks()[0][:2] == ("Pay", "jobs")


def test_a_branch_is_added_by_a_button(panel):
    panel.select("Both")
    panel.form.branch.click()

    assert len(state(panel, "Both")["Branches"]) == 3


def test_a_field_keeps_its_widget_while_its_state_is_selected(panel):
    panel.select("Rest")
    field = panel.form.fields["Seconds"]
    field.control.value = "7"

    assert panel.form.fields["Seconds"] is field


def test_nothing_selected_says_what_to_do(panel):
    panel.select()

    assert "Select a state" in panel.form.title.value


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 5), st.floats(0, 1))
def test_shares_always_add_to_one(raw, k, share):
    total = sum(raw)
    shares = [each / total for each in raw] if total > 0 else [1 / len(raw)] * len(raw)
    made = shared(shares, k % len(raw), share)

    assert sum(made) == pytest.approx(1, abs=1e-9)
    assert all(each >= 0 for each in made)
