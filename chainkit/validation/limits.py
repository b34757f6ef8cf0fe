"""V4, V11, and the limits among V12: what happens where not everything may run, and what memory does to a duration."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Constant, Exponential, LogNormal, Uniform
from chainkit.law import Law
from chainkit.services.sqs_queue import SqsQueue
from chainkit.simulation.loads import Poisson, Steady
from chainkit.simulation.run import Run, simulate
from chainkit.validation import formulas
from chainkit.validation.rows import (
    Effort,
    Row,
    after_warm_up,
    busy,
    by_errors,
    by_law,
    by_share,
    certain,
    each,
    environments,
    exact,
    spread,
)
from chainkit.validation.workers import worker

if TYPE_CHECKING:
    from chainkit.simulation.memory import Tally


def concurrency(effort: Effort) -> Iterator[Row]:
    """Yield V4: far more requests than the account's shared concurrency lets run."""
    given = data.validation("cold_starts")["V4"]
    if given["limit"] != data.quotas()["lambda"]["account_concurrency"]["value"]:
        raise AssertionError("V4 is about an account with the default concurrency")
    chain = Chain("account")
    chain.add(worker("f", Exponential(given["warm_s"]), first_duration=Exponential(given["cold_s"])))
    requests, replications = round(given["rate_per_s"] * given["horizon_s"]), effort.replications(40)
    load = Poisson(rate_per_s=given["rate_per_s"])
    run = simulate(
        chain, load, requests=requests * replications, replications=replications, seed=1, latency={}, keep="requests"
    )
    rejected = [float((times_s == 0).mean()) for times_s in after_warm_up(run, run.response_s, share=0)]
    settled = [float((times_s == 0).mean()) for times_s in after_warm_up(run, run.response_s)]
    source = given["source"]
    yield by_errors("V4", "share rejected, from the start", source, given["rejected_fraction"], spread(rejected))
    yield by_errors("V4", "environments", source, given["environments"], spread(each(run, environments, "f")))
    offered, servers = given["rate_per_s"] * given["warm_s"], given["limit"]
    what = f"share rejected once settled: Erlang B({offered:g}, {servers})"
    yield by_law("V4", what, "closed form", formulas.erlang_b(offered, servers), spread(settled))


def memory(effort: Effort) -> Iterator[Row]:
    """Yield V11: a duration measured where one virtual CPU is whole, carried to other memory sizes."""
    given = data.validation("memory")
    base_mb = given["measured_memory_mb"]
    base_s = given["duration_ms"][str(base_mb)] / 1000
    for memory_mb, measured_ms in given["duration_ms"].items():
        chain = Chain("memory")
        chain.add(worker("f", base_s, memory_mb=int(memory_mb), measured_memory_mb=base_mb, cpu_fraction=1.0))
        run = simulate(chain, Steady(rate_per_s=0.1), requests=10, seed=1, latency={})
        ours_ms = float(run.nodes["duration_mean_s"].loc["f"]) * 1000
        what = f"ms at {memory_mb} MB, from {base_mb} MB"
        yield by_share("V11", what, given["source"], measured_ms, certain(ours_ms), share=given["line"])


# --- V12 ---

SHAPES: dict[str, Law] = {
    "exponential": Exponential(1.0),
    "constant": Constant(1.0),
    "lognormal": LogNormal.from_log(-0.5, 1.0),
    "uniform": Uniform(0, 2),
}
"""Services of mean 1 s: without limits and without queues only the mean counts."""


def busy_environments(effort: Effort) -> Iterator[Row]:
    """Yield M/G/inf: the mean number of running environments is rate x mean duration, whatever the shape."""
    given = data.validation("laws")["busy"]
    for words, shape in SHAPES.items():
        law = shape.scaled(given["mean_s"])
        run = _function_run(law, given["rate_per_s"], effort, limit=None, requests=100_000)
        what = f"M/G/inf: busy, {words} service"
        yield by_law("V12", what, "closed form", given["rate_per_s"] * law.mean_s, spread(each(run, busy, "f")))


def refusals(effort: Effort) -> Iterator[Row]:
    """Yield Erlang B by a reserved concurrency; constant services must be refused as exponential ones are."""
    for load, servers in data.validation("laws")["erlang_b"]:
        for words in ("exponential", "constant"):
            exact_share = formulas.erlang_b(load, servers)
            # So many that the error is about a third of a percent: refusals come in clusters as long as a service.
            requests = round(max(4e3, 200 * load) / exact_share)
            run = _function_run(SHAPES[words], load, effort, limit=servers, requests=requests)
            refused = each(run, _refused, "f")
            what = f"Erlang B({load:g}, {servers}): share throttled, {words} service"
            yield by_law("V12", what, "closed form", exact_share, spread(refused))


def _refused(tally: "Tally", name: str) -> float:
    """Return the share of a function's requests that were throttled."""
    pool = tally.pools[name]
    return pool["throttles"] / (pool["throttles"] + pool["invocations"])


def _function_run(law: Law, rate_per_s: float, effort: Effort, *, limit: int | None, requests: int) -> Run:
    """Return Poisson requests, so many in each replication, to one function."""
    chain = Chain("function")
    chain.add(worker("f", law, reserved_concurrency=limit))
    replications = effort.replications(100)
    return simulate(
        chain, Poisson(rate_per_s=rate_per_s), requests=requests * replications, replications=replications, seed=1,
        latency={},
    )  # fmt: skip


def pollers(effort: Effort) -> Iterator[Row]:
    """Yield the ramp of a queue's pollers: a backlog in front of a slow function, and when the last of them starts."""
    rule = data.quotas()["sqs_mapping"]
    first, growth, cap = (rule[f"concurrency_{name}"]["value"] for name in ("start", "per_minute", "max"))
    closed_s = (cap - first) / growth * 60
    chain = Chain("ramp")
    queue, slow = chain.add(SqsQueue("q", visibility_timeout_s=5400)), chain.add(worker("f", 800.0))
    chain.connect(queue, slow, batch_size=1)
    rate_per_s = 1e5
    run = simulate(
        chain, Steady(rate_per_s=rate_per_s), requests=cap, replications=1, seed=1, latency={}, keep="requests",
        account_concurrency=2 * cap,
    )  # fmt: skip
    begins_s = (np.arange(cap) + 1) / rate_per_s + run.completion_s - 800
    what = f"pollers: {first} + {growth} a minute reach {cap:,}, s"
    # The ramp begins when the sixth message finds five batches running.
    yield exact("V12", what, "AWS's rule", closed_s, float(begins_s.max()), within=1e-3)


def request_quota(effort: Effort) -> Iterator[Row]:
    """Yield the request quota: short invocations are refused at ten times the concurrency a second."""
    given = data.validation("laws")["quota"]
    concurrency, rate_per_s = given["account_concurrency"], given["rate_per_s"]
    allowed = min(concurrency / given["duration_s"], 10 * concurrency)
    chain = Chain("quota")
    chain.add(worker("f", given["duration_s"]))
    replications, seconds = effort.replications(20), 20
    run = simulate(
        chain, Poisson(rate_per_s=rate_per_s), requests=rate_per_s * seconds * replications, replications=replications,
        seed=1, latency={}, keep="requests", account_concurrency=concurrency,
    )  # fmt: skip
    # The first burst takes what the quota holds in store; after it only the quota's rate counts.
    parts = after_warm_up(run, run.response_s, share=0.5)
    what = f"accepted a second, {1000 * given['duration_s']:g} ms and concurrency {concurrency:,}"
    accepted = spread([float((part > 0).mean()) * rate_per_s for part in parts])
    yield by_law("V12", what, "AWS's rule", allowed, accepted)
