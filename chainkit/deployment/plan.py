"""What would change on a target: pure, shown before anything is done, carried out as it was shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chainkit.chain import Chain, as_chain
from chainkit.deployment.differences import Difference, designed
from chainkit.deployment.targets import Standing, Target
from chainkit.errors import ConfigError
from chainkit.records import Resource
from chainkit.templates import references, resources

Action = Literal["create", "update", "replace", "delete", "keep"]

_SIGNS: dict[Action, str] = {"create": "+", "update": "~", "replace": "!", "delete": "-"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry of a plan: what is done with one resource, and why."""

    action: Action
    resource: Resource
    """As it is to be; as it stands, where it is deleted."""
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        """Return the change on one line, and a line for each field that differs."""
        head = f"{_SIGNS.get(self.action, ' ')} {self.action:<8}{self.resource.id:<28} {self.resource.type}"
        return "\n".join([head, *(f"      {difference}" for difference in self.differences)])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes that turn what stands on a target into a chain, in the order in which they are carried out."""

    chain: Chain
    target: Target
    changes: tuple[Change, ...]
    basis: Mapping[str, Standing]
    """What stood there when the plan was made: it is carried out on nothing else."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return all(change.action == "keep" for change in self.changes)

    def __str__(self) -> str:
        """Return the plan for people: counts, then each change with its differences."""
        counts = Counter(change.action for change in self.changes)
        words = [f"{count} to {action}" for action in _SIGNS if (count := counts[action])]
        total = ", ".join([*words, *([f"{counts['keep']} unchanged"] if counts["keep"] else [])])
        head = f"plan for {self.chain.name!r} on {self.target}: {total if words else 'nothing to change'}"
        return "\n".join(
            [head, *(f"  {line}" for c in self.changes if c.action != "keep" for line in str(c).split("\n"))]
        )

    def __repr__(self) -> str:
        """Return the plan in a word: stable, so that notebooks can be compared."""
        return f"Plan({self.chain.name!r}, {sum(change.action != 'keep' for change in self.changes)} changes)"


def plan(chain: Chain, target: Target) -> Plan:
    """Return the changes that turn what stands on `target` into `chain`. Touches nothing.

    Raises
    ------
    ConfigError, WiringError, TemplateError
        If the chain cannot be built, or is of another region than the target.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> with ck.local() as target:
    ...     print(ck.plan(chain, target))
    plan for 'orders' on local (us-east-1, account 123456789012): 1 to create
      + create  Jobs                         AWS::SQS::Queue
    """
    chain = as_chain(chain, "plan")
    if not isinstance(target, Target):
        raise ConfigError(f"plan: target={target!r} is no deploy target", fix="give what ck.local() opens")
    if chain.region != target.region:
        raise ConfigError(
            f"chain {chain.name!r}: region={chain.region!r} is not that of the target {target}",
            fix=f"make the target with region={chain.region!r}",
        )
    stands = target.applier.standing(chain.name)
    wanted = resources(chain)
    changes: list[Change] = []
    renewed: set[str] = set()
    for resource in wanted:
        change = _change(resource, stands.get(resource.id), renewed)
        if change.action == "replace":
            renewed.add(resource.id)
        changes.append(change)
    kept = {resource.id for resource in wanted}
    changes += [Change(action="delete", resource=s.resource) for id_, s in reversed(stands.items()) if id_ not in kept]
    return Plan(chain=chain.copy(), target=target, changes=tuple(changes), basis=stands)


def _change(wanted: Resource, standing: Standing | None, renewed: set[str]) -> Change:
    """Return what turns the standing resource into the wanted one; `renewed` are replaced before it."""
    if standing is None:
        return Change(action="create", resource=wanted)
    if not standing.is_whole:
        return Change(action="replace", resource=wanted, differences=(Difference("(whole)", "half made", "whole"),))
    before, after = standing.resource.properties, wanted.properties
    found = designed(before, after)
    for name, value in after.items():
        if name in before and before[name] == value and (moved := renewed & set(references(value))):
            found.append(Difference(name, _old(value, standing, name), f"new {', '.join(sorted(moved))}"))
    if not found:
        return Change(action="keep", resource=wanted)
    names = {difference.property for difference in found}
    is_stuck = not wanted.api.update or names & set(wanted.api.fixed)
    gone = {name for name in before if name not in after} - wanted.api.unset.keys()
    action: Action = "replace" if is_stuck or gone or wanted.type != standing.resource.type else "update"
    return Change(action=action, resource=wanted, differences=tuple(found))


def _old(value: Any, standing: Standing, name: str) -> Any:
    """Return what a property that refers to something stands for now."""
    return standing.properties.get(name, value)
