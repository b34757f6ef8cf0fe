"""The witness of logs and queues, held to the story that our own emulator tells of the same requests."""

import pytest

import chainkit as ck
from chainkit.deployment import watching
from chainkit.deployment.applying import DirectApplier
from chainkit.deployment.emulated import MOTO_DROPS, local
from chainkit.deployment.targets import Target, keyless_session
from chainkit.deployment.watching import LogWitness

FAILS = "def handle(event, context):\n    raise ValueError('no')\n"
SLOW = "import time\ndef handle(event, context):\n    time.sleep(5)\n"
HANDLES = (
    "import traceback\n"
    "def handle(event, context):\n"
    "    try:\n"
    "        raise ValueError('no')\n"
    "    except ValueError:\n"
    "        traceback.print_exc()\n"
)


@pytest.fixture(scope="module")
def both():
    """Return one emulator as two targets: it tells its story, and it is watched."""
    with local(clock="wall") as told:
        witness = LogWitness(retry_waits_s=(60.0, 120.0))
        session = keyless_session()
        seen = Target(
            "seen",
            told.region,
            told.account_id,
            told.endpoint_url,
            session,
            witness,
            MOTO_DROPS,
            told.api_url,
            at_once=1,
        )
        witness.watch(seen)
        seen.applier = DirectApplier(seen)
        yield told, seen
        seen.close()


def agreed(both, chain, event=None):
    """Return what two requests, one told and one seen, agree in."""
    told, seen = both
    ck.deploy(ck.plan(chain, told))
    seen.applier.standing(chain.name)
    traces = {each.name: ck.stack(chain, each).send(event or {}) for each in both}
    ck.stack(chain, told).destroy()
    return ck.agreement(traces), traces


def add(chain, name, tmp_path, code, **settings):
    """Add a function with this code."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "handler.py").write_text(code)
    chain.path = tmp_path / "design.chain.yaml"
    return chain.add(ck.LambdaFunction(name, code=name, **settings))


@pytest.mark.parametrize(
    ("code", "outcome"), [(FAILS, "failed"), (SLOW, "failed"), (HANDLES, "completed")], ids=["fails", "slow", "handles"]
)
def test_how_a_function_ended_is_read_from_its_lines(both, tmp_path, code, outcome):
    chain = ck.Chain("one")
    add(chain, "work", tmp_path, code, timeout_s=1)
    found, traces = agreed(both, chain)

    assert found.differences == ()
    assert traces["seen"].outcome == outcome


def test_retries_and_the_dead_letter_of_a_queue_are_seen(both, tmp_path):
    chain = ck.Chain("queued")
    jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=2))
    chain.add(ck.SqsQueue("dead"))
    chain.connect(jobs, add(chain, "work", tmp_path, FAILS, timeout_s=1), batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    found, traces = agreed(both, chain)

    assert [row.told for row in found.rows if row.what == "invocation"] == [("1 error, 2 error",) * 2]
    assert [trace.outcome for trace in traces.values()] == ["dead-lettered", "dead-lettered"]


def test_a_branch_that_takes_its_time_is_waited_for(both, tmp_path):
    chain = ck.Chain("branches")
    topic = chain.add(ck.SnsTopic("news"))
    chain.connect(topic, add(chain, "quick", tmp_path, "def handle(event, context):\n    return 1\n"))
    slow = "import time\ndef handle(event, context):\n    time.sleep(1.5)\n"
    chain.connect(topic, add(chain, "slow", tmp_path, slow))
    found, traces = agreed(both, chain)

    assert found.differences == ()
    assert len([span for span in traces["seen"].spans if span.what == "invocation"]) == 2


def test_an_execution_and_its_states_are_seen(both):
    chain = ck.Chain("flow")
    states = {"Wait": {"Type": "Pass", "Next": "Done"}, "Done": {"Type": "Succeed"}}
    chain.add(ck.StateMachine("flow", definition={"StartAt": "Wait", "States": states}))
    found, _ = agreed(both, chain)

    assert {row.what for row in found.rows} >= {"execution", "state: Wait", "outcome"}
    assert found.differences == ()


def test_a_request_that_is_not_over_says_so(both, tmp_path):
    told, seen = both
    chain = ck.Chain("late")
    jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=30))
    chain.connect(jobs, add(chain, "work", tmp_path, SLOW, timeout_s=10))
    ck.deploy(ck.plan(chain, told))

    assert ck.stack(chain, seen).send({}, timeout_s=1).outcome == "unfinished"

    told.witness.settle(told.witness.root_id())
    ck.stack(chain, told).destroy()


def test_of_many_requests_one_is_under_way_at_a_time(both):
    told, seen = both
    chain = ck.Chain("many")
    chain.add(ck.LambdaFunction("work", duration=0.01))
    ck.deploy(ck.plan(chain, told))
    traces = ck.stack(chain, seen).send_many([{}, {}, {}])
    ck.stack(chain, told).destroy()

    assert [len([s for s in trace.spans if s.what == "invocation"]) for trace in traces] == [1, 1, 1]


def test_a_line_that_ministack_prints_of_an_uncaught_error_is_known():
    own = ["Traceback (most recent call last):", "    result = handler_fn(event, context)", "ValueError: boom"]

    assert watching._status(["START RequestId: 1", *own, "END RequestId: 1"]) == ("error", "ValueError: boom")
