"""Route: event source mappings: Lambda's API for them, and how a batch becomes an invocation.

Kept from AWS [aws-semantics 2, 6]: synchronous invocation, partial batch responses and their malformed forms, filters,
records of failure; a second mapping of the same source and function is refused; a disabled one rests. Refused, because
it would differ in silence: tumbling windows.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import (
    InvalidParameterValueException,
    LambdaClientError,
    UnknownFunctionException,
)
from moto.awslambda.models import EventSourceMapping, LambdaBackend, lambda_backends
from moto.core.utils import iso_8601_datetime_with_milliseconds

from chainkit.emulation.consumers import Batch, Consumer, Handled
from chainkit.emulation.delivery import keep
from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.awslambda.models import LambdaFunction

    from chainkit.emulation.host import Host

CONCURRENT_BATCHES = 5
"""[aws-semantics 2, "starts at 5 concurrent"]"""


MOST_WITHOUT_WINDOW = 10
"""[API_CreateEventSourceMapping.html, 2026: "When you set BatchSize to a value greater than 10, you must set
MaximumBatchingWindowInSeconds to at least 1"]"""


class MappingExistsError(LambdaClientError):
    """AWS's refusal of a second mapping of the same source and function."""

    code = 409

    def __init__(self, mapping: EventSourceMapping) -> None:
        name = mapping.function_arn.split(":")[6]
        super().__init__(
            "ResourceConflictException",
            f'The event source arn (" {mapping.event_source_arn} ") and function (" {name} ") provided mapping already '
            f"exists. Please update or delete the existing mapping with UUID {mapping.uuid}",
        )


def consumer_of(host: Host, mapping: EventSourceMapping) -> Consumer:
    """Return a mapping as queues and streams see it."""
    limit = (mapping.scaling_config or {}).get("MaximumConcurrency", CONCURRENT_BATCHES)
    retries = -1 if mapping.max_retry_attempts is None else int(mapping.max_retry_attempts)
    age_s = mapping.max_record_age
    return Consumer(
        key=mapping.uuid,
        arn=mapping.arn,
        source_arn=mapping.event_source_arn,
        is_on=partial(is_on, mapping),
        handle=partial(invoke, host, mapping),
        batch_size=mapping.batch_size,
        window_s=mapping.max_batch_window or 0,
        patterns=tuple(each["Pattern"] for each in (mapping.filter_criteria or {}).get("Filters", [])),
        function_arn=":".join(mapping.function_arn.split(":")[:7]),
        reports=_reports(mapping),
        concurrency=limit,
        visibility_s=partial(_visibility_s, mapping),
        starts_at=_starts_at(mapping),
        lanes=mapping.parallelization_factor or 1,
        retries=retries,
        age_limit_s=float(age_s) if age_s and age_s > 0 else None,
        bisects=bool(mapping.bisect_on_error),
        give_up=partial(_give_up, host, mapping),
    )


def is_on(mapping: EventSourceMapping) -> bool:
    """Return whether anything is taken for this mapping."""
    standing = lambda_backends[mapping.account_id][mapping.region]._event_source_mappings
    return mapping.uuid in standing and bool(mapping.enabled) and function_of(mapping) is not None


def function_of(mapping: EventSourceMapping) -> LambdaFunction | None:
    """Return the function; by the name it was mapped with, so that a moved alias takes effect."""
    try:
        return lambda_backends[mapping.account_id][mapping.region].get_function(mapping.function_name)
    except UnknownFunctionException:
        return None


def invoke(host: Host, mapping: EventSourceMapping, batch: Batch) -> Handled:
    """Run the function with a batch; all of it has failed unless the answer says otherwise."""
    function = function_of(mapping)
    if function is None:
        return Handled("error", "the function is gone", frozenset(batch.ids))
    for record in batch.records:
        if "invokeIdentityArn" in record:
            record["invokeIdentityArn"] = function.role
    outcome = host.invoker.invoke(function, json.dumps({"Records": batch.records}), attempt=batch.attempt)
    response = {"statusCode": 200, "executedVersion": str(function.version), "functionError": "Unhandled"}
    if outcome.status != "ok":
        response["requestId"] = outcome.request_id
        return Handled(outcome.status, outcome.reason, frozenset(batch.ids), response)
    failed: set[str] = set()
    if _reports(mapping):
        failed = failed_items(outcome.payload, batch.ids)
    response = {"statusCode": 200, "executedVersion": str(function.version), "requestId": outcome.request_id}
    return Handled(reason="reported as failed" if failed else "", failed=frozenset(failed), response=response)


def failed_items(payload: str, ids: list[str]) -> set[str]:
    """Return the ids that a partial batch response reports; all of them if the response is malformed.

    [aws-semantics 2, "empty/null id, wrong key, exception = whole batch; empty list = success"]

    >>> sorted(failed_items('{"batchItemFailures": [{"itemIdentifier": "a"}]}', ["a", "b"]))
    ['a']
    >>> sorted(failed_items('{"batchItemFailures": [{"itemIdentifier": ""}]}', ["a", "b"]))
    ['a', 'b']
    >>> failed_items('{"batchItemFailures": []}', ["a", "b"]), failed_items("null", ["a"])
    (set(), set())
    """
    response = json.loads(payload)
    if not response:
        return set()
    try:
        named = [item["itemIdentifier"] for item in response.get("batchItemFailures") or []]
    except (AttributeError, KeyError, TypeError):
        return set(ids)
    return set(named) if all(each in ids for each in named) else set(ids)


def _reports(mapping: EventSourceMapping) -> bool:
    return "ReportBatchItemFailures" in (mapping.function_response_types or [])


def _visibility_s(mapping: EventSourceMapping, given_s: int) -> int:
    """Return the visibility timeout of a batch [aws-semantics 2, "window + timeout + 30 s"]."""
    function = function_of(mapping)
    window_s, timeout_s = mapping.max_batch_window or 0, function.timeout if function else 0
    return int(window_s + timeout_s + 30) if window_s and window_s + timeout_s > given_s else given_s


def _starts_at(mapping: EventSourceMapping) -> str | float:
    if mapping.starting_position == "AT_TIMESTAMP":
        return float(mapping.starting_position_timestamp or 0)
    return str(mapping.starting_position or "TRIM_HORIZON")


def _give_up(
    host: Host, mapping: EventSourceMapping, handled: Handled, condition: str, tries: int, info: dict[str, Any]
) -> bool:
    """Send AWS's record of a batch that is given up to the mapping's destination."""
    target = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
    if not target:
        return False
    kind = "DDBStreamBatchInfo" if ":dynamodb:" in mapping.event_source_arn else "KinesisBatchInfo"
    response = dict(handled.response)
    record = {
        "requestContext": {
            "requestId": response.pop("requestId", ""),
            "functionArn": mapping.function_arn,
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": iso_8601_datetime_with_milliseconds(),
        kind: info,
    }
    return keep(host, "destination", target, record, attempt=tries, reason=condition)


# --- moto ---


def install(host: Host) -> None:
    """Take moto's own triggers, which run inside SendMessage and PutItem, off the sources; poll instead."""
    host.consumers.providers.append(lambda source_arn: [consumer_of(host, each) for each in _mappings(source_arn)])

    def create(backend: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        _refuse_window(spec)
        _refuse_large_batch(spec)
        _refuse_second(backend, spec)
        mapping: EventSourceMapping = original_create(backend, spec)
        _disarm(mapping)
        host.consumers.begin(consumer_of(host, mapping))
        return mapping

    def update(backend: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        _refuse_window(spec)
        mapping: EventSourceMapping | None = original_update(backend, uuid, spec)
        if mapping is not None:
            mapping.function_name = spec.get("FunctionName", mapping.function_name)
            host.consumers.wake(mapping.event_source_arn)
        return mapping

    def list_all(backend: LambdaBackend, event_source_arn: str, function_name: str) -> Iterable[EventSourceMapping]:
        # moto compares the text that each was made with: a name never finds what was made with an ARN
        name = (function_name and function_name.partition(":function:")[2]) or function_name
        return [
            mapping
            for mapping in original_list(backend, event_source_arn, "")
            if not name or mapping.function_arn.split(":")[6] == name.partition(":")[0]
        ]

    original_list = patch("awslambda.models:LambdaBackend.list_event_source_mappings", list_all)
    original_create = patch("awslambda.models:LambdaBackend.create_event_source_mapping", create)
    original_update = patch("awslambda.models:LambdaBackend.update_event_source_mapping", update)


def _mappings(source_arn: str | None) -> list[EventSourceMapping]:
    return [
        mapping
        for backends in list(lambda_backends.values())
        for backend in list(backends.values())
        for mapping in list(backend._event_source_mappings.values())
        if source_arn in (None, mapping.event_source_arn)
    ]


def _refuse_window(spec: dict[str, Any]) -> None:
    if spec.get("TumblingWindowInSeconds"):
        raise InvalidParameterValueException("chainkit emulates no tumbling windows; leave TumblingWindowInSeconds out")


def _refuse_large_batch(spec: dict[str, Any]) -> None:
    """Refuse more than ten messages at once without a window, as AWS does for a queue."""
    is_large = ":sqs:" in spec.get("EventSourceArn", "") and int(spec.get("BatchSize") or 0) > MOST_WITHOUT_WINDOW
    if is_large and not spec.get("MaximumBatchingWindowInSeconds"):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _refuse_second(backend: LambdaBackend, spec: dict[str, Any]) -> None:
    function = backend.get_function(spec["FunctionName"]) if spec.get("FunctionName") else None
    for mapping in list(backend._event_source_mappings.values()):
        is_same = mapping.event_source_arn == spec.get("EventSourceArn")
        if function and is_same and mapping.function_arn == function.function_arn:
            raise MappingExistsError(mapping)


def _disarm(mapping: EventSourceMapping) -> None:
    """Remove the mapping from where moto triggers it."""
    from moto.dynamodb.models import dynamodb_backends
    from moto.kinesis.models import kinesis_backends
    from moto.sqs.models import sqs_backends

    account, region = mapping.account_id, mapping.region
    holders: list[Any] = [
        *sqs_backends[account][region].queues.values(),
        *dynamodb_backends[account][region].tables.values(),
        *kinesis_backends[account][region].streams.values(),
    ]
    for holder in holders:
        holder.lambda_event_source_mappings.clear()
