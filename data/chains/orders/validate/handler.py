"""Validate: takes an order from an API or as a plain document, checks and completes it, and passes it on.

To an API it answers 400 for an order it cannot read, 409 for one that inventory refuses, 202 once the order is on its
way, and 200 or 402 where the whole chain is synchronous and the card is charged or declined. To any other caller it
returns the completed order, or raises `InvalidOrder` or `OrderRefused`.
"""

import base64
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from envelope import CallFailed, Order, OrderError, answer, hand_over, log

# Where Jupyter is installed, jsonschema compiles a grammar of URIs on import: 1.5 s of a cold start, and unused here.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
from jsonschema import Draft202012Validator, ValidationError  # noqa: E402

FREE_SHIPPING_FROM_CENTS = 5_000
SHIPPING_CENTS = 495
REFUSALS = ("OutOfStock", "UnknownProduct", "PriceChanged")
"""Errors of inventory that are an answer to the customer, not a fault."""

_schema = Draft202012Validator(json.loads(Path(__file__).with_name("order.schema.json").read_text(encoding="utf-8")))


class InvalidOrder(OrderError):  # noqa: N818 - error names are what a state machine catches
    """The document is not an order; `reasons` says where and why."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons))


class OrderRefused(OrderError):  # noqa: N818
    """The order is well formed and cannot be fulfilled."""


def handle(event: dict[str, Any], _context: object) -> Any:
    """Lambda's entry."""
    if "routeKey" not in event:  # only an API has routes
        return answer(event, lambda order: pass_on(completed(order)))
    order: Order = {}
    try:
        order = completed(_posted(event))
        order = pass_on(order)
    except InvalidOrder as error:
        log("WARN", str(error), order, errorType="InvalidOrder")
        return _response(400, {"message": "this is not an order", "reasons": error.reasons})
    except OrderRefused as error:
        log("WARN", str(error), order, errorType="OrderRefused")
        return _response(409, {"message": str(error)})
    code = {"charged": 200, "declined": 402}.get(order["status"], 202)
    return _response(code, {key: order[key] for key in ("orderId", "correlationId", "status", "totalCents")})


def pass_on(order: Order) -> Order:
    """Return the order as it is known after inventory and the next function, where they answer."""
    log("INFO", "order accepted", order, totalCents=order["totalCents"])
    try:
        order = hand_over(order, to="INVENTORY_")  # first: nobody hears of an order that cannot be fulfilled
    except CallFailed as error:
        if error.error_type not in REFUSALS:
            raise
        raise OrderRefused(error.reason) from error
    return hand_over(order, besides=("INVENTORY_",))


def completed(order: Order) -> Order:
    """Return the order in normal form, with its ids and its totals in cents; lines of one product are put together."""
    errors = sorted(_schema.iter_errors(order), key=lambda error: [str(part) for part in error.absolute_path])
    if errors:
        raise InvalidOrder([_reason(error) for error in errors])
    quantities: dict[tuple[str, int], int] = {}
    for item in order["items"]:
        key = (item["sku"].strip().upper(), int(item["unitPriceCents"]))  # to JSON Schema, 1290.0 is an integer too
        quantities[key] = quantities.get(key, 0) + int(item["quantity"])
    items = [
        {"sku": sku, "quantity": quantity, "unitPriceCents": cents, "lineCents": quantity * cents}
        for (sku, cents), quantity in quantities.items()
    ]
    subtotal_cents = sum(item["lineCents"] for item in items)
    shipping_cents = 0 if subtotal_cents >= FREE_SHIPPING_FROM_CENTS else SHIPPING_CENTS
    customer, address = _trimmed(order["customer"]), _trimmed(order["shipTo"])
    return order | {
        "orderId": order.get("orderId") or f"ord-{uuid.uuid4().hex[:12]}",
        "correlationId": order.get("correlationId") or str(uuid.uuid4()),
        "status": "accepted",
        "customer": customer | {"email": customer["email"].lower()},
        "shipTo": address | {"country": address["country"].upper(), "postcode": address["postcode"].upper()},
        "items": items,
        "currency": "USD",
        "subtotalCents": subtotal_cents,
        "shippingCents": shipping_cents,
        "totalCents": subtotal_cents + shipping_cents,
    }


def _reason(error: ValidationError) -> str:
    """Return where and why, in words that may be logged: none quotes a card token."""
    place = ["order", *map(str, error.absolute_path)]
    return "/".join(place) + ": " + ("is refused" if "payment" in place else error.message)


def _trimmed(texts: dict[str, str]) -> dict[str, str]:
    """Return texts without surplus space."""
    return {key: " ".join(text.split()) for key, text in texts.items()}


def _posted(event: dict[str, Any]) -> Order:
    """Return the order in an API's event, payload format 2.0, with the caller's correlation id if it sent one."""
    body = event.get("body") or ""
    try:
        order = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except ValueError as error:  # of JSON, base64 and UTF-8 alike
        raise InvalidOrder(["order: the body is not JSON"]) from error
    if not isinstance(order, dict):
        raise InvalidOrder(["order: the body is not a JSON object"])
    correlation_id = event.get("headers", {}).get("x-correlation-id")
    return order | {"correlationId": correlation_id} if correlation_id else order


def _response(code: int, body: dict[str, Any]) -> dict[str, Any]:
    """Return what an API takes as its answer."""
    return {"statusCode": code, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
