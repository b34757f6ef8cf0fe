"""Lambda: what is special about how its use is counted; unit rules with published figures are in tests/billing."""

import pytest

import chainkit as ck
from chainkit.errors import ConfigError
from chainkit.uses.functions import LambdaUse


def counted(use, **options):
    return {each.price: each.quantity for each in use.quantities(**options)}


@pytest.mark.parametrize(("event_kb", "requests"), [(0, 1), (256, 1), (257, 2), (320, 2), (321, 3), (1024, 13)])
def test_an_asynchronous_event_is_a_request_for_256_kb_and_one_for_each_64_more(event_kb, requests):
    assert sum(each.quantity for each in LambdaUse(requests=1, event_kb=event_kb).quantities()) == requests


def test_cold_starts_add_their_init_and_warm_runs_stay():
    use = LambdaUse(requests=1000, duration_ms=99.5, cold_starts=10, init_ms=200.2, memory_mb=1024)
    run, init = (each.quantity for each in use.quantities() if each.price == "lambda-gb-s-x86")

    assert (run, init) == pytest.approx((100.0, 10 * (300 - 100) / 1000))


def test_an_average_of_billed_durations_is_taken_as_it_is():
    use = LambdaUse(requests=1000, average_billed_ms=848.61, duration_ms=5, cold_starts=10, init_ms=9, memory_mb=1024)

    assert counted(use)["lambda-gb-s-x86"] == pytest.approx(848.61)


def test_what_runs_in_provisioned_environments_is_no_run_on_demand():
    use = LambdaUse(
        requests=10, duration_ms=1000, memory_mb=1024, provisioned_concurrency=1, provisioned_requests=4,
        architecture="arm64",
    )  # fmt: skip

    assert counted(use, hours_per_month=720) == {
        "lambda-requests": 10,
        "lambda-gb-s-arm64": 6,
        "lambda-provisioned-gb-s-arm64": 720 * 3600,
        "lambda-provisioned-duration-gb-s-arm64": 4,
    }


def test_storage_counts_past_512_mb_while_functions_run():
    use = LambdaUse(requests=10, duration_ms=1000, ephemeral_storage_mb=1536, provisioned_requests=10)

    assert counted(use)["lambda-ephemeral-gb-s"] == pytest.approx(10)


def test_streams_count_past_their_first_6_mb():
    assert counted(LambdaUse(requests=1024, streamed_mb=7))["lambda-streaming-gb"] == pytest.approx(1)
    assert "lambda-streaming-gb" not in counted(LambdaUse(requests=1024, streamed_mb=6))


def test_snapshots_are_free_for_java():
    kept = {"snapshot_versions": 2, "restores": 10, "memory_mb": 2048}

    assert counted(LambdaUse(**kept), hours_per_month=100) == {
        "lambda-snapstart-cache-gb-s": 2 * 2 * 100 * 3600,
        "lambda-snapstart-restore-gb": 20,
    }
    assert counted(LambdaUse(**kept, is_java=True)) == {}


def test_what_is_kept_for_days_is_that_part_of_the_month():
    use = LambdaUse(durable_kept_gb=30, durable_kept_days=14)

    assert counted(use, hours_per_month=720)["lambda-durable-kept-gb-month"] == pytest.approx(14)
    assert counted(LambdaUse(durable_kept_gb=30))["lambda-durable-kept-gb-month"] == 30


@pytest.mark.parametrize("part", ["cold_starts", "provisioned_requests"])
def test_a_part_of_the_requests_is_no_more_than_there_are(part):
    with pytest.raises(ConfigError, match=f"{part}: 11 is more than requests=10"):
        LambdaUse(requests=10, **{part: 11})


def test_the_fee_for_instances_is_on_their_on_demand_price():
    same = ck.estimate({"a": ck.LambdaInstancesUse(instance_hours=1, instance_usd_per_hour=1.0)})

    assert same.total_usd == pytest.approx(1.15)
