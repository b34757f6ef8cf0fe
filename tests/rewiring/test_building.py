"""What rewiring keeps of a call and of a machine, and what it says is gone."""

import pytest

import chainkit as ck

LOAD = ck.Poisson(rate_per_s=4)


def called(**options) -> ck.Chain:
    """An API's function calls another, which often fails."""
    chain = ck.Chain("two")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("a", duration=0.05, timeout_s=20, init=0))
    chain.add(ck.LambdaFunction("b", duration=0.1, timeout_s=5, error_rate=0.3, init=0))
    chain.connect("api", "a")
    chain.connect("a", "b", **options)
    return chain


def started(state: dict, **figures) -> ck.Chain:
    """A function starts a machine of one task."""
    chain = called()
    chain.remove("a>b")
    task = {"Type": "Task", "Resource": "${b}", "End": True, **state}
    chain.add(ck.StateMachine("flow", definition={"StartAt": "Call", "States": {"Call": task}}, **figures))
    chain.connect("a", "flow", link="async")
    return chain


def failed(chain: ck.Chain) -> int:
    return int(ck.simulate(chain, LOAD, requests=1_000, seed=1).ledger["failed"])


def test_an_answer_by_express_is_taken_as_the_call_was():
    plain, spared = called(needs_answer=True), called(needs_answer=True, on_error="continue")
    tried = called(needs_answer=True, retry=ck.Retry(max_attempts=3), client_timeout_s=2.0)
    express = [ck.variants(each, ["express"])["express"] for each in (plain, spared, tried)]

    assert failed(express[0].chain) == failed(plain) > 250
    assert failed(express[1].chain) == failed(spared) == 0
    link = express[2].chain.link("a>b-flow")
    assert (link.retry, link.client_timeout_s) == (ck.Retry(max_attempts=3), 2.0)
    assert [each.notes for each in express] == [(), (), ()]
    assert "but for b (on_error='continue')" in ck.variants(spared, ["fused"])["fused"].notes[0]


def test_what_a_call_does_no_more_is_said():
    chain = called(needs_answer=False, retry=ck.Retry(max_attempts=3), on_error="continue")
    flows = ck.variants(chain, ["sqs", "standard"])

    assert flows["sqs"].notes == ("a to b: without retry of a>b, on_error=continue of a>b",)
    assert flows["standard"].notes[0].endswith("a Retry: what fails once is dead-lettered")


def test_what_a_queue_did_is_said_where_it_goes_and_where_a_new_one_comes():
    chain = called()
    chain.remove("a>b")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60, delay_s=20))
    chain.connect("a", "jobs")
    chain.connect("jobs", "b", batch_size=1, maximum_concurrency=2)
    chain.connect("jobs", chain.add(ck.SqsQueue("dead")), link="redrive", max_receive_count=2)
    flows = ck.variants(chain, ["sqs", "sns", "sns-sqs"])

    gone = "maximum_concurrency=2 of jobs>b, delay_s=20 of jobs, max_receive_count=2 of jobs>dead"
    assert flows["sqs"].notes == ()
    assert flows["sns"].notes == (f"a to b: without {gone}",)
    assert flows["sns-sqs"].notes == (f"a to b: without batch_size=1 of jobs>b, {gone}",)


@pytest.mark.parametrize("kind", ["express", "nested"])
def test_retry_and_time_limit_of_a_state_go_with_it_into_the_machine_that_comes(kind):
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 7}]
    flow = ck.variants(started({"Retry": retry, "TimeoutSeconds": 4}), [kind])[kind]
    (call,) = [v for v in flow.chain.links.values() if v.target == "b"]
    state = flow.chain.service(call.source).definition["States"][call.state]

    assert (state["Retry"], state["TimeoutSeconds"], flow.notes) == (retry, 4, ())


def test_a_retry_that_goes_is_said():
    chain = started({"Retry": [{"ErrorEquals": ["States.ALL"]}]})

    assert ck.variants(chain, ["sqs"])["sqs"].notes == ("a to b: without Retry of flow",)
