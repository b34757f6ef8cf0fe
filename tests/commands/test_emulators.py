"""`chainkit local` as a person uses it: real processes, one folder of records for each test."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import psutil
import pytest

import chainkit as ck
from chainkit import templates
from chainkit.commands import emulators
from chainkit.emulation import background, inventory
from tests.emulation.conftest import wait_until_gone


@pytest.fixture
def chainkit(tmp_path, monkeypatch):
    """Return a function that runs `chainkit local ...`; emulators that it leaves up are ended."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("CHAINKIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "chainkit", *words], capture_output=True, text=True, check=False, timeout=120
        )

    yield run
    for each in background.standbys():
        background.down(each)


def record(tmp_path, name):
    return json.loads((tmp_path / "state" / f"{name}.json").read_text())


def test_two_are_started_shown_used_and_ended(chainkit, tmp_path):
    began = chainkit("local", "up", "workshop")
    chainkit("local", "up", "other", "--clock", "virtual", "--region", "eu-west-1")
    again = chainkit("local", "up", "workshop")
    chain = ck.Chain("jobs")
    chain.add(ck.LambdaFunction("work", duration=0.001))
    with ck.local("workshop") as target:
        outcome = ck.deploy(ck.plan(chain, target)).send({"order": 1}).outcome
    with ck.local("workshop") as target:
        stands = ck.plan(chain, target).is_empty
    shown = chainkit("local", "status")
    lines = chainkit("local", "logs", "workshop")
    other = chainkit("local", "logs", "workshop", "--function", "nobody")
    held = record(tmp_path, "workshop")
    pids = [held["pid"], *background.standby("workshop").control.workers()]
    ended = chainkit("local", "down", "workshop")
    left = [each.name for each in background.standbys()]
    all_ended = chainkit("local", "down", "--all")

    assert began.returncode == 0
    assert began.stdout.startswith(f"workshop is up: {held['endpoint_url']} (us-east-1, wall clock)\n")
    assert 'ck.local("workshop")' in began.stdout
    assert f"AWS_ENDPOINT_URL={held['endpoint_url']}" in began.stdout
    assert again.returncode == 1
    assert again.stderr.startswith(f"chainkit: local: 'workshop' is up already, at {held['endpoint_url']} (since ")
    assert outcome == "completed"
    assert stands
    assert [row.split()[0] for row in shown.stdout.splitlines()] == ["name", "other", "workshop"]
    assert "eu-west-1" in shown.stdout
    assert "  jobs  " in shown.stdout.splitlines()[2]
    assert "jobs-work  START RequestId" in lines.stdout
    assert other.stdout == ""
    assert len(pids) == 2
    assert ended.stdout == f"workshop has ended: process {held['pid']}, 1 worker, its files\n"
    assert wait_until_gone(pids) == []
    assert left == ["other"]
    assert "other has ended" in all_ended.stdout
    assert [*(tmp_path / "state").iterdir(), *(tmp_path / "tmp").glob("chainkit-*")] == []


def test_what_is_not_there_is_said(chainkit):
    down, status, logs = chainkit("local", "down", "shop"), chainkit("local", "status"), chainkit("local", "logs")

    assert (down.returncode, status.returncode, logs.returncode) == (1, 1, 1)
    assert down.stderr == ("chainkit: local: no emulator 'shop' is up; up are none\n  fix: chainkit local up shop\n")
    assert status.stdout == "no emulator is up; chainkit local up starts one\n"
    with pytest.raises(ck.DeployError, match="no emulator 'shop' is up"), ck.local("shop"):
        pass


@pytest.mark.parametrize("name", ["Workshop", "a/b", "", "con", "x" * 40])
def test_a_name_that_cannot_be_a_file_everywhere_is_refused(chainkit, name):
    refused = chainkit("local", "up", name)

    assert refused.returncode == 1
    assert "cannot be an emulator's" in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_what_a_killed_one_left_is_removed_by_whoever_looks(chainkit, tmp_path):
    chainkit("local", "up")
    held = record(tmp_path, "local")
    os.kill(held["pid"], signal.SIGKILL)
    wait_until_gone([held["pid"]])

    assert chainkit("local", "status").stdout == "no emulator is up; chainkit local up starts one\n"
    assert [*(tmp_path / "state").iterdir(), *(tmp_path / "tmp").glob("chainkit-*")] == []


def test_a_record_whose_address_is_anothers_now_is_not_believed(chainkit, tmp_path):
    chainkit("local", "up", "one")
    held = {**record(tmp_path, "one"), "name": "two", "id": "another", "root": str(tmp_path / "chainkit-none")}
    (tmp_path / "state" / "two.json").write_text(json.dumps(held))

    assert [each.name for each in background.standbys()] == ["one"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("how", ["SIGTERM", "stop"])
def test_it_ends_by_a_signal_or_by_who_knows_its_secret(chainkit, tmp_path, how):
    chainkit("local", "up")
    held = record(tmp_path, "local")
    if how == "SIGTERM":
        os.kill(held["pid"], signal.SIGTERM)
    else:
        background.standby("local").control.end()

    assert wait_until_gone([held["pid"]]) == []
    assert [*(tmp_path / "state").iterdir(), *(tmp_path / "tmp").glob("chainkit-*")] == []


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("POST", {"X-Chainkit-Token": "guessed"}),
        ("GET", {"X-Chainkit-Token": "THE TOKEN"}),
        ("POST", {"X-Chainkit-Token": "THE TOKEN", "Origin": "https://example.com"}),
        ("POST", {"X-Chainkit-Token": "THE TOKEN", "Host": "example.com"}),
    ],
)
def test_nobody_else_can_end_it(chainkit, tmp_path, method, headers):
    chainkit("local", "up")
    held = record(tmp_path, "local")
    given = {name: value.replace("THE TOKEN", held["token"]) for name, value in headers.items()}
    request = urllib.request.Request(f"{held['endpoint_url']}/_chainkit/stop", headers=given, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()

    assert background.standby("local").control.about()["pid"] == held["pid"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
def test_the_secret_is_the_owners_and_on_no_command_line(chainkit, tmp_path):
    chainkit("local", "up")
    held = record(tmp_path, "local")

    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "local.json").stat().st_mode & 0o777 == 0o600
    assert held["token"] not in " ".join(psutil.Process(held["pid"]).cmdline())
    assert held["token"] not in repr(background.standby("local"))


def test_in_the_foreground_it_ends_with_ctrl_c(chainkit, tmp_path):
    command = [sys.executable, "-m", "chainkit", "local", "up", "front", "--foreground"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert "front is up" in process.stdout.readline()
        held = record(tmp_path, "front")
        process.send_signal(signal.SIGINT)
        process.wait(30)

        assert process.returncode == 0
    assert wait_until_gone([held["pid"]]) == []
    assert [*(tmp_path / "state").iterdir(), *(tmp_path / "tmp").glob("chainkit-*")] == []


def test_a_port_that_is_taken_is_refused(chainkit, tmp_path):
    chainkit("local", "up", "one")
    port = record(tmp_path, "one")["endpoint_url"].rpartition(":")[2]
    refused = chainkit("local", "up", "two", "--port", port)

    assert refused.returncode == 1
    assert f"port={port} cannot be had" in refused.stderr
    assert len([*(tmp_path / "tmp").glob("chainkit-*")]) == 1


def test_joining_with_another_clock_or_region_is_refused(chainkit):
    chainkit("local", "up", "shop")

    with pytest.raises(ck.ConfigError, match="clock='wall', not 'virtual'"), ck.local("shop", clock="virtual"):
        pass
    with (
        pytest.raises(ck.ConfigError, match="region='us-east-1', not 'eu-west-1'"),
        ck.local("shop", region="eu-west-1"),
    ):
        pass
    with pytest.raises(ck.ConfigError, match="'wall' is a clock"), ck.local("wall"):
        pass


def test_logs_are_followed_and_chosen_by_a_text_that_they_hold(chainkit, tmp_path):
    chainkit("local", "up")
    chain = ck.Chain("shop")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "handler.py").write_text("def handle(event, context):\n    print('order', event['order'])\n")
    chain.path = tmp_path / "shop.chain.yaml"
    chain.add(ck.LambdaFunction("work", code="work"))
    with ck.local("local") as target:
        stack = ck.deploy(ck.plan(chain, target))
        command = [sys.executable, "-m", "chainkit", "local", "logs", "--follow", "--id", "order 2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            stack.send({"order": 1})
            stack.send({"order": 2})
            lines = [process.stdout.readline().split("  ")[2] for _ in range(3)]
            process.send_signal(signal.SIGINT)

    assert lines[0].startswith("START RequestId")
    assert "order 2\n" in lines
    assert "order 1\n" not in lines


def test_the_memory_is_left_out_where_nothing_can_tell_it(chainkit, monkeypatch, capsys):
    chainkit("local", "up")
    emulators.local(["status"])
    with_memory = capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "psutil", None)
    emulators.local(["status"])

    assert " MB" in with_memory
    assert "memory" not in capsys.readouterr().out


def test_the_tag_of_a_chain_is_the_templates_one():
    assert inventory.CHAIN_TAG == templates.CHAIN_TAG
