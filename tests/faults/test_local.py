"""The same faults in a simulation and on the local target: the same attempts fail, request by request."""

import json
from collections import Counter

import pytest

import chainkit as ck
from chainkit.faults.local import described

REQUESTS = 200


@pytest.fixture(scope="module")
def target():
    with ck.local() as target:
        yield target


@pytest.fixture
def stand(target):
    stacks = []

    def make(chain):
        stacks.append(ck.deploy(ck.plan(chain, target)))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.destroy()


def function(name, **settings):
    return ck.LambdaFunction(name, **{"duration": 0.001, "timeout_s": 30, **settings})


def queued(name="orders", *, batch=5, reports=True, receives=3, **pay):
    chain = ck.Chain(name)
    for service in (
        function("take"), ck.SqsQueue("jobs", visibility_timeout_s=60), ck.SqsQueue("dead"), function("pay", **pay),
        ck.SnsTopic("news"), function("ship"),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("take", "jobs")
    chain.connect("jobs", "pay", batch_size=batch, report_batch_item_failures=reports)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=receives)
    chain.connect("pay", "news", after_fraction=1.0)
    chain.connect("news", "ship")
    return chain


def everything():
    """Return a chain of each kind of link, some by chance, some tried again by their caller."""
    chain = ck.Chain("everything")
    for service in (
        ck.HttpApi("api"), function("take"), function("check"), function("slow"), ck.SqsQueue("lost"),
        ck.SqsQueue("jobs", visibility_timeout_s=180), ck.SqsQueue("dead"), function("pay"), ck.EventBus("bus"),
        function("ship"), ck.SnsTopic("news"), function("log"), ck.SqsQueue("mail", visibility_timeout_s=180),
        ck.SqsQueue("gone"), function("post"),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("api", "take")
    chain.connect("take", "check", retry=ck.Retry(max_attempts=3, interval_s=0.1))
    chain.connect("take", "slow", link="async")
    chain.connect("take", "jobs", count=2, probability=0.7)
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=3)
    chain.connect("pay", "bus", after_fraction=1.0)
    chain.connect("bus", "ship")
    chain.connect("bus", "news")
    chain.connect("news", "log")
    chain.connect("check", "log", link="async")
    chain.connect("news", "mail")
    chain.connect("mail", "post", batch_size=1)
    chain.connect("mail", "gone", link="redrive", max_receive_count=4)
    chain.connect("slow", "lost", link="on_failure")
    return chain


def simulated(chain, faults, requests=REQUESTS, **options):
    load = ck.Poisson(rate_per_s=0.05)
    return ck.simulate(chain, load, requests=requests, seed=3, faults=faults, **options)


def attempts(trace, *, is_ended=True):
    """Return how often each function ran for a request, and how that ended."""
    spans = [span for span in trace.spans if span.what == "invocation" and span.status != "throttled"]
    return Counter((span.node, span.status if is_ended else "") for span in spans)


def sent(stack, faults, run):
    with stack.faults(faults, like=run):
        return [stack.send({"order": number}) for number in range(run.requests)]


def test_attempts_dead_letters_and_duplicates_are_those_of_the_simulation(stand):
    faults = ck.Faults({
        "pay": ck.Fault(error_rate=0.3, poison_fraction=0.02), "ship": ck.Fault(error_rate=0.2),
        "take>jobs": ck.Fault(duplicate_rate=0.1),
    })  # fmt: skip
    chain = queued()
    run = simulated(chain, faults, replications=4)
    traces = sent(stand(chain), faults, run)
    simulated_traces = [run.trace(number) for number in range(REQUESTS)]

    assert [trace.outcome for trace in traces] == [trace.outcome for trace in simulated_traces]
    for node in ("pay", "ship"):
        tries = [
            [sum(span.node == node and span.what == what for span in trace.spans) for trace in of]
            for of, what in ((simulated_traces, "invocation"), (traces, "invocation"))
        ]
        if node == "ship":  # of pay, two copies of one request may share a batch
            assert tries[0] == tries[1]
    failed = [sum(span.node == "pay" and span.status == "error" for span in t.spans) for t in simulated_traces]
    back = [sum(span.node == "jobs" and span.what == "retry wait" for span in trace.spans) for trace in traces]
    assert failed == back
    assert sum(failed) > 50
    assert run.ledger["dead-lettered"] == sum(trace.outcome == "dead-lettered" for trace in traces) > 0


def test_every_link_leads_on_to_the_same_draws(stand):
    one = ck.Fault(error_rate=0.3)
    faults = ck.Faults({
        "check": one, "slow": ck.Fault(error_rate=0.5), "pay": ck.Fault(throttle_rate=0.2, error_rate=0.1),
        "ship": ck.Fault(error_rate=0.3, poison_fraction=0.05), "log": one, "post": one,
        "mail": ck.Fault(duplicate_rate=0.2), "take>slow": ck.Fault(duplicate_rate=0.2),
        "bus>ship": ck.Fault(duplicate_rate=0.2),
    })  # fmt: skip
    chain = everything()
    run = simulated(chain, faults, requests=40, replications=2)
    traces = sent(stand(chain), faults, run)

    assert [attempts(trace) for trace in traces] == [attempts(run.trace(number)) for number in range(40)]
    assert [trace.outcome for trace in traces] == [run.trace(number).outcome for number in range(40)]
    ended = sum((attempts(trace) for trace in traces), Counter())
    assert all(ended[name, "error"] for name in ("check", "slow", "pay", "ship", "log", "post"))
    throttled = [span for trace in traces for span in trace.spans if span.status == "throttled"]
    assert {(span.node, span.reason) for span in throttled} == {("pay", "injected: throttle")}


def test_a_batch_that_fails_as_a_whole_comes_back_as_a_whole(stand):
    chain = queued("whole", reports=False, batch=1)
    faults = ck.Faults({"pay": ck.Fault(error_rate=0.5)})
    run = simulated(chain, faults, requests=40, replications=1)
    traces = sent(stand(chain), faults, run)

    assert [attempts(trace) for trace in traces] == [attempts(run.trace(number)) for number in range(40)]


def test_other_seeds_fail_other_attempts(stand):
    chain = queued("seeds", batch=1, reports=False)
    faults = ck.Faults({"pay": ck.Fault(error_rate=0.5)})
    stack = stand(chain)
    runs = [ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=30, seed=seed, faults=faults) for seed in (1, 2)]
    one, again, other = ([attempts(trace) for trace in sent(stack, faults, run)] for run in (runs[0], runs[0], runs[1]))

    assert one == again != other


def test_code_of_ones_own_runs_to_its_end_and_then_fails(stand, tmp_path):
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "handler.py").write_text("def handle(event, context):\n    print('charged')\n")
    chain = ck.Chain("own")
    chain.add(function("pay", code="pay", handler="handler.handle"))
    chain.save(tmp_path / "own.chain.yaml")
    stack = stand(chain)
    faults = ck.Faults({"pay": ck.Fault(error_rate=1.0, error_name="Down")})
    with stack.faults(faults):
        broken = stack.send({})
    whole = stack.send({})

    (span,) = [span for span in broken.spans if span.what == "invocation"]
    assert (span.status, span.reason) == ("error", "injected: Down")
    assert any("charged" in line for line in span.logs)
    assert json.loads(broken.answer)["errorType"] == "Down"
    assert whole.outcome == "completed"


def test_messages_of_ones_own_code_fail_one_by_one_where_the_mapping_hears_of_it(stand, tmp_path):
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "handler.py").write_text("def handle(event, context):\n    return {'batchItemFailures': []}\n")
    chain = ck.Chain("ownbatch")
    for service in (
        function("take"), ck.SqsQueue("jobs", visibility_timeout_s=60), ck.SqsQueue("dead"),
        function("pay", code="pay", handler="handler.handle"),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("take", "jobs", count=5)
    chain.connect("jobs", "pay", batch_size=5, report_batch_item_failures=True)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    chain.save(tmp_path / "ownbatch.chain.yaml")
    faults = ck.Faults({"pay": ck.Fault(error_rate=0.4)})
    run = simulated(chain, faults, requests=20, replications=1)
    traces = sent(stand(chain), faults, run)

    lost = [sum(s.what == "dead letter" for s in trace.spans) for trace in traces]
    back = [sum(s.what == "retry wait" for s in trace.spans) for trace in traces]
    failed = [sum(s.node == "pay" and s.status == "error" for s in run.trace(n).spans) for n in range(20)]
    assert back == failed
    assert sum(lost) == run.branches["dead-lettered"] > 0


def test_delays_take_their_time_and_run_into_the_timeout(stand):
    chain = ck.Chain("late")
    chain.add(function("f", timeout_s=10))
    stack = stand(chain)
    stack.send({})  # warm
    with stack.faults(ck.Faults({"f": ck.Fault(delay=4.0)})):
        late = stack.send({})
    with stack.faults(ck.Faults({"f": ck.Fault(delay=40.0)})):
        cut = stack.send({})

    assert 4 < late.response_s < 9
    assert late.spans[0].reason == "injected: delay of 4 s"
    assert [(span.status) for span in cut.spans if span.what == "invocation"] == ["timeout"]
    assert 10 <= cut.response_s < 14


def test_a_limit_throttles(stand):
    chain = ck.Chain("limit")
    chain.add(function("f"))
    stack = stand(chain)
    with stack.faults(ck.Faults({"f": ck.Fault(reserved_concurrency=0)})):
        trace = stack.send({})
    assert trace.outcome == "throttled"
    assert trace.spans[0].reason == "injected: throttle"
    assert stack.send({}).outcome == "completed"


def test_what_is_dead_delivers_nothing_until_it_lives_again(stand):
    chain = everything()
    stack = stand(chain)
    dead = ck.Fault(dead=True)
    with stack.faults(ck.Faults({"jobs>pay": dead, "news>log": dead, "bus>ship": dead, "take": {"error_rate": 0.01}})):
        stuck = [stack.send({}) for _ in range(6)]
    assert {trace.outcome for trace in stuck} == {"unfinished", "completed"}
    assert not any(span.node in ("pay", "ship") for trace in stuck for span in trace.spans)
    reasons = {span.reason for trace in stuck for span in trace.spans if span.what == "stuck"}
    assert reasons == {"injected: dead consumer"}
    assert stack.send({}).outcome == "completed"


def test_a_part_of_a_function_is_simulated_and_not_run():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("ask", parts={"pay": ck.Part()}))
    with pytest.raises(ck.ConfigError, match="'pay' is a part of a function"):
        described(ck.Faults({"pay": ck.Fault(error_rate=0.5)}), chain, {"ask": "arn"})


def test_places_count_the_entry_and_replications_begin_where_they_do_in_a_run():
    chain = queued("places")
    chain.connect("ship", "take", link="async")
    arns = {name: f"arn:{name}" for name in chain.services}
    told = described(None, chain, arns, seed=5, requests=10, replications=3, entry="take")

    assert told["firsts"] == [0, 3, 6]
    assert {link["id"]: link["place"] for link in told["links"]}["ship>take"] == 1
    assert told["functions"]["arn:pay"]["is_told"] is True


def test_a_target_that_cannot_break_anything_says_so(stand):
    chain = ck.Chain("plain")
    chain.add(function("f"))
    stack = stand(chain)
    witness, stack.target.witness = stack.target.witness, object()
    try:
        with pytest.raises(ck.DeployError, match="cannot break anything by itself"), stack.faults(None):
            pass
    finally:
        stack.target.witness = witness
