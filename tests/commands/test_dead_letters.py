"""`chainkit dead-letters` against an emulator that is up."""

import time

import pytest

import chainkit as ck
from chainkit import cli
from chainkit.deployment.opening import opened
from chainkit.emulation import Emulator


@pytest.fixture(scope="module")
def url():
    with Emulator() as emulator:
        yield emulator.endpoint_url


@pytest.fixture
def given(url, tmp_path):
    """Return the words for a design of which two messages were given up."""
    chain = ck.Chain("shop")
    for name in ("jobs", "dead"):
        chain.add(ck.SqsQueue(name, visibility_timeout_s=0))
    chain.connect("jobs", "dead", link="redrive", max_receive_count=1)
    chain.save(tmp_path / "shop.chain.yaml")
    with opened(url) as target:
        stack = ck.deploy(ck.plan(chain, target))
        sqs, jobs = target.client("sqs"), stack.outputs["JobsQueueUrl"]
        for number in range(2):
            sqs.send_message(QueueUrl=jobs, MessageBody=f'{{"n": {number}}}')
        for _ in range(2):
            time.sleep(0.01)
            sqs.receive_message(QueueUrl=jobs, MaxNumberOfMessages=10)
        yield ["dead-letters", str(tmp_path / "shop.chain.yaml"), "--target", url]
        stack.destroy()


def test_dead_letters_are_shown_then_sent_back(given, capsys):
    codes = [
        cli.main([*given, *more]) for more in ([], ["--only", "dead"], ["--redrive", "--dry-run"], ["--redrive"], [])
    ]
    out = capsys.readouterr().out

    assert codes == [0] * 5
    assert "2 dead letters in 1 dead-letter queue" in out
    assert out.count('"n": ') == 2
    assert "nothing was sent; this would be done\n  2 from dead to jobs, by StartMessageMoveTask" in out
    assert "'shop': 2 dead letters sent back" in out
    assert out.rstrip().endswith("0 dead letters in 1 dead-letter queue")


def test_a_group_that_is_none_and_a_rate_that_is_none_are_refused(given, capsys):
    codes = [cli.main([*given, "--only", "pay"]), cli.main([*given, "--redrive", "--rate", "501"])]
    said = capsys.readouterr().err

    assert codes == [1, 1]
    assert "'pay' is no group, queue or id here" in said
    assert "rate_per_s=501 is outside 1..500" in said
