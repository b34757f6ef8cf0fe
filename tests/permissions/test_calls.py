"""What each link calls, said once more by hand, from AWS's documentation, for every link there is."""

import pytest

import chainkit as ck
from chainkit.permissions.calls import api_calls
from chainkit.permissions.policy import Deployed
from chainkit.service import registry
from chainkit.wiring import fitting

ROLE = "arn:aws:iam::123456789012:role/one-{}-us-east-1"
INVOKE, SEND, PUBLISH, PUT = "lambda:InvokeFunction", "sqs:SendMessage", "sns:Publish", "events:PutEvents"
START, SYNC = "states:StartExecution", "states:StartSyncExecution"
POLL = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
# (from, to, word) -> (whose role, or which AWS service, actions). Tasks, and machines that answer, stand below.
BY_HAND = {
    ("LambdaFunction", "LambdaFunction", "sync"): ("first", INVOKE),
    ("LambdaFunction", "LambdaFunction", "async"): ("first", INVOKE),
    ("LambdaFunction", "LambdaFunction", "on_failure"): ("first", INVOKE),
    ("LambdaFunction", "LambdaFunction", "on_success"): ("first", INVOKE),
    ("LambdaFunction", "SqsQueue", "send"): ("first", SEND),
    ("LambdaFunction", "SqsQueue", "on_failure"): ("first", SEND),
    ("LambdaFunction", "SqsQueue", "on_success"): ("first", SEND),
    ("LambdaFunction", "SnsTopic", "publish"): ("first", PUBLISH),
    ("LambdaFunction", "SnsTopic", "on_failure"): ("first", PUBLISH),
    ("LambdaFunction", "SnsTopic", "on_success"): ("first", PUBLISH),
    ("LambdaFunction", "EventBus", "put_events"): ("first", PUT),
    ("LambdaFunction", "EventBus", "on_failure"): ("first", PUT),
    ("LambdaFunction", "EventBus", "on_success"): ("first", PUT),
    ("LambdaFunction", "StateMachine", "async"): ("first", START),
    ("HttpApi", "LambdaFunction", "sync"): ("apigateway.amazonaws.com", INVOKE),
    ("HttpApi", "SqsQueue", "send"): ("first", SEND),
    ("HttpApi", "EventBus", "put_events"): ("first", PUT),
    ("HttpApi", "StateMachine", "async"): ("first", START),
    ("SqsQueue", "LambdaFunction", "mapping"): ("second", *POLL),
    ("SqsQueue", "SqsQueue", "redrive"): ("",),
    ("SnsTopic", "LambdaFunction", "subscription"): ("sns.amazonaws.com", INVOKE),
    ("SnsTopic", "SqsQueue", "subscription"): ("sns.amazonaws.com", SEND),
    ("EventBus", "LambdaFunction", "rule"): ("events.amazonaws.com", INVOKE),
    ("EventBus", "SqsQueue", "rule"): ("events.amazonaws.com", SEND),
    ("EventBus", "SnsTopic", "rule"): ("events.amazonaws.com", PUBLISH),
    ("EventBus", "EventBus", "rule"): ("first", PUT),
    ("EventBus", "StateMachine", "rule"): ("first", START),
}


def joined(a, b, word, **settings):
    chain = ck.Chain("one")
    chain.add(registry[a]("first"))
    chain.add(registry[b]("second", **settings))
    chain.connect("first", "second", link=word)
    return chain


def of(chain, key):
    return [call.request for call in api_calls(Deployed(chain)) if call.link == key]


def test_every_link_that_can_be_deployed_is_in_the_table():
    words = {
        (a, b, word)
        for a in registry
        for b in registry
        for word in fitting(registry[a]("first"), registry[b]("second"))
        if not joined(a, b, word).validate()
    }

    assert words == set(BY_HAND)


@pytest.mark.parametrize(("a", "b", "word"), BY_HAND)
def test_what_a_link_calls(a, b, word):
    who, *actions = BY_HAND[a, b, word]
    requests = of(joined(a, b, word), "first>second")

    assert [request.action for request in requests] == actions
    assert {r.principal for r in requests} <= {who if "." in who else ROLE.format(who)}


@pytest.mark.parametrize(("word", "action"), [("sync", SYNC), ("async", START)])
@pytest.mark.parametrize("caller", ["LambdaFunction", "HttpApi"])
def test_an_express_machine_is_called_or_started_as_the_link_says(caller, word, action):
    (request,) = of(joined(caller, "StateMachine", word, workflow="EXPRESS"), "first>second")

    assert request.action == action


def test_a_service_calls_for_the_resource_that_is_the_source():
    (by_api,) = of(joined("HttpApi", "LambdaFunction", "sync"), "first>second")
    (by_topic,) = of(joined("SnsTopic", "SqsQueue", "subscription"), "first>second")
    (by_rule,) = of(joined("EventBus", "LambdaFunction", "rule"), "first>second")

    assert by_api.context["aws:SourceArn"] == "arn:aws:execute-api:us-east-1:123456789012:First/$default/$default"
    assert by_topic.context == {"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:one-first"}
    assert by_rule.context == {
        "aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/one-first/FirstSecondRule",
        "aws:SourceAccount": "123456789012",
    }


def test_what_cannot_be_delivered_is_sent_by_the_same_service():
    chain = joined("SnsTopic", "LambdaFunction", "subscription")
    chain.add(ck.SqsQueue("dead"))
    chain.set("first>second", dead_letter_queue="dead")

    assert [(r.principal, r.action) for r in of(chain, "first>second")] == [
        ("sns.amazonaws.com", INVOKE),
        ("sns.amazonaws.com", SEND),
    ]


TASKS = {
    "lambda:invoke": ("FunctionName", "pay", (INVOKE,)),
    "sqs:sendMessage": ("QueueUrl", "jobs", (SEND,)),
    "sqs:sendMessage.waitForTaskToken": ("QueueUrl", "jobs", (SEND,)),
    "sns:publish": ("TopicArn", "news", (PUBLISH,)),
    "states:startExecution": ("StateMachineArn", "other", (START,)),
    "states:startExecution.sync:2": (
        "StateMachineArn",
        "other",
        (
            START,
            "states:DescribeExecution",
            "states:StopExecution",
            "events:PutTargets",
            "events:PutRule",
            "events:DescribeRule",
        ),
    ),
    "aws-sdk:sfn:startSyncExecution": ("StateMachineArn", "fast", (SYNC,)),
}


def with_task(resource):
    """Return a chain whose machine has one task, and what tasks can name."""
    field, name, _ = TASKS[resource]
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": {field: f"${{{name}}}"},
        "End": True,
    }
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay"))
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.SnsTopic("news"))
    chain.add(ck.StateMachine("other"))
    chain.add(ck.StateMachine("fast", workflow="EXPRESS"))
    chain.add(ck.StateMachine("flow", definition={"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": task}}))
    return chain


@pytest.mark.parametrize("resource", TASKS)
def test_what_a_task_calls(resource):
    _, name, actions = TASKS[resource]
    requests = of(with_task(resource), f"flow>{name}")

    assert tuple(r.action for r in requests) == actions
    assert {r.principal for r in requests} == {ROLE.format("flow")}


def test_a_function_assumes_its_role_and_writes_its_log():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("first"))

    assert [(r.principal, r.action) for r in of(chain, "first")] == [
        ("lambda.amazonaws.com", "sts:AssumeRole"),
        (ROLE.format("first"), "logs:CreateLogStream"),
        (ROLE.format("first"), "logs:PutLogEvents"),
    ]
