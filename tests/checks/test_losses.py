"""Losses: figures by hand, and who counts as protected."""

import chainkit as ck
from tests.checks.cases import CASES, chain_of, found


def effect(rule: str) -> str:
    return found(CASES[rule](True), rule)[0].effect


def test_a_poisoned_message_comes_back_all_day() -> None:
    text = effect("queue-without-dead-letters")

    assert "0.1 % of them" in text
    assert "every 60 s, 1,440 times a day" in text
    assert "$0.003 of run time" in text  # 1,440 x 0.25 s x 0.5 GB x 0.0000166667


def test_events_are_lost_by_poison_and_by_errors_in_every_try() -> None:
    assert "505,000 of a million" in effect("events-without-destination")  # 0.5 + 0.5 x 0.1^2


def test_a_destination_for_successes_keeps_no_failure() -> None:
    chain = chain_of(ck.LambdaFunction("order"), ck.LambdaFunction("mail"), ck.SqsQueue("done"))
    chain.connect("order", "mail", link="async")
    chain.connect("mail", "done", link="on_success")

    assert [finding.where for finding in found(chain, "events-without-destination")] == ["mail"]


def test_a_function_that_is_only_called_needs_no_destination() -> None:
    assert found(CASES["billed-while-waiting"](True), "events-without-destination") == []


def test_a_delivery_fails_for_good_after_its_retries() -> None:
    assert "25 % by the delivery_error_rate stated, retries at most: 1" in effect("deliveries-without-dead-letters")


def test_one_queue_serves_all_deliveries_of_a_topic() -> None:
    chain = chain_of(ck.SnsTopic("news"), ck.SqsQueue("a"), ck.SqsQueue("b"))
    chain.connect("news", "a")
    chain.connect("news", "b")
    (finding,) = found(chain, "deliveries-without-dead-letters")

    assert [str(each) for each in finding.change] == [
        "chain.add(ck.SqsQueue('news-dead'))",
        "chain.set('news>a', dead_letter_queue='news-dead')",
        "chain.set('news>b', dead_letter_queue='news-dead')",
    ]
    assert "retries at most: 100,015" in finding.effect


def test_failures_of_events_that_come_back_to_their_function_are_found() -> None:
    chain = chain_of(ck.SqsQueue("failed"), ck.LambdaFunction("mail"))
    chain.connect("mail", "failed", link="on_failure")
    chain.connect("failed", "mail")

    assert [finding.where for finding in found(chain, "dead-letters-to-the-same-function")] == ["failed"]
