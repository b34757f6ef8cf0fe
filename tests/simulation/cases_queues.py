"""The mapping of a queue: provisioned pollers, refused batches, visibility that is too short for what runs."""

from typing import Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Uniform
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import Case, case, chain_of, function


def polled(mapping: dict[str, Any], visibility_s: int = 30, receives: int = 3, **pay: Any) -> ck.Chain:
    """Return a queue, its function, and a dead-letter queue that nobody polls."""
    queue = ck.SqsQueue("q", visibility_timeout_s=visibility_s)
    chain = chain_of(queue, function("pay", **pay), ck.SqsQueue("dead"))
    chain.connect("q", "pay", **mapping)
    chain.connect("q", "dead", link="redrive", max_receive_count=receives)
    return chain


# --- pollers ---


@case
def provisioned_pollers() -> Case:
    """Two pollers take twenty batches at once, and grow by a thousand a minute to thirty."""
    mapping = {"batch_size": 1, "minimum_pollers": 2, "maximum_pollers": 3}
    return Case(polled(mapping, duration=Exponential(mean_s=3.0), timeout_s=20), Poisson(rate_per_s=100), requests=400)


@case
def provisioned_pollers_that_calm_down() -> Case:
    """Bursts of equal distances with a pause between: the pollers fall back to their minimum."""
    mapping = {"batch_size": 2, "minimum_pollers": 2, "maximum_pollers": 4}
    chain = polled(mapping, duration=Constant(1.0), init=Constant(0.0))
    chain.add(function("f", duration=Constant(0.0), init=Constant(0.0)))
    chain.connect("f", "q", count=120)
    return Case(chain, Steady(rate_per_s=0.1), requests=6, has_hops=False)


# --- refused batches ---


@case
def refused_batches() -> Case:
    """A batch that is throttled is tried again while its messages are hidden; the receive counts once."""
    pay = {"duration": Exponential(mean_s=1.0), "reserved_concurrency": 2, "error_rate": 0.05}
    return Case(polled({"batch_size": 2}, **pay), Poisson(rate_per_s=4), requests=300)


@case
def refused_batches_that_come_back() -> Case:
    """The function is so busy that batches are refused until their messages are visible again, and then are dead."""
    pay = {"duration": Exponential(mean_s=4.0), "reserved_concurrency": 1, "timeout_s": 10}
    return Case(polled({"batch_size": 1}, visibility_s=12, **pay), Poisson(rate_per_s=2), requests=120)


@case
def batches_refused_by_the_service() -> Case:
    """A 5xx is tried again as a throttle is, drawn anew each time."""
    pay = {"service_error_rate": 0.7, "error_rate": 0.1, "speed_factor": Uniform(0.5, 1.5)}
    mapping = {"batch_size": 3, "maximum_batching_window_s": 1, "report_batch_item_failures": True}
    return Case(polled(mapping, visibility_s=20, **pay))


@case
def batches_of_a_function_that_is_off() -> Case:
    """Every batch is refused until the messages come back, and in the end they are dead-lettered."""
    return Case(polled({"batch_size": 5}, reserved_concurrency=0), requests=40)


@case
def refused_batches_at_equal_distances() -> Case:
    """Refusals, retries, ends and returns fall on the same instants."""
    pay = {"duration": Constant(1.0), "init": Constant(0.0), "reserved_concurrency": 1, "timeout_s": 3}
    return Case(polled({"batch_size": 1}, visibility_s=8, **pay), Steady(rate_per_s=2), requests=60, has_hops=False)


# --- visibility ---


@case
def visible_again_while_the_batch_runs() -> Case:
    """A batch that had to wait for its environment runs longer than its messages are hidden: they are worked twice."""
    pay = {"duration": Exponential(mean_s=3.0), "reserved_concurrency": 2, "timeout_s": 10, "error_rate": 0.2}
    return Case(polled({"batch_size": 2}, visibility_s=12, **pay), Poisson(rate_per_s=0.8), requests=200)


@case
def visible_again_during_init() -> Case:
    """Init comes before the timeout begins: with it a run can outlast the visibility."""
    pay = {"duration": Exponential(mean_s=0.8), "init": Uniform(2.0, 9.0), "timeout_s": 3, "keep_alive": 2.0}
    mapping = {"batch_size": 3, "report_batch_item_failures": True}
    chain = polled(mapping, visibility_s=4, receives=2, error_rate=0.3, **pay)
    chain.add(function("mend"))
    chain.connect("dead", "mend", batch_size=1)
    return Case(chain, Poisson(rate_per_s=1))


@case
def visible_again_while_the_batch_calls() -> Case:
    """The same with units that call: copies and messages of one request side by side."""
    pay = {"init": Uniform(1.0, 6.0), "timeout_s": 4, "keep_alive": 1.0, "error_rate": 0.2}
    chain = polled({"batch_size": 2, "maximum_concurrency": 2}, visibility_s=5, **pay)
    chain.add(function("bank", error_rate=0.1, duration=Exponential(mean_s=0.6)))
    chain.connect("pay", "bank")
    return Case(chain, Poisson(rate_per_s=1))


@case
def a_mapping_that_is_off_beside_one_that_polls() -> Case:
    """What waits for it waits at the end; the rest goes on."""
    chain = polled({"batch_size": 2, "enabled": False}, error_rate=0.2)
    chain.add(function("ask"))
    chain.add(ck.SqsQueue("others", visibility_timeout_s=30))
    chain.add(function("ship", error_rate=0.2))
    chain.connect("ask", "q", probability=0.5)
    chain.connect("ask", "others")
    chain.connect("others", "ship", batch_size=2)
    return Case(chain, Poisson(rate_per_s=2))


@case
def visible_again_at_equal_distances() -> Case:
    """Copies become visible at the instants at which other batches end."""
    pay = {"duration": Constant(1.0), "init": Constant(3.0), "timeout_s": 2, "keep_alive": 0.5, "error_rate": 0.3}
    chain = polled({"batch_size": 1, "maximum_concurrency": 2}, visibility_s=2, **pay)
    return Case(chain, Steady(rate_per_s=0.5), requests=60, has_hops=False)


@case
def visibility_that_is_stretched() -> Case:
    """Window and timeout together are over the visibility: the mapping takes their sum and thirty seconds."""
    pay = {"error_rate": 0.3, "timeout_s": 10}
    mapping = {"batch_size": 20, "maximum_batching_window_s": 5, "report_batch_item_failures": True}
    return Case(polled(mapping, visibility_s=12, **pay), Poisson(rate_per_s=3))
