"""A trace as a waterfall: a bar for all that took time, in order of start."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from chainkit.figures.style import ORANGE, PALE, SKY, SMALL, YELLOW, dress, legend
from chainkit.pictures import BLUE, GREEN, GREY, INK, VERMILION
from chainkit.records import Span, Trace
from chainkit.units import seconds

MOST_ROWS = 40
"""Of a waterfall; of more, the longest are drawn."""


@dataclass(frozen=True)
class _Look:
    """How a kind of span is drawn."""

    colour: str
    hatch: str
    word: str


_WAITING = _Look(PALE, "", "wait")
_GIVEN_UP = _Look(VERMILION, "xx", "given up")
_HOP = _Look(GREY, "", "hop")
_LOOKS = {
    "invocation": _Look(BLUE, "", "invocation"),
    "init": _Look(ORANGE, "//", "cold start"),
    "api request": _Look(SKY, "", "request to an API"),
    "execution": _Look(SKY, "..", "execution"),
    "hop": _HOP,
    "send": _HOP,
    "publish": _HOP,
    "overhead": _Look(PALE, "..", "overhead"),
    "queue wait": _Look(PALE, "--", "queue wait"),
    "retry wait": _Look(YELLOW, "", "wait for a retry"),
    "hidden": _Look(YELLOW, "", "wait for a retry"),
    "dead letter": _GIVEN_UP,
    "expired": _GIVEN_UP,
    "dropped": _GIVEN_UP,
}
_FAILED = _Look(VERMILION, "\\\\", "failed attempt")
_IDLE = ("retry wait", "hidden", "queue wait", "wait", "api request", "execution", "state", "answer")
"""While nothing but these is under way, nothing happens: somebody waits, for the time or for others."""
_LONG, _SHORTENED = 0.5, 0.2
"""A stretch in which nothing happens is drawn shorter if it is longer than this share of what happens; then as that."""


class Axis:
    """Where an instant stands: true to scale, but for long waits, which would leave no room for what happens.

    >>> def span(what, start_s, end_s):
    ...     return Span(node="a", what=what, start_s=start_s, end_s=end_s)
    >>> axis = Axis([span("invocation", 0, 1), span("retry wait", 1, 61), span("invocation", 61, 62)])
    >>> [round(axis.place(at_s), 2) for at_s in (0, 1, 61, 62)], axis.shortened
    ([0.0, 1.0, 1.4, 2.4], 1)
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        known_s = sorted({0.0, *(at_s for span in spans for at_s in (span.start_s, span.end_s))})
        busy = [span for span in spans if span.what not in _IDLE and span.end_s > span.start_s]
        stretches = [(a, b, any(s.start_s < b and a < s.end_s for s in busy)) for a, b in pairwise(known_s)]
        busy_s = sum(b - a for a, b, is_busy in stretches if is_busy)
        self._from_s, self._places, self.shortened = [0.0], [0.0], 0
        """How many waits are drawn shorter."""
        for a, b, is_busy in stretches:
            is_long = not is_busy and busy_s > 0 and b - a > _LONG * busy_s
            self.shortened += is_long
            self._from_s.append(b)
            self._places.append(self._places[-1] + (_SHORTENED * busy_s if is_long else b - a))
        self.starts_s = sorted({0.0, *(b for (_, b, was), (_, _, now) in pairwise(stretches) if now and not was)})
        """When something begins after a time in which nothing happened, seconds."""

    def place(self, at_s: float) -> float:
        """Return where an instant stands, in seconds of what is drawn true to scale."""
        return float(np.interp(at_s, self._from_s, self._places))


def _look(span: Span) -> _Look:
    """Return how a span is drawn."""
    return _LOOKS.get(span.what, _WAITING) if span.status == "ok" else _FAILED


def _is_shown(span: Span) -> bool:
    """Tell whether a span has a bar: not the answer, which is a line, nor a wait that took no time."""
    is_event = span.status != "ok" or _look(span) in (_LOOKS["invocation"], _GIVEN_UP)
    return span.what != "answer" and (span.end_s > span.start_s or is_event)


def rows(trace: Trace) -> list[tuple[Span, Span | None]]:
    """Return the bars from top to bottom, each with the cold start that is drawn into it."""
    shown = sorted((span for span in trace.spans if _is_shown(span)), key=lambda span: (span.start_s, span.end_s))
    inits = [span for span in shown if span.what == "init"]
    found: list[tuple[Span, Span | None]] = []
    for span in shown:
        inside = [i for i in inits if i.node == span.node and span.start_s <= i.start_s and i.end_s <= span.end_s]
        if span.what == "invocation" and inside:
            inits.remove(inside[0])
            found.append((span, inside[0]))
        elif span.what != "init":
            found.append((span, None))
    found += [(span, None) for span in inits]  # measured before its invocation
    longest = sorted(found, key=lambda pair: pair[0].start_s - pair[0].end_s)[:MOST_ROWS]
    return sorted(longest, key=lambda pair: (pair[0].start_s, pair[0].end_s))


def draw_trace(ax: Axes, trace: Trace) -> None:
    """Draw the waterfall."""
    bars = rows(trace)
    axis = Axis(trace.spans)
    last = axis.place(max([span.end_s for span, _ in bars], default=0.0)) or 1.0
    shown: dict[str, Any] = {}
    for row, (span, init) in enumerate(bars):
        for part in (span, init) if init is not None else (span,):
            look, left = _look(part), axis.place(part.start_s)
            (bar,) = ax.barh(
                row, max(axis.place(part.end_s) - left, last * 0.002), left=left, height=0.62,
                color=look.colour, hatch=look.hatch, edgecolor=INK, linewidth=0.6,
            )  # fmt: skip
            shown.setdefault(look.word, bar)
        ax.text(axis.place(span.end_s) + last * 0.01, row, _words(span), va="center", fontsize=SMALL, color=INK)
    if math.isfinite(trace.response_s):
        label = f"answered after {seconds(trace.response_s)}"
        place = axis.place(trace.response_s)
        shown[label] = ax.axvline(place, color=GREEN, linestyle=(0, (5, 3)), linewidth=1.6)
    ax.set(xlim=(0, last * 1.16), ylim=(max(len(bars), 1) - 0.4, -0.6))
    ax.set_yticks(range(len(bars)), [_name(span) for span, _ in bars])
    if axis.shortened:
        _mark_starts(ax, axis, last)
    left_out = sum(map(_is_shown, trace.spans)) - len(bars) - sum(init is not None for _, init in bars)
    notes = ([f"{left_out} shorter spans are not drawn"] if left_out else []) + (
        ["long waits are drawn shorter"] if axis.shortened else []
    )
    rest = f" ({'; '.join(notes)})" if notes else ""
    dress(ax, f"{trace.request}: {trace.outcome}", f"seconds since the request entered{rest}")
    legend(ax, shown)


def _mark_starts(ax: Axes, axis: Axis, last: float) -> None:
    """Put ticks where something begins again: between them the axis is not true to scale."""
    kept: list[float] = []
    for at_s in axis.starts_s:
        if not kept or axis.place(at_s) - axis.place(kept[-1]) > 0.07 * last:
            kept.append(at_s)
    ax.set_xticks([axis.place(at_s) for at_s in kept], [f"{at_s:.4g}" for at_s in kept])


def _words(span: Span) -> str:
    """Return what stands behind a bar: how long it took, and what is to be said of it."""
    status = "" if span.status == "ok" else span.status
    reason = span.reason if span.what == "invocation" or span.reason == "throttled" else ""
    reason = reason if span.status == "ok" else reason.partition(": ")[0]  # the name of the error: its text is long
    return "  ".join(filter(None, (seconds(span.end_s - span.start_s), status, reason)))


def _name(span: Span) -> str:
    """Return what stands before a bar."""
    return f"{span.node}: {span.what}" + (f" ({span.attempt})" if span.attempt > 1 else "")
