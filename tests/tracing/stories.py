"""Stories for both forms: one by hand with everything in it, and predicted ones."""

import chainkit as ck

EVERYTHING = ck.Trace(
    request="1-6b09dea5-558d3a75e0d50ced1e57cbc8", outcome="dead-lettered", response_s=0.3, completion_s=float("inf"),
    spans=[
        ck.Span(node="api", what="api request", start_s=0.0, end_s=0.3, reason="POST /orders -> 202"),
        ck.Span(node="order", what="invocation", start_s=0.01, end_s=0.29),
        ck.Span(node="order", what="init", start_s=0.01, end_s=0.1),
        ck.Span(node="stock", what="invocation", start_s=0.12, end_s=0.12, status="throttled", reason="throttled"),
        ck.Span(node="stock", what="invocation", start_s=0.14, end_s=0.2, attempt=2),
        ck.Span(node="jobs", what="send", start_s=0.25, end_s=0.26),
        ck.Span(node="jobs", what="queue wait", start_s=0.26, end_s=0.5),
        ck.Span(node="pay", what="invocation", start_s=0.5, end_s=3.5, status="timeout", reason="Task timed out"),
        ck.Span(node="pay", what="invocation", start_s=60.5, end_s=61, attempt=2, status="error", reason="Down: no: w"),
        ck.Span(node="dead", what="dead letter", start_s=61.0, end_s=61.0),
    ],
    links=(
        ("api", "order", "sync"), ("order", "stock", "sync"), ("order", "jobs", "send"), ("jobs", "pay", "poll"),
        ("jobs", "dead", "redrive"),
    ),
)  # fmt: skip


def predicted(name, requests=30):
    """Return the stories of a simulation of an example."""
    load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.9, "declined": 0.1}})
    run = ck.simulate(ck.example(name), load, requests=requests, seed=2, replications=1)
    return [run.trace(number) for number in range(requests)]
