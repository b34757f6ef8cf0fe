"""Months worked out by hand from AWS's rules of counting, in decimal figures, against what `ck.estimate` makes of them.

Prices are those of data/prices/, read off and written out here; nothing of chainkit takes part in the sums.
"""

from decimal import Decimal

import pytest

import chainkit as ck

M = 1_000_000
KB_PER_GB = 1024 * 1024


def usd(*parts: tuple[str | int | Decimal, str]) -> Decimal:
    """Sum of quantities, each at its price."""
    return sum((Decimal(quantity) * Decimal(price) for quantity, price in parts), Decimal(0))


def gb(count: int, size_kb: int) -> Decimal:
    return Decimal(count * size_kb) / KB_PER_GB


# 10 ms and a little is 11 ms; with 800.5 ms of INIT it is 811 ms, at half a GB.
COLD_GB_S = Decimal(5 * M * 11 + 50_000 * (811 - 11)) / 2 / 1000
OUT_GB = gb(10 * M, 600) - 100
CASES = {
    "all tiers of run time, less the free part": (
        ck.LambdaUse(requests=10e9, duration_ms=2000, memory_mb=1024),
        usd((9999, "0.20"), (6_000_000_000, "0.0000166667"), (9_000_000_000, "0.000015"),
            (5_000_000_000 - 400_000, "0.0000133334")),
        {"free_tier": True},
    ),
    "INIT and handler rounded up once": (
        ck.LambdaUse(
            requests=5e6, duration_ms=10.2, memory_mb=512, architecture="arm64", cold_starts=50_000, init_ms=800.5
        ),
        usd((5, "0.20"), (COLD_GB_S, "0.0000133334")),
        {},
    ),
    "an event of 400 KB is four requests": (
        ck.LambdaUse(requests=1e6, duration_ms=100, event_kb=400),
        usd((4, "0.20"), (M // 10 // 8, "0.0000166667")),
        {},
    ),
    "twenty times seven minutes are twenty times ten": (
        ck.LambdaUse(
            provisioned_concurrency=3, provisioned_hours=7 / 60, provisioned_periods=20, memory_mb=2048,
            architecture="arm64",
        ),
        usd((3 * 20 * 600 * 2, "0.0000033334")),
        {},
    ),
    "snapshots kept for an hour are paid for three": (
        ck.LambdaUse(memory_mb=512, snapshot_versions=2, snapshot_hours=1, restores=100),
        usd((3 * 3600, "0.0000015046"), (50, "0.0001397998")),
        {},
    ),
    "durable operations, kept for 14 of 30 days": (
        ck.LambdaUse(durable_operations=1e6, durable_written_gb=10, durable_kept_gb=15, durable_kept_days=14),
        usd((1, "8.00"), (10, "0.25"), (7, "0.15")),
        {"hours_per_month": 720},
    ),
    "all tiers of FIFO requests": (
        ck.SqsUse(queue="fifo", requests=250e9), usd((100_000, "0.50"), (100_000, "0.40"), (50_000, "0.35")), {},
    ),
    "batches of a hundred KB are two requests": (
        ck.SqsUse(sends=10e6, receives=10e6, deletes=10e6, empty_receives=5e5, message_kb=10, batch_size=10),
        usd(("4.5", "0.40")),
        {"free_tier": True},
    ),
    "a topic and its HTTP endpoint, 200 KB": (
        ck.SnsUse(publishes=2e6, message_kb=200, to_http=1e6, to_lambda=2e6, to_sqs=2e6),
        usd((7, "0.50"), ("3.9", "0.60")),
        {"free_tier": True},
    ),
    "a FIFO topic": (
        ck.SnsUse(topic="fifo", publishes=10e6, message_kb=4, subscriptions=3, archived_messages=10e6, archive_gb=5),
        usd((10, "0.30"), (gb(10 * M, 4), "0.017"), (30, "0.01"), (gb(30 * M, 4), "0.001"), (gb(10 * M, 4), "0.10"),
            (5, "0.023")),
        {},
    ),
    "half of the events in pipe batches of 80 KB": (
        ck.EventBridgeUse(pipe_events=8e6, pipe_pass_fraction=0.5, pipe_batch_size=4, event_kb=20),
        usd((2, "0.40")),
        {},
    ),
    "discovery of 20 KB": (
        ck.EventBridgeUse(discovered_events=12e6, event_kb=20), usd((36 - 5, "0.10")), {"free_tier": True},
    ),
    "Express, 201 ms at 65 MB": (
        ck.StepFunctionsUse(workflow="express", executions=2e6, duration_ms=201, memory_mb=65),
        usd((2, "1.00"), (2 * M * 3 // 80, "0.00001667")),
        {},
    ),
    "all tiers of a REST API": (
        ck.ApiGatewayUse(api="rest", requests=25e9),
        usd((333, "3.50"), (667, "2.80"), (19_000, "2.38"), (5000, "1.51")),
        {},
    ),
    "answers of 600 KB": (
        ck.ApiGatewayUse(requests=10e6, response_kb=600, transfer_out=True),
        usd((20, "1.00"), (OUT_GB, "0.09")),
        {"free_tier": True},
    ),
    "more than a billion messages": (
        ck.ApiGatewayUse(api="websocket", messages=1.2e9, connection_minutes=100e6),
        usd((1000, "1.00"), (200, "0.80"), (100, "0.25")),
        {},
    ),
    "a small cache": (ck.ApiGatewayUse(api="rest", cache_gb=0.5), usd((730, "0.02")), {}),
    "items of 3.5 KB in five ways": (
        ck.DynamodbUse(
            item_kb=3.5, writes=1e6, transactional_writes=1e6, reads=1e6, eventual_reads=1e6, transactional_reads=1e6
        ),
        usd((4 + 8, "0.625"), ("3.5", "0.125")),
        {},
    ),
    "records of 4.5 KB are 5 KB on demand": (
        ck.KinesisUse(on_demand_streams=1, records=1e9, record_kb=4.5, on_demand_out_gb=100),
        usd((730, "0.04"), (gb(1000 * M, 5), "0.08"), (100, "0.04")),
        {},
    ),
    "all tiers of metrics": (
        ck.CloudWatchUse(metrics=1_500_000),
        usd((10_000, "0.30"), (240_000, "0.10"), (750_000, "0.05"), (499_990, "0.02")),
        {"free_tier": True},
    ),
    "60 TB of a function's logs, and questions to them": (
        ck.CloudWatchUse(lambda_logs_gb=61_440, insights_gb=100),
        usd((10_240, "0.50"), (20_480, "0.25"), (20_480, "0.10"), (10_240, "0.05"), (100, "0.005")),
        {},
    ),
    "Live Tail past its free minutes": (
        ck.CloudWatchUse(live_tail_minutes=2000), usd((200, "0.01")), {"free_tier": True},
    ),
    "seven secrets for ten of 31 days": (
        ck.SecretsManagerUse(secrets=7, hours=240, calls=123_456),
        usd((Decimal(7 * 10) / 31, "0.40"), (123_456, "0.000005")),
        {"hours_per_month": 744},
    ),
    "keys": (ck.KmsUse(keys=3, requests=1e6), usd((3, "1.00"), (98, "0.03")), {"free_tier": True}),
    "a private network in Ireland": (
        ck.VpcUse(endpoints=2, zones=3, endpoint_gb=100, nat_gateways=1, nat_gb=50, public_addresses=1),
        usd((6 * 730, "0.011"), (100, "0.010"), (730 + 50, "0.048"), (730, "0.005")),
        {"region": "eu-west-1"},
    ),
    "logs in Tokyo": (
        ck.CloudWatchUse(logs_gb=20, archived_gb=5, insights_gb=10),
        usd((20, "0.76"), (5, "0.033"), (10, "0.0076")),
        {"region": "ap-northeast-1"},
    ),
    "between zones and regions": (
        ck.TransferUse(zones_gb=100, regions_gb=50), usd((200, "0.01"), (50, "0.02")), {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_month_costs_what_it_costs_by_hand(case):
    use, by_hand, options = CASES[case]

    assert ck.estimate({"it": use}, **options).total_usd == pytest.approx(float(by_hand), rel=1e-12)


def test_answers_by_hand_stay_within_the_first_tier():
    assert OUT_GB < 10_240
