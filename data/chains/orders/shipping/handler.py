"""Shipping: chooses the zone and the parcels of a charged order and makes its label.

A declined order is returned as it came: where a filter or a choice in front keeps declined orders away, none arrives.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from envelope import Order, answer, hand_over, log

_table = json.loads(Path(__file__).with_name("zones.json").read_text(encoding="utf-8"))


def handle(event: dict[str, Any], _context: object) -> Any:
    """Lambda's entry."""
    return answer(event, ship)


def ship(order: Order) -> Order:
    """Return the order with its shipment."""
    if order["status"] == "declined":
        log("INFO", "nothing to ship", order)
        return hand_over(order)
    name = zone(order["shipTo"]["country"], order["shipTo"]["postcode"])
    terms, grams = _table["zones"][name], order["weightGrams"]
    parcels = -(-grams // _table["parcelGrams"])
    kilograms = -(-grams // 1000)
    shipment = {
        "labelId": "LBL-" + hashlib.sha256(order["orderId"].encode()).hexdigest()[:10].upper(),
        "zone": name,
        "parcels": parcels,
        "costCents": parcels * terms["parcelCents"] + kilograms * terms["kilogramCents"],
        "days": terms["days"],
    }
    log("INFO", "label made", order, **shipment)
    return hand_over(order | {"shipment": shipment})


def zone(country: str, postcode: str) -> str:
    """Return the zone of an address: by the longest postcode prefix listed for its country, else by country."""
    prefixes = [p for p in _table["postcodes"].get(country, {}) if postcode.startswith(p)]
    if prefixes:
        return str(_table["postcodes"][country][max(prefixes, key=len)])
    return str(_table["countries"].get(country, _table["elsewhere"]))
