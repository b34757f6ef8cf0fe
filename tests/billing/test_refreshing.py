"""Prices read anew: what changes, what waits, what stays, and where it is written."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest

from chainkit import data
from chainkit.billing import refreshing
from chainkit.billing.offers import OFFERS, from_json
from chainkit.billing.prices import price_book
from chainkit.billing.refreshing import as_text, fetched, renewal, saved, write
from chainkit.errors import ConfigError

LISTS = Path(__file__).parent / "price_lists"
READ = saved(LISTS, nat=True)
TODAY = dt.date(2026, 11, 27)


# --- what would change ---


def test_a_price_that_moved_is_shown_with_what_it_was():
    changed = {str(change) for change in renewal(READ, "us-east-1").changed}

    assert "nat-gb: 0.045 -> 0.05 USD per GB" in changed
    assert "sns-fifo-publishes: 0.0000003 -> 0.0000003 to 50,000,000,000; 0.00000025 above USD per request" in changed


def test_a_price_that_the_region_lacked_is_new():
    changed = {change.after.key: change for change in renewal(READ, "ap-northeast-1").changed}

    assert changed["lambda-provisioned-gb-s-arm64"].before is None
    assert changed["lambda-provisioned-gb-s-arm64"].after.unit == "GB-s"


def test_a_price_says_its_list_and_has_confidence_a():
    price = renewal(READ, "ap-northeast-1").taken["lambda-gb-s-x86"]

    assert (price.source, price.date, price.confidence) == ("AWS price list AWSLambda 20261105121314", "2026-11", "A")
    assert (price.free_per_month, price.free_pool) == (400_000, "lambda-gb-s")


def test_what_a_note_said_of_the_old_source_goes():
    before = price_book("ap-northeast-1").price("lambda-gb-s-x86").note
    after = renewal(READ, "ap-northeast-1").taken["lambda-gb-s-x86"].note

    assert before == f"{after} [the price of the first tier; above it AWS charges less]"


def test_a_usage_type_that_was_never_seen_is_marked():
    note = renewal(READ, "us-east-1").taken["sns-filter-body-gb"].note

    assert note.endswith("[taken for usage type PL-Filter-Matched, which was not seen before]")


def test_a_price_that_would_be_zero_or_ten_times_off_waits_for_a_yes():
    doubted, taken = renewal(READ, "us-east-1"), renewal(READ, "us-east-1", yes=True)

    assert [str(change) for change in doubted.held] == [
        "sns-deliveries-http: 0.0000006 -> 0.000006 USD per delivery",
        "sns-deliveries-email: 0.00002 -> 0 USD per delivery",
    ]
    assert not {"sns-deliveries-http", "sns-deliveries-email"} & set(doubted.taken)
    assert taken.held == ()
    assert taken.taken["sns-deliveries-http"].usd(1e6) == pytest.approx(6)


def test_a_price_of_a_new_region_is_doubted_beside_virginia(monkeypatch):
    piece = json.loads(
        (LISTS / "AWSQueueService-eu-west-1.json").read_text(encoding="utf-8").replace("eu-west-1", "xx-new-1")
    )
    text = json.dumps(piece).replace("0.0000004400", "0.0000440000")
    renewed = renewal([from_json(json.loads(text), "piece")], "xx-new-1")

    assert [change.after.key for change in renewed.held] == ["sqs-standard-requests"]
    assert list(renewed.taken) == ["sqs-fifo-requests"]


def test_every_price_of_the_region_is_read_or_stays_with_a_reason():
    renewed = renewal(READ, "us-east-1")
    held = {change.after.key for change in renewed.held}

    assert set(renewed.taken) | held | set(renewed.kept) == set(price_book("us-east-1").by_key)
    assert renewed.kept["cloudwatch-dashboards"] == "not known in AWS's list"
    assert renewed.kept["kms-keys"] == "not in the files that were read"
    assert renewed.kept["dynamodb-writes"] == "2 products of usage type WriteRequestUnits differ in price"


def test_the_words_name_what_changed_what_waits_and_what_stays():
    text = str(renewal(READ, "us-east-1"))

    assert text.startswith("us-east-1: 10 prices read, 2 of them new or changed\n  ")
    assert "\n  held back, zero or ten times off, --yes takes it: sns-deliveries-email: 0.00002 -> 0 USD" in text
    assert "\n  as they were, not known in AWS's list: lambda-savings-plan-gb-s-x86, " in text
    assert max(map(len, text.split("\n"))) <= 120


@pytest.mark.parametrize(
    ("region", "problem"),
    [("sa-east-1", "have no price of region 'sa-east-1'"), ("../etc", "region='../etc' is no region of AWS")],
)
def test_a_region_without_a_price_in_the_files_is_an_error(region, problem):
    with pytest.raises(ConfigError, match=problem):
        renewal(READ, region)


# --- writing ---


def test_what_is_written_is_what_a_bill_reads(tmp_path, monkeypatch):
    renewed = renewal(READ, "us-east-1")
    file = write(renewed, tmp_path / "new", today=TODAY)
    before = price_book("us-east-1")
    monkeypatch.setenv("CHAINKIT_PRICES", str(file.parent))
    after = price_book("us-east-1")

    assert {key: after.by_key[key] for key in renewed.taken} == renewed.taken
    assert {key: price for key, price in after.by_key.items() if key not in renewed.taken} == {
        key: price for key, price in before.by_key.items() if key not in renewed.taken
    }


def test_other_prices_of_a_file_that_is_there_stay(tmp_path):
    lambdas = [offer for offer in READ if offer.code == "AWSLambda"]
    keys = [offer for offer in READ if offer.code == "awskms"]
    for offers in (lambdas, keys):
        file = write(renewal(offers, "ap-northeast-1"), tmp_path, today=TODAY)

    assert set(json.loads(file.read_text(encoding="utf-8"))["prices"]) == {
        "lambda-requests", "lambda-gb-s-x86", "lambda-provisioned-gb-s-arm64", "kms-keys", "kms-requests",
    }  # fmt: skip


def test_a_refresh_of_what_was_refreshed_changes_nothing(tmp_path, monkeypatch):
    file = write(renewal(READ, "us-east-1"), tmp_path, today=TODAY)
    text = file.read_text(encoding="utf-8")
    monkeypatch.setenv("CHAINKIT_PRICES", str(tmp_path))
    again = renewal(READ, "us-east-1")

    assert again.changed == ()
    assert write(again, tmp_path, today=TODAY).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("region", data.price_regions())
def test_the_files_of_chainkit_are_in_the_form_that_is_written(region):
    file = data.path("prices", f"{region}.json")
    table = json.loads(file.read_text(encoding="utf-8"))

    assert as_text(region, table["checked"], table["prices"]) == file.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(ConfigError, match="cannot be written"):
        write(renewal(READ, "us-east-1"), tmp_path / "file" / "prices", today=TODAY)


# --- where files come from ---


def test_saved_files_are_found_whatever_their_names(tmp_path):
    place = tmp_path / "offers" / "AWSQueueService" / "current" / "us-east-1"
    place.mkdir(parents=True)
    (place / "index.json").write_bytes((LISTS / "AWSQueueService-us-east-1.json").read_bytes())

    assert [offer.code for offer in saved(tmp_path)] == ["AWSQueueService"]


def test_the_file_of_ec2_is_read_only_if_it_is_asked_for():
    assert {offer.code for offer in READ} - {offer.code for offer in saved(LISTS)} == {"AmazonEC2"}


@pytest.mark.parametrize(
    ("content", "problem"), [(b"{", "is no JSON"), (b"\xff\xfe", "is no JSON"), (b"[]", "is no file")]
)
def test_a_saved_file_that_is_something_else_is_named(tmp_path, content, problem):
    (tmp_path / "offer.json").write_bytes(content)

    with pytest.raises(ConfigError, match=f"offer.json {problem}"):
        saved(tmp_path)


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="there is no file of the price list"):
        saved(tmp_path)


@pytest.fixture
def network(monkeypatch):
    """The addresses that were asked for; each answers with the piece of its name, or with one of queues."""
    asked: list[str] = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        code = url.split("/")[-4]
        file = LISTS / (f"{code}-us-east-1.csv" if url.endswith(".csv") else "AWSQueueService-us-east-1.json")
        return io.BytesIO(file.read_bytes())

    monkeypatch.setattr(refreshing.urllib.request, "urlopen", answer)
    return asked


def test_one_file_of_each_service_is_fetched(network):
    read = list(fetched("us-east-1"))

    base = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
    assert network == [f"{base}/{code}/current/us-east-1/index.json" for code in OFFERS if code != "AmazonEC2"]
    assert len(read) == len(network)


def test_the_gateways_are_fetched_line_by_line_if_they_are_asked_for(network):
    read = list(fetched("us-east-1", nat=True))

    assert network[-1].endswith("/AmazonEC2/current/us-east-1/index.csv")
    assert read[-1].code == "AmazonEC2"


def test_without_a_network_the_error_names_the_address_and_the_other_way(monkeypatch):
    def refuse(url: str, timeout: float) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(refreshing.urllib.request, "urlopen", refuse)

    with pytest.raises(ConfigError, match=r"AWSLambda/current/eu-west-1/index.json cannot be read: no route") as caught:
        list(fetched("eu-west-1"))

    assert "--from FOLDER" in caught.value.fix


@pytest.mark.parametrize(
    ("usd", "outcome"),
    [
        ("0.0000000000", "held"),
        ("0.0000009000", "the list's is refused: price 'sns-fifo-publishes': usd=[3e-07, 9e-07]"),
    ],
)
def test_a_later_tier_at_no_cost_waits_and_a_dearer_one_is_refused(usd, outcome):
    text = (LISTS / "AmazonSNS-us-east-1.json").read_text(encoding="utf-8").replace("0.0000002500", usd)
    renewed = renewal([from_json(json.loads(text), "piece")], "us-east-1")
    held = {change.after.key: "held" for change in renewed.held}
    key = "sns-fifo-publishes"

    assert key not in renewed.taken
    assert {**renewed.kept, **held}[key].startswith(outcome)


def test_a_free_part_that_grew_is_a_change():
    text = (LISTS / "AmazonSNS-us-east-1.json").read_text(encoding="utf-8").replace('"1000000"', '"2000000"')
    changed = {
        each.after.key: each.after for each in renewal([from_json(json.loads(text), "piece")], "us-east-1").changed
    }

    assert changed["sns-publishes"].free_per_month == 2_000_000


def test_a_free_part_that_several_prices_share_stays_as_it_is():
    piece = json.loads((LISTS / "AWSQueueService-us-east-1.json").read_text(encoding="utf-8"))
    (term,) = next(iter(piece["terms"]["OnDemand"].values())).values()
    first = next(iter(term["priceDimensions"].values()))
    term["priceDimensions"]["free"] = {**first, "endRange": "500", "pricePerUnit": {"USD": "0"}}
    first["beginRange"] = "500"
    renewed = renewal([from_json(piece, "piece")], "us-east-1")

    assert renewed.taken["sqs-standard-requests"].free_per_month == 1_000_000
