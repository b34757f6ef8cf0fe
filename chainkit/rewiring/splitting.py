"""Splitting: the parts of a function become functions of their own, called in turn after the work that leads to them.

A part whose answer is needed is called synchronously, another by an event with a dead-letter queue. What began after
all parts still does.
"""

from dataclasses import replace
from typing import Any

from chainkit.chain import Chain
from chainkit.parts import Part
from chainkit.rewiring.building import Builder
from chainkit.rewiring.flow import Draft, hold_steps
from chainkit.services import LambdaFunction
from chainkit.wiring import Caller

PER_INVOCATION = (
    "each part has invocations of its own: its own cold starts and its own bill; its caller waits for those that it "
    "needs, and pays for the wait"
)


def with_parts(chain: Chain) -> list[LambdaFunction]:
    """Return the functions of a chain that have parts."""
    return [one for one in chain.services.values() if isinstance(one, LambdaFunction) and one.parts]


def draft(chain: Chain) -> Draft | str:
    """Return the chain with a function for each part, or why there is none."""
    whole = with_parts(chain)
    if not whole:
        names = ", ".join(name for name, one in chain.services.items() if isinstance(one, LambdaFunction))
        return f"nothing in the design says where to split {names}: give a function parts"
    twin = chain.copy(f"{chain.name}-split")
    builder = Builder(twin)
    for function in whole:
        _split(builder, function)
    rewired = tuple(f"{one.name}: {', '.join(one.parts)} became functions" for one in whole)
    with_code = [one.name for one in whole if one.code is not None]
    notes = [PER_INVOCATION]
    notes += (
        [f"the code of {', '.join(with_code)} does all of its parts: stand-ins take its place"] if with_code else []
    )
    return Draft(twin, rewired, added=tuple(builder.added), notes=tuple(notes))


def _split(builder: Builder, whole: LambdaFunction) -> None:
    """Make a function of each part, and the calls between them."""
    chain = builder.chain
    count = _room(chain, whole)
    chain.set(whole.name, parts={}, **({"code": None} if whole.code is not None else {}))
    steps = {"": count}
    for name, part in whole.parts.items():
        builder.add(_function(whole, name, part))
        step = steps[part.caller] = steps.get(part.caller, 0) + 1
        options: dict[str, Any] = {
            key: getattr(part, key) for key in ("probability", "chance", "filter_policy", "case")
        }
        options |= {"step": step, "after_fraction": 1.0, "link": "sync" if part.needs_answer else "async"}
        options |= {"on_error": part.on_error} if part.needs_answer else {}
        chain.connect(part.caller or whole.name, name, **options)
        if not part.needs_answer:
            builder.on_failure(name)


def _room(chain: Chain, whole: LambdaFunction) -> int:
    """Let steps that begin after all parts begin after the calls of them; return the last step before those."""
    hold_steps(chain, whole.name)
    callers = [(key, link) for key, link in chain.outgoing(whole.name) if isinstance(link, Caller)]
    for key, link in callers:
        if link.after_fraction == 1:
            chain.set(key, step=link.step + sum(not part.caller for part in whole.parts.values()))
    return max((link.step for _, link in callers if link.after_fraction != 1), default=0)


def _function(whole: LambdaFunction, name: str, part: Part) -> LambdaFunction:
    """Return a part as a function of its own: where and how it runs is as the whole's."""
    memory_mb = part.memory_mb or whole.memory_mb
    measured_mb = part.measured_memory_mb or whole.memory_mb
    return replace(
        whole,
        name=name,
        memory_mb=memory_mb,
        timeout_s=part.timeout_s or whole.timeout_s,
        duration=part.duration,
        first_duration=part.first_duration,
        error_rate=part.error_rate,
        error_name=part.error_name,
        poison_fraction=part.poison_fraction,
        cpu_fraction=part.cpu_fraction,
        measured_memory_mb=measured_mb if part.cpu_fraction and measured_mb != memory_mb else None,
        parts={},
        reserved_concurrency=None,
        provisioned_concurrency=0,
        provisioned_scaling=None,
        warmer=None,
        code=None,
    )
