"""The designer as part of a notebook: reloaded, restarted, folded, shown twice, beside another one."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.hand import PATIENCE_MS, Hand

pytestmark = pytest.mark.browser

ONE = """\
import chainkit as ck
one = ck.Chain("one")
one.add(ck.SqsQueue("jobs", visibility_timeout_s=90))
designer = ck.Designer(one, requests=1000)
designer"""
TWO = """\
two = ck.Chain("two")
two.add(ck.HttpApi("api"))
ck.Designer(two, requests=1000)"""


def test_the_page_is_reloaded_and_the_drawn_chain_is_there_and_can_be_drawn_on(lab):
    lab.restart()  # a page that is loaded again asks for every widget of its kernel: not for those of all other tests
    hand = Hand(lab.open(ONE, "print(*one.services)")).ready()
    hand.drop("Lambda function", 0.7, 0.5)
    hand.connect("jobs", "function")
    hand.press("Control+s")
    lab.page.reload()
    lab.page.get_by_role("button", name=re.compile(r"\| Idle$")).wait_for(timeout=90_000)

    hand.ready()
    expect(hand.link("jobs>function")).to_be_attached(timeout=PATIENCE_MS)
    hand.drop("SNS topic", 0.8, 0.85)
    assert lab.run(1) == "jobs function topic"
    assert (lab.abroad, lab.failures) == ([], [])


def test_two_designers_do_not_mix_and_what_is_copied_in_one_is_pasted_in_the_other(lab):
    page = lab.open(ONE, TWO, "print(*one.services); print(*two.services, two.service('jobs').visibility_timeout_s)")
    second = Hand(page, 1).ready()
    second.drop("Lambda function", 0.7, 0.5)
    second.connect("api", "function")
    first = Hand(page, 0).ready()
    expect(first.cards).to_have_count(1)
    expect(first.links).to_have_count(0)

    page.mouse.click(*first.face("jobs"))
    first.press("Control+c")
    expect(first.status).to_have_text("copied: jobs", timeout=PATIENCE_MS)
    second.ready().stage.focus()
    second.press("Control+v")
    expect(second.card("jobs")).to_be_attached(timeout=PATIENCE_MS)
    expect(first.cards).to_have_count(1)
    assert lab.run(2) == "jobs\napi function jobs 90"


def test_two_views_of_one_canvas_show_the_same(lab):
    page = lab.open(ONE, "designer.canvas")
    second = Hand(page, 1).ready()
    second.drop("Lambda function", 0.7, 0.5)
    first = Hand(page, 0).ready()

    expect(first.card("function")).to_be_attached()
    expect(first.card("function")).to_have_class(re.compile("is-selected"))


def test_after_a_restart_the_canvas_says_so_and_running_the_cell_again_works(lab):
    hand = Hand(lab.open(ONE)).ready()
    lab.restart()
    hand.stage.focus()
    hand.press("ArrowRight", "d")
    expect(hand.status).to_contain_text("was restarted", timeout=PATIENCE_MS)
    expect(hand.status).to_contain_text("run this cell again")

    lab.run(0)
    hand.ready()
    expect(hand.cards).to_have_count(1, timeout=PATIENCE_MS)
    hand.drop("Lambda function", 0.7, 0.5)


def test_a_folded_output_shows_the_chain_whole_when_it_is_unfolded(lab):
    hand = Hand(lab.open(ONE + ".canvas")).ready()
    fold = lab.page.locator(".jp-Notebook .jp-CodeCell").first.locator(".jp-OutputCollapser")
    fold.click()
    expect(hand.stage).to_be_hidden()
    fold.click()
    hand.ready()

    stage, card = hand.stage.bounding_box(), hand.card("jobs").locator(".ck-face").bounding_box()
    assert stage["x"] < card["x"] < card["x"] + card["width"] < stage["x"] + stage["width"]
    assert stage["y"] < card["y"] < card["y"] + card["height"] < stage["y"] + stage["height"]


def test_every_tool_is_used_and_no_request_leaves_the_machine(lab):
    hand = Hand(lab.open("import chainkit as ck\nck.Designer(ck.example('orders'), requests=1000)")).ready()
    for name in ("Lay the cards out", "Show all", "Zoom in"):
        hand.whole.get_by_role("button", name=name).click()
    for kind in ("svg", "png", "html", "yaml", "py"):
        hand.whole.locator("summary", has_text="Export").click()
        with lab.page.expect_download(timeout=60_000) as got:
            hand.whole.locator(".ck-menu").get_by_role("button", name=re.compile(rf"\.{kind}|\.chain\.{kind}")).click()
        assert got.value.suggested_filename.startswith("orders.")
    hand.whole.get_by_role("tab", name="History").click()
    hand.whole.get_by_role("tab", name="Traffic").click()
    hand.stage.focus()
    hand.press("?", "Escape")

    assert (lab.abroad, lab.failures) == ([], [])
