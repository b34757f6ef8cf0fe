"""A trace as a waterfall: a bar for all that took time, in order of start."""

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from chainkit.figures.style import ORANGE, PALE, SMALL, YELLOW, dress, legend
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
_LOOKS = {
    "invocation": _Look(BLUE, "", "invocation"),
    "init": _Look(ORANGE, "//", "cold start"),
    "hop": _Look(GREY, "", "hop"),
    "overhead": _Look(PALE, "..", "overhead"),
    "queue wait": _Look(PALE, "--", "queue wait"),
    "retry wait": _Look(YELLOW, "", "wait for a retry"),
    "hidden": _Look(YELLOW, "", "wait for a retry"),
    "dead letter": _GIVEN_UP,
    "expired": _GIVEN_UP,
    "dropped": _GIVEN_UP,
}
_FAILED = _Look(VERMILION, "\\\\", "failed attempt")


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
    last_s = max([span.end_s for span, _ in bars], default=0.0) or 1.0
    shown: dict[str, Any] = {}
    for row, (span, init) in enumerate(bars):
        for part in (span, init) if init is not None else (span,):
            look = _look(part)
            (bar,) = ax.barh(
                row, max(part.end_s - part.start_s, last_s * 0.002), left=part.start_s, height=0.62,
                color=look.colour, hatch=look.hatch, edgecolor=INK, linewidth=0.6,
            )  # fmt: skip
            shown.setdefault(look.word, bar)
        ax.text(span.end_s + last_s * 0.01, row, _words(span), va="center", fontsize=SMALL, color=INK)
    if math.isfinite(trace.response_s):
        label = f"answered after {seconds(trace.response_s)}"
        shown[label] = ax.axvline(trace.response_s, color=GREEN, linestyle=(0, (5, 3)), linewidth=1.6)
    ax.set(xlim=(0, last_s * 1.16), ylim=(max(len(bars), 1) - 0.4, -0.6))
    ax.set_yticks(range(len(bars)), [_name(span) for span, _ in bars])
    left_out = sum(map(_is_shown, trace.spans)) - len(bars) - sum(init is not None for _, init in bars)
    rest = f" ({left_out} shorter spans are not drawn)" if left_out else ""
    dress(ax, f"{trace.request}: {trace.outcome}", f"seconds since the request entered{rest}")
    legend(ax, shown)


def _words(span: Span) -> str:
    """Return what stands behind a bar: how long it took, and what is to be said of it."""
    status = "" if span.status == "ok" else span.status
    reason = span.reason if span.what == "invocation" or span.reason == "throttled" else ""
    return "  ".join(filter(None, (seconds(span.end_s - span.start_s), status, reason)))


def _name(span: Span) -> str:
    """Return what stands before a bar."""
    return f"{span.node}: {span.what}" + (f" ({span.attempt})" if span.attempt > 1 else "")
