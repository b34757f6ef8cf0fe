"""Functions fused into one: the same work for the same requests, and a reason wherever that could not be."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from cfnlint.api import ManualArgs, lint
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.distributions import Exponential
from chainkit.rewiring import Variant, connections
from tests.test_rewiring import STATUS, alone_in_time, attempts, flows, functions, orders, own_work, pools, quiet

WORK = ck.LogNormal(p50_s=0.1, p99_s=0.8)


def fused(chain: ck.Chain) -> Variant:
    return ck.variants(chain, ["fused"])["fused"]


def refusal(chain: ck.Chain) -> str:
    return ck.variants(chain, ["fused"]).refused["fused"]


def line(*names: str, **settings: Any) -> ck.Chain:
    """Return functions that call each other in a row."""
    chain = functions(*names, **settings)
    for source, target in pairwise(names):
        chain.connect(source, target)
    return chain


# --- what becomes of the functions ---


def test_one_function_is_left_with_the_others_as_its_parts():
    chain = line("a", "b", "c")
    chain.connect("a", chain.add(ck.LambdaFunction("d", timeout_s=5, memory_mb=512)), link="async")
    whole = fused(chain).chain.service("a")

    assert [*fused(chain).chain.services] == ["a"]
    assert {name: part.caller for name, part in whole.parts.items()} == {"b": "", "c": "b", "d": ""}
    assert (whole.memory_mb, whole.timeout_s) == (512, 35)


def test_what_lay_between_goes_and_what_entered_stays():
    flow = fused(orders())

    assert [*flow.chain.services] == ["api", "validate"]
    assert [link.word for link in flow.chain.links.values()] == ["sync"]
    assert flow.summary == (
        "7 links, 4 Lambda functions, 1 SQS queue, 1 dead-letter queue, 1 SNS topic removed; 1 Lambda function changed"
    )


def test_laws_stay_measured_at_the_memory_they_were_given_for():
    chain = line("a", "b", cpu_fraction=0.5)
    chain.set("b", memory_mb=256)
    chain.set("a", memory_mb=128)
    pool = fused(chain).chain.service("a").behaviour()

    assert pool.work.mean_s == pytest.approx(0.1 * (0.5 + 0.5 * 128 / 256))
    assert pool.pieces[0].work.mean_s == pool.work.mean_s


def test_parts_that_a_function_has_already_come_along():
    chain = line("a", "b")
    chain.set("b", parts={"x": ck.Part(), "y": ck.Part(caller="x")})

    assert {name: part.caller for name, part in fused(chain).chain.service("a").parts.items()} == {
        "b": "", "x": "b", "y": "x",
    }  # fmt: skip


def test_the_slowest_init_counts():
    chain = line("a", "b", init=0)
    chain.set("b", init=2.0)

    assert fused(chain).chain.service("a").behaviour().init.mean_s == 2.0


def test_code_of_its_own_gives_way_to_a_stand_in_and_a_note_says_so():
    flow = fused(orders())

    assert flow.chain.service("validate").code is None
    assert any("have code of their own: validate is deployed as a stand-in" in note for note in flow.notes)


def test_what_a_part_hands_to_the_outside_leaves_after_the_last_part():
    chain = line("a", "b", "c")
    chain.connect("b", chain.add(ck.SqsQueue("audit")), probability=0.5)
    flow = fused(chain)
    (link,) = [link for _, link in flow.chain.outgoing("a")]

    assert (link.target, link.after_fraction, link.probability, link.chance) == ("audit", 1.0, 0.5, "b>audit")
    assert "what b hands to audit leaves after the last part" in flow.notes


def test_what_hangs_on_a_branch_leaves_on_that_branch_only():
    chain = functions("a", "b", "c", duration=WORK)
    chain.connect("a", "b", probability=0.5, filter_policy={"status": ["charged"]})
    chain.connect("b", "c", link="async", keep=True)
    audited = [attempts(each, "c", requests=60) for each in (chain, fused(chain).chain)]

    assert audited[0] == audited[1]
    assert 0 < sum(audited[0]) < 60


def test_a_step_of_the_head_that_stays_begins_where_it_did():
    chain = functions("a", "b")
    chain.connect("a", "b", step=1)
    chain.connect("a", chain.add(ck.SqsQueue("audit")), step=2)

    assert fused(chain).chain.link("a>audit").after_fraction == pytest.approx(2 / 3)


# --- what is refused ---


def entered_twice() -> ck.Chain:
    chain = line("a", "b")
    chain.connect(chain.add(ck.HttpApi("api")), "b")
    return chain


def through_a_machine() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", needs_answer=False)
    return ck.variants(chain, ["standard"])["standard"].chain


def in_a_circle() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", link="async", probability=0.5)
    chain.connect("b", "a", link="async", probability=0.5)
    return chain


def very_long() -> ck.Chain:
    return line("a", "b", timeout_s=600)


def several_at_once() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", link="async", count=3)
    return chain


def of_two_runtimes() -> ck.Chain:
    chain = line("a", "b")
    chain.set("b", runtime="java21")
    return chain


def protected() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", keep=True)
    return chain


def in_a_case_with_another() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", case="way", probability=0.5)
    chain.connect("a", chain.add(ck.SqsQueue("other")), case="way", probability=0.5)
    return chain


def on_two_chances() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", probability=0.5)
    chain.connect("b", chain.add(ck.SqsQueue("audit")), probability=0.5)
    return chain


def answering_elsewhere() -> ck.Chain:
    chain = functions("a", "b")
    chain.connect("a", "b", link="async")
    chain.connect("b", chain.add(ck.SqsQueue("done")), link="on_success")
    return chain


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (entered_twice, "a to b: b is entered by api, too"),
        (through_a_machine, "a to b: goes through the state machine 'b-flow', which stays"),
        (in_a_circle, "a to b: goes in a circle"),
        (very_long, "a to b: the timeouts of a, b add to 1200 s, over 900 s"),
        (several_at_once, "a to b: hands over 3 messages at once, and a part is done once"),
        (of_two_runtimes, "a to b: runtime is 'python3.12' of a and 'java21' of b"),
        (protected, "a to b: protected by keep=True"),
        (in_a_case_with_another, "a to b: shares the case 'way' with a call that stays"),
        (on_two_chances, "a to b: b calls audit on conditions that no single link can have"),
        (answering_elsewhere, "a to b: the answers to the events of b go to done"),
    ],
)
def test_what_cannot_be_one_function_is_refused_with_the_reason(chain, reason):
    assert refusal(chain()).startswith(reason)


def test_what_can_be_fused_is_where_another_connection_stays():
    chain = line("a", "b", "c")
    chain.connect(chain.add(ck.HttpApi("api")), "c")
    flow = fused(chain)

    assert flow.rewired == ("a to b: was sync",)
    assert flow.kept == ("b to c: c is entered by api, too",)
    assert [(link.source, link.target) for link in flow.chain.links.values()] == [("a", "c"), ("api", "c")]


# --- the same requests, the same work ---


def totals(chain: ck.Chain, requests: int) -> list[float]:
    """Return the own work of all functions for each request."""
    run = alone_in_time(chain, requests)
    return [sum(own_work(chain, run, i).values()) for i in range(requests)]


def test_an_order_costs_the_same_work_in_one_function():
    chain = quiet(orders())
    for one in pools(chain):
        chain.set(one.name, cpu_fraction=0.0)

    np.testing.assert_allclose(totals(fused(chain).chain, 60), totals(chain, 60), atol=1e-9)


@settings(max_examples=40)
@given(chain=flows(is_certain=True))
def test_a_request_costs_the_same_work_whatever_is_fused(chain):
    variants = ck.variants(chain, ["fused"])
    assume("fused" in variants)

    np.testing.assert_allclose(totals(variants["fused"].chain, 3), totals(chain, 3), atol=1e-9)


@settings(max_examples=60)
@given(chain=flows())
def test_every_connection_is_fused_or_kept_with_a_reason(chain):
    variants = ck.variants(chain, ["fused"])
    if "fused" in variants:
        flow = variants["fused"]
        assert len(flow.rewired) + len(flow.kept) == len(connections(chain))
        assert flow.chain.validate() == []
        assert flow.chain.entries() == chain.entries()
        assert ck.template(flow.chain)["Resources"]
    else:
        assert all(one.way in variants.refused["fused"] for one in connections(chain))


@st.composite
def trees(draw: st.DrawFn) -> ck.Chain:
    """Functions that call each other in a tree by any conditions, some of which fail."""
    chain = functions(*(f"f{i}" for i in range(draw(st.integers(2, 6)))), duration=WORK, init=0, timeout_s=100)
    for i in range(1, len(chain.services)):
        chance = draw(st.sampled_from([{}, {"probability": 0.5}, {"probability": 0.25, "case": "way"}]))
        policy = draw(st.sampled_from([None, None, {"status": ["charged"]}]))
        more = {"filter_policy": policy, "on_error": draw(st.sampled_from(["fail", "fail", "continue"]))}
        chain.connect(f"f{draw(st.integers(0, i - 1))}", f"f{i}", step=i, after_fraction=1.0, **chance, **more)
        rates = {name: draw(st.sampled_from([0.0, 0.2])) for name in ("error_rate", "poison_fraction")}
        chain.set(f"f{i}", **rates)
    return chain


@settings(max_examples=60)
@given(chain=trees())
def test_one_function_takes_as_long_as_calls_at_the_end_of_each_and_fails_for_the_same_requests(chain):
    called, whole = alone_in_time(chain, 60), alone_in_time(fused(chain).chain, 60)

    np.testing.assert_allclose(whole.response_s, called.response_s, rtol=1e-9)
    assert whole.ledger["failed"] == called.ledger["failed"]


# --- what one function does otherwise ---


def test_a_failed_part_repeats_all_that_was_done_before_it():
    chain = functions("a", "b", duration=0.5)
    chain.connect(chain.add(ck.SnsTopic("t")), "a")
    chain.connect("a", "b", link="async", after_fraction=1.0)
    chain.set("b", poison_fraction=1.0)
    run = ck.simulate(fused(chain).chain, ck.Steady(rate_per_s=0.001), requests=10, seed=1, replications=1)

    assert run.nodes.loc["a", "invocations"] == 30
    assert run.nodes.loc["a", "billed_s"] == pytest.approx(30.0)
    assert run.effects.loc["a", "twice"] == 10


def test_a_month_of_parts_costs_the_sum_of_their_means():
    chain = line("a", "b", duration=Exponential(mean_s=0.2), timeout_s=400)
    run = ck.simulate(fused(chain).chain, ck.Poisson(rate_per_s=5), requests=20_000, seed=1)

    assert run.nodes.loc["a", "duration_mean_s"] == pytest.approx(0.4, rel=0.02)


def test_requests_are_conserved_and_the_bill_is_of_what_is_left():
    flow = fused(orders())
    run = ck.simulate(flow.chain, ck.Poisson(rate_per_s=4, attributes=STATUS), requests=500, seed=1, replications=2)

    assert run.ledger.sum() == 500
    assert run.ledger["unfinished"] == 0
    assert {line.node for line in ck.bill(flow.chain, run, requests_per_month=1e6).lines} <= {"api", "validate"}


def test_the_template_is_clean_and_the_design_file_gives_it_back(tmp_path):
    chain = fused(orders()).chain
    text = json.dumps(ck.template(chain))
    again = ck.load(chain.save(tmp_path / "fused.chain.yaml"))

    assert [str(match) for match in lint(text, config=ManualArgs(regions=["us-east-1"]))] == []
    assert again == chain
    assert [*again.service("validate").parts] == ["inventory", "payment", "shipping", "confirm"]
