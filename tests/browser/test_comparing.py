"""The comparison panel in JupyterLab in Chromium: chosen, compared, taken, seen on the canvas, and taken back."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

DESIGN = """\
import chainkit as ck
chain = ck.example("orders")
traffic = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
ck.Designer(chain, traffic, requests=2_000)"""
SLOW_MS = 90_000


def test_three_kinds_are_compared_one_is_taken_and_taken_back(lab):
    page = lab.open(DESIGN, "print(len(chain.services), 'services')")
    page.get_by_role("tab", name="Compare").click(timeout=SLOW_MS)
    for kind, is_chosen in (("sync", False), ("async", True), ("sqs", True), ("sns", True)):
        page.get_by_role("checkbox", name=kind, exact=True).set_checked(is_chosen)
    heads = page.locator(".ck-cmp-title")
    page.get_by_role("button", name=re.compile("^Compare")).click()
    expect(heads).to_have_text(["this chain", "async", "sqs", "sns"], timeout=SLOW_MS)
    expect(page.locator(".ck-cmp-shape")).to_have_count(4)
    expect(page.get_by_text("validate to inventory: stays sync; sqs refused").first).to_be_visible()

    before = page.get_by_label(re.compile(r"^Chain orders, 9 cards"))
    expect(before).to_be_visible()
    page.get_by_role("button", name="Take this design: sqs").click()
    expect(page.get_by_label(re.compile(r"^Chain orders, 12 cards"))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name=re.compile("Undo last step")).click()
    expect(before).to_be_visible(timeout=30_000)
    assert lab.abroad == []


def test_a_kept_design_is_a_column_and_a_name_that_is_taken_is_refused_beside_it(lab):
    page = lab.open(DESIGN)
    page.get_by_role("tab", name="Compare").click(timeout=SLOW_MS)
    name = page.get_by_label("Name of the design to keep")
    name.fill("before")
    name.press("Enter")
    expect(page.get_by_text("the chain as it is now")).to_be_visible(timeout=SLOW_MS)
    expect(name).to_have_value("")

    name.fill("before")
    page.get_by_role("button", name="Keep this design").click()
    expect(page.get_by_role("alert").filter(has_text="keep: name='before' is taken")).to_be_visible(timeout=SLOW_MS)
    expect(name).to_have_value("before")

    page.get_by_role("button", name=re.compile("^Compare")).click()
    expect(page.locator(".ck-cmp-title").nth(1)).to_have_text("before", timeout=SLOW_MS)
    page.get_by_role("button", name="Open as a chain: before").press("Enter")
    expect(page.get_by_role("dialog", name="before").get_by_text("import chainkit as ck")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="before")).to_have_count(0)
    assert lab.abroad == []
