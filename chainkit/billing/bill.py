"""A chain's usage x prices = its bill; and usage that is typed in.

Quantities are brought to a month and priced as one account's (account.py). A bill is also what `estimate` makes of
uses that are typed in without a chain (estimate.py).
"""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

from chainkit.billing.account import (
    BillLine,
    FreeTier,
    Used,
    charged,
    count,
    doubtful,
    settled,
    used_for,
)
from chainkit.billing.prices import Price, Prices
from chainkit.billing.prices import price_book as list_prices
from chainkit.billing.statement import matching, story, table
from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, nearest
from chainkit.records import Usage, UsageLine
from chainkit.units import HOURS_PER_MONTH, to_the_cent, usd

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.figures.drawing import Drawing

# Cold starts and batches: more requests share a warm environment, or one receive. They do not grow with the requests.
_UNEVEN_COUNTERS = {"init_ms", "receives", "deletes"}
_RATE_TOLERANCE = 0.1


class HasUsage(Protocol):
    """Whatever says what it used: a run, a measurement."""

    @property
    def usage(self) -> Usage:
        """What was used."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Bill:
    """What a month costs. What was not used has no line."""

    chain: str
    """Whose bill it is."""
    region: str
    requests_per_month: float
    """0 where they were not said."""
    hours_per_month: float = HOURS_PER_MONTH
    free_tier: FreeTier
    nodes: tuple[str, ...]
    """What can cost something: services of the chain, then its costs, in their order."""
    lines: tuple[BillLine, ...]
    notes: tuple[str, ...]
    """What to know before believing the figures."""
    price_book: Prices | None = None
    """Prices that were given instead of the region's list prices."""

    @property
    def terms(self) -> dict[str, Any]:
        """How the month was billed besides its volume: what `bill` is given to bill another one alike."""
        names = ("free_tier", "hours_per_month", "price_book")
        return {name: getattr(self, name) for name in names}

    @property
    def total_usd(self) -> float:
        """Cost of the month, USD: the exact sum of the lines."""
        return math.fsum(line.usd for line in self.lines)

    @property
    def invoice_usd(self) -> float:
        """Cost of the month, USD, as AWS prints it: what each price makes over all nodes to the cent, then the sum."""
        sums: dict[Price, list[float]] = {}
        for line in self.lines:
            sums.setdefault(line.list_price, []).append(line.usd)
        return round(math.fsum(to_the_cent(math.fsum(amounts)) for amounts in sums.values()), 2)

    @property
    def usd_per_million(self) -> float:
        """Cost of a million requests at this month's volume, USD; NaN for a month without requests."""
        return self.total_usd / self.requests_per_month * 1e6 if self.requests_per_month else math.nan

    @property
    def title(self) -> str:
        """Whose bill, where, and of what month."""
        requests = f"{count(self.requests_per_month)} requests a month"
        is_usual = self.hours_per_month == HOURS_PER_MONTH
        month = f"a month of {count(self.hours_per_month)} hours"
        if self.requests_per_month:
            month = requests if is_usual else f"{requests} of {count(self.hours_per_month)} hours"
        return f"{self.chain} in {self.region}: {month}"

    def node_usd(self) -> dict[str, float]:
        """Return the cost of the month per node, in USD; 0 where nothing is billed."""
        return {name: math.fsum(line.usd for line in self.lines if line.node == name) for name in self.nodes}

    def explain(self, node: str | None = None, meter: str | None = None) -> str:
        """Return where the dollars come from: quantity, free part, tiers, unit price with its source, line by line.

        Parameters
        ----------
        node : whose lines; None: all
        meter : a unit ("GB-s"), or a part of what is paid for or of the price's key; None: all

        Raises
        ------
        ConfigError
            If the bill has no such node or line; the text names those that it has.

        Examples
        --------
        >>> import chainkit as ck
        >>> month = ck.estimate({"app": ck.SqsUse(sends=3e6)}, free_tier=True)
        >>> print(month.explain("app", "messages"))
        app: messages sent
          quantity  3,000,000 request, as given
          free      1,000,000, all of 1,000,000 a month and account, which it shares with the other prices of sqs-requests
          tiers     2,000,000 x $0.0000004 (of this price up to 100,000,000,000 a month)
          price     sqs-standard-requests, P1, P3, P7 in data/README.md (2026-09)
                    confidence A: read in a copy of the official price list
                    every API action, empty receives included; a batch is one; each 64 KB of payload is one (E41); what SNS or EventBridge delivers counts as sent, an assumption; FIFO queues share the free part, all regions together
          dollars   $0.80, exactly 0.8
        """  # noqa: E501 - a note of the price book
        lines = matching(self.lines, self.nodes, node, meter)
        return "\n".join(map(story, lines)) or f"{node or self.chain}: nothing is billed"

    def plot(self) -> "Drawing":
        """Return the picture of this bill, as `ck.plot` does."""
        # The one import that points up: a bill that shows itself is worth it, and nothing is drawn at import.
        from chainkit.figures.drawing import plot

        return plot(self)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per line, with its cost in USD and where that comes from."""
        import pandas as pd

        columns = (
            "node", "what", "price", "quantity", "unit", "free", "usd", "rounded_usd", "depends_on_rate", "why",
            "source", "date", "confidence",
        )  # fmt: skip
        return pd.DataFrame([{name: getattr(line, name) for name in columns} for line in self.lines], columns=columns)

    def __repr__(self) -> str:
        """Return the bill in a word: stable, so that notebooks can be compared."""
        return f"Bill({self.chain!r}, {usd(self.total_usd)} a month, {len(self.lines)} lines)"

    def __str__(self) -> str:
        """Return the bill as a table, notes below."""
        tier = "with the free tier" if self.free_tier else "without free tier"
        if not isinstance(self.free_tier, bool):
            tier = f"with the free tier of {', '.join(self.free_tier) or 'nothing'}"
        rows = table(self.lines, self.total_usd, self.invoice_usd)
        per_million = [f"{usd(self.usd_per_million)} per million requests"] if self.requests_per_month else []
        return "\n".join([f"{self.title}, {tier}", *rows, *per_million, *(f"note: {note}" for note in self.notes)])


@dataclass(frozen=True)
class _Month:
    """How a usage becomes a month's."""

    usage: Usage
    requests: float
    """Of the month."""
    hours: float
    """Of the month."""

    @property
    def hour_scale(self) -> float:
        return self.hours / self.usage.hours

    @property
    def request_scale(self) -> float:
        return self.requests / self.usage.requests if self.usage.requests else 0.0

    def quantity(self, line: UsageLine) -> float:
        """Return a line's quantity in the month."""
        return line.quantity * (self.hour_scale if line.meter.per == "hour" else self.request_scale)

    def counted(self, line: UsageLine) -> str:
        """Return what was counted, if the month is not the usage itself."""
        over, scale = f"{count(self.usage.requests)} requests", self.request_scale
        if line.meter.per == "hour":
            over, scale = f"{count(self.usage.hours)} hours", self.hour_scale
        return "" if scale == 1 else f"counted {count(line.quantity)} over {over}, times {scale:.6g}"

    def differs(self) -> bool:
        """Tell whether the month's rate is another than the one that was counted at."""
        return bool(self.usage.requests) and abs(self.request_scale / self.hour_scale - 1) > _RATE_TOLERANCE


def bill(
    chain: Chain,
    run: Usage | HasUsage,
    *,
    requests_per_month: float | None = None,
    free_tier: FreeTier = False,
    price_book: Prices | None = None,
    hours_per_month: float = HOURS_PER_MONTH,
) -> Bill:
    """Return what a month costs.

    Parameters
    ----------
    chain : gives region and services; a variant gives its own
    run : a run, or anything else with a `usage`, or a `Usage` itself
    requests_per_month : 0 or more
        What is counted per request is scaled to these, what is counted per hour to the hours of the month. None: the
        month goes on at the rate of the run.
    free_tier : whether the account's free part of each month is taken off
        A list takes it off those prices alone: ["lambda-gb-s"], by their pool or key.
    price_book : prices to use instead of the region's list prices
    hours_per_month : above 0
        How long the month is: 730 as AWS's calculator takes it, 720 for 30 days, 744 for 31.

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
    >>> pay = chain.add(ck.LambdaFunction("pay", memory_mb=1536, log_bytes=0))
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
    book, free, hours = priced_month("bill", chain.region, free_tier, price_book, hours_per_month)
    month = _month(chain, usage, requests_per_month, hours)
    lines = tuple(charged([*_used(chain, month)], book, free_tier=free))
    return Bill(
        chain=chain.name,
        region=book.region,
        requests_per_month=month.requests,
        hours_per_month=month.hours,
        free_tier=free,
        nodes=(*chain.services, *chain.costs),
        lines=lines,
        notes=tuple(_notes(chain, month, book, lines)),
        price_book=price_book,
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
            require(f"usage of {name!r}", counter, value)
    require("usage", "requests", requests)
    require("usage", "hours", hours, above_zero=True)
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


def _month(chain: Chain, usage: Usage, requests_per_month: float | None, hours: float) -> _Month:
    """Return the month, after checking the usage."""
    require("usage", "requests", usage.requests)
    require("usage", "hours", usage.hours, above_zero=True)
    for line in usage.lines:
        if line.node not in chain.services:
            raise ConfigError(
                f"bill: the usage is of a service {line.node!r}, which chain {chain.name!r} does not have"
                f"{nearest(line.node, chain.services)}",
                fix="bill the chain that was run, or run this one",
            )
        require(f"usage of {line.node!r}", line.meter.counter, line.quantity)
        if line.quantity and not usage.requests and line.meter.per == "request":
            raise ConfigError(
                f"usage of {line.node!r}: {line.meter.counter} is counted per request, and requests={usage.requests!r}",
                fix="say how many requests used it",
            )
    if requests_per_month is None:
        return _Month(usage, usage.requests * (hours / usage.hours), hours)
    require("bill", "requests_per_month", requests_per_month)
    return _Month(usage, float(requests_per_month), hours)


def _used(chain: Chain, month: _Month) -> Iterator[Used]:
    """Yield what each meter of a chain counted in the month, and each of its costs."""
    polled = {link.target for link in chain.links.values() if link.kind == "poll"}
    for line in month.usage.lines:
        if quantity := month.quantity(line):
            yield Used(
                node=line.node,
                what=line.meter.why,
                price=line.meter.price,
                quantity=quantity,
                counted=month.counted(line),
                depends_on_rate=_depends_on_rate(line, polled),
            )
    for name, cost in chain.costs.items():
        for each, quantity in cost.quantities(month.requests, month.hours):
            if quantity:
                counted = f"{count(each.quantity)} for each of {count(month.requests)} requests"
                yield used_for(name, each, quantity, counted if cost.per == "request" else "")


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
            for requests, hours in ((month.usage.requests, month.usage.hours), (month.requests, month.hours))
        )
        yield (
            f"the usage was counted at {counted_per_s:.3g} requests per second, the month has {month_per_s:.3g}; cold"
            f" starts, batches and polls depend on the rate: {'; '.join(uneven)}"
        )
    yield from doubtful(lines)
    if month.usage.region != book.region:
        yield f"the usage was counted in {month.usage.region} and is priced in {book.region}"
    meters = {name: [*service.meters()] for name, service in chain.services.items()}
    for link in chain.links.values():
        meters[link.source] += link.meters()
    changed = [line.node for line in month.usage.lines if line.quantity and line.meter not in meters[line.node]]
    if changed:
        names = ", ".join(dict.fromkeys(changed))
        yield f"the usage was counted under other settings than the chain has now, and is priced as counted: {names}"
    unstated: dict[str, list[str]] = {}
    for name, service in chain.services.items():
        for what in service.unpriced([link for _, link in chain.outgoing(name)]):
            unstated.setdefault(what, []).append(name)
    if unstated:
        missing = "; ".join(f"{what} of {', '.join(names)}" for what, names in unstated.items())
        yield f"not on the bill, as nothing says how much: {missing}"


# --- checks ---


def priced_month(
    who: str, region: str, free_tier: Any, price_book: Any, hours_per_month: Any
) -> tuple[Prices, bool | tuple[str, ...], float]:
    """Return prices, free tier and hours of a month, after checking them.

    Raises
    ------
    ConfigError
        For the first that says nothing; `who` is the verb.
    PriceMissingError
        If the region has no prices.
    """
    require(who, "hours_per_month", hours_per_month, above_zero=True)
    if not isinstance(price_book, Prices | None):
        raise ConfigError(f"{who}: price_book={price_book!r} is no price book", fix="give one of ck.price_book")
    book = list_prices(region) if price_book is None else price_book
    return book, settled(who, free_tier, book), float(hours_per_month)


def require(who: str, field: str, value: Any, *, above_zero: bool = False) -> None:
    """Raise unless `value` is a finite number, 0 or more."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= sys.float_info.max or (above_zero and value == 0):
        allowed = "above 0" if above_zero else "0 or more"
        raise ConfigError(f"{who}: {field}={value!r} is no quantity; allowed: {allowed}", fix="give a finite number")


def _require_mapping(who: str, value: Any) -> None:
    """Raise unless `value` gives names their values."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{who}={value!r} is no mapping", fix='write {"jobs": {"sends": 1e6}}')
