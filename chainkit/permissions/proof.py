"""`policies`: what a chain's roles and resource policies allow, proved call by call and refused otherwise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import product
from typing import TYPE_CHECKING, Any

from chainkit import data
from chainkit.chain import Chain, as_chain
from chainkit.permissions.calls import ApiCall, api_calls
from chainkit.permissions.evaluator import Decision, Document, Request, evaluate, is_about
from chainkit.permissions.policy import ACCOUNT, Deployed
from chainkit.permissions.unused import Granted, UnusedAccess, unused_access

if TYPE_CHECKING:
    import pandas as pd

STRANGER = "210987654321"
"""An account that is not the chain's."""
_OPEN = Document("a stranger", ({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},))
COLUMNS = ("link", "caller", "action", "resource", "allowed", "by")


@dataclass(frozen=True)
class Judged:
    """A call of the chain, and what IAM decides about it."""

    call: ApiCall
    decision: Decision

    def row(self) -> tuple[str, str, str, str, bool, str]:
        """Return the cells of its row, in the order of `COLUMNS`."""
        request = self.call.request
        caller = request.principal if request.is_of_a_service else self.call.caller
        return (
            self.call.link, caller, request.action, request.resource, self.decision.is_allowed, self.decision.by,
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Policies:
    """The roles and resource policies of a chain, and what was proved of them.

    `print` shows them with what each statement is for; `to_frame` has the calls.
    """

    chain: str
    calls: tuple[Judged, ...]
    """Every call that a link makes, or a service for itself."""
    documents: Mapping[str, Mapping[str, Any]]
    """Name -> policy document as AWS takes it, ARNs in the account 123456789012: of each role "PayRole" and "trust of
    PayRole", of each resource that lets others in its policy."""
    superfluous: tuple[str, ...]
    """What could be taken out of a document, and every call would still be allowed."""
    problems: tuple[str, ...]
    """Calls that are denied, and requests that are none of the chain's and still allowed."""
    notes: tuple[str, ...]
    """What was not proved, and why."""
    refused: int
    """How many requests that are none of the chain's were tried, and denied."""

    def __repr__(self) -> str:
        """Return the result in a word: stable, so that notebooks can be compared."""
        allowed = sum(judged.decision.is_allowed for judged in self.calls)
        return (
            f"Policies({self.chain!r}, {allowed} of {len(self.calls)} calls allowed, {self.refused} others refused, "
            f"{len(self.superfluous)} superfluous, {len(self.problems)} problems)"
        )

    def __str__(self) -> str:
        """Return every document in words, what each statement is for, and what is wrong."""
        lines = [repr(self)]
        for name, document in self.documents.items():
            lines.append(name)
            lines += [f"  {line}" for k, s in enumerate(document["Statement"], 1) for line in self._words(name, k, s)]
        for title, found in (("superfluous", self.superfluous), ("problems", self.problems), ("notes", self.notes)):
            lines += [f"{title}:", *(f"  {each}" for each in found)] if found else [f"{title}: none"]
        return "\n".join(lines)

    def _words(self, name: str, place: int, statement: Mapping[str, Any]) -> Iterator[str]:
        """Yield a statement in words, and which links it is for."""
        who = next(iter(statement["Principal"].values())) if "Principal" in statement else ""
        on = "" if name.startswith("trust of ") else f" on {_joined(statement['Resource'])}"
        yield f"{statement['Effect'].lower()}s {who and who + ' '}{_joined(statement['Action'])}{on}"
        for operator, keys in statement.get("Condition", {}).items():
            for key, value in keys.items():
                yield f"  if {key} {operator} {_joined(value)}"
        by = f"{name}, statement {place}"
        links = dict.fromkeys(judged.call.link for judged in self.calls if by in judged.decision.by)
        yield f"  for {', '.join(links) or 'nothing'}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per call: link, caller, action, resource, allowed, and by which statement."""
        import pandas as pd

        return pd.DataFrame([judged.row() for judged in self.calls], columns=[*COLUMNS])

    def unused(self, findings: Any) -> tuple[UnusedAccess, ...]:
        """Return what IAM Access Analyzer found unused on this chain's roles, with the links that it was granted for.

        Parameters
        ----------
        findings : path of a JSON file with answers of GetFindingV2, or what is in it

        Raises
        ------
        ConfigError
            If it is no finding of unused access, or a file that cannot be read.
        """
        requests = [(judged.call.request, judged.call.link) for judged in self.calls]
        return unused_access(
            findings,
            [
                Granted(request.principal.rpartition("/")[2], request.action, link)
                for request, link in requests
                if not request.is_of_a_service
            ],
        )

    def _repr_html_(self) -> str:
        """Return the text for a notebook. What comes from a chain is text, never markup."""
        return f"<pre>{escape(str(self))}</pre>"


def policies(chain: Chain) -> Policies:
    """Return a chain's roles and resource policies, with the proof that they allow its links and nothing else.

    Every call that a link makes at run time is decided by IAM's rules (`permissions/evaluator.py`). Then each action of
    each statement is taken out in turn: one that no call misses is superfluous. Last, requests that are none of the
    chain's are tried: all other actions of its services, the same ones on other resources, in other regions and
    accounts, and AWS services that call for a stranger. Nothing of it needs an account: ARNs are in 123456789012.

    Parameters
    ----------
    chain : a chain that can be deployed

    Raises
    ------
    ConfigError, WiringError, TemplateError
        As `template`.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.LambdaFunction("validate")), chain.add(ck.SqsQueue("jobs"))
    >>> _ = chain.connect("validate", "jobs")
    >>> found = policies(chain)
    >>> found.superfluous, found.problems
    ((), ())
    >>> found.to_frame().loc[0, ["link", "action", "by"]].tolist()
    ['validate>jobs', 'sqs:SendMessage', 'ValidateRole, statement 2']
    """
    deployed = Deployed(as_chain(chain, "policies"))
    proof = _Proof(deployed, api_calls(deployed))
    judged = tuple(Judged(call, proof.decide(call.request)) for call in proof.calls)
    denied = [f"{each.call}: denied, {each.decision.by}" for each in judged if not each.decision.is_allowed]
    allowed, refused = proof.tried()
    documents = {d.name: {"Version": "2012-10-17", "Statement": list(d.statements)} for d in proof.documents()}
    return Policies(
        chain=deployed.chain.name,
        calls=judged,
        documents=documents,
        superfluous=tuple(proof.superfluous()),
        problems=(*denied, *allowed),
        notes=tuple(proof.notes()),
        refused=refused,
    )


@dataclass(frozen=True)
class _Proof:
    """A chain's documents, and the calls that they are held against."""

    deployed: Deployed
    calls: tuple[ApiCall, ...]

    def documents(self) -> list[Document]:
        """Return every document once: each role's trust and policy, then what stands on resources."""
        found = [d for role in self.deployed.roles.values() for d in (role.trust, role.allows) if d.statements]
        found += [d for documents in self.deployed.policies.values() for d in documents]
        return list({d.name: d for d in found}.values())

    def decide(self, request: Request, instead: tuple[Document, Document] | None = None) -> Decision:
        """Return IAM's decision, with one document in another's place if `instead` (old, new) says so."""
        caller, role = self.deployed.roles.get(request.principal), self.deployed.roles.get(request.resource)
        own: tuple[Document, ...] = (caller.allows,) if caller else ()
        theirs = (role.trust,) if role else self.deployed.policies.get(request.resource, ())
        if f":{STRANGER}:" in request.resource:
            theirs = (_OPEN,)  # a stranger's own policy is the stranger's choice: it must not matter
        if instead is not None:
            own, theirs = (tuple(instead[1] if d is instead[0] else d for d in each) for each in (own, theirs))
        return evaluate(request, own, theirs)

    # --- nothing is superfluous ---

    def superfluous(self) -> Iterator[str]:
        """Yield what can be taken out of a document while every call stays allowed."""
        allowed = [call.request for call in self.calls if self.decide(call.request).is_allowed]
        for document in self.documents():
            for place, statement in enumerate(document.statements):
                for action in _listed(statement["Action"]):
                    smaller = _without(document, place, action)
                    if all(self.decide(request, (document, smaller)).is_allowed for request in allowed):
                        yield f"{document.name}, statement {place + 1}: {action}"

    # --- nothing else is allowed ---

    def tried(self) -> tuple[list[str], int]:
        """Return requests that are none of the chain's and still allowed, and how many others were denied."""
        own = {(call.request.principal, call.request.action, call.request.resource) for call in self.calls}
        allowed, refused = [], 0
        for role, (action, arns) in product(self.deployed.roles.values(), tuple(self._foreign())):
            places = [arn for arn in arns if (role.arn, action, arn) not in own]
            if not is_about(role.allows, action):  # nor does a policy of the resource: `_named_roles`
                refused += sum(arn not in self._named_roles for arn in places)
                places = [arn for arn in places if arn in self._named_roles]
            judged = [(r, self.decide(r)) for r in (Request(role.arn, action, arn) for arn in places)]
            allowed += [_told(request) for request, decision in judged if decision.is_allowed]
            refused += sum(not decision.is_allowed for _, decision in judged)
        for request in self._strangers():
            if self.decide(request).is_allowed:
                allowed.append(_told(request))
            else:
                refused += 1
        return allowed, refused

    @cached_property
    def _named_roles(self) -> frozenset[str]:
        """The resources whose own policies name more than AWS services: they may allow what a role's does not."""
        return frozenset(
            arn
            for arn, documents in self.deployed.policies.items()
            if any("Service" not in statement["Principal"] for d in documents for statement in d.statements)
        )

    def _foreign(self) -> Iterator[tuple[str, list[str]]]:
        """Yield every action of the chain's services, with their resources and ones like them."""
        places: dict[str, dict[str, None]] = {}
        for arn in dict.fromkeys(call.request.resource for call in self.calls):
            places.setdefault(arn.split(":")[2], {}).update(dict.fromkeys((arn, *self._like(arn))))
        for prefix, arns in places.items():
            yield from ((action, list(arns)) for action in _actions(prefix))

    def _like(self, arn: str) -> Iterator[str]:
        """Yield the ARNs of what has the same name in another account, another region and another chain."""
        yield arn.replace(ACCOUNT, STRANGER)
        name, region = self.deployed.chain.name, self.deployed.chain.region
        yield from (
            other for other in (arn.replace(f"{name}-", f"{name}x-", 1), arn.replace(region, "x")) if other != arn
        )

    def _strangers(self) -> Iterator[Request]:
        """Yield each call of an AWS service as made for a stranger, another resource, nobody, by another service."""
        principals = [name for name in data.permissions()["keys"] if name != "about"]
        for request in {repr(c.request): c.request for c in self.calls if c.request.is_of_a_service}.values():
            context = dict(request.context)
            ways = [{key: value.replace(ACCOUNT, STRANGER) for key, value in context.items()}, {}]
            if request.action != "sts:AssumeRole":  # who may pass a role within the account decides about others there
                ways.append({key: _elsewhere(value) for key, value in context.items()})
            yield from (replace(request, context=way) for way in ways if context)
            yield from (replace(request, principal=other) for other in principals if other != request.principal)

    # --- what is not proved ---

    def notes(self) -> Iterator[str]:
        """Yield what was not proved."""
        known = data.permissions()
        for call in self.calls:
            request = call.request
            if request.action == "sts:AssumeRole" and not request.context:
                yield (
                    f"{self.deployed.roles[request.resource].id}: its trust names no account, since no key is "
                    f"documented that {request.principal} sends; a role can be passed within its own account only"
                )
        prefixes = {call.request.resource.split(":")[2] for call in self.calls}
        for prefix in sorted(prefixes - {*known["actions"]}):
            yield f"{prefix}: its other actions were not tried, data/permissions.json does not list them"
        outside = [s.name for s in self.deployed.chain.services.values() if getattr(s, "code", None) is not None]
        if outside:
            yield f"{', '.join(outside)}: what their own code calls besides the links is not known here"


def _told(request: Request) -> str:
    context = f" with {dict(request.context)}" if request.context else ""
    return f"{request.principal} may {request.action} on {request.resource}{context}: no link needs it"


def _actions(prefix: str) -> list[str]:
    """Return all actions of a service; who may assume a role is asked of sts."""
    known = data.permissions()["actions"]
    prefixes = (prefix, "sts") if prefix == "iam" else (prefix,)
    return [f"{each}:{name}" for each in prefixes for name in known.get(each, ())]


def _elsewhere(arn: str) -> str:
    """Return the ARN of another resource of the same kind and account; an account stays itself.

    >>> _elsewhere("arn:aws:sns:us-east-1:123456789012:news"), _elsewhere("123456789012")
    ('arn:aws:sns:us-east-1:123456789012:xnews', '123456789012')
    """
    head, colon, name = arn.rpartition(":")
    return f"{head}:x{name}" if colon else arn


def _without(document: Document, place: int, action: str) -> Document:
    """Return a document without one action of one statement."""
    statement = document.statements[place]
    left = [each for each in _listed(statement["Action"]) if each != action]
    if not left:
        return document.without(place)
    smaller = {**statement, "Action": left}
    return replace(document, statements=(*document.statements[:place], smaller, *document.statements[place + 1 :]))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _joined(value: Any) -> str:
    return ", ".join(map(str, _listed(value)))
