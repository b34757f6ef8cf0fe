"""Payment: charges an order's card and passes the outcome on.

The provider is simulated, and decides by the card token alone: `tok_declined` is declined, an outcome like another;
`tok_outage` finds the provider down at every attempt, which makes its order a poison message; any other is charged.
The same order gets the same authorisation each time, as with a provider that takes the order id as idempotency key, so
an order that comes twice is charged once.
"""

import hashlib
from typing import Any

from envelope import Order, OrderError, answer, hand_over, log


class ProviderUnavailable(OrderError):  # noqa: N818 - error names are what a state machine catches
    """The payment provider does not answer; trying later may help."""


def handle(event: dict[str, Any], _context: object) -> Any:
    """Lambda's entry."""
    return answer(event, pay)


def pay(order: Order) -> Order:
    """Return the order charged or declined, without the card token: nobody after this needs it."""
    authorisation = authorise(order["payment"]["cardToken"], order["orderId"], order["totalCents"])
    order = {key: value for key, value in order.items() if key != "payment"}
    order |= {"status": "charged" if authorisation else "declined", "authorisation": authorisation}
    log("INFO", f"card {order['status']}", order, totalCents=order["totalCents"])
    return hand_over(order)


def authorise(token: str, order_id: str, cents: int) -> str | None:
    """Return the provider's authorisation code, or None if it declines.

    Raises
    ------
    ProviderUnavailable
        If the provider is down.
    """
    if token == "tok_outage":
        raise ProviderUnavailable("payment provider: no answer")
    if token == "tok_declined":
        return None
    return hashlib.sha256(f"{order_id}|{token}|{cents}".encode()).hexdigest()[:8].upper()
