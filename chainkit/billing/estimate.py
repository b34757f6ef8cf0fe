"""A bill of what is typed in: a month's use of AWS services, without a chain."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainkit.billing.account import FreeTier, charged, doubtful, used_for
from chainkit.billing.bill import Bill, priced_month, require
from chainkit.billing.prices import Prices
from chainkit.errors import ConfigError
from chainkit.units import HOURS_PER_MONTH
from chainkit.use import Use


def estimate(
    uses: Mapping[str, Use | Sequence[Use]],
    *,
    region: str = "us-east-1",
    free_tier: FreeTier = False,
    hours_per_month: float = HOURS_PER_MONTH,
    requests_per_month: float = 0.0,
    price_book: Prices | None = None,
    name: str = "estimate",
) -> Bill:
    """Return what a month costs, of what is said to be used in it.

    All of it is one account's: tiers and free parts are shared by everything that is given here, so give several
    chains in one call.

    Parameters
    ----------
    uses : name -> one use, or several
        Names are the nodes of the bill; a use is `ck.LambdaUse`, `ck.SqsUse` and so on (chainkit/uses/).
    region : AWS region code, whose list prices are taken
    free_tier : whether the account's free part of each month is taken off
        A list takes it off those prices alone: ["lambda-gb-s"], by their pool or key.
    hours_per_month : above 0
        How long the month is: 730 as AWS's calculator takes it, 720 for 30 days, 744 for 31.
    requests_per_month : 0 or more
        For the price of a million requests; they change nothing else.
    price_book : prices to use instead of the region's list prices
    name : what the bill is called

    Raises
    ------
    PriceMissingError
        If the region has no prices, or something is used that has no price there.
    ConfigError
        If something given is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> app = ck.LambdaUse(requests=3e6, duration_ms=120, memory_mb=1536)
    >>> print(ck.estimate({"app": app}, free_tier=True))
    estimate in us-east-1: a month of 730 hours, with the free tier
    node   what                               quantity       free  unit     USD a month
    app    requests                          3,000,000  1,000,000  request        $0.40
    app    run time, 120 ms each at 1536 MB    540,000    400,000  GB-s           $2.33
    total                                                                         $2.73
    """
    require("estimate", "requests_per_month", requests_per_month)
    given = _given(uses)
    book, free, hours = priced_month("estimate", region, free_tier, price_book, hours_per_month)
    used = [
        used_for(node, each, each.quantity)
        for node, parts in given.items()
        for part in parts
        for each in part.quantities(hours)
    ]
    lines = tuple(charged(used, book, free_tier=free))
    return Bill(
        chain=name,
        region=book.region,
        requests_per_month=float(requests_per_month),
        hours_per_month=hours,
        free_tier=free,
        nodes=tuple(given),
        lines=lines,
        notes=tuple(doubtful(lines)),
    )


def _given(uses: Any) -> dict[str, tuple[Use, ...]]:
    """Return the uses of each name, after checking that they are."""
    example = 'write {"app": ck.LambdaUse(requests=3e6, duration_ms=120)}'
    if not isinstance(uses, Mapping):
        raise ConfigError(f"estimate: uses={uses!r} is no mapping of names to uses", fix=example)
    given: dict[str, tuple[Use, ...]] = {}
    for name, parts in uses.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"estimate: {name!r} is no name", fix=example)
        given[name] = (parts,) if isinstance(parts, Use) else tuple(parts) if isinstance(parts, list | tuple) else ()
        wrong = [part for part in given[name] if not isinstance(part, Use)]
        if wrong or not isinstance(parts, Use | list | tuple):
            raise ConfigError(f"estimate: {name!r}: {wrong[0] if wrong else parts!r} is no use", fix=example)
    return given
