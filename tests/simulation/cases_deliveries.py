"""Handing over: duplicates, retries of deliveries, quotas of EventBridge that refuse or delay, sizes."""

from typing import Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import KINDS, Case, case, chain_of, function, machine

QUICK = {"duration": Constant(0.01), "init": Constant(0.0)}

# --- duplicates ---


@case
def duplicates_of_everything() -> Case:
    """Every link that hands over gives some messages twice."""
    chain = chain_of(
        function("f"), function("g", error_rate=0.1), ck.SqsQueue("q"), function("pay"), ck.SnsTopic("t"),
        ck.EventBus("b"), function("h", idempotent=True), function("i"),
    )  # fmt: skip
    chain.connect("f", "g", link="async", duplicate_rate=0.2, count=2)
    chain.connect("f", "q", duplicate_rate=0.3, count=3)
    chain.connect("f", "t", duplicate_rate=0.2)
    chain.connect("f", "b", duplicate_rate=0.2, count=2)
    chain.connect("q", "pay", batch_size=4)
    chain.connect("t", "h", duplicate_rate=0.3)
    chain.connect("t", "q", duplicate_rate=0.3)
    chain.connect("b", "i", duplicate_rate=0.4)
    return Case(chain, requests=150)


@case
def duplicates_always() -> Case:
    """Every message twice, from an API to a machine by a bus: an Express execution is started at least once."""
    flow = machine({"W": {"Type": "Wait", "Seconds": 1, "End": True}})
    chain = chain_of(ck.HttpApi("api"), ck.EventBus("b"), flow, ck.SqsQueue("q"), function("g"))
    chain.connect("api", "b", duplicate_rate=1.0)
    chain.connect("b", "flow", duplicate_rate=1.0)
    chain.connect("b", "q")
    chain.connect("q", "g", batch_size=3, maximum_batching_window_s=1)
    return Case(chain, requests=60)


@case
def duplicates_of_an_execution() -> Case:
    """An Express workflow that is started as an event is started at least once."""
    flow = machine({"W": {"Type": "Wait", "Seconds": 1, "End": True}})
    chain = chain_of(function("f"), flow)
    chain.connect("f", "flow", link="async", duplicate_rate=0.5)
    return Case(chain)


# --- events ---


@case
def refused_events() -> Case:
    """Throttles and 5xx share one backoff; errors have their own retries."""
    g = function(
        "g", duration=Exponential(mean_s=1.0), reserved_concurrency=2, service_error_rate=0.3, error_rate=0.1,
        maximum_event_age_s=90, maximum_retry_attempts=1,
    )  # fmt: skip
    chain = chain_of(function("f"), g, ck.SqsQueue("dead"))
    chain.connect("f", "g", link="async")
    chain.connect("g", "dead", link="on_failure")
    return Case(chain, Poisson(rate_per_s=3))


# --- deliveries ---


def topic_chain(**settings: Any) -> ck.Chain:
    """Return a topic that delivers to a function and a queue, with a function behind each dead-letter queue."""
    chain = chain_of(ck.SnsTopic("t"), function("f", error_rate=0.2), ck.SqsQueue("q"), function("pay"))
    chain.add(ck.SqsQueue("dead"))
    chain.add(function("mend"))
    chain.connect("t", "f", **settings)
    chain.connect("t", "q", **settings)
    chain.connect("q", "pay", batch_size=2)
    chain.connect("dead", "mend", batch_size=1)
    return chain


@case
def deliveries_of_a_topic() -> Case:
    """SNS tries three times at once, twice after a second, then ever more slowly."""
    return Case(topic_chain(delivery_error_rate=0.7, dead_letter_queue="dead"))


@case
def deliveries_of_a_topic_that_never_arrive() -> Case:
    """100,015 tries take 23 days: when the run ends they are still under way."""
    return Case(topic_chain(delivery_error_rate=1.0), requests=10, at="t", drain_s=600.0)


@case
def deliveries_of_a_bus() -> Case:
    """EventBridge tries again until attempts or age are used up; then the dead-letter queue has it."""
    chain = chain_of(ck.EventBus("b"), function("f", error_rate=0.1, maximum_event_age_s=60), ck.SqsQueue("q"))
    for service in (ck.SqsQueue("dead"), ck.SqsQueue("kept"), ck.SnsTopic("t"), function("g")):
        chain.add(service)
    chain.add(function("mend", error_rate=0.3))
    chain.connect("b", "f", delivery_error_rate=0.6, maximum_retry_attempts=2, dead_letter_queue="dead")
    chain.connect("b", "q", delivery_error_rate=0.9, maximum_event_age_s=60, dead_letter_queue="kept")
    chain.connect("b", "t", delivery_error_rate=0.5, maximum_retry_attempts=1, duplicate_rate=0.3)
    chain.connect("t", "g", delivery_error_rate=0.3)
    chain.connect("dead", "mend", batch_size=1)
    return Case(chain)


@case
def deliveries_of_a_bus_dropped() -> Case:
    """Without a dead-letter queue an event that could not be delivered is lost."""
    flow = machine({"W": {"Type": "Wait", "Seconds": 1, "End": True}}, "STANDARD")
    chain = chain_of(ck.EventBus("b"), function("f"), flow)
    chain.connect("b", "f", delivery_error_rate=0.4, maximum_retry_attempts=0)
    chain.connect("b", "flow", delivery_error_rate=0.5, event_pattern={"detail": {"kind": ["digital"]}})
    return Case(chain, Poisson(rate_per_s=5, attributes=KINDS))


# --- quotas ---


@case
def put_events_quota() -> Case:
    """Calls beyond the quota are refused: the function that makes them fails, after what it had sent."""
    chain = chain_of(function("f", **QUICK), ck.EventBus("b"), function("g", **QUICK), region="us-west-1")
    chain.connect("f", "b", count=3)
    chain.connect("b", "g")
    return Case(chain, Poisson(rate_per_s=900), requests=600, account_concurrency=5_000)


@case
def put_events_quota_behind_an_api() -> Case:
    """An API answers a refused call with a throttle."""
    chain = chain_of(ck.HttpApi("api"), ck.EventBus("b"), ck.SqsQueue("q"), region="sa-east-1")
    chain.connect("api", "b", duplicate_rate=0.1)
    chain.connect("b", "q")
    return Case(chain, Poisson(rate_per_s=2_000), requests=2_000)


@case
def deliveries_beyond_the_quota() -> Case:
    """A bus delivers no faster than its quota: events wait, and none is lost."""
    chain = chain_of(ck.EventBus("b"), ck.SqsQueue("q"), ck.SqsQueue("r"), function("f", **QUICK), region="af-south-1")
    chain.connect("b", "q")
    chain.connect("b", "r", duplicate_rate=0.2, event_pattern={"detail": {"kind": ["physical"]}})
    chain.connect("b", "f", delivery_error_rate=0.2)
    return Case(chain, Poisson(rate_per_s=3_000, attributes=KINDS), requests=1_200)


@case
def deliveries_beyond_the_quota_at_equal_distances() -> Case:
    """Arrivals and the bus's turns fall on the same instants."""
    chain = chain_of(ck.EventBus("b"), ck.SqsQueue("q"), ck.SqsQueue("r"), region="af-south-1")
    chain.connect("b", "q")
    chain.connect("b", "r")
    return Case(chain, Steady(rate_per_s=1_000), requests=1_200, has_hops=False)


# --- sizes ---


@case
def large_messages() -> Case:
    """A hop takes longer for a larger message: calls, events, messages; deliveries keep their own."""
    chain = chain_of(function("f"), function("g"), function("h"), ck.SqsQueue("q"), ck.SnsTopic("t"), ck.EventBus("b"))
    chain.connect("f", "g", message_bytes=2**20)
    chain.connect("f", "h", link="async", message_bytes=2**18)
    chain.connect("f", "q", message_bytes=2**19)
    chain.connect("f", "t", message_bytes=2**17)
    chain.connect("f", "b", message_bytes=0)
    chain.connect("q", "h", batch_size=2)
    chain.connect("t", "h")
    chain.connect("b", "h")
    return Case(chain, requests=100, per_mb_s=1.0)


@case
def large_requests_behind_an_api() -> Case:
    """The way from an API to its function is longer too; without laws of hops it is of constant length."""
    chain = chain_of(ck.HttpApi("api", integration_timeout_s=0.5), function("f"))
    chain.connect("api", "f", message_bytes=3 * 2**20, retry=ck.Retry(max_attempts=2, interval_s=0.1))
    return Case(chain, requests=100, per_mb_s=0.1)


# --- circles ---


@case
def event_that_calls_itself() -> Case:
    """Lambda stops a chain of events that comes back to a function, at its 16th run."""
    chain = chain_of(function("f", error_rate=0.02, timeout_s=3), ck.SqsQueue("lost"))
    chain.connect("f", "f", link="async")
    chain.connect("f", "lost", link="on_failure")
    return Case(chain, requests=60, at="f")


@case
def circle_of_a_queue_and_a_topic() -> Case:
    """The circle may lead through queues and topics, and be left by chance; of three functions one allows it."""
    chain = chain_of(ck.SqsQueue("q"), function("f", error_rate=0.05), ck.SnsTopic("t"), function("g", **QUICK))
    chain.add(function("h", recursive_loop="Allow", **QUICK))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("q", "f", batch_size=3)
    chain.connect("q", "dead", link="redrive", max_receive_count=3)
    chain.connect("f", "t")
    chain.connect("t", "g")
    chain.connect("t", "h")
    chain.connect("g", "q", probability=0.9)
    chain.connect("h", "q", probability=0.2)
    return Case(chain, requests=40, at="q")
