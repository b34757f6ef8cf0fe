"""Fusing: functions that hand each other work become parts of the first of them, a monolith.

What lay between them goes. What entered the first still does, and what any of them hands to the outside leaves it,
after the last part. A connection stays, and its function with it, where fusing would change what is done for a request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainkit.chain import Chain
from chainkit.declared import IDENTITY, changed, settings
from chainkit.parts import Part
from chainkit.rewiring.building import Builder, filtered, options_of
from chainkit.rewiring.flow import Connection, Draft, hold_steps, merged
from chainkit.services import LambdaFunction, StateMachine
from chainkit.wiring import WORDS, Caller, Delivery, EventSourceMapping

LONGEST_S = next(each.high for each in settings(LambdaFunction) if each.name == "timeout_s")
ALIKE = ("runtime", "architecture", "speed_factor", "snap_start")
"""Settings that one function has once: where they differ, two functions cannot be one."""
OWN = ("overhead", "reserved_concurrency", "provisioned_concurrency", "provisioned_scaling", "warmer")
"""Settings of a function that go when it becomes a part: those of the whole count."""


def draft(chain: Chain, found: Sequence[Connection]) -> Draft | str:
    """Return the chain with its functions fused, or why none can be."""
    plan = _Plan(chain, found)
    plan.settle()
    kept = tuple(f"{one.way}: {plan.reasons[one.links]}" for one in found if one.links in plan.reasons)
    moved = plan.moved()
    if not moved:
        return "; ".join(kept)
    twin = chain.copy(f"{chain.name}-fused")
    builder = Builder(twin)
    notes = [note for head in plan.heads() for note in _notes(chain, plan, head)]
    for name in {one.source for one in moved} | {one.target for one in moved}:
        hold_steps(twin, name)
    builder.take_out(moved)
    for head in plan.heads():
        _fuse(builder, plan, head)
    builder.restore_order(list(chain.links))
    rewired = tuple(f"{one.way}: was {one.kind}" for one in moved)
    return Draft(twin, rewired, kept, tuple(builder.added), tuple(notes))


# --- what can be fused ---


@dataclass
class _Plan:
    """Which connections are fused: as many as can be."""

    chain: Chain
    found: Sequence[Connection]
    reasons: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Links of a connection -> why it stays."""

    def moved(self) -> list[Connection]:
        """Return the connections that are fused."""
        return [one for one in self.found if one.links not in self.reasons]

    def settle(self) -> None:
        """Find the connections that stay: one that does may keep others."""
        while new := {one.links: why for one in self.moved() if (why := self._reason(one))}:
            self.reasons |= new
        for head in self.heads():
            fused = [head, *(one.target for one in self.below(head))]
            if why := _too_much([_function(self.chain, name) for name in fused]):
                self.reasons |= dict.fromkeys([one.links for one in self.below(head)], why)

    def heads(self) -> list[str]:
        """Return the functions that others become parts of."""
        moved = self.moved()
        targets = {one.target for one in moved}
        return list(dict.fromkeys(one.source for one in moved if one.source not in targets))

    def below(self, name: str) -> Iterator[Connection]:
        """Yield the connections by which a function's parts are reached, each before those that hang on it."""
        for one in sorted((one for one in self.moved() if one.source == name), key=lambda one: one.link.step):
            yield one
            yield from self.below(one.target)

    def way_to(self, name: str) -> list[Connection]:
        """Return the connections that lead from the head to one of its functions."""
        into = {one.target: one for one in self.moved()}
        way: list[Connection] = []
        while name in into and into[name] not in way:
            way.insert(0, into[name])
            name = into[name].source
        return way

    def staying(self, name: str) -> list[tuple[str, Caller]]:
        """Return the calls of a function that are not fused, at least not with all that they lead to."""
        links = [(key, link) for key, link in self.chain.outgoing(name) if isinstance(link, Caller)]
        return [(key, link) for key, link in links if not self._goes(key, link)]

    def _goes(self, key: str, link: Caller) -> bool:
        """Tell whether all that a call leads to is fused."""
        ways = [v for _, v in self.chain.outgoing(link.target) if isinstance(v, EventSourceMapping | Delivery)]
        mine = [one for one in self.moved() if one.links[0] == key]
        return len(mine) == max(1, len(ways) if mine and mine[0].between else 1)

    def _reason(self, one: Connection) -> str:
        """Return why a connection stays, or ""."""
        return self._by_itself(one) or self._between_functions(one) or self._branches(one)

    def _by_itself(self, one: Connection) -> str:
        """Return what of the connection itself keeps it."""
        machines = [name for name in one.between if isinstance(self.chain.service(name), StateMachine)]
        if one.link.keep:
            return "protected by keep=True"
        if machines:
            return f"goes through the state machine {machines[0]!r}, which stays"
        if one.link.count > 1:
            return f"hands over {one.link.count} messages at once, and a part is done once"
        if not one.is_readable:
            return "its two filters on one field fit in no single one"
        return ""

    def _between_functions(self, one: Connection) -> str:
        """Return what of the two functions keeps them apart."""
        others = [v for key, v in self.chain.incoming(one.target) if key != one.links[-1]]
        if others:
            return f"{one.target} is entered by {others[0].source}, too"
        if one.target == one.source or self.way_to(one.target)[0].source == one.target:
            return "goes in a circle"
        if one.obstacle:
            return one.obstacle
        answers = [v.target for _, v in self.chain.outgoing(one.target) if v.word == "on_success"]
        if answers:
            return f"the answers to the events of {one.target} go to {answers[0]}"
        first, second = _function(self.chain, one.source), _function(self.chain, one.target)
        for name in ALIKE:
            a, b = getattr(first, name), getattr(second, name)
            if a != b:
                return f"{name} is {a!r} of {one.source} and {b!r} of {one.target}"
        return ""

    def _branches(self, one: Connection) -> str:
        """Return what of the branches could not be kept."""
        if one.link.case is not None:
            if any(link.case == one.link.case for _, link in self.staying(one.source)):
                return f"shares the case {one.link.case!r} with a call that stays"
            if one.match_fraction is not None:
                return f"shares the case {one.link.case!r}, and only a share of its messages passes"
        for key, link in self.staying(one.target):
            if _moved_settings(self.way_to(one.target), key, link) is None:
                return f"{one.target} calls {link.target} on conditions that no single link can have"
        return ""


def _function(chain: Chain, name: str) -> LambdaFunction:
    """Return a function of the chain."""
    function = chain.service(name)
    assert isinstance(function, LambdaFunction)
    return function


def _too_much(functions: Sequence[LambdaFunction]) -> str:
    """Return why these functions do not fit into one, or ""."""
    timeout_s = sum(each.timeout_s for each in functions)
    if LONGEST_S is not None and timeout_s > LONGEST_S:
        return f"the timeouts of {', '.join(each.name for each in functions)} add to {timeout_s} s, over {LONGEST_S} s"
    names = [part for each in functions for part in each.parts]
    twice = next((part for part in names if names.count(part) > 1), None)
    return f"two of them have a part {twice!r}" if twice else ""


def _moved_settings(way: Sequence[Connection], key: str, link: Caller) -> dict[str, Any] | None:
    """Return on which condition a call leaves the whole, with that of the way to its caller; None: no link has it."""
    drawn = {(link.chance or key, link.probability)} if link.probability < 1 else set()
    policy: Mapping[str, list[Any]] | None = link.filter_policy
    is_readable = link.case is None
    for one in way:
        options = filtered(one, options_of(one))
        drawn |= {(options["chance"], options["probability"])} if options["probability"] < 1 else set()
        policy, both = merged(options.get("filter_policy"), policy)
        is_readable = is_readable and both and options["case"] is None
    if len(drawn) > 1 or not is_readable:
        return None
    chance, probability = next(iter(drawn), (link.chance, 1.0))
    return {"chance": chance, "probability": probability, "filter_policy": dict(policy) if policy else None}


# --- making one of several ---


def _fuse(builder: Builder, plan: _Plan, head: str) -> None:
    """Make parts of the functions below a head, and let what they hand to the outside leave the head."""
    chain, ways = builder.chain, list(plan.below(head))
    first = _function(plan.chain, head)
    functions = [first, *(_function(plan.chain, one.target) for one in ways)]
    steps = hold_steps(chain, head)
    for one in ways:
        own = hold_steps(chain, one.target)
        for key, link in [(k, v) for k, v in chain.outgoing(one.target) if isinstance(v, Caller)]:
            condition = _moved_settings(plan.way_to(one.target), key, link)
            assert condition is not None
            _leave_from(builder, head, key, link, step=steps + link.step, **condition)
        steps += own
        chain.remove(one.target)
    changes = _together(functions) | {"parts": _parts(plan, head)}
    chain.set(head, **changes)
    said = [f"{name}={changes[name]}" for name in ("memory_mb", "timeout_s")]
    builder.added.append(f"{head}: {', '.join([*said, 'parts'])} {', '.join(changes['parts'])}")


def _leave_from(builder: Builder, head: str, key: str, link: Caller, **changes: Any) -> None:
    """Let a call of a part leave the whole instead, after all parts."""
    cls: Any = type(link)
    fixed = {*WORDS[link.word][1], *IDENTITY}
    options = {each.name: getattr(link, each.name) for each in settings(cls) if each.name not in fixed}
    before = set(builder.chain.links)
    builder.chain.connect(head, link.target, link=link.word, **options | {"after_fraction": 1.0} | changes)
    builder.instead |= {new: key for new in builder.chain.links if new not in before}


def _together(functions: Sequence[LambdaFunction]) -> dict[str, Any]:
    """Return the settings of one function that does the work of several, the first its own."""
    first = functions[0]
    slowest = max(functions, key=_init_s)
    changes: dict[str, Any] = {
        "memory_mb": max(each.memory_mb for each in functions),
        "timeout_s": sum(each.timeout_s for each in functions),
        "idempotent": all(each.idempotent for each in functions),
        "log_retention_days": max(each.log_retention_days for each in functions),
        "environment": {key: value for each in reversed(functions) for key, value in each.environment.items()},
    }
    if slowest.init != first.init:
        changes["init"] = slowest.init
    if any(each.code is not None for each in functions):
        changes |= {"code": None, "handler": "handler.handle"}
    return changes


def _init_s(function: LambdaFunction) -> float:
    """Return the mean init of a function, seconds."""
    init = function.behaviour().init
    return init.mean_s if init is not None else 0.0


def _parts(plan: _Plan, head: str) -> dict[str, Part]:
    """Return the parts of the whole: those that the head has, then each function with its own."""
    first = _function(plan.chain, head)
    parts = dict(first.with_settings(memory_mb=first.memory_mb).parts)
    for one in plan.below(head):
        function = _function(plan.chain, one.target)
        parts[function.name] = _part(one, function, "" if one.source == head else one.source)
        inner = function.with_settings(memory_mb=function.memory_mb).parts
        for name, part in inner.items():
            parts[name] = part if part.caller else changed(part, caller=function.name)
    return parts


def _part(one: Connection, function: LambdaFunction, caller: str) -> Part:
    """Return a function as a part: its work as it is, on the condition on which it was called."""
    options = filtered(one, options_of(one))
    usual = f"{one.source}>{function.name}"
    return Part(
        duration=function.duration,
        first_duration=function.first_duration,
        caller=caller,
        error_rate=function.error_rate,
        error_name=function.error_name,
        poison_fraction=function.poison_fraction,
        cpu_fraction=function.cpu_fraction,
        measured_memory_mb=(function.measured_memory_mb or function.memory_mb) if function.cpu_fraction else None,
        probability=options["probability"],
        chance=options["chance"] if options["chance"] != usual else None,
        filter_policy=options.get("filter_policy"),
        case=options["case"],
        on_error=getattr(one.link, "on_error", "fail"),
        needs_answer=one.needs_answer,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout_s,
    )


# --- what else is different ---


def _notes(chain: Chain, plan: _Plan, head: str) -> Iterator[str]:
    """Yield what changes with one function in the place of several."""
    ways = list(plan.below(head))
    functions = {name: _function(chain, name) for name in (head, *(one.target for one in ways))}
    parts = ", ".join(one.target for one in ways)
    spared = [one.target for one in ways if getattr(one.link, "on_error", "fail") == "continue"]
    but = f", but for {', '.join(spared)} (on_error='continue')" if spared else ""
    fails = f"a failed part fails the whole invocation{but}"
    yield f"{head} does the work of {parts} after its own, one after another; {fails}"
    yield f"whatever tries {head} again repeats its own work and all parts"
    if any(one.kind != "sync" for one in ways):
        yield f"what was handed over is done before {head} answers"
    yield from _lost(functions, head)
    for one in ways:
        dropped = [name for name in ("retry", "client_timeout_s", "breaker") if getattr(one.link, name, None)]
        if dropped:
            yield f"{', '.join(dropped)} of the call of {one.target} go with the call"
        for _, link in plan.staying(one.target):
            yield f"what {one.target} hands to {link.target} leaves after the last part"


def _lost(functions: Mapping[str, LambdaFunction], head: str) -> Iterator[str]:
    """Yield settings of functions that no part can have."""
    with_code = [name for name, each in functions.items() if each.code is not None]
    if with_code:
        yield f"{', '.join(with_code)} have code of their own: {head} is deployed as a stand-in"
    for name, each in functions.items():
        stated = each.to_plain()
        gone = [own for own in OWN if own in stated] if name != head else []
        if gone:
            yield f"{', '.join(gone)} of {name} go: those of {head} count"
