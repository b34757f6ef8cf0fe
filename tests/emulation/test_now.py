"""moto's now is the clock's, wherever moto asks for it."""

import uuid


def test_what_a_function_logs_is_kept_after_the_clock_has_jumped(aws):
    aws.emulator.advance(3 * 3600)  # CloudWatch Logs refuses lines from more than two hours ahead of its own now
    name, _ = aws.function("def handler(event, context):\n    print('here')")
    aws.client("lambda").invoke(FunctionName=name)
    lines = [
        event["message"].strip()
        for event in aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    ]

    assert "here" in lines


def test_messages_are_delayed_by_the_clock(aws):
    url, _ = aws.queue()
    aws.client("sqs").send_message(QueueUrl=url, MessageBody='"later"', DelaySeconds=900)
    assert aws.bodies(url, wait_s=0) == []
    aws.emulator.advance(901)

    assert aws.bodies(url) == ["later"]


def test_what_is_created_after_a_jump_is_younger(aws):
    logs, name = aws.client("logs"), f"g-{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=f"{name}-1")
    aws.emulator.advance(1000)
    logs.create_log_group(logGroupName=f"{name}-2")
    before, after = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]

    assert after["creationTime"] - before["creationTime"] >= 1_000_000
