"""Operations: what each does, prints, and replays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.operations import VERBS, Operation, between, code, is_same, recipe, replay, script
from tests.examples import EXAMPLES
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


# --- recipes, scripts, differences ---


def titled(chain: ck.Chain) -> ck.Chain:
    """Return a chain with frames around its services."""
    names = [*chain.services]
    if len(names) > 1:
        chain.group("First's", names[:1])
        chain.group("Others", names[1:])
    return chain


anything = st.one_of(st.sampled_from(EXAMPLES).map(lambda make: make()), chains()).map(titled)


@given(chain=anything)
def test_the_recipe_of_a_chain_makes_it_of_an_empty_one(chain: ck.Chain) -> None:
    assert is_same(replay(ck.Chain(chain.name, chain.region), recipe(chain)), chain)


@given(chain=anything)
def test_the_script_of_a_chain_makes_it_with_places_and_frames(chain: ck.Chain) -> None:
    names: dict[str, Any] = {}
    exec(script(chain), names)

    assert is_same(names["chain"], chain)


def test_a_place_of_a_service_that_is_gone_is_in_no_script() -> None:
    chain = ck.Chain("orders")
    chain.layout["gone"] = (0.0, 0.0)

    assert "gone" not in script(chain)


@given(before=anything, after=anything)
def test_what_lies_between_two_chains_makes_the_other_of_one(before: ck.Chain, after: ck.Chain) -> None:
    after = ck.Chain.from_plain({**after.to_plain(), "chain": before.name, "region": before.region})
    names = {"ck": ck, "chain": before.copy()}
    steps = between(before, after)
    exec("\n".join(map(str, steps)), names)

    assert is_same(replay(before.copy(), steps), after)
    assert is_same(names["chain"], after)


def test_nothing_lies_between_a_chain_and_itself() -> None:
    assert between(ck.example("orders"), ck.example("orders")) == ()


def test_a_chain_in_a_line_of_python_keeps_the_ids_of_its_links() -> None:
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a"))
    chain.add(ck.LambdaFunction("b"))
    chain.connect("a", "b")
    chain.connect("a", "b", link="async")
    chain.remove("a>b")

    assert [*eval(code(chain), {"ck": ck}).links] == ["a>b#2"]


@pytest.mark.parametrize("place", [(float("nan"), 0.0), (1e9, 0.0), "ab", (1.0,), 3])
def test_a_place_that_is_none_is_refused_and_nothing_moves(place: Any) -> None:
    chain = ck.example("orders")
    before = dict(chain.layout)

    with pytest.raises(ck.ConfigError, match="is no place"):
        Operation("place", ({"payment": (1.0, 2.0), "api": place},)).apply(chain)
    assert chain.layout == before
