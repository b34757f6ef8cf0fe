"""Function URLs: the API, and the URL itself: at its own host, and where a browser finds it."""

import http.client
import json
import re
import urllib.request

import pytest
from botocore.exceptions import ClientError

ECHO = """
import json
def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    if event["rawPath"] == "/html":
        return {"statusCode": 201, "headers": {"Content-Type": "text/html"}, "body": "<p>", "cookies": ["a=1", "b=2"]}
    if event["rawPath"] == "/bare":
        return {"statusCode": 200, "body": "x"}
    return {"event": event, "arn": context.invoked_function_arn}
"""


@pytest.fixture
def made(aws):
    """Return (name, ARN, function URL)."""
    name, arn = aws.function(ECHO)
    url = aws.client("lambda").create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    return name, arn, url


def ask(aws, url, path="/", method="GET", body=None, headers=None):
    """Send a request as a client does that found our address under the URL's name; return (status, body, headers)."""
    port = int(aws.emulator.endpoint_url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        host = url.removeprefix("https://").rstrip("/")
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def test_the_url_has_the_form_of_aws_and_answers_at_its_host(aws, made):
    _, arn, url = made
    status, text, headers = ask(aws, url, "/orders/7?a=1&a=2&b=", "POST", "hi", {"Cookie": "x=1; y=2", "X-Mine": "z"})
    event, ran_as = json.loads(text)["event"], json.loads(text)["arn"]
    context = event["requestContext"]

    assert re.fullmatch(r"https://[a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws/", url)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert ran_as == arn
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/orders/7")
    assert event["rawQueryString"] == "a=1&a=2&b="
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert event["cookies"] == ["x=1", "y=2"]
    assert event["headers"]["x-mine"] == "z"
    assert (event["body"], event["isBase64Encoded"]) == ("hi", False)
    assert "pathParameters" not in event
    assert context["http"]["method"] == "POST"
    assert context["domainName"] == url.removeprefix("https://").rstrip("/")
    assert context["domainPrefix"] == context["apiId"] == context["domainName"].split(".")[0]
    assert (context["stage"], context["accountId"]) == ("$default", "anonymous")


def test_a_browser_finds_it_under_the_emulators_address(aws, made):
    _, _, url = made
    local = aws.emulator.local_url(url + "orders?a=1")
    with urllib.request.urlopen(urllib.request.Request(local, headers={"Origin": "https://example.com"})) as response:
        event = json.load(response)["event"]

    assert local.startswith(aws.emulator.endpoint_url + "/_urls/")
    assert (event["rawPath"], event["rawQueryString"]) == ("/orders", "a=1")
    assert ask(aws, url.replace(".on.aws/", ".localhost:9"), "/")[0] == 200


def test_responses_are_inferred_and_failures_are_502(aws, made):
    _, _, url = made
    status, text, headers = ask(aws, url, "/html")

    assert (status, text, headers["content-type"]) == (201, "<p>", "text/html")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert ask(aws, url, "/bare")[2]["content-type"] == "application/json"
    assert ask(aws, url, "/fail")[:2] == (502, "Internal Server Error")


def test_a_throttled_function_answers_429_and_a_slow_one_504(aws):
    client = aws.client("lambda")
    name, _ = aws.function("import time\ndef handler(event, context):\n    time.sleep(30)", Timeout=1)
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    slow = ask(aws, url)[0]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    assert (slow, ask(aws, url)[0]) == (504, 429)


def test_iam_asks_for_a_signed_request(aws):
    name, _ = aws.function(ECHO)
    url = aws.client("lambda").create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"]
    signature = "AWS4-HMAC-SHA256 Credential=AKIDMINE/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host"
    refused = ask(aws, url)
    status, text, _ = ask(aws, url, headers={"Authorization": signature})

    assert refused[:2] == (403, '{"Message": "Forbidden"}')
    assert status == 200
    assert json.loads(text)["event"]["requestContext"]["authorizer"]["iam"]["accessKey"] == "AKIDMINE"
    assert ask(aws, url, "/?X-Amz-Credential=AKIDMINE%2F20260101%2Fus-east-1&X-Amz-Signature=1")[0] == 200


def test_a_url_of_an_alias_runs_its_version(aws):
    client = aws.client("lambda")
    name, arn = aws.function(ECHO)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    created = client.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")

    assert created["FunctionArn"] == f"{arn}:live"
    assert json.loads(ask(aws, created["FunctionUrl"])[1])["arn"] == f"{arn}:live"


def test_configs_are_created_read_changed_listed_and_deleted(aws, made):
    client = aws.client("lambda")
    name, arn, url = made
    with pytest.raises(ClientError) as twice:
        client.create_function_url_config(FunctionName=name, AuthType="NONE")
    client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM", Cors={"AllowOrigins": ["*"]})
    shown = client.get_function_url_config(FunctionName=name)
    listed = client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    stood = aws.emulator.resources()["AWS::Lambda::Url"]
    client.delete_function_url_config(FunctionName=name)

    assert twice.value.response["Error"]["Code"] == "ConflictException"
    assert (shown["FunctionUrl"], shown["FunctionArn"], shown["InvokeMode"]) == (url, arn, "BUFFERED")
    assert (shown["AuthType"], shown["Cors"]) == ("AWS_IAM", {"AllowOrigins": ["*"]})
    assert [each["FunctionUrl"] for each in listed] == [url]
    assert aws.emulator.resources().get("AWS::Lambda::Url", 0) == stood - 1
    assert ask(aws, url)[0] == 404
    with pytest.raises(ClientError) as gone:
        client.get_function_url_config(FunctionName=name)
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_url_goes_with_its_function(aws, made):
    name, _, url = made
    aws.client("lambda").delete_function(FunctionName=name)

    assert ask(aws, url)[0] == 404


def test_cors_is_answered_by_the_url_itself(aws, made):
    name, _, url = made
    cors = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60, "AllowCredentials": True}
    aws.client("lambda").update_function_url_config(FunctionName=name, Cors=cors)
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    status, text, headers = ask(aws, url, method="OPTIONS", headers=asked)

    assert (status, text) == (200, "")
    assert headers["access-control-allow-origin"] == "https://shop.example"
    assert (headers["access-control-allow-methods"], headers["access-control-max-age"]) == ("GET", "60")
    assert ask(aws, url, headers=asked)[2]["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in ask(aws, url, headers={"Origin": "https://other.example"})[2]


@pytest.mark.parametrize("path", ["/_chainkit/workers", "/2015-03-31/functions", "/_apis/x/y"])
def test_the_host_of_a_url_reaches_that_function_only(aws, made, path):
    _, _, url = made
    status, text, _ = ask(aws, url, path, headers={"Origin": "https://example.com"})

    assert status == 200
    assert json.loads(text)["event"]["rawPath"] == path


def test_a_url_that_nobody_made_is_not_found(aws):
    assert ask(aws, f"https://{'a' * 32}.lambda-url.us-east-1.on.aws/")[0] == 404


def test_a_request_through_a_url_has_its_story(aws, made, root):
    _, arn, url = made
    ask(aws, url, headers={"X-Amzn-Trace-Id": f"Root={root}"})

    assert [(e["what"], e["resource"]) for e in aws.emulator.story(root) if e["what"] == "invocation"] == [
        ("invocation", arn)
    ]
