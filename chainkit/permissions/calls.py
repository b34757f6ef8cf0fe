"""What a deployed chain calls at run time: by whom, which action, on what, and with which context.

Read from what is deployed and from what code does (`Service.entry`, an integration's subtype, a task's resource), not
from what was granted: the proof would else hold a list against itself. data/permissions.json has what no setting says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from chainkit import asl, data
from chainkit.chain import Chain
from chainkit.permissions.evaluator import Request
from chainkit.permissions.policy import ACCOUNT, Deployed
from chainkit.records import Pool, Resource
from chainkit.service import Service, logical_id
from chainkit.wiring import Link

_ROLES = ("Role", "RoleArn", "CredentialsArn")
"""Properties by which a resource says whose role it works with."""


@dataclass(frozen=True)
class ApiCall:
    """One kind of request that a link, or a service for itself, makes."""

    link: str
    """Id of the link; name of the service for what it does for itself."""
    caller: str
    """Name of the service that calls."""
    request: Request

    def __str__(self) -> str:
        """Return it as half a sentence."""
        return f"{self.link}: {self.request.action} on {self.request.resource} by {self.request.principal}"


def api_calls(deployed: Deployed) -> tuple[ApiCall, ...]:
    """Return every call that a chain makes, links in their order, then services; each kind once.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.LambdaFunction("validate")), chain.add(ck.SqsQueue("jobs"))
    >>> _ = chain.connect("validate", "jobs")
    >>> [call.request.action for call in api_calls(Deployed(chain)) if call.link == "validate>jobs"]
    ['sqs:SendMessage']
    """
    reading = _Reading(deployed, data.permissions())
    found = [call for key, link in deployed.chain.links.items() for call in reading.of_link(key, link)]
    found += [call for service in deployed.chain.services.values() for call in reading.of_service(service)]
    return tuple({(call.link, call.caller, repr(call.request)): call for call in found}.values())


@dataclass(frozen=True)
class _Reading:
    """What is deployed, read for calls."""

    deployed: Deployed
    known: dict[str, Any]

    @property
    def chain(self) -> Chain:
        return self.deployed.chain

    # --- links ---

    def of_link(self, key: str, link: Link) -> Iterator[ApiCall]:
        """Yield what a link calls."""
        source, target = self.chain.service(link.source), self.chain.service(link.target)
        ways = {"poll": self._poll, "deliver": self._deliver, "task": self._task, "outcome": self._outcome}
        if link.kind in ways:
            yield from ways[link.kind](key, link, source, target)
        elif link.kind != "redrive":  # SQS moves dead letters itself
            way = self._code if isinstance(source.behaviour(), Pool) else self._integration
            yield from way(key, link, source, target)

    def _code(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what the caller's code calls, with the function's role."""
        yield self._by_role(key, source, self._entry(target, is_sync=link.kind == "sync"), self._arn(target))

    def _integration(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what an API's integration calls: by a role if it has one, else by itself, for its route."""
        made = next(r for r in self._own(key, link) if {"IntegrationUri", "IntegrationSubtype"} & {*r.properties})
        subtype = made.properties.get("IntegrationSubtype")
        action = self._action(*subtype.split("-")) if subtype else self._entry(target, is_sync=True)
        if "CredentialsArn" in made.properties:
            yield self._by_role(key, source, action, self._arn(target))
            return
        route = getattr(link, "route", "").replace(" ", "")
        here = f"{self._arn(source)}/$default/{route}"
        yield self._by_itself(key, source.name, source.principal, here, action, self._arn(target))

    def _poll(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what Lambda's pollers call, with the role of the function they feed."""
        queue = self._arn(source)
        for action in self.known["polled"].get(queue.split(":")[2], []):
            yield self._by_role(key, target, action, queue)

    def _deliver(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what a topic or a rule calls, to deliver, and to keep what cannot be delivered."""
        own = next(iter(self._own(key, link)))
        rule = self.deployed.filled(own.api.arn, own.id)
        here = rule or self._arn(source)
        principal = f"{here.split(':')[2]}.amazonaws.com"
        role = next((to["RoleArn"] for to in own.properties.get("Targets", []) if "RoleArn" in to), None)
        action = self._entry(target, is_sync=False)
        if role is not None:
            yield self._by_role(key, source, action, self._arn(target))
        else:
            yield self._by_itself(key, source.name, principal, here, action, self._arn(target))
        if link.dead_letters:
            queue = self.chain.service(link.dead_letters)
            action = self._entry(queue, is_sync=False)
            yield self._by_itself(key, source.name, principal, here, action, self._arn(queue))

    def _task(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what a task calls, and what it calls besides to wait for the end of what it started."""
        resource = getattr(link, "resource", "")
        calls = asl.calls(asl.State(Type="Task", Resource=resource))
        action = self._action(*calls.action.split(":")) if calls.action else self._entry(target, is_sync=True)
        arn = self._arn(target)
        yield self._by_role(key, source, action, arn)
        if calls.pattern.startswith("sync"):
            known = {"region": self.chain.region, "account": ACCOUNT, "name": arn.rpartition(":")[2]}
            for also, pattern in self.known["watched"].get(action, []):
                yield self._by_role(key, source, also, pattern.format_map(known))

    def _outcome(self, key: str, link: Link, source: Service, target: Service) -> Iterator[ApiCall]:
        """Yield what Lambda calls with the function's role once an event is done with."""
        yield self._by_role(key, source, self._entry(target, is_sync=False), self._arn(target))

    # --- services ---

    def of_service(self, service: Service) -> Iterator[ApiCall]:
        """Yield what a service calls for itself: it assumes its role, and a function writes its log."""
        role = logical_id(service.name, "role")
        for logical, resource in self.deployed.made.items():
            p = self.deployed.properties(logical)
            roles = [p.get(name) for name in _ROLES] + [to.get("RoleArn") for to in p.get("Targets", [])]
            if role not in self.deployed.made or self.deployed.arn(role) not in roles:
                continue
            here = self.deployed.filled(resource.api.arn, logical)
            yield self._assume(service, here, self.deployed.arn(role))
            for action, pattern in self.known["own"].get(resource.type, []):
                yield self._by_role(service.name, service, action, self.deployed.filled(pattern, logical))

    def _assume(self, service: Service, here: str, role: str) -> ApiCall:
        call = self._by_itself(service.name, service.name, service.principal, here, "sts:AssumeRole", role)
        is_silent = self.known["keys"].get(service.principal, {}).get("calls_only", False)
        return replace(call, request=replace(call.request, context={})) if is_silent else call

    # --- requests ---

    def _by_role(self, key: str, caller: Service, action: str, resource: str) -> ApiCall:
        role = logical_id(caller.name, "role")
        principal = self.deployed.arn(role) if role in self.deployed.made else f"arn:aws:iam::{ACCOUNT}:role/none"
        return ApiCall(key, caller.name, Request(principal, action, resource))

    def _by_itself(self, key: str, caller: str, principal: str, here: str, action: str, resource: str) -> ApiCall:
        """Return a call of an AWS service for one of its resources, with the keys that it is documented to send."""
        sends = self.known["keys"].get(principal, {}).get("keys", [])
        values = {"aws:SourceArn": here, "aws:SourceAccount": ACCOUNT}
        context = {name: value for name, value in values.items() if name in sends and value}
        return ApiCall(key, caller, Request(principal, action, resource, context))

    def _entry(self, target: Service, *, is_sync: bool) -> str:
        """Return the action of the call that sends one event."""
        client, call = target.entry()
        action = self._action(client, "".join(word.title() for word in call.operation.split("_")))
        return action if is_sync else self.known["handed_over"].get(action, action)

    def _action(self, client: str, operation: str) -> str:
        """Return IAM's name of an operation."""
        prefix = self.known["prefixes"].get(client.lower(), client.lower())
        action = f"{prefix}:{operation[0].upper()}{operation[1:]}"
        return str(self.known["names"].get(action, action))

    def _arn(self, service: Service) -> str:
        """Return the ARN of what is deployed, not `Service.arn`: grants use that, and it may be a pattern."""
        return self.deployed.arn(service.id)

    def _own(self, key: str, link: Link) -> list[Resource]:
        """Return a link's own resources as they are deployed: those of a second link of a kind bear its number."""
        source, target = self.chain.service(link.source), self.chain.service(link.target)
        queue = self.chain.service(link.dead_letters) if link.dead_letters else None
        suffix = key.partition("#")[2]
        return [self.deployed.made[each.id + suffix] for each in link.resources(source, target, queue)]
