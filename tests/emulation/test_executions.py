"""Executions as their API shows them."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

PASS = {"Type": "Pass", "End": True}


def test_an_execution_that_runs_out_of_time_says_when(aws, root):
    client = aws.client("stepfunctions")
    arn = aws.machine({"Wait": {"Type": "Wait", "Seconds": 100, "End": True}}, TimeoutSeconds=10)
    done = aws.execute(arn, root)
    (listed,) = client.list_executions(stateMachineArn=arn, statusFilter="TIMED_OUT")["executions"]

    assert done["status"] == "TIMED_OUT"
    assert 10 <= (done["stopDate"] - done["startDate"]).total_seconds() < 12
    assert listed["stopDate"] == done["stopDate"]
    assert aws.history(done["executionArn"])[-1] == "ExecutionTimedOut"
    assert [event["status"] for event in aws.emulator.story(root) if event["what"] == "execution"] == ["timeout"]


def test_an_output_that_is_null_is_an_output(aws, root):
    assert aws.execute(aws.machine({"None": {**PASS, "Result": None}}), root)["output"] == "null"


def test_an_execution_keeps_the_definition_it_began_with(aws, root):
    client, arn = aws.client("stepfunctions"), aws.machine({"A": PASS})
    done = aws.execute(arn, root)
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps({"StartAt": "B", "States": {"B": PASS}}))
    found = client.describe_state_machine_for_execution(executionArn=done["executionArn"])

    assert json.loads(found["definition"])["StartAt"] == "A"
    assert found["stateMachineArn"] == arn


def test_a_history_is_read_in_pages_and_from_its_end(aws, root):
    client = aws.client("stepfunctions")
    arn = aws.execute(aws.machine({"A": PASS}), root)["executionArn"]
    order = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    options = {"executionArn": arn, "reverseOrder": True, "includeExecutionData": False}
    first = client.get_execution_history(maxResults=3, **options)
    rest = client.get_execution_history(maxResults=3, nextToken=first["nextToken"], **options)

    assert aws.history(arn) == order
    assert [event["type"] for event in first["events"] + rest["events"]] == order[::-1]
    assert "nextToken" not in rest
    assert "output" not in first["events"][0]["executionSucceededEventDetails"]


def test_executions_write_their_logs(aws, root):
    group = f"/aws/vendedlogs/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=group)
    target = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}}
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [target]}
    arn = aws.machine({"A": PASS}, kind="EXPRESS", settings={"loggingConfiguration": logging})
    aws.execute(arn, root, {"a": 1})
    lines = [
        json.loads(event["message"]) for event in aws.client("logs").filter_log_events(logGroupName=group)["events"]
    ]

    assert [line["type"] for line in lines] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert json.loads(lines[0]["details"]["input"]) == {"a": 1}


def test_versions_and_aliases_run_what_they_were_published_with(aws, root):
    client = aws.client("stepfunctions")
    one = json.dumps({"StartAt": "A", "States": {"A": {**PASS, "Result": 1}}})
    made = client.create_state_machine(name=f"m-{root[-8:]}", definition=one, roleArn=aws.role(), publish=True)
    client.update_state_machine(stateMachineArn=made["stateMachineArn"], definition=one.replace("1", "2"))
    alias = client.create_state_machine_alias(
        name="live",
        routingConfiguration=[{"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}],
    )["stateMachineAliasArn"]

    outputs = [aws.execute(arn, root)["output"] for arn in (made["stateMachineVersionArn"], alias)]
    assert outputs == ["1", "1"]
    assert aws.execute(made["stateMachineArn"], root)["output"] == "2"


def test_a_name_serves_once(aws, root):
    client, arn = aws.client("stepfunctions"), aws.machine({"A": PASS})
    client.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=arn, name="one", input='{"a": 2}')
    with pytest.raises(ClientError, match="InvalidName"):
        client.start_execution(stateMachineArn=arn, name="a name?")
