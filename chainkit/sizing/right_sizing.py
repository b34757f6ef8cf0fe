"""`right_size`: the cheapest design under a limit of time, or the fastest under a limit of money, with its reasons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chainkit.billing.bill import Bill, bill
from chainkit.billing.prices import price_book
from chainkit.chain import Chain, as_chain
from chainkit.comparison import TIMES, Comparison, compare
from chainkit.errors import ConfigError
from chainkit.simulation.intervals import TOO_FEW
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.sizing.choices import Design, Space, as_settings, described, space_of
from chainkit.sizing.memory_curves import figure_of
from chainkit.sizing.search import EXHAUSTIVE, Desk, Goal, Judged, judge_by_sweep, search
from chainkit.units import seconds, unit_of, usd

if TYPE_CHECKING:
    import pandas as pd

SCREENED = 20_000
"""Requests with which designs are tried; the best are then run with all."""
MOST_BANNED = 20
"""Designs that may turn out to lose more requests before it is given up."""
Interval = tuple[float, float, float]
"""low, value, high."""
MEANS = {
    "EXPRESS": "an EXPRESS execution may run more than once",
    "provisioned_concurrency": "needs a published version or an alias",
}
"""What a move means besides time and money."""


@dataclass(frozen=True)
class Move:
    """One setting that is changed, what it does to the design it leads to, and why it is made."""

    key: str
    """"pay.memory_mb"."""
    before: str
    after: str
    time_s: Interval
    """By how much the figure is above that of the same design without this move; NaN: it stands with others only."""
    usd_per_month: Interval
    """The same of the month's bill."""
    reason: str

    def __str__(self) -> str:
        """Return the move as a sentence."""
        owner, _, setting = self.key.rpartition(".")
        unit = unit_of(setting)
        name = setting.removesuffix(f"_{unit.lower()}").replace("_", " ") if unit else setting.replace("_", " ")
        return f"{owner}: {name} {self.before} -> {f'{self.after} {unit}'.strip()}: {self.reason}"


@dataclass(frozen=True, repr=False)
class Sizing:
    """What `right_size` gives back: the design, and one reason for each change."""

    chain: Chain
    """The design that was found; the one that was given stays as it was."""
    moves: tuple[Move, ...]
    figure: str
    goal: Goal
    is_feasible: bool
    """Whether a design within the limit was found; else this one comes nearest to it."""
    is_clear: bool
    """Whether the 95 % interval of what is limited lies within the limit, too."""
    comparison: Comparison
    """"before" and "after" on the same draws."""
    designs: "pd.DataFrame"
    """Every design that was tried: its settings, usd_per_month, the figure, worse_fraction (of the requests:
    how many more are lost or fail than now, beyond chance) and is_within the limit."""
    combinations: int
    is_exhaustive: bool
    """Whether all combinations were tried."""
    binding: str
    """What most of the time is, where the limit is out of reach."""
    notes: tuple[str, ...]
    """What was not tried, and what is assumed."""

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per figure: before, after, and the paired difference: low, difference, high, note."""
        import pandas as pd

        both, rows = self.comparison.to_frame(), {}
        for name, *parts in self.comparison.differences(to="before").reset_index().itertuples(index=False):
            if name == "after":
                key, low, value, high, note = parts
                rows[key] = (both.loc["before", key], both.loc["after", key], low, value, high, note)
        columns = ["before", "after", "low", "difference", "high", "note"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("figure")

    def __str__(self) -> str:
        """Return the design, its moves and what to know, as text."""
        before, after = (_told(self.comparison, each, self.figure) for each in ("before", "after"))
        lines = [f"{self.chain.name}: {self._headline()}", f"  before: {before}", f"  after:  {after}"]
        lines += [f"  {move}" for move in self.moves] or ["  nothing to change: no difference seen"]
        how = "all" if self.is_exhaustive else f"{len(self.designs):,} of"
        lines.append(f"  tried: {how} {self.combinations:,} combinations")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def __repr__(self) -> str:
        """Return the result in a word."""
        return f"Sizing({self.chain.name!r}, {len(self.moves)} moves, {'within' if self.is_feasible else 'beyond'})"

    def _headline(self) -> str:
        """Return whether the limit is kept."""
        limit = f"{self.figure} <= {_amount(self.goal.limited, self.goal.limit)}"
        if self.goal.least == "time_s":
            limit = f"{usd(self.goal.limit)} a month"
        what = "the cheapest" if self.goal.least == "usd" else f"the lowest {self.figure}"
        if not self.is_feasible:
            return f"{limit} is out of reach; this comes nearest. {self.binding}"
        sure = "" if self.is_clear else "; too close to call: its interval reaches beyond the limit"
        return f"{what} within {limit}{sure}"


def right_size(
    chain: Chain,
    load: Load,
    *,
    latency_s: float | None = None,
    usd_per_month: float | None = None,
    figure: str | None = None,
    requests_per_month: float | None = None,
    choices: Mapping[str, Sequence[Any]] | Sequence[str] | None = None,
    least_memory_mb: Mapping[str, int] | None = None,
    arm64_ratio: float | Mapping[str, float] = 1.0,
    requests: int = 20_000,
    seed: int = 1,
    free_tier: bool = False,
    exhaustive: int = EXHAUSTIVE,
    threads: int | None = None,
    **options: Any,
) -> Sizing:
    """Return the cheapest design under a limit of time, or the fastest under a limit of money.

    Every design is simulated on the same arrivals and draws and billed. A change is made only where the paired
    difference of the design with and without it is clear, or the limit needs it. A design that loses or fails more
    requests than the chain does now is never taken.

    Parameters
    ----------
    chain, load : the chain as it is, which stays so, and its traffic
    latency_s : what the figure may be, seconds
    usd_per_month : what a month may cost; give one of the two limits
    figure : "response_p95_s" and its like; None: that, or where nobody waits "completion_p95_s"
    requests_per_month : as for `bill`; None: the month goes on at the rate of the run
    choices : values by setting: {"pay.memory_mb": [128, 512], "jobs>pay.batch_size": [1, 10]}; or names of settings
        to try; None: memory (of functions with a `cpu_fraction`), architecture, workflow type, batch size and window
        (where a completion is limited), provisioned concurrency (where cold starts are seen)
    least_memory_mb : function -> what it needs ("Max Memory Used" of its REPORT lines): no smaller size is tried
    arm64_ratio : duration on arm64 over that on x86, for all functions or by name; 1 is an assumption
    requests, seed, free_tier, threads, **options : as for `simulate`, `bill` and `sweep`
    exhaustive : combinations up to which all are tried; beyond, the search is guided (search.py)

    Raises
    ------
    ConfigError, WiringError
        If a limit, figure or choice is refused, or there is nothing to choose.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.LambdaFunction("pay", memory_mb=256, duration=0.4, cpu_fraction=0.9))
    >>> sizes = {"pay.memory_mb": [256, 512, 1024, 1769]}
    >>> sizing = right_size(chain, ck.Poisson(rate_per_s=4), latency_s=0.2, figure="completion_p50_s", choices=sizes)
    >>> sizing.chain.service("pay").memory_mb, sizing.is_feasible
    (1024, True)
    """
    chain = as_chain(chain, "right_size")
    _check(latency_s, usd_per_month, exhaustive)
    drawn: dict[str, Any] = {"requests": requests, "seed": seed, **options}
    run = simulate(chain, load, threads=threads, **drawn)
    figure = figure_of("right_size", figure, nobody_waits=run.program.nobody_waits)
    _require_enough(run, figure)
    space, notes = space_of(chain, run, figure, choices, least_memory_mb or {}, arm64_ratio)
    priced: dict[str, Any] = {"requests_per_month": requests_per_month, "free_tier": free_tier}
    priced["requests_per_month"] = bill(chain, run, **priced).requests_per_month
    desks = _desks(space, figure, {"load": load, "threads": threads, **drawn, **priced})
    for desk in desks:
        desk([space.start])
    goal = _goal(latency_s, usd_per_month)
    judge = _Judge(space, figure, goal, lambda chains: compare(chains, load, **drawn, **priced))
    best = search(space, *desks, goal, exhaustive)
    best = judge.harmless(best, desks[1])
    best, moves, comparison = judge.moves(best, desks[1])
    is_exhaustive = len(space) <= exhaustive
    notes = (*notes, *_assumed(space, best), *_with_other_draws(judge, best, load, drawn))
    return _sizing(judge, best, moves, comparison, desks[0], is_exhaustive, notes)


# --- the goal ---


def _check(latency_s: Any, usd_per_month: Any, exhaustive: Any) -> None:
    """Refuse limits that are none."""
    limits = {"latency_s": latency_s, "usd_per_month": usd_per_month}
    given = {name: value for name, value in limits.items() if value is not None}
    if len(given) != 1:
        problem = f"right_size: {' and '.join(given) or 'no limit'} given; allowed: one of {' and '.join(limits)}"
        raise ConfigError(problem, fix="give latency_s=0.3 for the cheapest, or usd_per_month=50 for the fastest")
    ((name, value),) = given.items()
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ConfigError(f"right_size: {name}={value!r} is no limit; allowed: above 0", fix="give a finite number")
    if not isinstance(exhaustive, int) or isinstance(exhaustive, bool) or exhaustive < 0:
        raise ConfigError(f"right_size: exhaustive={exhaustive!r} is no number of designs", fix="leave it out")


def _require_enough(run: Run, figure: str) -> None:
    """Refuse a percentile that so few requests, or replications, do not tell."""
    if run.replications < 2:
        raise ConfigError("right_size: one replication does not tell a change from chance", fix="give 2 or more")
    if TOO_FEW in str(run.summary().loc[figure, "note"]):
        problem = f"right_size: {run.requests:,} requests do not tell {figure}"
        raise ConfigError(problem, fix="give more requests, or limit a lower percentile, such as p95")


def _goal(latency_s: float | None, usd_per_month: float | None) -> Goal:
    """Return what is made small under which limit."""
    if latency_s is not None:
        return Goal("usd", float(latency_s))
    assert usd_per_month is not None
    return Goal("time_s", float(usd_per_month))


def _desks(space: Space, figure: str, options: Mapping[str, Any]) -> tuple[Desk, Desk]:
    """Return who judges with few requests, and with all of them: the same where all are few."""

    def desk(requests: int) -> Desk:
        judge = judge_by_sweep(figure, options["requests_per_month"] / 1e6, {**options, "requests": requests})
        (now,) = judge([space.chain])
        # Each desk has its own share that is lost now: other requests, other chance.
        usual = now.bad_fraction + 2 * math.sqrt(max(now.bad_fraction, 1 / requests) / requests)
        return Desk(space, lambda chains: [each.beyond(usual) for each in judge(chains)])

    full = desk(options["requests"])
    return (full, full) if options["requests"] <= SCREENED else (desk(SCREENED), full)


# --- one reason for each move ---


@dataclass(frozen=True)
class _Judge:
    """Compares designs with each other by paired differences, with all requests."""

    space: Space
    figure: str
    goal: Goal
    compare: Any

    def harmless(self, best: Design, desk: Desk) -> Design:
        """Return the best design that surely loses or fails no more requests than the chain does now."""
        for _ in range(MOST_BANNED):
            if best == self.space.start:
                return best
            both = self.compare({"before": self.space.chain, "after": self._chain(best)})
            if not _loses_more(both, "after", "before"):
                return best
            desk.banned.add(best)
            best = desk.best(self.goal)
        return self.space.start

    def moves(self, best: Design, desk: Desk) -> tuple[Design, tuple[Move, ...], Comparison]:
        """Return the design without moves that make no difference, its moves, and the comparison of both."""
        while True:
            chains = {"before": self.space.chain, "after": self._chain(best)}
            without = {i: self._without(best, i) for i in self._changed(best)}
            chains |= {
                str(i): chain for i, design in without.items() if (chain := self.space.built(design)) is not None
            }
            found = self.compare(chains)
            idle = self._idle(best, without, found, desk)
            if idle is None:
                return best, tuple(self._move(best, i, found) for i in without), found
            best = idle

    def _changed(self, design: Design) -> list[int]:
        return [i for i, (a, b) in enumerate(zip(design, self.space.start, strict=True)) if a != b]

    def _without(self, design: Design, i: int) -> Design:
        return (*design[:i], self.space.choices[i].now, *design[i + 1 :])

    def _chain(self, design: Design) -> Chain:
        chain = self.space.built(design)
        assert chain is not None
        return chain

    def _idle(self, best: Design, without: Mapping[int, Design], found: Comparison, desk: Desk) -> Design | None:
        """Return the design without a move that neither the limit needs nor a difference speaks for."""
        here = _judged(found, "after", self.figure)
        for i, design in without.items():
            if str(i) not in found.runs or design in desk.banned:
                continue
            there = _judged(found, str(i), self.figure)
            if _loses_more(found, str(i), "after") or (self.goal.is_met(here) and not self.goal.is_met(there)):
                continue
            least = self.goal.least if self.goal.is_met(here) else self.goal.limited
            if not self._difference(found, str(i), least)[2] < 0:
                return design
        return None

    def _difference(self, found: Comparison, other: str, what: str) -> Interval:
        """Return by how much the design is above another in time or money."""
        figure = self.figure if what == "time_s" else "usd_per_month"
        low, value, high, _ = found.difference(figure, "after", other)
        return (low, value, high)

    def _move(self, best: Design, i: int, found: Comparison) -> Move:
        """Return a move with its reason."""
        choice, name = self.space.choices[i], str(i)
        before, after = described(choice, choice.now), described(choice, best[i])
        if name not in found.runs:
            nan = (math.nan, math.nan, math.nan)
            reason = "stands with the other changes only: AWS refuses the design without it"
            return Move(choice.key, before, after, nan, nan, reason)
        time, money = (self._difference(found, name, what) for what in ("time_s", "usd"))
        told = f"{_change_s(time)} at {self.figure.removesuffix('_s').replace('_', ' ')}, {_change_usd(money)} a month"
        means = MEANS.get(str(choice.values[best[i]])) or (MEANS.get(choice.setting) if best[i] else None)
        reason = f"{told}: {self._why(found, name)}" + (f"; {means}" if means else "")
        return Move(choice.key, before, after, time, money, reason)

    def _why(self, found: Comparison, name: str) -> str:
        """Return why a move is made."""
        here, there = (_judged(found, each, self.figure) for each in ("after", name))
        limit = _amount(self.goal.limited, self.goal.limit)
        if not self.goal.is_met(here):
            return f"nearer to the limit of {limit}"
        reached = getattr(there, self.goal.limited)
        if reached > self.goal.limit:
            clear = "" if self._difference(found, name, self.goal.limited)[2] < 0 else ", though no difference is clear"
            return f"the limit of {limit} needs it (without it {_amount(self.goal.limited, reached)}){clear}"
        return f"{'cheaper' if self.goal.least == 'usd' else 'faster'}, and the limit of {limit} holds"


def _loses_more(found: Comparison, name: str, than: str) -> bool:
    """Tell whether a design surely loses or fails more requests than another."""
    return any(found.difference(what, name, than)[0] > 0 for what in ("lost", "failed"))


def _judged(found: Comparison, name: str, figure: str) -> Judged:
    """Return time and money of a design of a comparison; what it loses is looked at apart."""
    time_s = float(found.runs[name].summary()["value"][figure])
    return Judged(found.bills[name].total_usd, math.inf if time_s != time_s else time_s, 0.0)


# --- the result ---


def _sizing(
    judge: _Judge,
    best: Design,
    moves: tuple[Move, ...],
    comparison: Comparison,
    screen: Desk,
    is_exhaustive: bool,
    notes: tuple[str, ...],
) -> Sizing:
    """Return the result."""
    goal, figure, space = judge.goal, judge.figure, judge.space
    is_feasible = goal.is_met(_judged(comparison, "after", figure))
    _, high = _bounds(comparison, "after", figure if goal.limited == "time_s" else "usd_per_month")
    both = {name: comparison.runs[name] for name in ("before", "after")}
    bills = {name: comparison.bills[name] for name in both}
    return Sizing(
        chain=judge._chain(best),
        moves=moves,
        figure=figure,
        goal=goal,
        is_feasible=is_feasible,
        is_clear=is_feasible and high <= goal.limit,
        comparison=replace(comparison, runs=both, bills=bills),
        designs=_designs(space, screen, figure, goal),
        combinations=len(space),
        is_exhaustive=is_exhaustive,
        binding="" if is_feasible else _binding(both["after"], bills["after"], figure, goal),
        notes=(*notes, *_side_effects(comparison, figure)),
    )


def _side_effects(found: Comparison, figure: str) -> list[str]:
    """Return the times without a limit that are clearly longer than before."""
    longer = []
    for other in TIMES:
        low, value, high, _ = found.difference(other, "after", "before")
        if other != figure and low > 0 and math.isfinite(value):
            longer.append(f"{other} {_change_s((low, value, high))}")
    return [f"longer than before, and without a limit: {', '.join(longer)}"] if longer else []


def _designs(space: Space, desk: Desk, figure: str, goal: Goal) -> "pd.DataFrame":
    """Return every design that was tried."""
    import pandas as pd

    rows = [
        {
            **as_settings(space, design),
            "usd_per_month": judged.usd,
            figure: judged.time_s,
            "worse_fraction": judged.bad_fraction,
            "is_within": goal.is_met(judged),
        }
        for design, judged in desk.found.items()
    ]
    return pd.DataFrame(rows)


def _with_other_draws(judge: _Judge, best: Design, load: Load, drawn: Mapping[str, Any]) -> list[str]:
    """Return whether the limit of time is missed by other draws: the best of many has had luck with its own."""
    goal, seed = judge.goal, drawn["seed"] + 1
    if goal.limited != "time_s":
        return []
    run = simulate(judge._chain(best), load, **{**drawn, "seed": seed})
    time_s = float(run.summary()["value"][judge.figure])
    if time_s <= goal.limit:
        return []
    return [f"with other draws (seed {seed}) {judge.figure} is {seconds(time_s)}, above the limit"]


def _binding(run: Run, priced: Bill, figure: str, goal: Goal) -> str:
    """Return what most of the time, or of the money, still is."""
    if goal.limited == "usd":
        lines = sorted(priced.lines, key=lambda line: -line.usd)[:3]
        return f"What is left: {', '.join(f'{line.node}: {line.what} {usd(line.usd)}' for line in lines)}."
    of: Any = figure.partition("_")[0]
    rows = run.blame(of).sort_values("tail_s", ascending=False).head(3)
    columns = (rows["node"], rows["reason"], rows["tail_s"])
    parts = [f"{node}: {reason} {seconds(float(tail_s))}" for node, reason, tail_s in zip(*columns, strict=True)]
    return f"What is left of the slowest 1 %: {', '.join(parts)}."


def _bounds(found: Comparison, name: str, figure: str) -> tuple[float, float]:
    """Return the 95 % interval of a figure, its value where there is none."""
    if figure == "usd_per_month":
        low, value, high = found.interval(figure, name)
    else:
        row = found.runs[name].summary().loc[figure, ["low", "value", "high"]]
        low, value, high = map(float, row.to_numpy(dtype=float))
    return (low if low == low else value, high if high == high else value)


def _assumed(space: Space, best: Design) -> list[str]:
    """Return what the design assumes of arm64, and from which ratio on it would not pay."""
    moved = [
        choice.owner
        for choice, place in zip(space.choices, best, strict=True)
        if choice.setting == "architecture" and place != choice.now and choice.values[place] == "arm64"
    ]
    if not moved:
        return []
    ratios = {space.arm64_ratio[name] for name in moved}
    told = "an assumption: 1 times" if ratios == {1.0} else "as given: " + ", ".join(f"{r:g} times" for r in ratios)
    book = price_book(space.chain.region)
    x86, arm = (book.price(f"lambda-gb-s-{each}").tiers[0].usd for each in ("x86", "arm64"))
    return [
        f"duration on arm64 of {', '.join(moved)}: {told} that on x86. Measure it: {x86 / arm:.2f} times or more"
        " does not pay, but where a function waits for others"
    ]


# --- words ---


def _told(found: Comparison, name: str, figure: str) -> str:
    """Return money and time of a design with their intervals."""
    low, high = _bounds(found, name, figure)
    value = _judged(found, name, figure).time_s
    return f"{usd(found.bills[name].total_usd)} a month, {figure} {seconds(value)} ({seconds(low)} to {seconds(high)})"


def _amount(what: str, value: float) -> str:
    return seconds(value) if what == "time_s" else f"{usd(value)} a month"


def _change_s(change: Interval) -> str:
    """Return a difference of times with its interval."""
    low, value, high = change
    if low <= 0 <= high:
        return "no difference seen"
    return f"{_signed(value, seconds)} ({_signed(low, seconds)} to {_signed(high, seconds)})"


def _change_usd(change: Interval) -> str:
    """Return a difference of money with its interval."""
    low, value, high = change
    if low <= 0 <= high:
        return "no difference in USD seen"
    return f"{_signed(value, usd)} ({_signed(low, usd)} to {_signed(high, usd)})"


def _signed(value: float, words: Any) -> str:
    return f"{'-' if value < 0 else '+'}{words(abs(value))}" if value == value else "-"
