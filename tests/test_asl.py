"""What AWS would refuse in a definition, seen through the machine that holds it. Every definition here is our own."""

from typing import Any

import pytest

import chainkit as ck
from chainkit import asl

PAY = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "${pay}"}}
END = {"End": True}
DONE = {"Type": "Succeed"}
INSIDE = {"StartAt": "Each", "States": {"Each": DONE}}

STRAIGHT = {"A": {"Type": "Pass", "Next": "B"}, "B": DONE}
ALL_WITH_OTHERS = [{"ErrorEquals": ["States.ALL", "Busy"]}]
ALL_FIRST = [{"ErrorEquals": ["States.ALL"], "Next": "B"}, {"ErrorEquals": ["Busy"], "Next": "B"}]
TWICE = {"StartAt": "B", "States": {"B": DONE}}


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ({"States": STRAIGHT}, "StartAt is missing"),
        ({"StartAt": "a", "States": STRAIGHT}, "StartAt='a' is no state"),
        ({"StartAt": "A", "States": {}}, "StartAt='A' is no state"),
        ({"A": {"Type": "Pass", "Next": "Bb"}, "B": DONE}, "state 'A': leads to 'Bb', which is no state beside it"),
        ({"A": {"Type": "Choice", "Choices": [{"Next": "X"}], "Default": "B"}, "B": DONE}, "state 'A': leads to 'X'"),
        ({"A": {"Type": "Choice", "Choices": [{"Next": "B"}], "Default": "X"}, "B": DONE}, "state 'A': leads to 'X'"),
        ({"A": {**PAY, **END, "Catch": [{"ErrorEquals": ["E"], "Next": "X"}]}}, "state 'A': leads to 'X'"),
        ({"A": {"Type": "Parallel", "Next": "B", "Branches": [TWICE]}, "B": DONE}, "state 'B': stands more than once"),
        ({"A": {"Type": "Pass"}, "B": DONE}, "state 'A': Pass has neither Next nor End"),
        ({"A": {"Type": "Pass", "Next": "B", "End": True}, "B": DONE}, "state 'A': Pass has both Next and End"),
        ({**STRAIGHT, "C": DONE}, "state 'C': cannot be reached"),
        ({"A": {"Type": "Pass", "Next": "A"}}, "no state ends"),
        ({"A": {"Type": "Choice", "Default": "B"}, "B": DONE}, "state 'A': Choice has no Choices"),
        ({"A": {"Type": "Task", "Next": "B"}, "B": DONE}, "state 'A': Task has no Resource"),
        ({"A": {"Type": "Parallel", "Next": "B"}, "B": DONE}, "state 'A': Parallel has no Branches"),
        ({"A": {"Type": "Map", "Next": "B"}, "B": DONE}, "state 'A': Map has no ItemProcessor"),
        ({"A": {"Type": "Wait", "Next": "B"}, "B": DONE}, "state 'A': Wait has no Seconds"),
        (
            {"A": {"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "Next": "B"}, "B": DONE},
            "state 'A': Wait has Seconds and SecondsPath",
        ),
        ({"A": {**PAY, **END, "Retry": ALL_WITH_OTHERS}}, "state 'A': Retry: States.ALL stands with other errors"),
        (
            {"A": {**PAY, "Next": "B", "Catch": ALL_FIRST}, "B": DONE},
            "state 'A': Catch: States.ALL stands before other",
        ),
        (
            {"A": {"Type": "Parallel", **END, "Branches": [{"States": {"X": DONE}}]}},
            "state 'A': StartAt is missing",
        ),
        (
            {
                "A": {
                    "Type": "Parallel",
                    **END,
                    "Branches": [{"StartAt": "X", "States": {"X": STRAIGHT["A"]}}],
                    "Next": "B",
                }
            },
            "state 'X': leads to 'B', which is no state beside it",
        ),
    ],
)
def test_a_definition_that_aws_refuses_gets_an_error_with_its_state(definition: dict[str, Any], problem: str) -> None:
    whole = definition if "States" in definition else {"StartAt": "A", "States": definition}
    made = ck.StateMachine("flow", definition=whole)

    problems = [error.problem for error in made.problems({"pay": ck.LambdaFunction("pay")})]
    assert any(text.startswith(f"StateMachine 'flow': {problem}") for text in problems), problems
    with pytest.raises(ck.ConfigError):
        made.behaviour()


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (
            {**PAY, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"},
            "a task that waits (waitForTaskToken)",
        ),
        ({"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:pack"}, "an activity"),
        (
            {"Type": "Map", "ItemProcessor": {**INSIDE, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}},
            "a distributed Map",
        ),
    ],
)
def test_some_states_are_only_for_standard_workflows(state: dict[str, Any], problem: str) -> None:
    names = {"pay": ck.LambdaFunction("pay")}
    definition = {"StartAt": "One", "States": {"One": {**state, **END}}}
    standard = ck.StateMachine("flow", definition=definition)
    express = standard.with_settings(workflow="EXPRESS")

    assert standard.problems(names) == []
    assert [error.problem for error in express.problems(names)] == [
        f"StateMachine 'flow': state 'One': {problem} is not for EXPRESS workflows"
    ]


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ("{", "definition: is not JSON"),
        (
            '{"StartAt": "A", "States": {"A": {"Type": "Pass"}, "A": {"Type": "Fail"}}}',
            "'A' stands twice in one object",
        ),
        ({"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": {1, 2}}}}, "definition: is not JSON"),
        ([], "definition: it=[] is refused"),
        ({"StartAt": "A"}, "States={'StartAt': 'A'} is refused"),
        ({"StartAt": "A", "States": {"A": {"Type": "Tsk"}}}, "definition: state 'A': Type='Tsk' is refused"),
        (
            {"StartAt": "A", "States": {"A": {**PAY, **END, "Retry": [{"ErrorEquals": []}]}}},
            "state 'A': Retry.0.ErrorEquals=[] is refused",
        ),
        (
            {"StartAt": "A", "States": {"A": {**PAY, **END, "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]}}},
            "state 'A': Retry.0.BackoffRate=0.5 is refused",
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": [{"States": {"B": {"Type": "?"}}}]}}},
            "state 'B': Type='?' is refused",
        ),
    ],
)
def test_what_has_not_the_shape_of_asl_is_refused_at_construction(definition: Any, problem: str) -> None:
    with pytest.raises(ck.ConfigError) as caught:
        ck.StateMachine("flow", definition=definition)

    assert caught.value.problem.startswith("StateMachine 'flow': ")
    assert problem in caught.value.problem


def test_reading_gives_back_everything_that_chainkit_does_not_look_at() -> None:
    definition = {"Comment": "all of it", "StartAt": "A", "States": {"A": {**DONE, "Output": "{% $x %}"}}}

    assert asl.read(definition) == definition


@pytest.mark.parametrize(
    ("thresholds", "tolerated"),
    [
        ({}, 0),
        ({"ToleratedFailureCount": 5}, 5),
        ({"ToleratedFailurePercentage": 20}, 2),
        ({"ToleratedFailureCount": 5, "ToleratedFailurePercentage": 20}, 2),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 20}, 1),
    ],
)
def test_a_map_with_two_thresholds_fails_at_the_first_that_is_exceeded(
    thresholds: dict[str, float], tolerated: int
) -> None:
    inside = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **INSIDE}
    state = asl.State(Type="Map", ItemProcessor=asl.Scope(**inside), **thresholds)

    assert state.tolerated(10) == tolerated
