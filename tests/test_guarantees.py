"""What AWS promises of each way into a function, and where repeats come from."""

import pytest

import chainkit as ck
from chainkit.guarantees import COLUMNS, promised
from chainkit.rewiring import KINDS


def pair(**settings) -> ck.Chain:
    chain = ck.Chain("pair")
    chain.add(ck.LambdaFunction("a", timeout_s=10))
    chain.add(ck.LambdaFunction("b", timeout_s=10, **settings))
    return chain


def flow(kind: str):
    """Return the guarantee of the way into `b`, and of the machine before it if there is one."""
    chain = pair()
    chain.connect("a", "b", needs_answer=False)
    return {each.service: each for each in promised(ck.variants(chain, [kind])[kind].chain)}


@pytest.mark.parametrize(
    ("kind", "delivery", "needs_idempotency", "after"),
    [
        ("sync", "at most once", False, "told to the caller"),
        ("async", "at least once", True, "to 'b-dead'"),
        ("sqs", "at least once", True, "to 'b-dead' after 5 receives"),
        ("sns", "at least once", True, "not accepted: dropped; failed: to 'b-dead'"),
        ("eventbridge", "at least once", True, "not accepted: dropped; failed: to 'b-dead'"),
        ("standard", "at least once", True, "caught: state 'Bury'"),
        ("express", "at least once", True, "caught: state 'Bury'"),
    ],
)
def test_each_kind_of_link_has_its_promise(kind, delivery, needs_idempotency, after):
    found = flow(kind)["b"]

    assert (found.delivery, found.needs_idempotency, found.after_last_try) == (delivery, needs_idempotency, after)


def test_a_standard_execution_is_started_once_and_an_express_one_maybe_twice():
    standard, express = flow("standard")["b-flow"], flow("express")["b-flow"]

    assert (standard.delivery, standard.duplicates) == ("exactly once", "none")
    assert (express.delivery, express.duplicates) == ("at least once", "an Express execution may run twice")


def test_a_synchronous_express_execution_runs_at_most_once():
    chain = pair()
    chain.connect("a", "b")
    found = {each.service: each for each in promised(ck.variants(chain, ["express"])["express"].chain)}

    assert found["b-flow"].delivery == "at most once"
    assert not found["b"].needs_idempotency


def test_an_execution_that_a_task_waits_for_runs_as_often_as_the_task_is_tried():
    found = flow("nested")

    assert (found["b-call"].delivery, found["b-call"].duplicates) == ("at most once", "none")
    assert found["b-call"].retried_by == "nobody: the state has no Retry"
    assert found["b-call"].after_last_try == "caught: state 'Bury'"
    assert "b-call" not in found["b"].duplicates
    assert found["b"].needs_idempotency  # by the Retry of its own call


def test_a_bus_that_starts_a_machine_may_do_so_twice():
    chain = ck.Chain("bus")
    chain.add(ck.EventBus("bus"))
    chain.add(ck.StateMachine("m", definition={"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}))
    chain.connect("bus", "m")
    (found,) = promised(chain)

    assert (found.delivery, found.needs_idempotency) == ("at least once", True)
    assert "185 more" in found.retried_by


def test_a_caller_that_tries_again_may_repeat_what_was_done():
    chain = pair()
    chain.connect("a", "b", retry=ck.Retry(max_attempts=4, errors=("timeout", "service")))
    (found,) = promised(chain)

    assert (found.delivery, found.needs_idempotency) == ("at least once", True)
    assert found.retried_by == "the caller: 4 tries, timeout or service"


def test_a_state_with_retry_runs_its_task_at_least_once():
    chain = pair()
    task = {
        "Type": "Task",
        "Resource": "${b}",
        "End": True,
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 4}],
    }
    chain.add(ck.StateMachine("m", definition={"StartAt": "T", "States": {"T": task}}))
    chain.connect("a", "m", link="async")
    found = {each.service: each for each in promised(chain)}["b"]

    assert (found.delivery, found.retried_by) == ("at least once", "the state's Retry: 4 more")
    assert found.after_last_try == "the execution fails"
    assert found.needs_idempotency


def test_repeats_are_followed_along_the_links():
    chain = pair()
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("c", timeout_s=5))
    chain.connect("jobs", "a")
    chain.connect("a", "b")
    chain.connect("b", "c")
    found = {each.service: each for each in promised(chain)}

    assert found["b"].duplicates == "'a' may run twice"
    assert found["c"].duplicates == "'b' may run twice"
    assert found["c"].delivery == "at most once"
    assert all(each.needs_idempotency for each in found.values())


def test_a_queue_that_gives_up_nothing_drops_after_its_retention():
    chain = pair()
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60, retention_s=86_400))
    chain.connect("jobs", "b")
    (found,) = promised(chain)

    assert found.after_last_try == "dropped after 1 days"
    assert found.retried_by == "the queue: visible again after 60 s"


def test_events_follow_the_function_s_own_settings():
    chain = pair(maximum_retry_attempts=0, maximum_event_age_s=120)
    chain.connect("a", "b", link="async")
    (found,) = promised(chain)

    assert found.retried_by == "Lambda: 0 more after an error, for 120 s after a throttle"
    assert found.after_last_try == "dropped"
    assert found.delivery == "at least once"  # twice without any error, and not at all after one


def test_every_link_into_work_is_there_once_and_every_row_has_a_source():
    for name, variant in ck.variants(ck.example("orders"), KINDS).items():
        found = promised(variant.chain)
        works = {s for s in variant.chain.services if s in ("validate", "inventory", "payment", "shipping", "confirm")}
        assert works <= {each.service for each in found}, name
        assert len({each.link for each in found}) == len(found)
        assert all(each.source for each in found)
        assert all([*each.to_plain()] == [*COLUMNS] for each in found)
        assert all(each.needs_idempotency == (each.duplicates != "none") for each in found)
