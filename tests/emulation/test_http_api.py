"""HTTP API -> function or service: routes, payload format 2.0, answers, limits."""

import json

import pytest

from chainkit.emulation.http_api import match

ECHO = "def handler(event, context):\n    return event"


def test_the_event_has_payload_format_2(aws):
    _, function = aws.function(ECHO)
    api_id = aws.api("POST /orders/{id}", function=function)
    headers = {"X-Kind": "a", "Cookie": "c=1; d=2"}
    status, text, _ = aws.http(api_id, "/orders/7?q=1&q=2&r=", {"n": 1}, headers=headers)
    event = json.loads(text)

    assert status == 200
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /orders/{id}"
    assert (event["rawPath"], event["rawQueryString"]) == ("/orders/7", "q=1&q=2&r=")
    assert event["pathParameters"] == {"id": "7"}
    assert event["queryStringParameters"] == {"q": "1,2", "r": ""}
    assert event["cookies"] == ["c=1", "d=2"]
    assert event["headers"]["x-kind"] == "a"
    assert "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["apiId"] == api_id


@pytest.mark.parametrize(
    ("result", "status", "text"),
    [
        ("{'statusCode': 201, 'body': 'made', 'headers': {'X-A': 'b'}}", 201, "made"),
        ("{'statusCode': 200, 'body': 'aGk=', 'isBase64Encoded': True}", 200, "hi"),
        ("{'order': 1}", 200, '{"order": 1}'),
        ("'plain'", 200, '"plain"'),
        ("1 / 0", 500, '{"message": "Internal Server Error"}'),
        ("{'statusCode': 'many'}", 500, '{"message": "Internal Server Error"}'),
    ],
)
def test_the_answer_is_what_the_function_returns(aws, result, status, text):
    _, function = aws.function(f"def handler(event, context):\n    return {result}")
    answer = aws.http(aws.api(function=function))

    assert answer[:2] == (status, text)


def test_a_function_that_times_out_is_a_500_and_one_beyond_the_integration_limit_a_503(aws, root):
    _, function = aws.function("import time\ndef handler(event, context):\n    time.sleep(2)", Timeout=1)
    _, slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(1)", Timeout=3)

    assert aws.http(aws.api(function=function))[0] == 500
    assert aws.http(aws.api(function=slow, TimeoutInMillis=500), root=root)[0] == 503
    assert aws.emulator.settle(root)
    assert aws.emulator.story(root)[1]["status"] == "ok", "the function ran on"


@pytest.mark.parametrize(
    ("path", "method", "route"),
    [
        ("/orders/7", "GET", "GET /orders/{id}"),
        ("/orders/new", "GET", "GET /orders/new"),
        ("/orders/7", "PUT", "ANY /orders/{id}"),
        ("/a/b/c", "GET", "ANY /{proxy+}"),
        ("/", "GET", "$default"),
    ],
)
def test_the_most_specific_route_answers(path, method, route):
    class Route:
        def __init__(self, key):
            self.route_key = key

    keys = ["$default", "ANY /{proxy+}", "ANY /orders/{id}", "GET /orders/{id}", "GET /orders/new"]
    found, _ = match([Route(key) for key in keys], method, path)

    assert found.route_key == route


def test_a_path_without_a_route_is_not_found(aws):
    _, function = aws.function(ECHO)
    api_id = aws.api("POST /orders", function=function)

    assert aws.http(api_id, "/other")[0] == 404
    assert aws.http("nosuchapi")[0] == 404


def test_a_named_stage_is_the_first_part_of_the_path(aws):
    _, function = aws.function(ECHO)
    api_id = aws.api("POST /orders", function=function, stage="dev")
    status, text, _ = aws.http(api_id, "/dev/orders")

    assert (status, json.loads(text)["requestContext"]["stage"]) == (200, "dev")
    assert aws.http(api_id, "/orders")[0] == 404


def test_a_queue_takes_the_body_without_a_function(aws, root):
    url, _ = aws.queue()
    parameters = {"QueueUrl": url, "MessageBody": "$request.body"}
    api_id = aws.api(IntegrationSubtype="SQS-SendMessage", PayloadFormatVersion="1.0", RequestParameters=parameters)
    status, text, _ = aws.http(api_id, body={"n": 1}, root=root)

    assert (status, "MessageId" in json.loads(text)) == (200, True)
    assert aws.bodies(url) == [{"n": 1}]
    assert aws.whats(root)[:2] == ["api request", "send"]


def test_a_bus_takes_an_event_made_of_the_request(aws):
    url, queue = aws.queue()
    client = aws.client("events")
    client.put_rule(Name="from-api", EventPattern=json.dumps({"source": ["api.7"]}))
    client.put_targets(Rule="from-api", Targets=[{"Id": "1", "Arn": queue}])
    parameters = {
        "Source": "api.${request.path.id}",
        "DetailType": "$request.body.kind",
        "Detail": "$request.body.order",
    }
    api_id = aws.api(
        "POST /orders/{id}",
        IntegrationSubtype="EventBridge-PutEvents",
        PayloadFormatVersion="1.0",
        RequestParameters=parameters,
    )
    status, _, _ = aws.http(api_id, "/orders/7", {"kind": "Made", "order": {"n": 1}})
    event = aws.bodies(url)[0]

    assert status == 200
    assert (event["detail-type"], event["detail"]) == ("Made", {"n": 1})


@pytest.mark.parametrize(("subtype", "kind"), [("StartExecution", "STANDARD"), ("StartSyncExecution", "EXPRESS")])
def test_a_state_machine_is_started(aws, root, subtype, kind):
    arn = aws.machine({"Wait": {"Type": "Wait", "Seconds": 5, "End": True}}, kind=kind)
    api_id = aws.api(
        IntegrationSubtype=f"StepFunctions-{subtype}",
        PayloadFormatVersion="1.0",
        RequestParameters={"StateMachineArn": arn, "Input": "$request.body"},
    )
    status, text, _ = aws.http(api_id, body={"n": 1}, root=root)
    aws.emulator.settle(root)

    assert status == 200
    assert json.loads(text).get("status", "RUNNING") == ("SUCCEEDED" if kind == "EXPRESS" else "RUNNING")
    assert "execution" in aws.whats(root)


def test_an_execution_longer_than_the_limit_is_a_503_on_the_clock(aws, root):
    arn = aws.machine({"Wait": {"Type": "Wait", "Seconds": 45, "End": True}}, kind="EXPRESS")
    api_id = aws.api(
        IntegrationSubtype="StepFunctions-StartSyncExecution",
        PayloadFormatVersion="1.0",
        RequestParameters={"StateMachineArn": arn, "Input": "$request.body"},
    )

    assert aws.http(api_id, body={}, root=root)[0] == 503
