"""The designer in JupyterLab in Chromium, by the mouse alone; names and numbers are typed."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.hand import EMPTY, FIRST_MS, IS_THE_ORDER_CHAIN, ORDER_LINKS, ORDERS, PATIENCE_MS, PAY, Hand

pytestmark = pytest.mark.browser


def test_the_order_chain_is_drawn_from_nothing(lab):
    hand = Hand(lab.open(EMPTY, IS_THE_ORDER_CHAIN)).ready()
    expect(hand.status).to_contain_text("Drag a service")
    zoom_out = hand.whole.get_by_role("button", name="Zoom out")
    for _ in range(4):
        zoom_out.click()

    for name, (kind, x, y) in ORDERS.items():
        hand.drop(kind, x, y)
        fresh = hand.whole.locator(".ck-card.is-selected").get_attribute("data-id")
        if fresh != name:
            hand.rename(fresh, name)
    for source, target in ORDER_LINKS:
        hand.connect(source, target)

    printed = lab.run(1)
    assert "it is the order chain: True" in printed
    for (source, target), word in ORDER_LINKS.items():
        assert f"-> {target} ({word})" in printed.split(f"  {source}: ")[1]
    assert (lab.abroad, lab.failures) == ([], [])


def test_a_link_that_fits_nowhere_says_why_while_it_is_dragged_and_changes_nothing(lab):
    hand = Hand(lab.open(PAY, "print(len(chain.links))")).ready()
    hand.hold(hand.port("jobs"), hand.face("api"))

    tip = hand.whole.locator(".ck-tip")
    expect(tip).to_contain_text(
        "cannot connect 'jobs' to 'api': SqsQueue emits batch, redrive; HttpApi accepts nothing"
    )
    expect(hand.card("api")).to_have_class(re.compile("is-aimed"))
    hand.page.mouse.up()

    expect(tip).to_be_hidden()
    expect(hand.status).to_contain_text("HttpApi accepts nothing")
    expect(hand.window).to_have_count(0)
    expect(hand.links).to_have_count(2)
    assert lab.run(1) == "2"


def test_memory_is_changed_and_the_figures_move_and_go_back_and_forth(lab):
    hand = Hand(lab.open(PAY, "print(chain.service('pay').memory_mb)")).ready()
    expect(hand.note("pay")).to_have_text(re.compile(r"^p95 2\d\d ms"), timeout=FIRST_MS)
    hand.page.mouse.click(*hand.face("pay"))
    memory = hand.whole.get_by_label("memory_mb", exact=True)
    expect(memory).to_have_value("128", timeout=PATIENCE_MS)

    memory.fill("64")
    memory.press("Enter")
    refusal = hand.whole.get_by_role("alert").filter(has_text="memory_mb=64 is outside 128..10240 MB")
    expect(refusal).to_be_visible()
    expect(memory).to_have_value("64")
    expect(hand.note("pay")).to_have_text(re.compile(r"^p95 2\d\d ms"))

    memory.fill("1024")
    memory.press("Enter")
    expect(hand.note("pay")).to_have_text(re.compile(r"^p95 \d\d(\.\d)? ms"), timeout=PATIENCE_MS)
    expect(refusal).to_have_count(0)
    assert lab.run(1) == "1024"

    hand.whole.get_by_role("button", name="Undo").click()
    expect(hand.note("pay")).to_have_text(re.compile(r"^p95 2\d\d ms"), timeout=PATIENCE_MS)
    expect(memory).to_have_value("128")
    hand.whole.get_by_role("button", name="Redo").click()
    expect(hand.note("pay")).to_have_text(re.compile(r"^p95 \d\d(\.\d)? ms"), timeout=PATIENCE_MS)
    assert lab.run(1) == "1024"


def test_a_link_let_go_on_the_canvas_offers_what_can_follow(lab):
    hand = Hand(lab.open(PAY)).ready()
    hand.drag(hand.port("jobs"), hand.place(0.9, 0.85))
    expect(hand.window.get_by_role("button")).to_have_text(["Lambda function", "SQS queue"])

    hand.window.get_by_role("button", name="Lambda function").click()
    expect(hand.link("jobs>function")).to_be_attached(timeout=PATIENCE_MS)


def test_a_service_dropped_on_a_link_stands_in_it(lab):
    hand = Hand(lab.open(PAY)).ready()
    box = hand.link("api>pay").locator(".ck-hit").bounding_box()
    hand.drag(hand.middle(hand.tool("Lambda function")), (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))

    expect(hand.link("api>function")).to_be_attached(timeout=PATIENCE_MS)
    expect(hand.link("function>pay")).to_be_attached()
    expect(hand.link("api>pay")).to_have_count(0)


def test_a_card_stays_where_it_was_dragged_and_escape_takes_a_drag_back(lab):
    hand = Hand(lab.open(PAY, "print(sorted(chain.layout))")).ready()
    x, y = hand.face("pay")
    hand.hold((x, y), (x + 30, y + 60))
    hand.press("Escape")
    hand.page.mouse.up()
    assert hand.face("pay") == pytest.approx((x, y), abs=1)
    assert lab.run(1) == "[]"

    hand.ready()
    x, y = hand.face("pay")
    hand.drag((x, y), (x + 30, y + 60))
    assert hand.face("pay") == pytest.approx((x + 30, y + 60), abs=3)
    assert lab.run(1) == "['api', 'jobs', 'pay']"


def test_what_misses_the_canvas_adds_nothing(lab):
    hand = Hand(lab.open(PAY)).ready()
    hand.drag(hand.middle(hand.tool("SNS topic")), (5, 5))

    expect(hand.status).to_have_text("Let go of SNS topic on the canvas")
    expect(hand.cards).to_have_count(3)


def test_the_wheel_scrolls_the_notebook_until_the_canvas_is_clicked(lab):
    hand = Hand(lab.open(PAY)).ready()
    where = "(stage) => stage.querySelector('.ck-world').style.transform"
    before = hand.stage.evaluate(where)
    hand.page.mouse.move(*hand.place(0.5, 0.9))
    hand.page.mouse.wheel(0, 60)
    hand.page.wait_for_timeout(200)
    assert hand.stage.evaluate(where) == before

    hand.page.mouse.click(*hand.place(0.5, 0.9))
    hand.page.mouse.wheel(0, -60)
    hand.page.wait_for_function(
        f"([stage, before]) => ({where})(stage) !== before", arg=[hand.stage.element_handle(), before]
    )


def test_cards_in_a_frame_drawn_with_shift_are_grouped(lab):
    hand = Hand(lab.open(PAY, "print(dict(chain.groups))")).ready()
    hand.page.keyboard.down("Shift")
    (left, y), (right, _) = hand.face("api"), hand.face("pay")
    hand.drag((left - 95, y - 90), (right + 40, y + 90))
    hand.page.keyboard.up("Shift")
    expect(hand.status).to_have_text("2 selected: api, pay")

    hand.whole.get_by_role("button", name="Frame what is selected").click()
    hand.page.keyboard.type("Front")
    hand.window.get_by_role("button", name="Keep").click()
    expect(hand.whole.locator(".ck-frame")).to_have_count(1, timeout=PATIENCE_MS)
    assert "'Front': ('api', 'pay')" in lab.run(1)
