"""How an order comes into the chain's functions, goes on from them, and fails on the way."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from chainkit import data

FOLDER = data.path("chains", "orders")
FUNCTIONS = ["validate", "inventory", "payment", "shipping", "confirm"]

Order = dict[str, Any]
POISON = {"payment": {"cardToken": "tok_outage"}}


def queued(*bodies: Any) -> Order:
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {"Records": [{"messageId": f"m{i}", "eventSource": "aws:sqs", "body": t} for i, t in enumerate(texts)]}


def notified(order: Order) -> Order:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": json.dumps(order)}}]}


def on_bus(order: Order) -> Order:
    return {"version": "0", "id": "e1", "source": "orders", "detail-type": "order charged", "detail": order}


ENVELOPES: dict[str, Callable[[Order], Order]] = {
    "bare": lambda order: order,
    "SNS": notified,
    "EventBridge": on_bus,
    "destination": lambda o: {"requestContext": {}, "requestPayload": {}, "responsePayload": o},
}
BATCHES: dict[str, Callable[[Order], Order]] = {
    "SQS": queued,
    "SNS in SQS": lambda order: queued({"Type": "Notification", "Message": json.dumps(order)}),
    "EventBridge in SQS": lambda order: queued(on_bus(order)),
}


# --- each folder is one deployable unit ---


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_folder_holds_the_same_envelope(name):
    assert (FOLDER / name / "envelope.py").read_bytes() == (FOLDER / "validate" / "envelope.py").read_bytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_sends_nothing_does_not_load_boto3(load, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)  # importing it would fail

    assert callable(load(name)[0].handle)


# --- envelopes ---


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("name", FUNCTIONS[1:])
def test_a_single_order_comes_back_completed_from_any_envelope(load, accepted, reserved, charged, name, envelope):
    order = {"inventory": accepted, "payment": reserved}.get(name, charged)
    found = load(name)[0].handle(ENVELOPES[envelope](order), None)

    added = {"inventory": "reservationId", "payment": "authorisation", "shipping": "shipment"}
    assert found["orderId"] == "ord-2026-0001"
    assert added.get(name, "confirmation") in found


@pytest.mark.parametrize("envelope", BATCHES)
@pytest.mark.parametrize("name", FUNCTIONS[1:])
def test_a_batch_is_answered_with_the_messages_that_failed(load, accepted, reserved, charged, name, envelope):
    order = {"inventory": accepted, "payment": reserved}.get(name, charged)

    assert load(name)[0].handle(BATCHES[envelope](order), None) == {"batchItemFailures": []}


@pytest.mark.parametrize("event", [{}, notified({"greeting": "hello"}), {"Records": [{"Sns": {"Message": "{"}}]}])
def test_what_holds_no_order_is_refused_by_name(load, event):
    handler, _ = load("payment")

    with pytest.raises(handler.OrderError, match=r"no order in|no JSON in"):
        handler.handle(event, None)


def test_handlers_leave_the_event_as_it_was(load, reserved):
    event = json.dumps(reserved)
    order = json.loads(event)
    load("payment")[0].handle(order, None)

    assert json.dumps(order) == event


# --- batches ---


def test_in_a_batch_only_the_failed_messages_come_back_and_each_other_order_is_published(load, reserved, monkeypatch):
    monkeypatch.setenv("EVENTS_TOPIC_ARN", "arn:topic")
    handler, aws = load("payment")
    poison = reserved | POISON
    answer = handler.handle(queued(reserved, poison, "no JSON", reserved), None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert len(aws["sns"].calls) == 2


def test_a_batch_that_failed_altogether_raises(load, reserved):
    handler, _ = load("payment")

    with pytest.raises(handler.ProviderUnavailable):
        handler.handle(queued(reserved | POISON), None)


# --- hand-over, whatever the links are ---


def test_an_order_is_put_on_a_bus_as_an_event_with_its_status(load, reserved, monkeypatch):
    monkeypatch.setenv("EVENTS_BUS_NAME", "orders-events")
    handler, aws = load("payment")
    handler.handle(reserved, None)

    [(_, parameters)] = aws["events"].calls
    [entry] = parameters["Entries"]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("orders-events", "orders", "order charged")
    assert json.loads(entry["Detail"])["status"] == "charged"


def test_an_event_that_the_bus_did_not_take_is_a_failure(load, reserved, monkeypatch):
    monkeypatch.setenv("EVENTS_BUS_NAME", "orders-events")
    handler, aws = load("payment")
    aws["events"].answers["put_events"] = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    with pytest.raises(handler.OrderError, match="ThrottlingException"):
        handler.handle(reserved, None)


def test_functions_are_called_in_turn_and_add_their_answers(load, reserved, monkeypatch):
    monkeypatch.setenv("SHIPPING_FUNCTION_NAME", "orders-shipping")
    monkeypatch.setenv("CONFIRM_FUNCTION_NAME", "orders-confirm")
    handler, aws = load("payment")
    aws.let_functions_answer(lambda name, order: order | {name: "done"})
    order = handler.handle(reserved, None)

    assert (order["orders-shipping"], order["orders-confirm"]) == ("done", "done")


def test_a_function_named_as_event_is_not_waited_for(load, reserved, monkeypatch):
    monkeypatch.setenv("SHIPPING_FUNCTION_NAME", "orders-shipping")
    monkeypatch.setenv("SHIPPING_INVOCATION_TYPE", "Event")
    handler, aws = load("payment")
    handler.handle(reserved, None)

    [(_, parameters)] = aws["lambda"].calls
    assert (parameters["FunctionName"], parameters["InvocationType"]) == ("orders-shipping", "Event")


def test_a_state_machine_is_started_with_the_order(load, reserved, monkeypatch):
    monkeypatch.setenv("FLOW_STATE_MACHINE_ARN", "arn:flow")
    handler, aws = load("payment")
    handler.handle(reserved, None)

    [(operation, parameters)] = aws["stepfunctions"].calls
    assert (operation, parameters["stateMachineArn"]) == ("start_execution", "arn:flow")
    assert json.loads(parameters["input"])["correlationId"] == reserved["correlationId"]


@pytest.mark.parametrize("status", ["SUCCEEDED", "TIMED_OUT"])
def test_an_express_machine_that_is_waited_for_answers_or_fails(load, reserved, monkeypatch, status):
    monkeypatch.setenv("FLOW_STATE_MACHINE_ARN", "arn:flow")
    monkeypatch.setenv("FLOW_INVOCATION_TYPE", "RequestResponse")
    handler, aws = load("payment")
    aws["stepfunctions"].answers["start_sync_execution"] = {"status": status, "output": '{"shipment": {}}'}

    if status == "SUCCEEDED":
        assert "shipment" in handler.handle(reserved, None)
    else:
        with pytest.raises(handler.OrderError, match="arn:flow: TIMED_OUT"):
            handler.handle(reserved, None)


def test_the_functions_own_name_is_not_a_link(load, reserved, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-payment")
    handler, aws = load("payment")
    handler.handle(reserved, None)

    assert aws.sent() == []
