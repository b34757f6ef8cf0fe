"""The service map says what was counted: predicted runs, whose tables are the oracle, drawn as if measured."""

import numpy as np
import pytest

import chainkit as ck
from chainkit.deployment.measured import Measured
from chainkit.deployment.service_map import service_map
from chainkit.simulation import stories
from chainkit.units import seconds


@pytest.fixture(scope="module")
def both():
    chain = ck.Chain("loop")
    for service in (
        ck.HttpApi("api"), ck.LambdaFunction("take", duration=0.02), ck.SqsQueue("jobs", visibility_timeout_s=60),
        ck.SqsQueue("dead"), ck.LambdaFunction("pay", duration=0.1, timeout_s=10, error_rate=0.3),
        ck.LambdaFunction("never", duration=0.1),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("api", "take")
    chain.connect("take", "jobs")
    chain.connect("take", "never", probability=0.0)
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    load = ck.Poisson(rate_per_s=2)
    run = ck.simulate(chain, load, requests=300, seed=1, replications=1)
    traces = tuple(stories.traces(run.program, run.again(run.tallies[0], traced=range(300)), range(300)))
    at_s = load.arrivals_s(300, seed=1)
    return Measured(chain=chain, target="twin", load=load, seed=1, traces=traces, sent_s=at_s, asked_s=at_s), run


def test_cards_say_calls_failures_and_times(both):
    measured, run = both
    cards = {card.name: card for card in service_map(measured).cards}
    runs, errors = (int(run.nodes.loc["pay", what]) for what in ("invocations", "errors"))

    assert errors > 50
    assert cards["pay"].label == f"{runs} calls, {errors} failed"
    assert cards["never"].label == "nothing came"


def test_links_say_how_often_something_went_over_them(both):
    measured, run = both
    words = {(wire.source, wire.target): wire.text for wire in service_map(measured).wires}

    assert words["api", "take"] == "sync: 300"
    assert words["take", "jobs"] == "send: 300"
    assert words["jobs", "pay"] == f"mapping: {int(run.nodes.loc['pay', 'invocations'])}"
    assert words["take", "never"] == "sync: 0"


def test_the_figure_says_what_the_map_has(both):
    measured, _ = both
    (axes,) = ck.plot(measured).axes

    said = [text.get_text() for text in axes.texts]
    for drawn in service_map(measured).cards:
        assert drawn.label in said
    assert "sync: 300" in said


def test_what_was_given_up_is_counted_where_it_lies(both):
    chain, spans = both[0].chain, [
        ck.Span(node="jobs", what="send", start_s=0, end_s=0.1),
        ck.Span(node="pay", what="invocation", start_s=0.2, end_s=0.3, status="error"),
        ck.Span(node="dead", what="dead letter", start_s=60, end_s=60),
    ]  # fmt: skip
    trace = ck.Trace(request="1", outcome="dead-lettered", response_s=0.1, completion_s=np.inf, spans=spans)
    options = {name: getattr(both[0], name) for name in ("target", "load", "seed", "sent_s", "asked_s")}
    drawn = service_map(Measured(chain=chain, traces=(trace,) * 3, **options))

    assert next(card for card in drawn.cards if card.name == "dead").label == "3 messages"
    assert next(wire for wire in drawn.wires if wire.target == "dead").text == "redrive: 3"


def test_times_are_those_of_the_runs(both):
    measured, _ = both
    took_s = [
        s.end_s - s.start_s for t in measured.traces for s in t.spans if (s.node, s.what) == ("take", "invocation")
    ]
    card = next(card for card in service_map(measured).cards if card.name == "take")

    assert card.note == f"{seconds(np.median(took_s))}, p95 {seconds(np.quantile(took_s, 0.95))}"
