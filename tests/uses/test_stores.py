"""DynamoDB, Kinesis, S3: units of items and records."""

import pytest

from chainkit.uses.stores import DynamodbUse, KinesisUse, S3Use


def counted(use):
    return {each.price: each.quantity for each in use.quantities()}


@pytest.mark.parametrize(
    ("given", "item_kb", "units"),
    [
        ("writes", 1, 1),
        ("writes", 1.1, 2),
        ("transactional_writes", 3, 6),
        ("reads", 4, 1),
        ("reads", 4.1, 2),
        ("eventual_reads", 4, 0.5),
        ("eventual_reads", 9, 1.5),
        ("transactional_reads", 5, 4),
    ],
)
def test_an_item_is_read_and_written_in_units(given, item_kb, units):
    key = "dynamodb-writes" if "writes" in given else "dynamodb-reads"

    assert counted(DynamodbUse(item_kb=item_kb, **{given: 1})) == {key: units}


def test_provisioned_units_count_hours():
    assert counted(DynamodbUse(write_capacity=10, read_capacity=5, hours=24)) == {
        "dynamodb-wcu-hours": 240,
        "dynamodb-rcu-hours": 120,
    }


def test_a_record_is_put_in_units_of_25_kb_into_shards_and_as_gigabytes_on_demand():
    records = {"records": 1024 * 1024, "record_kb": 26, "hours": 1}

    assert counted(KinesisUse(shards=1, **records)) == {"kinesis-shard-hours": 1, "kinesis-put-units": 2 * 1024 * 1024}
    assert counted(KinesisUse(on_demand_streams=1, **records)) == {
        "kinesis-on-demand-stream-hours": 1,
        "kinesis-on-demand-in-gb": 26,
    }


def test_consumers_with_fan_out_pay_for_each_shard_and_for_what_each_reads():
    use = KinesisUse(shards=2, hours=10, records=1024 * 1024, record_kb=1, fan_out_consumers=3)

    assert counted(use)["kinesis-fan-out-shard-hours"] == 60
    assert counted(use)["kinesis-fan-out-gb"] == 3


def test_a_bucket_counts_requests_and_storage():
    assert counted(S3Use(puts=1, gets=2, storage_gb=3)) == {"s3-puts": 1, "s3-gets": 2, "s3-storage-gb-month": 3}
