"""Execution environments and their pool, without a server."""

from pathlib import Path

import pytest

from chainkit.emulation.clock import Clock
from chainkit.emulation.environments import Pool, Spec, WorkerGoneError
from tests.emulation.conftest import wait_until_gone, zipped

ECHO = "def handler(event, context):\n    print('seen', event)\n    return event"


@pytest.fixture
def pool(tmp_path):
    (tmp_path / "pool").mkdir()
    pool = Pool({"MINE": "1"}, tmp_path / "pool", Clock())
    yield pool
    pool.close()


def spec(code=ECHO, **changes):
    files = zipped({"index.py": code})
    settings = {
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "name": "f",
        "version": "$LATEST",
        "handler": "index.handler",
        "runtime": "python3.11",
        "timeout_s": 5.0,
        "memory_mb": 128,
        "region": "us-east-1",
        "variables": (),
        "code_sha": str(hash(code)),
        "code": files,
    }
    return Spec(**{**settings, **changes})


def run(environment, event='{"a": 1}', request_id="r1"):
    return environment.call(request_id, event, "Root=1", "arn")


def test_a_new_environment_answers_and_its_lines_are_kept(pool):
    environment, is_new = pool.acquire(spec())
    init_s, error = environment.initialise()
    reply = run(environment)

    assert (is_new, error) == (True, None)
    assert init_s > 0
    assert reply["payload"] == '{"a": 1}'
    assert reply["memory_mb"] > 1
    assert environment.take_logs("r1", is_ended=True) == ["seen {'a': 1}"]


def test_the_environment_used_last_is_reused_first(pool):
    first, _ = pool.acquire(spec())
    second, _ = pool.acquire(spec())
    pool.release(first)
    pool.release(second)

    assert pool.acquire(spec()) == (second, False)
    assert pool.acquire(spec()) == (first, False)


def test_another_specification_ends_the_idle_environments_of_the_old(pool):
    old, _ = pool.acquire(spec())
    pool.release(old)
    new, is_new = pool.acquire(spec(timeout_s=6.0))

    assert is_new
    assert pool.pids() == [new.pid]


def test_a_call_ends_at_the_timeout(pool):
    environment, _ = pool.acquire(
        spec("import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(60)", timeout_s=0.3)
    )
    environment.initialise()
    with pytest.raises(TimeoutError):
        run(environment)
    pool.discard(environment)

    assert pool.pids() == []


def test_a_worker_that_dies_is_noticed(pool):
    environment, _ = pool.acquire(spec("import os\ndef handler(event, context):\n    os._exit(7)"))
    environment.initialise()
    with pytest.raises(WorkerGoneError):
        run(environment)

    assert environment.exit_code() == 7


def test_what_a_handler_starts_ends_with_it(pool):
    code = (
        "import subprocess, sys\n"
        "def handler(event, context):\n"
        "    return subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid"
    )
    environment, _ = pool.acquire(spec(code))
    environment.initialise()
    pid = int(run(environment)["payload"])
    pool.discard(environment)

    assert wait_until_gone([pid]) == []


def test_scratch_files_go_with_the_environment_and_all_files_with_the_pool(pool, tmp_path):
    code = "import tempfile\ndef handler(event, context):\n    return tempfile.mkstemp()[1]"
    environment, _ = pool.acquire(spec(code))
    environment.initialise()
    written = Path(run(environment)["payload"].strip('"'))
    was_there = written.exists()
    pool.discard(environment)

    assert was_there
    assert not written.exists()
    pool.close()
    assert list(tmp_path.iterdir()) == []


def test_code_is_laid_out_for_reading_only(pool):
    environment, _ = pool.acquire(spec("import os\ndef handler(event, context):\n    return os.getcwd()"))
    environment.initialise()
    root = Path(run(environment)["payload"].strip('"'))

    assert oct((root / "index.py").stat().st_mode)[-3:] == "444"
