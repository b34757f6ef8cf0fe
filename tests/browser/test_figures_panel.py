"""The figures panel in JupyterLab in Chromium: it follows the hand, says what changed, and repairs what it found."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

DESIGN = """\
import chainkit as ck
chain = ck.Chain("orders")
api = chain.add(ck.HttpApi("api"))
pay = chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.2, cpu_fraction=1.0))
jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
ship = chain.add(ck.LambdaFunction("ship", timeout_s=10, duration=0.1))
chain.connect(api, pay)
chain.connect(pay, jobs)
chain.connect(jobs, ship)
"""
WAIT_MS = 60_000


def figures(page: Page) -> Locator:
    """Return the panel, once figures of all requests are in it."""
    panel = page.locator(".ck-figures")
    expect(panel.locator(".ck-quick")).to_contain_text("all requests run", timeout=WAIT_MS)
    return panel


def tile(panel: Locator, label: str) -> Locator:
    return panel.locator(".ck-tile").filter(has=panel.page.get_by_text(label, exact=True))


def test_memory_that_is_typed_moves_the_figures_and_a_finding_is_fixed_and_brought_back(lab):
    page = lab.open(DESIGN + "ck.Designer(chain, requests=2_000)")
    panel = figures(page)
    median = tile(panel, "response p50").locator(".ck-value")
    expect(median).to_have_text(re.compile(r"^2\d\d ms$"))
    was = median.inner_text()
    page.wait_for_timeout(800)  # the hand rests: what is done next is a gesture of its own

    page.locator(".ck-card[data-id=pay]").click()
    memory = page.get_by_label("memory_mb", exact=True)
    memory.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("1024")
    page.keyboard.press("Enter")
    expect(median).to_have_text(re.compile(r"^\d\d(\.\d)? ms$"), timeout=WAIT_MS)
    change = tile(panel, "response p50").locator(".ck-change")
    expect(change).to_have_text(re.compile(rf"^\u25bc \d\d % less, was {was}$"))
    row = panel.get_by_role("row", name=re.compile("^response p50"))
    expect(row).to_contain_text(median.inner_text())
    expect(row.locator(".ck-was")).to_have_count(1)

    fix = panel.get_by_role("button", name=re.compile("^Fix jobs: give it a dead-letter queue"))
    fix.click()
    expect(fix).to_have_count(0, timeout=WAIT_MS)
    expect(page.locator(".ck-card[data-id=jobs-dead]")).to_have_count(1)
    panel.get_by_role("button", name="Undo").click()
    expect(fix).to_have_count(1, timeout=WAIT_MS)
    expect(page.locator(".ck-card[data-id=jobs-dead]")).to_have_count(0)

    panel.get_by_role("button", name="Show").first.click()
    expect(page.locator(".is-selected").first).to_be_visible()
    assert lab.abroad == []


def test_an_error_stands_on_top_and_the_figures_of_the_chain_before_stay(lab):
    page = lab.open(
        DESIGN + "from chainkit.widgets.figures_panel import FiguresPanel\npanel = FiguresPanel(chain)\npanel",
        "panel.state.set('jobs', visibility_timeout_s=1)",
    )
    panel = page.locator(".ck-figures")
    expect(panel.get_by_role("alert")).to_contain_text("visibility_timeout_s=1", timeout=WAIT_MS)
    expect(panel.get_by_text("Of the chain before:")).to_be_visible()
    expect(tile(panel, "response p50").locator(".ck-value")).to_have_text(re.compile(r"\d ms$"))


@pytest.mark.parametrize("width", [380, 800])
def test_nothing_sticks_out_and_the_bill_stays_open_while_figures_change(lab, width):
    page = lab.open(
        DESIGN + "from chainkit.widgets.figures_panel import FiguresPanel\npanel = FiguresPanel(chain)\npanel",
        "panel.state.set('pay', memory_mb=512)",
    )
    panel = figures(page)
    panel.evaluate(f"(panel) => {{ panel.style.width = '{width}px' }}")
    panel.locator(".ck-bill summary").first.click()
    lines = panel.locator(".ck-lines").first
    expect(lines).to_be_visible()
    tall = panel.bounding_box()["height"]

    page.locator(".jp-Notebook .jp-CodeCell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_timeout(1000)
    expect(lines).to_be_visible()
    assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")
    assert abs(panel.bounding_box()["height"] - tall) < 40
