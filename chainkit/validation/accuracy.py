"""`validate`: every case of the accuracy table, run again."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainkit.errors import ConfigError, nearest
from chainkit.validation.rows import Effort, Row

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "case", "what", "source", "published", "published_low", "published_high", "ours", "low", "high", "allowed", "rule",
    "verdict",
)  # fmt: skip
TITLES = {
    "V1": "cold starts and environments of SimFaaS's base case",
    "V3": "the same over rates and keep-alives",
    "V4": "requests beyond the account's concurrency",
    "V6": "cold starts measured on AWS",
    "V8": "how long idle environments live, measured on AWS",
    "V9": "Step Functions applications measured on AWS, 2020",
    "V10": "Step Functions structures measured on AWS, 2021-22",
    "V11": "duration and memory measured on AWS",
    "V12": "closed forms and arithmetic",
}
WORDS = {
    "pass": "within what is allowed",
    "fail": "further apart than allowed",
    "coarse": "within it, but our own error is larger than it should be: a quick run",
    "shown": "no line is stated for this figure",
}


@dataclass(frozen=True, repr=False)
class Accuracy:
    """What `validate` gives back: predictions beside published figures."""

    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by verdict."""
        return {word: sum(row.verdict == word for row in self.rows) for word in WORDS}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per figure: published, ours with its 95 % interval, the distance allowed, the verdict."""
        import pandas as pd

        return pd.DataFrame([{name: getattr(row, name) for name in COLUMNS} for row in self.rows], columns=COLUMNS)

    def __repr__(self) -> str:
        """Return the table in a word."""
        return f"Accuracy({len(self.rows)} figures: {self._counted()})"

    def _counted(self) -> str:
        return ", ".join(f"{count} {word}" for word, count in self.counts.items() if count)

    def __str__(self) -> str:
        """Return the table as text, case by case."""
        parts: list[str] = []
        last = ""
        for case, source, rows in self.sections():
            table = [HEAD, *(cells(row) for row in rows)]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table)
            title = [f"{case}: {TITLES[case]}"] if case != last else []
            parts.append("\n".join([*title, f"  {source}", *(f"    {line}".rstrip() for line in lines)]))
            last = case
        parts.append(f"{len(self.rows)} figures: {self._counted()}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return str(self.to_frame().drop(columns=["rule"]).to_html(index=False, float_format=number, na_rep=""))

    def sections(self) -> Iterator[tuple[str, str, list[Row]]]:
        """Yield the rows of one case and source together: (case, source, rows)."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.case, row.source), []).append(row)
        for (case, source), rows in found.items():
            yield case, source, rows


HEAD = ("figure", "published", "ours", "95 % interval", "apart", "allowed", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's figures as text, in the order of `HEAD`."""
    published = number(row.published)
    if row.published_high > row.published_low:
        published += f" ({number(row.published_low)} to {number(row.published_high)})"
    between = f"{number(row.low)} to {number(row.high)}" if row.high > row.low else ""
    apart = row.ours - row.published
    relative = f"{100 * apart / row.published:+.2f} %" if row.published and not math.isnan(apart) else number(apart)
    allowed = f"{number(row.allowed)} ({row.rule})" if not math.isnan(row.allowed) else row.rule
    return (row.what, published, number(row.ours), between, relative, allowed, row.verdict)


def number(value: float) -> str:
    """Return a figure with five digits; nothing for one that is not there.

    >>> number(2705.3312), number(0.00133826), number(100_015.0), number(float("nan"))
    ('2705.3', '0.0013383', '100,015', '')
    """
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"


def validate(only: str | Iterable[str] = (), *, quick: bool = False) -> Accuracy:
    """Return how close predictions come to published, measured and exact figures.

    Parameters
    ----------
    only : names of cases, "V10" or ["V1", "V12"]; all of them if left out
    quick : a tenth of the work, for a first look: intervals are three times as wide

    Raises
    ------
    ConfigError
        If there is no case of a name.

    Notes
    -----
    Everything takes some minutes on two cores, a quick run a quarter of one. Seeds are fixed: equal versions give
    equal tables.

    Examples
    --------
    >>> validate("V11")
    Accuracy(5 figures: 5 pass)
    """
    effort, cases = Effort(quick), _cases()
    wanted = [only] if isinstance(only, str) else list(only)
    for name in wanted:
        if name not in cases:
            raise ConfigError(
                f"validate: {name!r} is no case{nearest(str(name), cases)}", fix=f"cases: {', '.join(cases)}"
            )
    chosen = [figures for name in wanted or cases for figures in cases[name]]
    return Accuracy(tuple(row for figures in chosen for row in figures(effort)))


Figures = Callable[[Effort], Iterable[Row]]


def _cases() -> dict[str, tuple[Figures, ...]]:
    """Return what makes the rows of each case."""
    from chainkit.validation import cold_starts, laws, limits, queues, workflows

    return {
        "V1": (cold_starts.base_case,),
        "V3": (cold_starts.grid,),
        "V4": (limits.concurrency,),
        "V6": (cold_starts.measured_shares,),
        "V8": (cold_starts.evictions,),
        "V9": (lambda effort: workflows.rows("V9", effort),),
        "V10": (lambda effort: workflows.rows("V10", effort),),
        "V11": (limits.memory,),
        "V12": (
            limits.busy_environments, limits.refusals, queues.many_servers, queues.single_servers, laws.forks,
            laws.loops, laws.chains, queues.dead_letters, queues.failed_batches, laws.delivery_phases, limits.pollers,
            limits.request_quota, laws.traces,
        ),
    }  # fmt: skip
