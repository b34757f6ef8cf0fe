"""Which of several chains has the least of a figure: a winner only where the interval says so.

The chain with the least is picked after the fact, and held against each of the k others. If another is truly best, a
false winner needs one of k intervals to be wrong on one side, so each has the confidence 1 - 0.05 / k (Bonferroni).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainkit.errors import ConfigError
from chainkit.measures import COUNTS, MONEY, PARTS
from chainkit.simulation.intervals import TOO_FEW
from chainkit.units import seconds, usd

if TYPE_CHECKING:
    from chainkit.comparison import Comparison

TO_HOLD = 0.05
"""Chance that any interval of a verdict is wrong."""
NEVER_DECIDED = 1e9
"""Requests beyond which nothing is to be decided by more of them."""


@dataclass(frozen=True)
class Verdict:
    """Which chain has the least of a figure, or what it would take to tell."""

    figure: str
    winner: str | None
    """None: no difference seen, or nothing to compare."""
    leader: str
    """The chain with the least as seen; the winner, if there is one."""
    against: str
    """The chain that is hardest to tell from the leader."""
    low: float
    value: float
    """By how much the leader's figure is above that of the other: below 0."""
    high: float
    text: str
    requests_needed: int | None
    """About how many would decide, as likely as not; None where it is decided, or no number can be told."""

    def __str__(self) -> str:
        """Return it as a sentence."""
        return self.text


def verdict(comparison: "Comparison", figure: str, of: Sequence[str] | None = None) -> Verdict:
    """Return which chain has the least of a figure, if that is beyond chance; see `Comparison.verdict`."""
    names = _names(comparison, of)
    values = {name: comparison.interval(figure, name)[1] for name in names}  # raises where there is no such chain
    known = [name for name in names if not math.isnan(values[name])]
    if len(known) < 2:
        why = "nobody waits for an answer" if figure.startswith("response") else "nothing was completed"
        return _nothing(figure, names, f"there is nothing to compare: {why}")
    leader = min(known, key=lambda name: values[name])
    others = [name for name in known if name != leader]
    confidence = 1 - TO_HOLD / len(others)
    found = {name: comparison.difference(figure, leader, name, confidence) for name in others}
    unknown = next((name for name in others if math.isnan(found[name][2])), None)
    if unknown is not None:
        note = found[unknown][3] or TOO_FEW
        return _nothing(figure, [leader, unknown], f"{note} to tell {leader} from {unknown}")
    against = max(others, key=lambda name: (found[name][2], found[name][1]))
    low, value, high, note = found[against]
    requests = comparison.runs[leader].requests
    is_won = high < 0
    level = [name for name in others if found[name][2] >= 0]
    needed = None if is_won else _needed([found[name] for name in level], requests)
    if is_won:
        words = _won(figure, leader, against, (low, value, high), others, requests)
    else:
        words = _open(figure, [leader, *level], [found[name][:3] for name in level], needed, requests)
    text = words + (f"; {note}" if note else "")
    return Verdict(figure, leader if is_won else None, leader, against, low, value, high, text, needed)


def _names(comparison: "Comparison", of: Sequence[str] | None) -> list[str]:
    """Return the chains to choose from."""
    known = [*comparison.runs]
    given = known if of is None else [of] if isinstance(of, str) or not isinstance(of, Iterable) else of
    names = [*dict.fromkeys(given)]
    if len(names) < 2:
        raise ConfigError(
            f"verdict: of={of!r} leaves nothing to choose from", fix=f"name two or more of: {', '.join(known)}"
        )
    return names


def _nothing(figure: str, names: Sequence[str], text: str) -> Verdict:
    """Return the verdict where no two figures can be compared."""
    return Verdict(figure, None, names[0], names[1], math.nan, math.nan, math.nan, text, None)


def _needed(undecided: Sequence[tuple[float, float, float, str]], requests: int) -> int | None:
    """Return how many requests would make every interval as narrow as the difference seen: widths go by their root."""
    most = 0.0
    for _, value, high, _ in undecided:
        half = high - value
        if value == 0 or not math.isfinite(half) or not math.isfinite(value):
            return None
        most = max(most, requests * (half / abs(value)) ** 2)
    if most > NEVER_DECIDED:
        return None
    digits = 1 - math.floor(math.log10(most))
    return math.ceil(round(most * 10.0**digits, 6)) * 10**-digits if digits < 0 else math.ceil(most)


# --- words ---


def _won(
    figure: str, leader: str, against: str, ends: tuple[float, float, float], others: Sequence[str], requests: int
) -> str:
    """Return the sentence on a winner."""
    low, value, high = ends
    if math.isinf(value):
        return f"{leader}: comes to an end, where more of {against} than that share does not"
    amount = _amount(figure, -value, requests)
    text = f"{leader}: {amount} less than {against}"
    if figure in PARTS:
        return text
    text += f" ({_amount(figure, -high, requests)} to {_amount(figure, -low, requests)})"
    return text if len(others) == 1 else f"{text}, and less than {len(others) - 1} more; {_at_once(len(others))}"


def _open(
    figure: str,
    level: Sequence[str],
    ends: Sequence[tuple[float, float, float]],
    needed: int | None,
    requests: int,
) -> str:
    """Return the sentence where no difference was seen: its limits hold for all that are level."""
    low, high = min(each[0] for each in ends), max(each[2] for each in ends)
    names = f"{', '.join(level[:-1])} and {level[-1]}"
    if low == high == 0:
        return f"no difference between {names}"
    text = f"no difference seen between {names}"
    if not math.isfinite(high - low):
        return text
    text += f" (at most {_amount(figure, -low, requests)} less, {_amount(figure, high, requests)} more)"
    if needed is not None:
        return f"{text}; about {needed:,} requests would decide"
    widest = max(each[2] - each[1] for each in ends)
    return f"{text}; {requests:,} requests would show a difference of {_amount(figure, widest, requests)}"


def _at_once(k: int) -> str:
    return f"{k} intervals that hold at once in 95 of 100 comparisons (Bonferroni)"


def _amount(figure: str, value: float, requests: int) -> str:
    """Return a difference for people.

    >>> _amount("lost", 30.0, 20_000), _amount("usd_per_month", 41.0, 1), _amount("cold_fraction", 0.0125, 1)
    ('0.15 %', '$41.00', '1.25 %')
    >>> _amount("response_p99_s", -0.0381, 1), _amount("to_operate", 3.0, 1)
    ('-38.1 ms', '3')
    """
    if figure.endswith("_s"):
        return seconds(value)
    if figure in MONEY:
        return f"{'-' if value < 0 else ''}{usd(abs(value))}"
    if figure in PARTS:
        return f"{value:g}"
    return f"{100 * value / (requests if figure in COUNTS else 1):.3g} %"
