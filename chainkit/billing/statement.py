"""A bill as text: the table, and the story of a line."""

import math
import re
from collections.abc import Iterator, Sequence

from chainkit.billing.account import BillLine, count
from chainkit.billing.prices import CONFIDENCE, Price
from chainkit.errors import ConfigError, nearest
from chainkit.units import plain, usd

_LETTERED = re.compile(r"[A-Z]\d")
"""Sources that go by a letter and a number: data/README.md says what they are."""


def table(lines: Sequence[BillLine], total_usd: float, invoice_usd: float) -> list[str]:
    """Return the rows of a bill, its total below, and the invoice's where that rounds to another cent.

    >>> table([], 0.0, 0.0)
    ['node   what  quantity  free  unit  USD a month', 'total                                    $0.00']
    """
    rows = [("node", "what", "quantity", "free", "unit", "USD a month")]
    rows += [(x.node, x.what, count(x.quantity), count(x.free), x.unit, usd(x.usd)) for x in lines]
    rows.append(("total", "", "", "", "", usd(total_usd)))
    if f"{total_usd:.2f}" != f"{invoice_usd:.2f}":
        rows.append(("invoice", "each price rounded to the cent", "", "", "", f"${invoice_usd:,.2f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<<>><>", widths, strict=True))
    return [cells.format(*row) for row in rows]


def matching(
    lines: Sequence[BillLine], nodes: Sequence[str], node: str | None, meter: str | None
) -> tuple[BillLine, ...]:
    """Return the lines of a node, and of those the ones that a word means: a unit, or part of what or of the price.

    Raises
    ------
    ConfigError
        If there is no such node, or no such line; the text names what there is.
    """
    if node is not None and node not in nodes:
        raise ConfigError(
            f"explain: node={node!r} is not on this bill{nearest(node, nodes)}", fix=f"its nodes: {', '.join(nodes)}"
        )
    here = [line for line in lines if node in (None, line.node)]
    if meter is None:
        return tuple(here)
    word = meter.casefold() if isinstance(meter, str) else ""
    found = [line for line in here if word == line.unit.casefold()]
    found = found or [
        line for line in here if word and any(word in text.casefold() for text in (line.what, line.price))
    ]
    if not found:
        known = dict.fromkeys(f"{line.unit} ({line.what})" for line in here)
        words = [text for line in here for text in (line.unit, line.what, line.price)]
        raise ConfigError(
            f"explain: meter={meter!r} is on no line of {node or 'this bill'!r}{nearest(meter, words)}",
            fix=f"its lines: {'; '.join(known) or 'none, nothing is billed there'}",
        )
    return tuple(found)


def story(line: BillLine) -> str:
    """Return where the dollars of a line come from, step by step.

    Examples
    --------
    >>> import chainkit as ck
    >>> print(ck.estimate({"pay": ck.LambdaUse(duration_ms=100, requests=3e6, memory_mb=1536)}).explain("pay", "GB-s"))
    pay: run time, 100 ms each at 1536 MB
      quantity  450,000 GB-s, as given
      tiers     450,000 x $0.0000166667 (of this price up to 6,000,000,000 a month)
      price     lambda-gb-s-x86, P1, P3, P4, P8, W1 in data/README.md (2026-09)
                confidence A: read in a copy of the official price list
                init and handler summed, then up to the next 1 ms (E19); GB = 1024 MB; the free part is shared by both architectures
      dollars   $7.50, exactly 7.500015
    """  # noqa: E501 - a note of the price book
    return "\n".join([f"{line.node}: {line.what}", *(f"  {name:8}  {text}" for name, text in _steps(line))])


def _steps(line: BillLine) -> Iterator[tuple[str, str]]:
    """Yield a word and what there is to say to it."""
    price = line.list_price
    yield "quantity", f"{count(line.quantity)} {line.unit}, {line.counted or 'as given'}"
    if line.depends_on_rate:
        yield "", "depends on the rate of requests: cold starts, batches and polls are no multiple of them"
    if line.free:
        pool = f", which it shares with the other prices of {price.free_pool}" if price.free_pool else ""
        part = "all of" if math.isclose(line.free, price.free_per_month) else "its share of"
        yield "free", f"{count(line.free)}, {part} {count(price.free_per_month)} a month and account{pool}"
    ends = {tier.usd: tier.up_to for tier in price.tiers}
    for k, charge in enumerate(line.tiers):
        end = ends.get(charge.usd_per_unit, math.inf)
        reach = f" (of this price up to {count(end)} a month)" if end < math.inf else ""
        reach = reach or (" (above all tiers)" if len(price.tiers) > 1 else "")
        yield "" if k else "tiers", f"{count(charge.quantity)} x ${plain(charge.usd_per_unit)}{reach}"
    yield from _price_steps(price)
    yield "dollars", f"{usd(line.usd)}, exactly {plain(float(f'{line.usd:.12g}'))}"


def _price_steps(price: Price) -> Iterator[tuple[str, str]]:
    """Yield who says a price, and how far to believe it."""
    listed = " in data/README.md" if _LETTERED.match(price.source) else ""
    yield "price", f"{price.key}, {price.source}{listed}" + (f" ({price.date})" if price.date else "")
    yield "", f"confidence {price.confidence}: {CONFIDENCE[price.confidence]}"
    if price.note:
        yield "", price.note
