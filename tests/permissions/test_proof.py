"""Every link is allowed, nothing is superfluous, nothing else is allowed; and each kind of fault is found."""

import pytest
from hypothesis import HealthCheck, given, reject, settings

import chainkit as ck
from chainkit.permissions.policy import Deployed
from chainkit.rewiring.kinds import KINDS
from chainkit.services.event_bus import EventBus
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sqs_queue import SqsQueue
from chainkit.templates import resources
from tests.examples import EXAMPLES, calls, events, orders, pair
from tests.permissions.test_calls import BY_HAND, TASKS, joined, with_task
from tests.strategies import chains

CHAINS = {example.__name__: example for example in EXAMPLES}


def whole(found):
    """Return what a proof without a fault has none of."""
    denied = [judged.row() for judged in found.calls if not judged.decision.is_allowed]
    return denied, found.superfluous, found.problems


@pytest.mark.parametrize("name", CHAINS)
def test_an_example_is_allowed_what_its_links_need_and_nothing_else(name):
    found = ck.policies(CHAINS[name]())

    assert whole(found) == ([], (), ())
    assert found.refused > 1000


@pytest.mark.parametrize("name", [*(name for name in CHAINS if name != "shop_flow"), "pair"])
def test_so_is_every_variant_of_it(name):
    flows = ck.variants((CHAINS | {"pair": pair})[name](), list(KINDS))
    tried = {kind: whole(ck.policies(flow.chain)) for kind, flow in flows.items() if not flow.chain.validate()}

    assert tried
    assert {kind: faults for kind, faults in tried.items() if faults != ([], (), ())} == {}


@pytest.mark.parametrize(("a", "b", "word"), BY_HAND)
def test_so_is_every_kind_of_link(a, b, word):
    assert whole(ck.policies(joined(a, b, word))) == ([], (), ())


@pytest.mark.parametrize(("caller", "word"), [(c, w) for c in ("LambdaFunction", "HttpApi") for w in ("sync", "async")])
def test_so_is_an_express_machine(caller, word):
    assert whole(ck.policies(joined(caller, "StateMachine", word, workflow="EXPRESS"))) == ([], (), ())


@pytest.mark.parametrize("resource", TASKS)
def test_so_is_every_kind_of_task(resource):
    assert whole(ck.policies(with_task(resource))) == ([], (), ())


@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(chains())
def test_so_is_any_chain_that_can_be_deployed(chain):
    try:
        resources(chain)
    except ck.ChainkitError:
        reject()  # it cannot be deployed

    assert whole(ck.policies(chain)) == ([], (), ())


# --- each kind of fault is found ---


def test_a_missing_action_is_a_denied_call(monkeypatch):
    monkeypatch.setitem(SqsQueue.grants, "batch", ("sqs:ReceiveMessage", "sqs:GetQueueAttributes"))
    found = ck.policies(orders())

    denied, superfluous, problems = whole(found)
    assert [row[:3] for row in denied] == [("jobs>pay", "pay", "sqs:DeleteMessage")]
    assert superfluous == ()
    assert len(problems) == 1
    assert "jobs>pay: sqs:DeleteMessage" in problems[0]
    assert "denied, no statement allows it" in problems[0]


def test_an_action_too_many_is_superfluous_and_a_problem(monkeypatch):
    monkeypatch.setitem(SqsQueue.grants, "message", ("sqs:SendMessage", "sqs:PurgeQueue"))
    found = ck.policies(orders())

    assert found.superfluous == ("ValidateRole, statement 2: sqs:PurgeQueue",)
    assert [problem.partition(" on ")[0].rpartition(" may ")[2] for problem in found.problems] == ["sqs:PurgeQueue"]


@pytest.mark.parametrize("actions", [("sqs:*",), ("sqs:S*",)])
def test_a_wildcard_in_the_place_of_an_action_is_a_problem(monkeypatch, actions):
    monkeypatch.setitem(SqsQueue.grants, "message", actions)
    found = ck.policies(orders())

    assert found.superfluous == ()  # the link needs it, and it allows more
    assert any(" may sqs:SetQueueAttributes" in problem for problem in found.problems)


def test_a_wildcard_in_the_place_of_a_queue_is_a_problem(monkeypatch):
    monkeypatch.setattr(
        SqsQueue, "arn", lambda self: {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:orders*"}
    )
    problems = ck.policies(orders()).problems

    assert any(" may sqs:SendMessage on arn:aws:sqs:us-east-1:123456789012:ordersx-jobs" in each for each in problems)


def test_a_queue_of_any_account_is_a_problem_whatever_its_owner_allows(monkeypatch):
    monkeypatch.setattr(SqsQueue, "arn", lambda self: {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:*:orders-" + self.name})
    problems = ck.policies(orders()).problems

    assert any(" may sqs:SendMessage on arn:aws:sqs:us-east-1:210987654321:orders-jobs" in each for each in problems)


def test_a_policy_without_a_source_lets_every_stranger_in(monkeypatch):
    whole_admission = LambdaFunction.admission

    def bare(self, principals):
        made = whole_admission(self, principals)
        for resource in made:
            del resource.properties["SourceArn"]
        return made

    monkeypatch.setattr(LambdaFunction, "admission", bare)
    problems = ck.policies(orders()).problems

    assert any("apigateway.amazonaws.com may lambda:InvokeFunction" in problem for problem in problems)
    assert any("execute-api:us-east-1:210987654321:Api" in problem for problem in problems)


def test_a_policy_for_any_source_lets_other_sources_in(monkeypatch):
    monkeypatch.setattr(ck.SnsTopic, "arn", lambda self: {"Fn::Sub": "arn:aws:sns:*:${AWS::AccountId}:*"})
    problems = ck.policies(joined("SnsTopic", "SqsQueue", "subscription")).problems

    assert problems


def test_a_trust_without_an_account_lets_strangers_use_the_role(monkeypatch):
    monkeypatch.setattr(EventBus, "sends_account", False)
    problems = ck.policies(events()).problems

    assert {problem.partition(" may ")[0] for problem in problems} == {"events.amazonaws.com"}
    assert any("210987654321:rule/" in problem for problem in problems)


def test_a_role_that_waits_for_a_key_that_nobody_sends_is_never_assumed(monkeypatch):
    monkeypatch.setattr(ck.HttpApi, "sends_account", True)
    denied, _, _ = whole(ck.policies(calls()))

    assert [row[:3] for row in denied] == [("api", "apigateway.amazonaws.com", "sts:AssumeRole")]


def test_what_is_not_proved_is_told():
    notes = ck.policies(calls()).notes

    assert [note.partition(":")[0] for note in notes] == ["ApiRole"]
    assert "validate" in ck.policies(ck.example("orders")).notes[-1]


# --- the result ---


def test_the_frame_has_a_row_per_call():
    frame = ck.policies(orders()).to_frame()

    assert list(frame.columns) == ["link", "caller", "action", "resource", "allowed", "by"]
    assert frame["allowed"].all()
    assert set(frame["link"]) == {"api>validate", "validate>jobs", "jobs>pay", "validate", "pay"}


def test_the_text_says_for_what_each_statement_is():
    text = str(ck.policies(orders()))

    assert "allows sqs:SendMessage on arn:aws:sqs:us-east-1:123456789012:orders-jobs\n    for validate>jobs" in text
    assert "if aws:SourceAccount StringEquals 123456789012" in text
    assert "superfluous: none\nproblems: none\nnotes: none" in text


def test_its_documents_are_the_ones_that_are_deployed():
    deployed, found = Deployed(orders()), ck.policies(orders())
    statements = {d.name: list(d.statements) for r in deployed.roles.values() for d in (r.trust, r.allows)}

    assert {name: found.documents[name]["Statement"] for name in statements} == statements
    assert set(found.documents) == {*statements, "ValidatePermissionApi"}


def test_markup_in_a_name_stays_text():
    found = ck.policies(orders())

    assert "&gt;" in found._repr_html_()
    assert "validate>jobs" not in found._repr_html_()


def test_a_chain_with_an_error_has_no_policies():
    chain = orders()
    chain.set("jobs", visibility_timeout_s=1)

    with pytest.raises(ck.ConfigError, match="visibility_timeout_s=1"):
        ck.policies(chain)


def test_only_a_chain_has_policies():
    with pytest.raises(ck.ConfigError, match="policies"):
        ck.policies("orders")
