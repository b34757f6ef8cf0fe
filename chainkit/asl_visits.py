"""From a definition and its figures to laws: a run through a scope, a visit to a state, one attempt of it.

Every state entered is a transition, and every retry is one [1]; what runs inside a Parallel or Map is counted too, an
item or a child execution itself is not [2]. Retriers have a counter each, that one visit long; the first that names the
error decides, and catchers are asked when it is used up [3].

Sources  [1] aws.amazon.com/step-functions/pricing (2026): "including retries"
         [2] An entry is what a history calls ...StateEntered: a Map of n items is 1 + n x the states inside
             (stackoom.com/en/question/4YUKS, 2020, and measured by the simulator)
         [3] AWS agent toolkit, error-handling.md (2026); docs.aws.amazon.com step-functions/latest/dg
             concepts-error-handling (2026): what States.ALL and States.TaskFailed match
         [4] Amazon States Language, states-language.net/spec.html (2026): a failed branch stops the others. Assumed,
             as LocalStack's interpreter has it: a Parallel or inline Map fails with the error of what failed inside
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from chainkit import asl
from chainkit.asl_counts import Law, power, powers
from chainkit.asl_walks import EndlessError, walk
from chainkit.errors import SimulationError

L = TypeVar("L", bound=Law)

TASK_FAILED, TOO_MANY = "States.TaskFailed", "States.ExceedToleratedFailureThreshold"
COMPUTED = "an Error that the data computes"
"""What a Fail raises whose name is not known."""
_TERMINAL = {"States.Runtime", "States.DataLimitExceeded"}  # [3] no wildcard matches them
_LATE = {"States.Timeout", "States.HeartbeatTimeout"}
_MOST_COUNTERS = 20_000
"""Combinations of retries used up that are told apart in one visit."""
_NEVER = 1e-40
"""A retrier that is used up more seldom than this is taken to be endless."""


class End(NamedTuple):
    """How a run through a scope ends: in which state, and with which error if it failed."""

    state: str
    error: str | None = None

    def __str__(self) -> str:
        return self.state if not self.error else f"{self.state} ({self.error})"


@dataclass(frozen=True)
class Figures:
    """What is known about the ways of a machine; each is asked only for a state that can be reached."""

    shares: Callable[[str, asl.State], Sequence[float]]
    """Of the ways of a Choice, adding to 1."""
    failures: Mapping[str, Mapping[str, float]]
    """State -> error -> probability per attempt."""
    items: Callable[[str, asl.State], int]
    """Of a Map: runs through what is inside."""


@dataclass(frozen=True)
class Attempt(Generic[L]):
    """One attempt, or one whole visit: the law of its success (None) and of each error, and what it entered."""

    laws: dict[str | None, L]
    entries: dict[str, float]
    """Of states inside, on average."""


@dataclass
class Visits(Generic[L]):
    """Reckons with one machine in one kind of law.

    Where a branch or an item fails while others run, AWS stops those at an instant that no count can know [4]. With
    `is_least` they have done no more than what is certain; else all run on to their ends, which is the most.
    """

    figures: Figures
    kind: type[L]
    is_least: bool = False
    is_cut: bool = field(default=False, init=False)
    """Whether anything could be stopped that way."""
    first_named: set[str] = field(default_factory=set, init=False)
    """States whose branches or items fail with several errors that are handled differently."""

    # --- a scope ---

    def run(self, scope: asl.Scope) -> tuple[dict[End, L], dict[str, float]]:
        """Return the law of each end, and the transitions into each state on average.

        Raises
        ------
        SimulationError
            If there is a state from which no end is reached.
        """
        assert scope.StartAt is not None, "asl.complaints has been asked"
        edges: dict[Hashable, list[tuple[Hashable, L]]] = {}
        inside: dict[Hashable, dict[str, float]] = {}
        left = [scope.StartAt]
        while left:
            name = left.pop()
            if name in edges:
                continue
            edges[name], inside[name] = self._visit(name, scope.States[name])
            left += [str(target) for target, _ in edges[name] if target in scope.States and target not in edges]
        try:
            ends, visits = walk(edges, scope.StartAt, self.kind)
        except EndlessError as error:
            raise SimulationError(
                f"state {error.node!r}: with these figures no end can be reached from here",
                fix="an execution would go on forever: lead a Choice out of the circle with a figure above 0",
            ) from None
        entries: dict[str, float] = defaultdict(float)
        for state, times in visits.items():
            for each, mean in inside[state].items():
                entries[each] += times * mean
        return {end: law for end, law in ends.items() if isinstance(end, End)}, dict(entries)

    def _visit(self, name: str, state: asl.State) -> tuple[list[tuple[Hashable, L]], dict[str, float]]:
        """Return where a state leads to with which law, and what a visit enters."""
        step, once = self.kind.fixed(1.0, 1), {name: 1.0}
        match state.Type:
            case "Choice":
                shares = zip(state.ways, self.figures.shares(name, state), strict=True)
                return [(target, step.scaled(p)) for target, p in shares if p > 0], once
            case "Succeed":
                return [(End(name), step)], once
            case "Fail":
                is_known = state.ErrorPath is None and not state.Error.startswith("{%")
                return [(End(name, state.Error if is_known else COMPUTED), step)], once
            case "Pass" | "Wait":
                return [(state.Next or End(name), step)], once
        visit = self._tried(name, state, self._attempt(name, state))
        ways = [(self._after(name, state, error), law) for error, law in visit.laws.items()]
        return ways, visit.entries

    def _after(self, name: str, state: asl.State, error: str | None) -> Hashable:
        """Return where a visit that ended so leads to."""
        if error is None:
            return state.Next or End(name)
        caught = next((rule.Next for rule in state.Catch if _names(rule.ErrorEquals, error, name)), None)
        return caught or End(name, error)

    # --- retries ---

    def _tried(self, name: str, state: asl.State, attempt: Attempt[L]) -> Attempt[L]:
        """Return a visit: attempts until one succeeds, or no retrier takes the error."""
        by_error = {error: _retrier(state, error, name) for error in attempt.laws}
        failing = math.fsum(law.p for error, law in attempt.laws.items() if by_error[error] is not None)
        most = [rule.MaxAttempts for rule in state.Retry]
        # Before a retrier is used up, that many attempts in a row have failed.
        endless = {k for k, n in enumerate(most) if failing < 1 and failing**n < _NEVER}
        counted = sorted({k for k in by_error.values() if k is not None} - endless)
        if math.prod(most[k] + 1 for k in counted) > _MOST_COUNTERS:
            raise SimulationError(
                f"state {name!r}: its retriers are used up in more than {_MOST_COUNTERS:,} ways",
                fix="give a smaller MaxAttempts, or a failure probability below 1",
            )
        limits = {k: most[k] for k in counted}
        laws, visits = walk(self._retries(attempt, by_error, limits), (0,) * len(limits), self.kind)
        tries = math.fsum(visits.values())
        ends = {error: law for error, law in laws.items() if error is None or isinstance(error, str)}
        return Attempt(ends, {each: tries * mean for each, mean in attempt.entries.items()})

    def _retries(
        self, attempt: Attempt[L], by_error: Mapping[str | None, int | None], limits: Mapping[int, int]
    ) -> dict[Hashable, list[tuple[Hashable, L]]]:
        """Return the ways of a visit: nodes are how often each limited retrier has been used, ends are errors."""
        edges: dict[Hashable, list[tuple[Hashable, L]]] = {}
        places = {k: place for place, k in enumerate(limits)}
        left = [(0,) * len(limits)]
        while left:
            used = left.pop()
            if used in edges:
                continue
            edges[used] = []
            for error, law in attempt.laws.items():
                k = by_error[error]
                after: Hashable = error if k is None else used  # an endless retrier leads back here
                if k in places:
                    again = tuple(n + (place == places[k]) for place, n in enumerate(used))
                    after = again if used[places[k]] < limits[k] else error
                    left += [again] if after == again else []
                edges[used].append((after, law))
        return edges

    # --- one attempt ---

    def _attempt(self, name: str, state: asl.State) -> Attempt[L]:
        """Return one attempt of a Task, Parallel or Map: what it does inside, then whether it fails itself."""
        inside = Attempt[L]({None: self.kind.fixed(1.0, 0)}, {})
        if state.Type == "Parallel":
            inside = self._parallel(name, state)
        elif state.Type == "Map":
            inside = self._map(name, state)
        own, step = self.figures.failures.get(name, {}), self.kind.fixed(1.0, 1)
        found: dict[str | None, list[L]] = {error: [law.then(step)] for error, law in inside.laws.items()}
        if success := found.pop(None, None):
            for error, p in own.items():
                found.setdefault(error, []).append(success[0].scaled(p))
            found[None] = [success[0].scaled(max(0.0, 1 - math.fsum(own.values())))]
        laws = {error: self.kind.mixed(each) for error, each in found.items()}
        return Attempt({e: law for e, law in laws.items() if law.p > 0}, {name: 1.0, **inside.entries})

    def _inside(self, scope: asl.Scope) -> Attempt[L]:
        """Return a run through a scope by its error: where it ended does not matter outside."""
        ends, entries = self.run(scope)
        laws: dict[str | None, list[L]] = {}
        for end, law in ends.items():
            laws.setdefault(end.error, []).append(law)
        return Attempt({error: self.kind.mixed(each) for error, each in laws.items()}, entries)

    def _parallel(self, name: str, state: asl.State) -> Attempt[L]:
        """Return the branches of a Parallel, independent of each other."""
        branches = [self._inside(scope) for scope in state.Branches]
        nothing = self.kind.fixed(1.0, 0)
        found: dict[str | None, list[L]] = {}
        before = nothing  # the branches so far, all of which succeeded
        for i, branch in enumerate(branches):
            after = nothing
            for other in branches[i + 1 :]:
                after = after.then(self.kind.mixed(list(other.laws.values())))
            for error, law in branch.laws.items():
                if error is not None:
                    found.setdefault(error, []).append(before.then(law).then(after))
            before = before.then(branch.laws.get(None, nothing.scaled(0.0)))
        laws = {error: self.kind.mixed(each) for error, each in found.items()}
        if laws and len(branches) > 1:
            least = min(
                law.least + (len(branches) - 1 if _takes_time(scope) else 0)
                for scope, branch in zip(state.Branches, branches, strict=True)
                for error, law in branch.laws.items()
                if error is not None
            )
            laws = self._cut(name, state, laws, least)
        entries = {each: mean for branch in branches for each, mean in branch.entries.items()}
        return Attempt({None: before, **laws}, entries)

    def _map(self, name: str, state: asl.State) -> Attempt[L]:
        """Return the items of a Map, independent of each other."""
        items = self.figures.items(name, state)
        if items == 0:
            return Attempt({None: self.kind.fixed(1.0, 0)}, {})
        (scope,) = state.scopes
        item = self._inside(scope)
        if scope.ProcessorConfig.get("ExecutionType") == "EXPRESS":  # billed by run time, not by transition
            item = Attempt({error: law.uncounted() for error, law in item.laws.items()}, {})
        failing = [law for error, law in item.laws.items() if error is not None and law.p > 0]
        if not failing:
            return Attempt({None: power(item.laws[None], items)}, {each: items * n for each, n in item.entries.items()})
        if state.is_distributed:
            success = item.laws.get(None, self.kind.fixed(0.0, 0))
            item = Attempt({None: success, TOO_MANY: self.kind.mixed(failing)}, item.entries)
        tolerated = _tolerated(name, state, items)
        if tolerated:
            laws, runs = self._tolerant(item.laws, items, tolerated), float(items)
        else:
            laws, runs = self._strict(name, state, item.laws, items)
        return Attempt(laws, {each: runs * n for each, n in item.entries.items()})

    def _strict(
        self, name: str, state: asl.State, item: Mapping[str | None, L], items: int
    ) -> tuple[dict[str | None, L], float]:
        """Return how a Map ends that fails with its first item that does, and how many items begin on average."""
        success = item.get(None, self.kind.fixed(0.0, 0))
        is_in_turn = state.MaxConcurrency == 1
        others = self.kind.fixed(1.0, 0) if is_in_turn else self.kind.mixed(list(item.values()))
        whole, _, around = powers(success, others, items)
        failures: dict[str | None, L] = {
            error: law.then(around) for error, law in item.items() if error is not None and law.p > 0
        }
        if is_in_turn:
            return {None: whole, **failures}, around.p
        if items > 1:
            least = min(law.least for error, law in item.items() if error is not None and law.p > 0)
            failures = self._cut(name, state, failures, least)
        return {None: whole, **failures}, float(items)

    def _tolerant(self, item: Mapping[str | None, L], items: int, tolerated: int) -> dict[str | None, L]:
        """Return how a distributed Map ends that succeeds with up to `tolerated` failures."""
        success, failure = item.get(None, self.kind.fixed(0.0, 0)), item[TOO_MANY]
        well, badly = success.scaled(1 / success.p) if success.p > 0 else success, failure.scaled(1 / failure.p)
        found: dict[bool, list[L]] = {True: [self.kind.fixed(0.0, 0)], False: [self.kind.fixed(0.0, 0)]}
        far = 20 * math.sqrt(items * failure.p * success.p) + 60
        for failed in range(max(0, int(items * failure.p - far)), min(items, int(items * failure.p + far)) + 1):
            p = _binomial(items, failed, failure.p)
            if p > _NEVER:
                law = power(well, items - failed).then(power(badly, failed))
                found[failed <= tolerated].append(law.scaled(p))
        laws: dict[str | None, L] = {None: self.kind.mixed(found[True]), TOO_MANY: self.kind.mixed(found[False])}
        if laws[TOO_MANY].p > 0:
            self.is_cut = True
            if self.is_least:
                laws[TOO_MANY] = self.kind.fixed(laws[TOO_MANY].p, (tolerated + 1) * failure.least)
        return laws

    def _cut(self, name: str, state: asl.State, laws: Mapping[str | None, L], least: int) -> dict[str | None, L]:
        """Return the failures of what runs side by side, at their least if that is asked for."""
        self.is_cut = True
        treatments = {(_retrier(state, error, name), self._after(name, state, error)) for error in laws}
        if len(treatments) > 1:
            self.first_named.add(name)
        return {error: self.kind.fixed(law.p, least) if self.is_least else law for error, law in laws.items()}


# --- errors ---


def _names(patterns: Sequence[str], error: str, state: str) -> bool:
    """Tell whether an entry's ErrorEquals names an error; [3]."""
    for pattern in patterns:
        if pattern == "States.ALL":
            if error not in _TERMINAL:
                return True
        elif pattern == TASK_FAILED:
            if error not in _TERMINAL | _LATE:
                return True
        elif error == COMPUTED:
            raise SimulationError(
                f"state {state!r}: {pattern!r} may or may not be {COMPUTED} of a Fail inside",
                fix='write the usual name of that Fail: "Error": "OrderRefused"',
            )
        elif pattern == error or (pattern == "States.Timeout" and error in _LATE):
            return True
    return False


def _retrier(state: asl.State, error: str | None, name: str) -> int | None:
    """Return the place of the first retrier that names an error; States.Runtime is never retried [3]."""
    if error is None or error == "States.Runtime":
        return None
    return next((k for k, rule in enumerate(state.Retry) if _names(rule.ErrorEquals, error, name)), None)


# --- what is inside ---


def _takes_time(scope: asl.Scope) -> bool:
    """Tell whether a branch cannot fail before those beside it have begun."""
    return scope.States[scope.StartAt or ""].Type in ("Task", "Wait")


def _tolerated(name: str, state: asl.State, items: int) -> int:
    """Return how many items of a distributed Map may fail."""
    for what in (state.ToleratedFailureCount, state.ToleratedFailurePercentage):
        if not isinstance(what, int | float | None):
            raise SimulationError(
                f"state {name!r}: it tolerates {what!r} failures, which the data computes",
                fix='write a typical number: "ToleratedFailureCount": 5',
            )
    return state.tolerated(items)


def _binomial(n: int, k: int, p: float) -> float:
    """Return the probability of `k` failures among `n`, with 0 < p <= 1."""
    if p >= 1:
        return float(k == n)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
