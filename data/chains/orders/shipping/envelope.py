"""What carries an order: how it comes in, goes on, and shows in the log. The same file is in each function's folder.

Each folder is deployed alone, so a shared file has to be in each; a test holds the copies equal. A handler says only
what it does with one order. Where the order goes next is not in the code: each link of the chain gives its function one
environment variable, and `hand_over` sends to all of them. No variable, no hand-over: then the caller, a state machine
or a synchronous call, takes the returned order on.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

Order = dict[str, Any]


class OrderError(Exception):
    """One order failed; others may not."""


class MalformedOrder(OrderError):  # noqa: N818 - error names are what a state machine catches
    """The message holds no order."""


class CallFailed(OrderError):  # noqa: N818
    """What this function called did not do its part; `error_type` is the name of the error there."""

    def __init__(self, target: str, error_type: str, reason: str) -> None:
        self.error_type = error_type
        self.reason = reason
        super().__init__(f"{target}: {error_type}: {reason}")


def log(level: str, message: str, order: Order, **more: object) -> None:
    """Write one JSON object on one line, so that a chain's logs can be joined on correlationId."""
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "correlationId": order.get("correlationId"),
        "functionName": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"),
        "level": level,
        "message": message,
        "orderId": order.get("orderId"),
    }
    print(json.dumps(line | more), flush=True)  # noqa: T201 - stdout is a function's log


# --- coming in ---


def unwrap(event: Any) -> Order:
    """Return the order inside one message: of SQS, SNS, EventBridge, a destination, one in another, or bare."""
    match event:
        case {"Records": [record]}:
            return unwrap(record)
        case {"Sns": {"Message": text}} | {"Type": "Notification", "Message": text} | {"messageId": _, "body": text}:
            return unwrap(_parsed(text))
        case {"detail-type": _, "detail": inner} | {"requestPayload": _, "responsePayload": inner}:
            return unwrap(inner)
        case {"orderId": _} | {"items": _}:
            return dict(event)
    raise MalformedOrder(f"no order in {json.dumps(event)[:200]}")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedOrder(f"no JSON in {text[:200]!r}") from error


def answer(event: Any, work: Callable[[Order], Order]) -> Any:
    """Do `work` for each order in `event` and return what that kind of caller takes.

    A queue's batch is answered with the messages that failed, so that only they come back: its mapping needs
    `report_batch_item_failures`. A batch that failed altogether raises, which any mapping understands.
    """
    batch = event.get("Records", [])
    if not batch or batch[0].get("eventSource") != "aws:sqs":
        return _done(event, work)
    failed = []
    for record in batch:  # the records themselves, not a copy: what is called here belongs to the one at hand
        try:
            _done(record, work)
        except OrderError:
            failed.append({"itemIdentifier": record["messageId"]})
            if len(failed) == len(batch):
                raise
    return {"batchItemFailures": failed}


def _done(event: Any, work: Callable[[Order], Order]) -> Order:
    """Return the order after `work`; a failure is logged with the order's ids before it goes on."""
    order: Order = {}
    try:
        order = unwrap(event)
        return work(order)
    except OrderError as error:
        log("ERROR", str(error), order, errorType=type(error).__name__)
        raise


# --- going on ---


@cache
def client(service: str) -> Any:
    """Return a boto3 client."""
    import boto3  # here, so that functions that send nothing do not wait for it at a cold start
    from botocore.config import Config

    # One try per call: retries belong to the design, and a second Invoke after a client's timeout is a second order.
    return boto3.client(service, config=Config(retries={"total_max_attempts": 1}))


def call(name: str, order: Order) -> Order:
    """Return the order as the function `name` gives it back."""
    response = client("lambda").invoke(FunctionName=name, Payload=json.dumps(order).encode())
    result = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise CallFailed(name, result.get("errorType", "Error"), result.get("errorMessage", ""))
    return dict(result)


def hand_over(order: Order, *, to: str = "", besides: tuple[str, ...] = ()) -> Order:
    """Send the order along the links that leave this function, and return what is known of it then.

    `to` and `besides` choose links by the first letters of their variables.

    `SHIPPING_FUNCTION_NAME` is called and waited for, unless `SHIPPING_INVOCATION_TYPE` says Event; it adds its answer
    to the order. A state machine is started and waited for only if its variable says RequestResponse (Express).
    """
    for variable, address in sorted(os.environ.items()):
        # AWS's own names are no links: AWS_LAMBDA_FUNCTION_NAME is this function.
        if not variable.startswith(to) or variable.startswith(("AWS_", *besides)):
            continue
        for suffix, send in _SENDERS.items():
            if variable.endswith(suffix):
                order = send(address, order, os.environ.get(variable.removesuffix(suffix) + "_INVOCATION_TYPE"))
    return order


def _to_function(name: str, order: Order, invocation_type: str | None) -> Order:
    if invocation_type != "Event":
        return order | call(name, order)
    client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(order).encode())
    return order


def _to_state_machine(arn: str, order: Order, invocation_type: str | None) -> Order:
    machines = client("stepfunctions")
    if invocation_type != "RequestResponse":
        machines.start_execution(stateMachineArn=arn, input=json.dumps(order))
        return order
    execution = machines.start_sync_execution(stateMachineArn=arn, input=json.dumps(order))
    if execution["status"] != "SUCCEEDED":
        raise CallFailed(arn, execution.get("error", execution["status"]), execution.get("cause", ""))
    return order | dict(json.loads(execution["output"]))


def _to_queue(url: str, order: Order, _: str | None) -> Order:
    client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(order), MessageAttributes=_attributes(order))
    return order


def _to_topic(arn: str, order: Order, _: str | None) -> Order:
    client("sns").publish(TopicArn=arn, Message=json.dumps(order), MessageAttributes=_attributes(order))
    return order


def _to_bus(name: str, order: Order, _: str | None) -> Order:
    entry = {"Source": "orders", "DetailType": f"order {order.get('status', 'received')}", "Detail": json.dumps(order)}
    response = client("events").put_events(Entries=[entry | {"EventBusName": name}])
    if response["FailedEntryCount"]:  # PutEvents answers 200 for events it did not take
        first = response["Entries"][0]
        raise CallFailed(name, first.get("ErrorCode", "PutEvents"), first.get("ErrorMessage", ""))
    return order


def _attributes(order: Order) -> dict[str, dict[str, str]]:
    """Return what filters and traces read without opening the message."""
    known = [key for key in ("correlationId", "status") if order.get(key)]
    return {key: {"DataType": "String", "StringValue": order[key]} for key in known}


_SENDERS = {
    "_FUNCTION_NAME": _to_function,
    "_STATE_MACHINE_ARN": _to_state_machine,
    "_QUEUE_URL": _to_queue,
    "_TOPIC_ARN": _to_topic,
    "_BUS_NAME": _to_bus,
}
