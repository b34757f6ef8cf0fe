"""The designer in JupyterLab in Chromium, by keys alone, once the canvas has the focus."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hand import EMPTY, FIRST_MS, IS_THE_ORDER_CHAIN, ORDER_LINKS, ORDERS, PATIENCE_MS, PAY, Hand

pytestmark = pytest.mark.browser


def without_a_mouse(page: Page) -> None:
    """Count what a pointer does from now on: a test that uses none ends with `pointers(page) == 0`."""
    page.evaluate("""() => {
      window.pointers = 0;
      for (const name of ["pointerdown", "mousedown", "wheel"]) addEventListener(name, () => pointers++, true);
    }""")


def pointers(page: Page) -> int:
    """Return how often a pointer was used."""
    return int(page.evaluate("pointers"))


def test_the_order_chain_is_drawn_from_nothing(lab):
    hand = Hand(lab.open(EMPTY, IS_THE_ORDER_CHAIN)).ready()
    without_a_mouse(hand.page)
    hand.stage.focus()

    for name, (kind, _, _) in ORDERS.items():
        hand.add_by_keys(kind, name)
    for source, target in ORDER_LINKS:
        hand.connect_by_keys(source, target)

    assert pointers(hand.page) == 0
    assert "it is the order chain: True" in lab.run(1)
    assert (lab.abroad, lab.failures) == ([], [])


def test_a_refused_link_is_explained_while_it_is_aimed_and_changes_nothing(lab):
    hand = Hand(lab.open(PAY, "print(len(chain.links))")).ready()
    without_a_mouse(hand.page)
    hand.stage.focus()
    hand.find("jobs")
    hand.press("c")
    hand.page.keyboard.type("api")
    expect(hand.status).to_contain_text("cannot connect 'jobs' to 'api': SqsQueue emits batch, redrive")
    hand.press("Enter")
    expect(hand.status).to_contain_text("HttpApi accepts nothing")
    hand.press("Escape")

    expect(hand.window).to_have_count(0)
    expect(hand.status).to_contain_text("jobs: SQS queue")
    assert pointers(hand.page) == 0
    assert lab.run(1) == "2"


def test_memory_is_changed_in_the_form_and_the_figures_move_and_go_back_and_forth(lab):
    hand = Hand(lab.open(PAY, "print(chain.service('pay').memory_mb)")).ready()
    without_a_mouse(hand.page)
    slow, fast = re.compile(r"^p95 2\d\d ms"), re.compile(r"^p95 \d\d(\.\d)? ms")
    expect(hand.note("pay")).to_have_text(slow, timeout=FIRST_MS)
    hand.stage.focus()
    hand.find("pay")
    hand.press("e")
    memory = hand.whole.get_by_label("memory_mb", exact=True)
    expect(memory).to_be_focused(timeout=PATIENCE_MS)
    hand.press("Control+A")
    hand.page.keyboard.type("1024")
    hand.press("Enter")
    expect(hand.note("pay")).to_have_text(fast, timeout=PATIENCE_MS)

    hand.stage.focus()
    hand.press("Control+z")
    expect(hand.note("pay")).to_have_text(slow, timeout=PATIENCE_MS)
    hand.press("Control+Shift+Z")
    expect(hand.note("pay")).to_have_text(fast, timeout=PATIENCE_MS)
    assert pointers(hand.page) == 0
    assert lab.run(1) == "1024"


def test_arrows_go_from_card_to_card_and_l_through_the_links_of_one(lab):
    hand = Hand(lab.open(PAY)).ready()
    hand.stage.focus()
    for name in ("api", "pay", "jobs"):
        hand.press("ArrowRight")
        expect(hand.status).to_contain_text(f"{name}: ")
    hand.press("ArrowLeft", "l")
    expect(hand.status).to_contain_text("link api to pay: sync")
    hand.press("l")
    expect(hand.status).to_contain_text("link pay to jobs: send")


def test_what_is_selected_is_moved_copied_grouped_and_removed(lab):
    hand = Hand(lab.open(PAY, "print(sorted(chain.services), dict(chain.groups))")).ready()
    hand.stage.focus()
    hand.find("jobs")
    _, y = hand.face("jobs")
    hand.press("Alt+ArrowDown")
    assert hand.face("jobs")[1] > y
    hand.press("d")
    expect(hand.card("jobs-2")).to_have_attribute("aria-selected", "true", timeout=PATIENCE_MS)
    hand.press("g")
    hand.page.keyboard.type("Later")
    hand.press("Enter")
    expect(hand.whole.locator(".ck-frame")).to_have_count(1, timeout=PATIENCE_MS)
    hand.find("pay")
    hand.press("Delete")

    expect(hand.card("pay")).to_have_count(0, timeout=PATIENCE_MS)
    expect(hand.links).to_have_count(0)
    assert lab.run(1) == "['api', 'jobs', 'jobs-2'] {'Later': ('jobs-2',)}"


NOTHING_TO_ACT_ON = {
    "Control+v": "paste: nothing has been copied",
    "Control+z": "there is nothing to undo",
    "Delete": "Select what is to be removed first",
    "d": "Select the cards to copy first",
    "r": "Select a card first",
    "e": "Select a card or a link first",
    "i": "Select a link first",
    "g": "Select the cards of the group first",
}


def test_a_key_with_nothing_to_act_on_says_so(lab):
    fresh = "from chainkit.widgets.state import Clipboard, State\nState.clipboard = Clipboard()"
    hand = Hand(lab.open(fresh, PAY), 1).ready()
    hand.stage.focus()

    for key, words in NOTHING_TO_ACT_ON.items():
        hand.press(key)
        expect(hand.status).to_contain_text(words, timeout=PATIENCE_MS)
    expect(hand.cards).to_have_count(3)


def test_a_key_that_means_nothing_on_the_canvas_inserts_no_cell(lab):
    hand = Hand(lab.open(PAY)).ready()
    cells = hand.page.locator(".jp-Notebook .jp-Cell")
    count = cells.count()
    hand.stage.focus()
    hand.press("a", "b", "x", "m", "o", "0", "s")

    hand.find("pay")
    expect(cells).to_have_count(count)
    expect(hand.cards).to_have_count(3)
