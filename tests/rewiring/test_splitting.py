"""Parts that become functions: the same work for the same requests, called in turn."""

import numpy as np
import pytest
from hypothesis import given, settings

import chainkit as ck
from chainkit.rewiring import Variant
from tests.rewiring.test_fusing import trees
from tests.test_rewiring import alone_in_time, functions

WORK = ck.LogNormal(p50_s=0.1, p99_s=0.8)


def split(chain: ck.Chain) -> Variant:
    return ck.variants(chain, ["split"])["split"]


def monolith(**parts: ck.Part) -> ck.Chain:
    chain = functions("all", duration=WORK, timeout_s=60)
    chain.set("all", parts=parts)
    return chain


def test_each_part_becomes_a_function_with_its_own_size():
    flow = split(monolith(check=ck.Part(duration=WORK, memory_mb=256, timeout_s=5), pay=ck.Part(error_rate=0.1)))
    check, pay = flow.chain.service("check"), flow.chain.service("pay")

    assert (check.memory_mb, check.timeout_s, check.duration) == (256, 5, WORK)
    assert (pay.memory_mb, pay.timeout_s, pay.error_rate) == (128, 60, 0.1)
    assert flow.chain.service("all").parts == {}
    assert flow.summary == "2 links, 2 Lambda functions added; 1 Lambda function changed"


def test_an_answer_that_is_needed_is_waited_for_and_other_work_is_handed_over():
    flow = split(monolith(check=ck.Part(), mail=ck.Part(caller="check", needs_answer=False)))

    assert {key: link.word for key, link in flow.chain.links.items()} == {
        "all>check": "sync", "check>mail": "async", "mail>mail-dead": "on_failure",
    }  # fmt: skip


def test_what_began_after_all_parts_still_does():
    chain = monolith(b=ck.Part(duration=WORK), c=ck.Part(duration=WORK))
    chain.connect("all", chain.add(ck.SqsQueue("first")), step=1, after_fraction=0.5)
    chain.connect("all", chain.add(ck.SqsQueue("last")), step=2, after_fraction=1.0)
    callers = sorted((link.step, link.target) for _, link in split(chain).chain.outgoing("all"))

    assert callers == [(1, "first"), (2, "b"), (3, "c"), (4, "last")]


def test_a_function_without_parts_is_refused_with_what_to_do():
    chain = functions("a", "b")
    chain.connect("a", "b")

    assert ck.variants(chain, ["split"]).refused == {
        "split": "nothing in the design says where to split a, b: give a function parts"
    }


def test_a_monolith_alone_can_be_split_and_nothing_else():
    flows = ck.variants(monolith(b=ck.Part()), ["split", "sqs", "fused"])

    assert list(flows) == ["split"]
    assert flows.refused == dict.fromkeys(["sqs", "fused"], "no function hands work to another")


@settings(max_examples=40)
@given(chain=trees())
def test_fused_and_split_again_is_the_sync_wiring(chain):
    back = split(ck.variants(chain, ["fused"])["fused"].chain).chain
    kept = ("probability", "filter_policy", "case", "on_error", "after_fraction", "kind")

    def wiring(of: ck.Chain) -> list[tuple]:
        return sorted(
            ((link.source, link.target), tuple(str(getattr(link, name)) for name in kept)) for link in of.links.values()
        )

    assert wiring(back) == wiring(chain)
    assert {name: one.duration for name, one in back.services.items()} == {
        name: one.duration for name, one in chain.services.items()
    }


def test_fused_and_split_again_has_the_answers_and_the_hand_overs_that_it_had():
    chain = functions("a", "b", "c", "d")
    chain.connect("a", "b")
    chain.connect("a", chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60)))
    chain.connect("jobs", "c")
    chain.connect("c", "d", link="async")
    back = split(ck.variants(chain, ["fused"])["fused"].chain).chain
    wirings = [ck.variants(each, ["sync"])["sync"].chain for each in (back, chain)]

    assert {key: link.kind for key, link in back.links.items() if link.kind in ("sync", "async")} == {
        "a>b": "sync", "a>c": "async", "c>d": "async",
    }  # fmt: skip
    assert {key: link.kind for key, link in wirings[0].links.items()} == dict.fromkeys(["a>b", "a>c", "c>d"], "sync")
    assert {*wirings[0].links} == {*wirings[1].links}


@pytest.mark.parametrize("has_hops", [True, False])
def test_the_same_requests_take_the_same_branches_and_work_in_both(has_hops):
    parts = {
        "b": ck.Part(duration=WORK, error_rate=0.2, on_error="continue"),
        "c": ck.Part(duration=WORK, caller="b", probability=0.5),
        "d": ck.Part(duration=WORK, case="way", probability=0.25),
        "e": ck.Part(duration=WORK, case="way", probability=0.5, filter_policy={"status": ["charged"]}),
    }
    chain = monolith(**parts)
    options = {} if has_hops else {"latency": ck.no_latency}
    whole, called = (
        ck.simulate(each, ck.Steady(rate_per_s=0.001, attributes={"status": {"charged": 0.5, "no": 0.5}}),
                    requests=200, seed=1, replications=1, warmup_fraction=0.0, keep="requests", **options)
        for each in (chain, split(chain).chain)
    )  # fmt: skip
    later_s = called.response_s - whole.response_s

    if has_hops:
        assert (later_s > 0.005).all()  # each call takes its way
    else:
        np.testing.assert_allclose(later_s, 0.0, atol=1e-9)
    assert alone_in_time(chain, 5).ledger.sum() == 5
