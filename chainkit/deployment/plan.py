"""What would change on a target: pure, shown before anything is done, carried out as it was shown."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from chainkit.chain import Chain, as_chain
from chainkit.deployment.differences import Difference, designed
from chainkit.deployment.monthly import by_resource, require_affordable
from chainkit.deployment.targets import Standing, Target
from chainkit.errors import ConfigError, DeployError
from chainkit.records import Resource
from chainkit.service import references
from chainkit.templates import resources
from chainkit.units import usd

if TYPE_CHECKING:
    from chainkit.billing.bill import Bill

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
    bill: "Bill | None" = None
    """What a month costs, if that was said."""
    expires: datetime | None = None
    """Until when it is to stand; None: as was said before."""
    expired: datetime | None = None
    """Until when it was to stand so far."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return all(change.action == "keep" for change in self.changes) and not self._is_prolonged

    @property
    def code(self) -> str:
        """The word that approves exactly this: a hash of all that would be done, where, and what it costs.

        Until when it stands is left out: "eight hours from now" is another instant in the next command.
        """
        told = [self.target.account_id, *self._head(), *self._month()]
        told += [f"{change.action} {_fingerprint(change.resource)}" for change in self.changes]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:6]

    def require_approval(self, approve: str | None) -> None:
        """Refuse to go on without the plan's code, where something would be done to AWS.

        Raises
        ------
        ConfigError
            If it is another code, or none.
        """
        if self.target.is_aws and not self.is_empty and approve != self.code:
            given = "was not approved" if approve is None else f"approve={approve!r} is not the code of this plan"
            raise ConfigError(
                f"deploy {self.chain.name!r} on {self.target}: {given}; nothing was sent",
                fix="read the printed plan; it ends with the code: ck.deploy(plan, approve=...), or --approve CODE",
            )

    @property
    def _is_prolonged(self) -> bool:
        return self.expires is not None and self.expires != self.expired

    def __str__(self) -> str:
        """Return the plan for people: counts, then each change with its differences, and what a month costs."""
        lines = [*self._head()]
        if self._is_prolonged:
            lines.append(f"  ~ expires {self.expired or 'never'} -> {self.expires}")
        lines += self._month()
        if self.target.is_aws and not self.is_empty:
            lines.append(f'approve with ck.deploy(plan, approve="{self.code}")')
        return self.target.masked("\n".join(lines))

    def _head(self) -> Iterator[str]:
        """Yield counts, then each change."""
        counts = Counter(change.action for change in self.changes)
        words = [f"{count} to {action}" for action in _SIGNS if (count := counts[action])]
        total = ", ".join([*words, *([f"{counts['keep']} unchanged"] if counts["keep"] else [])])
        head = f"plan for {self.chain.name!r} on {self.target}"
        yield f"{head}: {total if words or self._is_prolonged else 'nothing to change'}"
        costs = by_resource(self.chain, self.bill)
        for change in self.changes:
            if change.action != "keep":
                first, *rest = str(change).split("\n")
                cost = costs.get(change.resource.id, 0.0) if change.action != "delete" else 0.0
                yield f"  {first}{f'  {usd(cost)} a month' if cost else ''}"
                yield from (f"  {line}" for line in rest)

    def _month(self) -> Iterator[str]:
        """Yield what a month costs, if that was said."""
        if self.bill is not None:
            ceiling = self.target.ceiling_usd
            most = f", of at most {usd(ceiling)}" if ceiling is not None else ""
            yield f"  a month: {usd(self.bill.total_usd)} in all{most}; {self.bill.title}"

    def __repr__(self) -> str:
        """Return the plan in a word: stable, so that notebooks can be compared."""
        return f"Plan({self.chain.name!r}, {sum(change.action != 'keep' for change in self.changes)} changes)"


def plan(chain: Chain, target: Target, *, bill: "Bill | None" = None) -> Plan:
    """Return the changes that turn what stands on `target` into `chain`. Touches nothing.

    Parameters
    ----------
    chain : the design
    target : where
    bill : what a month costs, shown beside the changes; a target with a ceiling needs it

    Raises
    ------
    ConfigError, WiringError, TemplateError
        If the chain cannot be built, is of another region than the target, or costs more than the target allows.
    DeployError
        If the target cannot say what stands.

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
    require_affordable(chain, target, bill)
    wanted = resources(chain, is_vendored=target.is_aws)
    stands = target.applier.standing(chain.name)
    changes: list[Change] = []
    renewed: set[str] = set()
    for resource in wanted:
        change = _change(resource, stands.get(resource.id), renewed)
        if change.action == "replace":
            renewed.add(resource.id)
        changes.append(change)
    kept = {resource.id for resource in wanted}
    changes += [Change(action="delete", resource=s.resource) for id_, s in reversed(stands.items()) if id_ not in kept]
    return Plan(
        chain=chain.copy(),
        target=target,
        changes=tuple(changes),
        basis=stands,
        bill=bill,
        expires=target.expires,
        expired=target.applier.expiry(chain.name) if target.expires is not None and stands else None,
    )


def require_fit(plan: Plan, stands: Mapping[str, Standing]) -> None:
    """Refuse a plan that was made on something else than what stands now.

    Raises
    ------
    DeployError
        With what has changed.
    """
    told = []
    for id_ in dict.fromkeys([*plan.basis, *stands]):
        before, now = plan.basis.get(id_), stands.get(id_)
        if now is None:
            told.append(f"{id_} is there no more")
        elif before is None:
            told.append(f"{id_} is there now")
        else:
            old, new = before.resource.properties, now.resource.properties
            fields = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            if fields or before.ref != now.ref or before.is_whole != now.is_whole:
                told.append(f"{id_} was changed{': ' + ', '.join(fields) if fields else ''}")
    if told:
        raise DeployError(
            f"plan for {plan.chain.name!r}: {plan.target} has been changed since it was made: {'; '.join(told)}",
            fix="make a new plan",
        )


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


def _fingerprint(resource: Resource) -> str:
    """Return a resource as text: code as its hash."""
    shown = {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
        for name, value in resource.properties.items()
    }
    return f"{resource.id} {resource.type} {json.dumps(shown, sort_keys=True, default=str)}"


def _old(value: Any, standing: Standing, name: str) -> Any:
    """Return what a property that refers to something stands for now."""
    return standing.properties.get(name, value)
