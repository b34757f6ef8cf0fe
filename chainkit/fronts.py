"""Time against cost: which designs no other one beats in both, as far as the intervals say so."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainkit.comparison import MEANS, MONEY, TIMES, Comparison
from chainkit.errors import ConfigError, nearest

if TYPE_CHECKING:
    import pandas as pd

Figure = tuple[float, float, float]
"""low, value, high."""


@dataclass(frozen=True)
class Standing:
    """Where one design stands: its cost, its time, and who is better in both."""

    variant: str
    usd: Figure
    time_s: Figure
    dominated_by: tuple[str, ...]
    """Designs that are better for certain in one of the two, and no worse for certain in the other."""
    undecided_with: tuple[str, ...]
    """Designs that may be so: the intervals of the differences do not tell."""

    @property
    def is_on_front(self) -> bool | None:
        """Whether no other design beats it; None: undecided."""
        if self.dominated_by:
            return False
        return None if self.undecided_with or math.isnan(self.time_s[1]) else True


@dataclass(frozen=True)
class Front:
    """What `pareto` gives back: every design in the plane of time and cost."""

    time: str
    """Which time: "completion_p95_s"."""
    money: str
    standings: tuple[Standing, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per design: dollars and seconds, each with its interval, and where it stands.

        ``is_on_front`` is True, False, or <NA>: undecided. ``dominated_by`` and ``undecided_with`` name the designs.
        """
        import pandas as pd

        rows = [
            {
                "variant": each.variant,
                **dict(zip((f"{self.money}_low", self.money, f"{self.money}_high"), each.usd, strict=True)),
                **dict(zip((f"{self.time}_low", self.time, f"{self.time}_high"), each.time_s, strict=True)),
                "is_on_front": each.is_on_front,
                "dominated_by": ", ".join(each.dominated_by),
                "undecided_with": ", ".join(each.undecided_with),
            }
            for each in self.standings
        ]
        return pd.DataFrame(rows).astype({"is_on_front": "boolean"}).set_index("variant")

    def __str__(self) -> str:
        """Return who stands where, in words."""
        lines = []
        for each in self.standings:
            if each.dominated_by:
                word = f"beaten by {', '.join(each.dominated_by)}"
            elif math.isnan(each.time_s[1]):
                word = "nobody waits for its answer" if self.time.startswith("response") else "nothing was completed"
            elif each.undecided_with:
                word = f"undecided: {', '.join(each.undecided_with)} may beat it"
            else:
                word = "on the front"
            lines.append(f"{each.variant}: {word}")
        return "\n".join(lines)


def pareto(comparison: Comparison, *, time: str = "completion_p95_s", money: str = "usd_per_month") -> Front:
    """Return which designs no other one beats both in time and in cost.

    One design beats another if it is cheaper or faster for certain (the 95 % interval of their paired difference lies
    beyond 0) and in the other figure no worse for certain. Where intervals leave open whether it does, it is undecided.
    Each pair is judged by itself: of many designs one in twenty such intervals is off.

    Parameters
    ----------
    comparison : of two designs or more
    time : a percentile or mean of `Comparison.to_frame`
    money : "usd_per_month" or "usd_per_million"

    Raises
    ------
    ConfigError
        If there is no such figure.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["async", "sns", "standard"])
    >>> print(ck.pareto(ck.compare(flows, ck.Poisson(rate_per_s=4), requests=4_000, seed=1)))
    async: on the front
    sns: beaten by async
    standard: beaten by async
    """
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"pareto: {comparison!r} is no comparison", fix="give what ck.compare returns")
    for word, known in ((time, (*TIMES, *MEANS)), (money, MONEY)):
        if word not in known:
            raise ConfigError(f"pareto: {word!r} is unknown{nearest(word, known)}", fix=f"known: {', '.join(known)}")
    return Front(time, money, tuple(_standings(comparison, time, money)))


def _standings(comparison: Comparison, time: str, money: str) -> Iterator[Standing]:
    """Yield where each design stands."""
    for name in comparison.runs:
        others = [other for other in comparison.runs if other != name]
        beats = {other: _beats(comparison, other, name, (time, money)) for other in others}
        yield Standing(
            name,
            comparison.interval(money, name),
            comparison.interval(time, name),
            tuple(other for other in others if beats[other]),
            tuple(other for other in others if beats[other] is None),
        )


def _beats(comparison: Comparison, one: str, other: str, figures: tuple[str, str]) -> bool | None:
    """Return whether one design is better in one figure and no worse in the other; None: it may be."""
    rows = [comparison.difference(figure, one, other) for figure in figures]
    if any(math.isnan(value) for _, value, _, _ in rows):
        return False  # a time that one of them does not have is nothing to be better in
    if all(high <= 0 for _, _, high, _ in rows):
        return any(high < 0 for _, _, high, _ in rows)
    return False if any(low > 0 for low, *_ in rows) else None
