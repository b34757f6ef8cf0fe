"""Variants: what stays, what changes, what is refused; and that the same order costs the same work in each."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cfnlint.api import ManualArgs, lint
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit import data
from chainkit.records import Flow, Pool
from chainkit.rewiring import ANSWERING, BY_LINK, Variant, connections
from chainkit.wiring import Caller

HANDING = [kind for kind in BY_LINK if kind != "sync"]
STATUS = {"status": {"charged": 0.9, "declined": 0.1}}
OPTIONS = ("step", "after_fraction", "probability", "case", "count", "message_bytes")

every_kind = pytest.mark.parametrize("kind", BY_LINK)


def orders() -> ck.Chain:
    return ck.load(data.path("chains", "orders", "orders.chain.yaml"))


def functions(*names: str, **settings: Any) -> ck.Chain:
    """Return a chain of functions without links."""
    chain = ck.Chain("small")
    for name in names:
        chain.add(ck.LambdaFunction(name, **{"duration": 0.1, "timeout_s": 10, "init": 0, **settings}))
    return chain


def two(**options: Any) -> ck.Chain:
    """Return a chain in which `a` calls `b` and does not use the answer."""
    chain = functions("a", "b")
    chain.connect("a", "b", **{"needs_answer": False, **options})
    return chain


def through(middle: Any, *targets: str, **options: Any) -> ck.Chain:
    """Return a chain in which `a` hands its work to `targets` through a queue, topic or bus."""
    chain = functions("a", *targets)
    chain.connect("a", chain.add(middle), **options)
    for target in targets:
        chain.connect(middle, target)
    return chain


def variant(chain: ck.Chain, kind: str) -> Variant:
    return ck.variants(chain, [kind])[kind]


def offered(chain: ck.Chain, kind: str) -> Variant:
    """Return a variant, where the kind is not refused; where it is, each connection has its reason."""
    flows = ck.variants(chain, [kind])
    if kind in flows.refused:
        assert all(one.way in flows.refused[kind] for one in connections(chain))
        assume(condition=False)
    return flows[kind]


def pools(chain: ck.Chain) -> list[Any]:
    return [service for service in chain.services.values() if isinstance(service.behaviour(), Pool)]


def handed(chain: ck.Chain, sources: Iterable[str] | None = None) -> set[tuple[str, str]]:
    """Return (function, function) for all work that is handed on, whatever lies between."""
    found = set()
    for source in sources if sources is not None else [one.name for one in pools(chain)]:
        waiting, seen = [source], set()
        while waiting:
            for _, target, edge in chain.graph.out_edges(waiting.pop(), data=True):
                if edge["kind"] in ("outcome", "redrive", "dead_letter") or target in seen:
                    continue
                seen.add(target)
                if isinstance(chain.service(target).behaviour(), Pool):
                    found.add((source, target))
                else:
                    waiting.append(target)
    return found


def callers_link(chain: ck.Chain, source: str = "a") -> Caller:
    """Return the one link that a function's own code travels."""
    (link,) = [link for _, link in chain.outgoing(source) if isinstance(link, Caller)]
    return link


# --- what stays ---


@every_kind
def test_functions_stay_as_they_are_and_in_their_order(kind):
    assert pools(variant(orders(), kind).chain) == pools(orders())


@every_kind
def test_the_same_work_is_handed_to_the_same_functions(kind):
    assert handed(variant(orders(), kind).chain) == handed(orders())


@every_kind
def test_requests_enter_where_they_did(kind):
    assert variant(orders(), kind).chain.entries() == ["api"]


@every_kind
def test_the_original_is_not_changed(kind):
    chain = orders()
    variant(chain, kind)

    assert chain == orders()


@every_kind
def test_a_call_keeps_its_step_its_chance_its_number_and_its_size(kind):
    chain = functions("a", "b", "c")
    chain.connect("a", "c", step=1, case="way", probability=0.25, keep=True)
    options = {"step": 2, "after_fraction": 0.75, "case": "way", "probability": 0.5, "count": 3, "message_bytes": 2000}
    chain.connect("a", "b", needs_answer=False, **options)
    twin = variant(chain, kind).chain
    (link,) = [link for _, link in twin.outgoing("a") if isinstance(link, Caller) and link.target != "c"]

    assert {name: getattr(link, name) for name in OPTIONS} == options


@every_kind
def test_what_leads_to_a_function_from_outside_stays(kind):
    before, after = orders(), variant(orders(), kind).chain

    assert after.outgoing("api") == before.outgoing("api")


def test_a_variant_is_named_after_its_chain_and_kind():
    flows = ck.variants(orders(), ["sqs", "sync"])

    assert list(flows) == ["sqs", "sync"]
    assert [flow.chain.name for flow in flows.values()] == ["orders-sqs", "orders-sync"]


def test_a_connection_of_that_kind_already_is_left_alone_and_named():
    flow = variant(orders(), "sqs")

    assert "validate to payment: is sqs already" in flow.kept
    assert flow.chain.link("jobs>payment") == orders().link("jobs>payment")


# --- what becomes of a call ---


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sync", ["sync"]),
        ("async", ["async", "on_failure"]),
        ("sqs", ["send", "mapping", "redrive"]),
        ("sns", ["publish", "subscription", "on_failure"]),
        ("eventbridge", ["put_events", "rule", "on_failure"]),
        ("standard", ["async", "task", "task"]),
        ("express", ["async", "task", "task"]),
        ("sns-sqs", ["publish", "mapping", "subscription", "redrive"]),
        ("nested", ["async", "task", "task", "task"]),
    ],
)
def test_a_call_becomes_the_links_of_the_kind(kind, words):
    chain = two(link="async") if kind == "sync" else two()

    assert [link.word for link in variant(chain, kind).chain.links.values()] == words


def test_a_new_queue_hides_messages_six_timeouts_long_and_gives_up_after_five_receives():
    twin = variant(two(), "sqs").chain

    assert twin.service("b-queue").visibility_timeout_s == 60
    assert twin.link("b-queue>b-dead").max_receive_count == 5


@pytest.mark.parametrize("kind", HANDING)
def test_what_is_handed_over_has_a_dead_letter_queue(kind):
    chain = two()
    chain.set("b", poison_fraction=1.0)
    run = ck.simulate(variant(chain, kind).chain, ck.Steady(rate_per_s=0.001), requests=20, seed=1, replications=1)

    assert run.ledger["dead-lettered"] == 20


@every_kind
def test_new_services_are_listed_with_their_settings(kind):
    flow = variant(two(link="async") if kind == "sync" else two(), kind)
    new = [name for name in flow.chain.services if name not in ("a", "b")]

    assert [line.split(":")[0] for line in flow.added] == new
    assert [line for line in flow.added if "Queue, visibility" in line] == (
        ["b-queue: SqsQueue, visibility_timeout_s=60"] if kind in ("sqs", "sns-sqs") else []
    )


def test_a_variant_prints_what_it_changed():
    text = str(ck.variants(orders(), ["sns"]))

    assert "sns:" in text
    assert "rewired: validate to payment: was sqs" in text
    assert "kept: payment to shipping: is sns already" in text
    assert "added: payment-dead: SqsQueue" in text


# --- what is refused ---


@pytest.mark.parametrize("kind", [kind for kind in HANDING if kind not in ANSWERING])
def test_a_call_whose_answer_is_used_stays_and_is_named(kind):
    flow = variant(orders(), kind)

    assert flow.chain.link("validate>inventory") == orders().link("validate>inventory")
    assert f"validate to inventory: stays sync; {kind} refused, its caller needs the answer (needs_answer)" in flow.kept


def test_a_call_whose_answer_is_used_goes_to_an_express_machine_that_is_waited_for():
    chain = functions("a", "b")
    chain.connect("a", "b")
    twin = variant(chain, "express").chain
    machine = twin.service(callers_link(twin).target)

    assert isinstance(machine.behaviour(), Flow)
    assert machine.behaviour().answers
    assert callers_link(twin).kind == "sync"


def test_a_message_whose_answer_would_be_used_is_not_handed_over_by_another_kind():
    chain = through(ck.SqsQueue("jobs", visibility_timeout_s=60), "b", needs_answer=True)

    assert "its caller needs the answer" in ck.variants(chain, ["sns"]).refused["sns"]
    assert variant(chain, "sync").rewired == ("a to b: was sqs",)


@every_kind
def test_a_protected_link_stays_and_is_named(kind):
    chain = functions("a", "b", "c")
    chain.connect("a", "b", needs_answer=False, keep=True)
    chain.connect("a", "c", link="async")
    flow = variant(chain, kind)

    assert flow.chain.link("a>b") == chain.link("a>b")
    assert [line for line in flow.kept if line.startswith("a to b: ")]


def test_keep_protects_what_lies_behind_the_link_too():
    chain = through(ck.SnsTopic("events"), "b", "c", keep=True)

    assert ck.variants(chain, ["sqs"]).refused == {
        "sqs": "a to b: protected by keep=True; a to c: protected by keep=True"
    }


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ck.ConfigError, match=r"'eventbrige' is unknown \(did you mean 'eventbridge'"):
        ck.variants(orders(), ["eventbrige"])


def test_a_chain_in_which_no_function_hands_work_on_is_refused():
    with pytest.raises(ck.ConfigError, match="nothing to rewire"):
        ck.variants(functions("a"), ["sqs"])


def test_a_chain_with_errors_raises_its_first():
    chain = orders()
    chain.set("jobs", visibility_timeout_s=5)

    with pytest.raises(ck.ConfigError, match="visibility_timeout_s=5"):
        ck.variants(chain, ["sync"])


def test_a_queue_that_two_functions_fill_is_left_alone():
    chain = functions("a", "b", "c")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    for source in ("a", "b"):
        chain.connect(source, "jobs")
    chain.connect("jobs", "c")
    chain.connect("a", "b", link="async")
    flow = variant(chain, "sqs")

    assert flow.rewired == ("a to b: was async",)
    assert flow.chain.incoming("jobs") == chain.incoming("jobs")
    assert flow.chain.outgoing("jobs") == chain.outgoing("jobs")


def test_a_topic_that_an_api_s_function_shares_with_another_is_left_alone():
    chain = through(ck.SnsTopic("events"), "b")
    chain.add(ck.LambdaFunction("other"))
    chain.connect("other", "events")

    assert connections(chain) == []


# --- filters travel ---


def filters(chain: ck.Chain) -> dict[str, Any]:
    """Return link id -> filter, for every link that has one, machines and queues between or not."""
    found = {key: getattr(link, "filter_policy", None) for key, link in chain.links.items()}
    return {key: policy for key, policy in found.items() if policy}


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        ("sync", "payment>shipping"),
        ("async", "payment>shipping"),
        ("sqs", "payment>shipping-queue"),
        ("eventbridge", "payment-bus>shipping"),
        ("standard", "payment>shipping-flow"),
        ("express", "payment>shipping-flow"),
        ("sns-sqs", "payment-topic>shipping-queue"),
        ("nested", "payment>shipping-flow"),
    ],
)
def test_a_subscription_s_filter_goes_where_the_choice_is_made_now(kind, link):
    assert filters(variant(orders(), kind).chain) == {link: {"status": ["charged"]}}


def test_an_event_pattern_looks_into_the_detail():
    assert variant(orders(), "eventbridge").chain.link("payment-bus>shipping").event_pattern == {
        "detail": {"status": ["charged"]}
    }


@pytest.mark.parametrize("kind", ["sync", "async", "sqs", "sns-sqs", "eventbridge"])
def test_a_filter_comes_back_to_the_subscription(kind):
    there = variant(orders(), kind).chain
    back = variant(there, "sns").chain
    (policy,) = filters(back).values()

    assert policy == {"status": ["charged"]}
    assert handed(back) == handed(orders())


@every_kind
def test_the_same_orders_are_shipped_in_every_variant(kind):
    chain = quiet(orders())
    twin = variant(chain, kind).chain
    shipped = [attempts(each, "shipping", requests=40) for each in (chain, twin)]

    assert shipped[0] == shipped[1]
    assert 0 < sum(shipped[0]) < 40


def quiet(chain: ck.Chain) -> ck.Chain:
    """Return the chain with functions that start at once and do not fail."""
    for one in pools(chain):
        chain.set(one.name, init=0, error_rate=0.0, poison_fraction=0.0)
    return chain


def attempts(chain: ck.Chain, function: str, requests: int) -> list[int]:
    """Return how often a function ran for each request."""
    run = alone_in_time(chain, requests)
    return [sum(span.node == function for span in run.trace(i).spans) for i in range(requests)]


def alone_in_time(chain: ck.Chain, requests: int, **options: Any) -> ck.Run:
    """Return a run without hops in which no two requests meet: a batch holds one message."""
    load = ck.Steady(rate_per_s=0.001, attributes=STATUS)
    return ck.simulate(
        chain, load, requests=requests, seed=3, replications=1, warmup_fraction=0.0,
        latency=ck.no_latency, keep="requests", **options,
    )  # fmt: skip


# --- there and back ---


def test_a_queue_becomes_a_call_and_a_queue_again():
    chain = through(ck.SqsQueue("jobs", visibility_timeout_s=60), "b", message_bytes=2000)
    there = variant(chain, "sync").chain
    back = variant(there, "sqs").chain

    assert [*there.services] == ["a", "b"]
    assert there.link("a>b").needs_answer is False
    assert back.service("b-queue") == replace(chain.service("jobs"), name="b-queue")
    assert [link.word for _, link in back.incoming("b")] == ["mapping"]
    assert callers_link(back).message_bytes == 2000


def test_a_topic_with_a_queue_behind_it_is_one_connection():
    chain = functions("a", "b")
    chain.connect("a", chain.add(ck.SnsTopic("events")))
    chain.connect("events", chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60)))
    chain.connect("jobs", "b")
    (one,) = connections(chain)
    flow = variant(chain, "async")

    assert (one.kind, one.between) == ("sns-sqs", ("events", "jobs"))
    assert [*flow.chain.services] == ["a", "b", "b-dead"]
    assert flow.chain.link("a>b").kind == "async"


def test_a_dead_letter_queue_goes_with_the_queue_it_belonged_to():
    assert "jobs-dead" not in variant(orders(), "sync").chain.services


def test_a_topic_keeps_what_it_does_besides():
    chain = through(ck.SnsTopic("events"), "b")
    chain.connect("events", chain.add(ck.SqsQueue("audit")))
    twin = variant(chain, "async").chain

    assert [link.target for _, link in twin.outgoing("events")] == ["audit"]
    assert handed(twin) == {("a", "b")}


def test_one_topic_serves_all_that_one_message_reached():
    twin = variant(through(ck.EventBus("shop"), "b", "c"), "sns").chain

    assert [link.target for _, link in twin.outgoing("a") if isinstance(link, Caller)] == ["a-topic"]
    assert [link.target for _, link in twin.outgoing("a-topic")] == ["b", "c"]


# --- what is easily lost on the way ---


@pytest.mark.parametrize("kind", ["sns", "eventbridge"])
def test_two_calls_of_one_function_keep_each_its_own_chance(kind):
    chain = functions("a", "b", "c")
    chain.connect("a", "b", needs_answer=False, step=1, probability=0.25)
    chain.connect("a", "c", needs_answer=False, step=2, probability=0.75)
    twin = variant(chain, kind).chain
    sent = [link for _, link in twin.outgoing("a") if isinstance(link, Caller)]

    assert sorted((link.step, link.probability) for link in sent) == [(1, 0.25), (2, 0.75)]


@pytest.mark.parametrize("kind", ["sync", "async", "sqs", "sns-sqs", "eventbridge", "standard", "express", "nested"])
def test_a_share_that_a_subscription_lets_pass_stays(kind):
    chain = functions("a", "b")
    chain.connect("a", chain.add(ck.SnsTopic("events")))
    chain.connect("events", "b", match_fraction=0.25)
    ran = [sum(attempts(each, "b", requests=100)) for each in (chain, variant(chain, kind).chain)]

    assert 10 < ran[0] < 40
    assert 10 < ran[1] < 40


@every_kind
def test_a_queue_for_undelivered_messages_goes_with_the_delivery_it_hung_on(kind):
    chain = functions("a", "b")
    chain.connect("a", chain.add(ck.SnsTopic("events")))
    chain.add(ck.SqsQueue("undelivered"))
    chain.connect("events", "b", dead_letter_queue="undelivered")

    assert variant(chain, kind).chain.entries() == ["a"]


@every_kind
def test_all_that_one_message_reached_is_reached_together_or_not_at_all(kind):
    chain = functions("a", "b", "c", "d")
    chain.connect("a", chain.add(ck.SnsTopic("events")), case="way", probability=0.6)
    chain.connect("a", "d", case="way", probability=0.4, keep=True)
    for target in ("b", "c"):
        chain.connect("events", target)
    twin = variant(chain, kind).chain

    assert twin.validate() == []
    assert attempts(twin, "b", requests=40) == attempts(twin, "c", requests=40)


@pytest.mark.parametrize("kind", HANDING)
def test_a_call_with_a_chance_is_made_for_the_same_requests(kind):
    chain = two(probability=0.5)

    assert attempts(variant(chain, kind).chain, "b", requests=40) == attempts(chain, "b", requests=40)


@pytest.mark.parametrize("kind", HANDING)
def test_a_message_too_large_for_a_kind_is_refused_and_named(kind):
    chain = two(message_bytes=2_000_000)

    assert "bytes at most" in ck.variants(chain, [kind]).refused[kind]


@pytest.mark.parametrize("kind", ["standard", "express", "nested"])
def test_a_machine_of_one_task_is_rewired_like_a_queue(kind):
    there = variant(two(), kind).chain
    back = variant(there, "sync").chain

    assert [one.kind for one in connections(there)] == [kind]
    assert [*back.services] == ["a", "b"]
    assert handed(back) == {("a", "b")}
    assert back.link("a>b").kind == "sync"


@every_kind
@pytest.mark.parametrize("name", ["a-topic", "a-bus", "b-queue", "b-dead", "b-flow"])
def test_a_name_that_a_variant_would_give_may_be_taken(kind, name):
    chain = two()
    chain.connect("b", chain.add(ck.LambdaFunction(name, timeout_s=5)), needs_answer=False, keep=True)
    twin = variant(chain, kind).chain

    assert twin.validate() == []
    assert handed(twin) == handed(chain)


@pytest.mark.parametrize("kind", ["sync", "async", "sqs", "sns-sqs", "eventbridge", "standard", "express", "nested"])
def test_a_caller_s_filter_and_a_subscription_s_on_one_field_both_count(kind):
    chain = functions("a", "b")
    chain.connect("a", chain.add(ck.SnsTopic("events")), filter_policy={"status": ["charged"]})
    chain.connect("events", "b", filter_policy={"status": ["charged", "declined"]})
    twin = variant(chain, kind).chain

    assert attempts(twin, "b", requests=40) == attempts(chain, "b", requests=40)


@pytest.mark.parametrize("kind", ["sync", "async", "sqs", "sns", "sns-sqs", "eventbridge"])  # a machine's stand last
def test_a_function_that_two_others_feed_costs_the_same_whichever_link_was_made_anew(kind):
    chain = functions("a", "b", "c", duration=ck.LogNormal(p50_s=0.1, p99_s=0.8))
    chain.connect("a", "c", step=1, needs_answer=False)
    chain.connect("a", "b", step=2, keep=True)
    chain.connect("b", "c", after_fraction=1.0, keep=True)
    twin = variant(chain, kind).chain

    assert work_of(twin, "c", requests=20) == pytest.approx(work_of(chain, "c", requests=20), abs=1e-9)


def work_of(chain: ck.Chain, function: str, requests: int) -> list[float]:
    """Return how long each invocation of a function took, request by request, in the order of their starts."""
    run = alone_in_time(chain, requests)
    spans = [s for i in range(requests) for s in sorted(run.trace(i).spans, key=lambda s: s.start_s)]
    return [s.end_s - s.start_s for s in spans if (s.node, s.what) == (function, "invocation")]


# --- a variant is a chain like any other ---


@every_kind
def test_a_variant_is_without_errors(kind):
    assert variant(orders(), kind).chain.validate() == []


@every_kind
def test_a_variant_runs_and_has_a_bill(kind):
    twin = variant(orders(), kind).chain
    load = ck.Poisson(rate_per_s=4, attributes=STATUS)
    run = ck.simulate(twin, load, requests=500, seed=1, replications=2)
    bill = ck.bill(twin, run, requests_per_month=1e6)

    assert run.ledger.sum() == 500
    assert run.ledger["unfinished"] == 0
    assert bill.total_usd > 0
    assert {line.node for line in bill.lines} <= set(twin.services)


@every_kind
def test_the_template_of_a_variant_is_clean_to_cfn_lint(kind):
    text = json.dumps(ck.template(variant(orders(), kind).chain))

    assert [str(match) for match in lint(text, config=ManualArgs(regions=["us-east-1"]))] == []


@every_kind
def test_a_variant_survives_the_way_through_a_design_file(kind, tmp_path):
    twin = variant(orders(), kind).chain

    assert ck.load(twin.save(tmp_path / "twin.chain.yaml")) == twin


# --- the same order costs the same work ---


def own_work(chain: ck.Chain, run: ck.Run, request: int) -> dict[str, float]:
    """Return each function's own work in its first attempt: how long it ran, without the calls it waited for."""
    runs = {}
    for span in run.trace(request).spans:
        if span.what == "invocation" and span.attempt == 1:
            runs[span.node] = (span.start_s, span.end_s)
    work = {}
    for name, (start_s, end_s) in runs.items():
        called = sorted(runs[target] for target in waited_for(chain, name) if target in runs)
        waited_s, until_s = 0.0, start_s
        for low_s, high_s in called:
            waited_s += max(0.0, high_s - max(low_s, until_s))
            until_s = max(until_s, high_s)
        work[name] = end_s - start_s - waited_s
    return work


def waited_for(chain: ck.Chain, name: str) -> set[str]:
    """Return the functions whose answer a function waits for, through a machine or not."""
    called = {link.target for _, link in chain.outgoing(name) if link.kind == "sync"}
    machines = [one for one in called if isinstance(chain.service(one).behaviour(), Flow)]
    behind = {link.target for one in machines for _, link in chain.outgoing(one)}
    return {one for one in called | behind if isinstance(chain.service(one).behaviour(), Pool)}


@every_kind
def test_an_order_costs_each_function_the_same_work(kind):
    chain = quiet(orders())
    twin = variant(chain, kind).chain
    before, after = alone_in_time(chain, 30), alone_in_time(twin, 30)

    for request in range(30):
        expected = own_work(chain, before, request)
        assert expected.keys() >= {"validate", "inventory", "payment", "confirm"}
        assert own_work(twin, after, request) == pytest.approx(expected, abs=1e-9)


@every_kind
def test_an_order_costs_the_same_first_attempt_when_payments_fail(kind):
    chain = quiet(orders())
    chain.set("payment", error_rate=0.3)
    twin = variant(chain, kind).chain
    before, after = alone_in_time(chain, 30), alone_in_time(twin, 30)

    for request in range(30):
        expected, actual = own_work(chain, before, request), own_work(twin, after, request)
        assert actual["payment"] == pytest.approx(expected["payment"], abs=1e-9)


@pytest.mark.parametrize("kind", HANDING)
def test_handing_over_at_the_end_takes_as_long_as_all_work_together(kind):
    chain = functions("a", "b", "c", duration=ck.LogNormal(p50_s=0.1, p99_s=0.8))
    for source, target in (("a", "b"), ("b", "c")):
        chain.connect(source, target, after_fraction=1.0, needs_answer=False)
    called, handed_over = alone_in_time(chain, 200), alone_in_time(variant(chain, kind).chain, 200)

    np.testing.assert_allclose(handed_over.completion_s, called.completion_s, rtol=1e-9)


@pytest.mark.parametrize("kind", HANDING)
def test_constant_work_is_constant_in_every_variant(kind):
    chain = two()
    run = alone_in_time(variant(chain, kind).chain, 20)

    assert run.response_s == pytest.approx(0.1)
    assert run.completion_s == pytest.approx(0.15)  # b starts in the middle of a


# --- any chain ---

WAYS = ("sync", "async", "sqs", "sns", "eventbridge")


@st.composite
def flows(draw: st.DrawFn, *, is_certain: bool = False) -> ck.Chain:
    """Chains of functions that hand each other work in all ways; each is reached from the first, if certain once."""
    count = draw(st.integers(2, 6))
    law = ck.LogNormal(p50_s=0.1, p99_s=0.8)
    chain = functions(*(f"f{i}" for i in range(count)), duration=law)
    for i in range(1, count):
        source, target, way = f"f{draw(st.integers(0, i - 1))}", f"f{i}", draw(st.sampled_from(WAYS))
        options = {
            "step": draw(st.integers(1, 3)),
            "probability": 1.0 if is_certain else draw(st.sampled_from([1.0, 0.5])),
            "count": 1 if is_certain else draw(st.integers(1, 2)),
            "keep": draw(st.sampled_from([False, False, False, True])),
        }
        if way in ("sync", "async"):
            chain.connect(source, target, link=way, needs_answer=draw(st.booleans()), **options)
            continue
        middle = {"sqs": ck.SqsQueue, "sns": ck.SnsTopic, "eventbridge": ck.EventBus}[way](f"m{i}")
        if way == "sqs":
            middle = replace(middle, visibility_timeout_s=60)
        chain.connect(source, chain.add(middle), **options)
        chain.connect(middle, target)
        if way != "sqs" and draw(st.booleans()):
            chain.connect(middle, chain.add(ck.LambdaFunction(f"g{i}", timeout_s=10, duration=law, init=0)))
    return chain


@settings(max_examples=40)
@given(chain=flows(), kind=st.sampled_from(BY_LINK))
def test_functions_and_their_work_are_preserved(chain, kind):
    twin = offered(chain, kind).chain

    assert pools(twin) == pools(chain)
    assert handed(twin) == handed(chain)


@settings(max_examples=40)
@given(chain=flows(), kind=st.sampled_from(BY_LINK))
def test_every_variant_can_be_built_and_entered_where_the_original_was(chain, kind):
    twin = offered(chain, kind).chain

    assert twin.validate() == []
    assert twin.entries() == chain.entries()
    assert ck.template(twin)["Resources"]


@settings(max_examples=40)
@given(chain=flows(), kind=st.sampled_from(BY_LINK))
def test_every_connection_is_rewired_or_kept_with_a_reason(chain, kind):
    flow = offered(chain, kind)

    assert len(flow.rewired) + len(flow.kept) == len(connections(chain))


@settings(max_examples=40)
@given(chain=flows(), kind=st.sampled_from(WAYS))
def test_a_variant_of_its_own_kind_is_the_same_chain(chain, kind):
    there = offered(chain, kind).chain

    assert variant(there, kind).rewired == ()


@settings(max_examples=30)
@given(chain=flows(is_certain=True), kind=st.sampled_from(BY_LINK))
def test_a_request_costs_each_function_the_same_work_in_every_offered(chain, kind):
    twin = offered(chain, kind).chain
    before, after = alone_in_time(chain, 3), alone_in_time(twin, 3)

    for request in range(3):
        expected = own_work(chain, before, request)
        assert expected.keys() == {one.name for one in pools(chain)}
        assert own_work(twin, after, request) == pytest.approx(expected, abs=1e-9)


# --- what is refused, and what is counted ---


def test_a_kind_that_nothing_can_become_is_no_variant_and_has_its_reason():
    chain = functions("a", "b")
    chain.connect("a", "b")
    flows = ck.variants(chain, ["sync", "sqs", "express"])

    assert list(flows) == ["sync", "express"]
    assert flows.refused == {"sqs": "a to b: stays sync; sqs refused, its caller needs the answer (needs_answer)"}
    assert "sqs: refused: a to b: stays sync" in str(flows)


def test_asking_for_a_refused_kind_tells_why_and_looking_for_it_finds_nothing():
    chain = functions("a", "b")
    chain.connect("a", "b")
    flows = ck.variants(chain, ["sqs"])

    assert "sqs" not in flows
    assert flows.get("sqs") is None
    with pytest.raises(ck.ConfigError, match="sqs is refused: a to b: stays sync"):
        flows["sqs"]
    with pytest.raises(KeyError):
        flows["sns"]


def test_a_comparison_goes_on_with_the_kinds_that_there_are():
    chain = functions("a", "b")
    chain.connect("a", "b")
    result = ck.compare(ck.variants(chain, ["sync", "sqs", "express"]), ck.Steady(rate_per_s=1), requests=20, seed=1)

    assert [*result.runs] == ["sync", "express"]


@every_kind
def test_the_summary_counts_what_the_two_chains_differ_in(kind):
    chain = orders()
    flow = variant(chain, kind)
    added, removed = (
        len({*a.links, *a.services} - {*b.links, *b.services}) for a, b in ((flow.chain, chain), (chain, flow.chain))
    )
    said = {part.split()[-1]: part for part in flow.summary.split("; ")}
    counts = {word: sum(map(int, re.findall(r"\d+", part))) for word, part in said.items()}

    assert counts == {word: n for word, n in (("added", added), ("removed", removed)) if n}
    assert sum(flow.parts.values()) == len(flow.chain.links) + len(flow.chain.services)


def test_dead_letter_queues_are_told_apart():
    assert variant(two(), "sns-sqs").summary == (
        "4 links, 1 SNS topic, 1 SQS queue, 1 dead-letter queue added; 1 link removed"
    )


# --- Standard with a nested Express execution ---


def test_a_nested_execution_tries_the_call_again_before_the_work_is_lost():
    chain = two()
    chain.set("b", poison_fraction=1.0)
    run = ck.simulate(variant(chain, "nested").chain, ck.Steady(rate_per_s=0.001), requests=5, seed=1, replications=1)

    assert run.ledger["dead-lettered"] == 5
    assert run.nodes.loc["b", "invocations"] == 5 * 4  # [building 2]: three more tries


def test_a_nested_execution_that_failed_is_seen_by_its_status_as_the_api_answers_200():
    machine = variant(two(), "nested").chain.service("b-flow")
    states = machine.definition["States"]

    assert states["Start"]["Resource"] == "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
    assert states["Succeeded"]["Choices"][0]["Next"] == "Done"
    assert states["Succeeded"]["Default"] == "Bury"
    assert variant(two(), "nested").chain.service("b-call").workflow == "EXPRESS"
