"""The price book: what one unit costs, in which tier, and who says so.

Prices are read from `data/prices/<region>.json`, and files of the user's own before them, and checked there and then: a
price that is wrong is found before money is computed with it. Quantities are those of one month and one account, in the
price's own unit.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import pairwise
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from chainkit import data
from chainkit.errors import ConfigError, PriceMissingError, nearest
from chainkit.units import plain

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

CONFIDENCE = {
    "A": "read in a copy of the official price list",
    "B": "read in a copy of an AWS page",
    "C": "told by a third party who names the page",
    "D": "from memory: verify before use",
    "U": "given by the user",
}


@dataclass(frozen=True)
class Tier:
    """A price that holds up to a quantity of the month; infinity ends the last tier."""

    up_to: float
    usd: float
    """USD per unit."""


@dataclass(frozen=True)
class Charge:
    """A quantity at one unit price: the smallest part of a bill."""

    quantity: float
    usd_per_unit: float

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.quantity * self.usd_per_unit


@dataclass(frozen=True, kw_only=True)
class Price:
    """One list price, with its tiers and its source.

    Raises
    ------
    ConfigError
        If a tier ends below the one before, gets dearer or is negative, or a word is missing.

    Examples
    --------
    >>> gold = Price(key="gold", unit="ounce", tiers=(Tier(2.0, 10.0), Tier(math.inf, 8.0)))
    >>> gold.usd(1.5), gold.usd(3)
    (15.0, 28.0)
    """

    key: str
    unit: str
    tiers: tuple[Tier, ...]
    free_per_month: float = 0.0
    """Units of a month that the free tier takes off."""
    free_pool: str | None = None
    """Prices that name the same pool share one free part; None: the free part is this price's own."""
    source: str = "given by the user"
    date: str = ""
    """Year, or year and month, of which the source speaks."""
    confidence: str = "U"
    """A key of `CONFIDENCE`."""
    note: str = ""

    def __post_init__(self) -> None:
        for problem, fix in self._problems():
            raise ConfigError(f"price {self.key!r}: {problem}", fix=fix)

    def _problems(self) -> Iterable[tuple[str, str]]:
        """Yield what is wrong, and what to do."""
        for name in ("key", "unit", "source"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                yield f"{name}={getattr(self, name)!r} is no text", f"say the {name} in words"
        if self.confidence not in CONFIDENCE:
            words = "; ".join(f"{letter} {meaning}" for letter, meaning in CONFIDENCE.items())
            yield f"confidence={self.confidence!r} is unknown; allowed: {', '.join(CONFIDENCE)}", words
        if not _is_amount(self.free_per_month):
            yield f"free_per_month={self.free_per_month!r} is no quantity", f"give 0 or more {self.unit}s"
        ends = [tier.up_to for tier in self.tiers]
        usd = [tier.usd for tier in self.tiers]
        if not ends or ends[-1] != math.inf or not all(_is_amount(end) for end in ends[:-1]):
            yield f"tiers end at {ends}; the last has no end and the others are quantities", "end with up_to null"
        elif any(low >= high for low, high in pairwise([0.0, *ends])):
            yield f"tiers end at {ends}, which do not rise from above 0", "order the tiers by up_to"
        if not all(_is_amount(each) for each in usd):
            yield f"usd={usd} is no list of amounts, 0 or more", "give USD per unit"
        # A first tier at no cost would be deducted with free_tier=False too.
        elif any(low < high for low, high in pairwise(usd)):
            yield f"usd={usd} gets dearer", "let later tiers cost less; a free part belongs in free_per_month"

    def charges(self, quantity: float) -> tuple[Charge, ...]:
        """Return how much of a month's `quantity` (0 or more, free part taken off) falls in each tier it reaches.

        >>> Price(key="gold", unit="ounce", tiers=(Tier(2.0, 10.0), Tier(math.inf, 8.0))).charges(3)
        (Charge(quantity=2.0, usd_per_unit=10.0), Charge(quantity=1.0, usd_per_unit=8.0))
        """
        reached: list[Charge] = []
        low = 0.0
        for tier in self.tiers:
            if quantity > low or not reached:
                reached.append(Charge(min(quantity, tier.up_to) - low, tier.usd))
            low = tier.up_to
        return tuple(reached)

    def usd(self, quantity: float) -> float:
        """Return what a month's `quantity` (0 or more, free part taken off) costs, in USD."""
        return math.fsum(charge.usd for charge in self.charges(quantity))

    def tiers_text(self) -> str:
        """Return the USD per unit, tier by tier, for people.

        >>> Price(key="gold", unit="ounce", tiers=(Tier(2000.0, 10.0), Tier(math.inf, 8.5))).tiers_text()
        '10 to 2,000; 8.5 above'
        """
        *lower, last = self.tiers
        parts = [f"{plain(tier.usd)} to {tier.up_to:,.0f}" for tier in lower]
        return "; ".join([*parts, plain(last.usd) + (" above" if lower else "")])


@dataclass(frozen=True, repr=False)
class Prices:
    """The prices of one region.

    Raises
    ------
    ConfigError
        If prices that share a free pool differ on its size.
    """

    region: str
    checked: str
    """Day on which the prices were last compared with their sources."""
    by_key: Mapping[str, Price] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", MappingProxyType(dict(self.by_key)))
        pools: dict[str, Price] = {}
        for price in self.by_key.values():
            if price.free_pool is None:
                continue
            first = pools.setdefault(price.free_pool, price)
            if first.free_per_month != price.free_per_month:
                raise ConfigError(
                    f"prices of {self.region}: free_pool={price.free_pool!r} is {first.free_per_month:,} for"
                    f" {first.key!r} and {price.free_per_month:,} for {price.key!r}; it is one part for all",
                    fix="give both the same free_per_month, or different pools",
                )

    def price(self, key: str) -> Price:
        """Return one price.

        Raises
        ------
        PriceMissingError
            If this region has no such price; the text lists the regions that have one.

        Examples
        --------
        >>> price_book("us-east-1").price("lambda-requests").usd(3e6)
        0.6
        """
        if key in self.by_key:
            return self.by_key[key]
        here = f"prices: price={key!r} is not among the {len(self.by_key)} prices of region {self.region!r}"
        if elsewhere := [region for region, _ in _with_key(key)]:
            raise PriceMissingError(
                f"{here}; it is known in {', '.join(elsewhere)}",
                fix=f"chainkit prices refresh --region {self.region} reads it from AWS's list; or say it yourself:"
                f" price_book=ck.price_book({self.region!r}).with_price({key!r}, usd). It is not taken as zero",
            )
        raise PriceMissingError(
            f"{here}{nearest(key, self.by_key)}",
            fix=f"add it to data/prices/{self.region}.json with its source; a missing price is not taken as zero",
        )

    def with_price(
        self, key: str, usd: float | Sequence[tuple[float, float]], *, source: str = "given by the user"
    ) -> Self:
        """Return a copy in which one price is your own, its free part as before.

        A price that this region lacks takes its unit and its free part from a region that has it.

        Parameters
        ----------
        key : of a price that some region has
        usd : USD per unit, 0 or more, at any quantity; or tiers of a month
            A tier is (up to this quantity, USD per unit), and the last is up to `math.inf`.
        source : whose price it is: a contract, an older list

        Raises
        ------
        PriceMissingError
            If no region has such a price.
        ConfigError
            If `usd` is no amount and no such tiers.

        Examples
        --------
        >>> price_book("us-east-1").with_price("lambda-gb-s-x86", 0.00001667).price("lambda-gb-s-x86").usd(1e6)
        16.67
        >>> tiers = [(3.6e6, 0.06 / 3600), (18e6, 0.03 / 3600), (math.inf, 0.01642 / 3600)]
        >>> by_the_hour = price_book("us-east-1").with_price("stepfunctions-express-gb-s", tiers)
        >>> round(by_the_hour.price("stepfunctions-express-gb-s").usd(62.5e6), 2)
        382.97
        """
        pattern = self.by_key.get(key) or next((price for _, price in _with_key(key)), None) or self.price(key)
        own = replace(pattern, tiers=_own_tiers(key, usd), source=source, date="", confidence="U", note="")
        return replace(self, by_key={**self.by_key, key: own})

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per price: the USD per unit of its first tier, all its tiers, its free part and its source.

        Examples
        --------
        >>> price_book("us-east-1").to_frame().set_index("key").tiers["http-api-requests"]
        '0.000001 to 300,000,000; 0.0000009 above'
        """
        import pandas as pd

        columns = ["key", "unit", "usd", "tiers", "free", "source", "date", "confidence", "note"]
        rows = [
            (each.key, each.unit, each.tiers[0].usd, each.tiers_text(), each.free_per_month, each.source, each.date,
             each.confidence, each.note)
            for each in self.by_key.values()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        """Return the book in a word."""
        return f"Prices({self.region!r}, {len(self.by_key)} prices, checked {self.checked})"


def price_book(region: str) -> Prices:
    """Return the list prices of one region, checked.

    Parameters
    ----------
    region : AWS region code

    Raises
    ------
    PriceMissingError
        If there is no price file of this region; the text names those that exist.
    ConfigError
        If the file breaks a rule that `Price` and `Prices` hold.

    Examples
    --------
    >>> price_book("us-east-1").price("sqs-standard-requests").free_pool
    'sqs-requests'
    """
    return _read(region, data.price_files(region))


@lru_cache(maxsize=128)
def _read(region: str, files: "tuple[tuple[Path, int], ...]") -> Prices:
    """Return the book of one state of the files: it cannot be changed, so all may share it."""
    table = data.prices(region)
    return Prices(region, table["checked"], {key: from_entry(key, entry) for key, entry in table["prices"].items()})


def _with_key(key: str) -> Iterator[tuple[str, Price]]:
    """Yield the regions that have a price, and the price there; the one with the most prices first."""
    books = [price_book(region) for region in data.price_regions()]
    for book in sorted(books, key=lambda book: -len(book.by_key)):
        if key in book.by_key:
            yield book.region, book.by_key[key]


def from_entry(key: str, entry: Mapping[str, Any]) -> Price:
    """Return the price that one entry of a price file describes.

    Raises
    ------
    ConfigError
        If a field is missing or unknown, or a value is refused.

    Examples
    --------
    >>> from_entry("gold", {"unit": "ounce"})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    chainkit.errors.ConfigError: price 'gold': its fields are unit ...
    """
    expected = {each.name for each in fields(Price)} - {"key"}
    tiers = entry.get("tiers", [])
    if set(entry) != expected or any(set(tier) != {"up_to", "usd"} for tier in tiers):
        raise ConfigError(
            f"price {key!r}: its fields are {', '.join(sorted(entry))}; allowed are exactly"
            f" {', '.join(sorted(expected))}, and in a tier up_to, usd",
            fix="write the entry after its neighbours in data/prices/",
        )
    rising = tuple(Tier(math.inf if tier["up_to"] is None else tier["up_to"], tier["usd"]) for tier in tiers)
    return Price(key=key, **{**entry, "tiers": rising})


def _own_tiers(key: str, usd: Any) -> tuple[Tier, ...]:
    """Return the tiers that a user gives; `Price` checks what they say."""
    if not isinstance(usd, list | tuple):
        return (Tier(math.inf, usd),)
    if not all(isinstance(tier, list | tuple) and len(tier) == 2 for tier in usd):
        raise ConfigError(f"price {key!r}: usd={usd!r} are no tiers", fix="write pairs: [(1e6, 0.5), (math.inf, 0.4)]")
    return tuple(Tier(up_to, each) for up_to, each in usd)


def _is_amount(value: Any) -> bool:
    """Tell whether `value` is a finite number, 0 or more."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf
