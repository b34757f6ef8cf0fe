"""Which design is best: all of them where there are few, guided by a linear model where there are many.

A design is judged by a simulation, every one with the same arrivals and draws, so that designs differ by what they are
and not by chance. Percentiles of a chain do not add up over its services, so no formula gives them; but near a design
they nearly do. So with many combinations the difference that each single value makes is simulated. With these sums, one
value for each choice, the best within a limit is a knapsack with multiple choice, and its fronts of money against time,
the best and the next few, come by adding choice after choice and dropping what is dominated. What is best within parts
of the limit is simulated, and where it is better it is the next point to start from. At the end no single change is
better, and nothing that the model proposes. That is no proof of the optimum; tests compare it with all combinations.

Why no library: scipy.optimize.milp solves the knapsack for one limit at a time, and its HiGHS writes to the notebook
even when told to be silent; the fronts need no solver. scipy's global optimisers (differential evolution, dual
annealing) want thousands of values of a function, and know nothing of the structure that makes a hundred enough.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from chainkit.chain import Chain
from chainkit.errors import SimulationError
from chainkit.sizing.choices import Design, Space

EXHAUSTIVE = 512
"""Combinations up to which all are tried."""
ROUNDS = 12
NEAR = (0.85, 0.92, 0.96, 1.0, 1.04, 1.08, 1.15)
"""Parts of the limit for which the model is asked: it is wrong by some percent, to either side."""
PROPOSALS = 4
"""Designs that the model proposes within each of them, best first."""
WIDEST = 1_024
"""Sums that are kept of each front."""
CLOSE = (0.97, 1.0, 1.03)
"""Parts of the limit within which the best few designs are run with all requests: few are wrong by a percent or two."""
CONFIRMED = 4


class Judged(NamedTuple):
    """What a design gives."""

    usd: float
    """Of the month."""
    time_s: float
    bad_fraction: float
    """Of the requests: lost, failed or throttled; at a desk, how many more than usual."""

    def beyond(self, usual: float) -> "Judged":
        """Return the same with what is lost beyond the usual share."""
        return self._replace(bad_fraction=max(0.0, self.bad_fraction - usual))


HOPELESS = Judged(math.inf, math.inf, 1.0)


@dataclass(frozen=True)
class Goal:
    """What is made small, and what stays below its limit."""

    least: Literal["usd", "time_s"]
    limit: float
    """Of the other of the two."""

    @property
    def limited(self) -> Literal["usd", "time_s"]:
        """Which of the two has the limit."""
        return "time_s" if self.least == "usd" else "usd"

    def is_met(self, judged: Judged) -> bool:
        """Tell whether a design keeps the limit and loses no more than usual."""
        return bool(getattr(judged, self.limited) <= self.limit and judged.bad_fraction <= 0)

    def rank(self, judged: Judged) -> tuple[float, ...]:
        """Return a key by which better designs come first: those that lose more, or miss the limit, after the rest."""
        least, limited = getattr(judged, self.least), getattr(judged, self.limited)
        if judged.bad_fraction > 0:
            return (2.0, judged.bad_fraction, limited)
        return (0.0, least, limited) if limited <= self.limit else (1.0, limited, least)


@dataclass
class Desk:
    """Judges designs, each once."""

    space: Space
    judge: Callable[[list[Chain]], list[Judged]]
    found: dict[Design, Judged] = field(default_factory=dict)
    banned: set[Design] = field(default_factory=set)

    def __call__(self, designs: Iterable[Design]) -> None:
        """Judge those designs that are not judged yet."""
        new = [design for design in dict.fromkeys(designs) if design not in self.found]
        chains = {design: chain for design in new if (chain := self.space.built(design)) is not None}
        judged = dict(zip(chains, self.judge([*chains.values()]), strict=True)) if chains else {}
        for design in new:
            self.found[design] = judged.get(design, HOPELESS)

    def best(self, goal: Goal) -> Design:
        """Return the best design so far; of equals the one with the fewest changes."""
        return self.top(goal, 1)[0]

    def top(self, goal: Goal, count: int) -> list[Design]:
        """Return the best designs so far, best first."""
        start = self.space.start
        allowed = [design for design in self.found if design not in self.banned]
        key = {d: (*goal.rank(self.found[d]), sum(a != b for a, b in zip(d, start, strict=True))) for d in allowed}
        return sorted(allowed, key=key.__getitem__)[:count]


def search(space: Space, screen: Desk, full: Desk, goal: Goal, exhaustive: int = EXHAUSTIVE) -> Design:
    """Return the best design: found with few requests, confirmed with all.

    Parameters
    ----------
    space : what can be chosen
    screen, full : judges by few requests and by all of them; the same one where all are few
    goal : what is made small under which limit
    exhaustive : combinations up to which all are tried
    """
    if len(space) <= exhaustive:
        screen(space.all())
    else:
        _guided(space, screen, goal)
    if full is not screen:
        for near in CLOSE:
            full(screen.top(replace(goal, limit=goal.limit * near), CONFIRMED))
        _confirm(space, screen, full, goal)
    return full.best(goal)


def _confirm(space: Space, screen: Desk, full: Desk, goal: Goal) -> None:
    """Change one choice at a time as long as that is better: few requests say which changes are worth all of them."""
    loose = replace(goal, limit=goal.limit * CLOSE[-1])
    for _ in range(ROUNDS):
        centre = full.best(goal)
        near = space.neighbours(centre)
        screen([centre, *near])
        rank = {design: loose.rank(screen.found[design]) for design in [centre, *near]}
        full(sorted((design for design in near if rank[design] < rank[centre]), key=rank.__getitem__)[:CONFIRMED])
        if full.best(goal) == centre:
            return


def _guided(space: Space, desk: Desk, goal: Goal) -> None:
    """Follow the proposals of linear models until they, and single changes, bring nothing better."""
    desk([space.start])
    for _ in range(ROUNDS):
        centre = desk.best(goal)
        desk(space.neighbours(centre))
        desk(_Steps.around(space, desk.found, centre, goal).near(goal.limit))
        if desk.best(goal) == centre:
            return


@dataclass(frozen=True)
class _Steps:
    """A linear model: what each value of each choice adds to the design in the centre."""

    choice: Any
    """(n,) which choice a value belongs to."""
    value: Any
    """(n,) its place there."""
    least: Any
    """(n,) what it adds to what is made small."""
    limited: Any
    """(n,) what it adds to what is limited."""
    base: float
    """What is limited, in the centre."""

    @classmethod
    def around(cls, space: Space, found: Mapping[Design, Judged], centre: Design, goal: Goal) -> "_Steps":
        """Return the model of single changes; those that cannot be, or lose requests, are left out."""
        here = found[centre]
        rows = [(i, place, 0.0, 0.0) for i, place in enumerate(centre)]
        for design in space.neighbours(centre):
            there = found[design]
            i = next(k for k, (a, b) in enumerate(zip(design, centre, strict=True)) if a != b)
            change = [getattr(there, what) - getattr(here, what) for what in (goal.least, goal.limited)]
            if there.bad_fraction <= here.bad_fraction and all(map(math.isfinite, change)):
                rows.append((i, design[i], change[0], change[1]))
        choice, value, least, limited = (np.array(column) for column in zip(*rows, strict=True))
        return cls(choice, value, least, limited, getattr(here, goal.limited))

    def near(self, limit: float) -> list[Design]:
        """Return the designs with the best sums within each part of the limit; the lowest where none is within."""
        limited, least, designs = self.front()
        picked = {int(limited.argmin())}
        for part in NEAR:
            within = np.flatnonzero(limited <= part * limit)
            picked |= {*map(int, within[np.argsort(least[within], kind="stable")][:PROPOSALS])}
        return [tuple(map(int, designs[k])) for k in sorted(picked)]

    def front(self) -> tuple[Any, Any, Any]:
        """Return the sums that few others beat in both figures: what is limited, what is made small, their designs."""
        least, limited, designs = np.zeros(1), np.zeros(1), np.zeros((1, 0), dtype=int)
        for i in range(int(self.choice.max()) + 1):
            own = np.flatnonzero(self.choice == i)
            least = np.add.outer(least, self.least[own]).ravel()
            limited = np.add.outer(limited, self.limited[own]).ravel()
            before = np.repeat(designs, own.size, axis=0)
            designs = np.column_stack([before, np.tile(self.value[own], len(designs))])
            kept = _undominated(least, limited)
            least, limited, designs = least[kept], limited[kept], designs[kept]
        return self.base + limited, least, designs


def _undominated(least: Any, limited: Any) -> Any:
    """Return the places of sums that fewer than `PROPOSALS` others beat in both: one front below the other.

    With these the best few within any limit are kept, not the best one alone: the model is wrong by some percent. A
    front with very many sums is thinned evenly.
    """
    rest, kept = np.lexsort((least, limited)), []
    for _ in range(PROPOSALS):
        if not rest.size:
            break
        lowest = np.minimum.accumulate(least[rest])
        is_front = np.concatenate([[True], lowest[1:] < lowest[:-1]])
        front, rest = rest[is_front], rest[~is_front]
        even = np.linspace(0, front.size - 1, min(WIDEST, front.size)).round().astype(int)
        kept.append(front[even])
    return np.concatenate(kept)


def judge_by_sweep(figure: str, millions: float, options: Mapping[str, Any]) -> Callable[[list[Chain]], list[Judged]]:
    """Return a judge that runs designs in a sweep, all on the same draws.

    Parameters
    ----------
    figure : which time is judged
    millions : of requests of a month
    options : for `sweep`: the load, requests, seed ...
    """
    from chainkit.sweeps import sweep

    given = dict(options)
    load = given.pop("load")

    def judge(chains: list[Chain]) -> list[Judged]:
        try:
            table = sweep({str(k): chain for k, chain in enumerate(chains)}, load, **given)
        except SimulationError:
            # One that cannot be run, such as a backlog without end, is no reason to give up the others.
            return [HOPELESS] if len(chains) == 1 else [each for chain in chains for each in judge([chain])]
        if table.attrs["interrupted"]:
            raise KeyboardInterrupt
        usd = table["usd_per_million"] * millions
        bad = table["lost_fraction"] + table["failed_fraction"]
        rows = zip(usd, table[figure].fillna(math.inf), bad, strict=True)
        return [Judged(*map(float, row)) for row in rows]

    return judge
