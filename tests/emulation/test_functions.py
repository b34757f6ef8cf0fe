"""A function's settings: what create and update name is read back, and acted on."""

import json

import pytest

CODE = "def handler(event, context):\n    print('here')\n    return 1"

ASKED = {
    "TracingConfig": {"Mode": "Active"},
    "EphemeralStorage": {"Size": 1024},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": "mine"},
    "KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
}


def test_what_is_asked_for_is_read_back_after_create_and_after_update(aws):
    client = aws.client("lambda")
    created, _ = aws.function(CODE, SnapStart={"ApplyOn": "PublishedVersions"}, **ASKED)
    updated, _ = aws.function(CODE)
    answer = client.update_function_configuration(
        FunctionName=updated, SnapStart={"ApplyOn": "PublishedVersions"}, **ASKED
    )
    for shown in (
        client.get_function_configuration(FunctionName=created),
        client.get_function(FunctionName=updated)["Configuration"],
        answer,
    ):
        assert {name: shown[name] for name in ASKED} == ASKED
        assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}


def test_what_is_not_asked_for_has_the_defaults_of_aws(aws):
    name, _ = aws.function(CODE)
    shown = aws.client("lambda").get_function_configuration(FunctionName=name)

    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert "DeadLetterConfig" not in shown
    assert shown["SnapStart"]["ApplyOn"] == "None"


def test_an_update_leaves_what_it_does_not_name_and_takes_away_what_it_empties(aws):
    client = aws.client("lambda")
    name, _ = aws.function(CODE, Environment={"Variables": {"A": "1"}}, **ASKED)
    client.update_function_configuration(FunctionName=name, Timeout=7)
    kept = client.get_function_configuration(FunctionName=name)
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": ""}, Environment={})
    emptied = client.get_function_configuration(FunctionName=name)

    assert {key: kept[key] for key in ASKED} == ASKED
    assert "DeadLetterConfig" not in emptied
    assert "Environment" not in emptied


def test_logs_go_to_the_group_that_is_named(aws):
    name, _ = aws.function(CODE, LoggingConfig={"LogFormat": "Text", "LogGroup": f"group-of-{id(aws)}"})
    aws.client("lambda").invoke(FunctionName=name)
    events = aws.client("logs").filter_log_events(logGroupName=f"group-of-{id(aws)}")["events"]

    assert "here" in [event["message"] for event in events]


def test_logs_in_json_are_said_to_be_text_here(aws, root):
    name, _ = aws.function(CODE, LoggingConfig={"LogFormat": "JSON"})
    aws.traced("lambda", root).invoke(FunctionName=name)
    (init,) = [event for event in aws.emulator.story(root) if event["what"] == "init"]

    assert "asks for logs in JSON, and has them as text here" in init["reason"]


@pytest.mark.parametrize("when", ["create", "update"])
def test_a_dead_letter_queue_gets_the_event_after_the_attempts(aws, root, when):
    client = aws.client("lambda")
    dead_url, dead = aws.queue()
    config = {"DeadLetterConfig": {"TargetArn": dead}}
    name, _ = aws.function(
        "def handler(event, context):\n    raise ValueError('no')", **(config if when == "create" else {})
    )
    if when == "update":
        client.update_function_configuration(FunctionName=name, **config)
    aws.traced("lambda", root).invoke(FunctionName=name, InvocationType="Event", Payload='{"n": 1}')
    settled = aws.emulator.settle(root)
    (message,) = aws.messages(dead_url, 1)

    assert settled
    assert aws.whats(root).count("invocation") == 3
    assert json.loads(message["Body"]) == {"n": 1}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_the_old_call_for_events_does_not_wait(aws, root):
    name, _, reports = aws.reporting("def handler(event, context):\n    report(event)\n    raise ValueError('no')")
    answer = aws.traced("lambda", root).invoke_async(FunctionName=name, InvokeArgs=b'{"n": 1}')

    assert answer["Status"] == 202
    assert aws.emulator.settle(root)
    assert aws.bodies(reports, 3) == [{"n": 1}] * 3
