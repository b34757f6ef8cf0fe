"""The cost panel: the marker moves dollars, bill and sentence; designs, free tier and volume are chosen by hand."""

import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.units import plain, usd
from chainkit.widgets.costing import CostPanel, product
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS
from tests.widgets.test_sliders import LOAD


def state_of(chain: ck.Chain) -> State:
    return State(chain, LOAD, requests=1_000, seed=1)


@pytest.fixture
def panel():
    made = CostPanel(state_of(ck.example("orders")), designs=["sqs", "sns"])
    made.refresh()
    return made


def send(panel: CostPanel, **gesture) -> dict:
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({**gesture, "n": 7}, [])
    return answers[-1]


def test_the_designer_has_it_in_a_tab():
    assert TABS["Cost"]() is CostPanel


def test_nothing_is_run_before_somebody_looks():
    panel = CostPanel(state_of(ck.example("orders")))

    assert panel.board.scene == {"is_stale": True}
    send(panel, kind="current")
    assert not panel.board.scene["is_stale"]
    assert panel.board.scene["names"] == ["this chain"]


def test_the_marker_stands_first_where_the_traffic_is(panel):
    month = ck.bill(panel.comparison.runs["sqs"].chain, panel.comparison.runs["sqs"])

    assert panel.volume == round(month.requests_per_month) != month.requests_per_month
    assert panel.board.scene["stops"][panel.board.scene["at"]]["requests"] == panel.volume


def test_the_bill_follows_the_marker_and_adds_up(panel):
    place = 90
    send(panel, kind="volume", at=place)
    volume = panel.board.scene["stops"][place]["requests"]
    run = panel.comparison.runs["sqs"]
    month = ck.bill(run.chain, run, requests_per_month=volume)

    assert panel.board.bill["total"] == usd(month.total_usd) == panel.board.scene["stops"][place]["usd"][0]
    assert [line["usd"] for line in panel.board.bill["lines"]] == [usd(line.usd) for line in month.lines]


def test_every_line_says_quantity_times_price_its_source_and_its_story(panel):
    month = panel.curve.bill("sqs", panel.volume)

    for shown, line in zip(panel.board.bill["lines"], month.lines, strict=True):
        assert all(plain(each.usd_per_unit) in shown["sum"] for each in line.tiers if each.quantity)
        assert line.source in shown["source"]
        assert line.date in shown["source"]
        assert shown["story"] in month.explain(line.node)


def test_what_is_free_stands_on_the_line():
    month = ck.estimate({"app": ck.SqsUse(sends=3e6)}, free_tier=True)

    assert product(month.lines[0]) == "2,000,000 request \u00d7 $0.0000004 + 1,000,000 free"


def test_moving_the_marker_leaves_the_curves_alone(panel):
    before = panel.board.scene
    send(panel, kind="volume", at=10)

    assert panel.board.scene is before


def test_the_free_tier_is_switched(panel):
    before = panel.board.scene["stops"][40]["usd"]
    send(panel, kind="free", is_on=True)
    run = panel.comparison.runs["sqs"]
    place = next(k for k, each in enumerate(panel.board.scene["stops"]) if each["requests"] == panel._stops[40])
    month = ck.bill(run.chain, run, requests_per_month=panel._stops[40], free_tier=True)

    assert panel.board.scene["free_tier"]
    assert panel.board.scene["stops"][place]["usd"][0] == usd(month.total_usd)
    assert panel.board.scene["stops"][place]["usd"] != before
    assert "with the free tier" in panel.twin()


def test_a_volume_is_typed_to_the_request(panel):
    send(panel, kind="type", volume=4_123_457)

    assert panel.volume == 4_123_457
    assert panel.board.scene["stops"][panel.board.scene["at"]]["requests"] == 4_123_457


def test_volumes_are_whole_requests_and_the_bill_is_of_that(panel):
    send(panel, kind="type", volume=4_123_457.6)

    assert panel.volume == 4_123_458
    assert all(each["requests"].is_integer() for each in panel.board.scene["stops"])
    assert "4,123,458 requests a month" in panel.board.bill["title"]


@pytest.mark.parametrize("volume", [0, -1, 1e13, "many", None, True, float("nan")])
def test_a_volume_that_is_none_is_refused(panel, volume):
    before = panel.volume

    assert "requests_per_month=" in send(panel, kind="type", volume=volume)["refusal"]["problem"]
    assert panel.volume == before


def test_variants_are_chosen_and_refused_ones_say_why():
    panel = CostPanel(state_of(ck.example("orders")))
    send(panel, kind="choose", kinds=["sns", "split"])

    assert panel.board.scene["names"] == ["this chain", "sns"]
    assert panel.board.scene["chosen"] == ["sns", "split"]
    assert "split is refused" in panel.board.scene["refusals"][0]["problem"]
    assert "'snss' is unknown" in send(panel, kind="choose", kinds=["snss"])["refusal"]["problem"]


def test_the_bill_of_another_design_is_shown(panel):
    send(panel, kind="bill", of="sns")

    assert panel.board.bill["of"] == "sns"
    assert panel.board.bill["total"] == usd(panel.curve.usd("sns", panel.volume).usd)
    assert "'sqsx' is unknown" in send(panel, kind="bill", of="sqsx")["refusal"]["problem"]


def test_a_change_of_the_chain_makes_it_stale_until_it_is_seen(panel):
    chain = panel.state.chain
    panel.state.set("payment", memory_mb=2048)
    assert panel.board.scene["is_stale"]
    before = panel.board.scene["stops"][0]["usd"]
    send(panel, kind="current")

    assert not panel.board.scene["is_stale"]
    assert panel.board.scene["stops"][0]["usd"] != before
    assert chain.service("payment").memory_mb == 2048


def test_a_chain_that_cannot_be_run_says_why():
    chain = ck.example("orders")
    chain.set("jobs", visibility_timeout_s=1)
    panel = CostPanel(state_of(chain))

    assert "visibility_timeout_s=1" in panel.twin()
    assert ET.fromstring(panel.picture()).tag.endswith("svg")


@pytest.mark.parametrize("given", [["snss"], {}, {"a": 3}, "sqs"])
def test_designs_that_are_none_are_refused(given):
    with pytest.raises(ck.ConfigError):
        CostPanel(ck.example("orders"), LOAD, given)


def test_an_unknown_gesture_is_answered(panel):
    assert "unknown" in send(panel, kind="dance")["refusal"]["problem"]
    assert "unknown" in send(panel, kind="volume", at=10_000)["refusal"]["problem"]


def test_the_twin_says_dollars_sentence_and_bill(panel):
    text = panel.twin()
    at = panel.board.scene["stops"][panel.board.scene["at"]]

    assert all(each in text for each in [*at["usd"], at["cheapest"], *at["sentences"]])
    assert "bill of sqs:" in text
    root = ET.fromstring(panel.picture())
    assert at["usd"][0] in " ".join(root.itertext())
