"""Chains whose functions have parts: every kind of part, alone, in batches, among calls and cut by a timeout."""

import chainkit as ck
from chainkit.distributions import Exponential, Uniform
from tests.simulation.case import WORK, Case, case, chain_of, function

PARTS = {
    "b": ck.Part(duration=WORK, first_duration=Uniform(0.5, 1.0), error_rate=0.1),
    "c": ck.Part(duration=Exponential(mean_s=0.2), caller="b", probability=0.6, poison_fraction=0.1),
    "d": ck.Part(duration=WORK, caller="c", filter_policy={"kind": ["digital"]}),
    "e": ck.Part(duration=WORK, caller="b", case="way", probability=0.3, error_rate=0.5, on_error="continue"),
    "f": ck.Part(duration=WORK, caller="e", error_rate=0.3),
    "g": ck.Part(duration=WORK, caller="b", case="way", probability=0.5),
    "h": ck.Part(duration=Uniform(0.0, 0.3), error_rate=0.05),
}
KINDS = {"kind": {"physical": 0.7, "digital": 0.3}}
LOAD = ck.Poisson(rate_per_s=5, attributes=KINDS)


@case
def parts_of_one_function() -> Case:
    """Every setting of a part; an event is tried again, its parts with it."""
    chain = chain_of(ck.SnsTopic("t"), function("a", parts=PARTS))
    chain.connect("t", "a")
    return Case(chain, LOAD)


@case
def parts_that_a_timeout_cuts() -> Case:
    """The deadline falls into any of the parts."""
    return Case(chain_of(function("a", parts=PARTS, timeout_s=1, speed_factor=Uniform(0.5, 1.5))), LOAD)


@case
def parts_of_each_message_of_a_batch() -> Case:
    """Message by message; one that fails is reported."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=20), function("a", parts=PARTS))
    chain.connect("q", "a", batch_size=3, maximum_batching_window_s=1, report_batch_item_failures=True)
    return Case(chain, LOAD)


@case
def parts_of_a_batch_that_fails_as_a_whole() -> Case:
    """The first message that fails ends its batch."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=20), ck.SqsQueue("dead"), function("a", parts=PARTS))
    chain.connect("q", "a", batch_size=4)
    chain.connect("q", "dead", link="redrive", max_receive_count=2)
    return Case(chain, LOAD)


@case
def parts_between_calls() -> Case:
    """Steps of calls before the parts, and a step that begins after all of them."""
    chain = chain_of(function("a", parts=PARTS, error_rate=0.1), function("x"), function("y"), ck.SqsQueue("audit"))
    chain.connect("a", "x", step=1)
    chain.connect("a", "audit", step=2, after_fraction=1.0)
    chain.connect("a", "y", step=3, after_fraction=1.0, link="async")
    return Case(chain, LOAD)
