"""ministack as a child process: begins, ends, leaves nothing; skipped where it is not installed."""

import subprocess
import sys
import tempfile

import psutil
import pytest

from chainkit.emulation import ministack
from chainkit.emulation.ministack import Ministack
from chainkit.errors import ConfigError, MissingError
from tests.emulation.conftest import wait_until_gone

installed = pytest.mark.skipif(
    not ministack.is_installed(), reason="ministack is not installed: chainkit local install ministack"
)


def family(process):
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


@installed
def test_nothing_is_left_after_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = psutil.Process().children()
    with Ministack(region="us-east-1") as emulator:
        assert ministack.answers(emulator.endpoint_url)
        (keeper,) = (child for child in psutil.Process().children() if child not in others)
        pids = family(keeper)

    assert len(pids) >= 2
    assert wait_until_gone(pids) == []
    assert list(tmp_path.iterdir()) == []


@installed
def test_it_ends_with_a_parent_that_is_killed(tmp_path):
    script = (
        "import tempfile, time\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from chainkit.emulation.ministack import Ministack\n"
        "emulator = Ministack(region='us-east-1').start()\n"
        "print(emulator.endpoint_url, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        url = parent.stdout.readline().strip()
        pids = family(psutil.Process(parent.pid))
        parent.kill()

    assert len(pids) >= 3
    assert wait_until_gone(pids) == []
    assert list(tmp_path.iterdir()) == []
    assert not ministack.answers(url)


@installed
def test_it_hears_this_machine_only_and_has_nothing_of_the_users(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("MY_TOKEN", "secret")
    with Ministack(region="us-east-1"):
        processes = psutil.Process().children(recursive=True)
        heard = {c.laddr.ip for each in processes for c in each.net_connections("inet") if c.status == "LISTEN"}
        known = {name for each in processes for name in each.environ()}

    assert heard == {"127.0.0.1"}
    assert known & {"AWS_PROFILE", "MY_TOKEN"} == set()


def test_what_is_not_installed_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINKIT_MINISTACK", str(tmp_path))

    with pytest.raises(MissingError, match="is not installed") as refused:
        Ministack(region="us-east-1").start()
    assert refused.value.fix == "chainkit local install ministack"


def test_only_ministack_can_be_installed():
    with pytest.raises(ConfigError, match=r"'ministak' is unknown \(did you mean 'ministack'"):
        ministack.install("ministak", tell=print)


def test_without_a_network_an_install_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINKIT_MINISTACK", str(tmp_path / "apart"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    told = []

    with pytest.raises(MissingError, match="pip could not get ministack==") as refused:
        ministack.install("ministack", tell=told.append)
    assert "network" in refused.value.fix
    assert [line.split()[0] for line in told] == ["making", "installing"]
    assert not ministack.is_installed()


def test_another_program_at_the_address_is_no_ministack(aws):
    assert not ministack.answers(aws.emulator.endpoint_url)
