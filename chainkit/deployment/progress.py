"""A CloudFormation stack on its way: found, waited for with its events told, and its failure in AWS's own words.

Sources, read 2026-11: [1] docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html; [2] that a named
resource cannot be replaced: repost.aws/knowledge-center/cloudformation-custom-name; [3] reserved concurrency:
docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chainkit.deployment.asking import ask, pages, refused
from chainkit.deployment.targets import Target, Tell
from chainkit.errors import DeployError
from chainkit.templates import CHAIN_TAG

Row = Mapping[str, Any]
"""A stack, an event or a resource, as AWS answers it."""
Sleep = Callable[[float], object]

EXPIRY_TAG = "chainkit:expires"
"""Tag of a stack: the instant, in ISO form, from which on it may be taken away."""

WHOLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
"""States from which a stack can be updated."""
BROKEN = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""States that only a deletion leads out of: [1]."""
EMPTY = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"})
"""States in which nothing stands."""

_CAUSES = {
    "already exists": "something of that name stands there that the stack did not make: remove it, or rename the chain",
    "custom-named resource requires replacing": "rename the service, or destroy the chain and deploy it anew: "
    "CloudFormation makes the new one before it deletes the old, and both cannot have one name",
    "unreservedconcurrentexecution": "reserve less: AWS keeps part of the account's concurrency for all other "
    "functions; or ask AWS for a higher quota",
    "not authorized": "the keys in use may not do this: ask for the permission",
    "access denied": "the keys in use may not do this: ask for the permission",
    "accessdenied": "the keys in use may not do this: ask for the permission",
    "cannot be assumed": "try again: a new role takes some seconds until all of AWS knows it",
    "visibility timeout": "give the queue a visibility timeout as long as the function's timeout, or longer",
    "unzipped size": "make the code smaller, or leave dependencies out: Lambda takes 250 MB unzipped",
    "limit": "delete what is not needed, or ask AWS for a higher quota",
    "rate exceeded": "wait a little, and deploy again",
    "not empty": "empty it, then destroy again",
    "internal": "try again; if it stays, AWS's status page may say more",
}
"""Part of AWS's words, in lower case -> what to try: [1], [2], [3]."""
_OTHERWISE = "correct the design by AWS's words, plan and deploy again"


def find(target: Target, name: str) -> Row | None:
    """Return the stack of a name or id, None if there is none.

    Raises
    ------
    DeployError
        If the target refuses to say.
    """
    try:
        (stack,) = ask(target, "cloudformation", "describe_stacks", StackName=name)["Stacks"]
    except DeployError as error:
        if refused(error) == "ValidationError" and "does not exist" in str(error.__cause__):
            return None
        raise
    return dict(stack)


def tags(stack: Row) -> dict[str, str]:
    """Return a stack's tags."""
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}


def expiry(stack: Row) -> datetime | None:
    """Return until when a stack is to stand, None if nobody said or it cannot be read."""
    try:
        return datetime.fromisoformat(tags(stack).get(EXPIRY_TAG, ""))
    except ValueError:
        return None


def require_own(target: Target, stack: Row, chain: str) -> None:
    """Refuse a stack that was not made for this chain."""
    if tags(stack).get(CHAIN_TAG) != chain:
        raise DeployError(
            f"chain {chain!r}: a stack of that name stands on {target} that chainkit did not make",
            fix="rename the chain, or remove that stack by hand",
        )


def require_settled(target: Target, stack: Row) -> None:
    """Refuse a stack of which nobody can say yet, or any more, what stands.

    Raises
    ------
    DeployError
        While AWS works on it, and where an update and its way back both failed.
    """
    status, name = stack["StackStatus"], stack["StackName"]
    if status in WHOLE or status in BROKEN:
        return
    reason = target.masked(stack.get("StackStatusReason") or "")
    where = f"stack {name!r} on {target}: {status}{f': {reason}' if reason else ''}"
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"{where}: AWS is still at work on it", fix="wait until it is over, then make a new plan")
    raise DeployError(
        f"{where}: the update failed, and so did the way back",
        fix=f"remove the cause, then: aws cloudformation continue-update-rollback --stack-name {name}; or destroy it",
    )


def pauses() -> Iterator[float]:
    """Yield how long to wait before each look, seconds: 1, then half as long again each time, to 10."""
    pause_s = 1.0
    while True:
        yield pause_s
        pause_s = min(1.5 * pause_s, 10.0)


class Watch:
    """Watches a stack from now on: tells its events while it waits, and remembers them.

    Parameters
    ----------
    target : where
    stack_id : of the stack; its name is not enough, a deleted stack has none any more
    sleep : takes seconds
    """

    def __init__(self, target: Target, stack_id: str, sleep: Sleep) -> None:
        self._target, self._id, self._sleep = target, stack_id, sleep
        self._seen = {event["EventId"] for event in self._latest(set())}
        self.events: list[Row] = []
        """What has happened since, in the order of time."""

    def settled(self, tell: Tell) -> Row:
        """Wait until nothing is in progress, and return the stack as it is then."""
        for pause_s in pauses():
            stack = find(self._target, self._id)
            new = [*reversed(self._latest(self._seen))]  # after the state, so that none of it is missed
            self._seen |= {event["EventId"] for event in new}
            self.events += new
            for event in new:
                tell(f"{event['ResourceStatus']} {event['LogicalResourceId']} ({event['ResourceType']})")
            status = stack["StackStatus"] if stack is not None else "DELETE_COMPLETE"
            if not status.endswith("_IN_PROGRESS"):
                return stack or {"StackId": self._id, "StackName": self._id, "StackStatus": status}
            self._sleep(pause_s)
        raise AssertionError("pauses never end")

    def failure(self) -> tuple[str, str]:
        """Return what failed first in AWS's words, and what to try."""
        for event in self.events:
            reason = event.get("ResourceStatusReason") or ""
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason.lower():
                who = f"{event['LogicalResourceId']} ({event['ResourceType']})"
                said = f"{who}: {event['ResourceStatus']}: {reason or 'no reason given'}"
                return self._target.masked(said), advice(reason)
        return "no resource was named", _OTHERWISE

    def _latest(self, seen: set[str]) -> list[Row]:
        """Return the events that are not among those seen, newest first."""
        new: list[Row] = []
        more: dict[str, Any] = {}
        while True:
            answer = ask(self._target, "cloudformation", "describe_stack_events", StackName=self._id, **more)
            for event in answer["StackEvents"]:
                if event["EventId"] in seen:
                    return new
                new.append(event)
            if not answer.get("NextToken"):
                return new
            more = {"NextToken": answer["NextToken"]}


def advice(reason: str) -> str:
    """Return what to try, by AWS's words.

    >>> advice("orders-pay already exists in stack arn:...").partition(":")[0]
    'something of that name stands there that the stack did not make'
    """
    return next((fix for part, fix in _CAUSES.items() if part in reason.lower()), _OTHERWISE)


def resources_of(target: Target, stack_id: str) -> dict[str, Row]:
    """Return what CloudFormation has made of a stack, by logical id, without what it has deleted."""
    rows = pages(target, "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack_id)
    return {row["LogicalResourceId"]: row for row in rows if row["ResourceStatus"] != "DELETE_COMPLETE"}


def template_of(target: Target, stack_id: str) -> dict[str, Any]:
    """Return the template of a stack as it was sent."""
    body = ask(target, "cloudformation", "get_template", StackName=stack_id, TemplateStage="Original")["TemplateBody"]
    return dict(json.loads(body if isinstance(body, str) else json.dumps(body)))
