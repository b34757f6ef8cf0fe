"""Chains that several tests build, lint and deploy: together they hold every link once."""

from typing import Any

import chainkit as ck


def orders() -> ck.Chain:
    """API -> function -> queue -> function, with a dead-letter queue."""
    chain = ck.Chain("orders")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("validate", timeout_s=10, duration=0.01))
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.01))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("api", "validate", route="POST /orders")
    chain.connect("validate", "jobs")
    chain.connect("jobs", "pay", batch_size=5, report_batch_item_failures=True, maximum_concurrency=5)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=3)
    return chain


def calls() -> ck.Chain:
    """Functions that call functions, both ways, with destinations and an API that also sends to a queue."""
    chain = ck.Chain("calls")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("order", timeout_s=20, duration=0.01, reserved_concurrency=5))
    chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.01, runtime="nodejs22.x"))
    chain.add(ck.LambdaFunction("mail", duration=0.01, maximum_retry_attempts=1, environment={"SHOP": "chainkit"}))
    chain.add(ck.SqsQueue("audit"))
    chain.add(ck.SqsQueue("failed"))
    chain.add(ck.SqsQueue("done"))
    chain.connect("api", "order", route="POST /orders", probability=0.5)
    chain.connect("api", "order", route="PUT /orders", probability=0.25)
    chain.connect("api", "audit", route="POST /audit", probability=0.25)
    chain.connect("order", "pay", step=1, retry=ck.Retry(max_attempts=2))
    chain.connect("order", "mail", step=2, link="async")
    chain.connect("order", "audit", step=2)
    chain.connect("mail", "failed", link="on_failure")
    chain.connect("mail", "done", link="on_success")
    return chain


def events() -> ck.Chain:
    """A topic, a bus and a state machine, with filters, dead letters and a rule that starts the machine."""
    chain = ck.Chain("events")
    chain.add(ck.LambdaFunction("order", duration=0.01, timeout_s=20))
    chain.add(ck.SnsTopic("news"))
    chain.add(ck.EventBus("shop"))
    chain.add(ck.LambdaFunction("mail", duration=0.01))
    chain.add(ck.SqsQueue("audit"))
    chain.add(ck.SqsQueue("undelivered"))
    chain.add(ck.LambdaFunction("pay", duration=0.01))
    chain.add(ck.StateMachine("flow", definition=_flow()))
    chain.connect("order", "news")
    chain.connect("order", "shop")
    chain.connect("news", "mail", dead_letter_queue="undelivered")
    chain.connect("news", "audit", raw_message_delivery=True, filter_policy={"kind": ["physical"]})
    chain.connect("shop", "mail", event_pattern={"detail": {"kind": ["digital"]}}, dead_letter_queue="undelivered")
    chain.connect("shop", "flow", maximum_retry_attempts=3)
    return chain


def _flow() -> dict[str, Any]:
    """Return a definition: call the function, then send its answer to the queue."""
    lambda_, sqs = "arn:aws:states:::lambda:invoke", "arn:aws:states:::sqs:sendMessage"
    call = {"FunctionName": "${pay}", "Payload": "{% $states.input.detail %}"}
    send = {"QueueUrl": "${audit}", "MessageBody": "{% $states.input %}"}
    states = {
        "Pay": {
            "Type": "Task",
            "Resource": lambda_,
            "Arguments": call,
            "Output": "{% $states.result.Payload %}",
            "Next": "Log",
        },
        "Log": {"Type": "Task", "Resource": sqs, "Arguments": send, "End": True},
    }
    return {"QueryLanguage": "JSONata", "StartAt": "Pay", "States": states}


def shop() -> ck.Chain:
    """The order chain that comes with chainkit, with its code."""
    return ck.example("orders")


def shop_flow() -> ck.Chain:
    """The same as a state machine."""
    return ck.example("orders-sfn")


def pipeline() -> ck.Chain:
    """The data pipeline that comes with chainkit: more room in /tmp, limited concurrency."""
    return ck.example("etl")


def uploads() -> ck.Chain:
    """The uploads that come with chainkit: a topic's deliveries with dead letters, a link taken by some requests."""
    return ck.example("media")


def pair(**settings: Any) -> ck.Chain:
    """An API, and a function that hands work to another one, which has the settings: to be wired in other ways."""
    chain = ck.Chain("pair")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("a", timeout_s=10, duration=ck.LogNormal(p50_s=0.05, p99_s=0.3)))
    chain.add(ck.LambdaFunction("b", timeout_s=10, duration=ck.LogNormal(p50_s=0.1, p99_s=0.8), **settings))
    chain.connect("api", "a")
    chain.connect("a", "b", needs_answer=False)
    return chain


EXAMPLES = (orders, calls, events, shop, shop_flow, pipeline, uploads)
