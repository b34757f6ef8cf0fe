"""V12 without queues: forks, loops, chains of calls, and the arithmetic of rules that have no chance in them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.deliveries import Subscription
from chainkit.distributions import Exponential
from chainkit.services.sns_topic import SnsTopic
from chainkit.services.sqs_queue import SqsQueue
from chainkit.simulation.loads import Poisson, Steady
from chainkit.simulation.run import simulate
from chainkit.validation import flows, formulas
from chainkit.validation.rows import Effort, Row, after_warm_up, by_law, completion_mean_s, exact, spread
from chainkit.validation.workers import worker

SOURCE = "closed form"


def forks(effort: Effort) -> Iterator[Row]:
    """Yield the mean of the longest of n exponential tasks of a Parallel state."""
    for n in data.validation("laws")["fork"]:
        chain = Chain("fork")
        chain.add(worker("f", Exponential(1.0)))
        chain.add(flows.machine("m", [{"parallel": [["f"]] * n}], task_overhead=0.0, start_overhead=0.0))
        replications = effort.replications(40)
        run = simulate(
            chain, Poisson(rate_per_s=1), requests=20_000 * replications, replications=replications, seed=1, latency={}
        )
        longest = [completion_mean_s(tally) for tally in run.tallies]
        yield by_law("V12", f"longest of {n} exponential tasks", SOURCE, formulas.longest_of(n), spread(longest))


def loops(effort: Effort) -> Iterator[Row]:
    """Yield mean and variance of the visits to a task that a Choice repeats."""
    for again in data.validation("laws")["loop"]:
        chain = Chain("loop")
        chain.add(worker("f", 1.0))
        flow = [{"again": again, "after": ["f"]}]
        chain.add(flows.machine("m", flow, task_overhead=0.0, start_overhead=0.0))
        replications = effort.replications(40)
        run = simulate(
            chain, Steady(rate_per_s=1), requests=100_000 * replications, replications=replications, seed=1,
            latency={}, keep="requests",
        )  # fmt: skip
        # Each visit takes one second and nothing else takes any.
        visits = [np.round(times_s) for times_s in after_warm_up(run, run.completion_s, share=0)]
        mean, variance = formulas.visits(again)
        what = f"loop repeated with {again:g}"
        yield by_law("V12", f"{what}: mean visits", SOURCE, mean, spread([float(v.mean()) for v in visits]))
        yield by_law("V12", f"{what}: variance", SOURCE, variance, spread([float(v.var(ddof=1)) for v in visits]))


def chains(effort: Effort) -> Iterator[Row]:
    """Yield what a chain of synchronous calls is billed: each function waits for all behind it."""
    for own_s in data.validation("laws")["chain_s"]:
        chain = Chain("calls")
        functions = [chain.add(worker(f"f{k}", own)) for k, own in enumerate(own_s)]
        for caller, callee in pairwise(functions):
            chain.connect(caller, callee)
        run = simulate(chain, Steady(rate_per_s=0.1), requests=1_000, seed=1, latency={})
        billed_s = float(run.nodes["billed_s"].sum()) / run.requests
        what = f"billed s, calls of {', '.join(f'{own:g}' for own in own_s)} s"
        yield exact("V12", what, SOURCE, formulas.billed_in_a_chain(own_s), billed_s, within=1e-9)


def delivery_phases(effort: Effort) -> Iterator[Row]:
    """Yield how often and how long SNS tries to deliver a message that is never accepted."""
    chain = Chain("phases")
    topic, target = chain.add(SnsTopic("topic")), chain.add(worker("f", 0.0))
    dead, clerk = chain.add(SqsQueue("dead", visibility_timeout_s=900)), chain.add(worker("clerk", 0.0))
    delivery = chain.connect(topic, target, delivery_error_rate=1.0, dead_letter_queue="dead")
    chain.connect(dead, clerk)
    assert isinstance(delivery, Subscription)
    tries = sum(phase.max_attempts for phase in delivery.phases)
    told = data.quotas()["sns"]["delivery_retries"]["value"]
    yield exact("V12", "SNS: tries of a delivery, 3 + 2 + 10 + 100,000", "AWS's rule", told, tries)
    run = simulate(
        chain, Steady(rate_per_s=1), requests=1, replications=1, seed=1, warmup_fraction=0, latency={}, drain_s=1e8
    )
    # The dead letter's own queue is drained when it has come and was taken; infinite if it never came.
    days = float(run.nodes["drain_s"].loc["dead"]) / 86_400
    given = data.validation("laws")["delivery_days"]
    what = "SNS: days until such a message is a dead letter"
    yield exact("V12", what, "AWS's rule", float(given), days, within=0.005)


def traces(effort: Effort) -> Iterator[Row]:
    """Yield how many requests X-Ray's default rule samples: the first of each second and 5 % of the others.

    The simulator samples no traces; the rule itself is tried on Poisson arrivals.
    """
    rate_per_s = data.validation("laws")["trace_rate_per_s"]
    rng = np.random.default_rng(1)
    seconds, replications = 10_000, effort.replications(100)
    arrivals = rng.poisson(rate_per_s, (replications, seconds))
    reserved = np.minimum(arrivals, 1)
    sampled = reserved + rng.binomial(arrivals - reserved, 0.05)
    first = -np.expm1(-rate_per_s)
    exactly = float(first + 0.05 * (rate_per_s - first))
    what = f"X-Ray's default rule at {rate_per_s}/s, traces a second (the rule alone)"
    yield by_law("V12", what, SOURCE, exactly, spread(sampled.mean(axis=1).tolist()))
