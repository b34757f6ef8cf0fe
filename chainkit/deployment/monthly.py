"""What a plan costs a month: the bill beside the changes, and the ceiling that a target was given."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from chainkit.chain import Chain
from chainkit.deployment.targets import Target
from chainkit.errors import ConfigError
from chainkit.units import usd

if TYPE_CHECKING:
    from chainkit.billing.bill import Bill

_HOW = "ck.plan(chain, target, bill=ck.bill(chain, ck.simulate(chain, load, requests=...), requests_per_month=...))"


def require_affordable(chain: Chain, target: Target, bill: "Bill | None") -> None:
    """Refuse a bill that is not this chain's, and a chain that costs more than the target allows.

    Raises
    ------
    ConfigError
        With the ceiling, the estimate and its three dearest lines; or how to make a bill where there is none.
    """
    if bill is not None:
        _require_own(chain, bill)
    if target.ceiling_usd is None:
        return
    if bill is None:
        raise ConfigError(
            f"plan for {chain.name!r}: ceiling_usd={target.ceiling_usd:g} needs to know what a month costs",
            fix=_HOW,
        )
    if bill.total_usd > target.ceiling_usd:
        dear = sorted(bill.lines, key=lambda line: -line.usd)[:3]
        lines = "; ".join(f"{line.node}, {line.what}: {usd(line.usd)}" for line in dear)
        raise ConfigError(
            f"plan for {chain.name!r}: a month costs {usd(bill.total_usd)}, and ceiling_usd is "
            f"{usd(target.ceiling_usd)}. The dearest: {lines}",
            fix="make the design cheaper (ck.right_size), or allow more with ceiling_usd=",
        )


def by_resource(chain: Chain, bill: "Bill | None") -> dict[str, float]:
    """Return what the services of a chain cost a month, USD, by the logical id of each one's main resource."""
    if bill is None:
        return {}
    by_node: Mapping[str, float] = bill.node_usd()
    return {service.id: by_node.get(name, 0.0) for name, service in chain.services.items()}


def _require_own(chain: Chain, bill: "Bill") -> None:
    """Refuse a bill of another chain, or of this one as it was before its settings were changed."""
    from chainkit.billing.bill import Bill

    if not isinstance(bill, Bill):
        raise ConfigError(f"plan: bill={bill!r} is no bill", fix=_HOW)
    asked, billed = (chain.name, chain.region, (*chain.services, *chain.costs)), (bill.chain, bill.region, bill.nodes)
    if asked != billed:
        raise ConfigError(
            f"plan for {chain.name!r} in {chain.region}: the bill is that of {bill.chain!r} in {bill.region} with "
            f"{', '.join(bill.nodes)}",
            fix=_HOW,
        )
    if stale := [f"{line.node}: {line.what}" for line in bill.lines if not _is_counted(chain, line.node, line.what)]:
        raise ConfigError(
            f"plan for {chain.name!r}: the bill was made before the design was changed: {stale[0]}",
            fix="simulate and bill the design as it is now",
        )


def _is_counted(chain: Chain, node: str, what: str) -> bool:
    """Tell whether a line of a bill is of something that the chain, as it is, counts."""
    return node not in chain.services or what in _counted(chain, node)


def _counted(chain: Chain, node: str) -> Iterator[str]:
    """Yield what is counted of a service, its outgoing links included."""
    yield from (meter.why for meter in chain.service(node).meters())
    yield from (meter.why for _, link in chain.outgoing(node) for meter in link.meters())
