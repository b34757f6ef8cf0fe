"""The designs that come with chainkit."""

import pytest

import chainkit as ck
from chainkit import data


@pytest.mark.parametrize("path", sorted(data.path("chains").glob("*/*.chain.yaml")), ids=lambda path: path.name)
def test_every_design_has_a_name_and_runs(path):
    chain = ck.example(path.name.removesuffix(".chain.yaml"))

    assert chain == ck.load(path)
    assert chain.validate() == []


def test_an_example_can_be_changed_without_changing_the_next():
    ck.example("orders").remove("payment")

    assert "payment" in ck.example("orders").services


def test_an_unknown_example_is_refused_with_those_there_are():
    with pytest.raises(ck.ConfigError, match=r"example 'order' is unknown \(did you mean 'orders'") as caught:
        ck.example("order")

    assert "orders-sfn" in caught.value.fix
