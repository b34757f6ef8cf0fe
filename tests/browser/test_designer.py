"""The designer in JupyterLab in Chromium: seen, clicked, typed into, and nothing fetched from anywhere."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

DESIGN = """\
import chainkit as ck
chain = ck.Chain("orders")
api = chain.add(ck.HttpApi("api"))
pay = chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.2, cpu_fraction=1.0))
jobs = chain.add(ck.SqsQueue("jobs"))
chain.connect(api, pay)
chain.connect(pay, jobs)
ck.Designer(chain, requests=500)"""
LAMBDA_ORANGE = (237, 113, 0)

# The middle of the pixels of one colour, in CSS pixels from the canvas's corner.
FIND_COLOUR = """(canvas, [r, g, b]) => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let n = 0, sx = 0, sy = 0;
  for (let k = 0; k < data.length; k += 4)
    if (data[k] === r && data[k + 1] === g && data[k + 2] === b) { n++; sx += (k / 4) % width; sy += k / 4 / width; }
  const scale = canvas.clientWidth / width;
  return { n, x: (sx / n) * scale, y: (sy / n) * scale };
}"""


def canvas_of(page: Page) -> Locator:
    """Return the canvas, once something is drawn on it."""
    canvas = page.locator(".chainkit-canvas canvas")
    expect(canvas).to_be_visible(timeout=90_000)
    handle = canvas.element_handle()
    page.wait_for_function(f"(canvas) => ({FIND_COLOUR})(canvas, {[*LAMBDA_ORANGE]}).n > 50", arg=handle)
    return canvas


def test_a_card_is_clicked_its_memory_typed_and_the_figures_move(lab, tmp_path):
    page = lab.open(DESIGN, "print(chain.service('pay').memory_mb)")
    canvas = canvas_of(page)
    median = page.locator("tr", has_text="response p50").locator("td").nth(1)
    expect(median).to_have_text(re.compile(r"^2\d\d ms$"), timeout=90_000)

    canvas.scroll_into_view_if_needed()
    spot = canvas.evaluate(FIND_COLOUR, [*LAMBDA_ORANGE])
    canvas.click(position={"x": spot["x"] + 10, "y": spot["y"]})
    memory = page.get_by_label("memory_mb", exact=True)
    expect(memory).to_have_value("128")

    memory.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("64")
    page.keyboard.press("Enter")
    refusal = page.get_by_role("alert").filter(has_text="memory_mb=64 is outside 128..10240 MB")
    expect(refusal).to_be_visible()

    drawn = canvas.evaluate("(canvas) => canvas.toDataURL()")
    page.keyboard.press("Control+A")
    page.keyboard.type("1024")
    page.keyboard.press("Enter")
    expect(median).to_have_text(re.compile(r"^\d\d(\.\d)? ms$"), timeout=30_000)
    expect(refusal).to_have_count(0)
    page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas.element_handle(), drawn])

    page.screenshot(path=tmp_path / "designer.png")
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output pre").filter(has_text=re.compile("^1024"))).to_be_visible()
    assert lab.abroad == []


def test_the_keyboard_alone_selects_connects_and_removes(lab):
    page = lab.open(DESIGN)
    canvas_of(page)
    page.locator(".chainkit-drawing").focus()
    said = page.locator(".chainkit-said")
    for name in ("api", "pay", "jobs"):
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text(name)

    page.keyboard.press("Delete")
    expect(page.get_by_label("Canvas of chain orders, 2 services")).to_be_visible()

    page.get_by_label("service", exact=True).select_option("SQS queue")
    page.get_by_title("Add this service to the chain").press("Enter")
    expect(said).to_have_text("queue")
    # Each choice limits the next: wait for what it offers.
    words = page.get_by_label("by", exact=True).locator("option")
    page.get_by_label("from", exact=True).select_option("pay")
    expect(words.filter(has_text="on_failure")).to_be_attached()
    page.get_by_label("to", exact=True).select_option("queue")
    expect(words.filter(has_text="send")).to_be_attached()
    page.get_by_title("Make this link").press("Enter")
    expect(said).to_have_text("pay>queue")
    assert lab.abroad == []


def test_a_card_is_dragged_and_stays_and_the_wheel_zooms(lab):
    page = lab.open(DESIGN, "print(sorted(chain.layout))")
    canvas = canvas_of(page)
    canvas.scroll_into_view_if_needed()
    spot, box = canvas.evaluate(FIND_COLOUR, [*LAMBDA_ORANGE]), canvas.bounding_box()
    x, y = box["x"] + spot["x"] + 10, box["y"] + spot["y"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 40, steps=4)
    page.mouse.move(x + 40, y + 70, steps=4)
    page.mouse.up()
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("['api', 'jobs', 'pay']")).to_be_visible()

    before = canvas.evaluate(FIND_COLOUR, [*LAMBDA_ORANGE])["n"]
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(
        f"([canvas, n]) => ({FIND_COLOUR})(canvas, {[*LAMBDA_ORANGE]}).n > n", arg=[canvas.element_handle(), before]
    )
