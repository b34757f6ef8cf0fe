"""The dead-letters panel: given up, looked at, edited, sent back after a dry run, and worked this time."""

import json

import pytest

import chainkit as ck
from chainkit.widgets.dead_letters import DeadLettersPanel
from chainkit.widgets.deploying import DeployPanel
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS
from tests.widgets.test_deploying import deploy, send


def chain_of(error_rate: float) -> ck.Chain:
    chain = ck.Chain("shop")
    jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    pay = chain.add(ck.LambdaFunction("pay", duration=0.01, init=0, error_rate=error_rate, error_name="Down"))
    dead = chain.add(ck.SqsQueue("dead"))
    chain.connect(jobs, pay, batch_size=1)
    chain.connect(jobs, dead, link="redrive", max_receive_count=1)
    return chain


def state_of(chain: ck.Chain) -> State:
    return State(chain, ck.Poisson(rate_per_s=50), requests=200, seed=1)


@pytest.fixture(scope="module")
def deployed():
    """Give a panel that has seen two dead letters; tests leave them where they are."""
    state = state_of(chain_of(1.0))
    panel, deployment = DeadLettersPanel(state), DeployPanel(state)
    deploy(deployment)
    for number in (1, 2):
        send(deployment, "send", event=json.dumps({"order": number}))
    send(panel, "look")
    yield panel
    deployment.close()


def test_the_designer_has_it_in_a_tab():
    assert TABS["Dead letters"]() is DeadLettersPanel


def test_before_anything_is_deployed_it_says_so_and_refuses_to_look():
    panel = DeadLettersPanel(ck.example("orders"))

    assert panel.twin().startswith("Nothing is deployed")
    assert panel.board.scene["can"] == {"look": False, "redrive": False}
    assert send(panel, "look")["refusal"]["problem"] == "look: nothing is deployed"
    assert (
        send(panel, "edit", which="x", text="{}")["refusal"]["problem"]
        == "edit: nobody has looked for dead letters yet"
    )


def test_groups_tell_error_count_and_source(deployed):
    (group,) = deployed.board.scene["groups"]

    assert (group["name"], group["queues"], group["links"]) == ("pay: Down", "dead", "jobs>dead")
    assert group["count"].split()[0] == "2"
    assert deployed.twin().startswith("'shop' on local: 2 dead letters in 1 dead-letter queue")


def test_one_letter_is_shown_with_payload_and_log(deployed):
    ids = {json.loads(each.body)["order"]: each.id for each in deployed.found.letters}
    send(deployed, "show", which=ids[2])
    letter = deployed.board.scene["letter"]

    assert json.loads(letter["payload"])["order"] == 2
    assert ["goes back to", "jobs"] in letter["rows"]
    assert "Down" in letter["logs"]
    assert "is no group, queue or id" in send(deployed, "show", which="nobody")["refusal"]["problem"]


def test_nothing_is_sent_back_before_a_dry_run_of_the_same(deployed):
    asked = {"which": None, "rate": 5, "resend": False}
    assert "nobody has seen yet" in send(deployed, "redrive", **asked, is_dry=False)["refusal"]["problem"]
    send(deployed, "redrive", **asked, is_dry=True)
    assert deployed.board.scene["tried"] == [None, 5, False]
    assert "nothing was sent; this would be done" in deployed.board.scene["redriven"]["text"]

    other = {**asked, "rate": None}
    assert "nobody has seen yet" in send(deployed, "redrive", **other, is_dry=False)["refusal"]["problem"]
    assert len(deployed.found) == 2


def test_what_redrive_refuses_is_shown(deployed):
    send(deployed, "redrive", which=None, rate=9_000, resend=False, is_dry=True)

    assert "rate_per_s=9000 is outside 1..500" in deployed.board.scene["work"]["refusal"]["problem"]
    assert deployed.board.scene["tried"] == []


def test_an_edit_that_is_no_json_is_refused(deployed):
    letter = deployed.found.letters[0]

    assert "it is no JSON" in send(deployed, "edit", which=letter.id, text="{")["refusal"]["problem"]
    assert "no object with fields" in send(deployed, "edit", which=letter.group, text="3")["refusal"]["problem"]
    assert not any(each.is_edited for each in deployed.found.letters)


def test_a_repaired_chain_works_what_was_edited_and_sent_back():
    state = state_of(chain_of(1.0))
    panel, deployment = DeadLettersPanel(state), DeployPanel(state)
    try:
        deploy(deployment)
        send(deployment, "send", event='{"order": 1}')
        state.set("pay", error_rate=0.0)
        deploy(deployment)
        send(panel, "look")
        (letter,) = panel.found.letters
        send(panel, "edit", which=letter.id, text='{"order": 1, "currency": "EUR"}')
        assert panel.board.scene["letter"]["original"] != ""
        send(panel, "edit", which=letter.group, text='{"checked": true}')
        assert json.loads(panel.board.scene["letter"]["payload"]) == {"order": 1, "currency": "EUR", "checked": True}

        asked = {"which": letter.group, "rate": 10, "resend": False}
        send(panel, "redrive", **asked, is_dry=True)
        send(panel, "edit", which=letter.group, text='{"checked": true}')
        assert "nobody has seen yet" in send(panel, "redrive", **asked, is_dry=False)["refusal"]["problem"]
        send(panel, "redrive", **asked, is_dry=True)
        send(panel, "redrive", **asked, is_dry=False)
        assert "1 dead letters sent back" in panel.board.scene["redriven"]["text"]
        (row,) = panel.board.scene["redriven"]["traces"]
        assert row["outcome"] == "completed"
        assert panel.board.scene["groups"] == []
        send(panel, "trace", request=row["request"])
        assert panel.board.scene["story"]["title"].startswith("sent back: completed")
        assert state.trace.request == row["request"]
        assert "was not sent back last" in send(panel, "trace", request="no")["refusal"]["problem"]

        send(deployment, "destroy")
        assert panel.found is None
        assert panel.board.scene["redriven"] == {}
    finally:
        deployment.site.wait()
        deployment.close()
