"""Quotas: figures by hand."""

import chainkit as ck
from chainkit.checks.design import Design
from chainkit.checks.quotas import largest_bytes
from tests.checks.cases import CASES, FLOW, chain_of, found


def only(rule: str) -> ck.Finding:
    (finding,) = found(CASES[rule](True), rule)
    return finding


def test_an_event_of_a_bus_can_be_too_large_for_a_topic() -> None:
    assert only("payload-over-limit").problem == "'bus>news' carries up to 262,145 bytes; 'news' takes 262,144."


def test_a_call_can_be_too_large_for_an_express_workflow() -> None:
    chain = chain_of(
        ck.LambdaFunction("order", timeout_s=10),
        ck.StateMachine("flow", workflow="EXPRESS"),
    )
    chain.connect("order", "flow", response_bytes=300_000)

    assert [finding.where for finding in found(chain, "payload-over-limit")] == ["order>flow"]


def test_states_that_give_on_too_much_are_named() -> None:
    assert only("state-over-limit").problem == "'flow' gives on more than 262,144 bytes from 'Pay'."
    assert found(chain_of(ck.LambdaFunction("pay"), ck.StateMachine("flow", definition=FLOW)), "state-over-limit") == []


def test_a_batch_is_cut_at_six_megabytes() -> None:
    finding = only("batch-over-payload")

    assert "Batches are cut at 12 messages: 1.08 times as many" in finding.effect  # 6 MB / 512 KB, 13 / 12
    assert str(finding.change[0]) == "chain.set('jobs>pay', batch_size=12)"


def test_the_largest_message_is_found_through_topics_and_circles_of_buses() -> None:
    chain = chain_of(ck.LambdaFunction("order"), ck.EventBus("a"), ck.EventBus("b"), ck.SqsQueue("jobs"))
    chain.connect("order", "a", message_bytes=5000)
    chain.connect("order", "b", message_bytes=7000)
    chain.connect("a", "b")
    chain.connect("b", "a")
    chain.connect("a", "jobs")

    assert largest_bytes(Design(chain), "jobs") == 7000
    assert largest_bytes(Design(chain), "order") == 0


def test_reservations_are_told_where_they_pass_what_an_account_has() -> None:
    finding = only("reservations-over-account")

    assert (finding.where, finding.effect) == ("b", "AWS refuses the reservation: 1 too many.")


def test_rules_and_filters_are_counted() -> None:
    chain = chain_of(ck.SnsTopic("news"), ck.SqsQueue("audit"))
    for _ in range(201):
        chain.connect("news", "audit", filter_policy={"kind": ["book"]})
    chain.connect("news", "audit")
    (finding,) = found(chain, "links-over-quota")

    assert finding.problem == "'news' has 201 subscriptions with a filter; AWS grants 200."
    assert only("links-over-quota").problem == "'bus' has 301 rules; AWS grants 300."


def test_an_init_over_ten_seconds_runs_again() -> None:
    finding = only("init-over-limit")

    # A fifth of 6..11 s lies above 10; 0.2 x 10 s x 1 GB x 0.0000166667 x 1e6.
    assert finding.problem.startswith("20 % of the inits")
    assert "$33.33 a million cold starts" in finding.effect
