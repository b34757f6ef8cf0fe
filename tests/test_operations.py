"""Operations: what each does, prints, and replays."""

import pytest
from hypothesis import given

import chainkit as ck
from chainkit.operations import VERBS, Operation, code, replay
from tests.strategies import chains


def test_an_operation_is_a_call_of_the_chains_own_method_and_prints_as_one() -> None:
    chain = ck.Chain("orders")
    steps = [
        Operation("add", (ck.SqsQueue("jobs", visibility_timeout_s=60),)),
        Operation("add", (ck.LambdaFunction("pay", duration=ck.LogNormal(p50_s=0.04, p99_s=0.12)),)),
        Operation("connect", ("jobs", "pay"), {"link": "mapping", "batch_size": 5}),
        Operation("rename", ("pay", "charge")),
        Operation("place", ({"jobs": (0.0, 10.0)},)),
        Operation("group", ("Payments", ("jobs", "charge"))),
    ]
    replay(chain, steps)
    typed = ck.Chain("orders")
    for step in steps:
        eval(str(step), {"ck": ck, "chain": typed})

    assert chain.link("jobs>charge").batch_size == 5
    assert typed == chain
    assert (typed.layout, typed.groups) == (chain.layout, chain.groups)


@given(chain=chains())
def test_the_code_of_every_service_makes_it_again(chain: ck.Chain) -> None:
    for service in chain.services.values():
        assert eval(code(service), {"ck": ck}) == service


def test_a_mixture_in_a_function_is_code_too() -> None:
    law = ck.Mixture([(0.9, ck.Constant(0.1)), (0.1, ck.Uniform(low_s=1.0, high_s=2.0))])
    function = ck.LambdaFunction("pay", duration=law)

    assert eval(code(function), {"ck": ck}) == function


def test_an_unknown_verb_is_refused() -> None:
    with pytest.raises(ck.ConfigError, match="verb='delete' is unknown"):
        Operation("delete", ("jobs",))


def test_every_verb_is_a_method_of_the_chain() -> None:
    assert [verb for verb in VERBS if not callable(getattr(ck.Chain, verb, None))] == []
