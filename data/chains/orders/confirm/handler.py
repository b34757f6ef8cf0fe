"""Confirm: writes the customer's message, for a charged order and for a declined one. It sends no e-mail."""

from typing import Any

from envelope import Order, answer, hand_over, log


def handle(event: dict[str, Any], _context: object) -> Any:
    """Lambda's entry."""
    return answer(event, confirm)


def confirm(order: Order) -> Order:
    """Return the order with the message that its customer is to get."""
    is_declined = order["status"] == "declined"
    lines = [f"Dear {order['customer']['name']},", "", *(_declined(order) if is_declined else _charged(order))]
    confirmation = {
        "to": order["customer"]["email"],
        "subject": f"Your order {order['orderId']}" + (": payment declined" if is_declined else ""),
        "text": "\n".join(lines),
    }
    log("INFO", "message written", order, subject=confirmation["subject"])
    return hand_over(order | {"confirmation": confirmation})


def _declined(order: Order) -> list[str]:
    return [
        f"your bank declined {_money(order['totalCents'])}. Nothing was charged and nothing will be sent.",
        "Please order again with another card; your basket is kept for a week.",
    ]


def _charged(order: Order) -> list[str]:
    lines = [f"  {item['quantity']:>3} x {item['sku']:<12} {_money(item['lineCents']):>12}" for item in order["items"]]
    shipment = order.get("shipment")  # not yet known where shipping works beside this function
    return [
        "thank you. We are packing:",
        *lines,
        f"  {'shipping':<18} {_money(order['shippingCents']):>12}",
        f"  {'total':<18} {_money(order['totalCents']):>12}",
        f"Your card was charged, authorisation {order['authorisation']}.",
        *([f"Label {shipment['labelId']}, about {shipment['days']} days."] if shipment else []),
        *([f'We will enclose your words: "{order["giftMessage"]}"'] if "giftMessage" in order else []),
    ]


def _money(cents: int) -> str:
    """Return cents as dollars, in integers throughout."""
    return f"{cents // 100:,}.{cents % 100:02d} USD"
