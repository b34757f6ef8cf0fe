"""Stacks: what was planned stands, requests go through it with their story, and destroy leaves nothing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import chainkit as ck
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy
from tests.examples import EXAMPLES, calls, events, orders


def two_step(name, **pay):
    """Return queue -> function with a dead-letter queue after two receives."""
    chain = ck.Chain(name)
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", duration=0.0, timeout_s=10, **pay))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    return chain


def hops(trace):
    return [(span.node, span.what) for span in trace.spans]


# --- what stands ---


@pytest.mark.parametrize("example", EXAMPLES)
def test_destroy_leaves_nothing(target, example):
    stack = deploy(plan(example(), target))
    stood = target.witness.resources()

    stack.destroy()

    assert stood["AWS::Lambda::Function"] > 0
    assert target.witness.resources() == {}
    assert target.applier.chains() == []


def test_an_update_changes_what_stands_and_nothing_else(target, stand):
    stack = stand(orders())
    chain = orders()
    chain.set("jobs", visibility_timeout_s=90)
    chain.set("pay", reserved_concurrency=2)

    stand(chain)

    sqs = target.client("sqs")
    url = stack.outputs["JobsQueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert answer["Attributes"]["VisibilityTimeout"] == "90"
    assert target.client("lambda").get_function(FunctionName="orders-pay")["Concurrency"] == {
        "ReservedConcurrentExecutions": 2
    }
    assert plan(chain, target).is_empty


def test_what_a_design_leaves_out_is_taken_away(target, stand):
    chain = two_step("less", reserved_concurrency=2)
    stand(chain)
    chain.remove("dead")
    chain.set("pay", reserved_concurrency=None)

    stack = stand(chain)

    url = stack.outputs["JobsQueueUrl"]
    attributes = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert not attributes.get("RedrivePolicy")
    assert "Concurrency" not in target.client("lambda").get_function(FunctionName="less-pay")
    assert plan(chain, target).is_empty


def test_the_room_in_tmp_stands_as_designed_and_changes_with_the_design(target, stand):
    for size_mb in (2048, 1024, 512):
        chain = two_step("room", ephemeral_storage_mb=size_mb)
        stand(chain)

        settings = target.client("lambda").get_function_configuration(FunctionName="room-pay")
        assert settings["EphemeralStorage"] == {"Size": size_mb}
        assert plan(chain, target).is_empty


def test_the_outputs_say_where_the_services_are(stand):
    stack = stand(orders())

    assert stack.outputs["PayFunctionName"] == "orders-pay"
    assert stack.outputs["JobsQueueUrl"].endswith("/orders-jobs")
    assert stack.outputs["ApiApiUrl"].startswith("http://127.0.0.1:")


def test_a_plan_that_something_else_came_before_is_refused(target, stand):
    late = plan(orders(), target)
    stand(orders())

    with pytest.raises(ck.DeployError, match="has been changed since"):
        deploy(late)


def test_a_plan_is_refused_when_somebody_changed_a_setting_since_and_the_next_one_repairs_it(target, stand):
    stack = stand(orders())
    late, url = plan(orders(), target), stack.outputs["JobsQueueUrl"]
    target.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "45"})

    with pytest.raises(ck.DeployError, match=r"changed since it was made: Jobs was changed: VisibilityTimeout"):
        deploy(late)

    repair = plan(orders(), target)
    assert [str(d) for change in repair.changes for d in change.differences] == ['VisibilityTimeout: "45" -> 60']
    deploy(repair)
    assert plan(orders(), target).is_empty


def test_a_plan_is_refused_when_something_has_gone_since_and_the_next_one_makes_it_again(target, stand):
    stack = stand(orders())
    late = plan(orders(), target)
    target.client("lambda").delete_function(FunctionName=stack.outputs["PayFunctionName"])

    with pytest.raises(ck.DeployError, match=r"Pay is there no more"):
        deploy(late)

    again = plan(orders(), target)
    assert [c.resource.id for c in again.changes if c.action == "create"] == ["Pay"]
    deploy(again)


def test_a_refusal_says_which_change_and_destroy_removes_what_was_made_and_nothing_else(target):
    chain = ck.Chain("refused")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("pay"))
    logs = target.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/refused-pay")

    with pytest.raises(
        ck.DeployError, match=r"create PayLogs .*: create_log_group was refused: ResourceAlready"
    ) as caught:
        deploy(plan(chain, target))

    assert "that chainkit did not make" in caught.value.fix
    assert caught.value.__cause__ is not None
    ck.Stack(chain, target).destroy()
    assert target.client("sqs").list_queues().get("QueueUrls", []) == []
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/aws/lambda/refused-pay"]
    logs.delete_log_group(logGroupName="/aws/lambda/refused-pay")


def test_a_setting_that_the_target_does_not_hold_is_an_error_and_a_known_one_is_listed(target, stand, monkeypatch):
    kind = "AWS::SNS::Topic"
    made = ck.SnsTopic.resources

    def with_forgotten(topic, around):
        (resource,) = made(topic, around)
        asked = {**resource.properties, "TracingConfig": "Active"}
        settings = {**resource.api.settings, "TracingConfig": "Attributes.TracingConfig"}
        return (replace(resource, properties=asked, api=replace(resource.api, settings=settings)),)

    monkeypatch.setattr(ck.SnsTopic, "resources", with_forgotten)
    chain = ck.Chain("forgetful")
    chain.add(ck.SnsTopic("news"))

    stack = stand(chain)
    assert [(d.resource, d.type, d.field) for d in stack.dropped] == [("News", kind, "TracingConfig")]
    assert plan(chain, target).is_empty
    stack.destroy()

    monkeypatch.setattr(target, "drops", frozenset())
    with pytest.raises(ck.DeployError, match=r"News .*TracingConfig.*was asked for"):
        stand(chain)


# --- requests ---


def test_a_request_goes_from_the_api_through_the_queue_and_its_trace_says_so(stand):
    trace = stand(orders()).send({"order": 1})

    assert trace.outcome == "completed"
    assert json.loads(trace.answer) == {"order": 1}
    assert 0 < trace.response_s <= trace.completion_s < 60
    assert [hop for hop in hops(trace) if hop[1] != "init"] == [
        ("api", "api request"),
        ("validate", "invocation"),
        ("jobs", "send"),
        ("jobs", "queue wait"),
        ("pay", "invocation"),
    ]
    assert any("START RequestId" in line for line in trace.spans[1].logs)


def test_a_poison_message_reaches_the_dead_letter_queue_and_the_trace_says_why(target, stand):
    stack = stand(two_step("poison", poison_fraction=1.0, error_name="CardDeclined"))

    trace = stack.send({"order": 1})

    assert trace.outcome == "dead-lettered"
    assert trace.completion_s == math.inf
    assert math.isnan(trace.response_s)
    runs = [span for span in trace.spans if span.what == "invocation"]
    assert [(run.attempt, run.status, run.reason) for run in runs] == [
        (1, "error", "CardDeclined: failed as designed"),
        (2, "error", "CardDeclined: failed as designed"),
    ]
    (dead,) = [span for span in trace.spans if span.what == "dead letter"]
    assert (dead.node, dead.reason) == ("dead", "received 2 times from poison-jobs")
    assert dead.start_s > 100  # two visibility timeouts, in no time by the wall


def test_a_function_that_takes_too_long_is_cut_and_its_caller_fails(stand):
    chain = ck.Chain("slow")
    chain.add(ck.LambdaFunction("pay", duration=5.0, timeout_s=1))

    trace = stand(chain).send({})

    assert trace.outcome == "failed"
    assert trace.response_s == pytest.approx(1.0, abs=0.9)
    assert [span.status for span in trace.spans if span.what == "invocation"] == ["timeout"]


def test_an_asynchronous_call_is_tried_again_after_minutes_that_take_no_time(stand):
    chain = ck.Chain("again")
    chain.add(ck.LambdaFunction("order", duration=0.0))
    chain.add(ck.LambdaFunction("mail", duration=0.0, poison_fraction=1.0))
    chain.add(ck.SqsQueue("failed"))
    chain.connect("order", "mail", link="async")
    chain.connect("mail", "failed", link="on_failure")

    trace = stand(chain).send({})

    assert trace.outcome == "dead-lettered"
    assert [s.attempt for s in trace.spans if (s.node, s.what) == ("mail", "invocation")] == [1, 2, 3]
    assert max(span.start_s for span in trace.spans) > 180


def test_what_nobody_keeps_is_dropped(stand):
    chain = ck.Chain("lost")
    chain.add(ck.LambdaFunction("order", duration=0.0))
    chain.add(ck.LambdaFunction("mail", duration=0.0, poison_fraction=1.0, maximum_retry_attempts=0))
    chain.connect("order", "mail", link="async")

    assert stand(chain).send({}).outcome == "dropped"


def test_a_throttled_call_is_throttled(stand):
    chain = ck.Chain("shut")
    chain.add(ck.LambdaFunction("pay", reserved_concurrency=0))

    assert stand(chain).send({}).outcome == "throttled"


def test_a_throttled_function_behind_an_api_is_throttled(stand):
    chain = ck.Chain("shut2")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("pay", reserved_concurrency=0))
    chain.connect("api", "pay")

    assert stand(chain).send({}).outcome == "throttled"


def test_a_request_that_is_not_done_in_time_is_unfinished(stand):
    chain = ck.Chain("long")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("pay", duration=3.0, timeout_s=10))
    chain.connect("jobs", "pay")

    trace = stand(chain).send({}, timeout_s=0.5)

    assert trace.outcome == "unfinished"
    assert math.isnan(trace.completion_s)


def test_a_request_enters_by_the_link_that_is_named(stand):
    stack = stand(calls())

    assert hops(stack.send({}, at="api>audit"))[0] == ("api", "api request")
    assert stack.send({}, at="api>order#2").spans[0].reason == "PUT /orders -> 200"
    assert [what for _, what in hops(stack.send({}, at="audit"))] == ["send"]


def test_a_chain_with_several_entries_asks_which(stand):
    chain = ck.Chain("two")
    chain.add(ck.SqsQueue("a"))
    chain.add(ck.SqsQueue("b"))
    stack = stand(chain)

    with pytest.raises(ck.ConfigError, match="nothing leads to a, b"):
        stack.send({})


def test_an_answer_that_takes_too_long_is_not_waited_for(stand):
    chain = ck.Chain("endless")
    chain.add(ck.LambdaFunction("pay", duration=2.0, timeout_s=10))

    trace = stand(chain).send({}, timeout_s=0.5)

    assert (trace.outcome, trace.answer) == ("unfinished", "")
    assert math.isnan(trace.response_s)


def test_an_event_that_is_not_json_is_refused(stand):
    stack = stand(two_step("json"))

    with pytest.raises(ck.ConfigError, match="is not JSON"):
        stack.send({"when": object()})


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        (lambda stack: stack.send({}, timeout_s=None), "timeout_s=None is no time"),
        (lambda stack: stack.send({}, timeout_s=-1), "timeout_s=-1 is no time"),
        (lambda stack: stack.send({}, timeout_s=math.nan), "timeout_s=nan is no time"),
        (lambda stack: stack.send({}, at=stack.chain.service("pay")), "has no service"),
        (lambda stack: stack.send_many({"order": 1}), "is one event or none"),
        (lambda stack: stack.send_many(None), "events=None is one event or none"),
        (lambda stack: ck.deploy(stack.chain), "is no plan"),
    ],
)
def test_what_cannot_be_sent_or_deployed_is_refused(stand, refused, problem):
    stack = stand(two_step("refused"))

    with pytest.raises(ck.ChainkitError, match=problem):
        refused(stack)


def test_an_event_goes_through_topic_bus_and_state_machine(stand):
    stack = stand(events())

    physical, digital = stack.send({"kind": "physical"}), stack.send({"kind": "digital"})

    assert (physical.outcome, digital.outcome) == ("completed", "completed")
    assert (
        hops(physical).count(("mail", "invocation")) == 1
    )  # from the topic; the rule's pattern lets only digital pass
    assert hops(digital).count(("mail", "invocation")) == 2
    assert ("news", "filtered") in hops(digital)
    assert [span.reason for span in physical.spans if span.what == "state"] == ["Pay", "Log"]
    assert {("flow", "execution"), ("pay", "invocation"), ("audit", "send")} <= set(hops(physical))


def test_many_requests_at_the_same_time_are_all_accounted_for(stand):
    stack = stand(orders())

    traces = stack.send_many([{"order": k} for k in range(40)])

    assert [trace.outcome for trace in traces] == ["completed"] * 40
    assert [json.loads(trace.answer)["order"] for trace in traces] == list(range(40))


@pytest.mark.slow
def test_two_hundred_orders_are_all_accounted_for(stand):
    traces = stand(orders()).send_many([{"order": k} for k in range(200)])

    assert [trace.outcome for trace in traces] == ["completed"] * 200


def test_a_destroyed_stack_takes_no_requests(target):
    stack = deploy(plan(two_step("over"), target))
    stack.destroy()

    assert repr(stack) == "Stack('over' on local, 0 resources)"
    with pytest.raises(ck.DeployError, match="stands no more"):
        stack.send({})


def test_a_load_test_is_compared_with_the_run_and_taken_into_the_design(stand):
    chain = ck.Chain("measured")
    chain.add(ck.LambdaFunction("order", duration=0.05, timeout_s=10))
    stack = stand(chain)
    run = ck.simulate(chain, ck.Steady(rate_per_s=10), requests=500, seed=1)
    with pytest.raises(ck.ConfigError, match="nothing was measured yet"):
        stack.compare(run)

    measured = stack.load(ck.Steady(rate_per_s=10), requests=30)

    assert measured.ledger["completed"] == 30
    assert (
        stack.compare(run).to_frame().set_index(["node", "figure"]).loc[("order", "invocations"), "verdict"] == "agrees"
    )
    warm = measured.to_frame().query("what == 'invocation'")
    law = stack.calibrate().service("order").duration
    assert law.ppf(np.array([0.0]))[0] >= 0.05
    assert law.mean_s <= float((warm["end_s"] - warm["start_s"]).max())


def test_a_stack_whose_target_is_gone_says_so_and_shows_no_traceback():
    with ck.local() as gone:
        left = ck.stack("elsewhere", gone)

    assert repr(left) == "Stack('elsewhere' on local, which does not answer)"
