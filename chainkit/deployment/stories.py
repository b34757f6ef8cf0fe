"""What happened to a request on a target, as a `Trace` in the words of the chain."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from chainkit.records import Span, Trace

_EXPIRED = ("EventAgeExceeded", "older than the queue keeps messages")
_LOST = ("dropped", "expired", "dead-lettered")
_ANSWERED = ("api request", "invocation", "execution")
"""What somebody can wait for."""


def trace(
    request: str,
    events: Iterable[Mapping[str, Any]],
    names: Mapping[str, str],
    *,
    entry: str,
    answer: str = "",
    status: str = "ok",
    is_awaited: bool,
    is_settled: bool,
    links: tuple[tuple[str, str, str], ...] = (),
    since: int = 0,
) -> Trace:
    """Return the trace of a request.

    Parameters
    ----------
    request : how it is called
    events : its story on the target, by the time at which they began
    names : ARN or physical id -> service of the chain
    entry : service at which it entered
    answer, status : what the sender got back; status is one of ok, error, throttled
    is_awaited : whether the sender waited for the work
    is_settled : whether nothing of it is in flight any more
    links : (source, target, kind) of the chain's links
    since : how many events the outcome leaves out: those before a dead letter was sent back
    """
    told = [dict(event) for event in events]
    spans = tuple(_spans(told, names))
    runs = [event["status"] for event in told if event["what"] == "invocation"]
    if status == "error" and runs[-1:] == ["throttled"]:
        status = "throttled"  # an API answers for its function, and does not say why
    outcome = _outcome(told[since:], status, is_settled=is_settled)
    first = next((s for s in spans if is_awaited and s.node == entry and s.what in _ANSWERED), None)
    ends_s = [span.end_s for span in spans if span.what != "retry wait"]
    completion_s = math.inf if outcome in _LOST else max(ends_s, default=0.0)
    return Trace(
        request=request,
        outcome=outcome,
        response_s=first.end_s if first is not None else math.nan,
        completion_s=math.nan if outcome == "unfinished" else completion_s,
        spans=spans,
        answer=answer,
        links=links,
    )


def _outcome(events: list[dict[str, Any]], status: str, *, is_settled: bool) -> str:
    """Return the first outcome that applies."""
    dropped = [event["reason"] for event in events if event["what"] == "dropped"]
    kept = [
        event
        for event in events
        if event["status"] == "ok"
        and (event["what"] == "dead letter" or (event["what"] == "destination" and event["reason"] != "Success"))
    ]
    applies = {
        "dropped": any(reason not in _EXPIRED for reason in dropped),
        "expired": bool(dropped),
        "dead-lettered": bool(kept),
        "throttled": status == "throttled",
        "failed": status != "ok" or any(e["what"] == "execution" and e["status"] != "ok" for e in events),
        "completed": is_settled and not any(event["what"] == "stuck" for event in events),
    }
    return next((outcome for outcome, does in applies.items() if does), "unfinished")


def _spans(events: list[dict[str, Any]], names: Mapping[str, str]) -> Iterable[Span]:
    """Yield a span for each event; a receive ends the wait of its messages in the queue."""
    available_s: dict[str, float] = {}
    for event in events:
        start_s = event["at_s"]
        end_s = start_s + (event["span_s"] or 0.0)
        what = event["what"]
        if what == "receive":
            # A poller can be faster than the answer to the sender: then there was no wait.
            since_s = [min(available_s.get(id_, start_s), start_s) for id_ in event["ids"]]
            what, start_s, end_s = "queue wait", min(since_s, default=start_s), start_s
        elif what in ("send", "retry wait"):
            available_s |= dict.fromkeys(event["ids"], end_s)
        yield Span(
            node=_name(event["resource"], names),
            what=what,
            start_s=start_s,
            end_s=end_s,
            attempt=event["attempt"],
            status=event["status"],
            reason=_reason(event),
            logs=tuple(event["logs"]),
        )


def _reason(event: Mapping[str, Any]) -> str:
    """Return why, or which state; what an init warns of stands in the logs of its invocation."""
    if event["status"] != "ok" or event["what"] not in ("init", "state"):
        return str(event["reason"])
    return str(event["ids"][0]) if event["what"] == "state" and event["ids"] else ""


def _name(resource: str, names: Mapping[str, str]) -> str:
    """Return the service that an ARN, with or without a version, or a physical id belongs to."""
    unversioned = resource.rpartition(":")[0]
    last = resource.rpartition(":")[2].rpartition("/")[2]
    return names.get(resource) or names.get(unversioned) or names.get(last) or last
