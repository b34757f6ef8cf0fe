"""Invoke -> function: payloads, errors, timeouts, concurrency, qualifiers, logs."""

import base64
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from chainkit.emulation import Emulator
from tests.emulation.conftest import Aws, zipped

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


def log_lines(aws, name):
    """Return the lines of a function's log group."""
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"].strip() for event in events]


def invoke_and_log(aws, name, event=None):
    """Invoke and return the lines of the log tail."""
    response, _ = invoke(aws, name, event, LogType="Tail")
    return base64.b64decode(response["LogResult"]).decode().splitlines()


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
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


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


def test_each_line_has_the_time_at_which_it_was_written(aws):
    name, _ = aws.function(
        "import time\ndef handler(e, c):\n print('before', flush=True)\n time.sleep(0.3)\n print('after', flush=True)\n"
        " time.sleep(0.2)"
    )
    aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    at_ms = {event["message"].split()[0]: event["timestamp"] for event in events}

    assert at_ms["START"] <= at_ms["before"] < at_ms["after"] < at_ms["END"]
    assert [event["message"].split()[0] for event in events if "WARNING" not in event["message"]] == [
        "START", "before", "after", "END", "REPORT",
    ]  # fmt: skip


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
    assert "Init Duration" not in invoke_and_log(aws, name)[-1], "a warm one has none"
    for part in ("Duration: ", "Billed Duration: ", "Memory Size: 128 MB", "Max Memory Used: ", "Init Duration: "):
        assert part in lines[4]


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6 * 2**20), ("Event", 2**20)])
def test_a_payload_over_the_limit_is_refused(aws, kind, limit):
    name, _ = aws.function("def handler(event, context):\n    return len(event)")
    client = aws.client("lambda")
    fits = client.invoke(FunctionName=name, InvocationType=kind, Payload=json.dumps("y" * (limit - 2)))
    fits["Payload"].read()
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName=name, InvocationType=kind, Payload=json.dumps("y" * (limit - 1)))

    assert fits["StatusCode"] == (200 if kind == "RequestResponse" else 202)
    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert f"payload is too large for the {kind} invocation type (limit {limit} bytes)" in str(refused.value)


def test_another_runtime_version_is_a_warning_in_the_story(aws, root):
    name, _ = aws.function("def handler(event, context):\n    return 1", Runtime="python3.14")

    aws.traced("lambda", root).invoke(FunctionName=name)
    init = next(event for event in aws.emulator.story(root) if event["what"] == "init")

    assert init["status"] == "ok"
    assert "python3.14" in init["reason"]
    assert any("asks for python3.14" in line for line in log_lines(aws, name))


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
    layer = aws.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped({"python/shared.py": "ANSWER = 42"})}
    )
    code = "import shared\ndef handler(event, context):\n    return shared.ANSWER"
    name, _ = aws.function(code, Layers=[layer["LayerVersionArn"]])

    assert invoke(aws, name)[1] == 42


def test_a_layer_built_for_the_runtime_that_is_asked_for_is_importable(aws):
    files = {"python/lib/python3.14/site-packages/built.py": "ANSWER = 14"}
    layer = aws.client("lambda").publish_layer_version(LayerName="built", Content={"ZipFile": zipped(files)})
    code = "import built\ndef handler(event, context):\n    return built.ANSWER"
    name, _ = aws.function(code, Layers=[layer["LayerVersionArn"]], Runtime="python3.14")

    assert invoke(aws, name)[1] == 14


def test_the_log_tail_is_the_last_four_kilobytes(aws):
    name, _ = aws.function("def handler(event, context):\n    [print(f'line {n:05}') for n in range(2000)]")
    response, _ = invoke(aws, name, LogType="Tail")
    tail = base64.b64decode(response["LogResult"])

    assert len(tail) == 4096
    assert b"line 01999" in tail
    assert b"REPORT RequestId" in tail
    assert "LogResult" not in invoke(aws, name)[0]


def test_a_handler_may_have_several_files_and_packages_beside_it(aws):
    files = {
        "app/main.py": "import vendored\nfrom app.prices import total\nfrom . import prices\n"
        "def handle(event, context):\n"
        "    return [total(event), prices.__name__, vendored.VERSION, open('app/rates.txt').read()]",
        "app/__init__.py": "",
        "app/prices.py": "def total(event):\n    return sum(event)",
        "app/rates.txt": "rates",
        "vendored/__init__.py": "from vendored.version import VERSION",
        "vendored/version.py": "VERSION = '1.0'",
    }
    name = f"f-{uuid.uuid4().hex[:8]}"
    aws.client("lambda").create_function(
        FunctionName=name,
        Code={"ZipFile": zipped(files)},
        Runtime="python3.11",
        Handler="app/main.handle",
        Role=aws.role(),
    )

    assert invoke(aws, name, [1, 2])[1] == [3, "app.prices", "1.0", "rates"]


def test_too_much_memory_is_said_in_the_words_of_aws_and_in_ours(aws, root):
    name, _ = aws.function("def handler(event, context):\n    return len(b'x' * event['bytes'])", MemorySize=128)
    client = aws.client("lambda")
    fits = invoke(aws, name, {"bytes": 50_000_000})[1]
    response = aws.traced("lambda", root).invoke(FunctionName=name, Payload=json.dumps({"bytes": 300_000_000}))
    payload = json.load(response["Payload"])
    after = invoke(aws, name, {"bytes": 1})[1]

    assert (fits, after) == (50_000_000, 1)
    assert (response["FunctionError"], payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert payload["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    (run,) = [event for event in aws.emulator.story(root) if event["what"] == "invocation"]
    assert "its function has 128 MB" in run["reason"]
    assert any("out of memory" in line for line in run["logs"])
    assert "Max Memory Used: 128 MB" in run["logs"][-1]
    assert client.get_function_configuration(FunctionName=name)["State"] == "Active"


def test_too_much_memory_at_import_is_an_error_of_the_init(aws):
    name, _ = aws.function("held = b'x' * 300_000_000\ndef handler(event, context):\n    return 1")
    _, payload = invoke(aws, name)

    assert payload["errorType"] == "Runtime.ExitError"
    assert any("out of memory" in line for line in log_lines(aws, name))


def test_an_environment_is_cold_again_after_ten_minutes_of_the_clock(aws, root):
    """The second event waits until the reserved concurrency of 0 is gone and the clock has jumped ahead."""
    name, _, reports = aws.reporting(COUNTER.replace("return calls", "report(calls)\n    raise ValueError('again')"))
    aws.traced("lambda", root).invoke(FunctionName=name, InvocationType="Event")
    settled = aws.emulator.settle(root)
    warm = aws.bodies(reports, 3, wait_s=0)
    url, queue = aws.queue(DelaySeconds="900")
    aws.map_queue(queue, aws.function("def handler(event, context):\n    return 1")[1])
    second = aws.emulator.root_id()
    aws.traced("sqs", second).send_message(QueueUrl=url, MessageBody="x")
    waited = aws.emulator.settle(second)
    aws.client("lambda").invoke(FunctionName=name)

    assert (settled, waited) == (True, True)
    assert warm == [1, 2, 3], "retries after one and two minutes find it warm"
    assert aws.bodies(reports, 1, wait_s=0) == [1], "fifteen minutes later it is gone"


@pytest.fixture(scope="module")
def spied(tmp_path_factory):
    """What a handler finds that looks for the user's keys, in an emulator whose starter holds some."""
    home = tmp_path_factory.mktemp("home")
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text("[default]\naws_access_key_id=CANARY\naws_secret_access_key=CANARY\n")
    (home / ".aws/config").write_text("[default]\nregion=CANARY\n[profile mine]\nregion=CANARY\n")
    secrets = (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "TOKEN",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in secrets:
            patch.setenv(name, "CANARY")
        patch.setenv("AWS_CONFIG_FILE", str(home / ".aws/config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws/credentials"))
        emulator = Emulator().start()
    with emulator:
        aws = Aws(emulator)
        name, _ = aws.function(SPY, Timeout=30)
        yield aws, invoke(aws, name)[1], log_lines(aws, name)


SPY = """
import os, pathlib

def read(path):
    try:
        return pathlib.Path(path).expanduser().read_bytes().decode("utf-8", "replace")
    except OSError as error:
        return str(error)

def handler(event, context):
    import boto3
    session = boto3.Session()
    keys = session.get_credentials()
    print(dict(os.environ))
    return {
        "environ": dict(os.environ),
        "boto": [keys.access_key, keys.secret_key, keys.token, session.region_name, session.available_profiles],
        "endpoint": session.client("sqs").meta.endpoint_url,
        "home": [read("~/.aws/credentials"), read("~/.aws/config"), os.path.expanduser("~")],
        "parent": [read(f"/proc/{os.getppid()}/{name}") for name in ("environ", "cmdline")],
    }
"""


def test_a_handler_finds_no_credentials_of_the_user(spied):
    aws, found, lines = spied

    assert found["boto"] == ["testing", "testing", "testing", "us-east-1", []]
    assert found["endpoint"] == aws.emulator.endpoint_url
    assert found["home"][2] == found["environ"]["HOME"] == found["environ"]["TMPDIR"]
    assert "CANARY" not in json.dumps(found)
    assert "CANARY" not in "".join(lines)


def test_a_worker_has_only_variables_that_are_named(spied):
    _, found, _ = spied
    expected = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"}
    expected |= {
        "AWS_ENDPOINT_URL",
        "AWS_DISABLE_HOST_PREFIX_INJECTION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_CONFIG_FILE",
    }
    expected |= {"AWS_SHARED_CREDENTIALS_FILE", "AWS_EXECUTION_ENV"}
    aws_names = {name for name in found["environ"] if name.startswith("AWS_") and not name.startswith("AWS_LAMBDA_")}

    assert aws_names == expected
    assert not any("CHAINKIT" in name for name in found["environ"])


STEERED = {
    "AWS_ENDPOINT_URL": "https://example.com",
    "AWS_ENDPOINT_URL_SQS": "https://example.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_PROFILE": "mine",
    "AWS_CONFIG_FILE": "/etc/aws",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "https_proxy": "http://example.com",
    "no_proxy": "none",
}


def test_a_functions_variables_cannot_change_where_its_calls_go(aws):
    code = (
        "import boto3, os, urllib.request\n"
        "def handler(event, context):\n"
        "    proxy = urllib.request.getproxies().get('https')\n"
        "    return [boto3.client('sqs').meta.endpoint_url, proxy, os.environ['MINE']]"
    )
    name, _ = aws.function(code, Environment={"Variables": {**STEERED, "MINE": "kept"}})

    assert invoke(aws, name)[1] == [aws.emulator.endpoint_url, None, "kept"]
    (warning,) = [line for line in log_lines(aws, name) if "does not get" in line]
    assert all(variable in warning for variable in STEERED)


def test_a_run_that_outlives_its_function_brings_no_log_group_back(aws):
    name, _ = aws.function("import time\ndef handler(event, context):\n    time.sleep(1.5)")
    thread = threading.Thread(target=lambda: aws.client("lambda").invoke(FunctionName=name))
    thread.start()
    time.sleep(0.7)
    aws.client("lambda").delete_function(FunctionName=name)

    thread.join()

    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert groups == []


def test_the_callers_context_reaches_the_handler(aws):
    name, _ = aws.function("def handler(event, context):\n    c = context.client_context\n    return c and c.custom")
    told = base64.b64encode(json.dumps({"custom": {"tenant": "a"}}).encode()).decode()

    assert invoke(aws, name, ClientContext=told)[1] == {"tenant": "a"}
    assert invoke(aws, name)[1] is None
    with pytest.raises(ClientError, match="valid Base64-encoded JSON"):
        invoke(aws, name, ClientContext="bm8=")
