"""Who led to whom: by the links first, then by the times; in every story one span is the first, and none leads back."""

import pytest

import chainkit as ck
from chainkit.tracing.nesting import Nesting, edges

LINKS = (
    ("api", "order", "sync"), ("order", "stock", "sync"), ("order", "jobs", "send"), ("jobs", "pay", "poll"),
    ("pay", "news", "send"), ("news", "ship", "deliver"), ("news", "mail", "deliver"), ("jobs", "dead", "redrive"),
)  # fmt: skip


def span(node, what, start_s, end_s=None, **more):
    return ck.Span(node=node, what=what, start_s=start_s, end_s=start_s if end_s is None else end_s, **more)


def story(*spans, links=LINKS):
    return ck.Trace(
        request="1", outcome="completed", response_s=0.3, completion_s=9.0, spans=spans, links=links
    )  # fmt: skip


def led_by(trace):
    """Return "node what at" of each span -> the same of the one that led to it."""
    nesting = Nesting(trace)

    def name(k):
        return f"{nesting.spans[k].node} {nesting.spans[k].what} {nesting.spans[k].start_s:g}"

    return {name(k): None if parent is None else name(parent) for k, parent in enumerate(nesting.parents)}


def test_each_span_follows_from_its_caller():
    trace = story(
        span("api", "api request", 0, 0.3), span("order", "invocation", 0.01, 0.29), span("order", "init", 0.01, 0.1),
        span("stock", "invocation", 0.12, 0.2), span("jobs", "send", 0.25, 0.26), span("jobs", "queue wait", 0.26, 0.5),
        span("pay", "invocation", 0.5, 1.0, status="error"), span("jobs", "retry wait", 1.0, 7.0),
        span("jobs", "queue wait", 7.0, 7.1), span("pay", "invocation", 7.1, 8.0), span("news", "publish", 7.9, 7.95),
        span("ship", "invocation", 7.96, 8.5), span("mail", "delivery", 7.97), span("mail", "invocation", 8.2, 9.0),
    )  # fmt: skip

    assert led_by(trace) == {
        "api api request 0": None,
        "order invocation 0.01": "api api request 0",
        "order init 0.01": "order invocation 0.01",
        "stock invocation 0.12": "order invocation 0.01",
        "jobs send 0.25": "order invocation 0.01",
        "jobs queue wait 0.26": "jobs send 0.25",
        "pay invocation 0.5": "jobs queue wait 0.26",
        "jobs retry wait 1": "pay invocation 0.5",
        "jobs queue wait 7": "jobs retry wait 1",
        "pay invocation 7.1": "jobs queue wait 7",
        "news publish 7.9": "pay invocation 7.1",
        "ship invocation 7.96": "news publish 7.9",
        "mail delivery 7.97": "news publish 7.9",
        "mail invocation 8.2": "news publish 7.9",
    }


def test_a_retry_follows_from_the_wait_after_the_attempt_before():
    trace = story(
        span("order", "invocation", 0, 1), span("stock", "invocation", 0.5, 2, status="error"),
        span("stock", "retry wait", 2, 62), span("stock", "invocation", 62, 63, attempt=2),
    )  # fmt: skip

    assert led_by(trace)["stock retry wait 2"] == "stock invocation 0.5"
    assert led_by(trace)["stock invocation 62"] == "stock retry wait 2"
    assert Nesting(trace).crossings() == {("order", "stock"): 1}


def test_of_two_runs_of_a_caller_the_one_under_way_called():
    trace = story(
        span("order", "invocation", 0, 5), span("order", "invocation", 1, 2), span("stock", "invocation", 3, 4)
    )

    assert led_by(trace)["stock invocation 3"] == "order invocation 0"


def test_of_two_runs_under_way_the_later_one_called():
    trace = story(
        span("order", "invocation", 0, 5), span("order", "invocation", 1, 4), span("stock", "invocation", 3, 4)
    )

    assert led_by(trace)["stock invocation 3"] == "order invocation 1"


def test_a_service_without_a_span_is_passed_over():
    trace = story(span("pay", "invocation", 0, 1), span("ship", "invocation", 1, 2), span("mail", "invocation", 1.1, 2))

    assert led_by(trace)["ship invocation 1"] == "pay invocation 0"
    assert Nesting(trace).crossings() == {("pay", "news"): 1, ("news", "ship"): 1, ("news", "mail"): 1}


def test_what_no_link_explains_follows_from_the_first_span():
    trace = story(span("a", "invocation", 0, 1), span("b", "invocation", 0.2, 0.4), span("c", "send", 3), links=())

    assert [*led_by(trace).values()] == [None, "a invocation 0", "a invocation 0"]
    assert not Nesting(trace).crossings()


def test_a_loop_of_links_ends():
    links = (("a", "b", "send"), ("b", "c", "send"), ("c", "a", "send"), ("b", "b", "send"))
    trace = story(span("a", "invocation", 0, 1), span("a", "invocation", 2, 3), links=links)

    assert led_by(trace)["a invocation 2"] == "a invocation 0"


def test_every_attempt_crosses_the_link_again():
    trace = story(
        span("jobs", "send", 0), span("jobs", "queue wait", 0, 1), span("pay", "invocation", 1, 2, status="error"),
        span("jobs", "queue wait", 3, 3), span("pay", "invocation", 3, 4, status="error"),
        span("dead", "dead letter", 5),
    )  # fmt: skip

    assert Nesting(trace).crossings() == {("jobs", "pay"): 2, ("jobs", "dead"): 1}


@pytest.mark.parametrize("name", ["orders", "orders-sfn", "media", "etl"])
def test_every_predicted_story_is_a_tree(name):
    chain = ck.example(name)
    load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.9, "declined": 0.1}})
    run = ck.simulate(chain, load, requests=40, seed=1, replications=1)
    for number in range(40):
        trace = run.trace(number)
        nesting = Nesting(trace)

        assert trace.links == edges(chain.links)
        assert nesting.parents[0] is None
        assert all(parent is not None and parent < k for k, parent in enumerate(nesting.parents) if k)
