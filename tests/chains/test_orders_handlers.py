"""The order chain's real code: what each handler does with an order, called directly."""

import base64
import json
from typing import Any

import pytest

from chainkit import data

FOLDER = data.path("chains", "orders")
FUNCTIONS = ["validate", "inventory", "payment", "shipping", "confirm"]

Order = dict[str, Any]


def lines(name: str) -> list[Order]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


ORDERS = lines("orders.jsonl")
POISON = {"payment": {"cardToken": "tok_outage"}}
DECLINED = {"payment": {"cardToken": "tok_declined"}}


def posted(order: Any, **more: Any) -> Order:
    """Return an HTTP API's event, payload format 2.0."""
    event = {"version": "2.0", "routeKey": "POST /orders", "headers": {}, "body": json.dumps(order)}
    return event | {"isBase64Encoded": False} | more


# --- validate ---


def test_totals_are_integer_cents_and_small_orders_pay_shipping(accepted):
    assert accepted["subtotalCents"] == 2 * 1290 + 1600
    assert accepted["shippingCents"] == 495
    assert accepted["totalCents"] == 4675
    assert all(type(item["lineCents"]) is int for item in accepted["items"])


def test_an_order_of_fifty_dollars_ships_free(load):
    order = load("validate")[0].completed(ORDERS[1])

    assert (order["subtotalCents"], order["shippingCents"]) == (3 * 2690 + 8990, 0)


def test_an_order_is_brought_to_normal_form(load):
    order = load("validate")[0].completed(ORDERS[5])

    assert order["items"] == [{"sku": "TEA-ROOIB", "quantity": 3, "unitPriceCents": 980, "lineCents": 2940}]
    assert order["customer"]["email"] == "sean.gallagher@example.ie"
    assert order["shipTo"]["street"] == "3 Quay Street"
    assert (order["shipTo"]["country"], order["shipTo"]["postcode"]) == ("IE", "H91 X5C7")


def test_missing_ids_are_made_and_given_ones_kept(load):
    handler, _ = load("validate")
    without = {key: value for key, value in ORDERS[0].items() if key != "orderId"}
    first, second = handler.completed(without), handler.completed(without)

    assert first["orderId"] != second["orderId"]
    assert first["correlationId"] != second["correlationId"]
    assert handler.completed(ORDERS[9])["correlationId"] == "web-7f3a91c2-0010"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (lines("invalid.jsonl")[0], "order/items: "),
        (lines("invalid.jsonl")[1], "order/items/0/quantity: "),
        (lines("invalid.jsonl")[2], "order/shipTo/country: "),
    ],
)
def test_a_bad_order_is_answered_400_with_the_place_and_the_reason(load, order, reason):
    answer = load("validate")[0].handle(posted(order), None)

    assert answer["statusCode"] == 400
    assert any(found.startswith(reason) for found in json.loads(answer["body"])["reasons"])


def test_every_fault_of_an_order_is_named(load):
    handler, _ = load("validate")

    with pytest.raises(handler.InvalidOrder) as caught:
        handler.handle(lines("invalid.jsonl")[2], None)

    assert [reason.split(":")[0] for reason in caught.value.reasons] == [
        "order",
        "order/items/0",
        "order/items/0/unitPriceCents",
        "order/shipTo/country",
    ]


@pytest.mark.parametrize("body", ["", "{", "[1]", "null"])
def test_a_body_that_is_no_json_object_is_answered_400(load, body):
    assert load("validate")[0].handle(posted({}, body=body), None)["statusCode"] == 400


def test_a_base64_body_and_the_callers_correlation_id_are_read(load):
    body = base64.b64encode(json.dumps(ORDERS[7]).encode()).decode()
    event = posted({}, body=body, isBase64Encoded=True, headers={"x-correlation-id": "from-the-web-shop"})

    answer = json.loads(load("validate")[0].handle(event, None)["body"])
    assert answer["correlationId"] == "from-the-web-shop"
    assert answer["orderId"] == "ord-2026-0008"


@pytest.mark.parametrize("order", ORDERS)
def test_every_sample_order_is_accepted_and_in_stock(load, order):
    accepted = load("validate")[0].handle(order, None)

    assert load("inventory")[0].handle(accepted, None)["status"] == "reserved"


def test_behind_a_state_machine_validate_returns_the_order_and_sends_nothing(load):
    handler, aws = load("validate")

    assert handler.handle(ORDERS[0], None)["status"] == "accepted"
    assert aws.sent() == []


def test_in_the_direct_flow_validate_asks_inventory_queues_the_order_and_answers_202(load, monkeypatch):
    monkeypatch.setenv("INVENTORY_FUNCTION_NAME", "orders-inventory")
    monkeypatch.setenv("JOBS_QUEUE_URL", "https://sqs/jobs")
    handler, aws = load("validate")
    aws.let_functions_answer(lambda _, order: order | {"status": "reserved", "weightGrams": 1000})
    answer = handler.handle(posted(ORDERS[0]), None)

    assert answer["statusCode"] == 202
    assert json.loads(answer["body"])["orderId"] == "ord-2026-0001"
    [(operation, message)] = aws["sqs"].calls
    assert (operation, message["QueueUrl"]) == ("send_message", "https://sqs/jobs")
    assert json.loads(message["MessageBody"])["weightGrams"] == 1000
    assert message["MessageAttributes"]["status"]["StringValue"] == "reserved"
    assert message["MessageAttributes"]["correlationId"]["StringValue"]


@pytest.mark.parametrize("error_type", ["OutOfStock", "UnknownProduct", "PriceChanged"])
def test_what_inventory_refuses_is_answered_409_and_goes_no_further(load, monkeypatch, error_type):
    monkeypatch.setenv("INVENTORY_FUNCTION_NAME", "orders-inventory")
    monkeypatch.setenv("JOBS_QUEUE_URL", "https://sqs/jobs")
    handler, aws = load("validate")
    aws.let_functions_answer(lambda *_: {"errorType": error_type, "errorMessage": "KET-GOOSE"}, error=True)
    answer = handler.handle(posted(ORDERS[0]), None)

    assert (answer["statusCode"], json.loads(answer["body"])) == (409, {"message": "KET-GOOSE"})
    assert aws["sqs"].calls == []


def test_a_fault_of_inventory_is_not_taken_for_a_refusal(load, monkeypatch):
    monkeypatch.setenv("INVENTORY_FUNCTION_NAME", "orders-inventory")
    handler, aws = load("validate")
    aws.let_functions_answer(lambda *_: {"errorType": "Sandbox.Timedout", "errorMessage": "3.00 seconds"}, error=True)

    with pytest.raises(handler.CallFailed, match=r"orders-inventory: Sandbox.Timedout: 3.00 seconds"):
        handler.handle(posted(ORDERS[0]), None)


@pytest.mark.parametrize(("status", "code"), [("charged", 200), ("declined", 402)])
def test_a_synchronous_chain_answers_with_the_outcome(load, monkeypatch, status, code):
    monkeypatch.setenv("PAYMENT_FUNCTION_NAME", "orders-payment")
    handler, aws = load("validate")
    aws.let_functions_answer(lambda _, order: order | {"status": status})

    assert handler.handle(posted(ORDERS[0]), None)["statusCode"] == code


# --- inventory ---


def changed(order: Order, **item: Any) -> Order:
    return order | {"items": [order["items"][0], order["items"][1] | item]}


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        ({"quantity": 241}, "OutOfStock", "CUP-STONE: 241 wanted, 240 left"),
        ({"sku": "CUP-PAPER"}, "UnknownProduct", "CUP-PAPER is not in the catalogue"),
        ({"unitPriceCents": 1}, "PriceChanged", "CUP-STONE costs 1600 cents, not 1"),
    ],
)
def test_inventory_refuses_by_name_and_reserves_nothing(load, accepted, item, error, text):
    handler, _ = load("inventory")

    with pytest.raises(getattr(handler, error), match=text):
        handler.handle(changed(accepted, **item), None)


def test_a_reservation_weighs_all_items_and_takes_nothing_from_the_next(load, accepted):
    handler, _ = load("inventory")
    first, second = (handler.handle(changed(accepted, quantity=200), None) for _ in range(2))

    assert first["weightGrams"] == 2 * 310 + 200 * 380
    assert first == second


# --- payment ---


def test_a_charged_order_has_its_authorisation_and_no_card_token(load, reserved):
    first, again = (load("payment")[0].handle(reserved, None) for _ in range(2))

    assert first["status"] == "charged"
    assert first["authorisation"] == again["authorisation"]
    assert "tok_" not in json.dumps(first)


def test_a_declined_card_is_an_outcome_and_is_published_as_one(load, reserved, monkeypatch):
    monkeypatch.setenv("EVENTS_TOPIC_ARN", "arn:topic")
    handler, aws = load("payment")
    handler.handle(reserved | DECLINED, None)

    [(operation, message)] = aws["sns"].calls
    assert (operation, message["TopicArn"]) == ("publish", "arn:topic")
    assert message["MessageAttributes"]["status"] == {"DataType": "String", "StringValue": "declined"}
    assert json.loads(message["Message"])["authorisation"] is None


def test_a_poison_order_fails_every_time_by_name(load, reserved):
    handler, _ = load("payment")

    for _ in range(3):
        with pytest.raises(handler.ProviderUnavailable):
            handler.handle(reserved | POISON, None)


# --- shipping and confirm ---


@pytest.mark.parametrize(
    ("country", "postcode", "zone"),
    [
        ("US", "97205", "home"),
        ("US", "99801", "home-remote"),
        ("DE", "04109", "europe"),
        ("ES", "35002", "europe-islands"),
        ("GB", "KW15 1AA", "europe-islands"),
        ("GB", "KW1 4YT", "europe"),
        ("JP", "460-0003", "pacific"),
        ("GH", "GA-029", "world"),
    ],
)
def test_the_zone_follows_country_and_postcode(load, country, postcode, zone):
    assert load("shipping")[0].zone(country, postcode) == zone


@pytest.mark.parametrize(("grams", "parcels", "cents"), [(1000, 1, 480), (20_000, 1, 1620), (20_001, 2, 2100)])
def test_parcels_and_kilograms_are_counted_up(load, charged, grams, parcels, cents):
    shipment = load("shipping")[0].handle(charged | {"weightGrams": grams}, None)["shipment"]

    assert (shipment["parcels"], shipment["costCents"]) == (parcels, cents)


def test_a_declined_order_is_not_shipped(load, charged):
    declined = charged | {"status": "declined", "authorisation": None}

    assert load("shipping")[0].handle(declined, None) == declined


def test_the_customer_reads_items_total_and_authorisation(load, charged):
    message = load("confirm")[0].handle(charged, None)["confirmation"]

    assert message["to"] == "maya.lindqvist@example.com"
    assert "2 x TEA-EARL" in message["text"]
    assert "46.75 USD" in message["text"]
    assert charged["authorisation"] in message["text"]
    assert "Label" not in message["text"]


def test_the_label_is_named_where_shipping_came_first(load, charged):
    shipped = load("shipping")[0].handle(charged, None)

    assert shipped["shipment"]["labelId"] in load("confirm")[0].handle(shipped, None)["confirmation"]["text"]


def test_a_declined_customer_is_told_that_nothing_was_charged(load, charged):
    declined = charged | {"status": "declined", "authorisation": None}
    message = load("confirm")[0].handle(declined, None)["confirmation"]

    assert message["subject"] == "Your order ord-2026-0001: payment declined"
    assert "Nothing was charged" in message["text"]


# --- logs ---


def test_every_log_line_is_json_with_the_fields_that_join_a_chain(load, monkeypatch, capsys):
    order = ORDERS[9]
    for name in FUNCTIONS:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", f"orders-{name}")
        order = load(name)[0].handle(order, None)
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line["functionName"] for line in logged] == [f"orders-{name}" for name in FUNCTIONS]
    assert {line["correlationId"] for line in logged} == {"web-7f3a91c2-0010"}
    assert {line["orderId"] for line in logged} == {"ord-2026-0010"}
    assert all({"timestamp", "level", "message"} <= set(line) for line in logged)


def test_a_failure_is_logged_with_the_orders_ids_and_the_errors_name(load, reserved, capsys):
    handler, _ = load("payment")
    with pytest.raises(handler.ProviderUnavailable):
        handler.handle(reserved | POISON, None)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert (line["level"], line["errorType"], line["orderId"]) == ("ERROR", "ProviderUnavailable", "ord-2026-0001")
    assert line["correlationId"] == reserved["correlationId"]


def test_no_log_line_holds_a_card_token(load, capsys):
    handler, _ = load("validate")
    handler.handle(posted(ORDERS[0]), None)
    handler.handle(posted(ORDERS[0] | {"payment": {"cardToken": "tok_WRONG"}}), None)

    assert "tok_" not in capsys.readouterr().out
