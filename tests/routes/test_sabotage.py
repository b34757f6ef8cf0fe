"""Each check is red where an endpoint does one thing wrong: a field that it ignores, or a handler that does otherwise.

The fault is put between the check and a working emulator: a field of a request is dropped or changed on its way, which
is what an endpoint that ignores the field amounts to. `because` is what the check has to say, so that it is red for its
own reason.
"""

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from chainkit.packaging import zipped
from chainkit.probing import CHECKS, Result
from chainkit.probing import asynchronous as asynchronous_checks
from chainkit.probing import events as event_checks
from chainkit.probing import queues as queue_checks
from chainkit.probing.place import Clients
from chainkit.probing.running import ask

Fields = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    operation: str
    """As botocore's events name it: service and operation."""
    change: Callable[[Fields], Fields]
    because: str
    is_of_answers: bool = False


def without(*names: str) -> Callable[[Fields], Fields]:
    return lambda fields: {name: value for name, value in fields.items() if name not in names}


def having(**values: Any) -> Callable[[Fields], Fields]:
    return lambda fields: {**fields, **values}


def rewritten(field: str, old: str, new: str) -> Callable[[Fields], Fields]:
    return lambda fields: {**fields, field: fields[field].replace(old, new)}


def coded(old: str, new: str, text: str) -> Fault:
    """Return the fault of a handler that does something else."""

    def change(fields: Fields) -> Fields:
        files = zipfile.ZipFile(io.BytesIO(fields["Code"]["ZipFile"]))
        contents = {name: files.read(name) for name in files.namelist()}
        contents["handlers.py"] = contents["handlers.py"].replace(old.encode(), new.encode())
        return {**fields, "Code": {"ZipFile": zipped(contents.items())}}

    return Fault("lambda.CreateFunction", change, text)


def machine(old: str, new: str, text: str) -> Fault:
    return Fault("sfn.CreateStateMachine", rewritten("definition", old, new), text)


def mapping(change: Callable[[Fields], Fields], text: str) -> Fault:
    return Fault("lambda.CreateEventSourceMapping", change, text)


def unhidden(fields: Fields) -> Fields:
    return {**fields, "VisibilityTimeout": 0} if fields.get("VisibilityTimeout") == 60 else fields


def three_tries(fields: Fields) -> Fields:
    policy = json.loads(fields["Attributes"].get("RedrivePolicy", "{}"))
    if not policy:
        return fields
    return {
        **fields,
        "Attributes": {**fields["Attributes"], "RedrivePolicy": json.dumps({**policy, "maxReceiveCount": "3"})},
    }


def unfiltered(fields: Fields) -> Fields:
    return {**fields, "Attributes": without("FilterPolicy", "FilterPolicyScope")(fields["Attributes"])}


def sourceless(fields: Fields) -> Fields:
    return {**fields, "EventPattern": json.dumps(without("detail")(json.loads(fields["EventPattern"])))}


def untransformed(fields: Fields) -> Fields:
    return {**fields, "Targets": [without("InputTransformer")(target) for target in fields["Targets"]]}


def unprefixed(fields: Fields) -> Fields:
    wanted = fields["NotificationConfiguration"]["LambdaFunctionConfigurations"]
    return {
        **fields,
        "NotificationConfiguration": {"LambdaFunctionConfigurations": [without("Filter")(x) for x in wanted]},
    }


def keys_only(fields: Fields) -> Fields:
    return {**fields, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}


DISABLED = having(State="DISABLED")
FAULTS = {
    "invoke_sync": Fault("lambda.Invoke", without("LogType"), "LogResult"),
    "invoke_warm_reuse": coded("_calls += 1", "_calls = 1", "[1, 1, 1]"),
    "invoke_error": Fault("lambda.Invoke", without("FunctionError"), "FunctionError: None", is_of_answers=True),
    "invoke_timeout": Fault("lambda.CreateFunction", having(Timeout=3), "after 3.00 seconds"),
    "reentrant_sync": coded('json.dumps(event["with"])', '"{}"', "what the inner function got: {}"),
    "concurrent_envs": coded("ENVIRONMENT = uuid.uuid4().hex", 'ENVIRONMENT = "x"', "environments: 1"),
    "reserved_concurrency_throttle": Fault(
        "lambda.PutFunctionConcurrency", having(ReservedConcurrentExecutions=2), "error: None"
    ),
    "alias_invoke_version_pin": Fault("lambda.Invoke", without("Qualifier"), "('2', '2')"),
    "lambda_metrics": coded('raise OrderRefusedError("no stock")', "return None", "errors: 0"),
    "function_url": coded('"statusCode": 201', '"statusCode": 200', "status: 200"),
    "invoke_async": Fault("lambda.Invoke", having(InvocationType="RequestResponse"), "StatusCode: 200"),
    "async_retry_dest_onfailure": Fault(
        "lambda.PutFunctionEventInvokeConfig", having(MaximumRetryAttempts=0), "attempts: 1 of 2"
    ),
    "async_dest_onsuccess": coded('return {"told": event}', "return {}", "responsePayload: {}"),
    "async_dlq": Fault("lambda.CreateFunction", without("DeadLetterConfig"), "the dead letter: nothing"),
    "sqs_visibility": Fault("sqs.ReceiveMessage", unhidden, "messages while it is hidden"),
    "sqs_esm": Fault("sqs.SendMessage", without("MessageAttributes"), "the attribute: (None, None)"),
    "sqs_esm_batching": mapping(having(BatchSize=1), "a batch is larger than one"),
    "sqs_esm_retry_dlq": Fault("sqs.CreateQueue", three_tries, "attempts: 3 instead of 2"),
    "sqs_esm_partial_batch": mapping(without("FunctionResponseTypes"), "the dead letter: nothing"),
    "sqs_esm_filter": mapping(without("FilterCriteria"), "messages that arrived"),
    "sqs_fifo_order": coded("time.time_ns()", "-time.time_ns()", "['4', '3', '2', '1', '0']"),
    "sns_lambda": Fault("sns.Publish", without("MessageAttributes"), "MessageAttributes: {}"),
    "sns_sqs_filter_raw": Fault("sns.Subscribe", unfiltered, "instead of 1: "),
    "sns_fifo_sqs_fifo": Fault(
        "sns.Publish", lambda fields: {**fields, "MessageDeduplicationId": uuid.uuid4().hex}, "instead of 2: "
    ),
    "eb_lambda": Fault("eventbridge.PutRule", sourceless, "instead of 1: "),
    "eb_sqs_transform": Fault("eventbridge.PutTargets", untransformed, "bodies: "),
    "eb_sfn": Fault("eventbridge.PutRule", DISABLED, "the task: nothing"),
    "eb_logs": Fault("eventbridge.PutRule", DISABLED, "a log event: nothing"),
    "eb_archive_replay": Fault(
        "eventbridge.CreateArchive", having(EventPattern='{"source": ["nobody"]}'), "the event is archived: nothing"
    ),
    "eb_schedule_rule": Fault("eventbridge.PutRule", DISABLED, "a tick: nothing"),
    "scheduler_at": Fault(
        "scheduler.CreateSchedule",
        lambda fields: {**fields, "Target": {**fields["Target"], "Input": "{}"}},
        "the event: {}",
    ),
    "pipe_sqs_lambda": Fault("pipes.CreatePipe", having(DesiredState="STOPPED"), "an invocation: nothing"),
    "ddb_stream": Fault("dynamodb.CreateTable", keys_only, "NewImage"),
    "kinesis": Fault("kinesis.PutRecord", having(PartitionKey="another"), "partitionKey: 'another'"),
    "logs_subscription": Fault("cloudwatch-logs.PutSubscriptionFilter", having(filterPattern=""), "'all is well'"),
    "s3_lambda": Fault("s3.PutBucketNotificationConfiguration", unprefixed, "instead of 1: "),
    "s3_sqs": Fault(
        "s3.PutBucketNotificationConfiguration", having(NotificationConfiguration={}), "of the object: nothing"
    ),
    "s3_eventbridge": Fault(
        "s3.PutBucketNotificationConfiguration", having(NotificationConfiguration={}), "events: nothing"
    ),
    "sfn_lambda_choice_parallel_map": machine('"OutputPath": "$.sum"', '"OutputPath": "$"', "FAILED"),
    "sfn_retry_catch": machine('"MaxAttempts": 1', '"MaxAttempts": 0', "attempts: 1 of 2"),
    "sfn_jsonata": machine("$sum(", "$count(", "{'due': 3, 'added': 16}"),
    "sfn_sqs_sns_ddb_eb": machine('"Message.$": "$.text"', '"Message": "else"', "published: ['else']"),
    "sfn_wait_for_task_token": coded('"approved"', '"refused"', "{'refused': 7}"),
    "sfn_nested_sync": machine(".sync:2", ".sync", "Output and Status"),
    "sfn_express_sync": Fault("sfn.CreateStateMachine", having(type="STANDARD"), "not supported by this type"),
    "sfn_distributed_map": machine('"Type": "Map"', '"Type": "Map", "ToleratedFailureCount": 3', "'SUCCEEDED'"),
}


def sabotaged(endpoint: str, name: str) -> Result:
    fault, clients = FAULTS[name], Clients(endpoint, "us-east-1")

    def of_request(params: Fields, **_: Any) -> Fields:
        return fault.change(params)

    def of_answer(parsed: Fields, **_: Any) -> None:
        changed = fault.change(parsed)
        parsed.clear()
        parsed.update(changed)

    moment = "after-call" if fault.is_of_answers else "provide-client-params"
    clients.session.events.register(f"{moment}.{fault.operation}", of_answer if fault.is_of_answers else of_request)
    try:
        return ask(CHECKS[name], clients, patience_s=6)
    finally:
        clients.close()


@pytest.fixture(scope="module")
def results(endpoint: str) -> dict[str, Result]:
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(6) as pool:
        # What is not to come need not be waited for as long.
        patch.setattr(asynchronous_checks, "RETRY_S", 1)
        patch.setattr(event_checks, "LATE_S", 1)
        patch.setattr(queue_checks, "VISIBILITY_S", 3)
        return dict(zip(FAULTS, pool.map(lambda name: sabotaged(endpoint, name), FAULTS), strict=True))


def test_every_check_has_its_fault() -> None:
    assert list(FAULTS) == list(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_check_is_red_where_its_route_is_wrong(results: dict[str, Result], name: str) -> None:
    assert FAULTS[name].because in results[name].instead
