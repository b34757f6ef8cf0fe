"""Invoke -> function: payloads, errors, timeouts, concurrency, qualifiers, logs."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

COUNTER = """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return calls
"""


def invoke(aws, name, event=None, **options):
    response = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    text = response["Payload"].read().decode()
    return response, json.loads(text) if text else None


def test_the_payload_comes_back_with_the_context_and_the_log_tail(aws):
    code = (
        "def handler(event, context):\n    print('hello')\n    return [event, context.get_remaining_time_in_millis()]"
    )
    name, _ = aws.function(code, Timeout=5)

    response, (event, left_ms) = invoke(aws, name, {"a": 1}, LogType="Tail")

    assert event == {"a": 1}
    assert 0 < left_ms <= 5000
    assert "hello" in base64.b64decode(response["LogResult"]).decode()
    assert response["ExecutedVersion"] == "$LATEST"


def test_an_environment_is_reused(aws):
    name, _ = aws.function(COUNTER)

    assert [invoke(aws, name)[1] for _ in range(3)] == [1, 2, 3]


def test_a_change_of_the_configuration_gives_a_new_environment(aws):
    name, _ = aws.function(COUNTER)
    invoke(aws, name)
    aws.client("lambda").update_function_configuration(FunctionName=name, Timeout=9)

    assert invoke(aws, name)[1] == 1


def test_an_error_has_the_name_of_the_exception(aws):
    name, _ = aws.function(
        "class OrderError(Exception): pass\ndef handler(event, context):\n    raise OrderError('no')"
    )

    response, payload = invoke(aws, name)

    assert response["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("OrderError", "no")
    assert "raise OrderError" in payload["stackTrace"][0]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import nothing_of_this_name", "Runtime.ImportModuleError"),
        ("def handler(event, context) return 1", "Runtime.UserCodeSyntaxError"),
        ("x = 1", "Runtime.HandlerNotFound"),
        ("1 / 0", "ZeroDivisionError"),
        ("def handler(event, context):\n    return {1, 2}", "Runtime.MarshalError"),
        ("import sys\ndef handler(event, context):\n    sys.exit(3)", "Runtime.ExitError"),
        ("import os\ndef handler(event, context):\n    os._exit(4)", "Runtime.ExitError"),
        ("def handler(event, context):\n    return 'x' * 7_000_000", "Function.ResponseSizeTooLarge"),
        ("def handler(event, context):\n    raise OSError(chr(0xD800))", "OSError"),
    ],
)
def test_the_runtime_names_its_own_errors_as_aws_does(aws, code, error):
    name, _ = aws.function(code)

    response, payload = invoke(aws, name)

    assert (response["FunctionError"], payload["errorType"]) == ("Unhandled", error)


def test_a_timeout_kills_the_environment_and_keeps_what_was_printed(aws, root):
    code = (
        "import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(event.get('s', 0))\n    return 1"
    )
    name, arn = aws.function(code, Timeout=1)
    response, payload = invoke(aws, name, {"s": 30}, LogType="Tail")

    assert response["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in payload["errorMessage"]
    assert "begun" in base64.b64decode(response["LogResult"]).decode()
    aws.traced("lambda", root).invoke(FunctionName=name)
    assert "init" in aws.whats(root), f"a new environment for {arn}"


def test_reserved_concurrency_throttles(aws):
    name, _ = aws.function("import time\ndef handler(event, context):\n    time.sleep(event['s'])")
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(invoke, aws, name, {"s": 1.5})
        time.sleep(0.7)
        with pytest.raises(ClientError) as refused:
            invoke(aws, name, {"s": 0})
        first.result()

    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_calls_at_once_run_in_several_environments(aws):
    name, _ = aws.function("import os, time\ndef handler(event, context):\n    time.sleep(1)\n    return os.getpid()")
    with ThreadPoolExecutor() as threads:
        pids = [call.result()[1] for call in [threads.submit(invoke, aws, name) for _ in range(4)]]

    assert len(set(pids)) == 4
    assert set(pids) <= set(aws.emulator.workers())


def test_a_function_calls_another(aws, root):
    inner, _ = aws.function("def handler(event, context):\n    return event['n'] + 1")
    outer, _ = aws.function(
        "import boto3, json\n"
        "def handler(event, context):\n"
        f"    answer = boto3.client('lambda').invoke(FunctionName='{inner}', Payload=json.dumps({{'n': 1}}))\n"
        "    return json.load(answer['Payload'])"
    )

    aws.traced("lambda", root).invoke(FunctionName=outer)

    assert invoke(aws, outer)[1] == 2
    assert aws.whats(root) == ["invocation", "init", "invocation", "init"]


def test_a_qualifier_runs_the_version_that_it_names(aws):
    name, _ = aws.function("def handler(event, context):\n    return context.function_version")
    client = aws.client("lambda")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    assert invoke(aws, name)[1] == "$LATEST"
    assert invoke(aws, name, Qualifier="live")[1] == "1"
    assert invoke(aws, f"{name}:live")[1] == "1"


def test_logs_are_framed_as_lambda_does(aws):
    name, _ = aws.function(
        "import logging\nlogging.getLogger().setLevel('INFO')\n"
        "def handler(event, context):\n    print('printed')\n    logging.info('logged')"
    )
    response, _ = invoke(aws, name)
    group = f"/aws/lambda/{name}"
    events = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    lines = [event["message"].strip() for event in events]
    request_id = response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]

    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1] == "printed"
    assert lines[2].startswith("[INFO]\t")
    assert lines[2].endswith(f"Z\t{request_id}\tlogged")
    assert lines[3] == f"END RequestId: {request_id}"
    for part in ("Duration: ", "Billed Duration: ", "Memory Size: 128 MB", "Max Memory Used: ", "Init Duration: "):
        assert part in lines[4]


def test_a_worker_holds_nothing_of_the_user(aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "mine")
    name, _ = aws.function("import os\ndef handler(event, context):\n    return dict(os.environ)")

    variables = invoke(aws, name)[1]

    assert variables["AWS_ENDPOINT_URL"] == aws.emulator.endpoint_url
    assert variables["AWS_ACCESS_KEY_ID"] == "testing"
    assert "AWS_PROFILE" not in variables
    assert not any(name.startswith("_CHAINKIT") for name in variables)


def test_a_function_cannot_change_where_its_calls_go(aws):
    variables = {"AWS_ENDPOINT_URL": "https://example.com", "MINE": "kept"}
    name, _ = aws.function(
        "import os\ndef handler(event, context):\n    return os.environ['AWS_ENDPOINT_URL'], os.environ['MINE']",
        Environment={"Variables": variables},
    )

    assert invoke(aws, name)[1] == [aws.emulator.endpoint_url, "kept"]


def test_a_payload_over_the_limit_is_refused(aws):
    name, _ = aws.function("def handler(event, context):\n    return 1")
    with pytest.raises(ClientError) as sync:
        invoke(aws, name, {"x": "y" * 6_300_000})
    with pytest.raises(ClientError) as asynchronous:
        invoke(aws, name, {"x": "y" * 1_100_000}, InvocationType="Event")

    assert sync.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert asynchronous.value.response["Error"]["Code"] == "RequestEntityTooLargeException"


def test_another_runtime_version_is_a_warning_in_the_story(aws, root):
    name, _ = aws.function("def handler(event, context):\n    return 1", Runtime="python3.14")

    aws.traced("lambda", root).invoke(FunctionName=name)
    init = next(event for event in aws.emulator.story(root) if event["what"] == "init")

    assert init["status"] == "ok"
    assert "python3.14" in init["reason"]


def test_another_language_is_an_error(aws):
    name, _ = aws.function("def handler(event, context):\n    return 1", Runtime="nodejs22.x")

    response, payload = invoke(aws, name)

    assert response["FunctionError"] == "Unhandled"
    assert "asks for nodejs22.x" in payload["errorMessage"]


def test_the_environments_of_a_deleted_function_end(aws):
    name, _ = aws.function("import os\ndef handler(event, context):\n    return os.getpid()")
    _, pid = invoke(aws, name)
    is_idle = pid in aws.emulator.workers()
    aws.client("lambda").delete_function(FunctionName=name)

    assert is_idle
    assert pid not in aws.emulator.workers()


def test_a_layer_is_importable(aws):
    from tests.emulation.conftest import zipped

    layer = aws.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped({"python/shared.py": "ANSWER = 42"})}
    )
    code = "import shared\ndef handler(event, context):\n    return shared.ANSWER"
    name, _ = aws.function(code, Layers=[layer["LayerVersionArn"]])

    assert invoke(aws, name)[1] == 42
