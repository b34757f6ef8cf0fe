"""The sizing panel: memory by hand, moves that are taken as steps, results of Power Tuning."""

import json
import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.units import seconds, usd
from chainkit.widgets.sizing import SizingPanel
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS
from tests.widgets.test_sliders import LOAD

RESULT = {
    "power": "512",
    "stats": [
        {"value": 256, "averagePrice": 8e-7, "averageDuration": 190.0},
        {"value": 512, "averagePrice": 9e-7, "averageDuration": 105.0},
    ],
}


@pytest.fixture
def panel():
    chain = ck.Chain("two")
    a = chain.add(ck.LambdaFunction("a", timeout_s=10, duration=0.05, memory_mb=256, cpu_fraction=0.5))
    b = chain.add(ck.LambdaFunction("b", timeout_s=5, duration=0.4, memory_mb=256, cpu_fraction=0.9))
    chain.connect(a, b, needs_answer=True)
    made = SizingPanel(State(chain, ck.Poisson(rate_per_s=4), requests=1_000, seed=1))
    made.refresh()
    return made


def send(panel: SizingPanel, **gesture) -> dict:
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({**gesture, "n": 7}, [])
    return answers[-1]


def steps(panel: SizingPanel) -> list[str]:
    return [str(each) for each in panel.state.history]


def test_the_designer_has_it_in_a_tab():
    assert TABS["Sizes"]() is SizingPanel


def test_nothing_is_run_before_somebody_looks():
    assert SizingPanel(ck.example("orders"), LOAD).curve is None


def test_the_dearest_function_is_shown_or_the_selected_one(panel):
    cost = panel.state.figures.bill.node_usd()
    assert panel.board.scene["function"] == max(cost, key=cost.get) == "a"  # it waits for b
    panel.state.select("b")
    assert panel.board.scene["is_stale"]
    send(panel, kind="current")

    assert panel.board.scene["function"] == "b"


def test_every_stop_says_what_the_library_says(panel):
    curve = ck.memory_curve(panel.state.chain, panel.curve.function, load=panel.state.load, requests=1_000, seed=1)

    for stop, size, (_, value, _) in zip(panel.board.scene["stops"], curve.sizes, curve.chain, strict=True):
        assert stop["memory_mb"] == size.memory_mb
        assert stop["figures"]["duration, mean"] == seconds(size.duration_mean_s)
        assert stop["figures"]["a million runs"] == usd(size.usd_per_million)
        assert stop["figures"]["chain, response p95"].startswith(seconds(value))
    scene = panel.board.scene
    marked = {each["word"]: scene["stops"][each["at"]]["memory_mb"] for each in scene["marks"]}
    known = {"cheapest": curve.cheapest, "balanced": curve.balanced(), "fastest": curve.fastest}
    assert marked == {word: size.memory_mb for word, size in known.items()}


def test_a_size_is_taken_as_one_step(panel):
    name = panel.curve.function
    send(panel, kind="take_size", memory_mb=1024)

    assert steps(panel) == [f"chain.set({name!r}, memory_mb=1024)"]
    assert panel.board.scene["now"] == 1024
    send(panel, kind="undo")
    assert (panel.state.history, panel.board.scene["now"]) == ((), 256)


def test_a_size_that_lambda_does_not_have_is_refused_beside_the_slider(panel):
    send(panel, kind="take_size", memory_mb=64)

    assert "memory_mb=64 is outside" in panel.board.scene["refusals"]["size"]["problem"]
    assert panel.state.history == ()


def test_moves_are_listed_with_their_reasons_and_taken_one_by_one_or_all(panel):
    send(panel, kind="right_size", limit="300 ms", figure="response_p95_s")
    known = ck.right_size(
        panel.state.chain, panel.state.load, latency_s=0.3, figure="response_p95_s", requests=1_000, seed=1
    )
    moves = panel.board.scene["sizing"]["moves"]
    assert [move["reason"] for move in moves] == [move.reason for move in known.moves]
    assert len(moves) > 1
    assert panel.state.history == ()

    send(panel, kind="take", place=1)
    assert len(panel.state.history) == 1
    assert [move["is_taken"] for move in panel.board.scene["sizing"]["moves"]].count(True) == 1
    send(panel, kind="take_all")
    assert panel.state.chain == known.chain
    assert len(panel.state.history) == len(moves)  # what was taken before is not done again
    assert all(move["is_taken"] for move in panel.board.scene["sizing"]["moves"])
    assert not panel.board.scene["sizing"]["is_old"]

    send(panel, kind="undo")  # all that were taken together are one step
    assert [move["is_taken"] for move in panel.board.scene["sizing"]["moves"]].count(True) == 1
    send(panel, kind="undo")
    assert panel.state.history == ()


def test_what_is_under_way_is_said(panel):
    said = []
    panel.board.observe(lambda change: said.append(change["new"].get("progress")), names="scene")
    send(panel, kind="right_size", limit="300 ms", figure="response_p95_s")

    assert said[0] == "right-sizing two: designs within 300 ms are looked for, 1,000 requests each \u2026"
    assert said[-1] == ""


def test_moves_of_a_chain_that_has_changed_since_say_so(panel):
    send(panel, kind="right_size", limit="300 ms", figure="response_p95_s")
    panel.state.set("a", error_rate=0.5)
    send(panel, kind="current")

    assert panel.board.scene["sizing"]["is_old"]


@pytest.mark.parametrize("limit", ["soon", "", "-1", "0 ms", None])
def test_a_limit_that_is_none_is_refused_beside_its_field(panel, limit):
    send(panel, kind="right_size", limit=limit, figure="response_p95_s")

    assert panel.board.scene["refusals"]["limit"]["problem"]
    assert panel.board.scene["sizing"] == {}


def test_nothing_to_take_is_said(panel):
    send(panel, kind="take", place=0)

    assert "no such move" in panel.board.scene["refusals"]["moves"]["problem"]


def test_a_result_of_power_tuning_is_read_into_the_function(panel):
    name = panel.curve.function
    send(panel, kind="tuning", text=json.dumps(RESULT))
    service = panel.state.chain.service(name)

    assert (service.measured_memory_mb, service.cpu_fraction) == (512, pytest.approx(0.809524))
    assert service.duration.mean_s == pytest.approx(0.105)
    assert len(panel.state.history) == 1
    assert name in panel.board.scene["said"]


@pytest.mark.parametrize("text", ["", "no", "{}", "/etc/hostname", None, '{"stats": []}', "https://example.com/#"])
def test_what_is_no_result_is_refused_beside_the_text_and_no_path_is_opened(panel, text):
    send(panel, kind="tuning", text=text)

    assert "power tuning" in panel.board.scene["refusals"]["tuning"]["problem"].lower()
    assert panel.state.history == ()


def test_where_nobody_waits_completions_alone_can_be_limited():
    chain = ck.Chain("queue")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("work", timeout_s=5, cpu_fraction=0.5))
    chain.connect("jobs", "work")
    panel = SizingPanel(State(chain, ck.Poisson(rate_per_s=4), requests=600, seed=1))
    panel.refresh()

    assert {each["key"] for each in panel.board.scene["figures"]} == {"completion_p95_s", "completion_p99_s"}
    assert panel.board.scene["figure"] == "completion_p95_s"


def test_completion_is_shown_of_a_function_behind_the_answer_until_a_time_is_chosen():
    panel = SizingPanel(State(ck.example("orders"), LOAD, requests=1_000, seed=1))
    panel.state.select("payment")
    panel.refresh()
    assert panel.board.scene["figure"] == "completion_p95_s"
    panel.state.select("validate")
    send(panel, kind="current")
    assert panel.board.scene["figure"] == "response_p95_s"
    send(panel, kind="figure", figure="response_p99_s")
    panel.state.select("payment")
    send(panel, kind="current")

    assert panel.board.scene["figure"] == "response_p99_s" == panel.curve.figure


def test_a_chain_without_functions_says_so():
    chain = ck.Chain("bare")
    chain.add(ck.SqsQueue("jobs"))
    panel = SizingPanel(State(chain, ck.Poisson(rate_per_s=4), requests=100, seed=1))

    assert "no function with memory to choose" in panel.twin()
    assert ET.fromstring(panel.picture()).tag.endswith("svg")


def test_an_unknown_gesture_is_answered(panel):
    assert "unknown" in send(panel, kind="dance")["refusal"]["problem"]


def test_the_twin_holds_the_curve_and_the_moves(panel):
    panel.right_size(0.3)

    assert str(panel.curve) in panel.twin()
    assert str(panel.sizing) in panel.twin()
    assert "cheapest" in " ".join(ET.fromstring(panel.picture()).itertext())
