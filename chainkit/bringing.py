"""What a link brings with it: permissions, policies, resources and variables that the template has because of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from chainkit.chain import Chain
from chainkit.records import Pool
from chainkit.templates import variables

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
        If there is no such link.

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
    queue = chain.services.get(link.dead_letters or "")
    for name, grant in link.grants(source, target):
        other = source.name if name == target.name else target.name
        yield Brought("permission", name, f"{', '.join(grant.actions)} on {other}")
    for name, principal, _ in link.admissions(source, target):
        yield Brought("policy", name, f"lets {principal} in, for {source.name} alone")
    for resource in link.resources(source, target, queue):
        plain = [f"{k} {v}" for k, v in resource.properties.items() if isinstance(v, str | int | float)]
        yield Brought("resource", f"{source.name} > {target.name}", ", ".join([resource.type, *plain]))
    for name, setting, value in link.attachments(source, target):
        yield Brought("setting", name, f"{setting.replace('_', ' ')} to {_named(value, target.name)}")
    if isinstance(source.behaviour(), Pool):  # only code is told by variables
        for name in variables(link, target):
            yield Brought("variable", source.name, name)


def _named(value: Any, target: str) -> str:
    """Return what is attached: the target, and the plain settings beside it."""
    rest = value.items() if isinstance(value, dict) else ()
    plain = [f"{name} {each}" for name, each in rest if isinstance(each, str | int | float)]
    return ", ".join([target, *plain])
