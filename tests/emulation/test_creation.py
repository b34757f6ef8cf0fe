"""State machines that AWS would not take are not taken."""

import json

import pytest
from botocore.exceptions import ClientError

PASS = {"Type": "Pass", "End": True}


def refusal(aws, states, **options):
    with pytest.raises(aws.client("stepfunctions").exceptions.InvalidDefinition) as refused:
        aws.machine(states, **options)
    return refused.value.response["Error"]["Message"]


def test_a_definition_that_leads_nowhere_is_refused(aws):
    # the answer of AWS to such a definition: github.com/localstack/localstack/pull/12487
    states = {"pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": PASS}

    assert refusal(aws, states) == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at "
        '/States/pass1/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2\''
    )


def test_an_unknown_start_is_refused(aws):
    assert "Missing 'Next' target: B at /StartAt" in refusal(aws, {"A": PASS}, start="B")


def test_what_is_no_definition_is_refused_by_the_same_name(aws):
    assert "Nonsense" in refusal(aws, {"A": {"Type": "Nonsense", "End": True}})


def test_an_express_machine_may_not_wait_for_a_token(aws):
    wait = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True}
    wait["Parameters"] = {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}

    assert "Express state machine does not support '.waitForTaskToken'" in refusal(aws, {"A": wait}, kind="EXPRESS")
    assert aws.machine({"A": wait})


def test_an_update_is_checked_as_well(aws):
    client, arn = aws.client("stepfunctions"), aws.machine({"A": PASS})
    broken = json.dumps({"StartAt": "B", "States": {"A": PASS}})
    with pytest.raises(client.exceptions.InvalidDefinition):
        client.update_state_machine(stateMachineArn=arn, definition=broken)

    assert json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])["StartAt"] == "A"


def test_type_logging_and_tracing_are_kept(aws):
    group = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:x:*"}}
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [group]}
    settings = {"loggingConfiguration": logging, "tracingConfiguration": {"enabled": True}}
    arn = aws.machine({"A": PASS}, kind="EXPRESS", settings=settings)
    found = aws.client("stepfunctions").describe_state_machine(stateMachineArn=arn)

    assert {key: found[key] for key in ("type", *settings)} == {"type": "EXPRESS", **settings}


def test_what_the_emulator_cannot_run_is_refused_when_it_is_created(aws):
    batcher = {"MaxItemsPerBatchPath": "$.n"}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A"}
    each = {"Type": "Map", "ItemBatcher": batcher, "ItemProcessor": {**processor, "States": {"A": PASS}}, "End": True}

    assert "the emulator does not have ItemBatcher.MaxItemsPerBatchPath" in refusal(aws, {"Each": each})


def test_an_input_that_is_not_json_is_refused_by_name(aws):
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        aws.client("stepfunctions").start_execution(stateMachineArn=aws.machine({"A": PASS}), input="{")
