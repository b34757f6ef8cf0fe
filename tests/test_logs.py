"""Logs: what they cost as they come, and while they are kept."""

from chainkit import logs
from chainkit.billing.prices import price_book


def test_a_gb_is_1024_mb_and_what_is_kept_is_a_fifth_of_a_month() -> None:
    ingestion, storage = logs.meters(2**20, 30)

    assert (ingestion.price, ingestion.counter, ingestion.factor) == ("logs-ingestion-gb", "invocations", 2**-10)
    assert (storage.price, storage.counter) == ("logs-storage-gb-month", "invocations")
    assert storage.factor == 0.2 * 2**-10


def test_a_function_that_writes_none_pays_none() -> None:
    assert logs.meters(0, 30) == ()


def test_what_is_assumed_is_said_on_the_line() -> None:
    assert "0.2 of their size (assumed)" in logs.meters(100, 14)[1].why


def test_a_gb_costs_what_the_pricing_page_says() -> None:
    """1 KB a run is half a dollar a million: 0.954 GB of 1,024 MB at $0.50."""
    ingestion, _ = logs.meters(1024, 14)
    charges = price_book("us-east-1").price(ingestion.price).charges(1e6 * ingestion.factor)

    assert round(sum(charge.usd for charge in charges), 3) == 0.477
