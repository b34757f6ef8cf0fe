"""What an account used in a month x prices = the lines of a bill.

AWS meters the account, not the function: quantities are added up per price over everything that was used, freed of the
free tier if that is asked for, and put through the tiers; each line then has its share, in proportion to its quantity.
Tiers and free parts taken line by line would be granted many times over.

Assumed, since AWS does not say: the free part comes off before the tiers begin, and prices that share one free part
share it in proportion to their quantities.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainkit.billing.prices import CONFIDENCE, Charge, Price, Prices, Tier
from chainkit.errors import ConfigError, PriceMissingError, nearest
from chainkit.units import plain, to_the_cent, usd
from chainkit.use import Quantity

LOW_CONFIDENCE = "CD"
Key = tuple[str | float | None, ...]
"""A price: its key in the book, and what a use says itself that prices itself."""
FreeTier = bool | Collection[str]
"""Whether the free part of each month is taken off; or of which prices alone, by their keys or pools."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """How much of one price one node used in the month."""

    node: str
    what: str
    """What is paid for."""
    price: str
    quantity: float
    counted: str = ""
    """Where the quantity comes from, if it was not given as it is."""
    depends_on_rate: bool = False
    usd_per_unit: float | None = None
    """Instead of the price book's price."""
    unit: str = ""
    """Of such a price."""
    source: str = "given by the user"
    """Who says it."""

    @property
    def key(self) -> Key:
        """What is added up with this."""
        return self.price, self.usd_per_unit, self.unit, self.source


@dataclass(frozen=True, kw_only=True)
class BillLine:
    """What one meter of one node costs in a month."""

    node: str
    what: str
    """What is paid for."""
    price: str
    """Key in the price book."""
    quantity: float
    """Of the month, in `unit`, free part included."""
    unit: str
    free: float
    """How much of `quantity` the free tier takes off."""
    tiers: tuple[Charge, ...]
    """The rest of `quantity`, tier by tier."""
    counted: str
    """From what was counted to the quantity; "" where it was given as it is."""
    depends_on_rate: bool
    """Whether the quantity is no simple multiple of the requests: cold starts, batches, polls."""
    list_price: Price
    """The price itself, with all its tiers."""

    @property
    def usd(self) -> float:
        """Cost of the month, USD: the sum of its tiers."""
        return math.fsum(charge.usd for charge in self.tiers)

    @property
    def rounded_usd(self) -> float:
        """Cost as an invoice prints it, USD: to the cent, half a cent up."""
        return to_the_cent(self.usd)

    @property
    def source(self) -> str:
        """Who says the price."""
        return self.list_price.source

    @property
    def date(self) -> str:
        """Year, or year and month, of which the price's source speaks."""
        return self.list_price.date

    @property
    def confidence(self) -> str:
        """Of the price, A to D; U is the user's own."""
        return self.list_price.confidence

    @property
    def arithmetic(self) -> str:
        """How the dollars are made of the quantity."""
        taken = f"{count(self.quantity)} - {count(self.free)} free; " if self.free else ""
        sums = " + ".join(f"{count(charge.quantity)} x ${plain(charge.usd_per_unit)}" for charge in self.tiers)
        return f"{taken}{sums} per {self.unit} = {usd(self.usd)}"

    @property
    def why(self) -> str:
        """From what was counted to the dollars, as a sentence."""
        return f"{self.what}: {self.arithmetic}" + (f" ({self.counted})" if self.counted else "")


def charged(used: Sequence[Used], book: Prices, *, free_tier: FreeTier) -> Iterator[BillLine]:
    """Yield the line of everything that was used, all of it in one account and month.

    Parameters
    ----------
    used : quantities above 0
    book : the prices
    free_tier : whether the free part of each price is taken off, or the keys or pools of those of which it is

    Raises
    ------
    PriceMissingError
        If something was used that has no price in this region; the text says by what.

    Examples
    --------
    >>> from chainkit.billing.prices import price_book
    >>> (line,) = charged(
    ...     [Used(node="app", what="requests", price="lambda-requests", quantity=3e6)],
    ...     price_book("us-east-1"),
    ...     free_tier=True,
    ... )
    >>> line.why
    'requests: 3,000,000 - 1,000,000 free; 2,000,000 x $0.0000002 per request = $0.40'
    """
    priced = {each.key: _price(book, each) for each in used}
    totals = {key: math.fsum(each.quantity for each in used if each.key == key) for key in priced}
    free = _free_parts(priced, totals, free_tier)
    charges = {key: price.charges(totals[key] - free[key]) for key, price in priced.items()}
    for each in used:
        share = each.quantity / totals[each.key]
        yield BillLine(
            node=each.node,
            what=each.what,
            price=each.price,
            quantity=each.quantity,
            unit=priced[each.key].unit,
            free=share * free[each.key],
            tiers=tuple(Charge(share * charge.quantity, charge.usd_per_unit) for charge in charges[each.key]),
            counted=each.counted,
            depends_on_rate=each.depends_on_rate,
            list_price=priced[each.key],
        )


def doubtful(lines: Sequence[BillLine]) -> Iterator[str]:
    """Yield a note for each price of low confidence."""
    for key, price in {line.price: line.list_price for line in lines}.items():
        if price.confidence in LOW_CONFIDENCE:
            yield f"price {key} has confidence {price.confidence}: {CONFIDENCE[price.confidence]}"


def is_freed(price: Price, free_tier: FreeTier) -> bool:
    """Tell whether the free part of a price is taken off."""
    return free_tier if isinstance(free_tier, bool) else price.key in free_tier or price.free_pool in free_tier


def _price(book: Prices, used: Used) -> Price:
    """Return the price of what was used, or say what was used that has none."""
    if used.usd_per_unit is not None:
        tiers = (Tier(math.inf, used.usd_per_unit),)
        return Price(key=used.price, unit=used.unit, tiers=tiers, source=used.source)
    try:
        return book.price(used.price)
    except PriceMissingError as error:
        raise PriceMissingError(f"bill: {used.node!r}: {used.what}: {error.problem}", fix=error.fix) from None


def used_for(node: str, counted: Quantity, quantity: float, how: str = "") -> Used:
    """Return what a use counts as a node's share of the account; `quantity` is the month's."""
    return Used(
        node=node,
        what=counted.what,
        price=counted.price,
        quantity=quantity,
        counted=how,
        usd_per_unit=counted.usd_per_unit,
        unit=counted.unit,
        source=counted.source,
    )


def settled(who: str, free_tier: object, book: Prices) -> bool | tuple[str, ...]:
    """Return what of the free tier is taken off, after checking it.

    Raises
    ------
    ConfigError
        If it is neither yes nor no nor names of prices with a free part; `who` is the verb.
    """
    if isinstance(free_tier, bool):
        return free_tier
    keys = {key for key, each in book.by_key.items() if each.free_per_month}
    pools = {book.by_key[key].free_pool or key for key in keys}
    named = tuple(free_tier) if isinstance(free_tier, list | tuple | set | frozenset) else None
    unknown = [name for name in named or () if name not in keys | pools]
    if named is None or unknown:
        raise ConfigError(
            f"{who}: free_tier={free_tier!r} is neither True nor False nor a list of prices with a free part"
            f"{nearest(unknown[0] if unknown else free_tier, pools)}",
            fix=f"give True, False or a list of some of {', '.join(sorted(pools))}",
        )
    return named


def _free_parts(priced: Mapping[Key, Price], totals: Mapping[Key, float], free_tier: FreeTier) -> dict[Key, float]:
    """Return how much of each price's quantity is free."""
    pool_of = {key: price.free_pool or price.key for key, price in priced.items()}
    free = dict.fromkeys(priced, 0.0)
    for key, price in priced.items():
        if not is_freed(price, free_tier):
            continue
        pool = math.fsum(totals[other] for other in priced if pool_of[other] == pool_of[key])
        free[key] = min(price.free_per_month * (totals[key] / pool), totals[key])
    return free


# --- words ---


def count(quantity: float) -> str:
    """Return a quantity for people: whole from a thousand up, four figures below.

    >>> count(3e6), count(14.305), count(0.5)
    ('3,000,000', '14.3', '0.5')
    """
    return f"{quantity:,.0f}" if quantity >= 1000 or quantity == int(quantity) else f"{quantity:.4g}"
