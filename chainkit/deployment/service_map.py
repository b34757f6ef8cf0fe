"""What was measured, drawn on the chain's own picture: calls and errors of each service, times, counts on the links."""

from collections import Counter
from dataclasses import replace

import numpy as np

from chainkit.deployment.measured import Measured, counted
from chainkit.pictures import Card, Picture, Wire, picture
from chainkit.tracing.nesting import Nesting, edges
from chainkit.units import seconds

TIMED = ("invocation", "execution", "api request", "answer", "queue wait")
"""What is a service's time, the first of these kinds that it has: its own work, or how long it kept a message."""


def service_map(measured: Measured) -> Picture:
    """Return the chain's picture with what was measured.

    A card says how often its service was called, how many of these calls failed or were turned away, and the median and
    95th percentile of what one took; a link how often something went over it, every attempt counted.
    """
    links = edges(measured.chain.links)
    went = Counter[tuple[str, str]]()
    for trace in measured.traces:
        went.update(Nesting(trace, links).crossings())
    drawn = picture(measured.chain)
    calls, wrong, came = *_calls(measured), Counter[str]()
    for (_, target), count in went.items():
        came[target] += count
    cards = tuple(
        _card(card, _label(calls[card.name], wrong[card.name], came[card.name]), _times_s(measured, card.name))
        for card in drawn.cards
    )
    wires = tuple(_wire(wire, went) for wire in drawn.wires)
    return replace(drawn, cards=cards, wires=wires)


def _calls(measured: Measured) -> tuple[Counter[str], Counter[str]]:
    """Return how often each service was called, and how many of these calls did not end well."""
    calls, wrong = Counter[str](), Counter[str]()
    for trace in measured.traces:
        for (node, what), count in counted(trace).items():
            if what in ("invocations", "throttles"):
                calls[node] += count
            if what in ("errors", "timeouts", "throttles"):
                wrong[node] += count
        for span in trace.spans:
            if span.what in ("execution", "api request"):
                calls[span.node] += 1
                wrong[span.node] += span.status != "ok"
    return calls, wrong


def _times_s(measured: Measured, node: str) -> np.ndarray:
    spans = [span for trace in measured.traces for span in trace.spans if span.node == node]
    kind = next((kind for kind in TIMED if any(span.what == kind for span in spans)), "")
    return np.array([s.end_s - s.start_s for s in spans if s.what == kind and s.status != "throttled"])


def _label(calls: int, wrong: int, came: int) -> str:
    """Return what came to a service in place of its kind, which its tile shows."""
    if calls:
        return f"{calls:,} calls, {wrong:,} failed"
    return f"{came:,} messages" if came else "nothing came"


def _card(card: Card, label: str, times_s: np.ndarray) -> Card:
    if not times_s.size:
        return replace(card, label=label)
    p50_s, p95_s = np.quantile(times_s, [0.5, 0.95]).tolist()
    return replace(card, label=label, note=f"{seconds(p50_s)}, p95 {seconds(p95_s)}")


def _wire(wire: Wire, went: Counter[tuple[str, str]]) -> Wire:
    return replace(wire, text=f"{wire.text}: {went[wire.source, wire.target]:,}")
