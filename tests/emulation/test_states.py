"""Step Functions: tasks, retries and waits on the clock, JSONata, Express."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

ECHO = "def handler(event, context):\n    return event"
INVOKE = "arn:aws:states:::lambda:invoke"


def machine(aws, states, *, start=None, kind="STANDARD", **options):
    definition = {"StartAt": start or next(iter(states)), "States": states, **options}
    return aws.client("stepfunctions").create_state_machine(
        name=f"m-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=aws.role(), type=kind
    )["stateMachineArn"]


def execute(aws, arn, root, value=None):
    """Run an execution to its end; return its description."""
    started = aws.traced("stepfunctions", root).start_execution(stateMachineArn=arn, input=json.dumps(value or {}))
    assert aws.emulator.settle(root, timeout_s=30)
    return aws.client("stepfunctions").describe_execution(executionArn=started["executionArn"])


def task(function, *, end=True, **options):
    parameters = {"FunctionName": function, "Payload.$": "$"}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, **({"End": True} if end else {}), **options}


def events_of(aws, root, what):
    return [event for event in aws.emulator.story(root) if event["what"] == what]


def test_choice_parallel_and_map_run_functions(aws, root):
    _, echo = aws.function(ECHO)
    plain = {"Type": "Task", "Resource": echo, "End": True}
    states = {
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "Both"}]},
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": task(echo, OutputPath="$.Payload")}},
                {"StartAt": "B", "States": {"B": plain}},
            ],
            "ResultPath": "$.both",
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemProcessor": {"StartAt": "C", "States": {"C": plain}},
            "End": True,
        },
    }
    done = execute(aws, machine(aws, states), root, {"n": 1, "items": [1, 2, 3]})

    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"]) == [1, 2, 3]
    assert len(events_of(aws, root, "invocation")) == 5
    assert {event["ids"][0] for event in events_of(aws, root, "state")} == {"Which", "Both", "Each", "A", "B", "C"}


def test_retry_and_catch_go_by_the_name_of_the_exception(aws, root):
    _, failing = aws.function("def handler(event, context):\n    raise ValueError('no')")
    states = {
        "Try": task(
            failing,
            Retry=[{"ErrorEquals": ["ValueError"], "IntervalSeconds": 30, "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["ValueError"], "ResultPath": "$.error", "Next": "Caught"}],
        ),
        "Caught": {"Type": "Pass", "End": True},
    }
    del states["Try"]["End"]
    states["Try"]["Next"] = "Caught"
    began_s = time.monotonic()
    done = execute(aws, machine(aws, states), root)
    runs = events_of(aws, root, "invocation")

    assert json.loads(done["output"])["error"]["Error"] == "ValueError"
    assert len(runs) == 2
    assert 30 <= runs[1]["at_s"] - runs[0]["at_s"] < 35
    assert [event["span_s"] for event in events_of(aws, root, "retry wait")] == [30]
    assert time.monotonic() - began_s < 20


def test_a_wait_takes_no_time_and_stands_in_the_history(aws, root):
    done = execute(aws, machine(aws, {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}), root)

    assert 3600 <= (done["stopDate"] - done["startDate"]).total_seconds() < 3605
    assert events_of(aws, root, "execution")[0]["span_s"] >= 3600


def test_a_wait_until_a_timestamp_ends_at_that_time(aws, root):
    until = datetime.now(UTC) + timedelta(days=1)
    wait = {"Type": "Wait", "Timestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "End": True}
    done = execute(aws, machine(aws, {"Wait": wait}), root)

    assert abs((done["stopDate"] - until).total_seconds()) < 10


def test_an_uncaught_error_fails_the_execution(aws, root):
    _, failing = aws.function("def handler(event, context):\n    raise ValueError('no')")
    done = execute(aws, machine(aws, {"Try": task(failing)}), root)
    (execution,) = events_of(aws, root, "execution")

    assert (done["status"], done["error"]) == ("FAILED", "ValueError")
    assert execution["status"] == "error"
    assert "ValueError" in execution["reason"]


def test_a_throttled_task_fails_with_lambdas_error(aws, root):
    name, function = aws.function(ECHO)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    done = execute(aws, machine(aws, {"Try": task(function)}), root)

    assert done["error"] == "Lambda.TooManyRequestsException"


def test_tasks_send_publish_and_put_events(aws, root):
    url, queue = aws.queue()
    topic = aws.client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"}
    )
    client, name = aws.client("events"), f"r-{uuid.uuid4().hex[:8]}"
    client.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue, "InputPath": "$.detail.word"}])
    entry = {"Source": name, "DetailType": "x", "Detail": {"word": "put"}, "EventBusName": "default"}
    states = {
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": url, "MessageBody": '"sent"'},
            "Next": "Publish",
        },
        "Publish": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn": topic, "Message": '"published"'},
            "Next": "Put",
        },
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Parameters": {"Entries": [entry]},
            "End": True,
        },
    }
    done = execute(aws, machine(aws, states), root)

    assert done["status"] == "SUCCEEDED"
    assert sorted(aws.bodies(url, 3)) == ["published", "put", "sent"]
    assert {"send", "publish", "put events"} <= set(aws.whats(root))


def test_jsonata_assigns_and_computes(aws, root):
    _, echo = aws.function(ECHO)
    states = {
        "Sum": {
            "Type": "Pass",
            "Assign": {"total": "{% $sum($states.input.items) %}", "say": 'a "quoted" word'},
            "Next": "Call",
        },
        "Call": {
            "Type": "Task",
            "Resource": INVOKE,
            "Arguments": {"FunctionName": echo, "Payload": {"total": "{% $total %}", "say": "{% $say %}"}},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        },
    }
    done = execute(aws, machine(aws, states, QueryLanguage="JSONata"), root, {"items": [1, 2, 3]})

    assert json.loads(done["output"]) == {"total": 6, "say": 'a "quoted" word'}


def test_an_express_machine_answers_synchronously(aws, root):
    _, echo = aws.function(ECHO)
    arn = machine(aws, {"Wait": {"Type": "Wait", "Seconds": 60, "Next": "Call"}, "Call": task(echo)}, kind="EXPRESS")
    answer = aws.traced("stepfunctions", root).start_sync_execution(stateMachineArn=arn, input='{"a": 1}')

    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["Payload"] == {"a": 1}
    assert aws.whats(root)[0] == "execution"


def test_an_express_machine_tells_of_its_failure(aws):
    arn = machine(aws, {"No": {"Type": "Fail", "Error": "Refused", "Cause": "no"}}, kind="EXPRESS")
    answer = aws.client("stepfunctions").start_sync_execution(stateMachineArn=arn)

    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Refused", "no")


def test_executions_without_names_do_not_collide(aws, root):
    arn = machine(aws, {"Done": {"Type": "Succeed"}})

    assert execute(aws, arn, root)["executionArn"] != execute(aws, arn, root)["executionArn"]


def test_a_state_timeout_ends_a_task_that_runs_too_long(aws, root):
    _, slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(2)")
    done = execute(aws, machine(aws, {"Slow": task(slow, TimeoutSeconds=1)}), root)

    assert (done["status"], done["error"]) == ("FAILED", "States.Timeout")


def test_a_callback_from_a_handler_ends_the_task(aws, root):
    _, function = aws.function(
        "import boto3\ndef handler(event, context):\n"
        "    boto3.client('stepfunctions').send_task_success(taskToken=event['token'], output='{\"ok\": 1}')"
    )
    states = {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}},
            "TimeoutSeconds": 60,
            "End": True,
        }
    }

    assert json.loads(execute(aws, machine(aws, states), root)["output"]) == {"ok": 1}


@pytest.mark.parametrize("condition", ["", ".sync", ".sync:2"])
def test_a_task_starts_another_machine(aws, root, condition):
    child = machine(
        aws, {"Wait": {"Type": "Wait", "Seconds": 5, "Next": "Say"}, "Say": {"Type": "Pass", "Result": 1, "End": True}}
    )
    start = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{condition}",
        "Parameters": {"StateMachineArn": child, "Input": {"a": 1}},
        "End": True,
    }
    done = execute(aws, machine(aws, {"Start": start}), root)
    output = json.loads(done["output"])

    assert done["status"] == "SUCCEEDED"
    assert output["ExecutionArn"].startswith(child.replace(":stateMachine:", ":execution:"))
    assert output.get("Output") == {"": None, ".sync": "1", ".sync:2": 1}[condition]
    assert len(events_of(aws, root, "execution")) == 2


@pytest.mark.parametrize(("last", "status"), [({"Type": "Pass", "End": True}, "SUCCEEDED"), (None, "FAILED")])
def test_a_task_sees_how_a_synchronous_express_execution_ended_by_its_status(aws, root, last, status):
    refuse = {"Type": "Fail", "Error": "Refused", "Cause": "no"}
    child = machine(aws, {"Say": last or refuse}, kind="EXPRESS")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": child, "Input.$": "$"},
        "End": True,
    }
    done = execute(aws, machine(aws, {"Start": start}), root)

    assert done["status"] == "SUCCEEDED"  # the API answers 200 even if the execution has failed
    assert json.loads(done["output"])["Status"] == status


def test_a_request_is_in_flight_until_the_caller_of_a_synchronous_execution_has_ended(aws, root):
    child = machine(aws, {"Say": {"Type": "Pass", "End": True}}, kind="EXPRESS")
    _, slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(0.5)")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": child, "Input.$": "$"},
        "Next": "Slow",
    }

    assert execute(aws, machine(aws, {"Start": start, "Slow": task(slow)}), root)["status"] == "SUCCEEDED"
