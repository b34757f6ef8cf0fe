"""Scenes: plain values that travel to the browser as JSON, and say what the picture says."""

import json

import pytest

import chainkit as ck
from chainkit.pictures import picture
from chainkit.widgets.scene import scene
from tests.examples import EXAMPLES, calls, orders


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_scene_is_json_and_holds_every_card_and_link(make):
    chain = make()
    travelled = json.loads(json.dumps(scene(chain, {})))

    assert [card["id"] for card in travelled["cards"]] == list(chain.services)
    assert {wire["id"] for wire in travelled["wires"]} == {key for *_, key in chain.graph.edges(keys=True)}


def test_cards_stand_where_the_picture_has_them():
    drawn = {card.name: (card.x, card.y) for card in picture(orders()).cards}

    assert {card["id"]: (card["x"], card["y"]) for card in scene(orders(), {})["cards"]} == drawn


def test_a_note_travels_with_its_card():
    cards = {card["id"]: card["note"] for card in scene(orders(), {"pay": "41 ms"})["cards"]}

    assert (cards["pay"], cards["jobs"]) == ("41 ms", "")


def test_the_second_of_two_parallel_links_swings_out():
    first, second = [
        wire["bend"] for wire in scene(calls(), {})["wires"] if (wire["from"], wire["to"]) == ("api", "order")
    ]

    assert first == 0 < second


def test_a_link_that_leads_back_swings_out():
    chain = ck.Chain("circle")
    a, b = chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b"))
    chain.connect(a, b, link="async")
    chain.connect(b, a, link="async")

    assert [wire["bend"] > 0 for wire in scene(chain, {})["wires"]] == [False, True]


def test_a_link_over_several_layers_says_where_it_passes():
    chain = ck.Chain("long")
    a, b, c = (chain.add(ck.LambdaFunction(name)) for name in "abc")
    for source, target in ((a, b), (b, c), (a, c)):
        chain.connect(source, target, link="async")

    assert {wire["id"]: len(wire["via"]) for wire in scene(chain, {})["wires"]} == {"a>b": 0, "b>c": 0, "a>c": 1}


def test_the_canvas_is_as_high_as_its_chain_needs():
    wide = ck.Chain("high")
    wide.add(ck.SnsTopic("events"))
    for k in range(8):
        wide.add(ck.LambdaFunction(f"f{k}"))
        wide.connect("events", f"f{k}")

    assert scene(ck.Chain("empty"), {})["height"] == 240
    assert scene(wide, {})["height"] == 560
