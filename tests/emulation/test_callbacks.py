"""Tasks that wait for somebody outside: tokens, heartbeats, activities, StopExecution."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest


def asking(aws, top=None, **options):
    """Start an execution that sends its token to a queue; return (its ARN, the token)."""
    url, _ = aws.queue()
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
        **options,
    }
    execution = begin(aws, aws.machine({"Ask": ask}, **(top or {})))
    return execution, aws.bodies(url)[0]["token"]


def begin(aws, arn):
    return aws.client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]


def ended(aws, execution):
    """Return an execution's description when it does not run any more."""
    deadline_s = time.monotonic() + 10
    while (found := aws.client("stepfunctions").describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline_s, "the execution still runs"
        time.sleep(0.02)
    return found


def test_a_failure_keeps_its_cause(aws):
    execution, token = asking(aws)
    aws.client("stepfunctions").send_task_failure(taskToken=token, error="No", cause="because")
    done = ended(aws, execution)

    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "No", "because")


def test_a_token_is_good_once(aws):
    client = aws.client("stepfunctions")
    execution, token = asking(aws)
    with pytest.raises(client.exceptions.InvalidOutput):
        client.send_task_success(taskToken=token, output="no JSON")
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_success(taskToken="another", output="1")
    client.send_task_heartbeat(taskToken=token)  # nobody asked for one: no harm
    client.send_task_success(taskToken=token, output="1")

    assert ended(aws, execution)["output"] == "1"
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=token, output="2")


def test_a_task_that_nobody_answers_fails_after_its_timeout(aws):
    execution, token = asking(aws, TimeoutSeconds=3600)
    began_s = time.monotonic()
    aws.emulator.advance(3601)
    done = ended(aws, execution)

    assert done["error"] == "States.Timeout"
    assert (done["stopDate"] - done["startDate"]).total_seconds() >= 3600
    assert time.monotonic() - began_s < 60
    with pytest.raises(aws.client("stepfunctions").exceptions.TaskTimedOut):
        aws.client("stepfunctions").send_task_success(taskToken=token, output="1")


def test_an_execution_that_runs_out_of_time_ends_what_waits(aws):
    execution, token = asking(aws, {"TimeoutSeconds": 3600})
    aws.emulator.advance(3601)

    assert ended(aws, execution)["status"] == "TIMED_OUT"
    deadline_s = time.monotonic() + 5
    while aws.history(execution)[-1] != "ExecutionTimedOut":
        assert time.monotonic() < deadline_s, "the task still waits"
    with pytest.raises(aws.client("stepfunctions").exceptions.TaskTimedOut):
        aws.client("stepfunctions").send_task_success(taskToken=token, output="1")


def test_heartbeats_keep_a_task_and_a_missing_one_ends_it(aws):
    client = aws.client("stepfunctions")
    execution, token = asking(aws, HeartbeatSeconds=600, TimeoutSeconds=7200)
    for _ in range(3):
        aws.emulator.advance(400)
        client.send_task_heartbeat(taskToken=token)

    assert client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    aws.emulator.advance(601)
    assert ended(aws, execution)["error"] == "States.Timeout"


def test_a_heartbeat_can_be_caught_by_its_own_name(aws, root):
    url, _ = aws.queue()
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"},
        "HeartbeatSeconds": 1,
        "TimeoutSeconds": 60,
        "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}],
        "End": True,
    }
    late = {"Late": {"Type": "Pass", "Result": "late", "End": True}}
    done = aws.execute(aws.machine({"Ask": ask, **late}), root)

    assert done["output"] == '"late"'
    ask["Catch"][0]["ErrorEquals"] = ["States.Timeout"]  # which is both
    assert aws.execute(aws.machine({"Ask": ask, **late}), root)["output"] == '"late"'


def test_a_stopped_execution_ends_at_once_with_its_error(aws):
    client = aws.client("stepfunctions")
    execution, token = asking(aws)
    stopped = client.stop_execution(executionArn=execution, error="Off", cause="by hand")
    done = client.describe_execution(executionArn=execution)

    assert (done["status"], done["error"], done["cause"]) == ("ABORTED", "Off", "by hand")
    assert done["stopDate"] == stopped["stopDate"]
    assert aws.history(execution)[-1] == "ExecutionAborted"
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=token, output="1")


def test_a_handler_that_runs_when_its_execution_is_stopped_says_nothing_more(aws, root):
    _, _, reports = function = aws.reporting(
        "import time\ndef handler(event, context):\n    report('began')\n    time.sleep(0.5)\n    report('ended')"
    )
    states = {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Slow", "States": {"Slow": {"Type": "Task", "Resource": function[1], "End": True}}},
                {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}},
            ],
            "End": True,
        }
    }
    client = aws.client("stepfunctions")
    started = aws.traced("stepfunctions", root).start_execution(stateMachineArn=aws.machine(states))["executionArn"]
    assert aws.bodies(reports) == ["began"]
    client.stop_execution(executionArn=started)

    assert client.describe_execution(executionArn=started)["status"] == "ABORTED"
    assert aws.bodies(reports) == ["ended"]
    assert aws.emulator.settle(root, timeout_s=10)
    assert aws.history(started)[-1] == "ExecutionAborted"


def test_an_activity_hands_its_task_to_a_worker(aws):
    client = aws.client("stepfunctions")
    activity = client.create_activity(name=f"a-{uuid.uuid4().hex[:8]}")["activityArn"]
    work = {"Type": "Task", "Resource": activity, "Parameters": {"n": 1}, "HeartbeatSeconds": 60, "End": True}
    with ThreadPoolExecutor() as pool:
        polled = pool.submit(client.get_activity_task, activityArn=activity, workerName="me")
        execution = begin(aws, aws.machine({"Work": {**work, "TimeoutSeconds": 600}}))
        task = polled.result()
    client.send_task_success(taskToken=task["taskToken"], output='{"done": true}')

    assert json.loads(task["input"]) == {"n": 1}
    assert json.loads(ended(aws, execution)["output"]) == {"done": True}
    assert "ActivityStarted" in aws.history(execution)


def test_an_activity_can_miss_its_heartbeat(aws):
    client = aws.client("stepfunctions")
    activity = client.create_activity(name=f"a-{uuid.uuid4().hex[:8]}")["activityArn"]
    work = {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 60, "TimeoutSeconds": 600, "End": True}
    work["Catch"] = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}]
    execution = begin(aws, aws.machine({"Work": work, "Late": {"Type": "Pass", "Result": "late", "End": True}}))
    assert client.get_activity_task(activityArn=activity)["taskToken"]
    aws.emulator.advance(61)

    assert ended(aws, execution)["output"] == '"late"'


def test_an_activity_that_nobody_polls_times_out(aws):
    client = aws.client("stepfunctions")
    activity = client.create_activity(name=f"a-{uuid.uuid4().hex[:8]}")["activityArn"]
    work = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 300, "End": True}
    execution = begin(aws, aws.machine({"Work": work}))
    aws.emulator.advance(301)

    assert ended(aws, execution)["error"] == "States.Timeout"


def test_an_activity_without_a_task_answers_with_no_token(aws):
    client = aws.client("stepfunctions")
    activity = client.create_activity(name=f"a-{uuid.uuid4().hex[:8]}")["activityArn"]
    with ThreadPoolExecutor() as pool:
        polled = pool.submit(client.get_activity_task, activityArn=activity)
        time.sleep(0.2)
        aws.emulator.advance(61)

    assert polled.result().get("taskToken") is None
    with pytest.raises(client.exceptions.ActivityDoesNotExist):
        client.get_activity_task(activityArn=activity + "x")
