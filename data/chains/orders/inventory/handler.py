"""Inventory: reserves the items of an order, all or none, and says what they weigh.

The stock is the catalogue's that is shipped with the code: no order takes anything away from the next, so that a chain
needs no database and a run can be repeated. A real one would decrement with a conditional write here.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from envelope import Order, OrderError, answer, hand_over, log

_catalogue = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))


class OutOfStock(OrderError):  # noqa: N818 - error names are what a state machine catches
    """More is ordered of a product than there is."""


class UnknownProduct(OrderError):  # noqa: N818
    """The catalogue has no such product."""


class PriceChanged(OrderError):  # noqa: N818
    """The customer was shown another price."""


def handle(event: dict[str, Any], _context: object) -> Any:
    """Lambda's entry."""
    return answer(event, reserve)


def reserve(order: Order) -> Order:
    """Return the order with its reservation and weight."""
    wanted: dict[str, int] = {}
    for item in order["items"]:
        sku = item["sku"]
        if sku not in _catalogue:
            raise UnknownProduct(f"{sku} is not in the catalogue")
        product = _catalogue[sku]
        if item["unitPriceCents"] != product["priceCents"]:
            raise PriceChanged(f"{sku} costs {product['priceCents']} cents, not {item['unitPriceCents']}")
        wanted[sku] = wanted.get(sku, 0) + item["quantity"]
    short = {sku: quantity for sku, quantity in wanted.items() if quantity > _catalogue[sku]["stock"]}
    if short:
        raise OutOfStock(", ".join(f"{sku}: {n} wanted, {_catalogue[sku]['stock']} left" for sku, n in short.items()))
    reservation = "res-" + hashlib.sha256(order["orderId"].encode()).hexdigest()[:10]
    order = order | {
        "status": "reserved",
        "reservationId": reservation,
        "weightGrams": sum(quantity * _catalogue[sku]["weightGrams"] for sku, quantity in wanted.items()),
    }
    log("INFO", "items reserved", order, reservationId=reservation, weightGrams=order["weightGrams"])
    return hand_over(order)
