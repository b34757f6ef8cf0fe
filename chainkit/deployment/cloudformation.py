"""Puts a chain on a target through CloudFormation: change set, execution with its events, rollback, drift, deletion.

What stands is read from CloudFormation itself: the template that was sent last, and the resources that it says it has.
Nothing is remembered elsewhere, so a deploy that was killed half-way is recognised by the state of its stack.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from chainkit.deployment import direct
from chainkit.deployment.applying import forgotten, lookup_in
from chainkit.deployment.asking import ask, pages, refused
from chainkit.deployment.change_sets import ChangeSet, require_shown
from chainkit.deployment.code_bucket import INLINE_TEMPLATE_BYTES, CodeBucket, as_body, zipped
from chainkit.deployment.drifts import Drift
from chainkit.deployment.intrinsics import Lookup, resolved
from chainkit.deployment.plan import Plan, require_fit
from chainkit.deployment.progress import (
    BROKEN,
    EMPTY,
    EXPIRY_TAG,
    Row,
    Sleep,
    Watch,
    advice,
    expiry,
    find,
    pauses,
    require_own,
    require_settled,
    resources_of,
    tags,
    template_of,
)
from chainkit.deployment.targets import Standing, Target, Tell
from chainkit.errors import DeployError
from chainkit.records import Resource, apis
from chainkit.templates import CHAIN_TAG, CODE_BUCKET, document

_REBORN = "AWS::Logs::LogGroup"
"""What a function that still ran may have written again after its deletion."""


class CloudFormationApplier:
    """Carries plans out as change sets of a stack that is called like the chain.

    Parameters
    ----------
    target : where
    sleep : takes seconds; how it waits for AWS
    """

    def __init__(self, target: Target, *, sleep: Sleep = time.sleep) -> None:
        self._target, self._sleep = target, sleep
        self._known: dict[str, dict[str, Standing]] = {}
        self._dropped: dict[tuple[str, str], tuple[str, ...]] = {}

    # --- what stands ---

    def known(self, chain: str) -> Mapping[str, Standing]:
        """Return what stands of a chain as far as was last seen, without looking again."""
        if chain not in self._known:
            stack = self._own(chain)
            self._known[chain] = self._stands(stack) if stack is not None else {}
        return self._known[chain]

    def standing(self, chain: str) -> dict[str, Standing]:
        """Return what stands of a chain by CloudFormation's word, in the order in which it is made.

        Raises
        ------
        DeployError
            If the stack of that name is not chainkit's, or nobody can say what stands of it.
        """
        return dict(self._looked(chain)[1])

    def chains(self) -> list[str]:
        """Return the names of the chains of which a stack stands."""
        stacks = pages(self._target, "cloudformation", "describe_stacks", "Stacks")
        return sorted(stack["StackName"] for stack in stacks if tags(stack).get(CHAIN_TAG) == stack["StackName"])

    def expiry(self, chain: str) -> datetime | None:
        """Return until when a chain is to stand, by its stack's tag."""
        stack = self._own(chain)
        return expiry(stack) if stack is not None else None

    def _looked(self, chain: str) -> tuple[Row | None, dict[str, Standing]]:
        """Return the stack of a chain and what stands of it; raises as `standing`."""
        if (stack := self._own(chain)) is not None:
            require_settled(self._target, stack)
        self._known[chain] = stands = self._stands(stack) if stack is not None else {}
        return stack, stands

    def _own(self, chain: str) -> Row | None:
        """Return the stack of a chain, None if there is none; one that is not chainkit's is refused."""
        stack = find(self._target, chain)
        if stack is not None:
            require_own(self._target, stack, chain)
        return stack

    def _stands(self, stack: Row) -> dict[str, Standing]:
        """Return the resources of a stack: as the template has them, as far as CloudFormation has made them."""
        if stack["StackStatus"] in EMPTY:
            return {}
        rows, template = resources_of(self._target, stack["StackId"]), template_of(self._target, stack["StackId"])
        stands: dict[str, Standing] = {}
        for id_, entry in template["Resources"].items():
            if id_ in rows:
                resource, ref = _resource(id_, entry), str(rows[id_].get("PhysicalResourceId") or "")
                seen = _Seen(self._target, resource, ref, lookup_in(self._target, stack["StackName"], stands))
                stands[id_] = Standing(
                    resource=resource,
                    ref=ref,
                    attributes=_Late(seen.attributes),
                    properties=_Late(lambda seen=seen: seen.properties),  # type: ignore[misc]
                    dropped=self._dropped.get((stack["StackName"], id_), ()),
                    is_whole=stack["StackStatus"] not in BROKEN,
                )
        return stands

    # --- what is done ---

    def apply(self, plan: Plan, tell: Tell) -> None:
        """Let CloudFormation carry a plan out, and tell its events; a failure is rolled back by it.

        Raises
        ------
        DeployError
            If the target no longer fits the plan, CloudFormation would do more than the plan shows, or it fails: with
            its own words of what failed first.
        """
        chain = plan.chain.name
        stack, stands = self._looked(chain)
        require_fit(plan, stands)
        if plan.is_empty:
            return
        made = [change.resource for change in plan.changes if change.action != "delete"]
        if not made:
            raise DeployError(
                f"deploy {chain!r}: a stack without any resource is not possible", fix="destroy the chain instead"
            )
        if stack is not None and stack["StackStatus"] in BROKEN:
            tell(f"delete what an earlier deploy left ({stack['StackStatus']})")
            if left := self._deleted(stack, tell):
                raise DeployError(
                    f"deploy {chain!r}: an earlier deploy left what cannot be deleted: {'; '.join(left)}",
                    fix="remove it by hand, then plan and deploy again",
                )
            stack = None
        self._known.pop(chain, None)
        self._change(plan, made, stack, tell)
        self._require_made(chain, made)
        if not self._target.is_aws:
            self._read_back(chain)

    def _change(self, plan: Plan, made: list[Resource], stack: Row | None, tell: Tell) -> None:
        """Propose the change set, hold it beside the plan, execute it and wait."""
        chain = plan.chain.name
        until = plan.expires or (expiry(stack) if stack is not None else None)
        labels = {CHAIN_TAG: chain} | ({EXPIRY_TAG: until.isoformat()} if until is not None else {})
        bucket, body = CodeBucket(self._target, chain), as_body(document(plan.chain, made))
        is_large = len(body.encode()) > INLINE_TEMPLATE_BYTES
        if zipped(made) or is_large:
            bucket.ensure(labels)
            tell(f"code: {bucket.send_code(made)} new of {len(zipped(made))} in bucket {bucket.name}")
        template = {"TemplateURL": bucket.send_template(body)} if is_large else {"TemplateBody": body}
        parameters = {CODE_BUCKET: bucket.name} if zipped(made) else {}
        changes = ChangeSet(self._target, chain, "CREATE" if stack is None else "UPDATE")
        proposed = changes.propose(template, parameters, labels, self._sleep)
        if proposed is None:
            return
        try:
            require_shown(plan, proposed)
        except DeployError:
            changes.drop()
            raise
        tell(f"change set: {_counted(proposed)}")
        watch = Watch(self._target, changes.stack_id, self._sleep)
        changes.execute()
        status = watch.settled(tell)["StackStatus"]
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            said, fix = watch.failure()
            raise DeployError(f"deploy {chain!r} on {self._target}: {said}. The stack is {status} now", fix=fix)

    def _require_made(self, chain: str, made: list[Resource]) -> None:
        """Refuse a success that left something out."""
        stands = self.known(chain)
        if missing := [f"{each.id} ({each.type})" for each in made if each.id not in stands]:
            raise DeployError(
                f"deploy {chain!r}: CloudFormation reports success, and has not made {', '.join(missing)}",
                fix="this target cannot hold such a resource: remove it from the design, or deploy elsewhere",
            )

    def _read_back(self, chain: str) -> None:
        """Read what an emulator's engine has made, as far as it can be found, and know what it is known to forget.

        Tags are left out: every engine adds its own. A permission bears a name that only CloudFormation gave.

        Raises
        ------
        DeployError
            If something else is there than was asked for.
        """
        for id_, standing in [*self.known(chain).items()]:
            found = direct.read(self._target, standing.resource, standing.properties, standing.ref)
            asked = {name: value for name, value in standing.properties.items() if name != "Tags"}
            if found is not None:
                self._dropped[chain, id_] = dropped = forgotten(self._target, standing.resource, found, asked)
                self._known[chain][id_] = replace(standing, dropped=dropped)

    def destroy(self, chain: str, tell: Tell) -> list[str]:
        """Delete the stack, the bucket of its code and log groups written again; return what is left, and why."""
        left: list[str] = []
        stands: Mapping[str, Standing] = {}
        if (stack := self._own(chain)) is not None:
            stands = self._stands(stack)
            left = self._deleted(stack, tell)
        self._known.pop(chain, None)
        if left:
            return left  # the bucket stays with the stack
        for standing in stands.values():
            if standing.resource.type == _REBORN and standing.ref:
                left += self._ended_again(standing)
        if text := CodeBucket(self._target, chain).remove():
            left.append(text)
        return left

    def _deleted(self, stack: Row, tell: Tell) -> list[str]:
        """Delete a stack and wait; return what CloudFormation could not delete, in its words."""
        name, id_ = stack["StackName"], stack["StackId"]
        if stack.get("EnableTerminationProtection"):
            raise DeployError(
                f"stack {name!r} on {self._target} is protected from termination",
                fix="if it is to go: aws cloudformation update-termination-protection "
                f"--no-enable-termination-protection --stack-name {name}; then destroy again",
            )
        watch = Watch(self._target, id_, self._sleep)
        if stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            tell(f"wait: {stack['StackStatus']}")
            watch.settled(tell)
        ask(self._target, "cloudformation", "delete_stack", StackName=id_)
        if watch.settled(tell)["StackStatus"] == "DELETE_COMPLETE":
            skipped = [event for event in watch.events if event["ResourceStatus"] == "DELETE_SKIPPED"]
            return [f"{e['LogicalResourceId']} ({e['ResourceType']}): kept, as its template says" for e in skipped]
        rows = resources_of(self._target, id_)
        return [
            self._target.masked(f"{key} ({row['ResourceType']}): {row.get('ResourceStatusReason') or 'still there'}")
            for key, row in rows.items()
            if row["ResourceStatus"] == "DELETE_FAILED"
        ] or [f"stack {name}: {watch.failure()[0]}"]

    def _ended_again(self, standing: Standing) -> Iterator[str]:
        """Delete what came back after its deletion; yield why it could not be."""
        properties = standing.resource.properties
        try:
            if direct.read(self._target, standing.resource, properties, standing.ref) is not None:
                direct.delete(self._target, standing.resource, properties, standing.ref)
        except DeployError as error:
            yield f"{standing.resource.id} ({standing.resource.type}): {error.problem}"

    # --- drift ---

    def drift(self, chain: str) -> list[Drift]:
        """Let CloudFormation compare what stands with its template, field by field.

        Raises
        ------
        DeployError
            If nothing stands, or CloudFormation cannot compare.
        """
        cloudformation = "cloudformation"
        started = ask(self._target, cloudformation, "detect_stack_drift", StackName=chain)["StackDriftDetectionId"]
        for pause_s in pauses():
            said = ask(
                self._target,
                cloudformation,
                "describe_stack_drift_detection_status",
                StackDriftDetectionId=started,
            )
            if said["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            self._sleep(pause_s)
        if said["DetectionStatus"] != "DETECTION_COMPLETE":
            reason = self._target.masked(said.get("DetectionStatusReason") or "no reason given")
            raise DeployError(f"drift of {chain!r} on {self._target}: {reason}", fix=advice(reason))
        rows = pages(
            self._target,
            cloudformation,
            "describe_stack_resource_drifts",
            "StackResourceDrifts",
            StackName=chain,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
        )
        return [each for row in rows for each in _drifts(row, self._target)]


def _drifts(row: Row, target: Target) -> Iterator[Drift]:
    """Yield the fields of a resource that have drifted."""
    who = {"resource": row["LogicalResourceId"], "type": row["ResourceType"]}
    if row["StackResourceDriftStatus"] == "DELETED":
        yield Drift(**who, status="gone")
        return
    for each in row.get("PropertyDifferences", []):
        field = each["PropertyPath"].strip("/").replace("/", ".")
        shown = [target.masked(str(each.get(side, ""))) for side in ("ExpectedValue", "ActualValue")]
        values = dict(zip(("deployed", "found"), shown, strict=True))
        yield Drift(**who, status="changed", field=field, **values)


def _counted(changes: list[Row]) -> str:
    """Return how many resources CloudFormation would add, modify, remove."""
    counts = {action: sum(change["Action"] == action for change in changes) for action in ("Add", "Modify", "Remove")}
    return ", ".join(f"{count} to {action.lower()}" for action, count in counts.items() if count) or "tags only"


# --- a template's entry as a record ---


def _resource(id_: str, entry: Mapping[str, Any]) -> Resource:
    """Return an entry of a template as the resource that it was made of; code is known by its hash."""
    if entry["Type"] not in apis:
        raise DeployError(
            f"{id_}: {entry['Type']} is no kind of resource that this version of chainkit knows",
            fix="use the version that deployed it",
        )
    properties = dict(entry.get("Properties", {}))
    bucket = (properties.get("Code") or {}).get("S3Bucket")
    if bucket == {"Ref": CODE_BUCKET}:
        digest = bytes.fromhex(properties.pop("Code")["S3Key"].partition(".")[0])
        properties["Zip"] = base64.b64encode(digest).decode()
    depends_on = tuple(entry.get("DependsOn", ()))
    return Resource(id=id_, properties=properties, api=apis[entry["Type"]], depends_on=depends_on)


class _Seen:
    """What the target itself says of a resource, asked when it is needed: CloudFormation tells no attributes."""

    def __init__(self, target: Target, resource: Resource, ref: str, lookup: Lookup) -> None:
        self._target, self._resource, self._ref, self._lookup = target, resource, ref, lookup

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """As they were sent: what they refer to, resolved."""
        return dict(resolved(self._resource.properties, self._lookup))

    def attributes(self) -> Mapping[str, Any]:
        """For Fn::GetAtt; none where it is not there, or cannot be looked at."""
        try:
            found = direct.read(self._target, self._resource, self.properties, self._ref)
        except DeployError as error:
            if refused(error):
                return {}
            raise
        return found.attributes if found is not None else {}


class _Late(Mapping[str, Any]):
    """A mapping that is made when it is first looked into."""

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, Any]:
        return self._make()

    def __getitem__(self, key: str) -> Any:
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
