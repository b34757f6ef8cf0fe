"""The figures as text and SVG."""

import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.widgets.figures import figures
from chainkit.widgets.figures_twin import svg, text
from chainkit.widgets.state import State
from tests.examples import orders

SVG = "{http://www.w3.org/2000/svg}"


def made_of(chain, requests=500):
    state = State(chain, ck.Poisson(rate_per_s=4), requests=requests, seed=1)
    state.refresh()
    return figures(state)


@pytest.fixture(scope="module")
def made():
    return made_of(orders())


def test_the_text_says_every_figure_that_the_panel_shows(made):
    said = text(made)

    for row in [*made["percentiles"]["rows"], *made["bill"]["services"]]:
        assert row.get("text", row.get("usd")) in said
    for word in ("completed", "takes most of a request's time", "fix: "):
        assert word in said


def test_the_svg_has_a_dot_per_percentile_and_a_bar_per_service(made):
    root = ET.fromstring(svg(made))
    finite = [row for row in made["percentiles"]["rows"] if row["x"] is not None and not row["never"]]

    assert len(root.findall(f"{SVG}circle")) == len(finite)
    assert len(root.findall(f"{SVG}rect")) == 1 + len(made["bill"]["services"])


def test_nothing_is_drawn_outside_of_the_picture(made):
    root = ET.fromstring(svg(made))
    height, width = float(root.get("height")), float(root.get("width"))

    for each in root.iter(f"{SVG}text"):
        assert 0 <= float(each.get("x")) <= width
        assert 0 <= float(each.get("y")) <= height


def test_the_same_figures_give_the_same_picture(made):
    assert svg(made) == svg(made_of(orders()))


def test_an_empty_chain_and_one_with_errors_say_so_in_both():
    chain = orders()
    chain.set("jobs", visibility_timeout_s=1)

    assert "visibility_timeout_s=1" in text(made_of(chain))
    assert "visibility_timeout_s=1" in svg(made_of(chain))
    assert "add a first service" in svg(made_of(ck.Chain("new")))


def test_text_of_a_chain_is_never_markup():
    chain = ck.Chain("a<b>")
    chain.add(ck.LambdaFunction("pay"))

    assert "<b>" not in svg(made_of(chain))
