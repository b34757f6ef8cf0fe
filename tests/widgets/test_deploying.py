"""The deploy panel: each step in turn, on a target of this machine, and nothing left behind."""

import threading
from contextlib import nullcontext

import pytest

import chainkit as ck
from chainkit.errors import DeployError
from chainkit.widgets import deploying, places
from chainkit.widgets.deploying import DeployPanel
from chainkit.widgets.places import HERE, Place
from chainkit.widgets.state import State
from tests.deployment.stubbed_aws import ACCOUNT, Aws


def panel_of(chain: ck.Chain) -> DeployPanel:
    return DeployPanel(State(chain, ck.Poisson(rate_per_s=50), requests=500, seed=1))


@pytest.fixture
def panel():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", duration=0.01, init=0))
    made = panel_of(chain)
    yield made
    made.site.wait()
    made.close()


def send(panel: DeployPanel, kind: str, **gesture) -> dict:
    """Send a gesture as the browser does, wait until its work is over, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({"kind": kind, **gesture, "n": 7}, [])
    panel.site.wait()
    return answers[-1]


def deploy(panel: DeployPanel) -> None:
    send(panel, "plan", told={})
    send(panel, "deploy", code=panel.board.scene["plan"]["code"])
    assert "refusal" not in panel.board.progress


def can(panel: DeployPanel) -> set[str]:
    return {step for step, is_so in panel.board.scene["can"].items() if is_so}


def test_at_first_only_a_plan_can_be_made_and_nothing_has_started(panel):
    assert can(panel) == {"plan"}
    assert panel.site.target is None


def test_a_plan_is_a_table_and_asks_for_its_code(panel):
    send(panel, "plan", told={})
    plan = panel.board.scene["plan"]

    assert [(row["action"], row["type"]) for row in plan["rows"]] == [
        ("added", "AWS::Logs::LogGroup"), ("added", "AWS::IAM::Role"), ("added", "AWS::Lambda::Function"),
    ]  # fmt: skip
    assert can(panel) == {"plan", "deploy", "destroy"}
    assert "is not the code of the plan that is shown" in send(panel, "deploy", code="another")["refusal"]["problem"]
    assert panel.site.target.applier.standing("one") == {}


def test_deploy_send_load_compare_and_destroy_show_what_they_did(panel):
    deploy(panel)
    assert panel.board.progress["lines"][-1] == "create Pay (AWS::Lambda::Function)"
    assert panel.board.progress["done"] == panel.board.progress["total"] == 3
    assert ["PayFunctionName", "one-pay"] in panel.board.scene["stack"]["outputs"]

    send(panel, "send", event='{"order": 7}')
    assert panel.board.scene["story"]["title"].startswith("sent: completed")
    assert panel.state.trace is panel.site.trace

    send(panel, "load", rate=50, requests=12, event=None, is_same=True)
    assert panel.board.scene["measured"]["said"] == ["12 requests to 'one' on local: 12 completed"]
    assert panel.board.scene["story"]["title"].startswith("slowest of 12")

    send(panel, "compare")
    rows = {(row["node"], row["figure"]): row["verdict"] for row in panel.board.scene["beside"]["rows"]}
    assert rows["pay", "invocations"] == "agrees"

    send(panel, "destroy")
    assert panel.board.progress["lines"][-1] == "nothing is left, and the target has stopped"
    assert panel.site.target is None
    assert can(panel) == {"plan"}


def test_a_second_plan_shows_what_changes_and_destroy_takes_it_all(panel):
    deploy(panel)
    panel.state.set("pay", memory_mb=256)
    assert panel.board.scene["stack"]["note"] == "The chain is another by now."
    send(panel, "plan", told={})
    (row,) = panel.board.scene["plan"]["rows"]

    assert (row["action"], row["id"], row["differences"]) == ("changed", "Pay", ["MemorySize: 128 -> 256"])


def test_an_event_that_is_no_json_is_refused_and_nothing_is_sent(panel):
    deploy(panel)

    assert "it is no JSON" in send(panel, "send", event="{no json")["refusal"]["problem"]
    assert panel.site.trace is None


def test_a_change_of_the_chain_drops_the_plan(panel):
    send(panel, "plan", told={})
    panel.state.set("pay", memory_mb=256)

    assert panel.board.scene["plan"] == {}
    assert "deploy" not in can(panel)
    assert "there is no plan" in send(panel, "deploy", code="0")["refusal"]["problem"]


def test_a_chain_with_errors_is_refused_in_the_errors_words(panel):
    panel.state.chain.connect("pay", "pay")
    send(panel, "plan", told={})

    assert "synchronous calls in a circle" in panel.board.progress["refusal"]["problem"]
    assert panel.board.scene["plan"] == {}


def test_while_work_is_under_way_the_panel_answers_and_begins_nothing_else(panel, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        assert may_end.wait(30)
        raise DeployError("plan: it does not answer")

    monkeypatch.setattr(deploying, "plan", slow)
    panel.make_plan()
    assert begun.wait(30)
    assert can(panel) == set()
    assert panel.board.progress["is_over"] is False
    with pytest.raises(ck.ConfigError, match=r"there is work under way \(plan\)"):
        panel.make_plan()
    may_end.set()
    panel.site.wait()

    assert panel.board.progress["refusal"]["problem"] == "plan: it does not answer"
    assert "plan" in can(panel)


def test_a_load_test_can_be_stopped(panel):
    deploy(panel)
    panel.load(2.0, 5_000)
    send(panel, "stop")

    assert panel.board.progress["refusal"]["problem"].startswith("load test: stopped after")
    assert panel.site.measured is None


def test_a_half_made_stack_can_be_destroyed(panel, monkeypatch):
    send(panel, "plan", told={})
    monkeypatch.setattr(deploying, "deploy", lambda *_, **__: (_ for _ in ()).throw(DeployError("create Pay: no")))
    send(panel, "deploy", code=panel.board.scene["plan"]["code"])

    assert panel.board.progress["refusal"]["problem"] == "create Pay: no"
    assert can(panel) == {"plan", "destroy"}


def test_a_stack_on_a_target_of_its_own_is_not_dropped_for_another_place(panel):
    deploy(panel)
    panel._places = [*panel._places, Place("other", "other", "")]

    with pytest.raises(ck.ConfigError, match=r"'one' still stands on local .* which would end"):
        panel.make_plan("other")


def test_a_place_that_is_not_there_says_what_to_do(panel):
    panel._places = [Place(HERE, "here", ""), Place("x", "the other", "install it", is_there=False)]

    assert send(panel, "choose", place="x")["refusal"] == {
        "problem": "place: the other is not there",
        "fix": "install it",
    }


def test_closing_ends_the_target_that_was_started_here(panel):
    send(panel, "plan", told={})
    url = panel.site.target.endpoint_url
    panel.close()

    assert panel.site.target is None
    with pytest.raises(OSError, match="refused"):
        __import__("urllib.request").request.urlopen(url, timeout=5)


def test_the_twin_tells_what_was_done_and_starts_nothing():
    panel = panel_of(ck.example("orders"))

    assert panel.twin() == "orders: not planned yet"
    assert panel.site.target is None


# --- an account ---


@pytest.fixture
def account(monkeypatch):
    """Give a panel whose AWS is written down call by call, and that AWS."""
    aws, chain = Aws(), ck.Chain("shop", region="eu-west-1")
    chain.add(ck.SqsQueue("jobs"))
    monkeypatch.setattr(places.opening, "opened", lambda *_, **__: nullcontext(aws.target))
    aws.stack()
    made = panel_of(chain)
    send(made, "choose", place="aws")
    send(made, "plan", told={"account": ACCOUNT})
    yield made, aws
    made.site.wait()
    made.close()


def test_a_plan_for_an_account_is_confirmed_and_says_what_a_month_costs_and_no_account(account):
    panel, aws = account
    plan = panel.board.scene["plan"]

    assert plan["must_be_read"] == "I have read this plan: 1 changes on aws (eu-west-1, account ********4321)"
    assert plan["month"].startswith("A month costs $")
    assert plan["rows"][0]["usd"].startswith("$")
    assert ACCOUNT not in str(panel.board.scene)
    assert ACCOUNT not in panel.twin()
    aws.is_done()


def test_nothing_is_sent_to_an_account_without_the_code_of_the_plan_that_is_shown(account):
    panel, aws = account
    for code in ("", "a1b2c3", panel.board.scene["plan"]["code"].upper() + "0"):
        assert "nothing was sent" in send(panel, "deploy", code=code)["refusal"]["problem"]
    aws.is_done()  # and a call that was not written down would have failed

    old = panel.board.scene["plan"]["code"]
    panel.state.set("jobs", visibility_timeout_s=60)
    assert "there is no plan of the chain as it is" in send(panel, "deploy", code=old)["refusal"]["problem"]
    aws.stack()
    send(panel, "plan", told={"account": ACCOUNT})
    assert "is not the code of the plan" in send(panel, "deploy", code=old)["refusal"]["problem"]
    aws.is_done()


def test_with_the_code_it_is_sent_and_what_aws_refuses_is_said(account):
    panel, aws = account
    aws.refuse("describe_stacks", "AccessDenied", "you may not")
    send(panel, "deploy", code=panel.board.scene["plan"]["code"])

    assert "you may not" in panel.board.progress["refusal"]["problem"]
    aws.is_done()


def test_an_account_without_keys_or_without_a_name_is_said_in_a_sentence(panel):
    send(panel, "choose", place="aws")
    send(panel, "plan", told={})
    assert panel.board.progress["refusal"]["problem"] == "aws: no account is named"
    send(panel, "plan", told={"account": ACCOUNT, "ceiling_usd": "much"})
    assert panel.board.progress["refusal"]["problem"] == "aws: ceiling_usd='much' cannot be read"
    send(panel, "plan", told={"account": ACCOUNT})

    assert panel.board.progress["refusal"]["problem"].startswith("aws: no keys to sign with")
    assert can(panel) == {"plan"}
