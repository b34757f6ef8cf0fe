"""Panels of bill and comparison in JupyterLab in Chromium: figures move while a hand drags, by mouse and by keys."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

START = """\
import chainkit as ck
chain = ck.example("orders")
load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
"""
SLIDERS = START + "panel = ck.SlidersPanel(chain, load)\npanel"
PAIR = START + 'pair = ck.SlidersPanel(chain, load, designs=["sqs", "sns"])\npair'
COST = START + 'cost = ck.CostPanel(chain, load, designs=["sns", "standard"])\ncost'
SIZES = START + "sizes = ck.SizingPanel(chain, load)\nsizes"
PATIENCE_MS = 120_000
# What stood in the table each time it was drawn, and when: seen by the page itself, so that nothing waits for the test.
WATCH = """(element) => {
  window.seen = [];
  new MutationObserver(() => window.seen.push([performance.now(), element.innerText]))
    .observe(element, { childList: true, subtree: true, characterData: true });
}"""


def output(page: Page, cell: int) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell").nth(cell)


def drag(page: Page, slider: Locator, share: float) -> None:
    """Press a slider at its middle and bring it along, letting go at a share of its width."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    for k in range(1, 13):
        page.mouse.move(box["x"] + box["width"] * (0.5 + (share - 0.5) * k / 12), y)
        page.wait_for_timeout(60)


def test_sliders_move_the_figures_while_dragged_and_a_drag_is_one_step(lab):
    page = lab.open(SLIDERS, "print(*panel.state.history)")
    board = page.locator(".ck-sliders")
    memory = board.get_by_role("slider", name="payment: memory")
    expect(memory).to_be_visible(timeout=PATIENCE_MS)
    table = board.get_by_role("region", name="Figures")
    before = table.inner_text()
    table.evaluate(WATCH)

    drag(page, memory, 0.8)
    expect(board).to_have_attribute("aria-busy", "true")
    expect(table).not_to_have_text(before)
    assert len(page.evaluate("window.seen")) > 2  # while the button is still down
    page.mouse.up()
    expect(board).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
    assert re.fullmatch(r"chain\.set\('payment', memory_mb=\d+\)", lab.run(1))

    board.get_by_role("button", name="Take the last drag back").click()
    expect(memory).to_have_attribute("aria-valuetext", "512 MB")
    assert lab.run(1) == ""
    assert (lab.abroad, lab.failures) == ([], [])


def test_a_rate_that_is_moved_by_keys_moves_both_designs(lab):
    page = lab.open(PAIR, "print(pair.load.rate_per_s)")
    board = page.locator(".ck-sliders")
    rate = board.get_by_role("slider", name="traffic: rate")
    expect(rate).to_be_visible(timeout=PATIENCE_MS)
    expect(board.locator(".ck-sl-words")).to_contain_text("sns instead of sqs")
    before = board.get_by_role("row", name=re.compile("^Cost a month")).inner_text()

    rate.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(rate).to_have_attribute("aria-valuetext", "8 per second")
    expect(board.get_by_role("row", name=re.compile("^Cost a month"))).not_to_have_text(before)
    expect(board).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
    assert lab.run(1) == "8.0"
    assert (lab.abroad, lab.failures) == ([], [])


def test_the_marker_of_the_cost_panel_is_drawn_without_the_kernel_and_the_bill_follows(lab):
    page = lab.open(COST)
    board = page.locator(".ck-costs")
    marker = board.get_by_role("slider", name="Requests a month")
    expect(marker).to_be_visible(timeout=PATIENCE_MS)
    expect(board.locator(".ck-co-bill tfoot")).to_be_visible()

    dollars, total = board.locator(".ck-co-dollars"), board.locator(".ck-co-bill tfoot")
    before, bill = dollars.inner_text(), total.inner_text()
    marker.focus()
    # In one turn of the page, so that no kernel can have answered.
    after = board.evaluate(
        """(board) => {
          board.querySelector(".ck-ch-marker").dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp" }));
          return board.querySelector(".ck-co-dollars").innerText;
        }"""
    )
    assert after != before
    expect(total).not_to_have_text(bill)
    expect(marker).to_have_attribute("aria-valuetext", re.compile("requests a month; cheapest: sns"))

    line = board.locator("details").first
    line.locator("summary").click()
    expect(line.locator("pre")).to_contain_text("quantity")
    page.keyboard.press("Escape")
    box = board.locator("svg.ck-chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 60, steps=6)
    page.mouse.up()
    expect(board.locator(".ck-co-words")).to_contain_text("standard instead of sns")
    board.get_by_label("with the account's free tier").check()
    expect(board.locator(".ck-co-bill")).to_contain_text(" free", timeout=PATIENCE_MS)
    assert (lab.abroad, lab.failures) == ([], [])


def test_memory_is_moved_taken_and_right_sized_and_what_is_no_result_is_refused(lab):
    page = lab.open(SIZES, "print(*sizes.state.history, sep='\\n')")
    board = page.locator(".ck-sizing")
    memory = board.get_by_role("slider", name="Memory")
    expect(memory).to_be_visible(timeout=PATIENCE_MS)
    before = board.locator("dl").inner_text()

    memory.focus()
    page.keyboard.press("ArrowRight")
    expect(memory).to_have_attribute("aria-valuetext", "768 MB")
    assert board.locator("dl").inner_text() != before
    board.get_by_role("button", name="Take 768 MB").click()
    expect(board.get_by_role("button", name="Take 768 MB")).to_be_disabled(timeout=PATIENCE_MS)
    assert lab.run(1) == "chain.set('payment', memory_mb=768)"

    board.get_by_text("Read a result of AWS Lambda Power Tuning").click()
    board.get_by_label("Result of AWS Lambda Power Tuning").fill("{}")
    board.get_by_role("button", name="Read it").click()
    expect(board.get_by_text("it holds no sizes with durations")).to_be_visible()

    board.get_by_label("Limit", exact=True).fill("900 ms")
    board.get_by_role("button", name="Right-size").click()
    first = board.get_by_role("button", name=re.compile("^Take .*→")).first
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    first.click()
    expect(board.get_by_text("taken", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    assert len(lab.run(1).splitlines()) == 2
    assert (lab.abroad, lab.failures) == ([], [])
