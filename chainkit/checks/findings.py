"""What a check finds: one finding, and all of a chain as text, frame and HTML."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from chainkit.operations import Operation

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["high", "medium", "low"]
SEVERITIES: dict[Severity, str] = {
    "high": "messages are lost, or requests fail",
    "medium": "the same once something else goes wrong (a slow run, a throttle, a lost target), or work done twice",
    "low": "it costs time or money that another design would not",
}
"""The words there are, worst first, and what each means."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that AWS would build and that would go wrong.

    Examples
    --------
    >>> fix = Operation("set", ("jobs",), {"visibility_timeout_s": 60})
    >>> finding = Finding(
    ...     rule="visibility-below-six-timeouts",
    ...     severity="medium",
    ...     where="jobs",
    ...     problem="'jobs' hides a message for 30 s.",
    ...     effect="Half the time.",
    ...     source="AWS Lambda Developer Guide, with-sqs (2023)",
    ...     fix="Hide it for 60 s.",
    ...     change=(fix,),
    ... )
    >>> print(finding)
    medium  jobs: visibility-below-six-timeouts
      'jobs' hides a message for 30 s.
      effect: Half the time.
      fix: Hide it for 60 s.
        chain.set('jobs', visibility_timeout_s=60)
      source: AWS Lambda Developer Guide, with-sqs (2023)
    """

    rule: str
    """Stable id of the rule that found it."""
    severity: Severity
    """One of `SEVERITIES`."""
    where: str
    """Name of the service, or id of the link, that it is about."""
    problem: str
    """Who, which value, what."""
    effect: str
    """What that costs in time, money or messages, in figures of this design where it has them."""
    source: str
    """Document and date; "assumed" where AWS does not say."""
    fix: str
    """What to do."""
    change: tuple[Operation, ...] = ()
    """The fix as operations, where only one is possible; once they are carried out, the finding is gone."""

    def __str__(self) -> str:
        """Return the finding as text, the fix also as code."""
        code = [f"    {operation}" for operation in self.change]
        lines = [f"{self.severity}  {self.where}: {self.rule}", f"  {self.problem}", f"  effect: {self.effect}"]
        return "\n".join([*lines, f"  fix: {self.fix}", *code, f"  source: {self.source}"])


COLUMNS = ("severity", "where", "rule", "problem", "effect", "fix", "change", "source")


@dataclass(frozen=True, repr=False)
class Findings(Sequence[Finding]):
    """What `check` gives back: the findings of a chain, worst first."""

    chain: str
    found: tuple[Finding, ...]

    def __getitem__(self, place: Any) -> Any:
        """Return a finding by its place, or a tuple of several."""
        return self.found[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        """Return the findings in turn."""
        return iter(self.found)

    def __repr__(self) -> str:
        """Return the findings in a word: stable, so that notebooks can be compared."""
        counts = Counter(finding.severity for finding in self.found)
        words = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
        return f"Findings({self.chain!r}, {words or 'none'})"

    def __str__(self) -> str:
        """Return every finding as text."""
        return "\n\n".join(map(str, self.found)) or f"{self.chain}: nothing found"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per finding; ``change`` is the fix as code."""
        import pandas as pd

        return pd.DataFrame([self._row(finding) for finding in self.found], columns=[*COLUMNS])

    def _repr_html_(self) -> str:
        """Return the table for a notebook. What comes from a chain is text, never markup."""
        head = "".join(f"<th>{escape(column)}</th>" for column in COLUMNS)
        rows = [[f"<td>{escape(cell)}</td>" for cell in self._row(finding)] for finding in self.found]
        body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
        return f'<table style="text-align:left;white-space:pre-wrap"><tr>{head}</tr>{body}</table>'

    def _row(self, finding: Finding) -> list[str]:
        """Return a finding's cells, in the order of `COLUMNS`."""
        return ["\n".join(map(str, finding.change)) if c == "change" else getattr(finding, c) for c in COLUMNS]
