"""Scenes: plain values that travel to the browser as JSON, and say what the picture says."""

import json

import pytest

import chainkit as ck
import chainkit.network as module
from chainkit.errors import MissingError
from chainkit.network import scene, vis_network
from chainkit.pictures import picture
from tests.examples import EXAMPLES, calls, orders


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_scene_is_json_and_holds_every_card_and_link(make):
    chain = make()
    travelled = json.loads(json.dumps(scene(chain, {})))

    assert [card["id"] for card in travelled["cards"]] == list(chain.services)
    assert {edge["id"].split("\n")[0] for edge in travelled["edges"]} == {
        key for *_, key in chain.graph.edges(keys=True)
    }


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_every_edge_leads_from_a_node_to_a_node_and_no_id_comes_twice(make):
    drawn = scene(make(), {})
    nodes, edges = [node["id"] for node in drawn["nodes"]], [edge["id"] for edge in drawn["edges"]]

    assert {edge[end] for edge in drawn["edges"] for end in ("from", "to")} <= set(nodes)
    assert (len(set(nodes)), len(set(edges))) == (len(nodes), len(edges))


def test_cards_stand_where_the_picture_has_them():
    drawn = {card.name: (card.x, card.y) for card in picture(orders()).cards}

    assert {card["id"]: (card["x"], card["y"]) for card in scene(orders(), {})["cards"]} == drawn


def test_a_note_travels_with_its_card():
    cards = {card["id"]: card["note"] for card in scene(orders(), {"pay": "41 ms"})["cards"]}

    assert (cards["pay"], cards["jobs"]) == ("41 ms", "")


def test_the_second_of_two_parallel_links_swings_out():
    first, second = [
        edge["smooth"] for edge in scene(calls(), {})["edges"] if (edge["from"], edge["to"]) == ("api", "order")
    ]

    assert (first["type"], second["type"], second["roundness"]) == ("cubicBezier", "curvedCW", module.BEND)


def test_a_link_that_leads_back_swings_out():
    chain = ck.Chain("circle")
    a, b = chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b"))
    chain.connect(a, b, link="async")
    chain.connect(b, a, link="async")

    assert [edge["smooth"]["type"] for edge in scene(chain, {})["edges"]] == ["cubicBezier", "curvedCW"]


def test_a_link_over_several_layers_says_where_it_passes():
    chain = ck.Chain("long")
    a, b, c = (chain.add(ck.LambdaFunction(name)) for name in "abc")
    for source, target in ((a, b), (b, c), (a, c)):
        chain.connect(source, target, link="async")

    drawn = scene(chain, {})
    assert [(edge["from"], edge["to"]) for edge in drawn["edges"]] == [
        ("a", "b"), ("a", "a>c\n0"), ("a>c\n0", "c"), ("b", "c"),
    ]  # fmt: skip
    assert [edge["arrows"]["to"]["enabled"] for edge in drawn["edges"]] == [True, False, True, True]
    assert [edge.get("label") for edge in drawn["edges"]] == ["async", "async", None, "async"]


def test_the_canvas_is_as_high_as_its_chain_needs():
    wide = ck.Chain("high")
    wide.add(ck.SnsTopic("events"))
    for k in range(8):
        wide.add(ck.LambdaFunction(f"f{k}"))
        wide.connect("events", f"f{k}")

    assert scene(ck.Chain("empty"), {})["height"] == 240
    assert scene(wide, {})["height"] == 560


def test_a_hover_tells_the_settings_that_differ_from_the_defaults():
    chain = ck.Chain("two")
    jobs, pay = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay", memory_mb=256))
    chain.connect(jobs, pay, batch_size=5)
    drawn = scene(chain, {})

    assert [node["title"] for node in drawn["nodes"]] == ["jobs: SQS queue", "pay: Lambda function\nmemory_mb: 256"]
    assert [edge["title"] for edge in drawn["edges"]] == ["jobs > pay: mapping\nbatch_size: 5"]


def test_a_long_setting_is_cut_in_a_hover():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", environment={"LONG": "x" * 500}))

    assert len(scene(chain, {})["nodes"][0]["title"]) < 200


def test_a_group_is_a_frame():
    chain = orders()
    chain.group("Payments", ["jobs", "pay"])

    assert scene(chain, {})["frames"] == [{"title": "Payments", "services": ["jobs", "pay"]}]


def test_a_missing_vis_network_is_said_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    with pytest.raises(MissingError, match="pyvis is not installed"):
        vis_network()
