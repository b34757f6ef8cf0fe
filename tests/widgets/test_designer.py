"""The designer: canvas, forms and figures on one chain, and a static twin for where there is no kernel."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.operations import replay
from chainkit.pictures import svg
from tests.examples import EXAMPLES, orders


@pytest.fixture
def designer():
    return ck.Designer(orders(), requests=50)


def test_selecting_on_the_canvas_shows_the_form(designer):
    designer.canvas.selected = ["pay"]

    assert "memory_mb" in designer.form_panel.fields


def test_selecting_by_name_selects_on_the_canvas(designer):
    designer.form_panel.selection.value = "jobs>pay"

    assert designer.canvas.selected == ["jobs>pay"]


def test_a_change_in_the_form_is_in_the_chain_the_figures_and_the_picture(designer):
    designer.canvas.selected = ["pay"]
    before = designer.figures_panel.shown.value if hasattr(designer.figures_panel, "shown") else None
    drawn = designer.canvas.scene
    designer.form_panel.fields["duration"].control.value = "1.5"

    assert designer.state.chain.service("pay").behaviour().work.mean_s == 1.5
    assert before is None or designer.figures_panel.shown.value != before
    assert designer.canvas.scene != drawn


def test_every_operation_is_one_on_the_chain_that_was_given():
    chain = orders()
    designer = ck.Designer(chain, requests=50)
    designer._gesture({"kind": "add", "what": "SnsTopic"})

    assert len(chain.services) == 6
    assert designer.canvas.selected == ["topic"]


def test_the_history_does_the_same_to_another_chain(designer):
    designer._gesture({"kind": "rename", "key": "jobs", "name": "queue"})
    designer._gesture({"kind": "move", "places": {"pay": [700, 300]}})
    again = replay(orders(), designer.history)

    assert again == designer.state.chain
    assert again.layout == designer.state.chain.layout


def test_what_a_cell_changes_is_drawn_after_refresh(designer):
    designer.state.chain.add(ck.SqsQueue("late"))
    designer.refresh()

    assert "late" in [card["id"] for card in designer.canvas.scene["cards"]]
    assert "undo" not in designer.canvas.scene["off"]


def test_a_card_that_is_moved_stays_there(designer):
    designer._gesture({"kind": "move", "places": {"pay": [700, 300]}})

    assert designer.state.chain.layout["pay"] == (700, 300)
    assert [(c["x"], c["y"]) for c in designer.canvas.scene["cards"] if c["id"] == "pay"] == [(700, 300)]


def test_the_delete_key_removes_what_is_selected(designer):
    designer.canvas.selected = ["dead"]
    designer._gesture({"kind": "remove", "keys": ["dead"]})

    assert "dead" not in designer.state.chain.services
    assert designer.canvas.selected == []


def test_tools_that_have_nothing_to_do_are_off(designer):
    assert designer.canvas.scene["off"] == ["undo", "redo"]
    designer._gesture({"kind": "remove", "keys": ["dead"]})
    assert designer.canvas.scene["off"] == ["redo"]
    designer._gesture({"kind": "undo"})
    assert designer.canvas.scene["off"] == ["undo"]


def test_editing_without_a_selection_and_messages_without_a_kind_end_in_no_traceback(designer):
    assert designer._gesture({"kind": "edit"}) == {"field": ""}
    with pytest.raises(ck.ConfigError, match="gesture None is unknown"):
        designer._gesture({})


def test_the_repr_is_stable(designer):
    assert repr(designer) == "Designer('orders', 5 services)"


def test_the_static_twin_is_svg_and_text_beside_the_widget(designer):
    bundle = designer._repr_mimebundle_()

    assert bundle["text/plain"] == f"Designer('orders', 5 services)\n{designer.state.chain}"
    assert bundle["image/svg+xml"] == svg(designer.state.chain, designer.state.notes())
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_static_twin_says_what_the_figures_say(designer):
    text = "".join(ET.fromstring(designer._repr_mimebundle_()["image/svg+xml"]).itertext())

    assert designer.state.notes()["pay"] in text


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_every_example_has_a_designer(make):
    assert repr(ck.Designer(make(), requests=20)).startswith("Designer(")


def test_an_empty_chain_has_a_designer():
    designer = ck.Designer(ck.Chain("new"))

    assert "is empty" in designer.state.figures.errors[0].problem
    assert designer.canvas.scene["hint"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"chain": "orders"}, "Designer: 'orders' is no chain"),
        ({"load": 3}, "Designer: load=3 is no load"),
        ({"requests": "many"}, "Designer: requests='many' is no number of requests"),
    ],
)
def test_a_designer_of_nothing_that_runs_is_refused(given, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        ck.Designer(**{"chain": orders(), **given})


def test_the_designer_writes_no_file(tmp_path):
    program = "import chainkit as ck; c = ck.Chain('c'); c.add(ck.SqsQueue('q')); ck.Designer(c, requests=10)"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_is_not_there_is_refused_when_the_designer_is_made():
    with pytest.raises(ck.WiringError, match="no service 'nope'"):
        ck.Designer(orders(), requests=50, at="nope")


def test_the_traffic_panel_outlives_the_service_where_requests_enter():
    designer = ck.Designer(orders(), requests=50)
    designer.state.set_entry("pay")
    designer.state.remove("pay")

    assert designer.panels["Traffic"].entry.control.value == "where nothing leads"
    assert "pay" not in {card["id"] for card in designer.canvas.scene["cards"]}
