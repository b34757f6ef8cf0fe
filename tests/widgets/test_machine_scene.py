"""What the canvas draws of a machine: plain values, and what may lead to what."""

import json
from itertools import permutations

import pytest

import chainkit as ck
from chainkit.asl_edit import fitting
from chainkit.asl_ways import names
from chainkit.widgets.machine_scene import scene, scope_at
from chainkit.widgets.scene import scene as chain_scene
from tests.test_asl_edit import FLOW

SERVICES = {"pay": ck.LambdaFunction("pay")}


def drawn(definition=FLOW, **settings):
    return scene(ck.StateMachine("flow", definition=definition, **settings), SERVICES)


def test_a_scene_is_plain_values_with_all_that_the_canvas_asks_for():
    made, chain = drawn(), chain_scene(ck.Chain("one"))

    assert json.loads(json.dumps(made)) == made
    assert made.keys() == {*chain, "otherwise", "brings"}


def test_every_state_is_a_card_and_every_way_between_cards_a_wire():
    made = drawn()
    ids = {card["id"] for card in made["cards"]}

    assert ids == {"Start", *names(FLOW)}
    assert all(wire["from"] in ids and wire["to"] in ids for wire in made["wires"])
    assert len({wire["id"] for wire in made["wires"]}) == len(made["wires"])


def test_titles_of_frames_differ():
    made = drawn()

    assert len({group["title"] for group in made["groups"]}) == 2
    assert [group["text"] for group in made["groups"]] == ["branch 1", "branch 2"]


@pytest.mark.parametrize(("source", "target"), list(permutations(names(FLOW), 2)))
def test_what_fits_is_what_an_edit_accepts(source, target):
    made = drawn()
    kind = {card["id"]: card["kind"] for card in made["cards"]}
    found = made["fits"][kind[source]].get(kind[target], {"why": made["otherwise"]})
    if "words" in found:
        assert found["words"] == fitting(FLOW, source, target)
        return
    with pytest.raises(ck.ConfigError) as refused:
        fitting(FLOW, source, target)
    said = found["why"].replace("{a}", repr(source)).replace("{b}", repr(target))
    assert said.partition(":")[0] == refused.value.problem.partition(":")[0]
    assert said.partition(":")[2]


def test_the_start_leads_to_states_of_the_machine_alone():
    made = drawn()
    kind = {card["id"]: card["kind"] for card in made["cards"]}

    assert made["fits"]["Start"][kind["Both"]] == {"words": ["Start"]}
    assert "why" in made["fits"]["Start"][kind["Mail"]]
    assert "why" in made["fits"][kind["Pay"]]["Start"]


def test_nothing_that_ends_can_be_put_into_a_way():
    made = drawn()

    assert all("why" in fit for fit in made["fits"]["Fail"].values())
    assert all("words" in fit for fit in made["fits"]["Wait"].values())


def test_what_is_wrong_or_missing_is_marked_on_its_card():
    alone = {**FLOW, "States": {**FLOW["States"], "Lost": {"Type": "Pass", "End": True}}}
    cards = {card["id"]: card for card in drawn(alone)["cards"]}

    assert cards["Lost"]["warning"] == "error"
    assert "cannot be reached" in cards["Lost"]["warnings"][0]
    assert cards["Paid?"]["warning"] == "medium"
    assert cards["Pay"]["warning"] == ""


def test_a_place_is_in_the_innermost_frame_around_it():
    machine = ck.StateMachine("flow", definition=FLOW)
    group = drawn()["groups"][1]
    x, y, width, height = group["box"]

    assert scope_at(machine, (x + width / 2, y + height / 2)) == ("Both", 1)
    assert scope_at(machine, (x - 5000, y)) == ("", 0)
