"""The traces of one request on several targets, beside each other: whether they tell the same, and where they do not.

Times are left out: emulators differ in them, and neither has AWS's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainkit.errors import ConfigError
from chainkit.records import Span, Trace

if TYPE_CHECKING:
    import pandas as pd

_COMPARED = ("invocation", "dead letter", "destination", "execution", "state")
"""What every witness can see; waits, sends, deliveries and inits are seen by some."""

_SAME = {"destination": "dead letter"}
"""Where a witness sees only that something arrived."""


@dataclass(frozen=True)
class Row:
    """One thing that happened at a node, on each target."""

    node: str
    what: str
    """"invocation", "dead letter", "execution", "state: Charge", or "outcome" of the request."""
    told: tuple[str, ...]
    """Each target's word for each time that it happened: "1 error, 2 ok" is a try that failed and one that did not."""

    @property
    def is_same(self) -> bool:
        """Whether all targets say the same."""
        return len(set(self.told)) == 1


@dataclass(frozen=True)
class Agreement:
    """The traces of one request on several targets, beside each other."""

    targets: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def differences(self) -> tuple[Row, ...]:
        """The rows in which the targets do not say the same."""
        return tuple(row for row in self.rows if not row.is_same)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a table: `node`, `what`, a column for each target, `same`."""
        import pandas as pd

        columns = ["node", "what", *self.targets, "same"]
        return pd.DataFrame([[row.node, row.what, *row.told, row.is_same] for row in self.rows], columns=columns)

    def __str__(self) -> str:
        """Return the table, and in its last line whether the targets agree."""
        head = ("node", "what", *self.targets, "")
        table = [head, *((r.node, r.what, *r.told, "" if r.is_same else "differs") for r in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
        count = len(self.differences)
        verdict = f"{count} of {len(self.rows)} differ" if count else f"all {len(self.rows)} the same"
        return "\n".join([*lines, verdict])

    def __repr__(self) -> str:
        """Return the verdict in a word."""
        return f"Agreement({', '.join(self.targets)}: {len(self.differences)} of {len(self.rows)} differ)"


def agreement(traces: Mapping[str, Trace]) -> Agreement:
    """Return what several targets tell of the same event sent through the same chain, row by row.

    Compared are the runs of each function with their attempts and how each ended, executions and their states, what was
    put among dead letters, and the outcome; no times.

    Parameters
    ----------
    traces : name of a target -> its trace

    Raises
    ------
    ConfigError
        If there are not at least two traces.

    Examples
    --------
    >>> from chainkit.records import Span, Trace
    >>> def trace(*statuses):
    ...     spans = [
    ...         Span(node="pay", what="invocation", start_s=k, end_s=k + 1.0, attempt=k + 1, status=s)
    ...         for k, s in enumerate(statuses)
    ...     ]
    ...     return Trace(request="1", outcome="completed", response_s=1.0, completion_s=2.0, spans=tuple(spans))
    >>> print(agreement({"local": trace("error", "ok"), "ministack": trace("ok")}))
    node  what        local          ministack
    pay   invocation  1 error, 2 ok  1 ok       differs
          outcome     completed      completed
    1 of 2 differ
    """
    if not isinstance(traces, Mapping) or len(traces) < 2 or not all(isinstance(t, Trace) for t in traces.values()):
        raise ConfigError(
            f"agreement: traces={traces!r} is not at least two traces by name",
            fix='give {"local": stack.send(event), "ministack": other.send(event)}',
        )
    told = [_told(trace) for trace in traces.values()]
    keys = sorted({key for each in told for key in each})
    rows = [Row(node, what, tuple(each.get((node, what), "-") for each in told)) for node, what in keys]
    outcome = Row("", "outcome", tuple(trace.outcome for trace in traces.values()))
    return Agreement(tuple(traces), (*rows, outcome))


def _told(trace: Trace) -> dict[tuple[str, str], str]:
    """Return (node, what) -> what happened there, in order: "1 error, 2 ok"."""
    found: dict[tuple[str, str], list[Span]] = {}
    for span in trace.spans:
        if span.what in _COMPARED:
            what = f"state: {span.reason}" if span.what == "state" and span.status == "ok" else span.what
            found.setdefault((span.node, _SAME.get(what, what)), []).append(span)
    return {key: ", ".join(_word(span) for span in _in_order(spans)) for key, spans in found.items()}


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.attempt, span.status))


def _word(span: Span) -> str:
    return span.status if span.what in ("dead letter", "destination") else f"{span.attempt} {span.status}"
