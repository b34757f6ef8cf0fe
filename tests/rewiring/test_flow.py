"""What keeps a connection what it is: it would do less, or something else, wired in another way."""

import pytest

import chainkit as ck
from tests.test_rewiring import functions

CALL = {"Type": "Task", "Resource": "${b}", "End": True}


@pytest.mark.parametrize(
    ("states", "figures"),
    [
        ({"First": {"Type": "Wait", "Seconds": 60, "Next": "Call"}, "Call": CALL}, {}),
        (
            {
                "First": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.x", "StringEquals": "y", "Next": "Call"}],
                    "Default": "Done",
                },
                "Call": CALL,
                "Done": {"Type": "Succeed"},
            },
            {"choices": {"First": [0.3, 0.7]}},
        ),
        (
            {"First": {"Type": "Map", "ItemProcessor": {"StartAt": "Call", "States": {"Call": CALL}}, "End": True}},
            {"items": {"First": 5}},
        ),
    ],
    ids=["waits", "decides", "repeats"],
)
def test_a_machine_that_does_more_than_call_stays(states, figures):
    chain = functions("a", "b")
    chain.add(ck.StateMachine("flow", definition={"StartAt": "First", "States": states}, **figures))
    chain.connect("a", "flow", link="async")
    flows = ck.variants(chain, ["sqs", "standard", "express"])

    assert list(flows) == ["standard"]
    assert flows.refused["sqs"] == "a to b: stays standard; sqs refused, state 'First' of 'flow' would go"


@pytest.mark.parametrize("word", ["on_success", "on_failure"])
def test_events_whose_outcome_a_function_gets_stay_events(word):
    chain = functions("a", "b", "c")
    chain.connect("a", "b", link="async")
    chain.connect("b", "c", link=word)
    flows = ck.variants(chain, ["sync", "async", "sqs", "fused"])

    assert list(flows) == ["async"]
    assert flows.refused["sync"].endswith("'c' is told what becomes of the events of 'b'")
    assert flows.refused["fused"] == "a to b: 'c' is told what becomes of the events of 'b'"


def test_a_dead_letter_queue_of_events_is_no_obstacle():
    chain = functions("a", "b")
    chain.connect("a", "b", link="async")
    chain.connect("b", chain.add(ck.SqsQueue("dead")), link="on_failure")

    assert list(ck.variants(chain, ["sync", "sqs"])) == ["sync", "sqs"]


def test_several_messages_at_once_are_no_call():
    chain = functions("a", "b")
    chain.connect("a", "b", link="async", count=3)
    flows = ck.variants(chain, ["sync", "sqs"])

    assert flows.refused["sync"] == "a to b: stays async; sync refused, it hands over 3 messages at once, a call one"
    assert flows["sqs"].chain.link("a>b-queue").count == 3
