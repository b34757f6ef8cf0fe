"""New states: the least that AWS accepts, in the language of the machine."""

import pytest

import chainkit as ck
from chainkit import asl
from chainkit.asl_bodies import TYPES, action_for, body


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("jsonata", [False, True])
def test_a_new_state_has_the_shape_of_asl(kind, jsonata):
    made = body(kind, lambda wanted: wanted, None, jsonata=jsonata)

    assert asl.State.model_validate(made, strict=False).Type == kind
    assert ("$.items" in str(made)) == (kind == "Map" and not jsonata)


@pytest.mark.parametrize(
    ("service", "action"),
    [
        (ck.LambdaFunction("s"), "lambda:invoke"),
        (ck.SqsQueue("s"), "sqs:sendMessage"),
        (ck.SnsTopic("s"), "sns:publish"),
        (ck.EventBus("s"), "events:putEvents"),
        (ck.StateMachine("s"), "states:startExecution"),
        (ck.HttpApi("s"), None),
    ],
)
def test_a_service_is_called_by_its_first_action(service, action):
    assert action_for(service.port.accepts) == action
