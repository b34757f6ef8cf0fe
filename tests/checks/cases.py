"""For each rule a chain that has its finding, and one at the boundary that does not; each is named after its rule."""

from collections.abc import Callable
from typing import Any

import chainkit as ck
from chainkit.checks.findings import Finding

TASK: dict[str, Any] = {"Type": "Task", "Resource": "${pay}", "TimeoutSeconds": 20, "End": True}
FLOW = {"StartAt": "Pay", "States": {"Pay": TASK}}


def found(chain: ck.Chain, rule: str) -> list[Finding]:
    """Return a chain's findings of one rule."""
    return [finding for finding in ck.check(chain) if finding.rule == rule]


def chain_of(*services: Any) -> ck.Chain:
    chain = ck.Chain("shop")
    for service in services:
        chain.add(service)
    return chain


def polled(pay: dict[str, Any] | None = None, mapping: dict[str, Any] | None = None, **queue: Any) -> ck.Chain:
    """Return a queue that feeds a function of 10 s and 512 MB, with a dead-letter queue."""
    function = {"memory_mb": 512, "timeout_s": 10, "duration": 0.25, **(pay or {})}
    chain = chain_of(
        ck.SqsQueue("jobs", **{"visibility_timeout_s": 60, **queue}),
        ck.LambdaFunction("pay", **function),
        ck.SqsQueue("failed"),
    )
    chain.connect("jobs", "pay", **(mapping or {}))
    chain.connect("jobs", "failed", link="redrive")
    return chain


def calling(order: dict[str, Any] | None = None, pay: dict[str, Any] | None = None, **call: Any) -> ck.Chain:
    """Return a function of 20 s and 1,024 MB that waits for one of 10 s."""
    chain = chain_of(
        ck.LambdaFunction("order", **{"memory_mb": 1024, "timeout_s": 20, **(order or {})}),
        ck.LambdaFunction("pay", **{"memory_mb": 512, "timeout_s": 10, **(pay or {})}),
    )
    chain.connect("order", "pay", **call)
    return chain


# --- losses ---


def queue_without_dead_letters(is_found: bool) -> ck.Chain:
    chain = polled({"poison_fraction": 0.001})
    if is_found:
        chain.remove("jobs>failed")
    return chain


def events_without_destination(is_found: bool) -> ck.Chain:
    chain = chain_of(
        ck.SnsTopic("news"),
        ck.LambdaFunction("mail", error_rate=0.1, poison_fraction=0.5, maximum_retry_attempts=1),
        ck.SqsQueue("failed"),
    )
    chain.connect("news", "mail", dead_letter_queue="failed")
    if not is_found:
        chain.connect("mail", "failed", link="on_failure")
    return chain


def deliveries_without_dead_letters(is_found: bool) -> ck.Chain:
    chain = chain_of(ck.EventBus("bus"), ck.SqsQueue("audit"), ck.SqsQueue("copy"), ck.SqsQueue("failed"))
    queue = {} if is_found else {"dead_letter_queue": "failed"}
    chain.connect("bus", "audit", delivery_error_rate=0.5, maximum_retry_attempts=1, **queue)
    chain.connect("bus", "copy", dead_letter_queue="failed")
    return chain


def dead_letters_to_the_same_function(is_found: bool) -> ck.Chain:
    chain = polled()
    chain.set("failed", visibility_timeout_s=60)
    chain.add(ck.LambdaFunction("repair"))
    chain.connect("failed", "pay" if is_found else "repair")
    return chain


# --- timeouts ---


def work_outlasts_timeout(is_found: bool) -> ck.Chain:
    law = ck.Uniform(low_s=0.5, high_s=4.5 if is_found else 4.0)
    return chain_of(ck.LambdaFunction("pay", memory_mb=1024, timeout_s=4, duration=law))


def caller_gives_up_first(is_found: bool) -> ck.Chain:
    law = ck.Uniform(low_s=0, high_s=40)
    return calling(order={"timeout_s": 30 if is_found else 31}, pay={"timeout_s": 30, "duration": law})


def client_gives_up_first(is_found: bool) -> ck.Chain:
    return calling(client_timeout_s=10.0 if is_found else 10.5, retry=ck.Retry(max_attempts=1))


def calls_outlast_caller(is_found: bool) -> ck.Chain:
    # Two tries of 9 s, and 2 s between: 20 s.
    retry = ck.Retry(max_attempts=2, interval_s=2.0)
    return calling(order={"timeout_s": 20 if is_found else 21}, pay={"timeout_s": 9}, retry=retry)


# --- queues ---


def batch_outlasts_timeout(is_found: bool) -> ck.Chain:
    return polled({"duration": 1.25 if is_found else 1.0})


def visibility_below_six_timeouts(is_found: bool) -> ck.Chain:
    return polled(mapping={"maximum_batching_window_s": 5}, visibility_timeout_s=64 if is_found else 65)


def receive_count_below_five(is_found: bool) -> ck.Chain:
    chain = polled({"error_rate": 0.1}, {"report_batch_item_failures": True})
    chain.set("jobs>failed", max_receive_count=4 if is_found else 5)
    return chain


def batch_fails_whole(is_found: bool) -> ck.Chain:
    return polled({"error_rate": 0.1}, {"batch_size": 2 if is_found else 1})


def mappings_above_reservation(is_found: bool) -> ck.Chain:
    return polled({"reserved_concurrency": 20}, {"maximum_concurrency": 21 if is_found else 20})


# --- quotas ---


def payload_over_limit(is_found: bool) -> ck.Chain:
    chain = chain_of(ck.LambdaFunction("order"), ck.EventBus("bus"), ck.SnsTopic("news"), ck.SqsQueue("failed"))
    chain.connect("order", "bus", message_bytes=262_145 if is_found else 262_144)
    chain.connect("bus", "news", dead_letter_queue="failed")
    return chain


def state_over_limit(is_found: bool) -> ck.Chain:
    sizes = {"Pay": 262_145 if is_found else 262_144}
    return chain_of(ck.LambdaFunction("pay"), ck.StateMachine("flow", definition=FLOW, result_bytes=sizes))


def reservations_over_account(is_found: bool) -> ck.Chain:
    return chain_of(
        ck.LambdaFunction("a", reserved_concurrency=500),
        ck.LambdaFunction("b", reserved_concurrency=401 if is_found else 400),
        ck.LambdaFunction("c", reserved_concurrency=0),
    )


def links_over_quota(is_found: bool) -> ck.Chain:
    chain = chain_of(ck.EventBus("bus"), ck.SqsQueue("audit"), ck.SqsQueue("failed"))
    for _ in range(301 if is_found else 300):
        chain.connect("bus", "audit", dead_letter_queue="failed")
    return chain


def init_over_limit(is_found: bool) -> ck.Chain:
    law = ck.Uniform(low_s=6, high_s=11 if is_found else 10)
    return chain_of(ck.LambdaFunction("pay", memory_mb=1024, init=law))


def batch_over_payload(is_found: bool) -> ck.Chain:
    chain = polled({"duration": 0.1}, {"batch_size": 13 if is_found else 12, "maximum_batching_window_s": 1})
    chain.set("jobs", visibility_timeout_s=61)
    chain.add(ck.LambdaFunction("order"))
    chain.connect("order", "jobs", message_bytes=524_288)
    return chain


# --- calls ---


def synchronous_depth(is_found: bool) -> ck.Chain:
    chain = calling({"duration": 0.5}, {"duration": 0.25, "error_rate": 0.5})
    chain.add(ck.LambdaFunction("bank", duration=0.125, error_rate=0.5))
    if is_found:
        chain.connect("pay", "bank")
    return chain


def billed_while_waiting(is_found: bool) -> ck.Chain:
    chain = calling({"duration": 0.5}, {"duration": 0.25}, needs_answer=False)
    if not is_found:
        chain.set("order>pay", invocation_type="Event")
    return chain


CASES: dict[str, Callable[[bool], ck.Chain]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        queue_without_dead_letters,
        events_without_destination,
        deliveries_without_dead_letters,
        dead_letters_to_the_same_function,
        work_outlasts_timeout,
        caller_gives_up_first,
        client_gives_up_first,
        calls_outlast_caller,
        batch_outlasts_timeout,
        visibility_below_six_timeouts,
        receive_count_below_five,
        batch_fails_whole,
        mappings_above_reservation,
        payload_over_limit,
        state_over_limit,
        reservations_over_account,
        links_over_quota,
        init_over_limit,
        batch_over_payload,
        synchronous_depth,
        billed_while_waiting,
    )
}
"""Rule -> its two chains."""
