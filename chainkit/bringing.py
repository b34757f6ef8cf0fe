"""What a link brings with it: permissions, policies, resources and variables that the template has because of it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from chainkit.chain import Chain
from chainkit.errors import TemplateError
from chainkit.records import Pool, Resource
from chainkit.service import Surroundings, logical_id, references
from chainkit.templates import variables
from chainkit.wiring import Link

Kind = Literal["permission", "policy", "resource", "setting", "variable"]


@dataclass(frozen=True)
class Brought:
    """One thing that a link adds to what is deployed."""

    kind: Kind
    where: str
    """Name of the service that gets it."""
    what: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.kind} of {self.where}: {self.what}"


def brings(chain: Chain, key: str) -> tuple[Brought, ...]:
    """Return what the link of that id brings; the chain may still have errors.

    Raises
    ------
    WiringError
        If there is no such link, or it leads where AWS has none.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay"))
    >>> _ = chain.connect("jobs", "pay")
    >>> print(*brings(chain, "jobs>pay"), sep=chr(10))
    permission of pay: sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on jobs
    resource of jobs > pay: AWS::Lambda::EventSourceMapping, BatchSize 10, MaximumBatchingWindowInSeconds 0
    """
    return tuple(dict.fromkeys(_brought(chain, key)))


def _brought(chain: Chain, key: str) -> Iterator[Brought]:
    """Yield what a link brings, as the template takes it from the link."""
    link = chain.link(key)
    source, target = chain.service(link.source), chain.service(link.target)
    for name, grant in link.grants(source, target):
        other = source.name if name == target.name else target.name
        yield Brought("permission", name, f"{', '.join(grant.actions)} on {other}")
    for name, principal, _ in link.admissions(source, target):
        yield Brought("policy", name, f"lets {principal} in, for {source.name} alone")
    for resource in _own(chain, link):
        yield Brought("resource", f"{source.name} > {target.name}", _in_words(resource))
    others = [each for other, each in chain.links.items() if other != key]
    for service in dict.fromkeys((source.name, target.name)):
        if _uses_role(chain, [link], service) and not _uses_role(chain, others, service):
            yield Brought("resource", service, "AWS::IAM::Role")
    for name, setting, value in link.attachments(source, target):
        yield Brought("setting", name, f"{setting.replace('_', ' ')} to {_named(value, target.name)}")
    for name in dict.fromkeys(name for name, *_ in link.attachments(source, target)):
        before = _of_service(chain, name, others)
        for resource_id, resource in _of_service(chain, name, [*others, link]).items():
            if resource_id not in before:
                yield Brought("resource", name, resource.type)
    if isinstance(source.behaviour(), Pool):  # only code is told by variables
        for name in variables(link, target):
            yield Brought("variable", source.name, name)


def _own(chain: Chain, link: Link) -> tuple[Resource, ...]:
    """Return the resources of a link itself."""
    queue = chain.services.get(link.dead_letters or "")
    return link.resources(chain.service(link.source), chain.service(link.target), queue)


def _uses_role(chain: Chain, links: Iterable[Link], service: str) -> bool:
    """Tell whether links' own resources refer to the role of a service: then it is made."""
    role = logical_id(service, "role")
    return any(role in references(resource.properties) for link in links for resource in _own(chain, link))


def _of_service(chain: Chain, name: str, links: Iterable[Link]) -> dict[str, Resource]:
    """Return the resources of a service on which links hang their settings."""
    attached = {
        setting: value
        for link in links
        for service, setting, value in link.attachments(chain.service(link.source), chain.service(link.target))
        if service == name
    }
    around = Surroundings(chain=chain.name, role=logical_id(name, "role"), attached=attached)
    with suppress(TemplateError):  # a setting that is not deployed yet: what hangs on it is told without its resources
        return {resource.id: resource for resource in chain.service(name).resources(around)}
    return {}


def _in_words(resource: Resource) -> str:
    """Return a resource's type and its plain properties."""
    plain = [f"{name} {each}" for name, each in resource.properties.items() if isinstance(each, str | int | float)]
    return ", ".join([resource.type, *plain])


def _named(value: Any, target: str) -> str:
    """Return what is attached: the target, and the plain settings beside it."""
    rest = value.items() if isinstance(value, dict) and [*value] != ["Ref"] else ()
    plain = [f"{name} {each}" for name, each in rest if isinstance(each, str | int | float)]
    return ", ".join([target, *plain])
