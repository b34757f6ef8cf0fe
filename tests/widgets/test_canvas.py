"""The canvas: its JavaScript is whole, brings vis-network along, and fetches nothing."""

import re

import pytest

from chainkit.errors import MissingError
from chainkit.widgets import canvas
from chainkit.widgets.canvas import Canvas
from chainkit.widgets.scene import scene
from tests.examples import orders


@pytest.fixture
def made():
    gestures = []
    return Canvas(scene(orders(), {}), gestures.append), gestures


def test_vis_network_is_wrapped_so_that_no_loader_of_the_page_is_met(made):
    source = made[0]._esm

    assert source.startswith(
        "const vis = (function () {\nconst module = { exports: {} }, exports = module.exports, define = undefined;\n"
    )
    assert "\nreturn module.exports;\n}).call(globalThis);\n" in source
    assert source.rstrip().endswith("export default { render };")


def test_the_javascript_asks_for_no_file(made):
    ours = made[0]._esm.rpartition("}).call(globalThis);")[2]

    assert "sourceMappingURL" not in made[0]._esm
    assert re.findall(r"https?:|\bimport\b|\bfetch\b|XMLHttpRequest|<iframe", ours) == []


def test_the_style_sheet_asks_for_no_file(made):
    assert "url(" not in str(made[0]._css)


def test_a_gesture_reaches_python(made):
    widget, gestures = made
    widget._handle_custom_msg({"kind": "remove", "key": "jobs"}, [])

    assert gestures == [{"kind": "remove", "key": "jobs"}]


def test_the_canvas_has_a_stable_repr(made):
    assert repr(made[0]) == "Canvas('orders')"


def test_a_missing_vis_network_is_said_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(canvas, "find_spec", lambda _: None)

    with pytest.raises(MissingError, match="pyvis is not installed"):
        canvas._vis_source()
