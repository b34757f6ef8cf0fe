"""A state machine drawn by mouse and typed as text, in JupyterLab in Chromium."""

import json

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

PANEL = """\
import chainkit as ck
from chainkit.widgets.machine import MachinePanel
chain = ck.Chain("orders")
chain.add(ck.LambdaFunction("pay"))
chain.add(ck.StateMachine("flow"))
MachinePanel(chain)"""


def panel_of(page: Page) -> Locator:
    """Return the canvas of the panel, once it is drawn."""
    canvas = page.locator(".ck-canvas")
    expect(canvas.locator(".ck-card")).to_have_count(2, timeout=90_000)
    canvas.scroll_into_view_if_needed()
    return canvas


def middle(of: Locator) -> tuple[float, float]:
    box = of.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def card(canvas: Locator, name: str) -> Locator:
    return canvas.locator(f'.ck-card[data-id="{name}"]')


def definition(page: Page) -> dict:
    return json.loads(page.get_by_label("Definition in Amazon States Language").input_value())


def test_a_machine_is_drawn_by_mouse_and_its_text_follows(lab):
    page = lab.open(PANEL)
    canvas = panel_of(page)

    # A Choice into the way from the start, then a Parallel where a new way is let go.
    head = canvas.locator(".ck-wire").first.locator(".ck-line")
    drag(page, middle(canvas.get_by_role("button", name="Choice")), middle(head))
    expect(card(canvas, "Choice")).to_be_visible()
    port = card(canvas, "Choice").locator(".ck-dot")
    x, y = middle(card(canvas, "Choice"))
    drag(page, middle(port), (x + 230, y + 40))
    page.get_by_role("dialog").get_by_role("button", name="Parallel").click()
    expect(canvas.locator(".ck-frame")).to_have_count(2)

    # A way back from what stands after, with its kind chosen in words.
    canvas.locator(".ck-stage").focus()
    page.keyboard.press("f")
    expect(card(canvas, "Parallel")).to_have_class("ck-card is-selected", timeout=60_000)
    page.keyboard.press("+")
    page.keyboard.press("+")
    drag(page, middle(card(canvas, "Parallel").locator(".ck-dot")), middle(card(canvas, "Done")))
    page.get_by_role("dialog").get_by_role("button", name="Keep this link").click()

    expect(card(canvas, "Parallel").locator(".ck-note")).to_have_count(0)  # it does not end any more
    made = definition(page)
    assert made["StartAt"] == "Choice"
    assert [rule["Next"] for rule in made["States"]["Choice"]["Choices"]] == ["Done", "Parallel"]
    assert made["States"]["Parallel"]["Next"] == "Done"
    assert len(made["States"]["Parallel"]["Branches"]) == 2
    assert lab.abroad == []


def test_what_is_typed_is_drawn_and_a_mistake_keeps_the_picture(lab):
    page = lab.open(PANEL, "print(chain.service('flow').definition['StartAt'])")
    canvas = panel_of(page)
    text = page.get_by_label("Definition in Amazon States Language")
    states = {"Wait": {"Type": "Wait", "Seconds": 5, "Next": "Paid"}, "Paid": {"Type": "Succeed"}}
    typed = json.dumps({"StartAt": "Wait", "States": states})

    text.fill(typed)
    page.keyboard.press("Control+Enter")
    expect(card(canvas, "Paid")).to_be_visible()
    expect(text).to_have_value(json.dumps(json.loads(typed), indent=2))

    text.fill(text.input_value().replace('"Seconds": 5,', '"Seconds": 5'))
    text.blur()
    alert = page.get_by_role("alert").filter(has_text="line 7: a comma or a closing bracket is missing")
    expect(alert).to_be_visible()
    expect(card(canvas, "Paid")).to_be_visible()
    assert '"Seconds": 5\n' in text.input_value()

    text.focus()
    page.keyboard.press("Escape")
    expect(alert).to_have_count(0)
    assert definition(page)["States"]["Wait"]["Seconds"] == 5


def test_a_selected_state_is_marked_in_the_text_and_its_settings_are_typed(lab):
    page = lab.open(PANEL)
    canvas = panel_of(page)
    canvas.locator(".ck-stage").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(card(canvas, "Done")).to_have_class("ck-card is-selected")
    expect(page.locator(".ck-mark")).to_be_visible()

    page.get_by_label("Comment").fill("paid")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Definition in Amazon States Language")).to_have_value(
        json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed", "Comment": "paid"}}}, indent=2)
    )
