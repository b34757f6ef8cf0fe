"""An emulator for the tests, and the few boto3 calls that every route test begins with."""

import contextlib
import io
import json
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import boto3
import psutil
import pytest
from botocore.config import Config

from chainkit.emulation import Emulator

ROOT = ContextVar("root", default="")

ROLE = "arn:aws:iam::123456789012:role/chainkit-test"

REPORTER = """
import http.client, json, os

def report(value):
    connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
    message = {"QueueUrl": os.environ["REPORT_URL"], "MessageBody": json.dumps(value)}
    headers = {
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/sqs/aws4_request",
        "X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"],
    }
    connection.request("POST", "/", json.dumps(message), headers)
    connection.getresponse().read()
    connection.close()
"""
"""A module that every function gets: its handler reports what it saw to a queue. boto3 would take 0.4 s to import."""


@dataclass(frozen=True)
class Aws:
    """boto3 clients of one emulator, and shortcuts."""

    emulator: Emulator

    def client(self, service):
        return _client(service, self.emulator.endpoint_url)

    def traced(self, service, root):
        """Return a client whose calls belong to the request `root`."""
        return Traced(self.client(service), root)

    def function(self, code, **options):
        """Create a function from the source of its module; return (name, ARN)."""
        name = f"f-{uuid.uuid4().hex[:8]}"
        files = {"index.py": code, "reporter.py": REPORTER}
        settings = {"Runtime": "python3.11", "Handler": "index.handler", "Role": self.role(), "Timeout": 10}
        created = self.client("lambda").create_function(
            FunctionName=name, Code={"ZipFile": zipped(files)}, **{**settings, **options}
        )
        return name, created["FunctionArn"]

    def reporting(self, code, **options):
        """Create a function that can `report`; return (name, ARN, its report queue)."""
        url, _ = self.queue()
        variables = {"REPORT_URL": url}
        name, arn = self.function(
            "from reporter import report\n" + code, Environment={"Variables": variables}, **options
        )
        return name, arn, url

    def role(self):
        iam = self.client("iam")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="chainkit-test", AssumeRolePolicyDocument="{}")
        return ROLE

    def queue(self, **attributes):
        """Create a queue; return (URL, ARN)."""
        name = f"q-{uuid.uuid4().hex[:8]}" + (".fifo" if attributes.get("FifoQueue") else "")
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:123456789012:{name}"

    def map_queue(self, queue_arn, function, **options):
        """Create an event source mapping; return its id."""
        return self.client("lambda").create_event_source_mapping(
            EventSourceArn=queue_arn, FunctionName=function, **options
        )["UUID"]

    def messages(self, url, count=1, wait_s=5):
        """Return the bodies of `count` messages, parsed; fewer if they do not come within `wait_s`."""
        found = []
        while len(found) < count:
            batch = self.client("sqs").receive_message(
                QueueUrl=url, WaitTimeSeconds=wait_s, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            if not batch.get("Messages"):
                break
            for message in batch["Messages"]:
                found.append(message)
                self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def bodies(self, url, count=1, wait_s=5):
        return [json.loads(message["Body"]) for message in self.messages(url, count, wait_s)]

    def api(self, route_key="POST /orders", *, function=None, stage="$default", **integration):
        """Create an HTTP API with one route; return its id."""
        gateway = self.client("apigatewayv2")
        api_id = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        if function:
            integration = {"IntegrationUri": function, "PayloadFormatVersion": "2.0", **integration}
        created = gateway.create_integration(ApiId=api_id, IntegrationType="AWS_PROXY", **integration)
        gateway.create_route(ApiId=api_id, RouteKey=route_key, Target=f"integrations/{created['IntegrationId']}")
        gateway.create_stage(ApiId=api_id, StageName=stage, AutoDeploy=True)
        return api_id

    def http(self, api_id, path="/orders", body=None, *, method="POST", headers=None, root=None):
        """Send a request to an API; return (status, text, headers)."""
        trace = {"X-Amzn-Trace-Id": f"Root={root}"} if root else {}
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(
            self.emulator.api_url(api_id) + path, data, {**kind, **(headers or {}), **trace}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode(), dict(response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), dict(error.headers)

    def machine(self, states, *, start=None, kind="STANDARD", settings=None, **options):
        """Create a state machine; return its ARN. `options` belong to the definition, `settings` to the call."""
        definition = {"StartAt": start or next(iter(states)), "States": states, **options}
        return self.client("stepfunctions").create_state_machine(
            name=f"m-{uuid.uuid4().hex[:8]}",
            definition=json.dumps(definition),
            roleArn=self.role(),
            type=kind,
            **(settings or {}),
        )["stateMachineArn"]

    def execute(self, arn, root, value=None):
        """Run an execution to its end; return its description."""
        client = self.traced("stepfunctions", root)
        started = client.start_execution(stateMachineArn=arn, input=json.dumps({} if value is None else value))
        assert self.emulator.settle(root, timeout_s=30)
        return self.client("stepfunctions").describe_execution(executionArn=started["executionArn"])

    def history(self, execution):
        """Return the types of an execution's events."""
        history = self.client("stepfunctions").get_execution_history(executionArn=execution)
        return [event["type"] for event in history["events"]]

    def whats(self, root):
        """Return the kinds of hops in a request's story."""
        return [event["what"] for event in self.emulator.story(root)]


def wait_until_gone(pids):
    """Wait until these processes have ended; return those that have not after ten seconds."""
    deadline_s = time.monotonic() + 10
    while (alive := [pid for pid in pids if _is_alive(pid)]) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return alive


def _is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def _settings(endpoint_url):
    return {
        "endpoint_url": endpoint_url,
        "region_name": "us-east-1",
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
        "config": Config(
            retries={"total_max_attempts": 1}, read_timeout=90, max_pool_connections=50, inject_host_prefix=False
        ),
    }


@cache
def _client(service, endpoint_url):
    client = boto3.client(service, **_settings(endpoint_url))
    client.meta.events.register("before-call", _stamp)
    return client


def _stamp(params, **_):
    if ROOT.get():
        params["headers"]["X-Amzn-Trace-Id"] = f"Root={ROOT.get()}"


class Traced:
    """A client whose calls belong to one request. Making a client for each would be slow."""

    def __init__(self, client, root):
        self._client = client
        self._root = root

    def __getattr__(self, name):
        def call(**arguments):
            token = ROOT.set(self._root)
            try:
                return getattr(self._client, name)(**arguments)
            finally:
                ROOT.reset(token)

        return call


@pytest.fixture(scope="session")
def aws():
    with Emulator() as emulator:
        yield Aws(emulator)


@pytest.fixture
def root(aws):
    return aws.emulator.root_id()
