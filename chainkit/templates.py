"""What a chain becomes on AWS: the resources of its services and links, as records and as a CloudFormation template.

`resources` is the one list that everything deploys from: the template is its CloudFormation form, the direct applier
of deployment/ carries it out by API calls. Roles hold exactly the actions that the links need.

One pseudo property: `Zip`, the bytes of a function's code. In the template it is an object in the bucket that the
parameter CodeBucket names, called by the hash of its content.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import networkx as nx

from chainkit.chain import Chain, as_chain
from chainkit.errors import TemplateError
from chainkit.records import Api, Call, Grant, Properties, Resource
from chainkit.service import Service, Surroundings, as_text, given, logical_id, references, tag_list
from chainkit.wiring import Caller, Link


def template(chain: Chain) -> dict[str, Any]:
    """Return the CloudFormation template of a chain.

    Raises
    ------
    ConfigError, WiringError
        The chain's first error, if it has any, or code that cannot be packed.
    TemplateError
        If it has no CloudFormation form: two names that make one logical id, or resources in a circle.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> template(chain)["Resources"]["Jobs"]["Type"]
    'AWS::SQS::Queue'
    """
    chain = as_chain(chain, "template")
    return document(chain, resources(chain))


CODE_BUCKET = "CodeBucket"
"""The template's parameter that names the bucket with the functions' code."""


def document(chain: Chain, made: Iterable[Resource]) -> dict[str, Any]:
    """Return the template of a chain's resources."""
    entries = {resource.id: resource for resource in made}
    written: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Description": f"{chain.name}, by chainkit"}
    if any("Zip" in resource.properties for resource in entries.values()):
        about = "Bucket with the functions' code, each zip under the hash of its content"
        written["Parameters"] = {CODE_BUCKET: {"Type": "String", "Description": about}}
    written["Resources"] = {id_: _entry(resource) for id_, resource in entries.items()}
    if told := {name: {"Value": value} for name, value in outputs(chain).items()}:
        written["Outputs"] = told
    return written


def resources(chain: Chain, *, is_vendored: bool = False) -> list[Resource]:
    """Return the resources of a chain, each after those that it refers to.

    Parameters
    ----------
    chain : the design
    is_vendored : whether the zips of functions hold what their requirements.txt names, as AWS needs it; where they do
        not, it is taken from the Python that runs them

    Raises
    ------
    ConfigError, WiringError, TemplateError
        As `template`.
    """
    chain.require_valid()
    needs = _needs(chain)
    made: list[Resource] = []
    for service in chain.services.values():
        made += service.resources(_surroundings(chain, service, needs, is_vendored=is_vendored))
        if principals := needs.admissions[service.name]:
            made += service.admission(tuple(principals))
    made += needs.links
    used = {name for resource in made for name in references(resource.properties)}
    for service in chain.services.values():
        if _role_id(service) in used:
            made.append(_role(chain, service, needs.grants[service.name]))
    return [_tagged(resource, {CHAIN_TAG: chain.name}) for resource in _in_order(chain, made)]


CHAIN_TAG = "chainkit:chain"
"""Tag of every resource that can have tags: the chain that it was made for."""


def _tagged(resource: Resource, tags: Mapping[str, str]) -> Resource:
    """Return a resource with tags, if it can have any."""
    if not (form := resource.api.tags):
        return resource
    written = dict(tags) if form == "map" else tag_list(tags)
    return replace(resource, properties={**resource.properties, "Tags": written})


def outputs(chain: Chain) -> dict[str, Any]:
    """Return name -> value of what a stack tells of itself: where each service is that can be called."""
    handles = {service.name: service.handle() for service in chain.services.values()}
    return {
        logical_id(name, *handle.suffix.lower().split("_")): handle.value
        for name, handle in handles.items()
        if handle.suffix
    }


# --- what the links ask of the services ---


@dataclass
class _Needs:
    """What all links together ask for, by service; and their own resources."""

    grants: dict[str, list[Grant]] = field(default_factory=lambda: defaultdict(list))
    admissions: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    attached: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    environment: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    links: list[Resource] = field(default_factory=list)


def _needs(chain: Chain) -> _Needs:
    """Return what the links of a chain ask for."""
    needs = _Needs()
    for key, link in chain.links.items():
        source, target = chain.service(link.source), chain.service(link.target)
        queue = chain.service(link.dead_letters) if link.dead_letters else None
        own = link.resources(source, target, queue)
        ids = {resource.id: resource.id + key.partition("#")[2] for resource in own}  # a>b and a>b#2 are two of a kind
        needs.links += [_renamed(resource, ids) for resource in own]
        for name, grant in link.grants(source, target):
            if grant not in needs.grants[name]:
                needs.grants[name].append(grant)
        for name, principal, arn in link.admissions(source, target):
            if (admitted := (principal, _with_ids(arn, ids))) not in needs.admissions[name]:
                needs.admissions[name].append(admitted)
        for name, setting, value in link.attachments(source, target):
            needs.attached[name][setting] = value
        needs.environment[source.name] |= variables(link, target)
    return needs


def variables(link: Link, target: Service) -> dict[str, Any]:
    """Return the environment variables that a link gives to its caller's code."""
    handle = link.handle(target)
    if handle is None:
        return {}
    told = {_variable(target, handle.suffix): handle.value}
    if (kind := getattr(link, "invocation_type", None)) is not None:
        told[_variable(target, "INVOCATION_TYPE")] = kind
    return told


def _variable(target: Service, suffix: str) -> str:
    """Return the name of an environment variable about a service."""
    return f"{target.name.upper().replace('-', '_')}_{suffix}"


def _renamed(resource: Resource, ids: Mapping[str, str]) -> Resource:
    """Return a resource with other logical ids, in what it refers to as well."""
    return replace(
        resource,
        id=ids[resource.id],
        properties=_with_ids(resource.properties, ids),
        depends_on=tuple(ids.get(name, name) for name in resource.depends_on),
    )


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a property with other logical ids: names made of one change with it."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, Mapping):
        return {key: _with_ids(inner, ids) for key, inner in value.items()}
    return [_with_ids(inner, ids) for inner in value] if isinstance(value, list | tuple) else value


def _surroundings(chain: Chain, service: Service, needs: _Needs, *, is_vendored: bool) -> Surroundings:
    """Return what a service may know of the chain around it."""
    callers = [link for _, link in chain.outgoing(service.name) if isinstance(link, Caller)]
    _require_deployable(chain, service)
    reports = any(getattr(link, "report_batch_item_failures", False) for _, link in chain.incoming(service.name))
    root = Path(chain.path).parent if chain.path is not None else None
    return Surroundings(
        chain=chain.name,
        role=_role_id(service),
        environment=needs.environment[service.name],
        substitutions={name: other.address() for name, other in chain.services.items()},
        package=service.package(root, _calls(chain, callers), reports=reports, is_vendored=is_vendored),
        attached=needs.attached[service.name],
    )


def _require_deployable(chain: Chain, service: Service) -> None:
    """Refuse a circuit breaker that nobody would have: one is the caller's own code, and a store for its state."""
    for key, link in chain.outgoing(service.name):
        if getattr(link, "breaker", None) is not None and getattr(service, "code", None) is None:
            raise TemplateError(
                f"link {key!r}: breaker is simulated, and not deployed: a stand-in has none",
                fix=f"give {service.name!r} code that has one, or take it out of the copy that is deployed",
            )


def _calls(chain: Chain, links: Iterable[Caller]) -> list[dict[str, Any]]:
    """Return the links that code travels as a stand-in makes them, in the order of their steps (see standin.py)."""
    ordered = sorted(links, key=lambda link: link.step)
    steps = list(dict.fromkeys(link.step for link in ordered))
    calls = []
    for link in ordered:
        evenly = (steps.index(link.step) + 1) / (len(steps) + 1)
        stated = [
            other.after_fraction for other in ordered if other.step == link.step and other.after_fraction is not None
        ]
        target = chain.service(link.target)
        call = {
            "do": link.word,
            "variable": _variable(target, target.handle().suffix),
            "step": link.step,
            "after": stated[0] if stated else evenly,
            "bytes": link.message_bytes,
        }
        plain = link.to_plain()
        if "probability" in plain or "case" in plain:
            call["draw"] = _draw(chain, link)
        calls.append(call | {key: plain[key] for key in _CALL_SETTINGS if key in plain})
        if (retry := getattr(link, "retry", None)) is not None:
            calls[-1]["retry"] = {name: getattr(retry, name) for name in _RETRY_SETTINGS}
    return calls


def _draw(chain: Chain, link: Caller) -> str:
    """Return the name of the draw that decides whether a link is travelled: the simulator's."""
    if link.case is not None:
        return f"{link.source}.{link.case}.case"
    return f"{link.chance or next(key for key, each in chain.links.items() if each is link)}.chance"


_CALL_SETTINGS = ("probability", "case", "count", "on_error", "client_timeout_s")
_RETRY_SETTINGS = ("max_attempts", "interval_s", "backoff_rate", "max_delay_s", "jitter")


# --- roles ---

_POLICY = "chainkit"
"""Name of a role's one inline policy."""


def _role_id(service: Service) -> str:
    """Return the logical id of a service's role, "" for one that never has any."""
    return logical_id(service.name, "role") if service.principal else ""


def _role(chain: Chain, service: Service, grants: Iterable[Grant]) -> Resource:
    """Return the role of a service: who may assume it, and exactly what its links need."""
    around = Surroundings(chain=chain.name, role=_role_id(service))
    allowed = [*service.own_grants(around), *grants]
    trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service.principal}, "Action": "sts:AssumeRole"}
    if service.sends_account:  # no resource of another account can make the service use this role
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    statements = [{"Effect": "Allow", "Action": list(grant.actions), "Resource": grant.resource} for grant in allowed]
    properties: dict[str, Any] = {
        "RoleName": _short(f"{chain.name}-{service.name}-{chain.region}", 64),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
    }
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        properties["Policies"] = [{"PolicyName": _POLICY, "PolicyDocument": document}]
    return Resource(id=_role_id(service), properties=properties, api=ROLE)


def _short(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters: the rest of a longer one becomes its checksum."""
    return name if len(name) <= limit else f"{name[: limit - 9]}-{zlib.crc32(name.encode()):08x}"


# --- order and form ---


def _in_order(chain: Chain, made: list[Resource]) -> list[Resource]:
    """Return resources so that each stands after those that it needs."""
    by_id: dict[str, Resource] = {}
    for resource in made:
        if resource.id in by_id:
            raise TemplateError(
                f"chain {chain.name!r}: two resources get the logical id {resource.id!r}: "
                f"{by_id[resource.id].type} and {resource.type}",
                fix="rename a service: names that differ in - and _ only are the same to CloudFormation",
            )
        by_id[resource.id] = resource
    place = {name: k for k, name in enumerate(by_id)}
    needed: nx.DiGraph[str] = nx.DiGraph()
    needed.add_nodes_from(by_id)
    for resource in made:
        before = (*resource.depends_on, *references(resource.properties))
        needed.add_edges_from((name, resource.id) for name in before if name in by_id)
    if not nx.is_directed_acyclic_graph(needed):
        circle = [name for name, _ in nx.find_cycle(needed)]
        raise TemplateError(
            f"chain {chain.name!r}: resources need each other in a circle: {' > '.join([*circle, circle[0]])}",
            fix="let one of the calls between them go through a queue, or remove it",
        )
    return [by_id[name] for name in nx.lexicographical_topological_sort(needed, key=place.__getitem__)]


def _entry(resource: Resource) -> dict[str, Any]:
    """Return a resource as CloudFormation has it."""
    properties = dict(resource.properties)
    if "Zip" in properties:
        digest = hashlib.sha256(properties.pop("Zip")).hexdigest()
        properties["Code"] = {"S3Bucket": {"Ref": CODE_BUCKET}, "S3Key": f"{digest}.zip"}
    entry: dict[str, Any] = {"Type": resource.type, "Properties": properties}
    implied = set(references(properties))
    if stated := [name for name in resource.depends_on if name not in implied]:
        entry["DependsOn"] = stated
    return entry


# --- a role by direct calls ---


def _role_name(p: Properties) -> dict[str, Any]:
    return {"RoleName": p["RoleName"]}


def _trust(p: Properties) -> str:
    return as_text(p["AssumeRolePolicyDocument"])


def _policy_name(p: Properties) -> dict[str, Any]:
    """Return what names a role's one inline policy, or nothing where it has none."""
    return {"RoleName": p["RoleName"], "PolicyName": _POLICY} if p.get("Policies") else {}


def _policy(p: Properties) -> dict[str, Any]:
    """Return PutRolePolicy's parameters, or none where there is no policy."""
    named = _policy_name(p)
    return named and {**named, "PolicyDocument": as_text(p["Policies"][0]["PolicyDocument"])}


def _no_policy(p: Properties) -> dict[str, Any]:
    """Return DeleteRolePolicy's parameters, or none where there is one, or never was."""
    return {"RoleName": p["RoleName"], "PolicyName": _POLICY} if p.get("Policies") == [] else {}


def _policies(answer: Mapping[str, Any], _: Properties) -> Any:
    """Return the inline policy in the form of the property."""
    if "PolicyDocument" not in answer:
        return []
    return [{"PolicyName": answer["PolicyName"], "PolicyDocument": answer["PolicyDocument"]}]


ROLE = Api(
    type="AWS::IAM::Role",
    client="iam",
    create=(
        Call("create_role", lambda p: {**_role_name(p), **given(p, "Tags"), "AssumeRolePolicyDocument": _trust(p)}),
        Call("put_role_policy", _policy),
    ),
    read=(Call("get_role", _role_name), Call("get_role_policy", _policy_name)),
    update=(
        Call("update_assume_role_policy", lambda p: {**_role_name(p), "PolicyDocument": _trust(p)}),
        Call("put_role_policy", _policy),
        Call("delete_role_policy", _no_policy),
    ),
    delete=(Call("delete_role_policy", _policy_name), Call("delete_role", _role_name)),
    arn="arn:aws:iam::{account}:role/{RoleName}",
    ref="Role.RoleName",
    attributes={"Arn": "Role.Arn"},
    settings={
        "RoleName": "Role.RoleName",
        "AssumeRolePolicyDocument": "Role.AssumeRolePolicyDocument",
        "Policies": _policies,
        "Tags": "Role.Tags",
    },
    fixed=("RoleName",),
    unset={"Policies": []},
    missing=("NoSuchEntity",),
    tags="list",
)
