"""The load curve in JupyterLab in Chromium: drawn by mouse and by keys, while the kernel's figures follow."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

PANEL = """\
import chainkit as ck
from chainkit.widgets.traffic import TrafficPanel
chain = ck.Chain("one")
chain.add(ck.LambdaFunction("f", duration=0.1))
panel = TrafficPanel(chain, ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)]))
panel.state.refresh()
panel"""
LOOK = """\
run = panel.state.figures.run
print(len(panel.load.points), max(panel.load.points, key=lambda each: each[1]), run.load == panel.load, run.requests)"""


def centre(point: Locator) -> tuple[float, float]:
    box = point.locator(".ck-dot").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def looked(page: Page) -> Locator:
    """Run the second cell again, and return what it prints."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    return cell.locator(".jp-OutputArea-output")


def rested(page: Page) -> None:
    """Wait until the kernel has run all requests with what is drawn."""
    expect(page.locator(".ck-plot")).to_have_attribute("aria-busy", "false", timeout=30_000)


def said(page: Page) -> Locator:
    return page.locator(".ck-curve [role=status]")


def test_a_point_is_dragged_and_one_is_added_on_the_line_and_the_kernel_runs_what_is_drawn(lab):
    page = lab.open(PANEL, LOOK)
    points = page.get_by_role("slider", name=re.compile("^Point"))
    expect(points).to_have_count(3, timeout=90_000)

    x, y = centre(points.nth(1))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y + 40, steps=40)
    expect(points.nth(1)).not_to_have_attribute("aria-valuenow", "10")
    page.mouse.up()
    rate = page.get_by_label("requests per second", exact=True)
    expect(rate).not_to_have_value("6")
    rested(page)  # then the axes are those of the new line

    (x1, y1), (x2, y2) = centre(points.nth(1)), centre(points.nth(2))
    page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2)
    page.mouse.down()
    page.mouse.move((x1 + x2) / 2, y2, steps=5)
    page.mouse.up()
    expect(points).to_have_count(4)
    expect(page.get_by_text("arrivals of the last run")).to_be_visible()
    expect(page.locator(".ck-bars rect").first).to_be_attached()
    rested(page)
    expect(looked(page)).to_have_text(re.compile(r"^4 \([34]\d\d(\.\d+)?, [78](\.\d+)?\) True 20000"))
    assert lab.abroad == []


def test_the_curve_is_drawn_by_keys_alone_and_every_step_is_said(lab):
    page = lab.open(PANEL, LOOK)
    points = page.get_by_role("slider", name=re.compile("^Point"))
    expect(points).to_have_count(3, timeout=90_000)

    points.nth(0).focus()
    page.keyboard.press("Tab")
    expect(said(page)).to_have_text("10 requests per second at 10 min")
    page.keyboard.press("PageUp")
    expect(said(page)).to_have_text("12 requests per second at 10 min")
    page.keyboard.press("ArrowLeft")
    expect(points.nth(1)).to_have_attribute("aria-valuetext", re.compile(r"^12 requests per second at 9\.\d+ min$"))
    page.keyboard.press("n")
    expect(points).to_have_count(4)
    expect(points.nth(2)).to_be_focused()
    page.keyboard.press("Home")
    expect(said(page)).to_have_text(re.compile("^0 requests per second at 14.* min$"))
    expect(page.get_by_label("peak rate")).to_have_value("12")

    page.keyboard.press("Delete")
    expect(points).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(points).to_have_count(4)
    points.nth(0).focus()
    page.keyboard.press("Delete")
    expect(said(page)).to_have_text(re.compile("first and the last point stay"))
    expect(page.locator(".ck-plot")).to_have_attribute("aria-label", re.compile("^Load curve. Drawn: "))

    page.get_by_role("button", name="spike").click()
    expect(points).to_have_count(6)
    points.nth(0).focus()
    page.keyboard.press("Control+z")
    expect(points).to_have_count(4)

    # All requests are run once the hand rests.
    rested(page)
    expect(looked(page)).to_have_text(re.compile(r"^4 \(5\d\d(\.\d+)?, 12\) True 20000"))
    assert lab.abroad == []


def test_a_refused_drawing_is_said_and_the_last_good_line_comes_back(lab):
    page = lab.open(PANEL)
    points = page.get_by_role("slider", name=re.compile("^Point"))
    expect(points).to_have_count(3, timeout=90_000)

    for k in (0, 2, 1):
        points.nth(k).focus()
        page.keyboard.press("Home")
    expect(said(page)).to_have_text(re.compile("have no requests under their line"))
    expect(points.nth(1)).not_to_have_attribute("aria-valuenow", "0")
    assert lab.abroad == []


def test_what_is_typed_wrong_stays_beside_its_reason(lab):
    page = lab.open(PANEL)
    peak = page.get_by_label("peak rate")
    expect(peak).to_have_value("10", timeout=90_000)

    peak.fill("lots")
    peak.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="peak_per_s='lots' is outside 0..1000000")).to_be_visible()
    expect(peak).to_have_value("lots")
    peak.fill("40")
    peak.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="is outside")).to_have_count(0)
    expect(page.get_by_role("slider").nth(1)).to_have_attribute("aria-valuenow", "40")

    page.get_by_label("kind of traffic").select_option("Spike")
    expect(page.get_by_label("every_s")).to_have_value("600")
    expect(page.get_by_role("slider")).to_have_count(0)
