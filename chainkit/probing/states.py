"""Checks of Step Functions: the language, its integrations, executions that wait."""

import json
from typing import Any

from chainkit.probing.checking import check, expect
from chainkit.probing.events import rule
from chainkit.probing.machines import States, call, machine, outcome, output
from chainkit.probing.place import Place
from chainkit.probing.storage import bucket, put_object

_INVOKE = "arn:aws:states:::lambda:invoke"


@check
def sfn_lambda_choice_parallel_map(at: Place) -> None:
    """A task, a Choice, a Parallel with ResultPath and OutputPath and an inline Map give exactly the output of AWS."""
    add_up, double = at.function("add_up").arn, at.function("double").arn
    branch = {"StartAt": "Double", "States": {"Double": call(double, InputPath="$.sum.total")}}
    other = {"StartAt": "Say", "States": {"Say": {"Type": "Pass", "Result": [1, 2, 3], "End": True}}}
    states = {
        "Sum": call(add_up, "Which", ResultPath="$.sum"),
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.sum.total", "NumericGreaterThan": 100, "Next": "Both"}],
            "Default": "Small",
        },
        "Small": {"Type": "Succeed"},
        "Both": {
            "Type": "Parallel",
            "Branches": [branch, other],
            "ResultPath": "$.sum.both",
            "OutputPath": "$.sum",
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.both[1]",
            "MaxConcurrency": 2,
            "ItemProcessor": {"StartAt": "Double", "States": {"Double": call(double)}},
            "ResultPath": "$.doubled",
            "End": True,
        },
    }
    arn = machine(at, states)

    small = output(at, arn, {"amounts": [1, 2]})
    large = output(at, arn, {"amounts": [1, 200, 3]})
    expect("output of a small order", small, {"amounts": [1, 2], "sum": {"total": 3}})
    wanted = {"total": 204, "both": [408, [1, 2, 3]], "doubled": [2, 4, 6]}
    expect("output of a large order", large, wanted)


@check
def sfn_retry_catch(at: Place) -> None:
    """A retry and a catch are chosen by the exception's name: two calls, then Error is ValueError."""
    function = at.function("stumble")
    task = call(
        function.arn,
        "Wrong",
        Retry=[
            {"ErrorEquals": ["KeyError"], "MaxAttempts": 5, "IntervalSeconds": 1},
            {"ErrorEquals": ["ValueError"], "MaxAttempts": 1, "IntervalSeconds": 1},
        ],
        Catch=[
            {"ErrorEquals": ["KeyError"], "Next": "Wrong"},
            {"ErrorEquals": ["ValueError"], "ResultPath": "$.caught", "Next": "Right"},
        ],
    )
    states = {"Stumble": task, "Right": {"Type": "Pass", "End": True}, "Wrong": {"Type": "Fail"}}
    came = output(at, machine(at, states), {"order": 7})
    attempts = function.seen(2, "attempts", rest_s=1)

    expect("Error", came["caught"]["Error"], "ValueError")
    expect("errorMessage of the Cause", json.loads(came["caught"]["Cause"])["errorMessage"], "not a number")
    expect("what the attempts got", attempts, [{"order": 7}] * 2)


@check
def sfn_jsonata(at: Place) -> None:
    """JSONata: Assign, Arguments, Output and $sum."""
    function = at.function("add_up")
    states: States = {
        "Keep": {
            "Type": "Pass",
            "Assign": {"due": "{% $sum($states.input.amounts) %}"},
            "Output": "{% $states.input.amounts %}",
            "Next": "Add",
        },
        "Add": {
            "Type": "Task",
            "Resource": _INVOKE,
            "Arguments": {"FunctionName": function.arn, "Payload": {"amounts": "{% $append($states.input, 10) %}"}},
            "Output": {"due": "{% $due %}", "added": "{% $states.result.Payload.total %}"},
            "End": True,
        },
    }
    came = output(at, machine(at, states, QueryLanguage="JSONata"), {"amounts": [1, 2, 3]})

    expect("output", came, {"due": 6, "added": 16})


@check
def sfn_sqs_sns_ddb_eb(at: Place) -> None:
    """Integrations without a function: sendMessage, publish, putItem, putEvents, and GetItem of the SDK."""
    (direct, _), (topical, topical_arn), (eventful, eventful_arn) = (at.queue(word) for word in "abc")
    topic, table = _topic_to(at, topical_arn), _table(at)
    rule(at, eventful_arn)
    event = {"Source": at.prefix, "DetailType": "Order", "Detail": {"order": 7}, "EventBusName": "default"}
    key = {"id": {"S": "order 7"}}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("sqs:sendMessage", {"QueueUrl": direct, "MessageBody.$": "$.text"}),
        ("sns:publish", {"TopicArn": topic, "Message.$": "$.text"}),
        ("dynamodb:putItem", {"TableName": table, "Item": {**key, "amount": {"N": "500"}}}),
        ("events:putEvents", {"Entries": [event]}),
        ("aws-sdk:dynamodb:getItem", {"TableName": table, "Key": key}),
    ]
    states = {
        f"Step{k}": {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{resource}",
            "Parameters": parameters,
            **({"ResultPath": None, "Next": f"Step{k + 1}"} if k < len(steps) - 1 else {"End": True}),
        }
        for k, (resource, parameters) in enumerate(steps)
    }
    came = output(at, machine(at, states), {"text": "order 7"})

    expect("the item", came["Item"], {**key, "amount": {"N": "500"}})
    expect("sent", [message["Body"] for message in at.messages(direct, 1, "the message")], ["order 7"])
    expect("published", [body["Message"] for body in at.bodies(topical, 1, "the notification")], ["order 7"])
    expect("put", [body["detail"] for body in at.bodies(eventful, 1, "the event")], [{"order": 7}])


def _topic_to(at: Place, queue_arn: str) -> str:
    sns = at.aws("sns")
    arn = str(sns.create_topic(Name=at.name("topic"))["TopicArn"])
    at.later("sns", "delete_topic", TopicArn=arn)
    made = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, ReturnSubscriptionArn=True)
    at.later("sns", "unsubscribe", SubscriptionArn=made["SubscriptionArn"])
    return arn


def _table(at: Place) -> str:
    client, name = at.aws("dynamodb"), at.name("orders")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    at.later("dynamodb", "delete_table", TableName=name)
    look = client.describe_table
    at.until("the table is there", lambda: look(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    return name


@check
def sfn_wait_for_task_token(at: Place) -> None:
    """A task that waits for its token ends with what the handler's SendTaskSuccess says."""
    function = at.function("hand_back")
    payload = {"token.$": "$$.Task.Token", "order.$": "$.order"}
    states = {
        "Ask": {
            "Type": "Task",
            "Resource": f"{_INVOKE}.waitForTaskToken",
            "Parameters": {"FunctionName": function.arn, "Payload": payload},
            "End": True,
        }
    }
    came = output(at, machine(at, states), {"order": 7})

    expect("output", came, {"approved": 7})


@check
def sfn_nested_sync(at: Place) -> None:
    """startExecution.sync:2 gives the child's output as JSON."""
    function = at.function("add_up")
    child = machine(at, {"Add": call(function.arn)}, word="child")
    states = {
        "Child": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": child, "Input.$": "$"},
            "End": True,
        }
    }
    came = output(at, machine(at, states), {"amounts": [1, 2]})

    expect("Output and Status", (came["Output"], came["Status"]), ({"total": 3}, "SUCCEEDED"))


@check
def sfn_express_sync(at: Place) -> None:
    """StartSyncExecution answers SUCCEEDED, with the output."""
    arn = machine(at, {"Add": call(at.function("add_up").arn)}, kind="EXPRESS")
    said = at.aws("stepfunctions").start_sync_execution(stateMachineArn=arn, input=json.dumps({"amounts": [1, 2]}))

    expect("status", said["status"], "SUCCEEDED")
    expect("output", json.loads(said["output"]), {"total": 3})


@check
def sfn_distributed_map(at: Place) -> None:
    """Items from S3 give three results; with a child that fails, the Map fails, by the name that AWS gives it."""
    name = bucket(at)
    put_object(at, name, "good.json", b"[1, 2, 3]")
    put_object(at, name, "bad.json", b"[1, -2, 3]")
    each = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": name, "Key.$": "$.key"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Double",
            "States": {"Double": call(at.function("double").arn)},
        },
        "End": True,
    }
    arn = machine(at, {"Each": each})
    good = output(at, arn, {"key": "good.json"})
    bad = outcome(at, arn, {"key": "bad.json"})

    expect("results", good, [2, 4, 6])
    wanted = ("FAILED", "States.ExceedToleratedFailureThreshold")
    expect("with a child that fails", (bad["status"], bad.get("error")), wanted)
