"""What handlers start and leave behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainkit.emulation.descendants import end_all
from tests.emulation.conftest import wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the environment of a process")

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
LEAVES = f"import subprocess; print(subprocess.Popen({SLEEP!r}, start_new_session=True).pid, flush=True)"


def started(command, folder, **settings):
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **settings)
    return process, process.stdout.readline()


def test_a_process_in_a_session_of_its_own_is_found_by_the_folder_after_its_parent_has_gone(tmp_path):
    parent, pid = started([sys.executable, "-c", LEAVES], tmp_path)
    parent.wait()
    parent.stdout.close()
    assert Path(f"/proc/{int(pid)}").exists()

    end_all(tmp_path)

    assert wait_until_gone([int(pid)]) == []


def test_what_it_began_with_other_variables_goes_with_it(tmp_path):
    code = f"import subprocess, sys, time; p = subprocess.Popen({SLEEP!r}, env={{}}, start_new_session=True); "
    code += "print(p.pid, flush=True); time.sleep(600)"
    with started([sys.executable, "-c", code], tmp_path)[0] as parent:
        (children,) = [Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]

        end_all(tmp_path)

        parent.wait()
    for pid in children:
        assert wait_until_gone([int(pid)]) == []


def test_a_process_of_another_folder_stays_also_where_the_name_begins_alike(tmp_path):
    other, _ = started(SLEEP, f"{tmp_path}-2")
    with other:
        end_all(tmp_path)

        assert other.poll() is None
        other.kill()


def test_nobody_ends_himself(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    end_all(tmp_path)
