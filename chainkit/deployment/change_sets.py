"""Change sets: what CloudFormation says it would do, held beside what the plan showed, before anything is done."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from chainkit.deployment.asking import ask
from chainkit.deployment.plan import Plan
from chainkit.deployment.progress import Row, Sleep, advice, pauses
from chainkit.deployment.targets import Target
from chainkit.errors import DeployError

_NO_CHANGES = ("didn't contain changes", "no updates are to be performed")


class ChangeSet:
    """One change set of a stack: proposed, looked at, then executed or dropped.

    Parameters
    ----------
    target : where
    chain : name of the chain, which is the stack's
    kind : "CREATE" or "UPDATE"
    """

    def __init__(self, target: Target, chain: str, kind: str) -> None:
        self._target, self._chain, self._kind = target, chain, kind
        self._name = f"chainkit-{uuid4().hex[:12]}"  # one that a crash left must not be in the way
        self.stack_id = ""

    def propose(
        self, template: Mapping[str, str], parameters: Mapping[str, str], tags: Mapping[str, str], sleep: Sleep
    ) -> list[Row] | None:
        """Let CloudFormation say what it would do; None if nothing.

        Parameters
        ----------
        template : TemplateBody or TemplateURL
        parameters, tags : of the stack
        sleep : takes seconds

        Raises
        ------
        DeployError
            If it refuses the template; nothing is left of the change set then.
        """
        answer = ask(
            self._target,
            "cloudformation",
            "create_change_set",
            StackName=self._chain,
            ChangeSetName=self._name,
            ChangeSetType=self._kind,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **template,
        )
        self._name, self.stack_id = answer["Id"], answer["StackId"]
        for pause_s in pauses():
            said = self._described()
            if said["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            sleep(pause_s)
        if said["Status"] == "CREATE_COMPLETE":
            return self._changes(said)
        self.drop()
        reason = said.get("StatusReason") or "no reason given"
        if any(part in reason.lower() for part in _NO_CHANGES):
            return None
        raise DeployError(
            self._target.masked(f"deploy {self._chain!r}: CloudFormation refuses the template: {reason}"),
            fix=advice(reason),
        )

    def execute(self) -> None:
        """Let CloudFormation do it."""
        ask(self._target, "cloudformation", "execute_change_set", ChangeSetName=self._name, StackName=self.stack_id)

    def drop(self) -> None:
        """Take it away, and with it a stack that was only made for it."""
        ask(self._target, "cloudformation", "delete_change_set", ChangeSetName=self._name, StackName=self.stack_id)
        if self._kind == "CREATE":
            ask(self._target, "cloudformation", "delete_stack", StackName=self.stack_id)

    def _described(self, **more: str) -> dict[str, Any]:
        names = {"ChangeSetName": self._name, "StackName": self.stack_id}
        return ask(self._target, "cloudformation", "describe_change_set", **names, **more)

    def _changes(self, said: Mapping[str, Any]) -> list[Row]:
        found = [*said.get("Changes", [])]
        while said.get("NextToken"):
            said = self._described(NextToken=said["NextToken"])
            found += said.get("Changes", [])
        return [change["ResourceChange"] for change in found if "ResourceChange" in change]


def require_shown(plan: Plan, changes: Sequence[Row]) -> None:
    """Refuse what CloudFormation would replace, delete or add and the plan did not show.

    Raises
    ------
    DeployError
        With what CloudFormation says of each.
    """
    actions = {change.resource.id: change.action for change in plan.changes}
    told = [text for change in changes for text in _unshown(change, actions)]
    if told:
        raise DeployError(
            f"deploy {plan.chain.name!r}: CloudFormation would do what the plan did not show: {'; '.join(told)}. "
            "Nothing was done",
            fix="to have it replaced, destroy the chain and deploy it anew; or take the change back",
        )


def _unshown(change: Row, actions: Mapping[str, str]) -> Iterator[str]:
    """Yield what CloudFormation says of a change that goes further than the plan."""
    id_, planned = change["LogicalResourceId"], actions.get(change["LogicalResourceId"], "no")
    who = f"{id_} ({change['ResourceType']})"
    if change["Action"] == "Remove" and planned not in ("delete", "replace"):
        yield f"{who} would be deleted (planned: {planned})"
    elif change["Action"] == "Add" and planned not in ("create", "replace"):
        yield f"{who} would be made (planned: {planned})"
    elif change["Action"] == "Modify" and planned != "replace" and _is_replacing(change, actions):
        yield f"{who} would be replaced because of {', '.join(_causes(change)) or 'a change'} (planned: {planned})"


def _is_replacing(change: Row, actions: Mapping[str, str]) -> bool:
    """Tell whether a resource would be replaced, or might be for a reason that the plan does not hold.

    "Conditional" with nothing but dynamic causes means: if what it refers to gets another name. It gets one only by
    being replaced, which the plan says.
    """
    if change.get("Replacement") != "Conditional":
        return bool(change.get("Replacement") == "True")
    for detail in change.get("Details", []):
        if (detail.get("Target") or {}).get("RequiresRecreation", "Never") == "Never":
            continue
        cause = (detail.get("CausingEntity") or "").partition(".")[0]
        is_known = detail.get("Evaluation") != "Dynamic" or detail.get("ChangeSource") == "DirectModification"
        if is_known or actions.get(cause) == "replace":
            return True
    return False


def _causes(change: Row) -> list[str]:
    """Return the names of the properties that make a replacement."""
    named = [detail.get("Target") or {} for detail in change.get("Details", [])]
    return [each["Name"] for each in named if each.get("Name") and each.get("RequiresRecreation") != "Never"]
