"""Which span led to which: as far as the links of the chain, and the times, tell.

A story says what happened where and when, not who called. The caller is found so: of the services that a link leads
from, the span that was under way when this one began, the latest of them; else the one that had ended last. A service
without a span of its own, as a topic in a prediction, is passed over. Where no link tells, it is the first span of all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainkit.records import Span, Trace

Edge = tuple[str, str, str]
"""Source, target and kind of a link."""

WORK = ("invocation", "execution", "api request", "answer")
"""What a service itself does for a request."""
INSIDE = ("init", "state", "overhead", "wait")
"""What lies inside the work of its own service."""
AGAIN = ("retry wait", "hidden")
"""What follows an attempt at its own service."""
ARRIVALS = (
    ("invocation", "execution", "api request"), ("send", "publish", "put record", "notification"), ("hop",),
    ("dead letter", "destination"), ("delivery",), ("queue wait",), ("answer",),
)  # fmt: skip
"""What tells that a request came to a service: the first of these kinds that it has there."""
_SLACK_S = 1e-6


def edges(links: Mapping[str, Any]) -> tuple[Edge, ...]:
    """Return the links of a chain as a trace keeps them."""
    return tuple((link.source, link.target, link.kind) for link in links.values())


class Nesting:
    """The spans of a trace in order, and which of them led to which.

    Parameters
    ----------
    trace : predicted or measured
    links : who leads to whom; None: as the trace says
    """

    def __init__(self, trace: "Trace", links: Iterable[Edge] | None = None) -> None:
        self.spans: Sequence[Span] = sorted(trace.spans, key=lambda span: (span.start_s, -span.end_s))
        self._sources: dict[str, list[str]] = {}
        self._targets: dict[str, list[str]] = {}
        for source, target, _ in trace.links if links is None else links:
            self._sources.setdefault(target, []).append(source)
            self._targets.setdefault(source, []).append(target)
        self._at: dict[str, list[int]] = {}
        for k, span in enumerate(self.spans):
            self._at.setdefault(span.node, []).append(k)
        self.parents: Sequence[int | None] = [self._parent(k) for k in range(len(self.spans))]
        """Index of the span that led to each; None: it is the request's first."""

    def _parent(self, k: int) -> int | None:
        span = self.spans[k]
        if k == 0:
            return None
        if span.what in INSIDE:
            around = [i for i in self._before(k, span.node) if self._is_work(i) and self.spans[i].end_s >= span.end_s]
            if around:
                return around[-1]
        own = [i for i in self._before(k, span.node) if self._leads_on(i, span)]
        if span.what in AGAIN and not own:  # a queue waits for what it feeds, an execution for what it calls
            own = sorted(
                i for node in self._targets.get(span.node, ()) for i in self._before(k, node) if self._is_work(i)
            )
        if own:
            return self._latest(own, span.start_s)
        callers = [i for source, _ in self._callers(span.node) for i in self._handing(k, source)]
        return self._latest(sorted(callers), span.start_s) if callers else 0

    def _before(self, k: int, node: str) -> list[int]:
        """Return the spans of a service that began before a span: none of them can follow from it."""
        return [i for i in self._at.get(node, []) if i < k]

    def _is_work(self, k: int) -> bool:
        return self.spans[k].what in WORK

    def _leads_on(self, k: int, span: "Span") -> bool:
        """Tell whether a span leads to another one of the same service: an attempt, the wait for the next, a send."""
        what = self.spans[k].what
        if span.what in AGAIN:
            return what in WORK
        if span.what == "queue wait":
            return what in ("send", "hop", *AGAIN)
        return span.what in WORK and span.attempt > 1 and what in AGAIN

    def _handing(self, k: int, node: str) -> list[int]:
        """Return the spans of a caller that may have handed a request on: its work, or what stands for it."""
        before = self._before(k, node)
        for kinds in ((*WORK, "state"), ("queue wait",), ("send", "publish")):
            if found := [i for i in before if self.spans[i].what in kinds]:
                return found
        return before

    def _latest(self, among: Sequence[int], at_s: float) -> int:
        """Return the span that was under way at an instant, the latest of them, or the one that had ended last."""
        under_way = [i for i in among if self.spans[i].end_s >= at_s - _SLACK_S]
        return under_way[-1] if under_way else max(among, key=lambda i: self.spans[i].end_s)

    def _callers(self, node: str, via: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield who leads to a service and has a span, with the services without one that lie between."""
        for source in self._sources.get(node, ()):
            if source in self._at:
                yield source, via
            elif source not in via and source != node:
                yield from self._callers(source, (source, *via))

    def crossings(self) -> Counter[tuple[str, str]]:
        """Return how often a request went from one service to another; not the retries that a service makes itself."""
        found: Counter[tuple[str, str]] = Counter()
        passed: set[tuple[int, str, str]] = set()
        for node, at in self._at.items():
            kinds = next((kinds for kinds in ARRIVALS if any(self.spans[i].what in kinds for i in at)), ())
            for i in at:
                parent = self.parents[i]
                if self.spans[i].what in kinds and parent is not None:
                    way = self._way(self.spans[parent].node, node)
                    handed = {(parent, *each) for each in way[:-1]}  # to several others, too: it is one message
                    found.update((source, target) for _, source, target in handed - passed)
                    found.update(way[-1:])
                    passed |= handed
        return found

    def _way(self, source: str, target: str) -> list[tuple[str, str]]:
        """Return the links between two services that have spans; none, where only the times brought them together."""
        for caller, via in self._callers(target):
            if caller == source:
                stops = (source, *via, target)
                return [*pairwise(stops)]
        return []
