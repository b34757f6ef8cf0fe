"""What all panels share: one state, one look, and a static twin."""

import pytest

import chainkit as ck
from chainkit.widgets.panel import Panel, as_state, look
from chainkit.widgets.state import State
from tests.examples import orders


def test_a_panel_takes_a_chain_a_designer_or_its_state():
    designer = ck.Designer(orders(), requests=20)

    assert as_state(designer) is as_state(designer.state) is designer.state
    assert as_state(orders()).chain == orders()


def test_panels_of_one_state_hear_the_same():
    heard = []

    class Listening(Panel):
        def hear(self, topic):
            heard.append(topic)

    state = State(orders(), ck.Poisson(rate_per_s=4), requests=20, seed=1)
    Listening(state), Listening(state)
    state.select("pay")

    assert heard == ["selection", "selection"]


@pytest.mark.parametrize("thing", ["orders", 3, None])
def test_a_panel_of_something_else_is_refused(thing):
    with pytest.raises(ck.ConfigError, match=r"panel: .* is no chain"):
        Panel(thing)


def test_a_panel_has_a_stable_repr_and_a_twin():
    panel = Panel(orders())
    bundle = panel._repr_mimebundle_()

    assert repr(panel) == "Panel('orders')"
    assert bundle["text/plain"] == f"Panel('orders')\n{orders()}"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_look_is_there_and_takes_no_room():
    assert "<style>" in look().value
    assert look().layout.display == "none"
