"""One dead letter: where it came from, what went wrong, what is in it, and how it is sealed again for its way back.

Sources  [1] ReceiveMessage: DeadLetterQueueSourceArn, AWSTraceHeader: docs.aws.amazon.com API_ReceiveMessage (2026)
         [2] Record of an asynchronous invocation that failed: Lambda Developer Guide, invocation-async-retain-records
         [3] RULE_ARN, ERROR_CODE and ERROR_MESSAGE of a rule's dead letters: EventBridge User Guide, eb-rule-dlq
         [4] A topic's dead letter is the notification itself; it names its subscription in UnsubscribeURL only. Other
             shapes are told apart by the links that lead into the queue: an assumption
Checked  2026-11-27
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

UNKNOWN = "unknown"
"""The error of a letter of which neither letter nor target tells one."""

_ERROR = re.compile(r"([A-Za-z_][\w.]*)(?:: |$)")
_INJECTED = re.compile(r"injected: ([A-Za-z_][\w.]*)")
_ROOT = re.compile(r"Root=([^;\s]+)")


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that somebody gave up, as it lies in its queue."""

    id: str
    """Its message id."""
    queue: str
    """Service of the chain in which it lies."""
    kind: Literal["redrive", "outcome", "deliver"]
    """What gave it up: a queue, a function's asynchronous invocation, or the delivery of a topic or rule."""
    link: str
    """The link by which, or for which, it came here; "" where that cannot be told."""
    home: str
    """Service that it goes back to; "" where that cannot be told."""
    failed: str
    """Service at which it failed, as far as is known."""
    error: str = UNKNOWN
    """"ValueError"; `UNKNOWN` where neither letter nor target tells."""
    message: str = ""
    """What the error said."""
    sent_s: float
    """When it was sent first, seconds since 1970."""
    receives: int
    """How often it was received, here included: each look adds one."""
    root: str = ""
    """The request that it belongs to; "" where nothing says."""
    body: str = field(repr=False)
    """As it lies there."""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Message attributes, as SQS writes them."""
    logs: tuple[str, ...] = field(default=(), repr=False)
    """Of the last invocation that failed, where the target tells."""
    original: Any = field(default=None, repr=False)
    """What it carries, as it came: JSON where it is some, else text."""
    payload: Any = field(default=None, repr=False)
    """The same after edits."""

    masked: Callable[[str], str] = field(default=str, repr=False, compare=False)
    """Hides an account's id in what is shown; what the letter holds stays as it is."""

    @property
    def is_edited(self) -> bool:
        """Whether something else goes back than came."""
        return bool(self.payload != self.original)

    @property
    def group(self) -> str:
        """Return "pay: ValueError"."""
        return f"{self.failed}: {self.error}"

    def __str__(self) -> str:
        """Return all of it: what went wrong, what it carries, attributes, the log lines of the failure."""
        told = f": {self.message}" if self.message else ""
        lines = [
            f"{self.id} in {self.queue}, from {self.link or 'nobody knows where'}",
            f"  {self.failed}: {self.error}{told}",
            f"  sent {moment(self.sent_s)}, received {self.receives} times, this look included",
        ]
        lines += [f"  {title}\n{_indented(value)}" for title, value in self._contents()]
        if self.attributes:
            lines += ["  attributes", *(f"    {name} = {shown(each)}" for name, each in self.attributes.items())]
        log = ["  log", *(f"    {line}" for line in self.logs)] if self.logs else []
        return self.masked("\n".join([*lines, *log]))

    def _contents(self) -> list[tuple[str, Any]]:
        if not self.is_edited:
            return [("payload", self.payload)]
        return [("payload, edited", self.payload), ("payload, as it came", self.original)]


class Letters(tuple[DeadLetter, ...]):
    """Dead letters; their text tells each of them in full."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the letters one after another."""
        return "\n\n".join(map(str, self)) or "no dead letters"


@dataclass(frozen=True, kw_only=True)
class DeadLetterGroup:
    """Dead letters with the same error at the same service."""

    name: str
    """"pay: ValueError"."""
    failed: str
    error: str
    count: int
    queues: tuple[str, ...]
    links: tuple[str, ...]
    """By which they came."""
    first_s: float
    """When the oldest was sent, seconds since 1970."""
    last_s: float
    edited: int
    example: str
    """What the error said of the latest."""


def grouped(letters: Sequence[DeadLetter]) -> tuple[DeadLetterGroup, ...]:
    """Return the groups, the largest first."""
    found: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault(letter.group, []).append(letter)
    groups = []
    for name, members in found.items():
        last = max(members, key=lambda letter: letter.sent_s)
        groups.append(
            DeadLetterGroup(
                name=name,
                failed=last.failed,
                error=last.error,
                count=len(members),
                queues=tuple(dict.fromkeys(letter.queue for letter in members)),
                links=tuple(dict.fromkeys(letter.link for letter in members)),
                first_s=min(letter.sent_s for letter in members),
                last_s=last.sent_s,
                edited=sum(letter.is_edited for letter in members),
                example=last.message,
            )
        )
    return tuple(sorted(groups, key=lambda group: (-group.count, group.name)))


# --- what a message says of itself ---


@dataclass(frozen=True, kw_only=True)
class Said:
    """What can be read in a message as SQS gives it."""

    kind: str
    """As in `DeadLetter`; "" where it does not say."""
    marks: str
    """Text in which the ARN of what gave it up stands."""
    error: str = ""
    message: str = ""
    request_id: str = ""
    """Of the invocation that failed."""


def read(message: Mapping[str, Any]) -> Said:
    """Return what a message says of who gave it up, and why; [1], [2], [3], [4].

    >>> record = {
    ...     "requestContext": {"condition": "RetriesExhausted", "functionArn": "arn:1", "requestId": "r"},
    ...     "requestPayload": 7,
    ...     "responsePayload": {"errorType": "KeyError", "errorMessage": "'sku'"},
    ... }
    >>> read({"Body": json.dumps(record)})
    Said(kind='outcome', marks='arn:1', error='KeyError', message="'sku'", request_id='r')
    """
    attributes, body = message.get("MessageAttributes", {}), parsed(message["Body"])
    source = message.get("Attributes", {}).get("DeadLetterQueueSourceArn", "")
    if source:
        return Said(kind="redrive", marks=source)
    if "RULE_ARN" in attributes:
        code, text = (shown(attributes[name]) if name in attributes else "" for name in ("ERROR_CODE", "ERROR_MESSAGE"))
        marks = shown(attributes["RULE_ARN"])
        return Said(kind="deliver", marks=marks, error=code, message=text.removeprefix(f"{code}: "))
    match body:
        case {"requestContext": {"condition": str(condition), **context}, "requestPayload": _}:
            response = body.get("responsePayload")
            failure = response if isinstance(response, Mapping) and condition != "Success" else {}
            return Said(
                kind="outcome",
                marks=str(context.get("functionArn", "")),
                error=str(failure.get("errorType") or condition),
                message=str(failure.get("errorMessage") or condition),
                request_id=str(context.get("requestId", "")),
            )
        case {"Type": "Notification", "TopicArn": _, "Message": _}:
            code, text = (shown(attributes[n]) if n in attributes else "" for n in ("ErrorCode", "ErrorMessage"))
            return Said(kind="deliver", marks=str(body.get("UnsubscribeURL", "")), error=code, message=text)
    return Said(kind="", marks="")


def root_in(message: Mapping[str, Any]) -> str:
    """Return the request that a message belongs to, "" if it does not say."""
    found = _ROOT.search(message.get("Attributes", {}).get("AWSTraceHeader", ""))
    return found[1] if found else ""


def error_in(reason: str) -> tuple[str, str]:
    """Return the type and the words of an error as a story tells it.

    >>> error_in("ValueError: no sku"), error_in("Task timed out after 3.00 seconds")
    (('ValueError', 'no sku'), ('Task timed out', 'Task timed out after 3.00 seconds'))
    >>> error_in("injected: Down")
    ('Down', 'injected')
    """
    if found := _INJECTED.match(reason):
        return found[1], "injected" + reason[found.end() :]
    found = _ERROR.match(reason)
    if found:
        return found[1], reason[found.end() :]
    return re.split(r" (?:after|with|of) |: ", reason)[0] or UNKNOWN, reason


# --- envelopes ---


def opened(kind: str, body: str) -> Any:
    """Return what a letter carries: what its home was given, without what AWS wrapped around it.

    >>> opened("redrive", '{"order": 1}'), opened("deliver", '{"detail-type": "paid", "detail": {"order": 2}}')
    ({'order': 1}, {'order': 2})
    """
    content = parsed(body)
    match kind, content:
        case "outcome", {"requestPayload": inner}:
            return inner
        case "deliver", {"Type": "Notification", "Message": text}:
            return parsed(text)
        case "deliver", {"detail-type": _, "detail": inner}:
            return inner
    return content


def sealed(letter: DeadLetter, *, takes_events: bool) -> str:
    """Return the text to hand to a letter's home so that it gets what it was to get the first time, edits included.

    Parameters
    ----------
    letter : which
    takes_events : whether its home runs code on events, which get a notification as a record
    """
    content, payload = parsed(letter.body), letter.payload
    match letter.kind, content:
        case "outcome", {"requestPayload": _}:
            return _text(payload)
        case "deliver", {"Type": "Notification", "Message": str(text)}:
            notification = {**content, "Message": _text(payload) if letter.is_edited else text}
            return json.dumps(_record(notification)) if takes_events else json.dumps(notification)
        case "deliver", {"detail-type": _, "detail": _}:
            return json.dumps({**content, "detail": payload})
    return _text(payload) if letter.is_edited else letter.body


def own_attributes(letter: DeadLetter) -> Mapping[str, Mapping[str, Any]]:
    """Return the attributes that the message had before it was given up: a rule writes its own on what it gives up."""
    return {} if "RULE_ARN" in letter.attributes else letter.attributes


def _record(notification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that a function gets of a notification."""
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    sns: dict[str, Any] = {"Subject": None, "MessageAttributes": {}}
    sns |= {renamed.get(name, name): value for name, value in notification.items()}
    subscription = str(notification.get("UnsubscribeURL", "")).rpartition("SubscriptionArn=")[2]
    record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns", "Sns": sns}
    return {"Records": [record]}


def parsed(text: str) -> Any:
    """Return the JSON in a text, or the text where there is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)


# --- for people ---


def moment(at_s: float) -> str:
    """Return an instant.

    >>> moment(1795808590.0)
    '2026-11-27 19:43:10 UTC'
    """
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def shown(attribute: Mapping[str, Any]) -> str:
    """Return the value of a message attribute."""
    value = attribute.get("StringValue")
    return f"{len(attribute.get('BinaryValue', b''))} bytes" if value is None else str(value)


def _indented(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])
