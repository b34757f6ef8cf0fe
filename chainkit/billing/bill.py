"""Usage x prices = a bill.

Quantities are brought to a month, added up per price over the whole account, freed of the free tier if that is asked
for, and put through the tiers; each line then has its share, in proportion to its quantity. AWS meters the account, not
the function: tiers and free parts taken line by line would be granted many times over.

Assumed, since AWS does not say: the free part comes off before the tiers begin, and prices that share one free part
share it in proportion to their quantities.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

from chainkit.billing.prices import CONFIDENCE, Charge, Price, Prices
from chainkit.billing.prices import price_book as list_prices
from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, PriceMissingError, nearest
from chainkit.records import Usage, UsageLine
from chainkit.units import HOURS_PER_MONTH, usd

if TYPE_CHECKING:
    import pandas as pd

# Cold starts and batches: more requests share a warm environment, or one receive. They do not grow with the requests.
_UNEVEN_COUNTERS = {"init_ms", "receives", "deletes"}
_RATE_TOLERANCE = 0.1
_LOW_CONFIDENCE = "CD"


class HasUsage(Protocol):
    """Whatever says what it used: a run, a measurement."""

    @property
    def usage(self) -> Usage:
        """What was used."""


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
    why: str
    """From what was counted to the dollars, as a sentence."""
    depends_on_rate: bool
    """Whether the quantity is no simple multiple of the requests: cold starts, batches, polls."""
    source: str
    date: str
    """Year, or year and month, of which the price's source speaks."""
    confidence: str
    """Of the price, A to D; U is the user's own."""

    @property
    def usd(self) -> float:
        """Cost of the month, USD: the sum of its tiers."""
        return math.fsum(charge.usd for charge in self.tiers)


@dataclass(frozen=True, kw_only=True, repr=False)
class Bill:
    """What a chain costs in a month. A meter that counted nothing has no line."""

    chain: str
    region: str
    requests_per_month: float
    free_tier: bool
    nodes: tuple[str, ...]
    """Services of the chain, in its order."""
    lines: tuple[BillLine, ...]
    notes: tuple[str, ...]
    """What to know before believing the figures."""

    @property
    def total_usd(self) -> float:
        """Cost of the month, USD: the sum of the lines."""
        return math.fsum(line.usd for line in self.lines)

    @property
    def usd_per_million(self) -> float:
        """Cost of a million requests at this month's volume, USD; NaN for a month without requests."""
        return self.total_usd / self.requests_per_month * 1e6 if self.requests_per_month else math.nan

    def node_usd(self) -> dict[str, float]:
        """Return the cost of the month per service, in USD; 0 where nothing is billed."""
        return {name: math.fsum(line.usd for line in self.lines if line.node == name) for name in self.nodes}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per line, with its cost in USD and where that comes from."""
        import pandas as pd

        columns = (
            "node", "what", "price", "quantity", "unit", "free", "usd", "depends_on_rate", "why", "source", "date",
            "confidence",
        )  # fmt: skip
        return pd.DataFrame([{name: getattr(line, name) for name in columns} for line in self.lines], columns=columns)

    def __repr__(self) -> str:
        """Return the bill in a word: stable, so that notebooks can be compared."""
        return f"Bill({self.chain!r}, {usd(self.total_usd)} a month, {len(self.lines)} lines)"

    def __str__(self) -> str:
        """Return the bill as a table, notes below."""
        rows = [("node", "what", "quantity", "free", "unit", "USD a month")]
        rows += [(x.node, x.what, _count(x.quantity), _count(x.free), x.unit, usd(x.usd)) for x in self.lines]
        rows.append(("total", "", "", "", "", usd(self.total_usd)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<>><>", widths, strict=True))
        table = [cells.format(*row) for row in rows]
        tier = "with the free tier" if self.free_tier else "without free tier"
        head = f"{self.chain} in {self.region}: {_count(self.requests_per_month)} requests a month, {tier}"
        per_million = [f"{usd(self.usd_per_million)} per million requests"] if self.requests_per_month else []
        return "\n".join([head, *table, *per_million, *(f"note: {note}" for note in self.notes)])


@dataclass(frozen=True)
class _Month:
    """How a usage becomes a month's."""

    usage: Usage
    requests: float
    """Of the month."""

    @property
    def hour_scale(self) -> float:
        return HOURS_PER_MONTH / self.usage.hours

    @property
    def request_scale(self) -> float:
        return self.requests / self.usage.requests if self.usage.requests else 0.0

    def quantity(self, line: UsageLine) -> float:
        """Return a line's quantity in the month."""
        return line.quantity * (self.hour_scale if line.meter.per == "hour" else self.request_scale)

    def counted(self, line: UsageLine) -> str:
        """Return what was counted, if the month is not the usage itself."""
        over, scale = f"{_count(self.usage.requests)} requests", self.request_scale
        if line.meter.per == "hour":
            over, scale = f"{_count(self.usage.hours)} hours", self.hour_scale
        return "" if scale == 1 else f" (counted {_count(line.quantity)} over {over}, times {scale:.6g})"

    def differs(self) -> bool:
        """Tell whether the month's rate is another than the one that was counted at."""
        return bool(self.usage.requests) and abs(self.request_scale / self.hour_scale - 1) > _RATE_TOLERANCE


def bill(
    chain: Chain,
    run: Usage | HasUsage,
    *,
    requests_per_month: float | None = None,
    free_tier: bool = False,
    price_book: Prices | None = None,
) -> Bill:
    """Return what a month costs.

    Parameters
    ----------
    chain : gives region and services; a variant gives its own
    run : a run, or anything else with a `usage`, or a `Usage` itself
    requests_per_month : 0 or more
        What is counted per request is scaled to these, what is counted per hour to the 730 hours of a month. None: the
        month goes on at the rate of the run.
    free_tier : whether the account's free part of each month is taken off
    price_book : prices to use instead of the region's list prices

    Raises
    ------
    PriceMissingError
        If the region has no prices, or something was used that has no price there.
    ConfigError
        If the usage is not this chain's, or something given is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> pay = chain.add(ck.LambdaFunction("pay", memory_mb=1536))
    >>> usage = usage_of(chain, {"pay": {"invocations": 3e6, "run_ms": 3e6 * 120}}, requests=3e6)
    >>> print(bill(chain, usage, free_tier=True))
    shop in us-east-1: 3,000,000 requests a month, with the free tier
    node   what                             quantity       free  unit     USD a month
    pay    invocations, retries included   3,000,000  1,000,000  request        $0.40
    pay    run time at 1536 MB, by the ms    540,000    400,000  GB-s           $2.33
    total                                                                       $2.73
    $0.91 per million requests
    """
    chain = as_chain(chain, "bill")
    usage = run if isinstance(run, Usage) else getattr(run, "usage", None)
    if not isinstance(usage, Usage):
        raise ConfigError(f"bill: run={run!r} has no usage", fix="give a run of ck.simulate, or a Usage")
    if not isinstance(free_tier, bool):
        raise ConfigError(f"bill: free_tier={free_tier!r} is neither True nor False", fix="give one of the two")
    if not isinstance(price_book, Prices | None):
        raise ConfigError(f"bill: price_book={price_book!r} is no price book", fix="give a ck.price_book(region)")
    month = _month(chain, usage, requests_per_month)
    book = list_prices(chain.region) if price_book is None else price_book
    lines = tuple(_lines(chain, month, book, free_tier))
    return Bill(
        chain=chain.name,
        region=book.region,
        requests_per_month=month.requests,
        free_tier=free_tier,
        nodes=tuple(chain.services),
        lines=lines,
        notes=tuple(_notes(chain, month, book, lines)),
    )


def usage_of(
    chain: Chain,
    counts: Mapping[str, Mapping[str, float]],
    *,
    requests: float,
    hours: float = HOURS_PER_MONTH,
) -> Usage:
    """Return usage that is typed in rather than simulated or measured.

    Parameters
    ----------
    chain : whose services were used
    counts : service name -> counter -> 0 or more
        Counters that are not named are 0; what time alone costs is counted by `hours`. The counters of a service are
        those of its `meters()`, and an unknown one is answered with their names.
    requests : 0 or more
        How many requests used it.
    hours : above 0
        In how many hours.

    Raises
    ------
    WiringError
        If the chain has no service of a name.
    ConfigError
        If a service has no such counter, or a number is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> usage = usage_of(chain, {"jobs": {"sends": 1e6, "receives": 4e5, "deletes": 4e5}}, requests=1e6)
    >>> round(bill(chain, usage).total_usd, 9)
    0.72
    """
    chain = as_chain(chain, "usage_of")
    _require_mapping("usage_of: counts", counts)
    for name, given in counts.items():
        _require_mapping(f"usage of {name!r}", given)
        known = [meter.counter for meter in chain.service(name).meters() if meter.counter != "hours"]
        for counter, value in given.items():
            if counter not in known:
                raise ConfigError(
                    f"usage of {name!r}: counter {counter!r} is unknown{nearest(counter, known)}",
                    fix=f"its counters: {', '.join(dict.fromkeys(known)) or 'none'}",
                )
            _require(f"usage of {name!r}", counter, value)
    _require("usage", "requests", requests)
    _require("usage", "hours", hours, above_zero=True)
    lines = [
        UsageLine(name, meter, meter.factor * {"hours": hours, **counts.get(name, {})}.get(meter.counter, 0.0))
        for name, service in chain.services.items()
        for meter in service.meters()
    ]
    lines += [
        UsageLine(link.source, meter, meter.factor * hours) for link in chain.links.values() for meter in link.meters()
    ]
    return Usage(lines=tuple(lines), requests=float(requests), hours=float(hours), region=chain.region)


# --- from usage to lines ---


def _month(chain: Chain, usage: Usage, requests_per_month: float | None) -> _Month:
    """Return the month, after checking the usage."""
    _require("usage", "requests", usage.requests)
    _require("usage", "hours", usage.hours, above_zero=True)
    for line in usage.lines:
        if line.node not in chain.services:
            raise ConfigError(
                f"bill: the usage is of a service {line.node!r}, which chain {chain.name!r} does not have"
                f"{nearest(line.node, chain.services)}",
                fix="bill the chain that was run, or run this one",
            )
        _require(f"usage of {line.node!r}", line.meter.counter, line.quantity)
        if line.quantity and not usage.requests and line.meter.per == "request":
            raise ConfigError(
                f"usage of {line.node!r}: {line.meter.counter} is counted per request, and requests={usage.requests!r}",
                fix="say how many requests used it",
            )
    if requests_per_month is None:
        return _Month(usage, usage.requests * (HOURS_PER_MONTH / usage.hours))
    _require("bill", "requests_per_month", requests_per_month)
    return _Month(usage, float(requests_per_month))


def _lines(chain: Chain, month: _Month, book: Prices, free_tier: bool) -> Iterator[BillLine]:
    """Yield the line of each meter that counted something."""
    used = [(line, quantity) for line in month.usage.lines if (quantity := month.quantity(line))]
    priced = {line.meter.price: _price(book, line) for line, _ in used}
    totals = {key: math.fsum(quantity for line, quantity in used if line.meter.price == key) for key in priced}
    free = _free_parts(priced, totals) if free_tier else dict.fromkeys(priced, 0.0)
    charges = {key: price.charges(totals[key] - free[key]) for key, price in priced.items()}
    polled = {link.target for link in chain.links.values() if link.kind == "poll"}
    for line, quantity in used:
        key = line.meter.price
        share = quantity / totals[key]
        tiers = tuple(Charge(share * charge.quantity, charge.usd_per_unit) for charge in charges[key])
        price, deducted = priced[key], share * free[key]
        yield BillLine(
            node=line.node,
            what=line.meter.why,
            price=key,
            quantity=quantity,
            unit=price.unit,
            free=deducted,
            tiers=tiers,
            why=f"{line.meter.why}: {_arithmetic(quantity, deducted, tiers, price.unit)}{month.counted(line)}",
            depends_on_rate=_depends_on_rate(line, polled),
            source=price.source,
            date=price.date,
            confidence=price.confidence,
        )


def _price(book: Prices, line: UsageLine) -> Price:
    """Return the price of a line, or say what was used that has none."""
    try:
        return book.price(line.meter.price)
    except PriceMissingError as error:
        what = f"{line.node!r}: {line.meter.counter} ({line.meter.why})"
        raise PriceMissingError(f"bill: {what}: {error.problem}", fix=error.fix) from None


def _free_parts(priced: Mapping[str, Price], totals: Mapping[str, float]) -> dict[str, float]:
    """Return how much of each price's quantity is free."""
    pool_of = {key: price.free_pool or key for key, price in priced.items()}
    free = {}
    for key, price in priced.items():
        pool = math.fsum(totals[other] for other in priced if pool_of[other] == pool_of[key])
        share = totals[key] / pool
        free[key] = min(price.free_per_month * share, totals[key])
    return free


def _depends_on_rate(line: UsageLine, polled: set[str]) -> bool:
    """Tell whether a quantity changes with the rate of requests other than in proportion."""
    if line.meter.per == "hour":
        return line.meter.counter != "hours"
    # A polled function runs once for a batch, and batches fill up as the rate rises.
    return line.meter.counter in _UNEVEN_COUNTERS or line.node in polled


def _notes(chain: Chain, month: _Month, book: Prices, lines: tuple[BillLine, ...]) -> Iterator[str]:
    """Yield what to know before believing the figures."""
    uneven = [f"{line.node} ({line.what})" for line in lines if line.depends_on_rate]
    if uneven and month.differs():
        counted_per_s, month_per_s = (
            requests / hours / 3600
            for requests, hours in ((month.usage.requests, month.usage.hours), (month.requests, HOURS_PER_MONTH))
        )
        yield (
            f"the usage was counted at {counted_per_s:.3g} requests per second, the month has {month_per_s:.3g}; cold"
            f" starts, batches and polls depend on the rate: {'; '.join(uneven)}"
        )
    for key, price in {line.price: book.price(line.price) for line in lines}.items():
        if price.confidence in _LOW_CONFIDENCE:
            yield f"price {key} has confidence {price.confidence}: {CONFIDENCE[price.confidence]}"
    if month.usage.region != book.region:
        yield f"the usage was counted in {month.usage.region} and is priced in {book.region}"
    meters = {name: [*service.meters()] for name, service in chain.services.items()}
    for link in chain.links.values():
        meters[link.source] += link.meters()
    changed = [line.node for line in month.usage.lines if line.quantity and line.meter not in meters[line.node]]
    if changed:
        names = ", ".join(dict.fromkeys(changed))
        yield f"the usage was counted under other settings than the chain has now, and is priced as counted: {names}"


# --- words and checks ---


def _arithmetic(quantity: float, free: float, tiers: tuple[Charge, ...], unit: str) -> str:
    """Return how the dollars of a line are made."""
    taken = f"{_count(quantity)} - {_count(free)} free; " if free else ""
    # Through text and Decimal: every digit of the list price, and no exponent.
    sums = [f"{_count(charge.quantity)} x ${Decimal(str(charge.usd_per_unit)):f}" for charge in tiers]
    return f"{taken}{' + '.join(sums)} per {unit} = {usd(math.fsum(charge.usd for charge in tiers))}"


def _count(quantity: float) -> str:
    """Return a quantity for people: whole from a thousand up, four figures below."""
    return f"{quantity:,.0f}" if quantity >= 1000 or quantity == int(quantity) else f"{quantity:.4g}"


def _require(who: str, field: str, value: Any, *, above_zero: bool = False) -> None:
    """Raise unless `value` is a finite number, 0 or more."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= sys.float_info.max or (above_zero and value == 0):
        allowed = "above 0" if above_zero else "0 or more"
        raise ConfigError(f"{who}: {field}={value!r} is no quantity; allowed: {allowed}", fix="give a finite number")


def _require_mapping(who: str, value: Any) -> None:
    """Raise unless `value` gives names their values."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{who}={value!r} is no mapping", fix='write {"jobs": {"sends": 1e6}}')
