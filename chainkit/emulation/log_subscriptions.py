"""Route: CloudWatch Logs -> function, stream, log group, through subscription filters.

Kept from AWS ("Subscription filters", CloudWatch Logs user guide, 2026): the gzipped and base64-encoded event,
asynchronous invocation, the filter's pattern as far as moto reads it: words and quoted phrases; others let all pass.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

from moto.logs.models import LogStream
from moto.logs.utils import EventMessageFilter

from chainkit.emulation.delivery import TargetGoneError
from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(host: Host) -> None:
    """Replace how log events reach functions, and let the pattern of a filter count."""

    def send(
        stream: LogStream, service: str, destination_arn: str, filter_name: str, log_events: list[dict[str, Any]]
    ) -> None:
        pattern = stream.log_group.subscription_filters[filter_name].filter_pattern
        wanted = [event for event in log_events if EventMessageFilter(pattern).matches(event["message"])]
        if not wanted:
            return
        if service != "lambda":
            original(stream, service, destination_arn, filter_name, wanted)
            host.story.tell("log subscription", destination_arn)
            return
        try:
            host.delivery.to_function(destination_arn, json.dumps(event_of(stream, filter_name, wanted)))
        except TargetGoneError as error:
            host.story.tell("log subscription", destination_arn, status="error", reason=str(error))
        else:
            host.story.tell("log subscription", destination_arn)

    original = patch("logs.models:LogStream._send_log_events", send)


def event_of(stream: LogStream, filter_name: str, log_events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the event that a function gets."""
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": stream.account_id,
        "logGroup": stream.log_group.name,
        "logStream": stream.log_stream_name,
        "subscriptionFilters": [filter_name],
        "logEvents": [{**event, "id": str(event["id"])} for event in log_events],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}
