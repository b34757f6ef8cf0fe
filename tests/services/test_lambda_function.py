"""Functions: what the contract tests do not see of their settings for room and logs."""

from typing import Any

import pytest

import chainkit as ck
from chainkit import data
from chainkit.billing.prices import price_book
from chainkit.records import Meter

REGIONS = sorted(file.stem for file in data.path("prices").glob("*.json"))
EVERYTHING: dict[str, Any] = {"ephemeral_storage_mb": 1024, "log_bytes": 1000, "warmer": ck.Warmer()}


def properties(**settings: Any) -> dict[str, Any]:
    """Return a function's properties in its template."""
    chain = ck.Chain("shop")
    pay = chain.add(ck.LambdaFunction("pay", **settings))
    found: dict[str, Any] = ck.template(chain)["Resources"][pay.id]["Properties"]
    return found


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "settings",
    [
        {**EVERYTHING, "provisioned_concurrency": 2},
        {**EVERYTHING, "provisioned_concurrency": 2, "architecture": "arm64"},
        {"snap_start": True, "log_bytes": 1000},
    ],
)
def test_whatever_is_chosen_has_a_price_or_an_error_that_names_it_in_every_region(
    settings: dict[str, Any], region: str
) -> None:
    book = price_book(region)
    meters = ck.LambdaFunction("pay", **settings).meters()

    for meter in meters:
        if meter.price in book.by_key:
            assert meter.why
            assert book.price(meter.price).tiers[0].usd > 0
        else:
            with pytest.raises(ck.PriceMissingError, match=f"{meter.price}.*{region}"):
                book.price(meter.price)
    assert region != "us-east-1" or all(meter.price in book.by_key for meter in meters)
    assert len({(meter.price, meter.counter) for meter in meters}) == len(meters)


def test_room_over_512_mb_is_part_of_the_template_and_no_more_than_that() -> None:
    assert properties(ephemeral_storage_mb=2048)["EphemeralStorage"] == {"Size": 2048}
    assert "EphemeralStorage" not in properties()


def test_room_is_paid_for_over_512_mb_only() -> None:
    def storage(**settings: Any) -> list[Meter]:
        meters = ck.LambdaFunction("pay", **settings).meters()
        return [meter for meter in meters if meter.price == "lambda-ephemeral-gb-s"]

    assert storage() == []
    assert [(m.counter, m.factor) for m in storage(ephemeral_storage_mb=1536)] == [
        ("run_ms", 1 / 1000),
        ("init_ms", 1 / 1000),
    ]


def test_a_snapshot_excludes_more_room() -> None:
    chain = ck.Chain("shop")
    chain.add(ck.LambdaFunction("pay", snap_start=True, ephemeral_storage_mb=1024))
    (error,) = chain.validate()

    assert "snap_start=True excludes ephemeral_storage_mb=1024" in str(error)
    assert "fix: choose 512" in str(error)


def test_logs_that_nobody_stated_are_said_to_be_unpriced() -> None:
    assert ck.LambdaFunction("pay").unpriced([]) == ("logs (log_bytes)",)
    assert ck.LambdaFunction("pay", log_bytes=0).unpriced([]) == ()
    assert ck.SqsQueue("jobs").unpriced([]) == ()


@pytest.mark.parametrize("value", [-1, 2**30 + 1])
def test_a_size_of_logs_that_no_run_writes_is_refused(value: int) -> None:
    with pytest.raises(ck.ConfigError, match=f"log_bytes={value} is outside") as caught:
        ck.LambdaFunction("pay", log_bytes=value)

    assert caught.value.fix
