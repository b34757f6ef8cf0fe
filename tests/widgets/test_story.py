"""Stories: one request as the canvas plays it; each hop goes along a link that leads to its node."""

import json

import pytest

import chainkit as ck
from chainkit.widgets.reckoning import Reckoning, reckon
from chainkit.widgets.scene import STORIES
from chainkit.widgets.story import MOST_SPANS, story
from tests.examples import EXAMPLES, orders


def known(chain, requests=2_000):
    load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.9, "declined": 0.1}})
    return reckon(Reckoning(), chain, load, requests=requests, seed=1, at=None, is_quick=False)


@pytest.mark.parametrize("which", STORIES)
@pytest.mark.parametrize("name", ["orders", "orders-sfn"])
def test_a_hop_goes_along_a_link_that_leads_to_its_node(name, which):
    chain = ck.example(name)
    chain.set("payment", poison_fraction=0.05)
    told = story(known(chain), which)
    hops = [row for row in told["spans"] if row["what"] == "hop"]

    assert hops
    assert told["title"].startswith(which)
    for row in told["spans"]:
        assert row["node"] in chain.services
        assert 0 <= row["start_s"] <= row["end_s"] <= told["total_s"]
    for row in hops:
        link = chain.links.get(row["link"])
        assert row["link"] is None or row["node"] in (link.target, link.dead_letters)
        assert row["link"] is not None or not chain.incoming(row["node"])


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_story_of_every_example_is_json_of_few_spans(make):
    reckoned = known(make(), 200)
    if reckoned.run is None:
        pytest.skip("it takes requests at more than one place")
    told = story(reckoned, "slowest")

    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert len(told["spans"]) <= MOST_SPANS


def test_the_slowest_request_is_the_slowest():
    reckoned = known(orders())
    slowest = reckoned.run.trace(reckoned.run.slowest())

    assert story(reckoned, "slowest")["text"] == str(slowest)


def test_a_request_that_is_not_there_is_refused():
    with pytest.raises(ck.ConfigError, match="play: 'funniest' is no request"):
        story(known(orders(), 50), "funniest")


def test_no_lost_request_is_refused():
    with pytest.raises(ck.SimulationError, match="none of 50 requests was lost"):
        story(known(orders(), 50), "lost")


def test_a_chain_that_does_not_run_has_no_story():
    with pytest.raises(ck.SimulationError, match="there is no run of this chain"):
        story(Reckoning(), "typical")
