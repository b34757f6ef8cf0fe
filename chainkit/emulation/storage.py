"""Route: S3 -> function, queue, topic, EventBridge.

Kept from AWS ("Event message structure", "Using EventBridge", S3 user guide, 2026): event names and filters, the key
URL-encoded with its slashes kept, asynchronous invocation, the event on the default bus. Ignored: duplicates, delays
and disorder of notifications.
"""

from __future__ import annotations

import itertools
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.s3 import notifications

from chainkit.emulation.delivery import TargetGoneError
from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.host import Host

_SEQUENCE = itertools.count(1)

_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def install(host: Host) -> None:
    """Replace how a bucket tells of what happens to its objects."""

    def send(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        if configuration is None:
            return
        name = str(event_name.value)
        if name == "s3:ObjectCreated:Put" and key.multipart is not None:
            return  # the end of a multipart upload, which moto tells of twice
        sequencer = f"{next(_SEQUENCE):016X}"
        to_text: dict[str, Callable[[str, str], object]] = {
            "cloud_function": host.delivery.to_function,
            "queue": host.delivery.to_queue,
            "topic": host.delivery.to_topic,
        }
        for kind, deliver in to_text.items():
            for notification in getattr(configuration, kind):
                if notification.matches(event_name, key.name):
                    event = event_of(name, bucket, key, notification.id, sequencer)
                    _deliver(host, bucket.arn, notification.arn, deliver, json.dumps(event))
        if configuration.event_bridge is not None:
            _put_event(host, account_id, name, bucket, key, sequencer)

    patch("s3.notifications:send_event", send)


def _deliver(host: Host, bucket_arn: str, arn: str, deliver: Callable[[str, str], object], text: str) -> None:
    try:
        deliver(arn, text)
    except TargetGoneError as error:
        host.story.tell("notification", arn, status="error", reason=f"from {bucket_arn}: {error}")
    else:
        host.story.tell("notification", arn, reason=f"from {bucket_arn}")


def event_of(name: str, bucket: Any, key: Any, configuration_id: str, sequencer: str) -> dict[str, Any]:
    """Return the event that functions, queues and topics get."""
    entry: dict[str, Any] = {"key": quote_plus(key.name, safe="/*"), "sequencer": sequencer}
    if name.startswith("s3:ObjectCreated"):
        entry |= {"size": key.size, "eTag": key.etag.strip('"')}
    if getattr(bucket, "is_versioned", False) and key.version_id:
        entry["versionId"] = key.version_id
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region_name,
        "eventTime": iso_8601_datetime_with_milliseconds(),
        "eventName": name.removeprefix("s3:"),
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": bucket.arn},
            "object": entry,
        },
    }
    return {"Records": [record]}


def _put_event(host: Host, account_id: str, name: str, bucket: Any, key: Any, sequencer: str) -> None:
    """Put the event on the default bus; its key is not encoded."""
    entry: dict[str, Any] = {"key": key.name, "sequencer": sequencer}
    if name.startswith("s3:ObjectCreated"):
        entry |= {"size": key.size, "etag": key.etag.strip('"')}
    if getattr(bucket, "is_versioned", False) and key.version_id:
        entry["version-id"] = key.version_id
    short = name.removeprefix("s3:")
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": entry,
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account_id,
        "source-ip-address": "127.0.0.1",
        "reason": _REASONS.get(short, short),
    }
    if short.startswith("ObjectRemoved:"):
        is_marker = short.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if is_marker else "Permanently Deleted"
    bus = f"arn:aws:events:{bucket.region_name}:{account_id}:event-bus/default"
    kind = notifications._detail_type(name)
    host.delivery.to_bus(bus, "aws.s3", kind, json.dumps(detail), resources=[bucket.arn])
