"""Puts a chain on an emulator by each resource's own calls: what stands is read, not believed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chainkit.deployment import direct, journal
from chainkit.deployment.differences import designed
from chainkit.deployment.drifts import Drift
from chainkit.deployment.intrinsics import Lookup, resolved
from chainkit.deployment.plan import Change, Plan, require_fit
from chainkit.deployment.targets import Standing, Target, Tell
from chainkit.errors import DeployError
from chainkit.records import Properties, Resource
from chainkit.templates import CHAIN_TAG


class DirectApplier:
    """Carries plans out one resource after another. Its memory is the journal on the target; the truth is the target.

    Parameters
    ----------
    target : where
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._known: dict[str, dict[str, Standing]] = {}

    def known(self, chain: str) -> dict[str, Standing]:
        """Return what stands of a chain as far as was last seen, without looking again."""
        if chain not in self._known:
            self._known[chain] = self._recovered(chain, journal.load(self._target, chain))
        return self._known[chain]

    def standing(self, chain: str) -> dict[str, Standing]:
        """Return what stands of a chain: read, resource by resource, with what somebody else changed."""
        stands = self._recovered(chain, journal.load(self._target, chain))
        for id_, standing in [*stands.items()]:
            if (now := self._read(standing)) is None:
                del stands[id_]
            else:
                stands[id_] = now
        self._known[chain] = stands
        return dict(stands)

    def chains(self) -> list[str]:
        """Return the names of the chains of which something stands."""
        return journal.names(self._target)

    def apply(self, plan: Plan, tell: Tell) -> None:
        """Carry a plan out, in its order; stop at the first refusal, and know what stands then.

        Raises
        ------
        DeployError
            If the target no longer fits the plan, refuses a call, or has something else than was asked for.
        """
        name = plan.chain.name
        stands = self.standing(name)
        require_fit(plan, stands)
        coming = {
            change.resource.id: replace(_half(change.resource), before=stands.get(change.resource.id))
            for change in plan.changes
            if change.action in ("create", "replace")
        }
        if plan.is_empty:
            return
        journal.save(self._target, name, {**stands, **coming}, plan.expires)
        self._known[name] = stands
        try:
            for change in plan.changes:
                if change.action != "keep":
                    tell(f"{change.action} {change.resource.id} ({change.resource.type})")
                self._carry_out(name, stands, change)
        finally:
            journal.save(self._target, name, stands)

    def destroy(self, chain: str, tell: Tell) -> list[str]:
        """Delete all that was made for a chain, in reverse order, and look again; return what is left, and why."""
        target = self._target
        stands = self._recovered(chain, journal.load(target, chain))
        gone: list[Standing] = []
        try:
            for id_, standing in reversed([*stands.items()]):
                tell(f"delete {id_} ({standing.resource.type})")
                direct.delete(target, standing.resource, standing.properties, standing.ref)
                gone.append(stands.pop(id_))
        finally:
            self._known.pop(chain, None)
            journal.save(target, chain, stands)
        # What ran while its neighbours went may have written something again: a log group.
        return [text for standing in gone for text in self._left(chain, standing)]

    def drift(self, chain: str) -> list[Drift]:
        """Return what somebody else has changed since it was deployed, resource by resource, or taken away."""
        asked, stands = self._recovered(chain, journal.load(self._target, chain)), self.standing(chain)
        drifts: list[Drift] = []
        for id_, standing in asked.items():
            who: dict[str, Any] = {"resource": id_, "type": standing.resource.type}
            if (now := stands.get(id_)) is None:
                drifts.append(Drift(**who, status="gone"))
                continue
            drifts += [
                Drift(**who, status="changed", field=found.field, deployed=found.before, found=found.after)
                for found in designed(standing.properties, now.properties)
            ]
        return drifts

    def expiry(self, chain: str) -> datetime | None:
        """Return until when a chain is to stand, by the journal."""
        return journal.expiry(self._target, chain)

    # --- what stands ---

    def _recovered(self, chain: str, stands: dict[str, Standing]) -> dict[str, Standing]:
        """Return what stands, where some of it may be half made or not made: found by what it was to be called."""
        for id_, standing in [*stands.items()]:
            if standing.is_whole:
                continue
            there = self._found(chain, standing.before, stands) if standing.before is not None else None
            there = there or self._found(chain, standing, stands)
            if there is None:
                del stands[id_]
            else:
                stands[id_] = there
        return stands

    def _found(self, chain: str, standing: Standing, stands: dict[str, Standing]) -> Standing | None:
        """Return what may be half made or half taken away as it is there, None if it is not there."""
        properties = standing.properties
        if not properties:
            try:
                properties = resolved(standing.resource.properties, lookup_in(self._target, chain, stands))
            except KeyError:  # what it refers to was never made, so neither was it
                return None
        found = direct.read(self._target, standing.resource, properties, standing.ref or None)
        if found is None or not self._is_own(standing.resource, found, chain):
            return None
        there = replace(standing, ref=found.ref, attributes=found.attributes, properties=properties)
        return replace(there, is_whole=False, before=None)

    def _is_own(self, resource: Resource, found: direct.Found, chain: str) -> bool:
        """Tell whether something was made for a chain: by its tag, where it can have one."""
        if not resource.api.tags or (resource.type, "Tags") in self._target.drops:
            return True
        tags = found.settings.get("Tags") or []
        pairs = tags.items() if isinstance(tags, Mapping) else [(tag["Key"], tag["Value"]) for tag in tags]
        return (CHAIN_TAG, chain) in pairs

    def _read(self, standing: Standing) -> Standing | None:
        """Return a standing resource with what somebody else changed, None if it is there no more."""
        if not standing.is_whole:
            return standing
        found = direct.read(self._target, standing.resource, standing.properties, standing.ref)
        if found is None:
            return None
        drifts = [each for each in found.differences(standing.properties) if each.property not in standing.dropped]
        if not drifts:
            return standing
        there = {drift.property: found.settings[drift.property] for drift in drifts}
        design = replace(standing.resource, properties={**standing.resource.properties, **there})
        return replace(standing, resource=design, properties={**standing.properties, **there})

    def _left(self, chain: str, standing: Standing) -> Iterable[str]:
        """Yield what is there again after its end, or a second time, and cannot be taken away.

        Where a name is no key, as with APIs, two deploys at once may each have made one.
        """
        resource, properties = standing.resource, standing.properties
        for ref in (standing.ref, *([None] if resource.api.find else [])):
            found = direct.read(self._target, resource, properties, ref)
            if found is None or (ref is None and not self._is_own(resource, found, chain)):
                continue
            try:
                direct.delete(self._target, resource, properties, found.ref)
            except DeployError as error:
                yield f"{resource.id} ({resource.type}): {error.problem}"

    # --- one change ---

    def _carry_out(self, chain: str, stands: dict[str, Standing], change: Change) -> None:
        """Make one change."""
        target, resource, standing = self._target, change.resource, stands.get(change.resource.id)
        if change.action == "keep":
            return
        if change.action in ("delete", "replace") and standing is not None:
            direct.delete(target, standing.resource, standing.properties, standing.ref)
            del stands[resource.id]
        if change.action == "delete":
            return
        properties = resolved(resource.properties, lookup_in(target, chain, stands))
        # Whatever a refusal leaves behind is known, so that the next plan replaces it and destroy takes it away.
        half = _half(resource, properties)
        if change.action == "update" and standing is not None:
            unset = {name: resource.api.unset[name] for name in standing.properties if name not in properties}
            properties = {**properties, **unset}
            stands[resource.id] = replace(half, ref=standing.ref)
            found = direct.update(target, resource, properties, standing.ref)
        else:
            stands[resource.id] = half
            found = direct.create(target, resource, properties)
        stands[resource.id] = made = replace(half, ref=found.ref, attributes=found.attributes)
        dropped = forgotten(target, resource, found, properties)
        stands[resource.id] = replace(made, dropped=dropped, is_whole=True)


def lookup_in(target: Target, chain: str, stands: Mapping[str, Standing]) -> Lookup:
    """Return the function that says what Ref and Fn::GetAtt stand for; KeyError for what is not there."""
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
        return stands[name].ref if attribute is None else stands[name].attributes[attribute]

    return lookup


def _half(resource: Resource, properties: Properties | None = None) -> Standing:
    """Return what is known of a resource before its creation was answered."""
    return Standing(resource=resource, ref="", properties=properties or {}, is_whole=False)


def forgotten(target: Target, resource: Resource, found: direct.Found, asked: Properties) -> tuple[str, ...]:
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
