"""A load test under faults beside the run of the same requests: what is counted is equal, and only then must it be."""

import itertools
import threading
from dataclasses import replace

import pytest

import chainkit as ck
from chainkit.deployment import sending
from chainkit.deployment.measured import counted

REQUESTS = 100
FAULTS = ck.Faults({"pay": ck.Fault(error_rate=0.3, poison_fraction=0.03), "ship": ck.Fault(error_rate=0.3)})
LOAD = ck.Poisson(rate_per_s=40)


def queued(name="shop", **pay):
    """Return take -> jobs (dead letters in `dead`) -> pay -> news -> ship (lost work in `lost`)."""
    chain = ck.Chain(name)
    for service in (
        ck.LambdaFunction("take", duration=0.001, init=0.1, timeout_s=60), ck.SqsQueue("jobs", visibility_timeout_s=60),
        ck.SqsQueue("dead"), ck.LambdaFunction("pay", duration=0.001, timeout_s=30, init=0.1, **pay),
        ck.SnsTopic("news"), ck.LambdaFunction("ship", duration=0.001, init=0.1, timeout_s=60), ck.SqsQueue("lost"),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("take", "jobs")
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=3)
    chain.connect("pay", "news", after_fraction=1.0)
    chain.connect("news", "ship")
    chain.connect("ship", "lost", link="on_failure")
    return chain


@pytest.fixture(scope="module")
def run():
    return ck.simulate(queued(), LOAD, requests=REQUESTS, seed=7, faults=FAULTS, replications=4)


@pytest.fixture(scope="module")
def loaded(run):
    """Return a stack after a load test under the faults of the run."""
    with ck.local() as target:
        stack = ck.deploy(ck.plan(queued(), target))
        with stack.faults(FAULTS, like=run):
            stack.load(LOAD, requests=REQUESTS, seed=7)
        yield stack


def test_all_counts_are_those_of_the_run(loaded, run):
    side = loaded.compare(run)
    counts = [line for line in side.lines if not line.figure.startswith("warm")]

    assert side.is_same
    assert {line.verdict for line in counts} == {"agrees"}, str(side)
    assert [line.measured for line in counts] == [line.predicted for line in counts]
    seen = {(line.node, line.figure) for line in counts if line.measured}
    assert {("pay", "errors"), ("ship", "errors"), ("dead", "dead_letters"), ("lost", "dead_letters")} <= seen
    assert ("jobs", "dead_letters") not in {(line.node, line.figure) for line in counts}


def test_each_request_is_that_of_the_run(loaded, run):
    for number, trace in enumerate(loaded.measured.traces):
        assert counted(trace) == counted(run.trace(number)), number


def test_requests_that_overtake_each_other_keep_their_numbers(loaded, run, monkeypatch):
    enter, calls = sending.within, itertools.count()

    def every_third_late(*given):
        threading.Event().wait(0.3 * (next(calls) % 3 == 0))
        return enter(*given)

    monkeypatch.setattr(sending, "within", every_third_late)
    monkeypatch.setattr(loaded, "measured", None)
    with loaded.faults(FAULTS, like=run):
        measured = loaded.load(LOAD, requests=40, seed=7)

    assert [counted(trace) for trace in measured.traces] == [counted(run.trace(number)) for number in range(40)]


def test_what_was_injected_is_kept(loaded):
    assert loaded.measured.faults == FAULTS
    assert (loaded.measured.injection.seed, loaded.measured.injection.entry) == (7, "take")


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"load": ck.Poisson(rate_per_s=39)},
        {"faults": ck.Faults({"pay": ck.Fault(error_rate=0.3)})},
        {"requests": 60},
        {"replications": 5},
        {"chain": queued(poison_fraction=0.01)},
    ],
    ids=str,
)
def test_another_run_need_not_be_equal(loaded, other):
    asked = {"chain": queued(), "load": LOAD, "requests": REQUESTS, "seed": 7, "faults": FAULTS, "replications": 4}
    asked |= other
    chain, load = asked.pop("chain"), asked.pop("load")

    assert not loaded.compare(ck.simulate(chain, load, **asked)).is_same


def test_one_replication_longer_than_what_was_measured_is_the_same(loaded, run):
    whole = ck.simulate(queued(), LOAD, requests=3 * REQUESTS, seed=7, faults=FAULTS, replications=1)
    injected = replace(loaded.measured.injection, asked=(REQUESTS, 1))

    assert injected.is_of(whole, REQUESTS)
    assert not injected.is_of(whole, 4 * REQUESTS)
    assert not replace(injected, entry="pay").is_of(whole, REQUESTS)


def test_a_load_without_faults_is_within_chance(loaded, run):
    before = loaded.measured
    loaded.load(LOAD, requests=5, seed=7)
    try:
        assert loaded.measured.faults is None
        assert not loaded.compare(run).is_same
    finally:
        loaded.measured = before


def test_faults_inside_others_end_by_themselves(loaded):
    down = ck.Faults({"take": ck.Fault(error_rate=1.0, error_name="Down")})
    with loaded.faults(None):
        with loaded.faults(down):
            assert loaded.send({}).outcome == "failed"
        assert loaded.send({}).outcome == "completed"


def test_load_and_faults_enter_at_the_same_place(loaded):
    with loaded.faults(None), pytest.raises(ck.ConfigError, match="faults were told that requests enter at 'take'"):
        loaded.load(LOAD, requests=1, at="pay")


def test_filters_see_the_attributes_that_the_simulation_draws():
    load = ck.Poisson(rate_per_s=100, attributes={"kind": {"gift": 0.3, "plain": 0.5, "bulk": 0.2}})
    chain = ck.Chain("kinds")
    for name in ("take", "wrap"):
        chain.add(ck.LambdaFunction(name, duration=0.001, init=0.1, timeout_s=60))
    chain.add(ck.SnsTopic("news"))
    chain.connect("take", "news")
    chain.connect("news", "wrap", filter_policy={"kind": ["gift", "bulk"]})
    run = ck.simulate(chain, load, requests=40, seed=5, replications=2)
    with ck.local() as target:
        stack = ck.deploy(ck.plan(chain, target))
        with stack.faults(None, like=run):
            measured = stack.load(load, requests=40, seed=5)

    wrapped = [counted(trace)["wrap", "invocations"] for trace in measured.traces]
    assert wrapped == [counted(run.trace(number))["wrap", "invocations"] for number in range(40)]
    assert 0 < sum(wrapped) < 40
    assert stack.compare(run).is_same
