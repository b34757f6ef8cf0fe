"""How one emulated service hands something to another: by ARN, into moto's backends, in this thread.

The thread's requests go along: messages, invocations, executions and notifications made here belong to them, because
all of these read the same context variable.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend as lambda_backend
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.utils import unix_time_millis
from moto.events.models import events_backends
from moto.kinesis.models import kinesis_backends
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions import responses as machines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moto.sqs.models import Message

    from chainkit.emulation.asynchronous import AsyncQueue
    from chainkit.emulation.host import Host


class TargetBusyError(RuntimeError):
    """The target takes nothing now; the sender may try again."""


class TargetGoneError(LookupError):
    """The target of a delivery does not exist, or refuses what it gets."""


def keep(host: Host, what: str, target: str, record: Any, *, attempt: int, reason: str) -> bool:
    """Hand what was given up to its target and tell it; return whether the target has it now."""
    try:
        host.delivery.to(target, record)
    except TargetGoneError as error:
        host.story.tell(what, target, status="error", reason=str(error))
        return False
    host.story.tell(what, target, attempt=attempt, reason=reason)
    return True


class Delivery:
    """Sends to any target by its ARN; raises TargetGoneError where AWS would have a client error.

    Parameters
    ----------
    asynchronous : the queue that invocations go to
    """

    def __init__(self, asynchronous: AsyncQueue) -> None:
        self._asynchronous = asynchronous

    def to(
        self, arn: str, content: Any, *, source: str = "", detail_type: str = "", resources: Sequence[str] = ()
    ) -> None:
        """Hand a JSON value to a queue, topic, function, bus, state machine, stream or log group."""
        service, text = arn.split(":")[2], json.dumps(content)
        if service == "sqs":
            self.to_queue(arn, text)
        elif service == "sns":
            self.to_topic(arn, text)
        elif service == "lambda":
            self.to_function(arn, text)
        elif service == "states":
            self.to_machine(arn, text)
        elif service == "events":
            self.to_bus(arn, source, detail_type, text, resources=resources)
        elif service == "kinesis":
            self.to_stream(arn, text, str(uuid.uuid4()))
        elif service == "logs":
            self.to_log_group(arn, text)
        else:
            raise TargetGoneError(f"{arn} takes no deliveries")

    def to_queue(
        self,
        arn: str,
        body: str,
        attributes: Mapping[str, tuple[str, str]] | None = None,
        *,
        group_id: str | None = None,
        deduplication_id: str | None = None,
    ) -> Message:
        """Send a message; the value of a binary attribute is base64."""
        _, _, _, region, account_id, name = arn.split(":")
        try:
            return sqs_backends[account_id][region].send_message(
                name,
                body,
                message_attributes={key: _attribute(*told) for key, told in (attributes or {}).items()},
                group_id=group_id,
                deduplication_id=deduplication_id,
            )
        except ServiceException as error:
            raise TargetGoneError(f"{error.code}: {error.message}") from error

    def to_topic(
        self,
        arn: str,
        message: str,
        attributes: Mapping[str, tuple[str, str]] | None = None,
        *,
        group_id: str | None = None,
    ) -> None:
        """Publish a message."""
        _, _, _, region, account_id, _ = arn.split(":")
        values = {key: {"Type": kind, "Value": value} for key, (kind, value) in (attributes or {}).items()}
        backend = sns_backends[account_id][region]
        if arn not in backend.topics:
            raise TargetGoneError(f"NotFound: topic {arn} does not exist")
        backend.publish(message, arn, message_attributes=values, group_id=group_id)

    def to_function(self, arn: str, payload: str) -> None:
        """Invoke a function asynchronously."""
        parts = arn.split(":")
        try:
            function = lambda_backend(parts[4], parts[3]).get_function(arn)
        except UnknownFunctionException as error:
            raise TargetGoneError(f"ResourceNotFoundException: {arn} does not exist") from error
        self._asynchronous.submit(function, payload, arn)

    def to_machine(self, arn: str, text: str) -> None:
        """Start an execution."""
        parts = arn.split(":")
        try:
            machines.get_backend(parts[4], parts[3]).start_execution(arn, str(uuid.uuid4()), text)
        except JsonRESTError as error:
            raise TargetGoneError(f"{error.error_type}: {error.message}") from error

    def to_bus(
        self, arn: str, source: str, detail_type: str, detail: str, *, resources: Sequence[str] = (), time_s: float = 0
    ) -> None:
        """Put an event on a bus."""
        parts = arn.split(":")
        event: dict[str, Any] = {"Source": source, "DetailType": detail_type, "Detail": detail, "EventBusName": arn}
        event |= {"Resources": list(resources), **({"Time": time_s} if time_s else {})}
        try:
            events_backends[parts[4]][parts[3]].put_events([event])
        except JsonRESTError as error:
            raise TargetGoneError(f"{error.error_type}: {error.message}") from error

    def to_stream(self, arn: str, data: str, partition_key: str) -> None:
        """Put a record into a Kinesis stream."""
        _, _, _, region, account_id, path = arn.split(":", 5)
        stream = kinesis_backends[account_id][region].streams.get(path.removeprefix("stream/"))
        if stream is None:
            raise TargetGoneError(f"ResourceNotFoundException: {arn} does not exist")
        stream.put_record(partition_key, "", base64.b64encode(data.encode()).decode())

    def to_log_group(self, arn: str, message: str, stream_name: str | None = None) -> None:
        """Write an event into a log group, into a stream of its own unless one is named."""
        _, _, _, region, account_id, rest = arn.split(":", 5)
        name = rest.removeprefix("log-group:").removesuffix(":*")
        backend, stream_name = logs_backends[account_id][region], stream_name or str(uuid.uuid4())
        if name not in backend.groups:
            raise TargetGoneError(f"ResourceNotFoundException: log group {name} does not exist")
        if stream_name not in backend.groups[name].streams:
            backend.create_log_stream(name, stream_name)
        backend.put_log_events(name, stream_name, [{"timestamp": unix_time_millis(), "message": message}])


def _attribute(kind: str, value: str) -> dict[str, Any]:
    """Return an attribute of a message as moto keeps it."""
    is_binary = kind.startswith("Binary")
    return {"DataType": kind, **({"BinaryValue": base64.b64decode(value)} if is_binary else {"StringValue": value})}
