"""A plan carried out: the stack that stands then, requests sent through it, and its end."""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.chain import Chain
from chainkit.deployment import direct, stories
from chainkit.deployment.intrinsics import resolved
from chainkit.deployment.plan import Change, Plan
from chainkit.deployment.targets import ROOT, Standing, Target, gone
from chainkit.errors import ConfigError, DeployError
from chainkit.law import is_number
from chainkit.records import Pool, Properties, Relay, Resource, Trace
from chainkit.templates import outputs, references

AT_ONCE = 16
"""Requests that `send_many` has under way: as many as a laptop's emulator works well with."""


def deploy(plan: Plan) -> "Stack":
    """Carry out a plan's changes in order and return the stack that stands then.

    Every setting is read back and compared. What the target is known to forget is listed (`stack.dropped`); any other
    difference is an error. It stops at the first refusal; what was done stands, and a new plan goes on from there.

    Raises
    ------
    ConfigError
        If it is no plan.
    DeployError
        If the target no longer fits the plan, refuses a call, or has something else than was asked for.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> pay = chain.add(ck.LambdaFunction("pay", duration=0.01))
    >>> with ck.local() as target:
    ...     stack = ck.deploy(ck.plan(chain, target))
    ...     stack.send({"order": 1}).outcome
    'completed'
    """
    if not isinstance(plan, Plan):
        raise ConfigError(f"deploy: {plan!r} is no plan", fix="deploy the plan of a chain: ck.plan(chain, target)")
    target, name = plan.target, plan.chain.name
    _require_fit(plan)
    stands = target.stacks.setdefault(name, {})
    for change in plan.changes:
        _carry_out(target, name, stands, change)
    if not stands:
        del target.stacks[name]
    return Stack(plan.chain, target)


@dataclass(frozen=True)
class Dropped:
    """A setting that the target is known to forget, and did."""

    resource: str
    type: str
    field: str


class Stack:
    """A chain as it stands on a target.

    Parameters
    ----------
    chain : what was deployed
    target : where
    """

    def __init__(self, chain: Chain, target: Target) -> None:
        self.chain = chain
        self.target = target

    @property
    def dropped(self) -> list[Dropped]:
        """What the target is known to forget of this design, and did."""
        return [Dropped(id_, s.resource.type, field) for id_, s in self._stands().items() for field in s.dropped]

    @property
    def outputs(self) -> dict[str, Any]:
        """Where the services are: the template's outputs, "JobsQueueUrl" for the queue `jobs`."""
        return dict(resolved(outputs(self.chain), _lookup(self.target, self.chain.name, self._stands())))

    def send(self, event: Any, *, timeout_s: float = 60.0, at: str | None = None) -> Trace:
        """Send one event through the chain and return its story, once nothing of it is in flight.

        Parameters
        ----------
        event : anything that JSON can say
        timeout_s : how long to wait, seconds by the wall; a request that is still in flight then is "unfinished"
        at : the service to enter by, or the link by which it leaves an API ("api>pay"); None: the chain's one entry

        Returns
        -------
        Trace
            In the target's virtual seconds since the request entered.

        Raises
        ------
        ConfigError
            If the chain has several entries and none is named, the one named is not there, or an argument is refused.
        DeployError
            If the target refuses the event or does not answer.
        """
        if not is_number(timeout_s) or not 0 <= timeout_s <= threading.TIMEOUT_MAX:
            raise ConfigError(f"send: timeout_s={timeout_s!r} is no time to wait", fix="give seconds, 0 or more")
        name, route = self._entry(at)
        service, standing = self.chain.service(name), self._stands()[self.chain.service(name).id]
        client, call = service.entry()
        parameters = call.parameters({"Ref": standing.ref, "Event": _json(event), "Route": route})
        emulator, deadline_s = self.target.emulator, time.monotonic() + timeout_s
        root = emulator.root_id()
        answer, status = self._within(timeout_s, root, client, call.operation, parameters)
        is_settled = emulator.settle(root, max(deadline_s - time.monotonic(), 0.0))
        behaviour = service.behaviour()
        return stories.trace(
            root,
            emulator.story(root),
            self._names(),
            entry=name,
            answer=answer,
            status=status,
            is_awaited=isinstance(behaviour, Pool | Relay) or getattr(behaviour, "answers", False),
            is_settled=is_settled,
        )

    def send_many(self, events: Iterable[Any], *, timeout_s: float = 60.0, at: str | None = None) -> list[Trace]:
        """Send events at the same time, sixteen under way, and return their stories in the order of the events."""
        if isinstance(events, str | Mapping) or not isinstance(events, Iterable):
            raise ConfigError(f"send_many: events={events!r} is one event or none", fix="give a list of events")
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(lambda event: self.send(event, timeout_s=timeout_s, at=at), events))

    def destroy(self) -> None:
        """Delete everything in reverse order and make sure that it is gone.

        Raises
        ------
        DeployError
            If a call is refused or something is left.
        """
        stands = self.target.stacks.get(self.chain.name, {})
        for id_, standing in reversed(list(stands.items())):
            direct.delete(self.target, standing.resource, standing.properties, standing.ref)
            del stands[id_]
        self.target.stacks.pop(self.chain.name, None)

    def __repr__(self) -> str:
        """Return the stack in a word: stable, so that notebooks can be compared."""
        stands = self.target.stacks.get(self.chain.name, {})
        return f"Stack({self.chain.name!r} on {self.target.name}, {len(stands)} resources)"

    # --- how a request enters ---

    def _stands(self) -> Mapping[str, Standing]:
        stands = self.target.stacks.get(self.chain.name)
        if stands is None:
            raise DeployError(
                f"stack {self.chain.name!r}: it stands no more on {self.target}", fix="plan and deploy again"
            )
        return stands

    def _entry(self, at: str | None) -> tuple[str, str]:
        """Return the service to enter by, and the route where that is an API."""
        if isinstance(at, str) and at in self.chain.links:
            link = self.chain.link(at)
            return link.source, getattr(link, "route", "$default")
        if at is None:
            entries = self.chain.entries()
            if len(entries) != 1:
                raise ConfigError(
                    f"chain {self.chain.name!r}: nothing leads to {', '.join(entries) or 'none of its services'}; "
                    "a request enters by one",
                    fix="name the service with at=",
                )
            (at,) = entries
        name = self.chain.service(at).name
        routes = [getattr(link, "route", "$default") for _, link in self.chain.outgoing(name)]
        return name, next(iter(routes), "$default")

    def _within(
        self, timeout_s: float, root: str, client: str, operation: str, parameters: dict[str, Any]
    ) -> tuple[str, str]:
        """Send the event as the request `root`; give up waiting for an answer that takes longer."""
        thread = ThreadPoolExecutor(1, initializer=ROOT.set, initargs=(root,))
        try:
            return thread.submit(self._enter, client, operation, parameters).result(timeout_s)
        except TimeoutError:
            return "", "ok"  # it is still in flight: the story says so
        finally:
            thread.shutdown(wait=False)

    def _enter(self, client: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str]:
        """Send the event; return the text that came back, and ok, error or throttled."""
        if client == "http":
            status, body = self.target.request(**parameters)
            return body, "throttled" if status == 429 else "error" if status >= 500 else "ok"
        try:
            answer = getattr(self.target.client(client), operation)(**parameters)
        except ClientError as error:
            code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            if error.response["ResponseMetadata"].get("HTTPStatusCode") == 429:
                return said, "throttled"
            raise DeployError(f"send: {operation} was refused: {code}: {said}", fix="correct the event") from error
        except BotoCoreError as error:
            raise gone(self.target, error) from error
        text = answer["Payload"].read().decode() if "Payload" in answer else answer.get("output", "")
        is_failed = (
            "FunctionError" in answer
            or answer.get("FailedEntryCount")
            or answer.get("status", "SUCCEEDED") != "SUCCEEDED"
        )
        return text, "error" if is_failed else "ok"

    def _names(self) -> dict[str, str]:
        """Return ARN and physical id -> service; a link's resource belongs to the first service it refers to."""
        services = {service.id: name for name, service in self.chain.services.items()}
        names: dict[str, str] = {}
        for id_, standing in self._stands().items():
            owners = [services[name] for name in (id_, *references(standing.resource.properties)) if name in services]
            if owners:
                told = [standing.ref, *standing.attributes.values()]
                names |= {str(each): owners[0] for each in told if str(each) not in names or id_ in services}
        return names


def _json(event: Any) -> str:
    """Return an event as JSON text."""
    try:
        return json.dumps(event, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"send: event={event!r} is not JSON: {error}", fix="give dictionaries, lists, text, numbers"
        ) from None


# --- carrying out ---


def _require_fit(plan: Plan) -> None:
    """Refuse a plan that was made on something else than what stands now, and remember what really does."""
    target, name = plan.target, plan.chain.name
    stands = target.stacks.get(name, {})
    if dict(stands) != dict(plan.basis):
        raise DeployError(f"plan for {name!r}: {target} has been changed since it was made", fix="make a new plan")
    problems = [_drift(target, stands, id_) for id_, standing in list(stands.items()) if standing.is_whole]
    if told := "; ".join(filter(None, problems)):
        raise DeployError(f"plan for {name!r}: it no longer fits {target}: {told}", fix="make a new plan")


def _drift(target: Target, stands: dict[str, Standing], id_: str) -> str:
    """Return what somebody else did to a resource, and correct what is known of it."""
    standing = stands[id_]
    found = direct.read(target, standing.resource, standing.properties, standing.ref)
    if found is None:
        del stands[id_]
        return f"{id_} ({standing.resource.type}) is there no more"
    drifts = [each for each in found.differences(standing.properties) if each.property not in standing.dropped]
    if not drifts:
        return ""
    there = {drift.property: found.settings[drift.property] for drift in drifts}
    design = replace(standing.resource, properties={**standing.resource.properties, **there})
    stands[id_] = replace(standing, resource=design, properties={**standing.properties, **there})
    return f"{id_} ({standing.resource.type}) was changed by somebody else: {drifts[0]}"


def _carry_out(target: Target, chain: str, stands: dict[str, Standing], change: Change) -> None:
    """Make one change."""
    resource, standing = change.resource, stands.get(change.resource.id)
    if change.action == "keep":
        return
    if change.action in ("delete", "replace") and standing is not None:
        direct.delete(target, standing.resource, standing.properties, standing.ref)
        del stands[resource.id]
    if change.action == "delete":
        return
    properties = resolved(resource.properties, _lookup(target, chain, stands))
    # Whatever a refusal leaves behind is known, so that the next plan replaces it and destroy takes it away.
    half = Standing(resource=resource, ref="", properties=properties, is_whole=False)
    if change.action == "update" and standing is not None:
        unset = {name: resource.api.unset[name] for name in standing.properties if name not in properties}
        properties = {**properties, **unset}
        stands[resource.id] = replace(half, ref=standing.ref)
        found = direct.update(target, resource, properties, standing.ref)
    else:
        stands[resource.id] = half
        found = direct.create(target, resource, properties)
    stands[resource.id] = made = replace(half, ref=found.ref, attributes=found.attributes)
    stands[resource.id] = replace(made, dropped=_dropped(target, resource, found, properties), is_whole=True)


def _dropped(target: Target, resource: Resource, found: direct.Found, asked: Properties) -> tuple[str, ...]:
    """Return the settings that the target is known to forget, and did; any other difference is an error."""
    dropped: dict[str, None] = {}
    for difference in found.differences(asked):
        if (resource.type, difference.property) not in target.drops:
            raise DeployError(
                f"{resource.id} ({resource.type}): {difference.field}={difference.before!r} was asked for, and "
                f"{target} has {difference.after!r}",
                fix="this target cannot hold the setting: leave it out of the design, or deploy elsewhere",
            )
        dropped[difference.property] = None
    return tuple(dropped)


def _lookup(target: Target, chain: str, stands: Mapping[str, Standing]) -> Any:
    """Return the function that says what Ref and Fn::GetAtt stand for."""
    pseudo = {
        "AWS::Region": target.region,
        "AWS::AccountId": target.account_id,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": chain,
    }

    def lookup(name: str, attribute: str | None) -> Any:
        if name in pseudo:
            return pseudo[name]
        value = stands[name].ref if attribute is None else stands[name].attributes[attribute]
        assert value is not None, f"{name}.{attribute} is not known: its Api says nothing of it"
        return value

    return lookup
