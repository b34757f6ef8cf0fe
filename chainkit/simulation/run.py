"""`simulate`, and what it gives back: figures with intervals, ledger, nodes, usage, and any request's trace."""

import functools
import math
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from chainkit import data
from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, SimulationError
from chainkit.law import Law
from chainkit.records import Trace, Usage, UsageLine
from chainkit.simulation.assembler import Program
from chainkit.simulation.loads import Load

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.machine import Tally

FloatArray = npt.NDArray[np.float64]

no_latency: Mapping[str, Law] = {}
"""Give this as `latency` to switch every hop off."""

OUTCOMES = ("completed", "failed", "throttled", "dead-lettered", "expired", "dropped")
"""In the machine's order, the worst last."""
LEDGER = ("dropped", "expired", "dead-lettered", "throttled", "failed", "completed", "unfinished")
"""In the order in which an outcome is decided: the first that applies."""
ENOUGH = 5
"""Slower requests in each replication that an interval of a percentile needs."""
MANY = 200
"""Degrees of freedom above which an expansion about the normal law gives Student's t to nine digits."""
FRACTIONS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One simulation: what `simulate` gives back."""

    chain: Chain
    load: Load
    requests: int
    seed: int
    replications: int
    program: Program = field(repr=False)
    tallies: tuple["Tally", ...] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)

    def __repr__(self) -> str:
        """Return the run in a word."""
        return f"Run({self.chain.name!r}, {self.requests} requests, seed={self.seed})"

    @property
    def response_s(self) -> FloatArray:
        """(n,) seconds by request number until the answer; NaN where nobody waits. Needs keep="requests"."""
        return self._kept(0)

    @property
    def completion_s(self) -> FloatArray:
        """(n,) seconds by request number until the last effect; inf if a branch was lost. Needs keep="requests"."""
        return self._kept(1)

    def _kept(self, column: int) -> FloatArray:
        """Return one column of the per-request figures."""
        if self.options["keep"] != "requests":
            raise SimulationError(
                "this run kept no figures by request",
                fix='simulate(..., keep="requests") keeps response_s and completion_s',
            )
        return np.concatenate([tally.kept[:, column] for tally in self.tallies])

    @property
    def ledger(self) -> "pd.Series[int]":
        """Requests by outcome; adds up to `requests`."""
        return self._outcomes([tally.ledger for tally in self.tallies], self.requests)

    @property
    def branches(self) -> "pd.Series[int]":
        """Branches by outcome: a request that is handed on to three queues has three, and its answer is one more."""
        return self._outcomes([tally.branches for tally in self.tallies], None)

    def _outcomes(self, counts: list[npt.NDArray[np.int64]], total: int | None) -> "pd.Series[int]":
        """Return counts by outcome, with what the end of the run cut."""
        import pandas as pd

        by_name = dict(zip(OUTCOMES, np.sum(counts, axis=0).tolist(), strict=True))
        live = sum(tally.live_branches for tally in self.tallies)
        by_name["unfinished"] = live if total is None else total - sum(by_name.values())
        return pd.Series({name: by_name[name] for name in LEDGER}, name="branches" if total is None else "requests")

    def summary(self) -> "pd.DataFrame":
        """Return the figures with their 95 % intervals: one row each, columns low, value, high; seconds.

        Values are over all replications together; intervals are Student's t over the replications, whose arrivals are
        independent. A percentile of which a replication has fewer than five slower requests has no interval (NaN):
        there are not enough requests to tell. What was lost, or not over when the run ended, counts as infinite.
        """
        import pandas as pd

        from chainkit.simulation.machine import quantile_s

        rows = {}
        for what, which in (("response", 0), ("completion", 1)):
            if which == 0 and self.program.nobody_waits:
                continue
            means = [tally.mean_s(which) for tally in self.tallies]
            rows[f"{what}_mean_s"] = _interval(float(np.mean(means)), means)
            histogram = np.sum([tally.histograms[which] for tally in self.tallies], axis=0)
            counted = sum(tally.counted for tally in self.tallies)
            slowest_s = max(tally.slowest[which][0] for tally in self.tallies)
            for name, fraction in FRACTIONS.items():
                each = [tally.quantile_s(which, fraction) for tally in self.tallies]
                value = quantile_s(histogram, counted, fraction, slowest_s)
                enough = counted / len(self.tallies) * (1 - fraction) >= ENOUGH
                rows[f"{what}_{name}_s"] = _interval(value, each) if enough else (math.nan, value, math.nan)
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["low", "value", "high"])
        frame.index.name = "figure"
        return frame

    @property
    def nodes(self) -> "pd.DataFrame":
        """One row per service: what it did and how busy it was; NaN where a figure means nothing."""
        import pandas as pd

        rows: dict[str, dict[str, float]] = {name: {} for name in self.chain.services}
        span_s = sum(tally.span_s for tally in self.tallies)
        for name in self.program.pool_nodes:
            rows[name] = self._pool_figures(name, span_s)
        for name in self.program.queue_nodes:
            rows[name] = self._queue_figures(name)
        for name, counter in self.program.counters:
            if counter in ("requests", "messages", "deliveries", "executions", "transitions"):
                rows[name][counter] = self._counter(name, counter)
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "node"
        return frame

    def _pool_figures(self, name: str, span_s: float) -> dict[str, float]:
        """Return what a pool of environments did."""
        total = {key: sum(t.pools[name][key] for t in self.tallies) for key in self.tallies[0].pools[name]}
        runs = max(total["invocations"], 1)
        return {
            "invocations": total["invocations"],
            "cold_starts": total["cold_starts"],
            "cold_fraction": total["cold_starts"] / runs,
            "errors": total["errors"],
            "timeouts": total["timeouts"],
            "throttles": total["throttles"],
            "duration_mean_s": total["busy_s"] / runs,
            "busy_mean": total["busy_s"] / span_s,
            "busy_peak": max(t.pools[name]["peak"] for t in self.tallies),
            "billed_s": total["billed_ms"] / 1000,
        }

    def _queue_figures(self, name: str) -> dict[str, float]:
        """Return what a polled queue did."""
        total = {key: sum(t.queues[name][key] for t in self.tallies) for key in self.tallies[0].queues[name]}
        return {
            "receives": total["received"],
            "batches": total["batches"],
            "batch_mean": total["received"] / max(total["batches"], 1),
            "wait_mean_s": total["waited_s"] / max(total["received"], 1),
            "backlog_peak": max(t.queues[name]["peak_waiting"] for t in self.tallies),
            "returned": total["returned"],
            "dead_letters": total["dead_letters"],
        }

    def _counter(self, node: str, counter: str) -> float:
        """Return how much a counter of a node counted."""
        if (node, counter) in self.program.counters:
            return float(sum(t.counters[self.program.counters[node, counter]] for t in self.tallies))
        for table in ("pools", "queues"):
            found = [getattr(t, table).get(node, {}) for t in self.tallies]
            if counter in found[0]:
                return float(sum(row[counter] for row in found))
        return 0.0

    @property
    def usage(self) -> Usage:
        """What the run used, as the price book counts it."""
        hours = sum(tally.span_s for tally in self.tallies) / 3600
        rules = data.quotas()["sqs_mapping"]
        lines = []
        for name, service in self.chain.services.items():
            for meter in service.meters():
                counted = self._counter(name, meter.counter)
                if meter.counter == "empty_receives" and name in self.program.queue_nodes:
                    counted = rules["idle_pollers"]["value"] * 3600 / rules["poll_wait"]["value"] * hours
                lines.append(UsageLine(name, meter, counted * meter.factor))
        return Usage(lines=tuple(lines), requests=float(self.requests), hours=hours, region=self.chain.region)

    # --- one request ---

    def slowest(self, of: Literal["response", "completion"] | None = None) -> int:
        """Return the number of the request that waited longest: for its answer, or where nobody waits to complete."""
        if of not in (None, "response", "completion"):
            raise ConfigError(f"slowest: of={of!r} is unknown", fix='ask for "response" or "completion"')
        which = int(of == "completion" or (of is None and self.program.nobody_waits))
        return max((tally.slowest[which] for tally in self.tallies), key=lambda pair: pair[0])[1]

    def first(self, outcome: str) -> int | None:
        """Return the number of a request with that outcome ("dead-lettered"), or None if there is none."""
        if outcome not in OUTCOMES:
            raise ConfigError(f"outcome={outcome!r} is unknown", fix=f"outcomes: {', '.join(OUTCOMES)}")
        found = [tally.samples[OUTCOMES.index(outcome)] for tally in self.tallies]
        return next((int(number) - 1 for number in found if number > 0), None)

    def trace(self, request: int) -> Trace:
        """Return the story of one request: its replication runs again, and writes down what happens to it.

        Raises
        ------
        ConfigError
            If there is no request of that number.
        """
        from chainkit.simulation import machine, stories

        if not isinstance(request, int) or isinstance(request, bool) or not 0 <= request < self.requests:
            raise ConfigError(
                f"request={request!r} is outside 0..{self.requests - 1}", fix="give the number of a request of this run"
            )
        r = next(r for r, (low, high) in enumerate(_bounds(self.requests, self.replications)) if low <= request < high)
        tally = machine.replicate(
            self.program, self.load, self.seed, r, _bounds(self.requests, self.replications)[r],
            warmup_fraction=self.options["warmup_fraction"], keep=True, drain_s=self.options["drain_s"], traced=request,
        )  # fmt: skip
        return stories.story(self.chain, self.program, tally, request)


def simulate(
    chain: Chain,
    load: Load,
    *,
    requests: int,
    seed: int,
    replications: int = 10,
    warmup_fraction: float = 0.1,
    at: str | None = None,
    latency: Mapping[str, Any] | None = None,
    keep: Literal["requests"] | None = None,
    drain_s: float = 30_000.0,
    threads: int | None = None,
) -> Run:
    """Return what happens to `requests` requests that enter a chain, by AWS's own rules.

    Parameters
    ----------
    chain : without errors (`chain.validate()`)
    load : when requests arrive, and the attributes they carry
    requests : 1 or more, in all
    seed : any integer; equal seeds give equal runs, whatever the number of threads
    replications : 1 or more independent runs that share the requests; intervals come from their differences
    warmup_fraction : share of each replication, 0 to below 1, that is in the ledger but not in the figures
    at : name of the service where requests enter; None: the one to which nothing leads
    latency : laws of the hops by name (data/latency.json); None: the measured ones; `no_latency`: none
    keep : "requests" keeps response and completion of every request
    drain_s : how long after the last arrival a replication goes on while something is in flight
    threads : replications that run at a time; None: one per processor

    Raises
    ------
    ConfigError, WiringError
        If the chain has errors or an argument is out of range.
    SimulationError
        If something in the chain cannot be simulated, or more is in flight than fits.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("f", duration=0.25, init=0))
    >>> run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=100, seed=1, latency=ck.no_latency)
    >>> float(run.summary().loc["response_p50_s", "value"].round(3)), int(run.ledger["completed"])
    (0.25, 100)
    """
    from chainkit.simulation import lower, machine

    chain = as_chain(chain, "simulate")
    if not isinstance(load, Load):
        raise ConfigError(f"simulate: load={load!r} is no traffic", fix="give ck.Poisson(rate_per_s=4)")
    _check(requests, replications, warmup_fraction, drain_s, keep, threads)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"simulate: seed={seed!r} is no whole number", fix="give any integer: seed=1")
    program = lower.lower(chain, at, lower.hop_laws(latency), load.attributes)
    bounds = _bounds(requests, replications)

    def one(r: int) -> "Tally":
        return machine.replicate(
            program, load, seed, r, bounds[r], warmup_fraction=warmup_fraction, keep=keep == "requests", drain_s=drain_s
        )

    at_a_time = min(threads or os.cpu_count() or 1, replications)
    if at_a_time > 1 and requests >= 20_000:
        with ThreadPoolExecutor(at_a_time) as pool:
            tallies = tuple(_watched(pool.map(one, range(replications)), requests, replications))
    else:
        tallies = tuple(_watched(map(one, range(replications)), requests, replications))
    options = {"warmup_fraction": warmup_fraction, "keep": keep, "drain_s": drain_s}
    return Run(
        chain=chain.copy(), load=load, requests=requests, seed=seed, replications=replications,
        program=program, tallies=tallies, options=options,
    )  # fmt: skip


LONG = 5_000_000
"""Requests from which on a run shows a progress bar."""


def _watched(tallies: "Iterable[Tally]", requests: int, replications: int) -> "Iterable[Tally]":
    """Return the replications as they come, behind a progress bar where they take long (none under CI)."""
    if requests < LONG or os.environ.get("CI"):
        return tallies
    from tqdm.auto import tqdm

    bar: Iterable[Tally] = tqdm(tallies, total=replications, desc="replications")
    return bar


def _interval(value: float, each: list[float]) -> tuple[float, float, float]:
    """Return (low, value, high) of a figure, from its value in each replication."""
    sample = np.asarray(each)
    if sample.size < 2:
        return (math.nan, value, math.nan)
    if not np.isfinite(sample).all():
        return (float(sample.min()), value, float(sample.max()))
    half = student_t(sample.size - 1) * float(sample.std(ddof=1)) / math.sqrt(sample.size)
    return (value - half, value, value + half)


def _check(
    requests: int, replications: int, warmup_fraction: float, drain_s: float, keep: str | None, threads: int | None
) -> None:
    """Refuse arguments out of range."""
    limits: tuple[tuple[str, float, float, float, str], ...] = (
        ("requests", requests, 1, 2e9, "1..2,000,000,000"),
        ("replications", replications, 1, requests, f"1..{requests}, the number of requests"),
        ("warmup_fraction", warmup_fraction, 0, 0.999, "0 to below 1"),
        ("drain_s", drain_s, 0, 1e8, "0..100,000,000 s"),
        ("threads", 1 if threads is None else threads, 1, 1024, "1..1024"),
    )
    for name, value, low, high, text in limits:
        whole = name in ("requests", "replications", "threads")
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise ConfigError(f"simulate: {name}={value!r} is outside {text}", fix=f"give {name} in that range")
    if keep not in (None, "requests"):
        raise ConfigError(f"simulate: keep={keep!r} is unknown", fix='give keep="requests", or leave it out')


def _bounds(requests: int, replications: int) -> list[tuple[int, int]]:
    """Return the request numbers of each replication: from, to."""
    edges = [r * requests // replications for r in range(replications + 1)]
    return list(pairwise(edges))


@functools.cache
def student_t(degrees: int) -> float:
    """Return the 97.5 % point of Student's t, the factor of a 95 % interval.

    References
    ----------
    Abramowitz and Stegun (1964), 26.7.3, 26.7.4 and 26.7.5. scipy has it, too, and takes as long to import as a run of
    100,000 requests.

    >>> round(student_t(9), 4)
    2.2622
    """
    if degrees > MANY:
        z = NormalDist().inv_cdf(0.975)
        first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / degrees + second / degrees**2 + third / degrees**3
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < 0.95 else (low, middle)
    return math.sqrt(degrees) * math.tan(high)


def _within(angle: float, degrees: int) -> float:
    """Return the chance that |t| is at most sqrt(degrees) * tan(angle)."""
    term = total = math.cos(angle) if degrees % 2 else 1.0
    for k in range(2 + degrees % 2, degrees - 1, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    if degrees % 2 == 0:
        return math.sin(angle) * total
    return (angle + (math.sin(angle) * total if degrees > 1 else 0.0)) * 2 / math.pi
