"""Step Functions: tasks, retries and waits on the clock, JSONata, Express."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

ECHO = "def handler(event, context):\n    return event"
INVOKE = "arn:aws:states:::lambda:invoke"


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
    done = aws.execute(aws.machine(states), root, {"n": 1, "items": [1, 2, 3]})

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
    done = aws.execute(aws.machine(states), root)
    runs = events_of(aws, root, "invocation")

    assert json.loads(done["output"])["error"]["Error"] == "ValueError"
    assert len(runs) == 2
    assert 30 <= runs[1]["at_s"] - runs[0]["at_s"] < 35
    assert [event["span_s"] for event in events_of(aws, root, "retry wait")] == [30]
    assert time.monotonic() - began_s < 20


def test_a_wait_takes_no_time_and_stands_in_the_history(aws, root):
    done = aws.execute(aws.machine({"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}), root)

    assert 3600 <= (done["stopDate"] - done["startDate"]).total_seconds() < 3605
    assert events_of(aws, root, "execution")[0]["span_s"] >= 3600
    history = aws.client("stepfunctions").get_execution_history(executionArn=done["executionArn"])["events"]
    assert (history[-1]["timestamp"] - history[0]["timestamp"]).total_seconds() >= 3600


def test_a_wait_until_a_timestamp_ends_at_that_time(aws, root):
    aws.emulator.advance(5 * 3600)
    now = aws.execute(aws.machine({"Now": {"Type": "Succeed"}}), root)["startDate"]
    until = now + timedelta(days=1)
    wait = {"Type": "Wait", "Timestamp": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "End": True}
    done = aws.execute(aws.machine({"Wait": wait}), root)

    assert abs((done["stopDate"] - until).total_seconds()) < 10


def test_the_context_says_when_by_the_clock(aws, root):
    wait = {"Type": "Wait", "Seconds": 86400, "Next": "Say"}
    say = {"Type": "Pass", "Parameters": {"at.$": "$$.State.EnteredTime"}, "End": True}
    done = aws.execute(aws.machine({"Wait": wait, "Say": say}), root)
    at = datetime.fromisoformat(json.loads(done["output"])["at"])

    assert (at - done["startDate"]).total_seconds() >= 86400


def test_an_uncaught_error_fails_the_execution(aws, root):
    _, failing = aws.function("def handler(event, context):\n    raise ValueError('no')")
    done = aws.execute(aws.machine({"Try": task(failing)}), root)
    (execution,) = events_of(aws, root, "execution")

    assert (done["status"], done["error"]) == ("FAILED", "ValueError")
    assert execution["status"] == "error"
    assert "ValueError" in execution["reason"]


def test_a_throttled_task_fails_with_lambdas_error(aws, root):
    name, function = aws.function(ECHO)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    done = aws.execute(aws.machine({"Try": task(function)}), root)

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
    done = aws.execute(aws.machine(states), root)

    assert done["status"] == "SUCCEEDED"
    assert sorted(aws.bodies(url, 3)) == ["published", "put", "sent"]
    assert {"send", "publish", "put events"} <= set(aws.whats(root))


def test_jsonata_assigns_and_computes(aws, root):
    _, echo = aws.function(ECHO)
    states = {
        "Sum": {
            "Type": "Pass",
            "Assign": {
                "total": "{% $sum($states.input.items) %}",
                "say": 'a "quoted" word',
                "heard": "{% $states.input.word %}",
            },
            "Next": "Call",
        },
        "Call": {
            "Type": "Task",
            "Resource": INVOKE,
            "Arguments": {
                "FunctionName": echo,
                "Payload": {"total": "{% $total %}", "say": "{% $say %}", "heard": "{% $heard %}"},
            },
            "Output": "{% $states.result.Payload %}",
            "End": True,
        },
    }
    done = aws.execute(aws.machine(states, QueryLanguage="JSONata"), root, {"items": [1, 2, 3], "word": '"!"'})

    assert json.loads(done["output"]) == {"total": 6, "say": 'a "quoted" word', "heard": '"!"'}


def test_an_express_machine_answers_synchronously(aws, root):
    _, echo = aws.function(ECHO)
    arn = aws.machine({"Wait": {"Type": "Wait", "Seconds": 60, "Next": "Call"}, "Call": task(echo)}, kind="EXPRESS")
    answer = aws.traced("stepfunctions", root).start_sync_execution(stateMachineArn=arn, input='{"a": 1}')

    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["Payload"] == {"a": 1}
    assert aws.whats(root)[0] == "execution"
    billed_ms = answer["billingDetails"]["billedDurationInMilliseconds"]
    assert billed_ms >= 60_000
    assert billed_ms % 100 == 0


def test_an_express_machine_tells_of_its_failure(aws):
    arn = aws.machine({"No": {"Type": "Fail", "Error": "Refused", "Cause": "no"}}, kind="EXPRESS")
    answer = aws.client("stepfunctions").start_sync_execution(stateMachineArn=arn)

    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Refused", "no")


def test_executions_without_names_do_not_collide(aws, root):
    arn = aws.machine({"Done": {"Type": "Succeed"}})

    assert aws.execute(arn, root)["executionArn"] != aws.execute(arn, root)["executionArn"]


def test_a_state_timeout_ends_a_task_that_runs_too_long(aws, root):
    _, slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(2)")
    done = aws.execute(aws.machine({"Slow": task(slow, TimeoutSeconds=1)}), root)

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

    assert json.loads(aws.execute(aws.machine(states), root)["output"]) == {"ok": 1}


@pytest.mark.parametrize("condition", ["", ".sync", ".sync:2"])
def test_a_task_starts_another_machine(aws, root, condition):
    child = aws.machine(
        {"Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Say"}, "Say": {"Type": "Pass", "Result": 1, "End": True}}
    )
    start = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{condition}",
        "Parameters": {"StateMachineArn": child, "Input": {"a": 1}},
        "End": True,
    }
    done = aws.execute(aws.machine({"Start": start}), root)
    output = json.loads(done["output"])

    assert done["status"] == "SUCCEEDED"
    assert output["ExecutionArn"].startswith(child.replace(":stateMachine:", ":execution:"))
    assert output.get("Output") == {"": None, ".sync": "1", ".sync:2": 1}[condition]
    assert len(events_of(aws, root, "execution")) == 2


@pytest.mark.parametrize(("last", "status"), [({"Type": "Pass", "End": True}, "SUCCEEDED"), (None, "FAILED")])
def test_a_task_sees_how_a_synchronous_express_execution_ended_by_its_status(aws, root, last, status):
    refuse = {"Type": "Fail", "Error": "Refused", "Cause": "no"}
    child = aws.machine({"Say": last or refuse}, kind="EXPRESS")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": child, "Input.$": "$"},
        "End": True,
    }
    done = aws.execute(aws.machine({"Start": start}), root)

    assert done["status"] == "SUCCEEDED"  # the API answers 200 even if the execution has failed
    assert json.loads(done["output"])["Status"] == status


def test_a_request_is_in_flight_until_the_caller_of_a_synchronous_execution_has_ended(aws, root):
    child = aws.machine({"Say": {"Type": "Pass", "End": True}}, kind="EXPRESS")
    _, slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(0.5)")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": child, "Input.$": "$"},
        "Next": "Slow",
    }

    assert aws.execute(aws.machine({"Start": start, "Slow": task(slow)}), root)["status"] == "SUCCEEDED"


def test_a_choice_without_a_match_fails_by_its_name(aws, root):
    rule = {"Variable": "$.n", "NumericEquals": 1, "Next": "Done"}
    states = {"Which": {"Type": "Choice", "Choices": [rule]}, "Done": {"Type": "Succeed"}}
    done = aws.execute(aws.machine(states), root, {"n": 2})

    assert (done["status"], done["error"]) == ("FAILED", "States.NoChoiceMatched")


def test_a_catch_of_all_does_not_catch_a_runtime_error(aws, root):
    # States.Runtime and States.DataLimitExceeded end an execution: docs.aws.amazon.com, concepts-error-handling.html
    _, large = aws.function("def handler(event, context):\n    return 'x' * 300000")
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    caught = {"Caught": {"Type": "Pass", "Result": "caught", "End": True}}
    plain = {"Type": "Task", "Resource": large, "Catch": catch, "End": True}

    assert aws.execute(aws.machine({"Large": plain, **caught}), root)["error"] == "States.DataLimitExceeded"
    plain["Parameters"] = {"missing.$": "$.missing"}
    assert aws.execute(aws.machine({"Large": plain, **caught}), root)["error"] == "States.Runtime"


def test_tasks_write_to_a_table_and_read_from_it(aws, root):
    table = f"t-{uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S.$": "$.id"}, "n": {"N": "1"}}
    states = {
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Parameters": {"TableName": table, "Item": item},
            "ResultPath": None,
            "Next": "Get",
        },
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:getItem",
            "Parameters": {"TableName": table, "Key": {"id": {"S.$": "$.id"}}},
            "OutputPath": "$.Item",
            "End": True,
        },
    }
    done = aws.execute(aws.machine(states), root, {"id": "a"})

    assert json.loads(done["output"]) == {"id": {"S": "a"}, "n": {"N": "1"}}


def test_an_sdk_task_reads_an_object_and_fails_by_the_services_name(aws, root):
    bucket = f"b-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("s3").put_object(Bucket=bucket, Key="a.txt", Body="hello")
    get = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": bucket, "Key.$": "$.key"},
        "OutputPath": "$.Body",
        "End": True,
    }
    arn = aws.machine({"Get": get})

    assert json.loads(aws.execute(arn, root, {"key": "a.txt"})["output"]) == "hello"
    assert aws.execute(arn, root, {"key": "b.txt"})["error"] == "S3.NoSuchKeyException"


def test_a_state_that_fails_stands_in_the_story(aws, root):
    aws.execute(aws.machine({"No": {"Type": "Fail", "Error": "Refused"}}), root)

    assert [(event["ids"], event["status"]) for event in events_of(aws, root, "state")] == [(["No"], "error")]


def test_waits_inside_branches_and_items_take_no_time_and_stand_in_the_story(aws, root):
    wait = {"Type": "Wait", "Seconds": 3600, "End": True}
    states = {
        "Both": {"Type": "Parallel", "Branches": [{"StartAt": name, "States": {name: wait}} for name in "AB"]},
        "Each": {"Type": "Map", "ItemProcessor": {"StartAt": "C", "States": {"C": wait}}, "End": True},
    }
    states["Both"]["Next"] = "Each"
    done = aws.execute(aws.machine(states), root)
    spans = {event["ids"][0]: event["span_s"] for event in events_of(aws, root, "state")}

    assert 7200 <= (done["stopDate"] - done["startDate"]).total_seconds() < 7210
    assert set(spans) == {"Both", "Each", *"ABC"}
    assert min(spans.values()) >= 3600
