"""Two other ways to count transitions, on the plain definition: every way there is, and a walker with a clock."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np

Plain = dict[str, Any]
Ends = dict[tuple[int, str, str | None], float]
"""(transitions, last state, error or None) -> probability."""


def names(handler: Plain, error: str) -> bool:
    """Tell whether an entry of Retry or Catch names an error."""
    wild = {"States.ALL"} | ({"States.TaskFailed"} if error != "States.Timeout" else set())
    return bool(({error} | wild) & set(handler["ErrorEquals"]))


def entry_for(state: Plain, field: str, error: str) -> int | None:
    """Return the place of the first entry that names an error."""
    return next((k for k, handler in enumerate(state.get(field, [])) if names(handler, error)), None)


def errors_of(figures: Plain, name: str) -> dict[str | None, float]:
    """Return how one attempt of a state ends by itself."""
    own = figures.get(name, 0.0)
    own = own if isinstance(own, dict) else {"States.TaskFailed": own}
    return {None: 1 - sum(own.values()), **own}


# --- every way ---


def enumerated(scope: Plain, figures: Plain, items: Plain, until: float = 1e-12) -> Ends:
    """Return every end of a run through a scope; of siblings all run on, the first one written tells the error."""
    ends: Ends = defaultdict(float)
    attempts = {
        name: _attempts(name, state, figures, items)
        for name, state in scope["States"].items()
        if state["Type"] not in ("Choice", "Succeed", "Fail")
    }
    going: dict[tuple[str, tuple[int, ...], int], float] = {(scope["StartAt"], (), 0): 1.0}
    while sum(going.values()) > until:
        further: dict[tuple[str, tuple[int, ...], int], float] = defaultdict(float)
        for (name, used, before), p in going.items():
            state = scope["States"][name]
            if state["Type"] == "Choice":
                ways = [rule["Next"] for rule in state["Choices"]] + [state["Default"]]
                for way, share in zip(ways, figures[name], strict=True):
                    further[way, (), before + 1] += p * share
            elif state["Type"] in ("Succeed", "Fail"):
                ends[before + 1, name, state.get("Error") if state["Type"] == "Fail" else None] += p
            else:
                for (inside, error), q in attempts[name].items():
                    _go_on(scope, (name, used, before + 1 + inside), error, p * q, further, ends)
        going = {at: p for at, p in further.items() if p > 1e-16}
    return ends


def _go_on(scope: Plain, at: Any, error: str | None, p: float, further: Any, ends: Ends) -> None:
    """Add where an attempt leads to that ended so."""
    name, used, count = at
    state = scope["States"][name]
    if error is not None and (k := entry_for(state, "Retry", error)) is not None:
        counters = Counter(used)
        if counters[k] < state["Retry"][k].get("MaxAttempts", 3):
            further[name, tuple(sorted((*used, k))), count] += p
            return
    if error is not None and (k := entry_for(state, "Catch", error)) is not None:
        further[state["Catch"][k]["Next"], (), count] += p
    elif error is None and "Next" in state:
        further[state["Next"], (), count] += p
    else:
        ends[count, name, error] += p


def _attempts(name: str, state: Plain, figures: Plain, items: Plain) -> dict[tuple[int, str | None], float]:
    """Return (transitions inside, error) of one attempt."""
    runs: list[dict[tuple[int, str | None], float]] = []
    if state["Type"] == "Parallel":
        runs = [_inside(branch, figures, items) for branch in state["Branches"]]
    if state["Type"] == "Map":
        runs = [_inside(state["ItemProcessor"], figures, items)] * items[name]
    own = {(0, error): p for error, p in errors_of(figures, name).items()}
    found: dict[tuple[int, str | None], float] = {(0, None): 1.0}
    for run in [*runs, own]:
        is_stopped = run is own or state.get("MaxConcurrency") == 1  # by a failure before
        further: dict[tuple[int, str | None], float] = defaultdict(float)
        for (count, error), p in found.items():
            if error is not None and is_stopped:
                further[count, error] += p
            else:
                for (n, other), q in run.items():
                    further[count + n, other if error is None else error] += p * q
        found = further
    return found


def _inside(scope: Plain, figures: Plain, items: Plain) -> dict[tuple[int, str | None], float]:
    """Return (transitions, error) of a run through a branch or an item."""
    found: dict[tuple[int, str | None], float] = defaultdict(float)
    for (count, _, error), p in enumerated(scope, figures, items).items():
        found[count, error] += p
    return found


# --- a walker with a clock ---


class Walker:
    """Walks through a definition: tasks take random times, and what fails stops what runs beside it."""

    def __init__(self, definition: Plain, figures: Plain, items: Plain, seed: int) -> None:
        self.definition, self.figures, self.items = definition, figures, items
        self.rng = np.random.default_rng(seed)

    def count(self) -> int:
        """Return the transitions of one execution."""
        return len(self._scope(self.definition, 0.0)[0])

    def _scope(self, scope: Plain, t: float) -> tuple[list[float], float, str | None]:
        """Return when states were entered, when it ended, and with which error."""
        entered: list[float] = []
        name: str | None = scope["StartAt"]
        while name is not None:
            state, used = scope["States"][name], Counter[int]()
            while True:
                entered.append(t)
                inside, t, error = self._attempt(name, state, t)
                entered += inside
                k = None if error is None else entry_for(state, "Retry", error)
                if k is None or used[k] == state["Retry"][k].get("MaxAttempts", 3):
                    break
                used[k] += 1
            if state["Type"] == "Choice":
                ways = [rule["Next"] for rule in state["Choices"]] + [state["Default"]]
                name = ways[self.rng.choice(len(ways), p=self.figures[name])]
            elif error is None:
                name = state.get("Next")
            elif state["Type"] == "Fail" or (k := entry_for(state, "Catch", error)) is None:
                return entered, t, error
            else:
                name = state["Catch"][k]["Next"]
        return entered, t, None

    def _attempt(self, name: str, state: Plain, t: float) -> tuple[list[float], float, str | None]:
        """Return what one attempt entered inside, when it ended, and with which error."""
        entered: list[float] = []
        match state["Type"]:
            case "Fail":
                return [], t, state["Error"]
            case "Task" | "Wait":
                t += self.rng.exponential()
            case "Parallel":
                entered, t, error = self._together([self._scope(branch, t) for branch in state["Branches"]], t)
                if error is not None:
                    return entered, t, error
            case "Map":
                entered, t, error = self._map(state["ItemProcessor"], self.items[name], state.get("MaxConcurrency"), t)
                if error is not None:
                    return entered, t, error
        if state["Type"] not in ("Task", "Parallel", "Map"):
            return entered, t, None
        ends = errors_of(self.figures, name)
        return entered, t, list(ends)[self.rng.choice(len(ends), p=list(ends.values()))]

    def _map(self, scope: Plain, n: int, concurrency: int | None, t: float) -> tuple[list[float], float, str | None]:
        """Return a Map: at once, or one item after the other."""
        if concurrency != 1:
            return self._together([self._scope(scope, t) for _ in range(n)], t)
        entered: list[float] = []
        for _ in range(n):
            item, t, error = self._scope(scope, t)
            entered += item
            if error is not None:
                return entered, t, error
        return entered, t, None

    def _together(self, runs: list[Any], t: float) -> tuple[list[float], float, str | None]:
        """Return runs side by side, cut at the instant of the first failure."""
        failures = [(end, error) for _, end, error in runs if error is not None]
        if failures:
            cut, error = min(failures)
            return [at for entered, _, _ in runs for at in entered if at <= cut], cut, error
        return [at for entered, _, _ in runs for at in entered], max((end for _, end, _ in runs), default=t), None
