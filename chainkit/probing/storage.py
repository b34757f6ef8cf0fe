"""Checks of S3's notifications."""

import json
from typing import Any

from chainkit.probing.checking import check, expect
from chainkit.probing.events import rule
from chainkit.probing.place import Place, records

_CREATED = ["s3:ObjectCreated:*"]


@check
def s3_lambda(at: Place) -> None:
    """Only an object below the prefix calls the function; its key is "in/a", as AWS writes it."""
    function = at.function("tell")
    function.allow("s3")
    below = {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}
    to = {"LambdaFunctionArn": function.arn, "Events": _CREATED, **below}
    name = _bucket(at, LambdaFunctionConfigurations=[to])
    put_object(at, name, "out/b")
    put_object(at, name, "in/a")
    (record,) = records(function.seen(1, "invocations", rest_s=2))

    expect("bucket and key", (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]), (name, "in/a"))
    expect("eventSource", record["eventSource"], "aws:s3")


@check
def s3_sqs(at: Place) -> None:
    """A notification of a new object is in the queue."""
    url, arn = at.queue("objects")
    name = _bucket(at, QueueConfigurations=[{"QueueArn": arn, "Events": _CREATED}])
    put_object(at, name, "in/a")

    def notified() -> list[Any]:
        # S3 begins with a test event, which has no records.
        bodies = [json.loads(message["Body"]) for message in at.taken(url, wait_s=2)]
        return [record for body in bodies for record in body.get("Records", [])]

    (record,) = at.until("a notification of the object", notified)

    expect("bucket and key", (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]), (name, "in/a"))
    expect("eventName", record["eventName"], "ObjectCreated:Put")


@check
def s3_eventbridge(at: Place) -> None:
    """A rule on aws.s3 fires for a new object."""
    url, arn = at.queue("objects")
    name = _bucket(at, EventBridgeConfiguration={})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [name]}}}
    rule(at, arn, pattern=pattern)
    put_object(at, name, "in/a")
    (event,) = at.bodies(url, 1, "events", rest_s=1)

    expect("key", event["detail"]["object"]["key"], "in/a")


def _bucket(at: Place, **notifications: Any) -> str:
    """Make a bucket that tells of its objects; return its name."""
    name = bucket(at)
    at.aws("s3").put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=notifications)
    return name


def bucket(at: Place) -> str:
    """Make a bucket; return its name."""
    client, name, region = at.aws("s3"), at.name("bucket"), at.aws.region
    # S3's first region is the one that may not be named.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **where)
    at.later("s3", "delete_bucket", Bucket=name)
    return name


def put_object(at: Place, name: str, key: str, body: bytes = b"one") -> None:
    """Put an object into a bucket."""
    at.aws("s3").put_object(Bucket=name, Key=key, Body=body)
    at.later("s3", "delete_object", Bucket=name, Key=key)
