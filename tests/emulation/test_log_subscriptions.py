"""CloudWatch Logs -> function."""

import base64
import gzip
import json
import time
import uuid

import pytest


@pytest.fixture
def group(aws):
    name = f"/g/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=name)
    aws.client("logs").create_log_stream(logGroupName=name, logStreamName="s")
    return name


def write(aws, root, group, *messages):
    events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
    aws.traced("logs", root).put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert aws.emulator.settle(root)


def subscribe(aws, group, function, pattern):
    aws.client("logs").put_subscription_filter(
        logGroupName=group, filterName="f", filterPattern=pattern, destinationArn=function
    )


def test_a_function_gets_the_events_that_the_pattern_lets_through(aws, group, root):
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event)")
    subscribe(aws, group, function, "ERROR")
    write(aws, root, group, "ERROR one", "INFO two")
    write(aws, root, group, "INFO three")
    (event,) = aws.bodies(reports, 2, wait_s=0)
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))

    assert (data["messageType"], data["owner"]) == ("DATA_MESSAGE", "123456789012")
    assert (data["logGroup"], data["logStream"], data["subscriptionFilters"]) == (group, "s", ["f"])
    assert [each["message"] for each in data["logEvents"]] == ["ERROR one"]
    assert isinstance(data["logEvents"][0]["id"], str)
    assert "log subscription" in aws.whats(root)


def test_what_a_function_prints_reaches_another(aws, root):
    name, _ = aws.function("def handler(event, context):\n    print('ERROR in', event['id'])")
    _, watcher, reports = aws.reporting(
        "import base64, gzip, json\ndef handler(event, context):\n"
        "    data = json.loads(gzip.decompress(base64.b64decode(event['awslogs']['data'])))\n"
        "    report([each['message'].strip() for each in data['logEvents']])"
    )
    aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    subscribe(aws, f"/aws/lambda/{name}", watcher, '"ERROR in"')
    aws.traced("lambda", root).invoke(FunctionName=name, Payload=b'{"id": 7}')
    aws.emulator.settle(root)

    assert aws.bodies(reports) == [["ERROR in 7"]]
    assert aws.whats(root).count("invocation") == 2


def test_a_function_that_is_gone_does_not_fail_the_writer(aws, group, root):
    name, function = aws.function("def handler(event, context):\n    return 1")
    subscribe(aws, group, function, "")
    aws.client("lambda").delete_function(FunctionName=name)
    write(aws, root, group, "hello")

    assert [e["status"] for e in aws.emulator.story(root) if e["what"] == "log subscription"] == ["error"]
