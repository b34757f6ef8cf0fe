"""Long runs show how far they are, and an interrupt keeps what is done."""

import os
import signal
import subprocess
import sys
import time

import pytest

import chainkit as ck
from chainkit.simulation import progress

MOST = 200_000


@pytest.fixture
def chain():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", duration=0.1))
    return chain


def interrupt_when(monkeypatch, is_time):
    """Let the bar interrupt the run, once, when a crew is as far as that."""
    glance = progress.Bar.move

    def move(bar):
        glance(bar)
        if is_time(bar.crew) and not bar.crew.is_interrupted:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Bar, "move", move)
    monkeypatch.setattr(progress, "GLANCE_S", 0.001)


def test_an_interrupted_run_keeps_the_replications_that_are_done(monkeypatch, chain):
    interrupt_when(monkeypatch, lambda crew: len(crew.done) >= 2)
    whole = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=20 * MOST, seed=1, replications=20)

    assert 2 <= whole.replications < 20
    assert whole.requests == whole.replications * MOST
    assert whole.ledger.sum() == whole.requests
    assert repr(whole) == f"Run('one', {whole.requests} of {20 * MOST} requests, seed=1, interrupted)"
    assert whole.summary()["note"].str.startswith(f"interrupted: {whole.requests:,} of 4,000,000 requests").all()


def test_what_is_kept_is_what_the_whole_run_has(monkeypatch, chain):
    options = {"requests": 10 * MOST, "seed": 1, "replications": 10}
    whole = ck.simulate(chain, ck.Poisson(rate_per_s=4), **options)
    interrupt_when(monkeypatch, lambda crew: len(crew.done) >= 3)
    part = ck.simulate(chain, ck.Poisson(rate_per_s=4), **options)

    same = {tally.replication: tally for tally in whole.tallies}
    for tally in part.tallies:
        assert tally.pools == same[tally.replication].pools
        assert (tally.histograms == same[tally.replication].histograms).all()
    number = part.tallies[-1].bounds[0]
    assert part.trace(number) == whole.trace(number)
    with pytest.raises(ck.ConfigError, match="is outside"):
        part.trace(10 * MOST - 1)


def test_where_none_is_done_those_that_run_end_early(monkeypatch, chain):
    interrupt_when(monkeypatch, lambda crew: sum(crew.arrived) > 0)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=300 * MOST, seed=1, replications=1)

    assert 0 < run.requests < 300 * MOST
    assert run.is_interrupted
    assert run.ledger["completed"] == run.requests
    monkeypatch.undo()
    again = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=run.requests, seed=1, replications=1)
    assert run.tallies[0].pools == again.tallies[0].pools


def test_a_second_interrupt_ends_everything(monkeypatch, chain):
    def move(bar):
        if sum(bar.crew.arrived) > 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Bar, "move", move)
    monkeypatch.setattr(progress, "GLANCE_S", 0.001)
    with pytest.raises(KeyboardInterrupt):
        ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=3_000 * MOST, seed=1, replications=3)


SCRIPT = """
import chainkit as ck
chain = ck.Chain("one")
chain.add(ck.LambdaFunction("f", duration=0.1))
ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=20_000, seed=1)
print("ready", flush=True)
run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=1_900_000_000, seed=1, replications=1_000)
print(run.is_interrupted, run.replications > 0, run.ledger.sum() == run.requests)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one child alone")
def test_a_real_interrupt_gives_a_run_and_no_traceback():
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "CI": "1"},
    )  # fmt: skip
    assert child.stdout.readline() == "ready\n"
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)

    assert (out, err, child.returncode) == ("True True True\n", "", 0)


def test_a_long_run_shows_a_bar_of_requests_and_none_under_ci(monkeypatch, capsys, chain):
    monkeypatch.setattr(progress, "LONG", 20_000)
    for ci, is_shown in (("", True), ("1", False)):
        monkeypatch.setenv("CI", ci)
        ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=40_000, seed=1)
        assert ("40.0k/40.0k" in capsys.readouterr().err) is is_shown


def test_an_error_of_one_replication_ends_the_others(monkeypatch, chain):
    chain.add(ck.SqsQueue("jobs"))
    chain.connect("jobs", "f", maximum_concurrency=2)
    monkeypatch.setattr("chainkit.simulation.memory.MOST_FRAMES", 1 << 12)
    with pytest.raises(ck.SimulationError, match="more than 4,096 things are in flight"):
        ck.simulate(chain, ck.Poisson(rate_per_s=40), requests=400_000, seed=1)
