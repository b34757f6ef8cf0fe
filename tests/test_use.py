"""What holds for every use: its fields count, its prices are in the book, it survives a design file."""

import dataclasses
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
import chainkit.uses
from chainkit.billing.prices import price_book
from chainkit.declared import settings
from chainkit.errors import ConfigError
from chainkit.use import all_month, each, from_plain, refuse_more, registry, rounded_up, units

NOT_IN_THE_BOOK = {"xray-spans-indexed", "cloudwatch-synthetics-runs"}
"""What AWS's prices could not be found for: asking for it is answered with that, never with zero."""
STATED = {"ec2-instance-hours", "lambda-instances-fee", "database"}
"""Priced by the use itself."""
# One or two of each class, in which every field counts; kinds of one service are uses of their own.
RICH = [
    ck.LambdaUse(
        requests=1e6, duration_ms=100.5, memory_mb=512, cold_starts=1e4, init_ms=300.2, event_kb=400,
        ephemeral_storage_mb=1024, streamed_mb=10, provisioned_concurrency=5, provisioned_hours=10,
        provisioned_periods=2, provisioned_requests=1e5, provisioned_duration_ms=90, snapshot_versions=2,
        snapshot_hours=100, restores=100, sqs_pollers=2, kafka_pollers=3, poller_hours=50, durable_operations=1e6,
        durable_written_gb=10, durable_kept_gb=5, durable_kept_days=14, tenant_environments=50,
    ),
    ck.LambdaEdgeUse(requests=1e6, duration_ms=10, memory_mb=256),
    ck.LambdaInstancesUse(
        requests=1e6, instance_hours=100, instance_usd_per_hour=0.05, on_demand_usd_per_hour=0.16, fee_fraction=0.2
    ),
    ck.LambdaMicrovmUse(
        vcpus=2, memory_gb=4, runs=10, duration_s=60, launches=5, suspends=4, resumes=3, snapshot_gb=2, images_gb=1,
        suspended_gb=2, suspended_hours=100,
    ),
    ck.SqsUse(
        queue="fair", requests=10, sends=1e6, receives=1e6, deletes=1e6, empty_receives=1e5, message_kb=40, batch_size=5
    ),
    ck.SnsUse(
        publishes=1e6, message_kb=100, batch_size=2, to_lambda=1, to_sqs=2, to_http=3, to_email=4, to_push=5,
        to_firehose=6, filter_scanned_gb=1,
    ),
    ck.SnsUse(
        topic="fifo", publishes=1e6, message_kb=100, batch_size=2, filter_scanned_gb=1, subscriptions=3,
        archived_messages=1e6, archive_gb=5,
    ),
    ck.EventBridgeUse(
        event_kb=100, custom_events=1, replayed_events=2, management_events=3, cross_account_events=4,
        cross_account_management_events=5, api_destination_calls=6, pipe_events=70, pipe_pass_fraction=0.5,
        pipe_batch_size=10, schedules=8, discovered_events=9, archived_events=10, archived_gb=11, archive_gb=12,
    ),
    ck.StepFunctionsUse(executions=1e3, transitions_per_execution=5, transitions=7),
    ck.StepFunctionsUse(
        workflow="express", executions=1e3, duration_ms=1000, definition_kb=1024, payload_kb=1024, branches=13.4
    ),
    ck.ApiGatewayUse(requests=1e6, request_kb=600, response_kb=5, transfer_out=True),
    ck.ApiGatewayUse(api="rest", requests=1e6, response_kb=5, transfer_out=True, cache_gb=1.6, cache_hours=10),
    ck.ApiGatewayUse(api="websocket", messages=1e6, message_kb=50, connection_minutes=1e6),
    ck.DynamodbUse(
        item_kb=6, writes=1, transactional_writes=2, reads=3, eventual_reads=4, transactional_reads=5,
        write_capacity=6, read_capacity=7, hours=100, storage_gb=8, stream_reads=9, kinesis_captures=10,
    ),
    ck.KinesisUse(shards=2, hours=100, records=1e6, record_kb=30, fan_out_consumers=2),
    ck.KinesisUse(on_demand_streams=1, hours=100, records=1e6, record_kb=30, on_demand_out_gb=5),
    ck.KinesisUse(shards=2, fan_out_consumers=2, fan_out_gb=5, on_demand_in_gb=3),
    ck.S3Use(puts=1, gets=2, storage_gb=3, notifications=4),
    ck.CloudWatchUse(
        lambda_logs_gb=1, lambda_logs_kb=2, vended_logs_gb=20, logs_gb=3, logs_kb=4, infrequent_logs_gb=5,
        delivered_logs_gb=6, archived_gb=7, insights_gb=8, live_tail_minutes=9, metrics=10, alarms=11,
        high_resolution_alarms=12, composite_alarms=13, anomaly_alarms=14, anomaly_high_resolution_alarms=15,
        dashboards=16, hours=100,
        api_requests=17, synthetics_runs=18,
    ),
    ck.XrayUse(
        traces=1, requests=2, sampling_fraction=0.5, traces_retrieved=3, insights_traces=4, indexed_spans=5
    ),
    ck.SecretsManagerUse(secrets=1, hours=100, calls=2),
    ck.ParameterStoreUse(standard_parameters=1, advanced_parameters=2, hours=100, paid_calls=3),
    ck.KmsUse(keys=1, hours=100, requests=2),
    ck.VpcUse(
        endpoints=1, zones=2, endpoint_gb=3, endpoint_kb=4, gateway_endpoints=5, nat_gateways=6, nat_gb=7, nat_kb=8,
        public_addresses=9, hours=100,
    ),
    ck.PricedUse(what="database", quantity=2, unit="hour", usd_per_unit=3, said_by="a contract"),
    ck.TransferUse(internet_gb=1, internet_kb=2, zones_gb=3, regions_gb=4),
]  # fmt: skip
OTHER = {
    "what": "cache",
    "unit": "day",
    "said_by": "a list",
    "memory_mb": 192,
    "ephemeral_storage_mb": 900,
    "event_kb": 61,
    "cache_gb": 0.5,
    "zones": 1,
    "batch_size": 1,
}
"""Fields whose 0.4-fold is refused, or counts as much."""
every_rich = pytest.mark.parametrize("use", RICH, ids=lambda use: type(use).__name__)
every_class = pytest.mark.parametrize("cls", registry.values(), ids=registry)


def stated(use):
    """Names of the numbers that differ from the defaults."""
    return [each.name for each in settings(type(use)) if getattr(use, each.name) != each.default and not each.choices]


def test_every_use_is_in_the_register_on_the_face_and_in_these_tests():
    assert {*registry} == {type(use).__name__ for use in RICH} == {*chainkit.uses.__all__}
    assert all(getattr(ck, name) is cls for name, cls in registry.items())


@every_rich
def test_every_field_counts(use):
    for name in stated(use):
        value = getattr(use, name)
        less = not value if isinstance(value, bool) else OTHER[name] if name in OTHER else value * 0.4

        assert dataclasses.replace(use, **{name: less}).quantities() != use.quantities(), name


def test_every_field_of_every_class_is_in_one_of_these():
    left = {
        f"{cls.__name__}.{field.name}"
        for cls in registry.values()
        for field in settings(cls)
        if not any(field.name in stated(use) for use in RICH if type(use) is cls) and not field.choices
    }

    assert left == {"LambdaUse.average_billed_ms", "LambdaUse.is_java", "StepFunctionsUse.memory_mb"}


@every_rich
def test_every_price_is_in_the_book(use):
    keys = {each.price for each in use.quantities() if each.usd_per_unit is None}
    # the size of a cache is part of its key
    assert keys - NOT_IN_THE_BOOK <= {*price_book("us-east-1").by_key}
    assert {each.price for each in use.quantities() if each.usd_per_unit is not None} <= STATED


@every_class
def test_a_use_of_nothing_uses_nothing(cls):
    assert cls().quantities() == ()


@every_class
def test_every_field_says_what_it_is(cls):
    assert [field.name for field in settings(cls) if not field.text] == []


@every_rich
def test_quantities_say_what_they_pay_for(use):
    assert all(each.quantity > 0 and math.isfinite(each.quantity) and each.what for each in use.quantities())


@every_rich
def test_what_time_makes_follows_the_month_and_nothing_else_does(use):
    whole = dataclasses.replace(use, **{name: None for name in stated(use) if name.endswith(("hours", "days"))
        and "instance" not in name})  # fmt: skip
    short, long = whole.quantities(720), whole.quantities(744)

    for a, b in zip(short, long, strict=True):
        is_month_long = a.quantity == pytest.approx(b.quantity * 720 / 744)
        assert a.quantity == b.quantity or (is_month_long and a.is_hourly), a


@every_rich
def test_a_use_survives_the_way_through_plain_values(use):
    assert from_plain("use", use.to_plain()) == use


@every_class
def test_an_unknown_field_is_answered_with_the_known_ones(cls):
    with pytest.raises(ConfigError, match=f"{cls.__name__}: unknown setting 'nonsense'"):
        cls(nonsense=1)


@every_class
@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "5 GB", True])
def test_a_number_that_cannot_be_is_refused(cls, value):
    numbers = [field.name for field in settings(cls) if field.default == 0 and not isinstance(field.default, bool)]
    for name in numbers:
        with pytest.raises(ConfigError, match=f"{cls.__name__}: {name}="):
            cls(**{name: value})


def test_a_plain_entry_without_a_known_class_is_refused():
    with pytest.raises(ConfigError, match=r"cost 'gate': type='VpcUs' is unknown \(did you mean 'VpcUse'\?\)"):
        from_plain("cost 'gate'", {"type": "VpcUs"})
    with pytest.raises(ConfigError, match="type=None is unknown"):
        from_plain("cost 'gate'", {"nat_gateways": 1})


WRONG = [
    (lambda: ck.LambdaUse(requests="3,000,000"), r"requests='3,000,000' is not a valid number"),
    (lambda: ck.LambdaUse(3e6), r"3000000\.0 is given without a setting's name"),
    (lambda: ck.LambdaUse(request=3e6), r"unknown setting 'request' \(did you mean 'requests'\?\)"),
    (lambda: ck.LambdaUse(duration=120), r"unknown setting 'duration' \(did you mean 'duration_ms'\?\)"),
    (lambda: ck.LambdaUse(duration_ms=900_001), r"duration_ms=900001 is outside 0\.\.900000"),
    (lambda: ck.LambdaUse(memory_mb=64), r"memory_mb=64 is outside 128\.\.10240 MB"),
    (lambda: ck.LambdaUse(memory_mb="1.5GB"), r"write the number in MB: memory_mb: 1536"),
    (lambda: ck.LambdaUse(architecture="arm"), r"architecture='arm' is not one of 'x86_64', 'arm64'"),
    (lambda: ck.LambdaUse(requests=10, cold_starts=20), r"cold_starts: 20 is more than requests=10"),
    (lambda: ck.LambdaInstancesUse(instance_hours=10), r"instance_usd_per_hour: missing, and 10 would cost nothing"),
    (lambda: ck.SqsUse(queue="FIFO"), r"queue='FIFO' is not one of 'standard', 'fifo', 'fair'"),
    (lambda: ck.SqsUse(sends=1, batch_size=20), r"batch_size=20 is outside 1\.\.10"),
    (lambda: ck.SqsUse(sends=1, message_kb=2000), r"message_kb=2000 is outside 0\.\.1024 .*1 MiB at most"),
    (lambda: ck.StepFunctionsUse(workflow="express", duration_ms=6e5), r"duration_ms=600000\.0 is outside 0\.\.300000"),
    (lambda: ck.XrayUse(requests=5, sampling_fraction=10), r"sampling_fraction=10 is outside 0\.\.1"),
    (lambda: ck.VpcUse(endpoints=1, zones=0), r"zones=0 is outside 1 or more"),
    (lambda: ck.PricedUse(what="database", quantity=730), r"usd_per_unit: missing, and 730 would cost nothing"),
    (lambda: ck.estimate({"a": ck.KmsUse(keys=1, hours=744)}), r"KmsUse: hours=744 is more than the month of 730 hours"),
    (lambda: ck.estimate({"a": ck.SecretsManagerUse(secrets=1, hours=800)}), r"give fewer hours, or hours_per_month"),
    (lambda: ck.estimate({"a": ck.CloudWatchUse(alarms=1, hours=800)}), r"CloudWatchUse: hours=800 is more"),
    (lambda: ck.estimate(ck.LambdaUse(requests=3e6)), r"uses=LambdaUse\(requests=3000000\.0\) is no mapping of names"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), WRONG, ids=lambda each: each if isinstance(each, str) else "")
def test_what_cannot_be_is_answered_with_one_clear_error(typed, said):
    with pytest.raises(ConfigError) as caught:
        typed()

    assert re.search(said, " ".join(str(caught.value).split()))
    assert caught.value.fix


def test_a_part_of_the_month_may_be_all_of_it_and_what_costs_nothing_may_be_said():
    assert ck.KmsUse(keys=1, hours=744).quantities(744)[0].quantity == 1
    assert ck.estimate({"a": ck.PricedUse(quantity=730, usd_per_unit=0)}).total_usd == 0


def test_a_use_shows_what_was_given():
    assert repr(ck.SqsUse(queue="fifo", sends=5)) == "SqsUse(queue='fifo', sends=5.0)"
    assert repr(ck.SqsUse()) == "SqsUse()"


# --- counting ---


@given(st.integers(1, 10**6), st.sampled_from([4, 8, 25, 32, 64, 512]))
def test_units_begin_where_the_one_before_is_full(count, step):
    assert units(count * step, step) == count
    assert units(count * step + 0.001 * step, step) == count + 1


@given(st.integers(0, 10**9), st.floats(-1e-13, 1e-13))
def test_what_floats_add_to_a_whole_number_is_not_rounded_up(whole, noise):
    assert rounded_up(whole * (1 + noise)) == whole
    assert rounded_up(whole + 0.01) == whole + 1


def test_small_words():
    assert (each(1, "8 KB"), each(3, "8 KB")) == ("", ", 3 units of 8 KB each")
    assert (all_month(720.0, None), all_month(720.0, 5.0)) == (720.0, 5.0)
    with pytest.raises(ConfigError, match="3 is more than requests=2"):
        refuse_more(3, 2, "requests")
