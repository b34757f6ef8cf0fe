"""Where one check works: clients of the endpoint, names nobody else has, and the removal of all that it made."""

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chainkit import packaging
from chainkit.probing.checking import Unmet, shown

T = TypeVar("T")

_TRUSTED = ("lambda", "states", "events", "scheduler", "pipes")
_GONE = ("NotFound", "NoSuch", "NonExistent", "NotExist")
"""How codes of errors say that something is not there."""


class Clients:
    """boto3's clients of one endpoint, with keys that open nothing: nothing of the user's takes part.

    Parameters
    ----------
    url : the endpoint of every service
    region : the region that requests are signed for
    """

    def __init__(self, url: str, region: str) -> None:
        self.url = url
        self.region = region
        files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        session = botocore.session.Session(session_vars={"profile": (None, None, None, None), **files})
        self.session = boto3.Session(botocore_session=session, region_name=region)
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()  # a session makes one client at a time

    def __call__(self, service: str) -> Any:
        """Return the client of a service; it tries once, so that a check sees every error."""
        with self._lock:
            if service not in self._made:
                make: Any = self.session.client
                self._made[service] = make(
                    service,
                    endpoint_url=self.url,
                    aws_access_key_id="testing",
                    aws_secret_access_key="testing",
                    aws_session_token="testing",
                    config=Config(
                        retries={"total_max_attempts": 1},
                        read_timeout=120,
                        max_pool_connections=50,
                        inject_host_prefix=False,
                        use_fips_endpoint=False,
                        use_dualstack_endpoint=False,
                        proxies={},
                    ),
                )
            return self._made[service]

    def close(self) -> None:
        """Close the clients."""
        while self._made:
            self._made.popitem()[1].close()


class Place:
    """A check's own corner of an endpoint.

    Parameters
    ----------
    aws : clients of the endpoint
    patience_s : how long to wait for what should come
    """

    def __init__(self, aws: Clients, patience_s: float) -> None:
        self.aws = aws
        self.patience_s = patience_s
        self.prefix = f"probe-{uuid.uuid4().hex[:8]}"
        self._undo: list[tuple[str, Callable[[], object]]] = []
        self._role = ""

    def name(self, word: str) -> str:
        """Return a name that nobody else has."""
        return f"{self.prefix}-{word}"

    def later(self, client: str, call: str, **arguments: Any) -> None:
        """Remember a call that removes what was made; the last is carried out first."""
        what = " ".join([call, *(str(value) for value in arguments.values())])
        self._undo.append((what, lambda: getattr(self.aws(client), call)(**arguments)))

    def clear(self) -> tuple[str, ...]:
        """Remove all that was made; return what the endpoint refused to remove, and why."""
        left = []
        while self._undo:
            what, undo = self._undo.pop()
            try:
                undo()
            except ClientError as error:
                if not any(word in error.response["Error"]["Code"] for word in _GONE):
                    left.append(f"{what}: {error}")
            except BotoCoreError as error:
                left.append(f"{what}: {error}")
        return tuple(left)

    def _forget_log(self, group: str) -> None:
        """Delete a log group twice: a call that was still ending writes its last lines into a new one."""
        delete = self.aws("logs").delete_log_group
        with contextlib.suppress(self.aws("logs").exceptions.ResourceNotFoundException):
            delete(logGroupName=group)
        time.sleep(0.3)
        delete(logGroupName=group)

    # --- waiting ---

    def until(self, what: str, look: Callable[[], T | None], *, longer_s: float = 0) -> T:
        """Return what `look` finds as soon as it finds something.

        Raises
        ------
        Unmet
            If it has found nothing when patience ends.
        """
        deadline_s = time.monotonic() + self.patience_s + longer_s
        while not (found := look()):
            if time.monotonic() > deadline_s:
                raise Unmet(f"{what}: nothing within {self.patience_s + longer_s:g} s")
            time.sleep(0.1)
        return found

    def messages(
        self, url: str, count: int, what: str, *, longer_s: float = 0, rest_s: int = 0
    ) -> list[dict[str, Any]]:
        """Take messages out of a queue until there are `count`; then listen for `rest_s` whether more come.

        Raises
        ------
        Unmet
            If there are fewer when patience ends, or more.
        """
        deadline_s = time.monotonic() + self.patience_s + longer_s
        found: list[dict[str, Any]] = []
        while len(found) < count and time.monotonic() < deadline_s:
            found += self.taken(url, wait_s=2)
        if len(found) < count:
            came = f"{len(found)} of {count}" if found else "nothing"
            raise Unmet(f"{what}: {came} within {self.patience_s + longer_s:g} s")
        if rest_s:
            found += self.taken(url, wait_s=rest_s)
        if len(found) > count:
            bodies = [message["Body"] for message in found]
            raise Unmet(f"{what}: {len(found)} instead of {count}: {shown(bodies)}")
        return found

    def taken(self, url: str, *, wait_s: int) -> list[dict[str, Any]]:
        """Take what a queue has now, or within `wait_s` seconds: up to ten messages, with all their attributes."""
        sqs = self.aws("sqs")
        answer = sqs.receive_message(
            QueueUrl=url,
            WaitTimeSeconds=wait_s,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def bodies(self, url: str, count: int, what: str, *, longer_s: float = 0, rest_s: int = 0) -> list[Any]:
        """Return the bodies of so many messages, read as JSON; see `messages`."""
        found = self.messages(url, count, what, longer_s=longer_s, rest_s=rest_s)
        return [json.loads(message["Body"]) for message in found]

    def drained(self, url: str) -> None:
        """Wait until a queue holds no message, visible or in flight."""
        counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        look = self.aws("sqs").get_queue_attributes

        def is_empty() -> bool:
            return all(count == "0" for count in look(QueueUrl=url, AttributeNames=counted)["Attributes"].values())

        self.until("the queue's messages are gone", is_empty)

    # --- what most checks need ---

    def role(self) -> str:
        """Return the ARN of a role that every service may take and that may do everything."""
        if not self._role:
            iam, name = self.aws("iam"), self.name("role")
            trust = {
                "Effect": "Allow",
                "Principal": {"Service": [f"{each}.amazonaws.com" for each in _TRUSTED]},
                "Action": "sts:AssumeRole",
            }
            self._role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
            self.later("iam", "delete_role", RoleName=name)
            everything = _policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=everything)
            self.later("iam", "delete_role_policy", RoleName=name, PolicyName="all")
        return self._role

    def queue(self, word: str, **attributes: str) -> tuple[str, str]:
        """Make a queue that every service may send to; return its URL and ARN."""
        sqs = self.aws("sqs")
        name = self.name(word) + (".fifo" if "FifoQueue" in attributes else "")
        allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        url = sqs.create_queue(QueueName=name, Attributes={"Policy": _policy(allowed), **attributes})["QueueUrl"]
        self.later("sqs", "delete_queue", QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def function(
        self, handler: str, *, variables: Mapping[str, str] | None = None, timeout_s: int = 60, **options: Any
    ) -> "Function":
        """Make a function that reports to a queue of its own.

        Parameters
        ----------
        handler : a function of `handlers.py`
        variables : what its environment holds besides the name of its queue
        timeout_s : 1..900
        options : more of CreateFunction's own
        """
        client, name = self.aws("lambda"), self.name(handler)
        url, _ = self.queue(f"{handler}-reports")
        created = client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler=f"handlers.{handler}",
            Role=self.role(),
            Timeout=timeout_s,
            MemorySize=256,
            Code={"ZipFile": code()},
            Environment={"Variables": {"REPORTS": self.name(f"{handler}-reports"), **(variables or {})}},
            **options,
        )
        self._undo.append((f"the log of {name}", lambda: self._forget_log(f"/aws/lambda/{name}")))
        self.later("lambda", "delete_function", FunctionName=name)
        self.until(
            f"function {handler} is ready",
            lambda: client.get_function_configuration(FunctionName=name).get("State") != "Pending",
        )
        return Function(self, name, created["FunctionArn"], url)

    def gate(self) -> tuple[str, dict[str, str]]:
        """Make a queue at which `handlers.wait` stays; return its URL and the variable that names it."""
        url, _ = self.queue("gate")
        return url, {"GATE": self.name("gate")}

    def open(self, gate: str, count: int) -> None:
        """Let so many calls go on."""
        for _ in range(count):
            self.aws("sqs").send_message(QueueUrl=gate, MessageBody="go on")

    def source(self, arn: str, function: "Function", **options: Any) -> None:
        """Let a function take what a queue or stream holds."""
        made = self.aws("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, **options)
        self.later("lambda", "delete_event_source_mapping", UUID=made["UUID"])


class Function:
    """A function that a check has made."""

    def __init__(self, place: Place, name: str, arn: str, reports_url: str) -> None:
        self.place = place
        self.name = name
        self.arn = arn
        self.reports_url = reports_url

    def invoke(self, event: Any, **options: Any) -> tuple[dict[str, Any], Any]:
        """Call it; return the response and the payload, read as JSON."""
        response = self.place.aws("lambda").invoke(FunctionName=self.name, Payload=json.dumps(event), **options)
        text = response["Payload"].read().decode()
        return response, json.loads(text) if text else None

    def reports(self, count: int, what: str, *, longer_s: float = 0, rest_s: int = 0) -> list[dict[str, Any]]:
        """Return so many reports, the earliest first: value, at_ns and environment of each; see `Place.messages`."""
        found = self.place.bodies(self.reports_url, count, what, longer_s=longer_s, rest_s=rest_s)
        return sorted(found, key=lambda report: int(report["at_ns"]))

    def seen(self, count: int, what: str, *, rest_s: int = 0) -> list[Any]:
        """Return what so many calls saw, the earliest first."""
        return [report["value"] for report in self.reports(count, what, rest_s=rest_s)]

    def allow(self, service: str) -> None:
        """Let a service call it."""
        self.place.aws("lambda").add_permission(
            FunctionName=self.name,
            StatementId=service,
            Action="lambda:InvokeFunction",
            Principal=f"{service}.amazonaws.com",
        )


def code(release: int = 1) -> bytes:
    """Return the zip of all handlers, as a release with this number; the same bytes on every machine."""
    source = Path(__file__).with_name("handlers.py").read_text(encoding="utf-8")
    return packaging.zipped([("handlers.py", source.encode()), ("release.txt", str(release).encode())])


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def records(events: Sequence[Any]) -> list[Any]:
    """Return the records of several events in line.

    >>> records([{"Records": [1, 2]}, {"Records": [3]}])
    [1, 2, 3]
    """
    return [record for event in events for record in event["Records"]]
