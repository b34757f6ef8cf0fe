"""Checks of SQS, alone and as the source of a function."""

import json
import time
from typing import Any

from chainkit.probing.checking import check, expect, require
from chainkit.probing.place import Place, records

VISIBILITY_S = 5
"""Visibility timeout where a message has to come back: also a function's timeout, which AWS allows to be no longer."""


@check
def sqs_visibility(at: Place) -> None:
    """A received message is hidden, and visible again after 1 s of wall time with a receive count of 2."""
    sqs = at.aws("sqs")
    url, _ = at.queue("orders")
    sqs.send_message(QueueUrl=url, MessageBody="order 7")
    (first,) = at.until("the message", lambda: _received(at, url, VisibilityTimeout=60))
    hidden = _received(at, url)
    began_s = time.monotonic()
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=1)
    (again,) = at.until("the message again", lambda: _received(at, url, WaitTimeSeconds=1))
    passed_s = time.monotonic() - began_s

    expect("messages while it is hidden", hidden, [])
    require(passed_s > 0.9, "it stays hidden for 1 s", f"after {passed_s:.2f} s it")
    counts = [each["Attributes"]["ApproximateReceiveCount"] for each in (first, again)]
    expect("receive counts", counts, ["1", "2"])


def _received(at: Place, url: str, **options: int) -> list[dict[str, Any]]:
    answer = at.aws("sqs").receive_message(QueueUrl=url, AttributeNames=["All"], **options)
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


@check
def sqs_esm(at: Place) -> None:
    """A message's body and attributes arrive; the message is deleted."""
    function = at.function("tell")
    url, arn = at.queue("orders", VisibilityTimeout="60")
    at.source(arn, function)
    kind = {"kind": {"DataType": "String", "StringValue": "order"}}
    sent = at.aws("sqs").send_message(QueueUrl=url, MessageBody="order 7", MessageAttributes=kind)
    (record,) = records(function.seen(1, "an invocation"))
    at.drained(url)

    expect("body", record["body"], "order 7")
    expect("messageId", record["messageId"], sent["MessageId"])
    expect("eventSourceARN", record["eventSourceARN"], arn)
    attribute = record["messageAttributes"].get("kind", {})
    expect("the attribute", (attribute.get("dataType"), attribute.get("stringValue")), ("String", "order"))
    expect("ApproximateReceiveCount", record["attributes"].get("ApproximateReceiveCount"), "1")


@check
def sqs_esm_batching(at: Place) -> None:
    """Ten waiting messages come once each, in batches larger than one."""
    function = at.function("tell")
    url, arn = at.queue("orders", VisibilityTimeout="60")
    _send(at, url, [str(k) for k in range(10)])
    at.source(arn, function, BatchSize=10)
    at.drained(url)
    batches = _all_seen(at, function.reports_url)

    require(max(map(len, batches)) > 1, "a batch is larger than one", [len(batch) for batch in batches])
    expect("bodies", sorted(body for batch in batches for body in batch), [str(k) for k in range(10)])


def _send(at: Place, url: str, bodies: list[str]) -> None:
    entries = [{"Id": str(k), "MessageBody": body} for k, body in enumerate(bodies)]
    answer = at.aws("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    expect("messages that were not accepted", answer.get("Failed", []), [])


def _all_seen(at: Place, reports_url: str) -> list[list[str]]:
    """Return the bodies of every batch that was reported: its source is drained, so all reports are sent."""
    batches: list[Any] = []
    while found := at.taken(reports_url, wait_s=1):
        batches += [json.loads(message["Body"])["value"] for message in found]
    require(bool(batches), "a batch", batches)
    return [[each["body"] for each in batch["Records"]] if "Records" in batch else batch for batch in batches]


@check
def sqs_esm_retry_dlq(at: Place) -> None:
    """A message whose function fails is tried twice (maxReceiveCount 2), then moved to the dead-letter queue."""
    function = at.function("refuse", timeout_s=VISIBILITY_S)
    dead_url, dead_arn = at.queue("dead")
    url, arn = at.queue("orders", VisibilityTimeout=str(VISIBILITY_S), RedrivePolicy=_redrive(dead_arn))
    at.source(arn, function, BatchSize=1)
    at.aws("sqs").send_message(QueueUrl=url, MessageBody="order 7")
    (letter,) = at.messages(dead_url, 1, "the dead letter", longer_s=4 * VISIBILITY_S)
    attempts = records(function.seen(2, "attempts", rest_s=1))

    expect("the dead letter", letter["Body"], "order 7")
    expect("what the attempts got", [record["body"] for record in attempts], ["order 7"] * 2)
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in attempts]
    expect("receive counts of the attempts", counts, ["1", "2"])


def _redrive(dead_arn: str) -> str:
    return json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})


@check
def sqs_esm_partial_batch(at: Place) -> None:
    """With ReportBatchItemFailures only the message that was named comes again, and is dead-lettered."""
    function = at.function("refuse_bad", timeout_s=VISIBILITY_S)
    dead_url, dead_arn = at.queue("dead")
    url, arn = at.queue("orders", VisibilityTimeout=str(VISIBILITY_S), RedrivePolicy=_redrive(dead_arn))
    good = [f"good {k}" for k in range(9)]
    _send(at, url, [*good[:4], "bad", *good[4:]])
    at.source(arn, function, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])
    letters = at.messages(dead_url, 1, "the dead letter", longer_s=4 * VISIBILITY_S, rest_s=1)
    at.drained(url)
    batches = _all_seen(at, function.reports_url)

    expect("dead letters", [letter["Body"] for letter in letters], ["bad"])
    require(any("bad" in batch and len(batch) > 1 for batch in batches), "the bad one stands in a batch", batches)
    bodies = sorted(body for batch in batches for body in batch)
    expect("messages that were handed over", bodies, ["bad", "bad", *good])


@check
def sqs_esm_filter(at: Place) -> None:
    """Only messages that match the filter on the body arrive; the others are deleted."""
    function = at.function("tell")
    url, arn = at.queue("orders", VisibilityTimeout="60")
    pattern = json.dumps({"body": {"kind": ["order"], "amount": [{"numeric": [">", 100]}]}})
    at.source(arn, function, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    match = {"kind": "order", "amount": 500}
    _send(at, url, [json.dumps(body) for body in ({**match, "kind": "refund"}, {**match, "amount": 5}, match)])
    at.drained(url)
    bodies = [json.loads(body) for batch in _all_seen(at, function.reports_url) for body in batch]

    expect("messages that arrived", bodies, [match])


@check
def sqs_fifo_order(at: Place) -> None:
    """Five messages of one group arrive in order, batch by batch."""
    function = at.function("tell")
    url, arn = at.queue("orders", VisibilityTimeout="60", FifoQueue="true", ContentBasedDeduplication="true")
    for k in range(5):
        at.aws("sqs").send_message(QueueUrl=url, MessageBody=str(k), MessageGroupId="one")
    at.source(arn, function, BatchSize=1)
    came = records(function.seen(5, "messages", rest_s=1))

    expect("bodies in the order of arrival", [record["body"] for record in came], [str(k) for k in range(5)])
    expect("groups", {record["attributes"].get("MessageGroupId") for record in came}, {"one"})
