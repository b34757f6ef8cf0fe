"""The policies of a chain as they stand once it is deployed: roles, and what its resources let in by themselves.

They are read from `templates.resources`, the list that everything deploys from. Each reference becomes an ARN in a
made-up account; an id that AWS draws (of an API) stays the logical id.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any

from chainkit.chain import Chain
from chainkit.deployment.intrinsics import resolved
from chainkit.permissions.evaluator import Document
from chainkit.records import Resource
from chainkit.templates import resources

ACCOUNT = "123456789012"
"""The account of all ARNs: the one that AWS's documentation uses."""


@dataclass(frozen=True)
class Role:
    """A role of a chain: who may assume it, and what it may do."""

    id: str
    arn: str
    trust: Document
    allows: Document


@dataclass(frozen=True)
class Deployed:
    """What a chain deploys, with every reference resolved.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders", region="eu-west-1")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> Deployed(chain).arn(jobs.id)
    'arn:aws:sqs:eu-west-1:123456789012:orders-jobs'
    """

    chain: Chain

    @cached_property
    def made(self) -> dict[str, Resource]:
        """The resources by logical id."""
        return {resource.id: resource for resource in resources(self.chain)}

    @cached_property
    def pseudo(self) -> dict[str, str]:
        """CloudFormation's own parameters."""
        return {"AWS::Region": self.chain.region, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}

    def arn(self, logical: str) -> str:
        """Return the ARN of a resource; one whose pattern is not known gets one that nothing else has."""
        resource = self.made[logical]
        return self.filled(resource.api.arn, logical) or f"arn:aws:unknown:{self.chain.region}:{ACCOUNT}:{logical}"

    def filled(self, pattern: str, logical: str) -> str:
        """Return a pattern with a resource's properties, id, region and account in place of {names}."""
        own = self.made[logical].properties
        known = {"region": self.chain.region, "account": ACCOUNT, "Ref": logical, **own}
        names = [name for _, name, _, _ in Formatter().parse(pattern) if name]
        return pattern.format_map({name: self.value(known[name]) for name in names})

    def properties(self, logical: str) -> dict[str, Any]:
        """Return a resource's properties, resolved."""
        if logical not in self._done:
            self._done[logical] = dict(self.value(self.made[logical].properties))
        return self._done[logical]

    @cached_property
    def _done(self) -> dict[str, dict[str, Any]]:
        """The properties that were asked for."""
        return {}

    def value(self, value: Any) -> Any:
        """Return a property with ARNs and names in place of references."""
        return resolved(value, self._looked_up)

    def _looked_up(self, name: str, attribute: str | None) -> Any:
        if name in self.pseudo:
            return self.pseudo[name]
        resource = self.made[name]
        ref = resource.api.ref.partition(" ")[0].rpartition(".")[2] if isinstance(resource.api.ref, str) else ""
        if attribute == "Arn" or (attribute is None and ref.endswith("Arn")):
            return self.arn(name)
        named = resource.properties.get(attribute or ref)
        return named if isinstance(named, str) else name

    # --- documents ---

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The roles by ARN."""
        found = {}
        for logical, resource in self.made.items():
            if resource.type == "AWS::IAM::Role":
                role = self._role(logical)
                found[role.arn] = role
        return found

    def _role(self, logical: str) -> Role:
        p = self.properties(logical)
        allowed = [s for policy in p.get("Policies", []) for s in policy["PolicyDocument"]["Statement"]]
        trust = Document(f"trust of {logical}", tuple(p["AssumeRolePolicyDocument"]["Statement"]))
        return Role(logical, self.arn(logical), trust, Document(logical, tuple(allowed)))

    @cached_property
    def policies(self) -> dict[str, tuple[Document, ...]]:
        """The resource policies by the ARN of what they stand on; trust policies are not among them."""
        found: dict[str, list[Document]] = defaultdict(list)
        for logical, resource in self.made.items():
            p = self.properties(logical)
            if "PolicyDocument" in p:
                held = Document(logical, tuple(p["PolicyDocument"]["Statement"]))
                for arn in dict.fromkeys(statement["Resource"] for statement in held.statements):
                    found[arn].append(held)
            elif resource.type == "AWS::Lambda::Permission":
                arn = self.arn(resource.properties["FunctionName"]["Ref"])
                found[arn].append(Document(logical, (_as_statement(p, arn),)))
        return {arn: tuple(documents) for arn, documents in found.items()}


def _as_statement(p: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Return the statement that AddPermission makes of its parameters (API_AddPermission, 2026)."""
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in p:
        conditions["ArnLike"] = {"AWS:SourceArn": p["SourceArn"]}
    if "SourceAccount" in p:
        conditions["StringEquals"] = {"AWS:SourceAccount": p["SourceAccount"]}
    principal = {"Service": p["Principal"]} if p["Principal"].endswith(".com") else {"AWS": p["Principal"]}
    return {"Effect": "Allow", "Principal": principal, "Action": p["Action"], "Resource": arn, "Condition": conditions}
