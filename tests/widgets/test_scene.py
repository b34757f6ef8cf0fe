"""Scenes of the canvas: plain values that travel to the browser as JSON, and say what the picture says."""

import json

import pytest

import chainkit as ck
from chainkit.checks.findings import Finding
from chainkit.pictures import picture
from chainkit.service import registry
from chainkit.widgets.reckoning import HEATS, Reckoning, reckon
from chainkit.widgets.scene import FILES, HIGHEST, LOWEST, STORIES, scene
from chainkit.wiring import fitting
from tests.examples import EXAMPLES, orders


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_scene_is_json_and_holds_every_card_and_link(make):
    chain = make()
    travelled = json.loads(json.dumps(scene(chain), allow_nan=False))

    assert travelled == scene(chain)
    assert [card["id"] for card in travelled["cards"]] == list(chain.services)
    assert {wire["id"] for wire in travelled["wires"]} == {key for *_, key in chain.graph.edges(keys=True)}


def test_cards_stand_where_the_picture_has_them():
    drawn = {card.name: (card.x, card.y) for card in picture(orders()).cards}

    assert {card["id"]: (card["x"], card["y"]) for card in scene(orders())["cards"]} == drawn


def test_what_a_run_says_stands_on_cards_and_links():
    known = reckon(Reckoning(), orders(), ck.Steady(rate_per_s=4), requests=1_000, seed=1, at=None, is_quick=False)
    shown = scene(orders(), known)
    cards, wires = ({each["id"]: each for each in shown[name]} for name in ("cards", "wires"))

    assert cards["pay"]["notes"] == [*known.card_notes()["pay"]]
    assert wires["validate>jobs"]["note"].startswith("4/s")
    for of in HEATS:
        assert sum(card["heat"][of] for card in cards.values()) == pytest.approx(1, abs=0.001) or of == "failure"


def test_findings_mark_their_card_or_link_but_the_least_of_them():
    def finding(severity, where):
        return Finding(
            rule="rule", severity=severity, where=where, problem="odd", effect="slow", source="AWS", fix="mend it"
        )

    found = finding("medium", "pay"), finding("high", "pay"), finding("high", "jobs>pay"), finding("low", "jobs")
    shown = scene(orders(), Reckoning(findings=found))
    marks = {each["id"]: each["warning"] for each in (*shown["cards"], *shown["wires"]) if each["warning"]}

    assert marks == {"pay": "high", "jobs>pay": "high"}


def test_a_link_over_several_layers_says_where_it_passes():
    chain = ck.Chain("long")
    a, b, c = (chain.add(ck.LambdaFunction(name)) for name in "abc")
    for source, target in ((a, b), (b, c), (a, c)):
        chain.connect(source, target, link="async")

    assert {wire["id"]: len(wire["via"]) for wire in scene(chain)["wires"]} == {"a>b": 0, "b>c": 0, "a>c": 1}


def test_the_canvas_is_as_high_as_its_chain_needs():
    wide = ck.Chain("high")
    wide.add(ck.SnsTopic("events"))
    for k in range(8):
        wide.add(ck.LambdaFunction(f"f{k}"))
        wide.connect("events", f"f{k}")

    assert scene(ck.Chain("empty"))["height"] == LOWEST
    assert scene(wide)["height"] == HIGHEST


def test_the_palette_holds_every_service_by_its_label():
    assert {item["kind"]: item["label"] for item in scene(ck.Chain("one"))["palette"]} == {
        name: cls.label for name, cls in registry.items()
    }


@pytest.mark.parametrize("a", sorted(registry))
@pytest.mark.parametrize("b", sorted(registry))
def test_what_fits_is_what_wiring_says_and_else_why_not(a, b):
    fit = scene(ck.Chain("one"))["fits"][a][b]
    words = fitting(registry[a]("from"), registry[b]("to"))

    assert fit.get("words", []) == words
    assert words or "'from'" not in fit["why"]


def test_frames_and_tools_are_told():
    chain = orders()
    chain.group("Payments", ["jobs", "pay"])
    shown = scene(chain, off=["undo"])

    assert shown["groups"] == [{"title": "Payments", "cards": ["jobs", "pay"]}]
    assert (shown["off"], shown["files"], shown["stories"]) == (["undo"], [*FILES], [*STORIES])


def test_a_topic_alone_has_heat_for_its_canvas():
    chain = ck.Chain("one")
    chain.add(ck.SnsTopic("news"))
    known = reckon(Reckoning(), chain, ck.Steady(rate_per_s=4), requests=20, seed=1, at=None, is_quick=False)

    assert json.dumps(scene(chain, known)["cards"], allow_nan=False)
