"""Asynchronous invocation: retries on the clock, throttles, age, destinations, dead letters."""

import json
import time

FAIL = "def handler(event, context):\n    raise ValueError('always')"


def send(aws, name, root, event=None):
    response = aws.traced("lambda", root).invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(event or {"n": 1})
    )
    assert aws.emulator.settle(root)
    return response


def events_of(aws, root, what):
    return [event for event in aws.emulator.story(root) if event["what"] == what]


def configure(aws, name, **config):
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, **config)


def test_an_event_is_accepted_at_once_and_arrives(aws, root):
    name, _, reports = aws.reporting("def handler(event, context):\n    report(event)")

    response = send(aws, name, root)

    assert response["StatusCode"] == 202
    assert aws.bodies(reports) == [{"n": 1}]


def test_two_retries_come_after_one_and_two_minutes_that_take_no_time(aws, root):
    name, _ = aws.function(FAIL)
    began_s = time.monotonic()
    send(aws, name, root)
    runs = events_of(aws, root, "invocation")

    assert [run["attempt"] for run in runs] == [1, 2, 3]
    assert {run["status"] for run in runs} == {"error"}
    assert 60 <= runs[1]["at_s"] - runs[0]["at_s"] < 65
    assert 120 <= runs[2]["at_s"] - runs[1]["at_s"] < 125
    assert time.monotonic() - began_s < 30
    assert events_of(aws, root, "dropped")[0]["reason"] == "RetriesExhausted"


def test_the_record_of_a_failure_goes_to_the_destination_after_the_retries(aws, root):
    url, queue = aws.queue()
    name, arn = aws.function(FAIL)
    configure(aws, name, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue}})
    send(aws, name, root)
    (record,) = aws.bodies(url)

    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_the_record_of_a_success_holds_the_answer(aws, root):
    topic = aws.client("sns").create_topic(Name="results")["TopicArn"]
    url, queue = aws.queue()
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    name, _ = aws.function("def handler(event, context):\n    return {'done': event['n']}")
    configure(aws, name, DestinationConfig={"OnSuccess": {"Destination": topic}})
    send(aws, name, root)
    record = json.loads(aws.bodies(url)[0]["Message"])

    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": 1}


def test_a_destination_may_be_a_function_or_a_bus(aws, root):
    _, reporter, reports = aws.reporting("def handler(event, context):\n    report(event)")
    client = aws.client("events")
    bus = client.create_event_bus(Name="ends")["EventBusArn"]
    pattern = json.dumps({"source": ["lambda"]})
    client.put_rule(Name="ends", EventBusName="ends", EventPattern=pattern)
    client.put_targets(Rule="ends", EventBusName="ends", Targets=[{"Id": "1", "Arn": reporter}])
    good, good_arn = aws.function("def handler(event, context):\n    return 1")
    bad, _ = aws.function(FAIL)
    configure(aws, good, DestinationConfig={"OnSuccess": {"Destination": bus}})
    configure(aws, bad, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": reporter}})

    send(aws, good, root)
    send(aws, bad, root)
    seen = aws.bodies(reports, 2)

    assert seen[0]["detail-type"] == "Lambda Function Invocation Result - Success"
    assert seen[0]["detail"]["responsePayload"] == 1
    assert seen[0]["resources"] == [f"{good_arn}:$LATEST", bus]
    assert seen[1]["requestContext"]["condition"] == "RetriesExhausted"


def test_the_event_itself_goes_to_the_dead_letter_queue(aws, root):
    url, queue = aws.queue()
    name, _ = aws.function(FAIL, DeadLetterConfig={"TargetArn": queue})
    standing = aws.client("lambda").get_function_configuration(FunctionName=name)
    send(aws, name, root)
    (message,) = aws.messages(url)

    assert standing["DeadLetterConfig"] == {"TargetArn": queue}
    assert json.loads(message["Body"]) == {"n": 1}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "always"
    assert message["MessageAttributes"]["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}


def test_a_second_event_invoke_config_replaces_the_first(aws):
    name, _ = aws.function(FAIL)
    configure(aws, name, MaximumRetryAttempts=2)
    configure(aws, name, MaximumRetryAttempts=0)

    assert aws.client("lambda").get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 0


def test_a_throttled_event_waits_longer_each_time_until_it_is_too_old(aws, root):
    url, queue = aws.queue()
    name, _ = aws.function("import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))")
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    configure(aws, name, MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": queue}})
    # One event holds the only environment for two seconds; the other one's backoff runs with the wall meanwhile.
    other = aws.emulator.root_id()
    client = aws.traced("lambda", other)
    client.invoke(FunctionName=name, InvocationType="Event", Payload='{"s": 2}')
    time.sleep(0.5)
    send(aws, name, root)
    waits = [event["span_s"] for event in events_of(aws, root, "retry wait")]
    aws.emulator.settle(other)

    assert waits[:2] == [1.0, 2.0]
    assert [run["status"] for run in events_of(aws, root, "invocation")][-1] == "ok"
    assert aws.bodies(url, wait_s=0) == []


def test_an_event_for_a_function_without_concurrency_is_dropped_at_once(aws, root):
    name, _ = aws.function(FAIL)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    send(aws, name, root)

    assert aws.whats(root) == ["dropped"]


def test_a_log_subscription_gets_the_lines_of_another_function(aws, root):
    _, reader, reports = aws.reporting(
        "import base64, gzip, json\n"
        "def handler(event, context):\n"
        "    lines = json.loads(gzip.decompress(base64.b64decode(event['awslogs']['data'])))['logEvents']\n"
        "    report([line['message'] for line in lines])"
    )
    name, _ = aws.function("def handler(event, context):\n    print('watched')")
    group = f"/aws/lambda/{name}"
    aws.client("logs").create_log_group(logGroupName=group)
    aws.client("logs").put_subscription_filter(
        logGroupName=group, filterName="all", filterPattern="", destinationArn=reader
    )
    send(aws, name, root)

    assert "watched" in aws.bodies(reports)[0]


def test_a_retry_that_would_come_too_late_ends_the_event(aws, root):
    url, queue = aws.queue()
    name, _ = aws.function(FAIL)
    destination = {"OnFailure": {"Destination": queue}}
    configure(aws, name, MaximumEventAgeInSeconds=60, DestinationConfig=destination)
    send(aws, name, root)

    assert aws.bodies(url)[0]["requestContext"]["condition"] == "EventAgeExceeded"
    assert len(events_of(aws, root, "invocation")) == 1


def test_all_attempts_at_an_event_have_the_id_that_its_sender_got(aws, root):
    url, queue = aws.queue()
    code = "def handler(event, context):\n    report(context.aws_request_id)\n    raise ValueError('no')"
    name, _, reports = aws.reporting(code, DeadLetterConfig={"TargetArn": queue})
    configure(aws, name, MaximumRetryAttempts=1)
    request_id = send(aws, name, root)["ResponseMetadata"]["RequestId"]
    (dead,) = aws.messages(url)

    assert aws.bodies(reports, 2) == [request_id, request_id]
    assert dead["MessageAttributes"]["RequestID"]["StringValue"] == request_id
    assert dead["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
