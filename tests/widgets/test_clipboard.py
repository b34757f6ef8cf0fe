"""Copies: free names, the links among them, and a place where no card is hidden."""

import pytest

from chainkit.operations import replay
from chainkit.widgets.clipboard import copied, free_name, pasting
from tests.examples import EXAMPLES, events


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_whole_chain_pasted_into_itself_is_there_twice(make):
    chain = make()
    services, links = len(chain.services), len(chain.links)
    replay(chain, pasting(chain, copied(chain, chain.services)))

    assert (len(chain.services), len(chain.links)) == (2 * services, 2 * links)
    assert len({*chain.layout.values()}) == 2 * services


def test_a_copied_machine_calls_the_copies():
    chain = events()
    replay(chain, pasting(chain, copied(chain, ["flow", "pay", "audit"])))

    assert {link.target for _, link in chain.outgoing("flow-2")} == {"pay-2", "audit-2"}


def test_a_free_name_is_no_longer_than_names_may_be():
    assert free_name("x" * 48, ["x" * 48]) == "x" * 46 + "-2"
