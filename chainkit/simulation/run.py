"""`simulate`, and what it gives back: figures with intervals, ledger, nodes, usage, and any request's trace."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, SimulationError
from chainkit.faults.description import Faults, broken
from chainkit.law import Law
from chainkit.loading import undisturbed
from chainkit.records import Pool, Trace, Usage
from chainkit.simulation import intervals, tables
from chainkit.simulation.assembler import Program
from chainkit.simulation.intervals import FRACTIONS as FRACTIONS
from chainkit.simulation.intervals import student_t as student_t
from chainkit.simulation.loads import ClosedLoop, Load
from chainkit.simulation.progress import Crew
from chainkit.simulation.tables import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Control, Tally, Told
    from chainkit.simulation.visits import Sample

FloatArray = npt.NDArray[np.float64]

no_latency: Mapping[str, Law] = {}
"""Give this as `latency` to switch every hop off."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One simulation: what `simulate` gives back.

    One that was interrupted holds the replications that were done, and says so: `requests` and `replications` are what
    it holds, `asked` is (requests, replications) that were asked for.
    """

    chain: Chain
    load: Load
    requests: int
    seed: int
    replications: int
    program: Program = field(repr=False)
    tallies: tuple["Tally", ...] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    asked: tuple[int, int]

    @property
    def is_interrupted(self) -> bool:
        """Whether it holds less than was asked for."""
        return self.requests < self.asked[0]

    def __repr__(self) -> str:
        """Return the run in a word."""
        of = f" of {self.asked[0]}" if self.is_interrupted else ""
        cut = ", interrupted" if self.is_interrupted else ""
        return f"Run({self.chain.name!r}, {self.requests}{of} requests, seed={self.seed}{cut})"

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
        return tables.outcomes([t.ledger for t in self.tallies], "requests", unfinished=None, total=self.requests)

    @property
    def branches(self) -> "pd.Series[int]":
        """Branches by outcome: a request that is handed on to three queues has three, and its answer is one more."""
        live = sum(tally.live_branches for tally in self.tallies)
        return tables.outcomes([tally.branches for tally in self.tallies], "branches", unfinished=live)

    def summary(self) -> "pd.DataFrame":
        """Return the figures with their 95 % intervals: one row each, columns low, value, high, note; seconds.

        Values are over all requests after the warm-ups together. Intervals come from the replications, whose arrivals
        are independent; of one replication, from 20 batches, each the next twentieth of its requests. What was lost, or
        not over when the run ended, counts as infinite.

        ``note`` says where an interval is missing, or not to be believed: "not enough requests" (few requests are as
        slow as that, or there is nothing to compare), or that neighbouring batches resemble each other, so that the
        interval is too narrow.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("one")
        >>> _ = chain.add(ck.LambdaFunction("f"))
        >>> run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=2_000, seed=1)
        >>> run.summary().loc["response_p99.9_s", "note"]
        'not enough requests'
        """
        is_answered = not self.program.nobody_waits
        note = f"interrupted: {self.requests:,} of {self.asked[0]:,} requests" if self.is_interrupted else ""
        return intervals.summary(self.tallies, is_answered=is_answered, note=note)

    @property
    def nodes(self) -> "pd.DataFrame":
        """One row per service: what it did and how busy it was; NaN where a figure means nothing.

        ``runs_per_request``: tries to run a function, refused ones included, per request: retries multiplied.
        ``busy_mean``, ``environments_mean``, ``idle_mean``, ``backlog_mean``: averages over the time until the last
        arrival; ``drain_s``: how long after it the last waiting message was taken, in the slowest replication.
        """
        return tables.nodes(self.chain, self.program, self.tallies, self.requests)

    @property
    def usage(self) -> Usage:
        """What the run used, as the price book counts it."""
        return tables.usage(self.chain, self.program, self.tallies, self.requests)

    # --- over time, and where the time goes: the replications run again when this is asked for ---

    @cached_property
    def effects(self) -> "pd.DataFrame":
        """How often each function's work was done for its requests: one row each, counts of requests.

        ``once``: as often as meant; ``twice``: more often (two deliveries, a retry after a run that had done its work,
        a batch that failed as a whole); ``partly``: less often; ``never``. ``overtaken`` counts effects that came after
        that of a later request. Meant is once, or as often as work began that is no further attempt and no copy; work
        is done at its own end, unless it fails. A function with ``idempotent=True`` has no effect twice.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("twice")
        >>> _ = (
        ...     chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60)),
        ...     chain.add(ck.LambdaFunction("pay", duration=0.1)),
        ... )
        >>> _ = chain.connect("jobs", "pay")
        >>> _ = chain.add(ck.LambdaFunction("ask")), chain.connect("ask", "jobs", duplicate_rate=0.1)
        >>> run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=2_000, seed=1)
        >>> bool(150 < run.effects.loc["pay", "twice"] < 250)
        True
        """
        from chainkit.simulation import lower
        from chainkit.simulation.effects import effects

        program = lower.lower(self.chain, **self.options["lowering"], has_effects=True)
        logs = [self.again(tally, program=program, keep=False).effects for tally in self.tallies]
        pools = [self.chain.service(name).behaviour() for name in program.pool_nodes]
        return effects(logs, program.pool_nodes, [pool.is_idempotent for pool in pools if isinstance(pool, Pool)])

    @cached_property
    def series(self) -> "pd.DataFrame":
        """The run over time: one row per service and bin, averaged over the replications; `ck.plot` draws it.

        Columns: node, start_s, end_s; arrivals_per_s (tries to run a function; messages that become visible in a
        queue); of functions throttles_per_s, cold_fraction, concurrency_mean, concurrency_peak, idle_mean; of queues
        backlog_mean, backlog_peak and oldest_s, how long the oldest message has been visible at the bin's end. Peaks
        and ages are the greatest of all replications. At most 200 bins, until nothing is in flight.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("burst")
        >>> _ = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("f", duration=1.0))
        >>> _ = chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
        >>> run = ck.simulate(chain, ck.Steady(rate_per_s=3), requests=3_000, seed=1)
        >>> series = run.series
        >>> backlog = series[series["node"] == "jobs"].set_index("end_s")["backlog_mean"]
        >>> bool(backlog[100.0] > 2 * backlog[40.0])
        True
        """
        from chainkit.simulation import series

        return series.series(self)

    def blame(self, of: Literal["response", "completion"] | None = None, tail: float = 0.99) -> "pd.DataFrame":
        """Return which service and which reason make the mean, and the slowest share: the parts add up to the whole.

        The critical paths of up to 2,000 requests, spread evenly over those after the warm-ups, are taken apart, and
        of up to 2,000 of each replication's slowest. Of parallel branches the slowest is the path; what runs on after
        the answer is in the completion alone. Requests without such a time (lost, or not over) are left out.

        =================  =======================================================================================
        own work           of an attempt that succeeded; `failed attempt`: of one that did not
        cold start         init; `overhead`: a service's or function's own
        hop                on the way; `delivery delay`: a queue's; `wait state`: a state machine's
        queue wait         visible in a queue; `batch companions`: in a batch, while others are worked on
        retry wait         between attempts, hidden in a queue included; `throttle`: so because of a throttle
        =================  =======================================================================================

        A retry wait or throttle is blamed on the service that failed or throttled, not on the one that waits.

        Parameters
        ----------
        of : which time; None: the response, or where nobody waits the completion
        tail : 0 to below 1; the slowest rest is the tail

        Returns
        -------
        One row per node and reason, largest mean first: means over the sample and its tail, their 95 % intervals by
        replications (of one replication: by 20 batches), and shares. ``attrs`` says how large the samples were.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> for name in "ab":
        ...     _ = chain.add(ck.LambdaFunction(name, duration=0.25, init=0, timeout_s=3))
        >>> _ = chain.connect("a", "b")
        >>> run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=1_000, seed=1, latency=ck.no_latency)
        >>> run.blame()[["node", "reason", "mean_s", "share"]].values.tolist()
        [['a', 'own work', 0.25, 0.5], ['b', 'own work', 0.25, 0.5]]
        """
        from chainkit.simulation import blame

        return blame.blame(self, of, tail)

    @cached_property
    def links(self) -> "pd.DataFrame":
        """How often each link is travelled, and tried: one row per link, in the chain's order, from a sample.

        ``per_request``: calls, messages or events that set out, per request, without further tries; a message counts
        by itself, whatever its batch. ``rate_per_s``: the same by the rate at which requests arrived. ``attempts``:
        tries of each, NaN where nothing travels. A row "key!" is a delivery's dead letters.

        ====================  ================================================================================
        a call, a task        made; again by its own retry, not by that of a state or function around it
        what is sent          once, and once more for a copy (``duplicate_rate``); if a quota refuses it, never
        a delivery            each try, until it is accepted or given up
        an event, delivered   each failed delivery, and each attempt of the function, throttled or not: also of
        to a function         what is sent there by a call, a destination, or a task that hands over
        polled from a queue   each receive of a message; it travels with its first
        redrive, dead letter  once
        ====================  ================================================================================

        The sample, up to 1,000 requests (``attrs["requests"]``) spread evenly over one replication after its warm-up,
        serves `times` too; a share p of it is sure to 2 sqrt(p (1 - p) / requests). Requests that were not over at the
        end (``attrs["unfinished"]``) are in it, as far as they came.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("twice")
        >>> _ = chain.add(ck.LambdaFunction("f", timeout_s=30)), chain.add(ck.LambdaFunction("g", error_rate=1.0))
        >>> _ = chain.connect("f", "g", retry=ck.Retry(max_attempts=3))
        >>> run = ck.simulate(chain, ck.Steady(rate_per_s=4), requests=200, seed=1)
        >>> run.links.loc["f>g"].round(3).to_dict()
        {'per_request': 1.0, 'rate_per_s': 4.0, 'attempts': 3.0}
        """
        from chainkit.simulation import visits

        return visits.links(self, self._sample)

    @cached_property
    def times(self) -> "pd.DataFrame":
        """How long a visit of each service takes: one row each, ``visits`` and p50_s, p95_s, p99_s, from a sample.

        A visit is an invocation of a function, with its init and its waits for callees (a batch is one, throttles are
        none); a message's time in a queue from when it is visible until it is taken, each time anew; a request's time
        until an API answers; an execution of a state machine. Others, and dead-letter queues, have none.

        The sample is that of `links`. A batch is of its first message's request, so large batches count for no more.
        What was not over at the end counts as infinitely long. NaN: too few visits; p95 needs 77, p99 397.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> _ = [chain.add(ck.LambdaFunction(name, duration=0.25, init=0, timeout_s=3)) for name in "ab"]
        >>> _ = chain.connect("a", "b")
        >>> run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=1_000, seed=1, latency=ck.no_latency)
        >>> run.times.loc["a", ["visits", "p95_s"]].tolist()
        [90.0, 0.5]
        """
        from chainkit.simulation import visits

        return visits.times(self, self._sample)

    @cached_property
    def _sample(self) -> "Sample":
        """What `links` and `times` are read from."""
        from chainkit.simulation import visits

        return visits.sample(self)

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
        from chainkit.simulation import stories

        is_number = isinstance(request, int) and not isinstance(request, bool)
        tally = next((t for t in self.tallies if is_number and t.bounds[0] <= request < t.bounds[1]), None)
        if tally is None:
            numbers = ", ".join(f"{low}..{high - 1}" for low, high in _joined(t.bounds for t in self.tallies))
            raise ConfigError(
                f"request={request!r} is outside {numbers}", fix="give the number of a request of this run"
            )
        return stories.story(self.program, self.again(tally, traced=[request]), request, self.chain.links)

    def again(
        self,
        tally: "Tally",
        *,
        traced: Iterable[int] = (),
        controls: Sequence["Control"] = (),
        keep: bool = True,
        told: "Told | None" = None,
        program: Program | None = None,
    ) -> "Tally":
        """Return one replication run again, which gives the same, with some of its requests written down.

        `program` is one with marks of effects, which are then written down too.
        """
        from chainkit.simulation import machine

        return machine.replicate(
            program or self.program, self.load, self.seed, tally.replication, tally.bounds, keep=keep,
            warmup_fraction=self.options["warmup_fraction"], drain_s=self.options["drain_s"], traced=traced,
            controls=controls, told=told, logs_effects=program is not None,
        )  # fmt: skip


def simulate(
    chain: Chain,
    load: Load,
    *,
    requests: int,
    seed: int,
    faults: Faults | None = None,
    replications: int = 10,
    warmup_fraction: float = 0.1,
    at: str | None = None,
    latency: Mapping[str, Any] | None = None,
    keep: Literal["requests"] | None = None,
    drain_s: float = 30_000.0,
    account_concurrency: int | None = None,
    threads: int | None = None,
) -> Run:
    """Return what happens to `requests` requests that enter a chain, by AWS's own rules.

    Parameters
    ----------
    chain : without errors (`chain.validate()`)
    load : when requests arrive, and the attributes they carry
    requests : 1 or more, in all
    seed : any integer; equal seeds give equal runs, whatever the number of threads
    faults : what breaks all the while, as for `stack.faults`; None: nothing. The run's chain is the broken one
    replications : 1 or more independent runs that share the requests; intervals come from their differences
    warmup_fraction : share of each replication, 0 to below 1, that is in the ledger but not in the figures
    at : name of the service where requests enter; None: the one to which nothing leads
    latency : laws of the hops by name (data/latency.json); None: the measured ones; `no_latency`: none
    keep : "requests" keeps response and completion of every request
    drain_s : how long after the last arrival a replication goes on while something is in flight
    account_concurrency : environments that all functions of the account may have at once, 1 or more; its request quota
        is ten times as many a second; None: AWS's default of 1,000, which new accounts do not get
    threads : replications that run at a time; None: one per processor

    An interrupt (Ctrl-C, or the notebook's stop button) does not lose what is done: the run that is given back holds
    the finished replications, or where none is finished yet those that run, ended early; its summary says so.

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
    _load()
    from chainkit.simulation import lower, machine

    chain = broken(as_chain(chain, "simulate"), faults, "simulate")
    if not isinstance(load, Load):
        raise ConfigError(f"simulate: load={load!r} is no traffic", fix="give ck.Poisson(rate_per_s=4)")
    _check(requests, replications, warmup_fraction, drain_s, keep, account_concurrency, threads)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"simulate: seed={seed!r} is no whole number", fix="give any integer: seed=1")
    load.check_requests(-(-requests // replications), replications)
    lowering: dict[str, Any] = {
        "at": at, "latency": lower.hop_laws(latency), "attributes": load.attributes,
        "account_concurrency": account_concurrency, "think": load.think if isinstance(load, ClosedLoop) else None,
    }  # fmt: skip
    program = lower.lower(chain, **lowering)
    bounds = _bounds(requests, replications)
    kept: dict[str, Any] = {"warmup_fraction": warmup_fraction, "keep": keep == "requests", "drain_s": drain_s}
    is_long = replications == 1 and requests >= intervals.BATCHES * intervals.LEAST_BATCH
    batches = intervals.BATCHES if is_long else 1

    def one(r: int, told: "Told") -> "Tally":
        return machine.replicate(program, load, seed, r, bounds[r], told=told, batches=batches, **kept)

    tallies = Crew(replications, requests, threads).run(one)
    return Run(
        chain=chain.copy(), load=load, requests=sum(high - low for low, high in (t.bounds for t in tallies)), seed=seed,
        replications=len(tallies), program=program, tallies=tallies,
        options={**kept, "keep": keep, "lowering": lowering},
        asked=(requests, replications),
    )  # fmt: skip


@functools.cache
def _load() -> None:
    """Load the compiled machine, and pandas, without which no figure of a run is seen."""
    with undisturbed():
        import pandas  # noqa: F401, ICN001

        from chainkit.simulation import machine, many  # noqa: F401

        # Compiled code loads at its first call. This one does nothing: there is no arrival to fill in.
        many.arrivals(np.zeros(8, np.int64), np.zeros(4), 0, 0, 0.0, np.empty(0))


def _check(
    requests: int,
    replications: int,
    warmup_fraction: float,
    drain_s: float,
    keep: str | None,
    account_concurrency: int | None,
    threads: int | None,
) -> None:
    """Refuse arguments out of range."""
    limits: tuple[tuple[str, float, float, float, str], ...] = (
        ("requests", requests, 1, 2e9, "1..2,000,000,000"),
        ("replications", replications, 1, requests, f"1..{requests}, the number of requests"),
        ("warmup_fraction", warmup_fraction, 0, 0.999, "0 to below 1"),
        ("drain_s", drain_s, 0, 1e8, "0..100,000,000 s"),
        ("threads", 1 if threads is None else threads, 1, 1024, "1..1024"),
        ("account_concurrency", 1 if account_concurrency is None else account_concurrency, 1, 1e6, "1..1,000,000"),
    )
    for name, value, low, high, text in limits:
        whole = name in ("requests", "replications", "account_concurrency", "threads")
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise ConfigError(f"simulate: {name}={value!r} is outside {text}", fix=f"give {name} in that range")
    if keep not in (None, "requests"):
        raise ConfigError(f"simulate: keep={keep!r} is unknown", fix='give keep="requests", or leave it out')


def _bounds(requests: int, replications: int) -> list[tuple[int, int]]:
    """Return the request numbers of each replication: from, to."""
    return list(pairwise(r * requests // replications for r in range(replications + 1)))


def _joined(bounds: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges of numbers, those that follow each other as one."""
    ranges: list[tuple[int, int]] = []
    for low, high in bounds:
        if ranges and ranges[-1][1] == low:
            low = ranges.pop()[0]
        ranges.append((low, high))
    return ranges
