"""What is known of a chain in hand: a quick look while a hand moves, all of it when the hand rests."""

import pytest

import chainkit as ck
from chainkit.units import usd
from chainkit.widgets.reckoning import FEWEST, HEATS, Reckoning, reckon
from tests.examples import EXAMPLES, orders


def known(chain, requests=2_000, last=None, is_quick=False):
    outdated = (last or Reckoning()).outdated(chain)
    return reckon(outdated, chain, ck.Poisson(rate_per_s=4), requests=requests, seed=1, at=None, is_quick=is_quick)


def test_a_slow_chain_is_looked_at_quickly_and_says_so():
    quick = known(orders(), last=Reckoning(request_s=1.0), is_quick=True)

    assert quick.is_quick
    assert quick.run.requests == FEWEST


def test_at_rest_all_requests_run_however_slow():
    full = known(orders(), last=Reckoning(request_s=1.0))

    assert not full.is_quick
    assert full.run.requests == 2_000


def test_a_fast_chain_has_all_its_requests_at_once():
    quick = known(orders(), last=Reckoning(request_s=1e-9), is_quick=True)

    assert not quick.is_quick
    assert quick.run.requests == 2_000


def test_few_wanted_requests_are_never_more():
    assert known(orders(), 10, Reckoning(request_s=1.0), is_quick=True).run.requests == 10


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_shares_of_heat_add_to_one(make):
    reckoned = known(make(), 500)
    for of in HEATS:
        shares = reckoned.heat(of)

        assert sum(shares.values()) == pytest.approx(1) or not shares
        assert all(0 <= share <= 1 for share in shares.values())


def test_nothing_fails_without_failures():
    assert known(orders()).heat("failure") == {}


def test_what_fails_is_hot():
    chain = orders()
    chain.set("validate", error_rate=0.5)

    assert known(chain).heat("failure") == {"api": 0.0, "validate": 1.0, "jobs": 0.0, "pay": 0.0, "dead": 0.0}


def test_cards_say_their_time_and_cost_and_links_their_rate():
    reckoned = known(orders())
    times, cost = reckoned.run.times["p95_s"], reckoned.bill.node_usd()
    notes = reckoned.card_notes()

    assert notes.keys() == reckoned.run.chain.services.keys()
    assert notes["pay"] == ("p95 10 ms", f"{usd(cost['pay'])}/mo")
    assert times["pay"] == pytest.approx(0.01)
    assert reckoned.link_notes().keys() == {key for *_, key in reckoned.run.chain.graph.edges(keys=True)}


def test_further_tries_are_told_on_their_link():
    chain = orders()
    chain.set("pay", error_rate=0.5)

    assert "\u00d7" in known(chain).link_notes()["jobs>pay"]


def test_nothing_is_said_before_a_run():
    assert (Reckoning().card_notes(), Reckoning().link_notes(), Reckoning().heat("cost")) == ({}, {}, {})


def test_messages_that_go_round_for_ever_are_an_error_and_no_run():
    chain = orders()
    chain.connect("pay", "jobs")
    reckoned = known(chain)

    assert reckoned.run is None
    assert reckoned.errors[-1].problem == "messages go round for ever: jobs > pay > jobs"


def test_an_outdated_one_keeps_its_run_with_the_errors_of_now():
    chain = orders()
    before = known(chain, 50)
    chain.set("jobs", visibility_timeout_s=1)
    after = before.outdated(chain)

    assert after.run is before.run
    assert "visibility_timeout_s=1" in after.errors[0].problem
