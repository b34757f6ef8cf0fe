"""One request of a run, for the canvas: where it was when, and along which link it came."""

import math
from typing import Any

from chainkit.chain import Chain
from chainkit.errors import ConfigError, SimulationError
from chainkit.records import Span, Trace
from chainkit.simulation.run import Run
from chainkit.simulation.tables import OUTCOMES
from chainkit.units import seconds
from chainkit.widgets.reckoning import Reckoning
from chainkit.widgets.scene import STORIES

MOST_SPANS = 60
LOST = ("dead-lettered", "dropped", "expired", "failed", "throttled")
LOOKS = {"invocation": "run", "init": "cold", "hop": "hop"}
"""What of a span -> how its bar looks; anything else is a wait."""


def story(known: Reckoning, which: str) -> dict[str, Any]:
    """Return the story of a typical request, the slowest, or one that was lost.

    Raises
    ------
    ConfigError
        If it is none of these.
    SimulationError
        If nothing has been run, or no request was lost.
    """
    if which not in STORIES:
        raise ConfigError(f"play: {which!r} is no request", fix=f"choose {', '.join(STORIES)}")
    run = known.run
    if run is None:
        raise SimulationError("play: there is no run of this chain", fix="repair what the figures say is wrong first")
    trace = run.trace(_number(run, which))
    return told(run.chain, trace, f"{which} request")


def _number(run: Run, which: str) -> int:
    """Return a request's number."""
    if which == "slowest":
        return run.slowest()
    if which == "lost":
        found = [number for outcome in LOST if (number := run.first(outcome)) is not None]
        if not found:
            raise SimulationError(
                f"play: none of {run.requests:,} requests was lost", fix="play another one, or let a function fail"
            )
        return found[0]
    number = run.first("completed")
    if number is None:
        raise SimulationError("play: no request was completed", fix=f"outcomes: {', '.join(OUTCOMES)}")
    return number


def told(chain: Chain, trace: Trace, title: str) -> dict[str, Any]:
    """Return a trace as the canvas plays it."""
    spans = sorted((span for span in trace.spans if _is_shown(span)), key=lambda span: (span.start_s, span.end_s))
    kept = sorted(spans, key=lambda span: span.start_s - span.end_s)[:MOST_SPANS]
    rows = [_row(span, _link(chain, span, spans)) for span in spans if span in kept]
    total_s = max([span.end_s for span in spans], default=0.0) or 1e-6
    is_answered = math.isfinite(trace.response_s)
    answered = f", answered after {seconds(trace.response_s)}" if is_answered else ""
    return {
        "title": f"{title}: {trace.outcome}{answered}, complete after {seconds(trace.completion_s)}",
        "text": str(trace),
        "total_s": total_s,
        "answer_s": trace.response_s if is_answered else None,
        "spans": rows,
    }


def _is_shown(span: Span) -> bool:
    return span.what != "answer" and (span.end_s > span.start_s or span.status != "ok")


def _row(span: Span, link: str | None) -> dict[str, Any]:
    again = f" ({span.attempt})" if span.attempt > 1 else ""
    words = [seconds(span.end_s - span.start_s), "" if span.status == "ok" else span.status]
    return {
        "node": span.node, "what": span.what, "link": link, "start_s": span.start_s, "end_s": span.end_s,
        "status": span.status, "look": LOOKS.get(span.what, "wait"), "name": f"{span.node}: {span.what}{again}",
        "text": "  ".join(filter(None, words)),
    }  # fmt: skip


def _link(chain: Chain, span: Span, spans: list[Span]) -> str | None:
    """Return the link along which a hop goes: the one it names, else from the service that was busy last before it."""
    if span.what != "hop":
        return None
    named = span.reason.removeprefix("by ")
    if named in chain.links:
        return named
    incoming = {link.source: key for key, link in chain.incoming(span.node)}
    before = [each for each in spans if each.node in incoming and each.start_s <= span.start_s and each is not span]
    nearest = max(before, key=lambda each: (min(each.end_s, span.start_s), each.start_s), default=None)
    return incoming[nearest.node] if nearest is not None else next(iter(incoming.values()), None)
