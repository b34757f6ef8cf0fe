"""The figures panel without a browser: what it holds for it, and what its messages do."""

import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.widgets.figures_panel import FiguresPanel
from chainkit.widgets.state import State
from tests.examples import orders


@pytest.fixture
def panel():
    return FiguresPanel(State(orders(), ck.Poisson(rate_per_s=4), requests=500, seed=1))


@pytest.fixture
def said(panel, monkeypatch):
    """Return what the panel tells the browser."""
    told = []
    monkeypatch.setattr(panel.board, "send", told.append)
    return told


def press(panel, **message):
    panel.board._handle_custom_msg(message, [])


def keys(panel):
    return [row["key"] for group in panel.board.figures["findings"] for row in group["rows"]]


def change_of(panel, key):
    return next(tile["change"] for tile in panel.board.figures["headline"] if tile["key"] == key)


def test_it_stands_alone_and_shows_the_figures_of_a_chain_at_once():
    panel = FiguresPanel(orders())

    assert panel.board.figures["run"]["text"].startswith("20,000 requests")
    assert repr(panel) == "FiguresPanel('orders')"


def test_given_a_state_it_shows_what_is_known_and_runs_nothing(panel):
    assert panel.board.figures["run"] is None
    panel.state.refresh()

    assert panel.board.figures["run"]["text"].startswith("500 requests")


def test_a_gesture_is_followed_and_told_beside_what_was(panel):
    panel.state.refresh()
    press(panel, kind="rest")
    panel.state.set("pay", memory_mb=2048)

    assert "was $" in change_of(panel, "usd")
    assert panel.board.is_running is False


def test_a_slider_that_is_held_is_compared_with_where_it_began(panel):
    panel.state.refresh()
    press(panel, kind="rest")
    was = next(tile["text"] for tile in panel.board.figures["headline"] if tile["key"] == "usd")
    for memory_mb in (256, 512, 1024):
        panel.state.set("pay", memory_mb=memory_mb)

    assert change_of(panel, "usd").endswith(f"was {was}")


def test_after_a_rest_the_next_gesture_is_compared_with_the_last(panel):
    panel.state.refresh()
    press(panel, kind="rest")
    panel.state.set("pay", memory_mb=2048)
    press(panel, kind="rest")
    now = next(tile["text"] for tile in panel.board.figures["headline"] if tile["key"] == "usd")
    panel.state.undo()

    assert change_of(panel, "usd").endswith(f"was {now}")


def test_when_the_hand_rests_all_requests_are_run():
    state = State(orders(), ck.Poisson(rate_per_s=4), requests=5_000, seed=1)
    panel = FiguresPanel(state)
    state.figures = type(state.figures)(request_s=1.0)  # so slow that only the fewest requests are run
    state.refresh()
    quick = panel.board.figures["run"]
    press(panel, kind="rest")

    assert "when your hand rests" in quick["quick"]
    assert panel.board.figures["run"]["quick"] == ""
    assert panel.board.figures["run"]["text"].startswith("5,000 requests")


def test_a_fix_is_one_step_after_which_the_finding_is_gone(panel, said):
    panel.state.refresh()
    key = next(
        row["key"] for group in panel.board.figures["findings"] for row in group["rows"] if row["code"]
    )  # fmt: skip
    press(panel, kind="fix", key=key)

    assert key not in keys(panel)
    assert said[-1]["can_undo"]
    press(panel, kind="undo")
    assert key in keys(panel)
    assert panel.state.chain == orders()


def test_the_undo_of_a_fix_goes_with_the_next_step(panel, said):
    panel.state.refresh()
    press(panel, kind="fix", key=keys(panel)[0])
    panel.state.move({"pay": (10, 20)})

    assert said[-1] == {"said": ""}


def test_a_fix_of_a_finding_that_is_gone_is_refused_in_words(panel, said):
    panel.state.refresh()
    press(panel, kind="fix", key="nothing of the kind")

    assert said[-1]["refusal"]["problem"] == "there is no such finding any more"


def test_what_is_shown_is_selected(panel):
    panel.state.refresh()
    press(panel, kind="show", where="jobs>pay")

    assert panel.state.selected == "jobs>pay"


def test_an_error_keeps_the_figures_of_the_chain_before(panel):
    panel.state.refresh()
    shown = [tile["text"] for tile in panel.board.figures["headline"]]
    panel.state.set("jobs", visibility_timeout_s=1)
    made = panel.board.figures

    assert "visibility_timeout_s=1" in made["errors"][0]["problem"]
    assert made["is_old"]
    assert [tile["text"] for tile in made["headline"]] == shown
    panel.state.undo()
    assert not panel.board.figures["is_old"]


def test_where_no_widget_is_shown_the_same_figures_stand_as_text_and_svg(panel):
    panel.state.refresh()
    bundle = panel._repr_mimebundle_()

    assert bundle["text/plain"].startswith("FiguresPanel('orders')\n500 requests, Poisson")
    assert "response p95" in bundle["text/plain"]
    ET.fromstring(bundle["image/svg+xml"])
    assert "response p95" in bundle["image/svg+xml"]
