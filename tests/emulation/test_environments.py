"""Execution environments and their pool, without a server."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from chainkit.emulation import environments
from chainkit.emulation.clock import Clock
from chainkit.emulation.environments import OutOfMemoryError, Pool, Spec, WorkerGoneError
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
    assert environment.output.take("r1", is_ended=True) == ["seen {'a': 1}"]


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


def test_an_idle_environment_ends_after_its_time_on_the_clock(tmp_path):
    clock = Clock()
    pool = Pool({}, tmp_path, clock)
    early, _ = pool.acquire(spec())
    late, _ = pool.acquire(spec())
    pool.release(early)
    clock.sleep(400.0)
    pool.release(late)
    clock.sleep(400.0)  # nothing runs: the clock jumps, and the passive reaping is due on the way
    deadline_s = time.monotonic() + 10
    while pool.pids() != [late.pid] and time.monotonic() < deadline_s:
        time.sleep(0.02)

    assert pool.pids() == [late.pid]
    assert pool.acquire(spec()) == (late, False)
    pool.close()


def test_an_environment_that_was_idle_for_too_long_is_not_reused(tmp_path):
    clock = Clock()
    pool = Pool({}, tmp_path, clock)
    old, _ = pool.acquire(spec())
    pool.release(old)
    clock.sleep(601.0)

    assert pool.acquire(spec())[1] is True
    pool.close()


def test_memory_above_the_limit_ends_a_handler_at_work(pool):
    if sys.platform != "linux":
        pytest.skip("only Linux tells how much memory another process holds")
    code = "import time\ndef handler(event, context):\n    held = b'x' * 300_000_000\n    time.sleep(60)"
    environment, _ = pool.acquire(spec(code, timeout_s=30.0))
    environment.initialise()
    with pytest.raises(OutOfMemoryError, match="its function has 128 MB"):
        run(environment)

    assert environment.exit_code() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_memory_that_was_given_back_counts(pool, monkeypatch):
    monkeypatch.setattr(environments, "WATCH_S", 60.0)  # nobody looks while it runs
    held = "len(b'x' * 300_000_000)"
    in_handler, _ = pool.acquire(spec(f"def handler(event, context):\n    return {held}"))
    in_handler.initialise()
    at_import, _ = pool.acquire(spec(f"{held}\ndef handler(event, context):\n    return 1"))

    with pytest.raises(OutOfMemoryError):
        run(in_handler)
    with pytest.raises(OutOfMemoryError):
        at_import.initialise()


def test_a_later_layer_lies_above_an_earlier_one(pool):
    lower = zipped({"python/which.py": "NAME = 'lower'", "python/only.py": "NAME = 'lower only'"})
    upper = zipped({"python/which.py": "NAME = 'upper'"})
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    deep = zipped({f"python/lib/{version}/site-packages/deep.py": "NAME = 'deep'"})
    code = "import which, only, deep\ndef handler(event, context):\n    return [which.NAME, only.NAME, deep.NAME]"
    environment, _ = pool.acquire(spec(code, layers=(lower, upper, deep)))
    environment.initialise()

    assert json.loads(run(environment)["payload"]) == ["upper", "lower only", "deep"]


def test_nothing_of_the_parent_is_open_in_a_worker(pool):
    if sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    code = (
        "import os\ndef handler(event, context):\n"
        "    numbers = sorted(map(int, os.listdir('/proc/self/fd')))[:-1]\n"
        "    return [os.readlink(f'/proc/self/fd/{n}') for n in numbers]"
    )
    environment, _ = pool.acquire(spec(code))
    environment.initialise()
    open_files = json.loads(run(environment)["payload"])

    assert open_files[0] == "/dev/null"
    assert len(set(open_files[1:3])) == 1
    assert open_files[1].startswith("pipe:")
    assert [name.partition(":")[0] for name in open_files[3:]] == ["socket"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the environment of a process")
def test_what_a_handler_left_running_in_a_session_of_its_own_ends_with_its_environment(pool):
    sleeps = "subprocess.Popen(['sleep', '600'], start_new_session=True).pid"
    environment, _ = pool.acquire(spec(f"import subprocess\ndef handler(event, context):\n    return {sleeps}"))
    environment.initialise()
    pid = int(run(environment)["payload"])
    assert Path(f"/proc/{pid}").exists()

    pool.discard(environment)

    assert wait_until_gone([pid]) == []


def test_folders_that_their_owner_may_not_write_are_removed_and_links_are_not_followed(tmp_path):
    (tmp_path / "kept").touch(mode=0o600)
    root = tmp_path / "root"
    (root / "locked" / "inner").mkdir(parents=True)
    (root / "locked" / "inner" / "file").touch()
    (root / "link").symlink_to(tmp_path / "kept")
    (root / "locked" / "inner").chmod(0)
    (root / "locked").chmod(0o500)

    environments.remove_files(root)

    assert not root.exists()
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600


def test_code_that_could_not_be_unpacked_is_unpacked_anew(pool, monkeypatch):
    def full(archive, folder):
        (Path(folder) / "index.py").touch()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("zipfile.ZipFile.extractall", full)
        with pytest.raises(OSError, match="No space left"):
            pool.acquire(spec())
    environment, _ = pool.acquire(spec())

    assert environment.initialise()[1] is None
