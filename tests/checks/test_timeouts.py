"""Timeouts: figures by hand, and who may wait how long."""

import pytest

import chainkit as ck
from chainkit.checks.timeouts import tries_s
from chainkit.wiring import Invocation
from tests.checks.cases import CASES, FLOW, calling, chain_of, found


def only(chain: ck.Chain, rule: str) -> ck.Finding:
    (finding,) = found(chain, rule)
    return finding


def test_a_callee_that_outlives_its_caller_is_billed_unread() -> None:
    finding = only(CASES["caller-gives-up-first"](True), "caller-gives-up-first")

    assert "'order' waits 30 s at most for 'pay', which may run 30 s" in finding.problem
    # 30 s x 0.5 GB x 0.0000166667 x 1e6; a quarter of 0..40 s lies above 30.
    assert "$250.00 a million" in finding.effect
    assert "25 % of the runs of 'pay' take longer than 30 s" in finding.effect


def test_an_api_waits_30_s_so_its_function_is_given_less() -> None:
    chain = chain_of(ck.HttpApi("api"), ck.LambdaFunction("order", timeout_s=30, memory_mb=128))
    chain.connect("api", "order")
    finding = only(chain, "caller-gives-up-first")

    assert str(finding.change[0]) == "chain.set('order', timeout_s=29)"
    assert finding.source == "AWS agent toolkit, lambda.md (2026)"


@pytest.mark.parametrize(("timeout_s", "count"), [(20, 1), (19, 0)])
def test_a_state_gives_up_as_its_timeout_says(timeout_s: int, count: int) -> None:
    chain = chain_of(ck.StateMachine("flow", definition=FLOW), ck.LambdaFunction("pay", timeout_s=timeout_s))

    assert len(found(chain, "caller-gives-up-first")) == count


def test_an_express_workflow_ends_after_five_minutes() -> None:
    definition = {"StartAt": "Pay", "States": {"Pay": {"Type": "Task", "Resource": "${pay}", "End": True}}}
    chain = chain_of(
        ck.StateMachine("flow", definition=definition, workflow="EXPRESS"), ck.LambdaFunction("pay", timeout_s=300)
    )

    assert "'flow' waits 300 s at most" in only(chain, "caller-gives-up-first").problem


def test_a_longer_caller_takes_the_queue_that_feeds_it_along() -> None:
    chain = calling(order={"timeout_s": 10})
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.connect("jobs", "order", maximum_batching_window_s=2)
    finding = only(chain, "caller-gives-up-first")

    assert [str(each) for each in finding.change] == [
        "chain.set('jobs', visibility_timeout_s=68)",  # 6 x 11 + 2
        "chain.set('order', timeout_s=11)",
    ]


def test_no_function_runs_longer_than_900_s_and_none_longer_than_itself() -> None:
    at_the_quota = calling(order={"timeout_s": 900}, pay={"timeout_s": 900})
    itself = chain_of(ck.LambdaFunction("again"))
    itself.connect("again", "again", probability=0.5)

    assert only(at_the_quota, "caller-gives-up-first").change == ()
    assert only(itself, "caller-gives-up-first").change == ()


def test_a_second_try_runs_beside_the_first() -> None:
    retried = calling(client_timeout_s=5.0, retry=ck.Retry(max_attempts=2))

    assert "The next try then does the same work beside it." in only(retried, "client-gives-up-first").effect
    assert "next try" not in only(calling(client_timeout_s=5.0), "client-gives-up-first").effect


def test_tries_and_the_waits_between_have_to_fit() -> None:
    finding = only(CASES["calls-outlast-caller"](True), "calls-outlast-caller")

    assert "may take 20 s" in finding.problem
    assert "cut 100 ms before" in finding.effect  # 20 s of calls and 0.1 s of own work, in 20 s


def test_calls_of_one_step_run_at_once_and_steps_one_after_the_other() -> None:
    def two(step: int) -> ck.Chain:
        chain = calling()
        chain.add(ck.LambdaFunction("mail", timeout_s=10))
        chain.connect("order", "mail", step=step)
        return chain

    assert found(two(step=1), "calls-outlast-caller") == []
    assert "may take 20 s" in only(two(step=2), "calls-outlast-caller").problem


@pytest.mark.parametrize(
    ("retry", "expected_s"),
    [
        (None, 10),
        (ck.Retry(max_attempts=3, interval_s=1, backoff_rate=3), 10 * 3 + 1 + 3),
        (ck.Retry(max_attempts=3, interval_s=4, max_delay_s=5), 10 * 3 + 4 + 5),
        (ck.Retry(max_attempts=3, interval_s=1, jitter="decorrelated"), 10 * 3 + 1 + 3),
        (ck.Retry(max_attempts=3, errors=("throttled",)), 10 + 1 + 2),
    ],
)
def test_the_longest_that_all_tries_take(retry: ck.Retry | None, expected_s: float) -> None:
    assert tries_s(Invocation(source="a", target="b", retry=retry), 10.0) == expected_s
    assert tries_s(Invocation(source="a", target="b", client_timeout_s=2.0), 10.0) == 2


def test_work_that_is_cut_fails_and_is_billed() -> None:
    finding = only(CASES["work-outlasts-timeout"](True), "work-outlasts-timeout")

    # An eighth of 0.5..4.5 s lies above 4; 125,000 x 4 s x 1 GB x 0.0000166667.
    assert "cuts 12.5 % of its runs" in finding.problem
    assert finding.effect.startswith("125,000 of a million runs fail")
    assert "$8.33" in finding.effect
