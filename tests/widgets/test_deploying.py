"""The deploy panel: each step in turn, on a target of this machine, and nothing left behind."""

import pytest

import chainkit as ck
from chainkit.widgets.deploying import DeployPanel
from chainkit.widgets.state import State


@pytest.fixture
def panel():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", duration=0.01, init=0))
    made = DeployPanel(State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1))
    yield made
    made.destroy.click()


def test_at_first_only_a_plan_can_be_made(panel):
    assert [button.disabled for button in (panel.plan, panel.deploy, panel.send, panel.destroy)] == [
        False, True, True, True,
    ]  # fmt: skip


def test_plan_deploy_send_and_destroy_show_what_they_did(panel):
    panel.plan.click()
    assert "AWS::Lambda::Function" in panel.shown.value
    panel.deploy.click()
    assert "Stack(&#x27;one&#x27; on local" in panel.shown.value

    panel.send.click()
    assert "completed" in panel.shown.value
    assert "pay: invocation" in panel.shown.value

    panel.event.value = "{no json"
    panel.send.click()
    assert "event: it is no JSON" in panel.shown.value

    panel.destroy.click()
    assert "nothing is left" in panel.shown.value
    assert panel.send.disabled


def test_a_change_of_the_chain_asks_for_a_new_plan(panel):
    panel.plan.click()
    panel._state.set("pay", memory_mb=256)

    assert panel.deploy.disabled


def test_a_chain_with_errors_is_refused_in_the_errors_words(panel):
    panel._state.chain.connect("pay", "pay")
    panel.plan.click()

    assert "synchronous calls in a circle" in panel.shown.value
    assert panel.deploy.disabled
