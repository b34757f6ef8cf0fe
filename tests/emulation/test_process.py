"""The child process: how it begins and ends, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from chainkit.emulation import Emulator, process
from chainkit.emulation.control import TOKEN_HEADER, Control
from chainkit.errors import DeployError, MissingError
from tests.emulation.conftest import Aws, wait_until_gone

SLEEP = "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))"


def test_nothing_is_left_after_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulator() as emulator:
        aws = Aws(emulator)
        name, _ = aws.function(SLEEP)
        aws.client("lambda").invoke(FunctionName=name)
        aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload='{"s": 9}')
        time.sleep(0.3)
        pids = [*emulator.workers(), emulator._process.pid]

    assert len(pids) == 2
    assert wait_until_gone(pids) == []
    assert list(tmp_path.iterdir()) == []
    emulator.stop()


def test_nothing_is_left_when_the_parent_is_killed(tmp_path):
    script = (
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(process.__file__).parents[2])!r})\n"
        "from tests.emulation.conftest import Aws, Emulator\n"
        "emulator = Emulator().start()\n"
        "aws = Aws(emulator)\n"
        f"name, _ = aws.function({SLEEP!r})\n"
        "aws.client('lambda').invoke(FunctionName=name, InvocationType='Event', Payload='{\"s\": 60}')\n"
        "while not emulator.workers(): time.sleep(0.05)\n"
        "print(emulator._process.pid, *emulator.workers(), flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()

    assert len(pids) == 2
    assert wait_until_gone(pids) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_nothing_is_left_when_the_child_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulator() as emulator:
        aws = Aws(emulator)
        name, _ = aws.function(SLEEP)
        aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload='{"s": 60}')
        deadline_s = time.monotonic() + 10
        while not (pids := emulator.workers()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        os.kill(emulator._process.pid, signal.SIGKILL)

        assert wait_until_gone(pids) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_child_that_is_told_to_end_cleans_up(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Emulator() as emulator:
        aws = Aws(emulator)
        name, _ = aws.function(SLEEP)
        aws.client("lambda").invoke(FunctionName=name)
        pids = [*emulator.workers(), emulator._process.pid]
        os.kill(emulator._process.pid, signal.SIGTERM)

        assert wait_until_gone(pids) == []
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(DeployError, match="does not answer"):
            emulator.workers()


def test_two_emulators_have_separate_state():
    with Emulator() as one, Emulator() as other:
        Aws(one).queue()

        assert (one.resources(), other.resources()) == ({"AWS::SQS::Queue": 1}, {})
        assert one.endpoint_url != other.endpoint_url


def test_the_parent_loads_neither_moto_nor_boto3():
    code = "import sys, chainkit.emulation; print({'moto', 'boto3', 'botocore'} & set(sys.modules))"
    root = Path(process.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)

    assert done.stdout == "set()\n"


def test_the_users_settings_do_not_reach_the_child(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("MY_TOKEN", "secret")
    with Emulator() as emulator:
        assert emulator.resources() == {}
        assert "MY_TOKEN" not in psutil.Process(emulator._process.pid).environ()


def test_a_module_in_the_working_directory_shadows_nothing(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    with Emulator() as emulator:
        assert emulator.workers() == []


def test_a_stopped_emulator_says_so():
    with pytest.raises(DeployError, match="not running"):
        Emulator().workers()


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("moto/__init__.py", "raise ModuleNotFoundError('No module named moto')", "No module named moto"),
        ("moto-9.9.9.dist-info/METADATA", "Name: moto\nVersion: 9.9.9", "moto 9.9.9 is not supported"),
    ],
)
def test_a_child_that_cannot_start_says_what_to_install(tmp_path, monkeypatch, path, text, words):
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(text)
    monkeypatch.setattr(process, "_PACKAGES", os.pathsep.join([str(tmp_path), process._PACKAGES]))

    with pytest.raises(MissingError, match=words) as refused:
        Emulator().start()
    assert "pip install" in refused.value.fix


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_an_interrupt_of_the_terminal_does_not_reach_the_child():
    with Emulator() as emulator:
        os.kill(emulator._process.pid, signal.SIGINT)

        assert emulator.workers() == []


def test_on_the_wall_clock_waits_last():
    with Emulator(clock="wall") as emulator:
        aws, root = Aws(emulator), emulator.root_id()
        url, queue = aws.queue()
        _, function = aws.function("def handler(event, context):\n    return 1")
        aws.map_queue(queue, function)
        began_s = time.monotonic()
        aws.traced("sqs", root).send_message(QueueUrl=url, MessageBody="a", DelaySeconds=1)

        assert emulator.settle(root, timeout_s=0.2) is False
        assert emulator.settle(root) is True
        assert time.monotonic() - began_s >= 0.9


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://example.com"}, {"Host": "example.com"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["script", "rebound name", "image"],
)
def test_a_web_page_can_neither_call_services_nor_the_control(aws, headers):
    for path in ("/", "/_chainkit/workers"):
        request = urllib.request.Request(aws.emulator.endpoint_url + path, headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        refused.value.close()

        assert refused.value.code == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("headers", [{}, {TOKEN_HEADER: ""}, {TOKEN_HEADER: "guessed"}])
def test_nobody_without_the_secret_lets_things_break(aws, method, headers):
    name, arn = aws.function("def handler(event, context):\n    return 1")
    fails = {"functions": {arn: {"name": name, "error_rate": 1.0}}}
    url = f"{aws.emulator.endpoint_url}/_chainkit/faults"
    request = urllib.request.Request(url, json.dumps(fails).encode(), headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    with pytest.raises(DeployError, match="may break nothing there"):
        Control(aws.emulator.endpoint_url).set_faults(fails)

    assert refused.value.code == 404
    assert "FunctionError" not in aws.client("lambda").invoke(FunctionName=name)


def test_whoever_started_it_lets_things_break_and_no_handler_sees_the_secret(aws, root):
    name, arn = aws.function("import os\ndef handler(event, context):\n    return dict(os.environ)")
    invoke = partial(aws.traced("lambda", root).invoke, FunctionName=name)
    seen = invoke()["Payload"].read().decode()
    aws.emulator.set_faults({"functions": {arn: {"name": name, "error_rate": 1.0}}})
    try:
        assert invoke()["FunctionError"] == "Unhandled"
    finally:
        aws.emulator.set_faults({})

    assert "FunctionError" not in invoke()
    assert len(aws.emulator.token) > 30
    assert aws.emulator.token not in seen
    child = next(each for each in psutil.Process().children() if "chainkit.emulation.server" in each.cmdline())
    assert not any(aws.emulator.token in word for word in child.cmdline())


@pytest.mark.slow
def test_two_hundred_asynchronous_messages_are_all_accounted_for(aws):
    dead_url, dead = aws.queue()
    name, _, jobs = aws.reporting(
        "def handler(event, context):\n"
        "    if event['n'] % 10 == 0:\n"
        "        raise ValueError('tenth')\n"
        "    report(event['n'])"
    )
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=jobs, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    worker, _, reports = aws.reporting(
        "def handler(event, context):\n    [report(int(r['body'])) for r in event['Records']]"
    )
    aws.map_queue(queue, worker, BatchSize=10)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": dead}}
    )
    roots = [aws.emulator.root_id() for _ in range(200)]

    def send(n):
        aws.traced("lambda", roots[n]).invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, range(200)))
    settled = [aws.emulator.settle(root, timeout_s=60) for root in roots]
    done = aws.bodies(reports, 180, wait_s=0)
    failed = [record["requestPayload"]["n"] for record in aws.bodies(dead_url, 20, wait_s=0)]

    assert all(settled)
    assert sorted(done) == [n for n in range(200) if n % 10]
    assert sorted(failed) == list(range(0, 200, 10))
    assert [aws.whats(root).count("invocation") for root in roots] == [2] * 200
