"""What the price book promises to those who compute with it."""

import math
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit import data
from chainkit.billing.prices import Charge, Price, Prices, Tier, from_entry, price_book
from chainkit.errors import ConfigError, PriceMissingError

BOOK = price_book("us-east-1")
GOLD = Price(key="gold", unit="ounce", tiers=(Tier(2.0, 10.0), Tier(5.0, 8.0), Tier(math.inf, 4.0)))
QUANTITIES = st.floats(0, 1e12)


@st.composite
def tiered(draw: st.DrawFn) -> Price:
    """A price of one to five tiers."""
    ends = sorted(draw(st.sets(st.floats(1e-3, 1e12), max_size=4)))
    usd = sorted(draw(st.lists(st.floats(0, 10), min_size=len(ends) + 1, max_size=len(ends) + 1)), reverse=True)
    return Price(key="any", unit="piece", tiers=tuple(map(Tier, [*ends, math.inf], usd)))


# --- tiers ---


@pytest.mark.parametrize(("quantity", "usd"), [(0, 0), (1, 10), (2, 20), (3, 28), (5, 44), (6, 48), (1005, 4044)])
def test_each_part_of_a_quantity_costs_what_its_tier_says(quantity, usd):
    assert GOLD.usd(quantity) == usd


def test_a_quantity_is_charged_tier_by_tier_as_far_as_it_reaches():
    assert GOLD.charges(3) == (Charge(2.0, 10.0), Charge(1.0, 8.0))


@given(tiered(), QUANTITIES)
def test_charges_add_up_to_the_quantity(price, quantity):
    assert math.fsum(charge.quantity for charge in price.charges(quantity)) == pytest.approx(quantity, rel=1e-12)


@given(tiered(), QUANTITIES, QUANTITIES)
def test_more_never_costs_less(price, one, other):
    low, high = sorted([one, other])

    assert price.usd(low) <= price.usd(high) * (1 + 1e-12)


@given(tiered(), QUANTITIES, st.floats(0, 1e3))
def test_a_little_more_never_costs_more_than_at_the_first_price(price, quantity, more):
    step_usd = price.usd(quantity + more) - price.usd(quantity)

    assert step_usd <= price.tiers[0].usd * more + 1e-9 * (1 + price.usd(quantity + more))


@given(tiered())
def test_cost_does_not_jump_where_a_tier_ends(price):
    for tier in price.tiers[:-1]:
        below, above = (price.usd(math.nextafter(tier.up_to, toward)) for toward in (0, math.inf))

        assert above == pytest.approx(below, rel=1e-9, abs=1e-9)


# --- reading ---


def test_every_price_file_is_read_whole():
    for file in data.path("prices").glob("*.json"):
        assert set(price_book(file.stem).by_key) == set(data.prices(file.stem)["prices"])


def test_a_price_says_its_source_date_and_confidence():
    price = BOOK.price("lambda-requests")

    assert (price.unit, price.date, price.confidence) == ("request", "2026-09", "A")
    assert "P8" in price.source


def test_a_price_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        BOOK.price("lambda-requests").unit = "million requests"
    with pytest.raises(TypeError):
        BOOK.by_key["lambda-requests"] = GOLD


def test_an_unknown_price_is_answered_with_the_region_and_the_nearest_key():
    with pytest.raises(PriceMissingError, match=r"'lambda-request'.*'us-east-1'.*did you mean 'lambda-requests'"):
        BOOK.price("lambda-request")


def test_a_price_that_only_other_regions_have_is_answered_with_them():
    with pytest.raises(PriceMissingError) as caught:
        price_book("ap-northeast-1").price("events-custom")

    assert caught.value.problem == (
        "prices: price='events-custom' is not among the 37 prices of region 'ap-northeast-1'; it is known in us-east-1,"
        " eu-west-1, eu-central-1, ap-southeast-1"
    )
    assert "chainkit prices refresh --region ap-northeast-1" in caught.value.fix
    assert ".with_price('events-custom', usd)" in caught.value.fix


def test_a_price_that_a_region_lacks_can_be_given():
    own = price_book("ap-northeast-1").with_price("lambda-streaming-gb", 0.01, source="pricing page, 2026-11")
    price = own.price("lambda-streaming-gb")

    assert (price.unit, price.free_per_month, price.usd(2), price.confidence) == ("GB", 100, 0.02, "U")


def test_a_book_is_read_once_until_its_file_changes():
    assert price_book("us-east-1") is price_book("us-east-1")


def test_a_frame_has_a_row_for_each_price_with_what_it_says():
    frame = BOOK.to_frame().set_index("key")

    assert list(frame.index) == list(BOOK.by_key)
    assert dict(frame.loc["sqs-standard-requests"]) == {
        "unit": "request",
        "usd": 0.0000004,
        "tiers": "0.0000004 to 100,000,000,000; 0.0000003 to 200,000,000,000; 0.00000024 above",
        "free": 1_000_000,
        "source": "P1, P3, P7",
        "date": "2026-09",
        "confidence": "A",
        "note": BOOK.price("sqs-standard-requests").note,
    }


def test_an_empty_book_has_an_empty_frame_with_its_columns():
    assert list(Prices("nowhere", "2026").to_frame().columns) == list(BOOK.to_frame().columns)


def test_a_book_says_itself_in_a_word():
    assert repr(BOOK) == f"Prices('us-east-1', {len(BOOK.by_key)} prices, checked 2026-11-23)"


def test_an_unknown_region_is_answered_with_those_that_exist():
    with pytest.raises(PriceMissingError, match=r"'us-east-9' has no price file; there is one for .*us-east-1"):
        price_book("us-east-9")


def test_a_price_of_ones_own_is_flat_and_leaves_the_book_as_it_was():
    own = BOOK.with_price("http-api-requests", 0.5e-6, source="contract")

    assert own.price("http-api-requests").usd(400e6) == pytest.approx(200)
    assert own.price("http-api-requests").source == "contract"
    assert BOOK.price("http-api-requests").usd(400e6) == pytest.approx(390)


def test_only_a_price_that_is_there_can_be_replaced():
    with pytest.raises(PriceMissingError, match="'gold'"):
        BOOK.with_price("gold", 10)


def test_your_own_price_may_have_tiers():
    own = BOOK.with_price("http-api-requests", [(1e6, 2e-6), (math.inf, 1e-6)], source="contract")

    assert own.price("http-api-requests").usd(3e6) == pytest.approx(4.0)
    assert own.price("http-api-requests").source == "contract"


@pytest.mark.parametrize(
    ("usd", "problem"),
    [
        ([0.5, 0.4], r"usd=\[0\.5, 0\.4\] are no tiers"),
        ([(1e6, 0.5)], "the last has no end"),
        ([], "the last has no end"),
        ([(1e6, 0.5), (math.inf, 0.6)], "gets dearer"),
        ([(math.inf, "0.5")], "is no list of amounts"),
    ],
)
def test_tiers_that_are_none_are_refused(usd, problem):
    with pytest.raises(ConfigError, match=f"price 'http-api-requests': .*{problem}"):
        BOOK.with_price("http-api-requests", usd)


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tiers": ()}, "the last has no end"),
        ({"tiers": (Tier(2.0, 1.0),)}, "the last has no end"),
        ({"tiers": (Tier(math.inf, 1.0), Tier(math.inf, 1.0))}, "the last has no end"),
        ({"tiers": (Tier(5.0, 1.0), Tier(2.0, 1.0), Tier(math.inf, 1.0))}, "do not rise"),
        ({"tiers": (Tier(0.0, 1.0), Tier(math.inf, 1.0))}, "do not rise"),
        ({"tiers": (Tier(math.inf, -1.0),)}, "no list of amounts"),
        ({"tiers": (Tier(math.inf, math.nan),)}, "no list of amounts"),
        ({"tiers": (Tier(math.inf, "1"),)}, "no list of amounts"),
        ({"tiers": (Tier(2.0, 0.0), Tier(math.inf, 1.0))}, "gets dearer"),
        ({"free_per_month": -1.0}, "free_per_month=-1.0"),
        ({"confidence": "sure"}, "confidence='sure'"),
        ({"source": ""}, "source=''"),
    ],
)
def test_a_price_that_cannot_be_is_refused(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        replace(GOLD, **changes)


@pytest.mark.parametrize("change", [{"tier": []}, {"tiers": [{"up_to": None, "eur": 1}]}])
def test_an_entry_with_unknown_fields_is_refused(change):
    entry = {**data.prices("us-east-1")["prices"]["lambda-requests"], **change}

    with pytest.raises(ConfigError, match="allowed are exactly"):
        from_entry("lambda-requests", entry)


def test_an_entry_without_a_source_is_refused():
    entry = {**data.prices("us-east-1")["prices"]["lambda-requests"]}
    del entry["source"]

    with pytest.raises(ConfigError, match="allowed are exactly"):
        from_entry("lambda-requests", entry)


def test_prices_that_share_a_free_part_agree_on_its_size():
    entries = [replace(GOLD, key=f"gold-{k}", free_pool="gold", free_per_month=k) for k in (1, 2)]

    with pytest.raises(ConfigError, match="free_pool='gold' is 1 for 'gold-1' and 2 for 'gold-2'"):
        Prices("nowhere", "2026", {price.key: price for price in entries})


def test_tiers_of_list_prices_fall():
    for price in BOOK.by_key.values():
        assert all(high.usd <= low.usd for low, high in pairwise(price.tiers))


# --- regions ---

# Requests per million; GB-s in USD per ten billion: x86, arm64, provisioned x86, run time provisioned x86, /tmp.
LAMBDA = """
us-east-1       20  166667 133334 41667  97222 309
us-east-2       20  166667 133334 41667  97222 309
us-west-1       20  166667 133334 49041 114430 370
us-west-2       20  166667 133334 41667  97222 309
ca-central-1    20  166667 133334 46460 108407 340
sa-east-1       20  166667 133334 66372 154867 586
eu-west-1       20  166667 133334 46460 108407 340
eu-west-2       20  166667 133334 48304 112709 358
eu-west-3       20  166667 133334 48673 113569 358
eu-central-1    20  166667 133334 50147 117011 367
eu-central-2    22  183334 146667 55162 128712 441
eu-north-1      20  166667 133334 44248 103245 323
eu-south-1      23  195172 156138 48783 113827 357
af-south-1      27  221000 176800 55300 129000 404
ap-south-1      20  166667 133334 44985 104966 352
ap-southeast-1  20  166667 133334 51991 121313 370
ap-southeast-2  20  166667 133334 52360 122173 370
ap-southeast-4  20  166667 133334 52360 122173 370
ap-southeast-5  18  150000 120000 46791 109181 333
ap-northeast-1  20  166667 133334 53835 125615 370
ap-northeast-2  20  166667 133334 51254 119592 352
ap-northeast-3  20  166667 133334 53835 125615 370
ap-east-1       28  229200 183000 57153 133358 407
"""
LAMBDA_KEYS = (
    "lambda-gb-s-x86",
    "lambda-gb-s-arm64",
    "lambda-provisioned-gb-s-x86",
    "lambda-provisioned-duration-gb-s-x86",
    "lambda-ephemeral-gb-s",
)
# Step Functions, USD per million transitions.
TRANSITIONS = {
    "us-east-1": 25, "eu-west-1": 25, "eu-central-1": 25, "ap-southeast-1": 25, "ap-northeast-1": 25,
    "ap-southeast-2": 25, "us-west-1": 27.9, "ap-northeast-2": 27.1, "ap-south-1": 28.5, "eu-west-3": 29.7,
    "eu-south-1": 26.25, "ap-east-1": 27.5, "me-south-1": 27.5, "af-south-1": 29.75, "sa-east-1": 37.5,
}  # fmt: skip
# USD per million, of the first tier.
PER_MILLION = {
    "eu-west-1": {
        "sqs-standard-requests": 0.40, "sqs-fifo-requests": 0.50, "sns-publishes": 0.50, "events-custom": 1,
        "events-deliveries-cross-account": 0.05, "events-api-destinations": 0.20, "events-pipes": 0.40,
        "events-schedules": 1, "http-api-requests": 1.11, "rest-api-requests": 3.50, "dynamodb-writes": 0.705,
        "dynamodb-reads": 0.1415, "s3-puts": 5, "s3-gets": 0.4, "cloudwatch-api-requests": 10,
    },
    "eu-central-1": {
        "sqs-standard-requests": 0.40, "sqs-fifo-requests": 0.50, "events-custom": 1, "events-api-destinations": 0.24,
        "events-pipes": 0.46, "events-schedules": 1.15, "dynamodb-writes": 0.7625, "dynamodb-reads": 0.1525,
        "s3-puts": 5.4, "s3-gets": 0.43,
    },
    "ap-southeast-1": {
        "sqs-standard-requests": 0.40, "sqs-fifo-requests": 0.50, "sns-publishes": 0.50, "events-custom": 1,
        "http-api-requests": 1.25, "rest-api-requests": 4.25, "dynamodb-writes": 0.71, "dynamodb-reads": 0.1425,
        "s3-puts": 5, "s3-gets": 0.4,
    },
    "ap-northeast-1": {
        "sqs-standard-requests": 0.40, "sqs-fifo-requests": 0.50, "http-api-requests": 1.29, "dynamodb-writes": 0.715,
        "dynamodb-reads": 0.1425, "kinesis-put-units": 0.0215, "s3-puts": 4.7, "s3-gets": 0.37, "kms-requests": 3,
        "xray-spans-indexed": 0.75,
    },
}  # fmt: skip
# USD per unit, of the first tier.
PER_UNIT = {
    "eu-west-1": {
        "logs-ingestion-standard-gb": 0.57, "logs-ingestion-infrequent-gb": 0.285, "logs-storage-gb-month": 0.03,
        "logs-insights-gb": 0.0057, "logs-live-tail-minutes": 0.01, "events-archived-gb": 0.11,
        "events-archive-gb-month": 0.023, "dynamodb-storage-gb-month": 0.283, "s3-storage-gb-month": 0.023,
        "cloudwatch-metrics": 0.30, "cloudwatch-alarms": 0.10, "cloudwatch-composite-alarms": 0.50,
        "vpc-endpoint-hours": 0.011, "vpc-endpoint-gb": 0.01, "nat-gateway-hours": 0.048, "nat-gb": 0.048,
        "public-ipv4-hours": 0.005, "transfer-zones-gb": 0.01, "transfer-internet-out-gb": 0.09,
        "rest-api-cache-1.6gb-hours": 0.038,
    },
    "eu-central-1": {
        "logs-ingestion-standard-gb": 0.63, "logs-storage-gb-month": 0.0324, "logs-insights-gb": 0.0063,
        "events-archived-gb": 0.12, "events-archive-gb-month": 0.0245, "dynamodb-storage-gb-month": 0.306,
        "vpc-endpoint-hours": 0.012, "nat-gateway-hours": 0.052,
    },
    "ap-southeast-1": {
        "dynamodb-storage-gb-month": 0.285, "dynamodb-wcu-hours": 0.00074, "dynamodb-rcu-hours": 0.000148,
        "s3-storage-gb-month": 0.025,
    },
    "ap-northeast-1": {
        "logs-ingestion-standard-gb": 0.76, "logs-storage-gb-month": 0.033, "logs-insights-gb": 0.0076,
        "kinesis-shard-hours": 0.0195, "s3-storage-gb-month": 0.025, "cloudwatch-metrics": 0.30,
        "cloudwatch-alarms": 0.10, "cloudwatch-synthetics-runs": 0.0019, "secrets-manager-secrets": 0.40,
        "kms-keys": 1, "vpc-endpoint-hours": 0.014, "nat-gateway-hours": 0.062, "nat-gb": 0.062,
        "transfer-internet-out-gb": 0.114,
    },
}  # fmt: skip


def first(region: str, key: str) -> float:
    return price_book(region).price(key).tiers[0].usd


@pytest.mark.parametrize("row", LAMBDA.split("\n")[1:-1], ids=lambda row: row.split()[0])
def test_lambda_has_its_published_prices_in_every_region(row):
    region, per_million, *per_unit = row.split()

    assert first(region, "lambda-requests") == pytest.approx(int(per_million) * 1e-8, rel=1e-12)
    for key, digits in zip(LAMBDA_KEYS, per_unit, strict=True):
        assert first(region, key) == pytest.approx(int(digits) * 1e-10, rel=1e-12), key


def test_step_functions_have_their_published_prices():
    found = {}
    for region in data.price_regions():
        if "stepfunctions-transitions" in price_book(region).by_key:
            found[region] = 1e6 * first(region, "stepfunctions-transitions")

    assert found == pytest.approx(TRANSITIONS, rel=1e-12)


@pytest.mark.parametrize("region", PER_MILLION)
def test_a_region_has_its_published_prices(region):
    found = {key: 1e6 * first(region, key) for key in PER_MILLION[region]}

    assert found == pytest.approx(PER_MILLION[region], rel=1e-12)
    assert {key: first(region, key) for key in PER_UNIT[region]} == PER_UNIT[region]


@pytest.mark.parametrize("region", sorted(set(data.price_regions()) - {"us-east-1", "eu-west-1"}))
def test_where_only_a_first_tier_is_known_the_price_says_so(region):
    for key, price in price_book(region).by_key.items():
        if len(price.tiers) < len(BOOK.by_key.get(key, price).tiers):
            assert "AWS charges less" in price.note, key


@pytest.mark.parametrize("key", ["lambda-gb-s-x86", "sqs-standard-requests", "sqs-fifo-requests"])
def test_tiers_that_were_read_in_ireland_are_those_of_virginia(key):
    assert price_book("eu-west-1").price(key).tiers == BOOK.price(key).tiers


def test_rest_tiers_of_ireland_are_its_own():
    tiers = price_book("eu-west-1").price("rest-api-requests").tiers

    assert [(tier.up_to, round(1e6 * tier.usd, 6)) for tier in tiers] == [
        (333e6, 3.50),
        (1e9, 3.19),
        (20e9, 2.71),
        (math.inf, 1.72),
    ]


@pytest.mark.parametrize(
    ("key", "quantity", "usd"),
    [  # examples of AWS's pricing pages, by hand
        ("lambda-kafka-poller-hours", 800, 148.0),
        ("lambda-tenant-environments-gb", 200_000, 33.4),
        ("lambda-edge-gb-s", 12_500, 0.625125),
        ("lambda-microvm-snapshot-write-gb", 24_000, 91.2),
        ("lambda-microvm-snapshot-read-gb", 28_000, 43.4),
        ("rest-api-requests", 5e6, 17.5),
        ("rest-api-cache-1.6gb-hours", 24, 0.912),
        ("vpc-endpoint-hours", 720, 7.2),
        ("events-api-destinations", 2e6, 0.4),
        ("events-management-cross-account", 5e6, 5.0),
        ("events-pipes", 0.5e6, 0.2),
        ("cloudwatch-metrics", 70, 21.0),
        ("logs-storage-gb-month", 1, 0.03),
    ],
)
def test_prices_give_the_amounts_of_published_examples(key, quantity, usd):
    assert BOOK.price(key).usd(quantity) == pytest.approx(usd, rel=1e-9)


def test_what_stays_from_memory_says_so():
    doubtful = {key for key, price in BOOK.by_key.items() if price.confidence == "D"}

    assert {BOOK.price(key).source for key in doubtful} == {"from memory"}
    assert {key for key, price in BOOK.by_key.items() if price.source == "from memory"} == doubtful
