"""CloudWatch and X-Ray: kilobytes of logs, parts of a month, sampling."""

import pytest

import chainkit as ck
from chainkit.uses.watching import CloudWatchUse, XrayUse


def counted(use, **options):
    return {each.price: each.quantity for each in use.quantities(**options)}


def test_kilobytes_of_logs_are_binary_gigabytes():
    assert counted(CloudWatchUse(lambda_logs_kb=1024 * 1024, logs_gb=1, logs_kb=1024 * 1024)) == {
        "logs-ingestion-gb": 1,
        "logs-ingestion-standard-gb": 2,
    }


def test_metrics_and_alarms_count_the_part_of_the_month_that_they_are_there():
    use = CloudWatchUse(metrics=10, alarms=4, hours=180, api_requests=5)

    assert counted(use, hours_per_month=720) == {
        "cloudwatch-metrics": 2.5, "cloudwatch-alarms": 1, "cloudwatch-api-requests": 5,
    }  # fmt: skip


def test_logs_of_functions_go_through_tiers_and_others_do_not():
    many = ck.estimate({"a": CloudWatchUse(lambda_logs_gb=20 * 1024), "b": CloudWatchUse(logs_gb=20 * 1024)})

    assert many.node_usd() == pytest.approx({"a": 10_240 * 0.75, "b": 20_480 * 0.5})


def test_traces_are_what_sampling_leaves():
    assert counted(XrayUse(requests=1e6, sampling_fraction=0.05)) == {"xray-traces": 50_000}
    assert counted(XrayUse(requests=1e6, sampling_fraction=0)) == {}
