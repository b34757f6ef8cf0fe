"""Chains on which the machine and its slow twin once differed, found by search: each with what went wrong."""

import chainkit as ck
from chainkit.distributions import Exponential, Uniform
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import KINDS, Case, chain_of, function, machine, task

SHORT = {"duration": Exponential(mean_s=0.05), "init": Exponential(mean_s=0.05), "timeout_s": 1}


def impatient_caller_is_gone() -> Case:
    """A client timeout that passes after its caller was cut says nothing of the callee."""
    chain = chain_of(function("f", **SHORT), function("g", **{**SHORT, "duration": Exponential(mean_s=0.2)}))
    retry = ck.Retry(max_attempts=2, interval_s=0.1, max_delay_s=0.15)
    chain.connect("f", "g", retry=retry, client_timeout_s=0.5, on_error="continue")
    return Case(chain, Steady(rate_per_s=4), 40, has_hops=False)


def event_before_batch() -> Case:
    """An event takes its environment before a batch that formed of a message sent earlier."""
    chain = chain_of(ck.SnsTopic("t"), ck.SqsQueue("q"), function("f", **SHORT))
    for source, target in (("t", "q"), ("t", "f"), ("q", "f")):
        chain.connect(source, target)
    return Case(chain, Steady(rate_per_s=4), 40, has_hops=False)


def two_messages_two_batches() -> Case:
    """Messages sent in one step and seen at once are not gathered without a window."""
    chain = chain_of(function("f", **SHORT), ck.SqsQueue("q"), function("g", **SHORT))
    chain.connect("f", "q", probability=0.3, count=2)
    chain.connect("f", "g")
    chain.connect("q", "g")
    return Case(chain, Steady(rate_per_s=4), 40, has_hops=False)


def branch_fails_at_once() -> Case:
    """A parallel state that has failed starts no further branch."""
    branches = [
        {"StartAt": "A", "States": {"A": task("off")}},
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 0, "End": True}}},
    ]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    return Case(chain_of(machine({"Both": both}), function("off", reserved_concurrency=0)), requests=20, has_hops=False)


def lost_and_still_open() -> Case:
    """A request that lost a branch is lost, though another branch is open when the run ends."""
    late = function("late", **{**SHORT, "duration": Exponential(mean_s=0.8)})
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=10), function("f", poison_fraction=0.3, **SHORT), late)
    chain.connect("q", "f")
    chain.connect("f", "late", link="async")
    return Case(chain, Steady(rate_per_s=4), 40, has_hops=False, drain_s=600.0)


def topic_that_nobody_reads() -> Case:
    """A message on its way to a topic without subscriptions holds the request open."""
    chain = chain_of(ck.HttpApi("api"), ck.EventBus("bus"), ck.SqsQueue("q"), ck.SnsTopic("t"))
    for source, target in (("api", "bus"), ("bus", "q"), ("bus", "t")):
        chain.connect(source, target)
    return Case(chain, Steady(rate_per_s=4), 40)


def inits_of_a_batch_that_calls() -> Case:
    """Init and overhead of a batch are added up before the first unit's work: a matter of the last bit."""
    pay = function("pay", first_duration=0.5, init=Uniform(0.1, 0.3), keep_alive=0.5, timeout_s=2)
    chain = chain_of(ck.SqsQueue("q"), pay, function("bank"))
    chain.connect("q", "pay", batch_size=4, maximum_batching_window_s=1, report_batch_item_failures=True)
    chain.connect("pay", "bank")
    return Case(chain)


def links_that_share_a_chance() -> Case:
    """Links of one chance are taken by the same requests, those of one case share its interval; filters come first."""
    chain = chain_of(function("f"), *(function(name) for name in "ghijk"))
    chain.connect("f", "g", probability=0.4, chance="coin")
    chain.connect("f", "h", probability=0.4, chance="coin", link="async")
    chain.connect("f", "i", probability=0.5, chance="side", case="way")
    chain.connect("f", "j", probability=0.5, chance="side", case="way", step=2)
    chain.connect("f", "k", filter_policy={"kind": ["digital"]}, probability=0.5, case="way")
    return Case(chain, Poisson(rate_per_s=5, attributes=KINDS))


def execution_waits_its_turn() -> Case:
    """An execution without a limit begins in its turn too: an event handed over after its start has the last room."""
    slow = {"duration": 30.0, "init": 0, "timeout_s": 60}
    one, other = function("one", **slow), function("other", **{**slow, "duration": 47.0})
    chain = chain_of(function("f", **SHORT), machine({"One": task("one")}), one, other)
    chain.connect("f", "flow", link="async")
    chain.connect("f", "other", link="async")
    return Case(chain, Steady(rate_per_s=1), 60, has_hops=False, account_concurrency=10)


COUNTEREXAMPLES = (
    impatient_caller_is_gone, event_before_batch, two_messages_two_batches, branch_fails_at_once, lost_and_still_open,
    topic_that_nobody_reads, inits_of_a_batch_that_calls, links_that_share_a_chance,
    execution_waits_its_turn,
)  # fmt: skip
