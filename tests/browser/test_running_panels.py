"""Panels of what is deployed, in JupyterLab in Chromium: by hand, from the plan to what is left."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CHAIN = """\
import chainkit as ck
chain = ck.Chain("one")
chain.add(ck.LambdaFunction("pay", duration=0.05, init=0))
"""
DEPLOY = CHAIN + "panel = ck.DeployPanel(chain)\npanel"
PATIENCE_MS = 120_000


def seen(page: Page, name: str) -> None:
    """Keep a picture for whoever wants to look, in the folder that $CHAINKIT_SHOTS names."""
    if folder := os.environ.get("CHAINKIT_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_chain_is_planned_deployed_tried_compared_and_destroyed(lab):
    page = lab.open(DEPLOY, "print(panel.site.target)")
    board = page.locator(".ck-deploy")
    done = board.locator(".ck-wk-head")
    deploy = board.get_by_role("button", name="Deploy this plan")
    expect(board.get_by_role("button", name="Plan", exact=True)).to_be_enabled(timeout=PATIENCE_MS)
    expect(deploy).to_be_hidden()

    board.get_by_role("button", name="Plan", exact=True).click()
    expect(board.get_by_role("region", name="What the plan changes")).to_contain_text(
        "AWS::Lambda::Function", timeout=PATIENCE_MS
    )
    seen(page, "deploy-plan")
    deploy.focus()
    page.keyboard.press("Enter")
    expect(done).to_contain_text("deploy: done", timeout=PATIENCE_MS)
    expect(board.get_by_label("What stands")).to_contain_text("one-pay")

    board.get_by_label("event (JSON)").fill("{no json")
    board.get_by_role("button", name="Send", exact=True).click()
    expect(board.locator(".ck-dp-said")).to_contain_text("it is no JSON")
    board.get_by_label("event (JSON)").fill(json.dumps({"order": 7}))
    board.get_by_role("button", name="Send", exact=True).click()
    expect(board.get_by_label("Last request")).to_contain_text("sent: completed", timeout=PATIENCE_MS)

    board.get_by_label("per second").fill("20")
    board.get_by_label("requests", exact=True).fill("30")
    board.get_by_role("button", name="Run load test").click()
    expect(board.get_by_label("Load test", exact=True)).to_contain_text("30 completed", timeout=PATIENCE_MS)
    board.get_by_role("button", name="Compare with the prediction").click()
    expect(board.get_by_role("region", name="Figures, predicted and measured")).to_contain_text(
        "agrees", timeout=PATIENCE_MS
    )
    seen(page, "deploy-all")

    board.evaluate("(it) => (it.style.width = '320px')")
    assert board.evaluate("(it) => it.scrollWidth <= it.clientWidth")
    seen(page, "deploy-narrow")
    board.evaluate("(it) => (it.style.width = '')")

    board.get_by_role("button", name="Destroy", exact=True).click()
    board.get_by_role("button", name="Yes, destroy").click()
    expect(done).to_contain_text("destroy: done", timeout=PATIENCE_MS)
    expect(board.locator(".ck-wk-lines")).to_contain_text("the target has stopped")
    assert lab.run(1) == "None"
    assert (lab.abroad, lab.failures) == ([], [])


FAULTS = (
    CHAIN
    + """\
designer = ck.Designer(chain, requests=2000)
deployment, faults = designer.panels["Deploy"], ck.FaultsPanel(designer)
deployment.make_plan(); deployment.site.wait()
deployment.deploy(deployment.board.scene["plan"]["code"]); deployment.site.wait()
faults"""
)
SEND = 'deployment.send("{}"); deployment.site.wait(); print(designer.state.trace.outcome)'


def test_a_fault_is_set_by_keys_seen_in_the_figures_and_broken_where_it_runs(lab):
    page = lab.open(FAULTS, SEND)
    board = page.locator(".ck-faults")
    table = board.get_by_role("region", name="Figures")
    rate = board.get_by_label("error rate", exact=True)
    expect(rate).to_be_visible(timeout=PATIENCE_MS)
    expect(table).to_contain_text("Requests failed", timeout=PATIENCE_MS)
    assert lab.run(1) == "completed"

    rate.fill("1")
    page.keyboard.press("Enter")
    expect(table.get_by_role("columnheader", name="with the faults")).to_be_visible(timeout=PATIENCE_MS)
    expect(table.get_by_role("row", name="Requests failed")).to_contain_text("100 %")
    expect(board.get_by_role("list", name="Faults that are set")).to_contain_text("error rate 1")
    rate.fill("2")
    page.keyboard.press("Enter")
    expect(board.locator(".ck-fl-said")).to_contain_text("error_rate=2 is outside 0..1")
    expect(rate).to_have_value("2")  # what was typed stays

    board.get_by_role("button", name="Break it there").click()
    expect(board.get_by_text("is broken now: pay: error rate 1")).to_be_visible(timeout=PATIENCE_MS)
    assert lab.run(1) == "failed"
    seen(page, "faults")
    board.evaluate("(it) => (it.style.width = '320px')")
    assert board.evaluate("(it) => it.scrollWidth <= it.clientWidth")
    seen(page, "faults-narrow")
    board.evaluate("(it) => (it.style.width = '')")

    board.get_by_role("button", name="Mend it there").click()
    expect(board.get_by_text("runs as designed")).to_be_visible(timeout=PATIENCE_MS)
    assert lab.run(1) == "completed"
    board.get_by_role("button", name="Clear pay").click()
    expect(table.get_by_role("columnheader")).to_have_count(0, timeout=PATIENCE_MS)
    assert (lab.abroad, lab.failures) == ([], [])


LETTERS = """\
import chainkit as ck
chain = ck.Chain("shop")
jobs, dead = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60)), chain.add(ck.SqsQueue("dead"))
pay = chain.add(ck.LambdaFunction("pay", duration=0.01, init=0, error_rate=1.0, error_name="Declined"))
chain.connect(jobs, pay, batch_size=1), chain.connect(jobs, dead, link="redrive", max_receive_count=2)
designer = ck.Designer(chain, requests=200)
deployment, letters = designer.panels["Deploy"], ck.DeadLettersPanel(designer)
def deploy():
    deployment.make_plan(); deployment.site.wait()
    deployment.deploy(deployment.board.scene["plan"]["code"]); deployment.site.wait()
deploy()
for number in (1, 2, 3):
    deployment.send('{"order": %d}' % number); deployment.site.wait()
designer.state.set("pay", error_rate=0.0)
deploy()
letters"""


def test_dead_letters_are_looked_at_edited_and_sent_back_after_a_dry_run(lab):
    page = lab.open(LETTERS, "print(letters.redriven and sorted(letters.redriven.outcomes.items()))")
    board = page.locator(".ck-letters")
    groups, redrive = (
        board.get_by_role("region", name="Groups of dead letters"),
        board.get_by_role("button", name="Redrive"),
    )
    look = board.get_by_role("button", name="Look", exact=True)
    expect(look).to_be_enabled(timeout=PATIENCE_MS)
    look.focus()
    page.keyboard.press("Enter")
    expect(groups.get_by_role("row", name="pay: Declined")).to_contain_text("jobs>dead", timeout=PATIENCE_MS)
    expect(board.get_by_label("Letter", exact=True)).to_contain_text("[ERROR] Declined")

    payload = board.get_by_label("payload (JSON)")
    payload.fill("{")
    board.get_by_role("button", name="Keep this payload").click()
    expect(board.locator(".ck-dl-said")).to_contain_text("it is no JSON")
    expect(payload).to_have_value("{")  # what was typed stays
    payload.fill('{"order": 10}')
    board.get_by_role("button", name="Keep this payload").click()
    expect(groups).to_contain_text("3 (1 edited)")

    board.get_by_label("a second").fill("50")
    expect(redrive).to_be_disabled()
    board.get_by_role("button", name="Dry run").click()
    expect(board.get_by_label("What was done")).to_contain_text("nothing was sent", timeout=PATIENCE_MS)
    expect(redrive).to_be_enabled()
    seen(page, "letters")
    board.evaluate("(it) => (it.style.width = '320px')")
    assert board.evaluate("(it) => it.scrollWidth <= it.clientWidth")
    seen(page, "letters-narrow")
    board.evaluate("(it) => (it.style.width = '')")
    board.get_by_label("a second").fill("40")
    expect(redrive).to_be_disabled()  # that is another one
    board.get_by_label("a second").fill("50")
    redrive.click()
    requests = board.get_by_role("region", name="Requests that were sent back")
    expect(requests.get_by_role("row", name="completed")).to_have_count(3, timeout=PATIENCE_MS)
    requests.get_by_role("button").first.click()
    expect(board.get_by_label("Request that was sent back", exact=True)).to_contain_text("sent back: completed")
    seen(page, "letters-done")
    assert lab.run(1) == "[('completed', 3)]"
    assert (lab.abroad, lab.failures) == ([], [])
