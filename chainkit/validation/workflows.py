"""V9 and V10: workflows measured on AWS, predicted from the logs of their functions and the overhead of a task.

Nothing is fitted: durations are quantiles of the logs, a task's overhead is the published one or the default of
data/latency.json. A log is cut into ten blocks by time and every block predicts for itself, because durations resemble
those just before them: the interval of ours is what the ten predictions leave open, not only the chance in a run.
"""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from chainkit import data
from chainkit.billing.bill import bill, usage_of
from chainkit.chain import Chain
from chainkit.distributions import Empirical
from chainkit.law import Law
from chainkit.records import Usage
from chainkit.simulation.loads import Steady
from chainkit.simulation.run import Run, simulate
from chainkit.validation import flows
from chainkit.validation.rows import Effort, Row, by_share, spread
from chainkit.validation.workers import worker

QUANTILES = {"p10_ms": 0.10, "p50_ms": 0.50, "p90_ms": 0.90, "p99_ms": 0.99}
REQUESTS = 20_000
"""Executions predicted from each block."""
EVERY_S = 10
"""One execution started so often in all of these measurements."""


def rows(case: str, effort: Effort) -> Iterator[Row]:
    """Yield the rows of one case, V9 or V10."""
    for name, workflow in data.validation("workflows").items():
        if workflow["case"] == case:
            for log in (key for key in data.validation("durations") if key.partition(",")[0] == name):
                yield from _rows(name, log, effort)


def _rows(name: str, log: str, effort: Effort) -> Iterator[Row]:
    """Yield what was measured of one workflow beside what the blocks of a log of its functions predict."""
    workflow, truth = data.validation("workflows")[name], data.validation("durations")[log]["measured"]
    requests = REQUESTS // 10 if effort.is_quick else REQUESTS
    blocks = [prediction(log, block, requests) for block in range(_blocks(log))]
    times_ms = np.concatenate([block[0] for block in blocks])
    predicted = {"mean_ms": spread([float(block[0].mean()) for block in blocks], float(times_ms.mean()))}
    for figure, fraction in QUANTILES.items():
        each = [float(np.quantile(block[0], fraction)) for block in blocks]
        predicted[figure] = spread(each, float(np.quantile(times_ms, fraction)))
    predicted["usd_per_million"] = spread([block[1] for block in blocks])
    for figure, ours in predicted.items():
        yield by_share(
            workflow["case"], f"{log}: {_WORDS[figure]}", workflow["source"], truth[figure]["value"], ours,
            share=workflow["lines"].get(figure, math.nan), between=(truth[figure]["low"], truth[figure]["high"]),
        )  # fmt: skip


_WORDS = {
    "mean_ms": "mean, ms", "p10_ms": "p10, ms", "p50_ms": "p50, ms", "p90_ms": "p90, ms", "p99_ms": "p99, ms",
    "usd_per_million": "USD per million",
}  # fmt: skip


@cache
def prediction(log: str, block: int, requests: int, *, has_overhead: bool = True) -> tuple[np.ndarray, float]:
    """Return what executions take (ms) and cost (USD per million, functions only) by one block of a log."""
    workflow = data.validation("workflows")[log.partition(",")[0]]
    chain = workflow_chain(log, block, has_overhead=has_overhead)
    load = Steady(rate_per_s=1 / EVERY_S)
    run = simulate(
        chain, load, requests=requests, seed=block, replications=1, warmup_fraction=0, keep="requests",
        latency=None if has_overhead else {},
    )  # fmt: skip
    usd = _usd_per_million(chain, run, log, block, workflow["billing_step_ms"])
    return run.completion_s * 1000, usd


def logged(log: str, block: int, name: str) -> Empirical:
    """Return the law of a function's duration by one block of a log."""
    table = data.validation("durations")[log]["functions"][name]["duration_ms"][block]
    return Empirical(quantiles={p: ms / 1000 for p, ms in zip(FRACTIONS, table, strict=True)})


def workflow_chain(log: str, block: int, *, has_overhead: bool = True) -> Chain:
    """Return a workflow as a chain, its functions as one block of a log has them."""
    tables = data.validation("durations")
    workflow = data.validation("workflows")[log.partition(",")[0]]
    chain = Chain(log.partition(",")[0])
    for name in flows.functions(workflow["flow"]):
        # Executions ten seconds apart find every function warm: no init is among the logged ones.
        law, memory_mb = logged(log, block, name), tables[log]["functions"][name]["memory_mb"]
        chain.add(worker(name, law, memory_mb=memory_mb, timeout_s=60))
    overhead = workflow["task_overhead_s"] if has_overhead else 0.0
    # A published overhead is that of an execution over its tasks: its start is in it.
    settings: dict[str, Any] = {"task_overhead": overhead, "start_overhead": 0.0} if overhead is not None else {}
    chain.add(flows.machine("flow", workflow["flow"], **settings))
    return chain


FRACTIONS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 1)
"""Probabilities of the tables' quantiles."""


def _blocks(log: str) -> int:
    """Return into how many blocks a log is cut."""
    return min(len(each["duration_ms"]) for each in data.validation("durations")[log]["functions"].values())


def _usd_per_million(chain: Chain, run: Run, log: str, block: int, step_ms: int) -> float:
    """Return what a million executions cost, functions only, in billing steps of then."""
    invocations = run.nodes["invocations"].dropna()
    names = [str(name) for name in invocations.index]
    used: Run | Usage = run
    if step_ms > 1:
        runs = dict(zip(names, invocations.tolist(), strict=True))
        billed_ms = {name: _billed_ms(logged(log, block, name), step_ms) for name in names}
        counts = {name: {"invocations": runs[name], "run_ms": runs[name] * billed_ms[name]} for name in names}
        used = usage_of(chain, counts, requests=run.requests)
    costs = bill(chain, used, requests_per_month=1e6).node_usd()
    return sum(costs[name] for name in names)


def _billed_ms(law: Law, step_ms: int) -> float:
    """Return the mean of a duration rounded up to whole billing steps."""
    middle = (np.arange(10_000) + 0.5) / 10_000
    return float(np.mean(np.ceil(law.ppf(middle) * 1000 / step_ms)) * step_ms)
