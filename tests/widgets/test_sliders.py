"""The sliders panel: figures move while a hand does, a drag is one step, and what is refused says why."""

import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.widgets.sliders import SlidersPanel
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS

LOAD = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
MEMORY = "payment.memory_mb"


def state_of(chain: ck.Chain, requests: int = 2_000) -> State:
    return State(chain, LOAD, requests=requests, seed=1)


@pytest.fixture
def panel():
    return SlidersPanel(state_of(ck.example("orders")))


@pytest.fixture
def pair():
    return SlidersPanel(state_of(ck.example("orders")), designs=["sqs", "sns"])


def send(panel: SlidersPanel, **gesture) -> dict:
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({**gesture, "n": 7}, [])
    return answers[-1]


def place(panel: SlidersPanel, key: str, value) -> int:
    return next(each for each in panel.knobs if each.key == key).stops.index(value)


def drag(panel: SlidersPanel, key: str, *values) -> None:
    for value in values:
        send(panel, kind="move", key=key, at=place(panel, key, value))
    send(panel, kind="move", key=key, at=place(panel, key, values[-1]), is_over=True)


def figure(panel: SlidersPanel, key: str, column: int = 0) -> str:
    return panel.board.scene["columns"][column]["cells"][key]["value"]


def test_the_designer_has_it_in_a_tab():
    assert TABS["Sliders"]() is SlidersPanel


def test_the_usual_knobs_are_rate_memory_failures_and_size_of_the_busiest(panel):
    assert [each.key for each in panel.knobs] == [
        "load.rate_per_s", MEMORY, "payment.error_rate", "payment>events.message_bytes",
    ]  # fmt: skip


def test_the_knobs_follow_the_selection(panel):
    panel.state.select("validate")
    assert panel.is_stale
    send(panel, kind="current")

    assert [each.key for each in panel.knobs][1:3] == ["validate.memory_mb", "validate.error_rate"]


def test_a_held_slider_moves_the_figures_and_not_the_chain(panel):
    before = figure(panel, "usd_per_month")
    answer = send(panel, kind="move", key=MEMORY, at=place(panel, MEMORY, 3008))

    assert "refusal" not in answer
    assert figure(panel, "usd_per_month") != before
    assert panel.board.scene["is_quick"]
    assert panel.state.chain.service("payment").memory_mb == 512
    assert panel.state.history == ()


def test_the_figures_of_a_held_slider_are_those_of_the_chain_with_that_setting():
    panel = SlidersPanel(state_of(ck.example("orders"), requests=1_000))
    send(panel, kind="move", key=MEMORY, at=place(panel, MEMORY, 3008))
    other = ck.example("orders")
    other.set("payment", memory_mb=3008)
    own = ck.compare({"a": other}, LOAD, requests=1_000, seed=1)

    assert panel.comparison.interval("usd_per_month", "this chain") == own.interval("usd_per_month", "a")
    assert panel.comparison.interval("completion_p95_s", "this chain") == own.interval("completion_p95_s", "a")


def test_a_drag_is_one_step_and_can_be_taken_back(panel):
    before = panel.twin()
    drag(panel, MEMORY, 768, 1024, 2048)

    assert [str(each) for each in panel.state.history] == ["chain.set('payment', memory_mb=2048)"]
    assert not panel.board.scene["is_quick"]
    assert panel.comparison.runs["this chain"].requests == 2_000
    assert panel.state.undo()
    send(panel, kind="current")
    assert panel.twin() == before


def test_the_panel_takes_its_last_drag_back_traffic_too(panel):
    drag(panel, MEMORY, 1024)
    drag(panel, "load.rate_per_s", 40.0)
    assert panel.load.rate_per_s == 40
    send(panel, kind="undo")
    assert (panel.load.rate_per_s, panel.state.chain.service("payment").memory_mb) == (4, 1024)
    send(panel, kind="undo")

    assert panel.state.chain.service("payment").memory_mb == 512
    assert panel.state.history == ()
    assert not panel.board.scene["can_undo"]


def test_a_drag_back_to_where_it_began_is_no_step(panel):
    drag(panel, MEMORY, 1024, 512)

    assert panel.state.history == ()
    assert not panel.board.scene["can_undo"]


def test_what_is_refused_says_why_beside_its_slider_and_changes_nothing():
    panel = SlidersPanel(state_of(ck.example("orders")), knobs={MEMORY: [64, 512, 1024]})
    before = figure(panel, "usd_per_month")
    send(panel, kind="move", key=MEMORY, at=0)
    assert "memory_mb=64 is outside 128..10240" in panel.board.scene["refusals"][MEMORY]["problem"]
    send(panel, kind="move", key=MEMORY, at=0, is_over=True)

    assert "memory_mb=64" in panel.board.scene["refusals"][MEMORY]["problem"]
    assert (panel.state.history, figure(panel, "usd_per_month")) == ((), before)
    send(panel, kind="move", key=MEMORY, at=2)
    assert panel.board.scene["refusals"] == {}


def test_what_aws_would_refuse_between_services_is_refused_too():
    panel = SlidersPanel(state_of(ck.example("orders")), knobs={"jobs.visibility_timeout_s": (1, 120)})

    assert not panel.move("jobs.visibility_timeout_s", 1)
    assert "visibility_timeout_s" in panel.board.scene["refusals"]["jobs.visibility_timeout_s"]["problem"]


def test_a_chain_that_cannot_be_run_says_so(panel):
    panel.state.set("jobs", visibility_timeout_s=1)
    send(panel, kind="current")

    assert "visibility_timeout_s=1" in panel.board.scene["refusals"][""]["problem"]
    assert (panel.board.scene["note"], panel.board.scene["rows"]) == ("Nothing can be run.", [])
    assert ET.fromstring(panel.picture()).tag.endswith("svg")
    assert panel.move("payment.memory_mb", 1024)  # what was wrong before holds no slider
    assert panel.state.undo()
    assert panel.state.undo()
    send(panel, kind="current")
    assert panel.board.scene["refusals"] == {}
    assert panel.board.scene["rows"]


def test_two_designs_move_together_and_the_chain_stays(pair):
    before = [figure(pair, "usd_per_month", k) for k in range(2)]
    drag(pair, "load.rate_per_s", 8.0, 20.0)
    after = [figure(pair, "usd_per_month", k) for k in range(2)]

    assert [each["title"] for each in pair.board.scene["columns"]] == ["sqs", "sns"]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert pair.load.rate_per_s == 20
    assert pair.state.load.rate_per_s == 4
    assert pair.state.history == ()
    assert pair.undo()
    assert [figure(pair, "usd_per_month", k) for k in range(2)] == before


def test_the_figures_of_designs_are_those_of_compare(pair):
    flows = ck.variants(ck.example("orders"), ["sqs", "sns"])
    known = ck.compare(flows, LOAD, requests=2_000, seed=1)

    assert pair.comparison.to_frame().equals(known.to_frame())
    assert pair.board.scene["said"] == ck.sentence(known, "sns", "sqs")


def test_one_size_of_message_moves_all_designs(pair):
    pair.move("*.message_bytes", 262_144)
    sizes = {link.message_bytes for chain in pair.designs.values() for _, link in _sized(chain)}

    assert sizes == {262_144}


def _sized(chain):
    return [(key, link) for key, link in chain.links.items() if hasattr(link, "message_bytes")]


def test_while_a_hand_moves_all_designs_have_the_same_requests(pair):
    pair.state.requests = 50_000
    send(pair, kind="move", key="load.rate_per_s", at=0)
    counts = {run.requests for run in pair.comparison.runs.values()}

    assert len(counts) == 1
    assert counts.pop() < 50_000


def test_designs_by_name_and_variants_are_taken_as_they_are():
    chain = ck.example("orders")
    other = chain.copy()
    other.set("payment", memory_mb=2048)
    panel = SlidersPanel(state_of(chain), designs={"before": chain, "after": other}, knobs=["load.rate_per_s"])

    assert [*panel.designs] == ["before", "after"]
    assert panel.designs["after"].service("payment").memory_mb == 2048


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"designs": ["sqs"]}, "1 designs given; allowed: 2..6"),
        ({"designs": ["sqs", "snss"]}, "'snss' is unknown"),
        ({"designs": {"a": 1, "b": 2}}, "sliders: 'a'"),
        ({"knobs": ["nobody.memory_mb"]}, "there is no 'nobody'"),
    ],
)
def test_what_cannot_be_shown_is_refused(given, words):
    with pytest.raises(ck.ChainkitError) as error:
        SlidersPanel(ck.example("orders"), LOAD, **given)

    assert words in str(error.value)


def test_an_unknown_gesture_and_a_place_that_is_none_are_answered(panel):
    assert "unknown" in send(panel, kind="dance")["refusal"]["problem"]
    assert "has no place 999" in send(panel, kind="move", key=MEMORY, at=999)["refusal"]["problem"]


def test_a_panel_that_nobody_sees_runs_nothing(panel):
    run = panel.comparison.runs["this chain"]
    panel.state.set("payment", memory_mb=1024)

    assert panel.is_stale
    assert panel.comparison.runs["this chain"] is run
    assert "1,024 MB" in panel.twin()


def test_the_twin_says_all_that_the_browser_shows(pair):
    text = pair.twin()

    for row in pair.board.scene["rows"]:
        for column in pair.board.scene["columns"]:
            assert column["cells"][row["key"]]["value"] in text
    assert pair.board.scene["said"] in text
    assert ET.fromstring(pair.picture()).tag.endswith("svg")
