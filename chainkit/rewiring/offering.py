"""Variants: the same business flow through other links, or with its functions fused or split.

A connection is work that one function hands another: directly, or through queues, topics, buses and machines that do
nothing else. Rewiring replaces what lies between; functions, their order, branches, durations, failure rates and sizes
stay. Fusing makes one function of those that hand each other work, splitting one function per part.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, RefusedError, nearest
from chainkit.rewiring import building, fusing, inventory, splitting
from chainkit.rewiring.flow import Connection, Draft, connections
from chainkit.rewiring.kinds import KINDS


@dataclass(frozen=True)
class Variant:
    """One way to wire a flow: the chain, and what differs from the original."""

    kind: str
    chain: Chain
    rewired: tuple[str, ...]
    """Connections that changed: "validate to payment: was sqs"."""
    kept: tuple[str, ...]
    """Connections that stayed, and why."""
    added: tuple[str, ...]
    """New services with their settings."""
    notes: tuple[str, ...] = ()
    """What else is different now: who repeats what, and what is not deployed as it was."""
    summary: str = ""
    """What changed in one line: "3 links, 1 SQS queue, 1 dead-letter queue added; 1 link removed"."""
    parts: Mapping[str, int] = field(default_factory=Counter)
    """What there is to operate: links, and services by kind -> how many."""

    def __str__(self) -> str:
        """Return what changed as text."""
        parts = (("rewired", self.rewired), ("kept", self.kept), ("added", self.added), ("note", self.notes))
        lines = [f"{self.kind}: {self.summary}"]
        lines += [f"  {word}: {line}" for word, found in parts for line in found]
        return "\n".join(lines)


class Variants(Mapping[str, Variant]):
    """Variants by kind, in the order asked for; prints what each changed, and which kinds are refused."""

    def __init__(self, found: Sequence[Variant], refused: Mapping[str, str] | None = None) -> None:
        self._found = {variant.kind: variant for variant in found}
        self.refused: Mapping[str, str] = dict(refused or {})
        """Kinds that were asked for and cannot be made -> why."""

    def __getitem__(self, kind: str) -> Variant:
        if kind not in self._found and kind in self.refused:
            raise RefusedError(f"variants: {kind} is refused: {self.refused[kind]}", fix="ask for another kind")
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Variants({', '.join(self._found)})"

    def __str__(self) -> str:
        refused = [f"{kind}: refused: {why}" for kind, why in self.refused.items()]
        return "\n".join([*(str(variant) for variant in self._found.values()), *refused])


def variants(chain: Chain, kinds: Sequence[str]) -> Variants:
    """Return the same flow wired in other ways.

    Parameters
    ----------
    chain : without errors
    kinds : of "sync", "async", "sqs", "sns", "sns-sqs", "eventbridge", "standard", "express", "nested" (a Standard
        machine that starts an Express one), "fused" (one function), "split" (one function per part)

    A connection whose caller needs the answer goes only to "sync" and "express"; other kinds leave it as it is, and the
    variant's `kept` says so. `keep=True` on a link protects it. A kind that nothing can become is no variant: it stands
    in `refused` with the reason.

    Raises
    ------
    ConfigError
        If a kind is unknown, or the chain has nothing that could be rewired, fused or split.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b", timeout_s=10))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["sync", "sqs", "split"])
    >>> print(flows["sqs"])
    sqs: 3 links, 1 SQS queue, 1 dead-letter queue added; 1 link removed
      rewired: a to b: was sync
      added: b-queue: SqsQueue, visibility_timeout_s=60
      added: b-dead: SqsQueue
    >>> list(flows), flows.refused["split"]
    (['sync', 'sqs'], 'nothing in the design says where to split a, b: give a function parts')
    """
    chain = as_chain(chain, "variants")
    if isinstance(kinds, str) or not isinstance(kinds, Iterable):
        raise ConfigError(f"variants: kinds={kinds!r} is no list", fix=f"give some of {', '.join(KINDS)}")
    kinds = tuple(kinds)
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"variants: {kind!r} is unknown{nearest(kind, KINDS)}", fix=f"known: {', '.join(KINDS)}")
    chain.require_valid()
    found = connections(chain)
    if not found and not splitting.with_parts(chain):
        raise ConfigError(
            f"chain {chain.name!r} has no function that hands work to another function: there is nothing to rewire",
            fix="connect two functions, directly or through a queue, topic or bus",
        )
    drafts = {kind: _checked(_draft(chain, kind, found)) for kind in dict.fromkeys(kinds)}
    refused = {kind: draft for kind, draft in drafts.items() if isinstance(draft, str)}
    return Variants(
        [_variant(chain, kind, draft) for kind, draft in drafts.items() if not isinstance(draft, str)], refused
    )


def _draft(chain: Chain, kind: str, found: Sequence[Connection]) -> Draft | str:
    """Return the chain wired in this way, or why it cannot be."""
    if kind == "split":
        return splitting.draft(chain)
    if not found:
        return "no function hands work to another"
    return fusing.draft(chain, found) if kind == "fused" else building.draft(chain, kind, found)


def _checked(draft: Draft | str) -> Draft | str:
    """Return a draft that can be built and run, or why it cannot: calls in a circle would wait for themselves."""
    errors = draft.chain.validate() if isinstance(draft, Draft) else []
    return errors[0].problem if errors else draft


def _variant(before: Chain, kind: str, draft: Draft) -> Variant:
    """Return a variant with what is counted of it."""
    return Variant(
        kind=kind,
        chain=draft.chain,
        rewired=draft.rewired,
        kept=draft.kept,
        added=draft.added,
        notes=draft.notes,
        summary=inventory.difference(before, draft.chain),
        parts=inventory.parts(draft.chain),
    )
