"""Tabs: every panel is there, stands alone, and is loaded when its tab is opened."""

import subprocess
import sys

import pytest

import chainkit as ck
from chainkit.widgets.panel import Panel
from chainkit.widgets.tabs import TABS
from tests.examples import orders


@pytest.mark.parametrize("title", TABS)
def test_every_tab_has_a_panel_that_stands_alone(title):
    panel = TABS[title]()(orders())
    bundle = panel._repr_mimebundle_()

    assert isinstance(panel, Panel)
    assert bundle["text/plain"].startswith(repr(panel))
    assert bundle["image/svg+xml"].startswith("<svg")


def test_a_panel_is_made_when_its_tab_is_opened_and_once():
    designer = ck.Designer(orders(), requests=20)
    tabs = designer.panels.tabs
    assert tabs.children[[*TABS].index("History")].children == ()
    tabs.selected_index = [*TABS].index("History")

    assert tabs.children[tabs.selected_index].children == (designer.panels["History"],)
    assert designer.panels["History"] is designer.panels["History"]
    assert [*designer.panels] == [*TABS]
    assert len(designer.panels) == len(TABS)


def test_a_designer_loads_no_deployment_before_its_tab_is_opened():
    program = (
        "import sys, chainkit as ck; c = ck.Chain('c'); c.add(ck.SqsQueue('q')); ck.Designer(c, requests=10);"
        "print('boto3' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
