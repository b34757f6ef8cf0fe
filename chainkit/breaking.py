"""What breaks first when more and more requests come: a search over rates, each judged by what a run shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError
from chainkit.simulation.assembler import POOL_WORDS, Program
from chainkit.simulation.intervals import interval
from chainkit.simulation.loads import MOST_PER_S, Load
from chainkit.simulation.progress import Crew
from chainkit.simulation.run import Run, simulate

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Memory, Tally, Told

FloatArray = npt.NDArray[np.float64]

THROTTLES, BACKLOG, AGE, HELD, TIMEOUTS, ERRORS = range(6)
"""What can break, causes before their consequences."""
_WORDS = {
    THROTTLES: "`{node}` throttles first: {cause}",
    BACKLOG: "the backlog of `{node}` grows without bound",
    AGE: "messages get too old in `{node}`",
    HELD: "a quota that `{node}` waits for is used up: the wait grows without bound",
    TIMEOUTS: "`{node}` times out",
    ERRORS: "requests of `{node}` fail",
}
_NAMES = (
    "throttles",
    "growth of the backlog",
    "age of the oldest",
    "growth of the wait for a quota",
    "timeouts",
    "errors",
)
_CAUSES = {
    "throttles_reserved": "its reserved concurrency of {reserved} is used up",
    "throttles_account": "all {account} environments of the account that are not reserved are in use",
    "throttles_quota": "the account's quota of {quota:.0f} requests/s is used up",
    "throttles_scaling": "it may not scale faster",
}
LEAST, MOST, LONGEST = 2_000, 1_000_000, 500_000
"""Requests of a replication: few say nothing, many take long; at most, where it is hard to tell."""
STEP, EFFORT = 20, (1, 4, 16)
"""Readings of a replication; how much longer it is made where it cannot tell."""
FARTHEST = 2.0**20
"""Below the rate that the search begins with."""


@dataclass(frozen=True)
class Symptom:
    """One thing that can break, in one run: a share with its 95 % interval, and the share that is too much."""

    kind: int
    node: str
    low: float
    value: float
    high: float
    limit: float
    cause: str = ""

    @property
    def breaks(self) -> bool:
        """Whether it is too much for certain."""
        return self.low > self.limit

    @property
    def holds(self) -> bool:
        """Whether it is not too much for certain."""
        return self.high <= self.limit

    def __str__(self) -> str:
        """Return what is the matter."""
        return _WORDS[self.kind].format(node=self.node, cause=self.cause)


@dataclass(frozen=True)
class Trial:
    """One rate that was tried."""

    rate_per_s: float
    requests: int
    symptoms: tuple[Symptom, ...] = field(repr=False)

    @property
    def verdict(self) -> str:
        """Whether it "holds" or "breaks" for certain; "unsure": there are not enough requests to tell."""
        if any(symptom.breaks for symptom in self.symptoms):
            return "breaks"
        return "holds" if all(symptom.holds for symptom in self.symptoms) else "unsure"

    @property
    def worst(self) -> Symptom:
        """What broke first, or what is nearest to it: causes before consequences, then the largest share."""
        if self.verdict != "breaks":
            return max(self.symptoms, key=lambda s: s.high - s.limit)
        first = min((s for s in self.symptoms if s.breaks), key=lambda s: (s.kind, -s.value))
        throttles = [s for s in self.symptoms if s.kind == THROTTLES and s.low > 0]
        if first.kind in (TIMEOUTS, ERRORS) and throttles:  # each of several functions throttles a little
            most = max(throttles, key=lambda s: s.value)
            return replace(first, kind=THROTTLES, node=most.node, cause=most.cause)
        return first


@dataclass(frozen=True)
class BreakingPoint:
    """Where a chain breaks: between two rates, and by what."""

    chain: str
    trials: tuple[Trial, ...] = field(repr=False)

    @property
    def low_per_s(self) -> float:
        """Requests per second of the highest rate below the break that holds for certain; 0: none that was tried."""
        return max((t.rate_per_s for t in self.trials if t.verdict == "holds"), default=0.0)

    @property
    def high_per_s(self) -> float:
        """Requests per second of the lowest rate that breaks for certain; infinite: none that was tried."""
        return min((t.rate_per_s for t in self.trials if t.verdict == "breaks"), default=math.inf)

    @property
    def first(self) -> Symptom | None:
        """What breaks first."""
        return next((t.worst for t in self.trials if t.rate_per_s == self.high_per_s), None)

    @property
    def node(self) -> str:
        """Name of the service that breaks first; empty if none does."""
        return self.first.node if self.first is not None else ""

    def __str__(self) -> str:
        """Return the answer in a sentence."""
        if self.first is None:
            return f"{self.chain}: nothing breaks up to {_rate(self.low_per_s)} requests/s"
        holds = f"it holds at {_rate(self.low_per_s)}" if self.low_per_s else "nor does it hold at any lower rate tried"
        return f"{self.chain}: at {_rate(self.high_per_s)} requests/s {self.first} ({holds})"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per rate tried, in their order: verdict, and what broke or came nearest to it.

        ``value`` (low, high: its 95 % interval) is a share, of an age seconds; above ``limit`` it is too much.
        """
        import pandas as pd

        trials = sorted(self.trials, key=lambda trial: trial.rate_per_s)
        worst = [trial.worst for trial in trials]
        return pd.DataFrame({
            "rate_per_s": [trial.rate_per_s for trial in trials],
            "verdict": [trial.verdict for trial in trials],
            "node": [symptom.node for symptom in worst],
            "what": [_NAMES[symptom.kind] for symptom in worst],
            "low": [symptom.low for symptom in worst],
            "value": [symptom.value for symptom in worst],
            "high": [symptom.high for symptom in worst],
            "limit": [symptom.limit for symptom in worst],
            "requests": [trial.requests for trial in trials],
        })  # fmt: skip


def _rate(rate_per_s: float) -> str:
    """Return a rate in words."""
    return f"{rate_per_s:,.0f}" if rate_per_s >= 100 else f"{rate_per_s:.3g}"


def breaking_point(
    chain: Chain,
    load: Load,
    *,
    seed: int,
    duration_s: float = 300.0,
    replications: int = 6,
    tolerance: float = 0.01,
    precision: float = 0.02,
    most_age_s: float = math.inf,
    **options: Any,
) -> BreakingPoint:
    """Return at which rate something in a chain breaks first, and what.

    The load's rate is doubled, or halved, until it breaks, or holds, and then narrowed down. Each rate runs for
    `duration_s` in each of `replications` (2,000 to 1,000,000 requests each) and breaks if, after the first fifth, with
    95 % confidence

    * a function throttles more than `tolerance` of the tries to run it: the answer says for which limit;
    * a queue's backlog grows over the second half by more than `tolerance` of what arrives there, or its oldest
      message is visible for longer than `most_age_s`;
    * what a quota slows down (state transitions, deliveries of a bus) is held longer and longer;
    * a function's timeouts, or requests that are not completed, are more by `tolerance` than at the lowest rate tried.

    A rate that neither breaks nor holds for certain is run up to 16 times as long (to 500,000 requests). Near
    saturation it may stay unsure: then the two rates of the answer lie further apart than `precision`. Every run
    begins with no environment at all: above some 3,000 requests/s it is shorter than `duration_s`, and shows how far
    functions scale within that time rather than what they do in the long run.

    Parameters
    ----------
    load : traffic whose rate can be changed; of one that varies, the mean rate is changed
    seed : any integer
    duration_s : seconds, above 0; as long as the chain takes to settle (the pollers of a queue grow for four minutes)
    replications : 2 or more
    tolerance, precision : shares, above 0 to below 1
    most_age_s : seconds; infinite: no matter
    **options : as for `simulate`: at, latency, account_concurrency

    Raises
    ------
    ConfigError
        If an argument is out of range, or the load has no rate of its own; else what `simulate` raises.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two-at-once")
    >>> _ = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("work", duration=0.5, init=0))
    >>> _ = chain.connect("jobs", "work", batch_size=1, maximum_concurrency=2)
    >>> point = ck.breaking_point(chain, ck.Steady(rate_per_s=1), seed=1, latency=ck.no_latency)
    >>> print(point)
    two-at-once: at 4.04 requests/s the backlog of `jobs` grows without bound (it holds at 4)
    """
    chain = as_chain(chain, "breaking_point")
    _check(load, duration_s, replications, tolerance, precision, most_age_s)
    run = simulate(chain, load, requests=replications, seed=seed, replications=replications, **options)
    judge = _Judge(run, load, duration_s, tolerance, most_age_s)
    return BreakingPoint(chain.name, tuple(_search(judge.trial, load.rate_per_s, precision)))


def _check(
    load: Any, duration_s: float, replications: int, tolerance: float, precision: float, most_age_s: float
) -> None:
    """Refuse arguments out of range."""
    if not isinstance(load, Load):
        raise ConfigError(f"breaking_point: load={load!r} is no traffic", fix="give ck.Poisson(rate_per_s=4)")
    for name, value, low, high in (
        ("duration_s", duration_s, 0, 1e7),
        ("replications", replications, 1, 1000),
        ("tolerance", tolerance, 0, 1),
        ("precision", precision, 0, 1),
        ("most_age_s", most_age_s, 0, math.inf),
    ):
        whole = name == "replications"
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not low < value <= high:
            raise ConfigError(
                f"breaking_point: {name}={value!r} is outside {low}..{high:g}",
                fix=f"give {name} above {low}, at most {high:g}",
            )


def _search(judge: Callable[[float], Trial], start_per_s: float, precision: float) -> list[Trial]:
    """Return trials that narrow down where it breaks."""
    trials = [judge(start_per_s)]
    for factor, wanted in ((2.0, "breaks"), (0.5, "holds")):
        rate_per_s = start_per_s * factor
        while not any(t.verdict == wanted for t in trials) and start_per_s / FARTHEST < rate_per_s < MOST_PER_S:
            trials.append(judge(rate_per_s))
            rate_per_s *= factor
    point = BreakingPoint("", tuple(trials))
    while point.low_per_s > 0 and point.high_per_s < math.inf:
        unsure = [t.rate_per_s for t in trials if t.verdict == "unsure"]
        between = [rate for rate in unsure if point.low_per_s < rate < point.high_per_s]
        edges = [point.low_per_s, min(between, default=0), max(between, default=0), point.high_per_s]
        gaps = [(edges[0], edges[3])] if not between else [(edges[0], edges[1]), (edges[2], edges[3])]
        wide = [(low, high) for low, high in gaps if high > low * (1 + precision)]
        if not wide:
            break
        trials.append(judge(math.sqrt(wide[0][0] * wide[0][1])))
        point = BreakingPoint("", tuple(trials))
    return trials


# --- what a run at one rate shows ---


class _Judge:
    """Runs a chain at one rate after the other."""

    def __init__(self, run: Run, load: Load, duration_s: float, tolerance: float, most_age_s: float) -> None:
        self.run, self.load, self.duration_s = run, load, duration_s
        self.tolerance, self.most_age_s = tolerance, most_age_s
        self.lowest_per_s = math.inf
        self.base: dict[tuple[int, str], float] = {}
        """Timeouts and errors at the lowest rate so far."""

    def trial(self, rate_per_s: float) -> Trial:
        """Return how a rate does; where it is not clear, after a longer run."""
        first = int(min(max(rate_per_s * self.duration_s, LEAST), MOST))
        for requests in dict.fromkeys(min(first * effort, max(first, LONGEST)) for effort in EFFORT):
            symptoms = self._symptoms(self._readings(rate_per_s, requests), rate_per_s)
            trial = Trial(rate_per_s, requests * self.run.replications, symptoms)
            if trial.verdict != "unsure":
                break
        return trial

    def _readings(self, rate_per_s: float, requests: int) -> list["_Probe"]:
        """Return what was read in each replication."""
        from chainkit.simulation import machine

        load, run = self.load.with_rate(rate_per_s), self.run
        load.check_requests(requests, run.replications)
        probes = [_Probe(run, load.expected_s(requests)) for _ in range(run.replications)]

        def one(r: int, told: "Told") -> "Tally":
            return machine.replicate(
                run.program, load, run.seed, r, (r * requests, (r + 1) * requests), warmup_fraction=0.0, keep=False,
                drain_s=0.0, controls=[probes[r]], told=told,
            )  # fmt: skip

        done = Crew(run.replications, requests * run.replications).run(one)
        return [probes[tally.replication] for tally in done]

    def _symptoms(self, probes: Sequence["_Probe"], rate_per_s: float) -> tuple[Symptom, ...]:
        """Return everything that could break, with intervals over the replications."""
        found = []
        for name in self.run.program.pool_nodes:
            found.append(self._symptom(probes, THROTTLES, name, self.tolerance, self._cause(probes, name)))
            found.append(self._symptom(probes, TIMEOUTS, name, self.tolerance))
        for name in self.run.program.queue_nodes:
            found.append(self._symptom(probes, BACKLOG, name, self.tolerance))
            found.append(self._symptom(probes, AGE, name, self.most_age_s))
        entry = self.run.program.marks[self.run.program.labels["entry"]][0]
        found.append(self._symptom(probes, ERRORS, entry, self.tolerance))
        found += [self._symptom(probes, HELD, name, self.tolerance) for name in pacers(self.run.program)]
        if rate_per_s < self.lowest_per_s:
            self.lowest_per_s = rate_per_s
            self.base = {(s.kind, s.node): s.value for s in found if s.kind in (TIMEOUTS, ERRORS)}
        return tuple(replace(s, limit=s.limit + self.base.get((s.kind, s.node), 0.0)) for s in found)

    def _cause(self, probes: Sequence["_Probe"], node: str) -> str:
        """Return what refused a function's environments most often."""
        from chainkit.simulation import primitives as m

        program = self.run.program
        counts = {name: sum(probe.gained(node, name) for probe in probes) for name in _CAUSES}
        row = program.pools.reshape(-1, POOL_WORDS)[program.pool_nodes.index(node)]
        return _CAUSES[max(counts, key=lambda name: counts[name])].format(
            reserved=row[m.LIMIT], account=program.account_limit, quota=program.request_quota
        )

    def _symptom(self, probes: Sequence["_Probe"], kind: int, node: str, limit: float, cause: str = "") -> Symptom:
        """Return one symptom."""
        each = [probe.share(kind, node) for probe in probes]
        return Symptom(kind, node, *interval(float(np.mean(each)), each), limit, cause)


def pacers(program: Program) -> dict[str, int]:
    """Return the services that wait for a quota, each with the row of its rate limiter."""
    from chainkit.simulation import kernel as k

    found = {}
    for pc, (op, limiter, _, _, _, delays, *_) in enumerate(program.code.reshape(-1, 8).tolist()):
        if op == k.PACE or (op == k.SPAWN and delays >= 0):
            found[program.marks[pc][0]] = limiter if op == k.PACE else delays
    return found


@dataclass
class _Probe:
    """Reads one replication at equal distances, after its first fifth."""

    run: Run
    expected_s: float
    acts_after_arrivals: bool = False
    next_s: float = field(init=False)
    times_s: list[float] = field(default_factory=list)
    counts: list[dict[tuple[str, str], float]] = field(default_factory=list)
    """(node, figure) -> what was counted so far; of the chain as a whole the node is empty."""

    def __post_init__(self) -> None:
        """Begin after the first fifth."""
        self.next_s = self.expected_s / 5

    def act(self, memory: "Memory", now_s: float) -> None:
        """Read."""
        self.times_s.append(now_s)
        self.counts.append(memory.reading(now_s))
        for node, row in pacers(self.run.program).items():
            self.counts[-1][node, "held_s"] = memory.held_s(row, now_s)
        self.next_s = now_s + self.expected_s / STEP

    def gained(self, node: str, name: str) -> float:
        """Return how much a figure grew from the first reading to the last."""
        return self.counts[-1].get((node, name), 0.0) - self.counts[0].get((node, name), 0.0) if self.counts else 0.0

    def share(self, kind: int, node: str) -> float:
        """Return how large a symptom is."""
        if len(self.counts) < 4:
            return 0.0
        match kind:
            case _ if kind == THROTTLES:
                tries = self.gained(node, "invocations") + self.gained(node, "throttles")
                return self.gained(node, "throttles") / max(tries, 1.0)
            case _ if kind == TIMEOUTS:
                return self.gained(node, "timeouts") / max(self.gained(node, "invocations"), 1.0)
            case _ if kind == ERRORS:
                return 1 - self.gained("", "completed") / max(self.gained("", "ended"), 1.0)
            case _ if kind == AGE:
                return float(self._values(node, "oldest_s")[-len(self.counts) // 4 :].mean())
            case _ if kind == BACKLOG:
                return self._growth(self._values(node, "waiting"), self._values(node, "arrived"))
        return self._growth(self._values(node, "held_s"), np.array(self.times_s))

    def _values(self, node: str, name: str) -> FloatArray:
        """Return a figure at every reading."""
        return np.array([counts.get((node, name), 0.0) for counts in self.counts])

    def _growth(self, level: FloatArray, arrived: FloatArray) -> float:
        """Return how much of what arrives in the second half stays: the fall and rise of the level's mean."""
        half, times_s = level.size // 2, np.array(self.times_s)
        late, early = level[-(half // 2) :], level[-half : -(half // 2)]
        distance_s = times_s[-(half // 2) :].mean() - times_s[-half : -(half // 2)].mean()
        rate_per_s = (arrived[-1] - arrived[-half]) / (times_s[-1] - times_s[-half])
        return float((late.mean() - early.mean()) / distance_s / rate_per_s) if rate_per_s > 0 else 0.0
