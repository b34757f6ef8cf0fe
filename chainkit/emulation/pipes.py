"""Route: EventBridge Pipes: SQS, DynamoDB and Kinesis streams -> filter, enrichment, template -> any target.

Kept from AWS ("EventBridge Pipes", user guide, 2026): a stopped pipe rests; functions and state machines get the batch
as a JSON array, queues, topics, buses, streams and log groups each event by itself; templates see the body or data of
an event parsed; synchronous targets and enrichments may report failed items; what a stream's retries do not save goes
to its dead-letter queue. Assumed: the names in that record. Ignored: API destinations, other sources and targets (a
pipe that has one is refused).
"""

from __future__ import annotations

import json
import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend as lambda_backend
from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.pipes.exceptions import ValidationException
from moto.pipes.models import EventBridgePipesBackend, Pipe, pipes_backends
from moto.stepfunctions.responses import get_backend as machines_backend

from chainkit.emulation import states
from chainkit.emulation.consumers import Batch, Consumer, Handled
from chainkit.emulation.delivery import TargetGoneError, keep
from chainkit.emulation.events import fill_in, value_at
from chainkit.emulation.filters import content_of
from chainkit.emulation.mappings import failed_items
from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.host import Host

_SOURCES = {"sqs": "SqsQueueParameters", "dynamodb": "DynamoDBStreamParameters", "kinesis": "KinesisStreamParameters"}
_TARGETS = ("lambda", "states", "sqs", "sns", "events", "kinesis", "logs")


class PipeFailedError(RuntimeError):
    """An enrichment or a target did not take a batch."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def consumer_of(host: Host, pipe: Pipe) -> Consumer:
    """Return a pipe as queues and streams see it."""
    given = pipe.source_parameters or {}
    settings = given.get(_SOURCES[_service(pipe.source)]) or {}
    is_queue, age_s = _service(pipe.source) == "sqs", settings.get("MaximumRecordAgeInSeconds", -1)
    retries = settings.get("MaximumRetryAttempts", -1)
    return Consumer(
        key=pipe.arn,
        arn=pipe.arn,
        source_arn=pipe.source,
        is_on=partial(is_on, pipe),
        handle=partial(pass_on, host, pipe),
        batch_size=int(settings.get("BatchSize") or (10 if is_queue else 100)),
        window_s=settings.get("MaximumBatchingWindowInSeconds") or 0,
        patterns=tuple(each["Pattern"] for each in (given.get("FilterCriteria") or {}).get("Filters", [])),
        is_pipe=True,
        starts_at=_starts_at(settings),
        lanes=settings.get("ParallelizationFactor") or 1,
        retries=int(retries),
        age_limit_s=float(age_s) if age_s > 0 else None,
        bisects=settings.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        give_up=partial(_give_up, host, pipe, (settings.get("DeadLetterConfig") or {}).get("Arn")),
    )


def is_on(pipe: Pipe) -> bool:
    """Return whether a pipe stands and is meant to run."""
    standing = pipes_backends[pipe.account_id][pipe.region_name].pipes
    return standing.get(pipe.name) is pipe and pipe.desired_state == "RUNNING"


def pass_on(host: Host, pipe: Pipe, batch: Batch) -> Handled:
    """Enrich a batch and hand it to the target."""
    ids = frozenset(batch.ids)
    try:
        events: list[Any] = list(batch.records)
        if pipe.enrichment:
            template = (pipe.enrichment_parameters or {}).get("InputTemplate")
            answer = _enrich(host, pipe.enrichment, json.dumps(inputs_of(pipe, template, events)), batch.attempt)
            events = answer if isinstance(answer, list) else [answer]
        answer = _send(host, pipe, events, batch.attempt) if events else ""
    except PipeFailedError as error:
        return Handled(error.status, str(error), ids)
    except TargetGoneError as error:
        host.story.tell("delivery", pipe.target, status="error", reason=str(error))
        return Handled("error", str(error), ids)
    failed = failed_items(answer, batch.ids) if '"batchItemFailures"' in answer else set()
    return Handled(reason="reported as failed" if failed else "", failed=frozenset(failed))


def inputs_of(pipe: Pipe, template: str | None, events: list[Any]) -> list[Any]:
    """Return each event as a template makes it; without one, as it is."""
    if not template:
        return events
    return [_input_of(pipe, template, event) for event in events]


def _input_of(pipe: Pipe, template: str, event: Any) -> Any:
    is_record = isinstance(event, dict) and "eventSource" in event
    seen = content_of(event, is_pipe=True) if is_record else event
    values: dict[str, Any] = {path: value_at(seen, path) for path in re.findall(r"<(\$[^<>]*)>", template)}
    values |= {
        "aws.pipes.pipe-arn": pipe.arn,
        "aws.pipes.pipe-name": pipe.name,
        "aws.pipes.source-arn": pipe.source,
        "aws.pipes.enrichment-arn": pipe.enrichment or "",
        "aws.pipes.target-arn": pipe.target,
        "aws.pipes.event": event,
        "aws.pipes.event.json": event,
        "aws.pipes.event.ingestion-time": iso_8601_datetime_with_milliseconds(),
    }
    text = fill_in(template, values)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _enrich(host: Host, arn: str, text: str, attempt: int) -> Any:
    """Return what the enrichment makes of a batch: nothing if it says nothing."""
    service = _service(arn)
    answer = _invoke(host, arn, text, attempt) if service == "lambda" else _run_express(host, arn, text)
    return json.loads(answer or "null") or []


def _invoke(host: Host, arn: str, text: str, attempt: int) -> str:
    parts = arn.split(":")
    try:
        function = lambda_backend(parts[4], parts[3]).get_function(arn)
    except UnknownFunctionException as error:
        raise TargetGoneError(f"ResourceNotFoundException: {arn} does not exist") from error
    outcome = host.invoker.invoke(function, text, attempt=attempt)
    if outcome.status != "ok":
        raise PipeFailedError(outcome.status, outcome.reason)
    return outcome.payload


def _run_express(host: Host, arn: str, text: str) -> str:
    answer = states.run_sync(host, arn, None, text)
    status = str(getattr(answer["status"], "value", answer["status"]))
    if status != "SUCCEEDED":
        raise PipeFailedError("error", f"{answer.get('error', status)}: {answer.get('cause', '')}")
    return str(answer.get("output") or "null")


def _send(host: Host, pipe: Pipe, events: list[Any], attempt: int) -> str:
    """Hand events to the target; return its answer, if it gives one."""
    settings = pipe.target_parameters or {}
    inputs = inputs_of(pipe, settings.get("InputTemplate"), events)
    service, arn = _service(pipe.target), pipe.target
    if service == "lambda":
        kind = (settings.get("LambdaFunctionParameters") or {}).get("InvocationType", "REQUEST_RESPONSE")
        if kind == "REQUEST_RESPONSE":
            return _invoke(host, arn, json.dumps(inputs), attempt)
        host.delivery.to_function(arn, json.dumps(inputs))
    elif service == "states":
        kind = (settings.get("StepFunctionStateMachineParameters") or {}).get("InvocationType", "REQUEST_RESPONSE")
        if kind == "REQUEST_RESPONSE" and _is_express(arn):
            return _run_express(host, arn, json.dumps(inputs))
        host.delivery.to_machine(arn, json.dumps(inputs))
    else:
        for event, each in zip(events, inputs, strict=True):
            _send_one(host, pipe, service, event, each)
    host.story.tell("delivery", arn)
    return ""


def _send_one(host: Host, pipe: Pipe, service: str, event: Any, content: Any) -> None:
    settings, arn = pipe.target_parameters or {}, pipe.target
    text = content if isinstance(content, str) else json.dumps(content)

    def given(group: str, name: str) -> str | None:
        value = (settings.get(group) or {}).get(name)
        if isinstance(value, str) and value.startswith("$."):
            return str(value_at(content_of(event, is_pipe=True), value))
        return value

    if service == "sqs":
        group_id = given("SqsQueueParameters", "MessageGroupId")
        host.delivery.to_queue(
            arn, text, group_id=group_id, deduplication_id=given("SqsQueueParameters", "MessageDeduplicationId")
        )
    elif service == "sns":
        host.delivery.to_topic(arn, text)
    elif service == "events":
        kind = given("EventBridgeEventBusParameters", "DetailType") or f"Event from {event.get('eventSource', 'pipe')}"
        source = given("EventBridgeEventBusParameters", "Source") or f"Pipe {pipe.name}"
        host.delivery.to_bus(arn, source, kind, text)
    elif service == "kinesis":
        host.delivery.to_stream(arn, text, given("KinesisStreamParameters", "PartitionKey") or str(uuid.uuid4()))
    else:
        host.delivery.to_log_group(arn, text, given("CloudWatchLogsParameters", "LogStreamName"))


def _is_express(arn: str) -> bool:
    machine = machines_backend(arn.split(":")[4], arn.split(":")[3]).describe_state_machine(arn)
    return str(getattr(machine.type, "value", machine.type)) == "EXPRESS"


def _give_up(
    host: Host, pipe: Pipe, target: str | None, handled: Handled, condition: str, tries: int, info: dict[str, Any]
) -> bool:
    if not target:
        return False
    record = {
        "context": {"partnerResourceArn": pipe.arn, "condition": condition},
        "version": "1.0",
        "timestamp": iso_8601_datetime_with_milliseconds(),
        "approximateInvokeCount": tries,
        "errorMessage": handled.reason,
        "DDBStreamBatchInfo" if ":dynamodb:" in pipe.source else "KinesisBatchInfo": info,
    }
    return keep(host, "dead letter", target, record, attempt=tries, reason=condition)


def _starts_at(settings: dict[str, Any]) -> str | float:
    if settings.get("StartingPosition") == "AT_TIMESTAMP":
        return float(settings.get("StartingPositionTimestamp") or 0)
    return str(settings.get("StartingPosition") or "TRIM_HORIZON")


def _service(arn: str) -> str:
    return arn.split(":")[2]


# --- moto ---


def install(host: Host) -> None:
    """Let pipes take from their sources."""
    host.consumers.providers.append(lambda source_arn: [consumer_of(host, pipe) for pipe in _pipes(source_arn)])

    def create(backend: EventBridgePipesBackend, *args: Any, **kwargs: Any) -> Pipe:
        _refuse(kwargs["source"], _SOURCES, "source")
        _refuse(kwargs["target"], _TARGETS, "target")
        if kwargs.get("enrichment"):
            _refuse(kwargs["enrichment"], ("lambda", "states"), "enrichment")
        pipe: Pipe = original_create(backend, *args, **kwargs)
        host.consumers.begin(consumer_of(host, pipe))
        return pipe

    original_create = patch("pipes.models:EventBridgePipesBackend.create_pipe", create)
    _wake_after(host, "start_pipe")
    _wake_after(host, "update_pipe")


def _refuse(arn: str, known: Any, part: str) -> None:
    if _service(arn) not in known or ":api-destination/" in arn:
        names = ", ".join(known)
        raise ValidationException(f"chainkit emulates no pipe whose {part} is {arn}; known: {names}")


def _wake_after(host: Host, name: str) -> None:
    def changed(backend: EventBridgePipesBackend, *args: Any, **kwargs: Any) -> Pipe:
        pipe: Pipe = original(backend, *args, **kwargs)
        host.consumers.wake(pipe.source)
        return pipe

    original: Callable[..., Pipe] = patch(f"pipes.models:EventBridgePipesBackend.{name}", changed)


def _pipes(source_arn: str | None) -> list[Pipe]:
    return [
        pipe
        for backends in list(pipes_backends.values())
        for backend in list(backends.values())
        for pipe in list(backend.pipes.values())
        if source_arn in (None, pipe.source)
    ]
