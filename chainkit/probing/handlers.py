"""Code of every function that a check deploys: this one file, as it stands; the check names its handler.

It runs inside the endpoint that is probed, needs boto3 only, and names neither an address nor a key: as for any
handler, the place where it runs says where the services are. Nothing of chainkit imports it.
"""

import base64
import gzip
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import boto3

ENVIRONMENT = uuid.uuid4().hex
"""This execution environment's own name."""

Event = Any
Context = Any

_calls = 0
# Made while the environment starts, as AWS advises. Outside of a function no region is known.
_sqs: Any = boto3.client("sqs") if "REPORTS" in os.environ else None


class OrderRefusedError(Exception):
    """An error that no runtime knows by name."""


def _report(value: Any) -> None:
    """Put what was seen into the check's own queue. Its address is asked for here: it may be another from outside."""
    url = _sqs.get_queue_url(QueueName=os.environ["REPORTS"])["QueueUrl"]
    seen = {"value": value, "at_ns": time.time_ns(), "environment": ENVIRONMENT}
    _sqs.send_message(QueueUrl=url, MessageBody=json.dumps(seen))


# --- invocations ---


def echo(event: Event, context: Context) -> dict[str, Any]:
    """Say something, and answer with what came."""
    print("echo was here")
    return {"event": event, "remaining_ms": context.get_remaining_time_in_millis()}


def count(event: Event, context: Context) -> dict[str, Any]:
    """Answer with how often this environment was called."""
    global _calls
    _calls += 1
    return {"calls": _calls, "environment": ENVIRONMENT}


def tell(event: Event, context: Context) -> dict[str, Any]:
    """Report the event."""
    _report(event)
    return {"told": event}


def refuse(event: Event, context: Context) -> None:
    """Report the event, and fail."""
    _report(event)
    raise OrderRefusedError("no stock")


def stumble(event: Event, context: Context) -> None:
    """Report the event, and fail with an error of Python's own."""
    _report(event)
    raise ValueError("not a number")


def oversleep(event: Event, context: Context) -> str:
    """Take longer than any function may."""
    time.sleep(1000)
    return "woke up"


def wait(event: Event, context: Context) -> str:
    """Report the event, then stay until one message comes through the gate."""
    _report(event)
    url = _sqs.get_queue_url(QueueName=os.environ["GATE"])["QueueUrl"]
    while not (found := _sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")):
        pass
    _sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
    return ENVIRONMENT


def call(event: Event, context: Context) -> dict[str, Any]:
    """Call another function, and answer with its answer."""
    answer = boto3.client("lambda").invoke(FunctionName=event["call"], Payload=json.dumps(event["with"]))
    return {"called": json.load(answer["Payload"])}


def release(event: Event, context: Context) -> str:
    """Answer with the release that this code belongs to."""
    return Path(__file__).with_name("release.txt").read_text(encoding="utf-8")


def page(event: Event, context: Context) -> dict[str, Any]:
    """Answer an HTTP request."""
    seen = {"path": event["rawPath"], "body": event["body"]}
    return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": json.dumps(seen)}


# --- records ---


def refuse_bad(event: Event, context: Context) -> dict[str, Any]:
    """Report the bodies of a batch, and name the bad ones as failed."""
    _report([record["body"] for record in event["Records"]])
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}


def unpack(event: Event, context: Context) -> None:
    """Report the log events that a subscription brings."""
    _report(json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"]))))


# --- steps ---


def add_up(event: Event, context: Context) -> dict[str, Any]:
    """Answer with the sum of the amounts."""
    return {"total": sum(event["amounts"])}


def double(event: Event, context: Context) -> int:
    """Answer with twice the number, and fail below zero."""
    number = event if isinstance(event, int) else event["number"]
    if number < 0:
        raise OrderRefusedError("below zero")
    return 2 * int(number)


def hand_back(event: Event, context: Context) -> None:
    """Answer for the task whose token came."""
    boto3.client("stepfunctions").send_task_success(
        taskToken=event["token"], output=json.dumps({"approved": event["order"]})
    )
