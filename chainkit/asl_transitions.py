"""How many state transitions an execution takes: exactly, with its distribution, and what that costs.

Standard workflows are billed by transition, so a retry policy or a loop that waits is a price. The figures follow from
the definition and the probabilities alone: times are not looked at (a timeout is a failure that you give), nor is the
limit of 25,000 events on a history.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainkit import asl
from chainkit.asl_counts import Masses, Moments
from chainkit.asl_visits import TASK_FAILED, Figures, Visits
from chainkit.billing.prices import Prices
from chainkit.billing.prices import price_book as list_prices
from chainkit.errors import ConfigError, nearest
from chainkit.service import Service
from chainkit.units import usd

if TYPE_CHECKING:
    import pandas as pd

PRICE = "stepfunctions-transitions"
TAIL = 1e-12
"""Mass that the end of a distribution may leave out."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Transitions:
    """The state transitions of one execution.

    Where branches or items that run side by side can fail, AWS stops the others at an instant that no count can know:
    then `is_exact` is False, all figures are the most (the others run on to their ends), and `mean_low` is the least.
    """

    name: str
    mean: float
    """Transitions of an execution, retries included."""
    variance: float
    mean_low: float
    """The same as `mean` where the count is exact."""
    by_state: Mapping[str, float]
    """State -> transitions into it on average, retries included; they add up to `mean`. States inside a Parallel or
    Map count all branches and items; 0 for children that are Express executions: they have no price by transition."""
    ends: Mapping[str, float]
    """Where executions end -> probability: a last state, a Fail, or "Pay (States.TaskFailed)" where Pay failed
    uncaught."""
    failed_fraction: float
    """Probability, 0 to 1, that an execution fails."""
    notes: tuple[str, ...] = ()
    """What to know before believing the figures."""
    is_billed: bool = True
    """Whether each transition has a price: in a Standard workflow, not in an Express one."""
    _machine: tuple[asl.Scope, Figures] = field(kw_only=True)

    @property
    def is_exact(self) -> bool:
        """Whether no sibling can be stopped early with a difference to the mean."""
        return math.isclose(self.mean, self.mean_low, rel_tol=1e-12)

    @property
    def std(self) -> float:
        """Standard deviation, in transitions."""
        return math.sqrt(self.variance)

    @cached_property
    def _masses(self) -> Masses:
        """The probability of each count."""
        scope, figures = self._machine
        ends, _ = Visits(figures, Masses).run(scope)
        return Masses.mixed(list(ends.values()))

    @property
    def remaining(self) -> float:
        """Mass, 0 to 1, of the counts above those that `distribution` has: about 1e-12 or less."""
        return max(0.0, 1 - math.fsum(self._shown()))

    def _shown(self) -> list[float]:
        """Return the masses up to the tail that is left out."""
        masses = self._masses.mass
        above = np.cumsum(masses[::-1])[::-1]  # of this count or more
        return list(masses[: int(np.searchsorted(-above, -TAIL, side="right"))])

    def distribution(self) -> "pd.DataFrame":
        """Return one row per count that can be: transitions, probability, cumulative.

        Counts that together have less than 1e-12 are left out at the end; `remaining` is their mass.

        Raises
        ------
        SimulationError
            If it reaches over more than 1,000,000 counts; mean and variance are exact all the same.
        """
        import pandas as pd

        masses = np.array(self._shown())
        rows = {
            "transitions": np.arange(masses.size) + self._masses.least,
            "probability": masses,
            "cumulative": np.minimum(1.0, np.cumsum(masses)),
        }
        return pd.DataFrame(rows)[masses > 0].reset_index(drop=True)

    def quantile(self, p: float) -> int:
        """Return the fewest transitions that a fraction `p` of executions does not exceed.

        Parameters
        ----------
        p : above 0, below 1 by at least 1e-12

        Raises
        ------
        ConfigError
            If `p` is outside.
        SimulationError
            If the distribution reaches over more than 1,000,000 counts.

        Examples
        --------
        >>> wait = {"Type": "Wait", "Seconds": 60, "Next": "Done?"}
        >>> ask = {"Type": "Choice", "Choices": [{"Condition": "{% $done %}", "Next": "End"}], "Default": "Wait"}
        >>> states = {"Wait": wait, "Done?": ask, "End": {"Type": "Succeed"}}
        >>> polled = transitions({"StartAt": "Wait", "States": states}, {"Done?": [0.5, 0.5]})
        >>> polled.mean, [polled.quantile(p) for p in (0.5, 0.99)]
        (5.0, [3, 15])
        """
        if not _is_number(p) or not 0 < p <= 1 - TAIL:
            raise ConfigError(f"quantile: p={p!r} is not above 0 and below 1", fix="give a fraction, for instance 0.99")
        # Rounding may put a sum a hair below the fraction that it is.
        place = int(np.searchsorted(np.cumsum(self._masses.mass), p - 1e-15))
        return self._masses.least + min(place, self._masses.mass.size - 1)

    def usd_per_million(self, region: str = "us-east-1", *, price_book: Prices | None = None) -> float:
        """Return what the transitions of a million executions cost in USD, without free tier.

        Parameters
        ----------
        region : AWS region code
        price_book : prices to use instead of the region's list prices

        Raises
        ------
        ConfigError
            If the machine is an Express workflow: those are billed by run time.
        PriceMissingError
            If the region has no such price.
        """
        if not self.is_billed:
            raise ConfigError(
                f"{self.name!r} is an EXPRESS workflow: it is billed by requests and run time, not by transition",
                fix='see ck.bill for its cost, or set workflow to "STANDARD"',
            )
        return (price_book or list_prices(region)).price(PRICE).usd(self.mean * 1e6)

    def __repr__(self) -> str:
        """Return the figures in a word: stable, so that notebooks can be compared."""
        return f"Transitions({self.name!r}, {self._mean()})"

    def __str__(self) -> str:
        """Return the figures as text: mean, ends, the states that count most."""
        ends = ", ".join(f"{end} {_share(p)}" for end, p in self.ends.items())
        rows = sorted(((mean, state) for state, mean in self.by_state.items() if mean > 0), key=lambda row: -row[0])
        width = max(len(state) for _, state in rows)
        lines = [f"{self.name}: {self._mean()}", f"ends: {ends}"]
        lines += [f"{state:{width}}  {mean:10.4f}" for mean, state in rows]
        if self.is_billed:
            cost = list_prices("us-east-1").price(PRICE).usd(self.mean * 1e6)
            lines.append(f"{usd(cost)} per million executions in us-east-1")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _mean(self) -> str:
        """Return the mean in words."""
        if self.is_exact:
            return f"{self.mean:.4f} transitions per execution, std {self.std:.4f}"
        return f"between {self.mean_low:.4f} and {self.mean:.4f} transitions per execution"


def transitions(
    machine: Service | Mapping[str, Any] | str,
    probabilities: Mapping[str, Any] | None = None,
    *,
    items: Mapping[str, int] | None = None,
) -> Transitions:
    """Return the state transitions of one execution of a machine, as expected and distributed.

    Each state entered is one, and so is each retry. Retry and Catch are followed as AWS does: the first entry that
    names the error, a counter per retrier. Branches of a Parallel and items of a Map add up, independent of each other.
    An execution that a task starts is not part of this one: its transitions are its own.

    Parameters
    ----------
    machine : a state machine of a chain, or a definition: dictionary or JSON text, JSONPath or JSONata
    probabilities : state -> its figures
        Of a Choice, how often each way is taken, in the order of its rules, Default last, adding to 1; those of the
        machine's own `choices` where nothing is given. Of a Task, Parallel or Map, with which probability one attempt
        fails: a number (as States.TaskFailed, which only States.ALL and States.TaskFailed name), or error name ->
        probability. A Parallel or Map fails so after all that is inside has succeeded. 0 where nothing is given.
        Attempts are independent of each other: a request that fails every time is no figure of one attempt.
    items : Map -> how many items it has; those of the machine's own `items` where nothing is given

    Raises
    ------
    ConfigError
        If AWS would refuse the definition, or a figure is missing or does not fit.
    SimulationError
        If an execution may go on forever, or something needed is computed by the data.

    Notes
    -----
    Mean and variance solve linear equations per circle; the distribution passes probabilities on, count by count.
    A Map with MaxConcurrency 1 stops at the first item that fails, which is exact. Elsewhere see `Transitions`.

    References
    ----------
    aws.amazon.com/step-functions/pricing (2026): "a state transition each time a step of your workflow is executed",
    "including retries".

    Examples
    --------
    >>> retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]
    >>> pay = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": retry, "End": True}
    >>> paid = transitions({"StartAt": "Pay", "States": {"Pay": pay}}, {"Pay": 0.5})
    >>> paid.mean, dict(paid.ends), paid.usd_per_million()
    (1.75, {'Pay': 0.875, 'Pay (States.TaskFailed)': 0.125}, 43.75)
    >>> paid.distribution().values.tolist()
    [[1.0, 0.5, 0.5], [2.0, 0.25, 0.75], [3.0, 0.25, 1.0]]
    """
    name, scope, own_choices, own_items, is_billed = _read(machine)
    for what, stated in (("probabilities", probabilities), ("items", items)):
        if not isinstance(stated, Mapping | None):
            raise ConfigError(
                f"{name!r}: {what}={stated!r} is no mapping of states", fix=f'give {what}={{"State": ...}}'
            )
    given = _Given(name, scope, {**own_choices, **(probabilities or {})}, {**own_items, **(items or {})})
    figures = Figures(given.shares, given.failures, given.runs)
    most = Visits(figures, Moments)
    ends, entries = most.run(scope)
    whole = Moments.mixed(list(ends.values()))
    low = Moments.mixed(list(Visits(figures, Moments, is_least=True).run(scope)[0].values())) if most.is_cut else whole
    return Transitions(
        name=name,
        mean=whole.mean,
        variance=whole.variance,
        mean_low=low.mean,
        by_state=MappingProxyType({state: entries.get(state, 0.0) for state, _ in asl.states(scope)}),
        ends=MappingProxyType({str(end): law.p for end, law in ends.items()}),
        failed_fraction=math.fsum(law.p for end, law in ends.items() if end.error is not None),
        notes=tuple(_notes(whole, low, most)),
        is_billed=is_billed,
        _machine=(scope, figures),
    )


def _notes(whole: Moments, low: Moments, visits: Visits[Moments]) -> list[str]:
    """Return what to know before believing the figures."""
    notes = []
    if not math.isclose(whole.mean, low.mean, rel_tol=1e-12):
        notes.append(
            "branches or items that can fail stop the others at an instant that no count can know: figures are those of"
            " others that run on to their ends, mean_low of others that did what is certain"
        )
    if visits.first_named:
        states = ", ".join(repr(state) for state in sorted(visits.first_named))
        notes.append(
            f"assumed for {states}: where several branches or items fail, the error of the one written first counts"
            " (its Retry and Catch treat their errors differently)"
        )
    return notes


# --- what is given ---


def _read(machine: Any) -> tuple[str, asl.Scope, Mapping[str, Any], Mapping[str, int], bool]:
    """Return name, definition, choices, items of a machine, and whether its transitions are billed."""
    settings: dict[str, Any] = {"choices": {}, "items": {}}
    if isinstance(machine, Service):
        if not hasattr(machine, "definition"):
            raise ConfigError(
                f"transitions: {machine.name!r} is a {type(machine).__name__}, which has no states",
                fix="give a state machine, or its definition",
            )
        settings = {key: getattr(machine, key) for key in ("choices", "items")}
    name = machine.name if isinstance(machine, Service) else "machine"
    is_billed = not isinstance(machine, Service) or any(meter.price == PRICE for meter in machine.meters())
    definition = getattr(machine, "definition", machine)
    try:
        scope = asl.parsed(asl.read(dict(definition) if isinstance(definition, Mapping) else definition))
    except ConfigError as error:
        raise ConfigError(f"definition: {error.problem}", fix=error.fix) from None
    for state, problem, fix in asl.complaints(scope, is_express=not is_billed):
        where = f": state {state!r}" if state else ""
        raise ConfigError(f"{name!r}{where}: {problem}", fix=fix)
    return name, scope, settings["choices"], settings["items"], is_billed


class _Given:
    """The figures of a machine, checked."""

    def __init__(self, name: str, scope: asl.Scope, figures: Mapping[str, Any], items: Mapping[str, Any]) -> None:
        self.name = name
        self.items = items
        states = dict(asl.states(scope))
        takes = {state: each.Type for state, each in states.items() if each.Type in _TAKES}
        for state in figures:
            if state not in takes:
                problem = f"probabilities: {state!r} is no {' or '.join(_TAKES)} of the definition"
                raise self._wrong(problem + nearest(state, takes), f"there: {', '.join(takes) or 'none'}")
        maps = [state for state, kind in takes.items() if kind == "Map"]
        for state, n in items.items():
            if state not in maps:
                problem = f"items: {state!r} is no Map of the definition{nearest(state, maps)}"
                raise self._wrong(problem, f"there: {', '.join(maps) or 'none'}")
            if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= 100_000_000:
                raise self._wrong(
                    f"items: {state!r}={n!r} is no number of items, 0 to 100,000,000", "give a whole number"
                )
        choices = {state: figures[state] for state in figures if takes[state] == "Choice"}
        self.choices = {state: self._shares(state, states[state].ways, each) for state, each in choices.items()}
        self.failures = {state: self._failures(state, figures[state]) for state in figures if state not in choices}

    def _wrong(self, problem: str, fix: str) -> ConfigError:
        """Return the error for figures that do not fit."""
        return ConfigError(f"{self.name!r}: {problem}", fix=fix)

    def _shares(self, state: str, ways: Sequence[str], given: Any) -> list[float]:
        """Return the shares of a Choice, adding to 1 as exactly as floats can."""
        is_list = isinstance(given, Sequence | np.ndarray) and all(_is_number(p) and p >= 0 for p in given)
        if not is_list or len(given) != len(ways) or abs(math.fsum(given) - 1) > 1e-9:
            raise self._wrong(
                f"probabilities: {state!r}={given!r} does not fit its {len(ways)} ways",
                f"give each way its share, adding to 1, in this order: {', '.join(ways)}",
            )
        return [float(p) / math.fsum(given) for p in given]

    def _failures(self, state: str, given: Any) -> dict[str, float]:
        """Return the probability of each error of one attempt."""
        by_error = dict(given) if isinstance(given, Mapping) else {TASK_FAILED: given}
        if not all(isinstance(e, str) and e and _is_number(p) and 0 <= p <= 1 for e, p in by_error.items()):
            is_right = False
        else:
            is_right = math.fsum(by_error.values()) <= 1 + 1e-12
        if not is_right or by_error.keys() & {"States.ALL"}:
            raise self._wrong(
                f"probabilities: {state!r}={given!r} is no probability that one attempt fails, 0 to 1",
                'give a number, or one for each error name: {"Lambda.ServiceException": 0.01}, together at most 1',
            )
        return {error: float(p) for error, p in by_error.items() if p > 0}

    def shares(self, name: str, state: asl.State) -> Sequence[float]:
        """Return the shares of a Choice."""
        if name not in self.choices and len(set(state.ways)) == 1:
            return [1.0] + [0.0] * (len(state.ways) - 1)
        if name not in self.choices:
            raise self._wrong(
                f"state {name!r}: nothing says how often each of its {len(state.ways)} ways is taken",
                f'give probabilities={{"{name}": [{", ".join(["..."] * len(state.ways))}]}}, adding to 1, in this'
                f" order: {', '.join(state.ways)}",
            )
        return self.choices[name]

    def runs(self, name: str, state: asl.State) -> int:
        """Return how often a Map runs what is inside."""
        if name not in self.items:
            fix = f'give items={{"{name}": 10}}'
            raise self._wrong(f"state {name!r}: nothing says how many items it has", fix)
        return state.runs(self.items[name])


_TAKES = ("Choice", "Task", "Parallel", "Map")


def _is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))


def _share(p: float) -> str:
    """Return a probability in percent."""
    return f"{100 * p:.4g} %"
