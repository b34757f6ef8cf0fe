"""Target words: which of the emulators answers at an address is found out."""

import json
import subprocess
import sys

import pytest

import chainkit as ck
from chainkit.deployment.emulated import MINISTACK_DROPS
from chainkit.deployment.opening import opened
from chainkit.deployment.watching import LogWitness
from chainkit.emulation import ministack
from chainkit.emulation.control import Control

STOCK = (
    "import json, sys\n"
    "from moto.server import ThreadedMotoServer\n"
    "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)\n"
    "server.start()\n"
    "print(json.dumps(server.get_host_and_port()[1]), flush=True)\n"
    "sys.stdin.read()\n"
)


def test_our_own_emulator_at_an_address_tells_its_story(target):
    with opened(target.endpoint_url) as found:
        assert isinstance(found.witness, Control)
        assert found.at_once > 1


@pytest.mark.skipif(not ministack.is_installed(), reason="ministack is not installed: chainkit local install ministack")
def test_ministack_at_an_address_is_watched():
    with ministack.Ministack(region="us-east-1") as emulator, opened(emulator.endpoint_url) as found:
        assert isinstance(found.witness, LogWitness)
        assert (found.drops, found.at_once) == (MINISTACK_DROPS, 1)


def test_plain_moto_at_an_address_is_a_target_that_is_watched():
    command = [sys.executable, "-W", "ignore", "-c", STOCK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        url = f"http://127.0.0.1:{json.loads(server.stdout.readline())}/"
        chain = ck.Chain("plain")
        chain.add(ck.SqsQueue("jobs"))
        with opened(url) as found:
            stack = ck.deploy(ck.plan(chain, found))
            trace = stack.send({"order": 1})
            stack.destroy()
        server.stdin.close()

    assert isinstance(found.witness, LogWitness)
    assert found.account_id == "123456789012"
    assert [(span.node, span.what) for span in trace.spans] == [("jobs", "send")]
    assert trace.outcome == "completed"
