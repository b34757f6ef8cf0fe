"""V12, queues: a queue with pollers against M/M/c, M/D/1, M/M/1 and fork-join.

A mapping with maximum concurrency c is c servers with one queue. AWS allows no c below 2, so a single server is made of
two: the first message of a run calls a function that keeps it to the end, and with it one of the two pollers. That
function has a reserved concurrency of one, so every later message is refused there at once and goes on to its work.
"""

from collections.abc import Iterator

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Constant, Exponential
from chainkit.law import Law
from chainkit.services.sns_topic import SnsTopic
from chainkit.services.sqs_queue import SqsQueue
from chainkit.simulation.loads import Poisson, Steady
from chainkit.simulation.run import Run, simulate
from chainkit.validation import formulas
from chainkit.validation.rows import Effort, Row, after_warm_up, by_law, completion_mean_s, spread
from chainkit.validation.workers import worker

SOURCE = "closed form"
SERVICE_S = 0.001
"""Mean service of a single server: 800,000 of them pass while one poller is kept busy."""


# --- many servers ---


def many_servers(effort: Effort) -> Iterator[Row]:
    """Yield M/M/c: the share of messages that wait, and how long all of them wait on average.

    A draw belongs to its request, so the same requests without a queue have the same services: the difference of the
    two completions is the wait, message by message.
    """
    for load, servers in data.validation("laws")["erlang_c"]:
        shares, means_s = [], []
        for seed in range(effort.replications(60)):
            wait_s = _waits(load, servers, seed)
            shares.append(float((wait_s > 1e-9).mean()))
            means_s.append(float(wait_s.mean()))
        exact = formulas.erlang_c(load, servers)
        yield by_law("V12", f"Erlang C({load}, {servers}): share that waits", SOURCE, exact, spread(shares))
        exact = formulas.wait_of_many(load, servers)
        what = f"M/M/{servers}, load {load}: mean wait, services"
        yield by_law("V12", what, SOURCE, exact, spread(means_s))


def _waits(load: float, servers: int, seed: int) -> np.ndarray:
    """Return how long each message of one run waited after the warm-up; the mean service is 1 s."""
    # Waits resemble those before them for as long as the queue takes to forget, which grows with the load.
    requests = round(3_000 * max(servers, 60) / (1 - load / servers))
    times_s = []
    for is_queued in (True, False):
        chain = Chain("servers")
        server = chain.add(worker("f", Exponential(1.0)))
        if is_queued:
            queue = chain.add(SqsQueue("q", visibility_timeout_s=5400))
            chain.connect(queue, server, batch_size=1, maximum_concurrency=servers)
        load_s = Poisson(rate_per_s=load)
        run = simulate(chain, load_s, requests=requests, replications=1, seed=seed, latency={}, keep="requests")
        (completion_s,) = after_warm_up(run, run.completion_s)
        times_s.append(completion_s)
    return np.asarray(times_s[0] - times_s[1])


# --- one server ---


def single_servers(effort: Effort) -> Iterator[Row]:
    """Yield M/D/1, M/M/1 and the fork-join of two M/M/1 queues."""
    load = data.validation("laws")["single_server_load"]
    for words, law, variation in (("D", Constant(SERVICE_S), 0.0), ("M", Exponential(SERVICE_S), 1.0)):
        ours = [time_s / SERVICE_S - 1 for time_s in _responses(law, load, 1, effort)]
        exact = formulas.wait_of_one(load, variation)
        yield by_law("V12", f"M/{words}/1, load {load}: mean wait, services", SOURCE, exact, spread(ours))
    ours = [time_s / SERVICE_S for time_s in _responses(Exponential(SERVICE_S), load, 2, effort)]
    exact = formulas.fork_join_of_two(load)
    yield by_law("V12", f"fork-join of two M/M/1, load {load}: mean response, services", SOURCE, exact, spread(ours))


def _responses(law: Law, load: float, servers: int, effort: Effort) -> list[float]:
    """Return the mean time until all of a request's messages are done, one to each single server."""
    chain = Chain("single")
    topic = chain.add(SnsTopic("fork"))
    for k in range(servers):
        queue = chain.add(SqsQueue(f"q{k}", visibility_timeout_s=5400))
        server = chain.add(worker(f"f{k}", law))
        keeper = chain.add(worker(f"keeper{k}", 899.0, reserved_concurrency=1))
        chain.connect(topic, queue)
        chain.connect(queue, server, batch_size=1, maximum_concurrency=2)
        chain.connect(server, keeper, after_fraction=0, on_error="continue")
    requests, replications = round(800 * load / SERVICE_S), effort.replications(60)
    run = simulate(
        chain, Poisson(rate_per_s=load / SERVICE_S), requests=requests * replications, replications=replications,
        seed=1, latency={},
    )  # fmt: skip
    return [completion_mean_s(tally) for tally in run.tallies]


# --- receives and batches ---


def dead_letters(effort: Effort) -> Iterator[Row]:
    """Yield the share of messages that fail as often as they may be received: failure ** receives."""
    for receives, failure in data.validation("laws")["receives"]:
        run = _failing(batch=1, failure=failure, receives=receives, messages=200_000, effort=effort)
        lost = [float(np.isinf(times_s).mean()) for times_s in after_warm_up(run, run.completion_s, share=0)]
        what = f"dead-lettered after {receives} receives, failure {failure:g}"
        yield by_law("V12", what, SOURCE, failure**receives, spread(lost))


def failed_batches(effort: Effort) -> Iterator[Row]:
    """Yield the share of batches that fail where one failure fails all: 1 - (1 - failure) ** batch."""
    for batch, failure in data.validation("laws")["batch"]:
        run = _failing(batch=batch, failure=failure, receives=1, messages=40_000 * batch, effort=effort)
        failed = [tally.pools["f"]["errors"] / tally.queues["q"]["batches"] for tally in run.tallies]
        what = f"batches of {batch} that fail, failure {failure:g} each"
        yield by_law("V12", what, SOURCE, 1 - (1 - failure) ** batch, spread(failed))


def _failing(*, batch: int, failure: float, receives: int, messages: int, effort: Effort) -> Run:
    """Return messages to a queue whose function fails some, and whose dead letters nobody takes."""
    chain = Chain("failing")
    queue, dead = chain.add(SqsQueue("q", visibility_timeout_s=30)), chain.add(SqsQueue("dead"))
    failing = chain.add(worker("f", 0.01, timeout_s=5, error_rate=failure))
    # The window is longer than a batch takes to gather, so that every batch is full.
    chain.connect(queue, failing, batch_size=batch, maximum_batching_window_s=300 if batch > 1 else 0)
    chain.connect(queue, dead, max_receive_count=receives)
    replications = effort.replications(40)
    return simulate(
        chain, Steady(rate_per_s=10), requests=messages * replications, replications=replications, seed=1,
        latency={}, keep="requests",
    )  # fmt: skip
