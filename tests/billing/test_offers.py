"""What is read from AWS's public price list, on pieces written in its layout (`price_lists/`)."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from chainkit import data
from chainkit.billing.offers import OFFERS, PRODUCTS, Offer, from_csv, from_json, listed, regions_of
from chainkit.billing.prices import Tier
from chainkit.errors import ConfigError

LISTS = Path(__file__).parent / "price_lists"


def document(name: str) -> Any:
    return json.loads((LISTS / f"{name}.json").read_text(encoding="utf-8"))


def offer(name: str) -> Offer:
    return from_json(document(name), name)


def figures(name: str, region: str) -> dict[str, tuple[list[tuple[float, float]], float]]:
    """Return by key the tiers and the free part that one piece gives for a region."""
    found, _ = listed([offer(name)], region)
    return {key: ([(tier.up_to, tier.usd) for tier in each.tiers], each.free) for key, each in found.items()}


def dimensions(piece: Any) -> Any:
    """Return what the first product of a piece costs, tier by tier, to be changed."""
    (term,) = next(iter(piece["terms"]["OnDemand"].values())).values()
    return term["priceDimensions"]


# --- reading ---


def test_a_price_has_the_tiers_of_the_list():
    assert figures("AWSQueueService-us-east-1", "us-east-1") == {
        "sqs-standard-requests": ([(100e9, 0.4e-6), (200e9, 0.3e-6), (math.inf, 0.24e-6)], 0),
        "sqs-fifo-requests": ([(100e9, 0.5e-6), (200e9, 0.4e-6), (math.inf, 0.35e-6)], 0),
    }


def test_a_queue_has_another_usage_type_outside_virginia():
    found = figures("AWSQueueService-eu-west-1", "eu-west-1")

    assert set(found) == {"sqs-standard-requests", "sqs-fifo-requests"}
    assert found["sqs-standard-requests"][0][0] == (100e9, 0.44e-6)


def test_a_usage_type_begins_with_a_code_of_the_region():
    found = figures("AWSLambda-ap-northeast-1", "ap-northeast-1")

    assert set(found) == {"lambda-requests", "lambda-gb-s-x86", "lambda-provisioned-gb-s-arm64"}
    assert found["lambda-gb-s-x86"][0] == [(6e9, 0.0000166667), (15e9, 0.000015), (math.inf, 0.0000133334)]


def test_keys_are_listed_under_the_full_name_of_the_region():
    assert figures("awskms-ap-northeast-1", "ap-northeast-1") == {
        "kms-keys": ([(math.inf, 1.0)], 0),
        "kms-requests": ([(math.inf, 3e-6)], 0),
    }


def test_what_is_free_at_first_comes_off_before_the_tiers():
    found = figures("AmazonSNS-us-east-1", "us-east-1")

    assert found["sns-publishes"] == ([(math.inf, 0.5e-6)], 1e6)
    assert found["sns-deliveries-lambda"] == ([(math.inf, 0)], 0)


def test_tiers_after_a_free_part_are_counted_from_its_end():
    piece = document("AmazonSNS-us-east-1")
    _, second = dimensions(piece).values()
    second["endRange"] = "5000000"
    dimensions(piece)["more"] = {
        **second,
        "beginRange": "5000000",
        "endRange": "Inf",
        "pricePerUnit": {"USD": "0.0000004"},
    }
    found, _ = listed([from_json(piece, "piece")], "us-east-1")

    assert found["sns-publishes"].tiers == (Tier(4e6, 0.5e-6), Tier(math.inf, 0.4e-6))


def test_one_product_listed_twice_is_one_price_and_its_free_part_counts():
    assert figures("AmazonDynamoDB-us-east-1", "us-east-1") == {"dynamodb-storage-gb-month": ([(math.inf, 0.25)], 25)}


def test_products_of_one_usage_type_at_two_prices_are_not_taken():
    found, refused = listed([offer("AmazonDynamoDB-us-east-1")], "us-east-1")

    assert refused == {"dynamodb-writes": "2 products of usage type WriteRequestUnits differ in price"}
    assert "dynamodb-writes" not in found


def test_an_attribute_tells_products_of_one_usage_type_apart():
    assert figures("AmazonS3-us-east-1", "us-east-1")["s3-storage-gb-month"][0][0] == (51200, 0.023)


def test_other_regions_and_the_free_products_of_all_regions_are_passed_over():
    assert figures("AWSQueueService-eu-west-1", "us-east-1") == {}
    assert regions_of([offer("AWSQueueService-eu-west-1"), offer("AmazonS3-us-east-1")]) == ["eu-west-1", "us-east-1"]


@pytest.mark.parametrize(("region", "is_there"), [("ap-northeast-1", True), ("eu-west-1", False), ("xx-new-1", True)])
def test_a_product_that_says_no_region_is_known_by_its_code(region, is_there):
    piece = document("AWSLambda-ap-northeast-1")
    for product in piece["products"].values():
        product["attributes"].pop("regionCode", None)
    found, _ = listed([from_json(piece, "piece")], region)

    assert ("lambda-requests" in found) is is_there


def test_of_two_versions_the_newer_counts():
    old = offer("AWSQueueService-us-east-1")
    piece = document("AWSQueueService-us-east-1")
    piece["version"] = "20270101000000"
    new = from_json(piece, "new")

    for order in ([old, new], [new, old]):
        found, _ = listed(order, "us-east-1")
        assert found["sqs-standard-requests"].offer.version == "20270101000000"


def test_the_file_of_ec2_is_read_line_by_line_for_its_gateways():
    with (LISTS / "AmazonEC2-us-east-1.csv").open(encoding="utf-8") as lines:
        read = from_csv(lines, "ec2")
    found, refused = listed([read], "us-east-1")

    assert {key: each.tiers[0].usd for key, each in found.items()} == {"nat-gateway-hours": 0.045, "nat-gb": 0.05}
    assert refused == {}
    assert (read.version, read.published) == ("20261106000000", "2026-11-06")


def test_a_file_of_another_service_gives_nothing():
    piece = {**document("AmazonS3-us-east-1"), "offerCode": "AmazonRDS"}

    assert from_json(piece, "piece").rows == ()


# --- the table ---


def test_each_price_is_recognised_in_one_way():
    keys = [product.key for product in PRODUCTS]

    assert len(set(keys)) == len(keys)
    assert set(keys) - {key for region in data.price_regions() for key in data.prices(region)["prices"]} == set()


def test_the_codes_are_those_of_the_documentation():
    text = data.path("README.md").read_text(encoding="utf-8")

    assert f"{len(OFFERS)} files" in text


# --- what is refused ---


def broken(change: str) -> Any:
    piece = copy.deepcopy(document("AWSQueueService-us-east-1"))
    dimension = next(iter(dimensions(piece).values()))
    match change:
        case "no products":
            del piece["products"]
        case "products in a list":
            piece["products"] = list(piece["products"].values())
        case "no terms":
            piece["terms"] = []
        case "no price":
            del dimension["pricePerUnit"]
        case "no number":
            dimension["pricePerUnit"]["USD"] = "free"
    return piece


@pytest.mark.parametrize("change", ["no products", "products in a list", "no terms", "no price", "no number"])
def test_another_layout_is_one_error_that_names_the_file(change):
    with pytest.raises(
        ConfigError, match=r"index.json is no file of AWS's price list in the layout that is known"
    ) as caught:
        from_json(broken(change), "index.json")

    assert "index.json" in caught.value.fix


@pytest.mark.parametrize("document", [[], None, "text", {"prices": {}}])
def test_what_is_no_price_list_is_one_error(document):
    with pytest.raises(ConfigError, match="x is no file of AWS's price list"):
        from_json(document, "x")


def test_tiers_with_a_gap_are_one_error():
    piece = broken("nothing")
    del dimensions(piece)[next(iter(dimensions(piece)))]

    with pytest.raises(ConfigError, match="the tiers of SKU CHAINKITSKU00001 are"):
        listed([from_json(piece, "piece")], "us-east-1")


def test_another_currency_is_one_error():
    piece = broken("nothing")
    for term in piece["terms"]["OnDemand"].values():
        for each in term.values():
            for dimension in each["priceDimensions"].values():
                dimension["pricePerUnit"] = {"CNY": "1"}

    with pytest.raises(ConfigError, match="piece has prices in CNY; the price book is in USD"):
        from_json(piece, "piece")


@pytest.mark.parametrize("lines", [[], ["a,b"], ['"OfferCode","AmazonEC2"', '"SKU","TermType"', '"1","OnDemand"']])
def test_another_csv_is_one_error(lines):
    with pytest.raises(ConfigError, match="x is no file of AWS's price list"):
        from_csv(lines, "x")
