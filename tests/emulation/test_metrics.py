"""AWS/Lambda metrics, read through CloudWatch."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

CODE = """
import time
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    time.sleep(event.get("s", 0))
"""


def window():
    """An hour back and a day ahead: this emulator's clock has jumped over the waits of other tests."""
    now = dt.datetime.now(dt.UTC)
    return {"StartTime": now - dt.timedelta(hours=1), "EndTime": now + dt.timedelta(days=1)}


def statistic(aws, name, metric, kind, **options):
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        Period=172_800,
        Statistics=[kind],
        **window(),
        **options,
    )["Datapoints"]
    return [point[kind] for point in points]


def test_statistics_count_what_happened(aws):
    name, _ = aws.function(CODE)
    client = aws.client("lambda")
    for payload in ("{}", '{"fail": 1}', '{"s": 0.2}'):
        client.invoke(FunctionName=name, Payload=payload)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError):
        client.invoke(FunctionName=name)

    assert statistic(aws, name, "Invocations", "Sum") == [3]
    assert statistic(aws, name, "Errors", "Sum") == [1]
    assert statistic(aws, name, "Errors", "SampleCount") == [3], "a success is a 0, as on AWS"
    assert statistic(aws, name, "Throttles", "Sum") == [1]
    assert 200 <= statistic(aws, name, "Duration", "Maximum", Unit="Milliseconds")[0] < 2000
    assert statistic(aws, name, "ConcurrentExecutions", "Maximum") == [1]


def test_calls_at_once_show_as_concurrency(aws):
    name, _ = aws.function(CODE)
    with ThreadPoolExecutor() as threads:
        for call in [
            threads.submit(aws.client("lambda").invoke, FunctionName=name, Payload='{"s": 1}') for _ in range(3)
        ]:
            call.result()

    assert statistic(aws, name, "ConcurrentExecutions", "Maximum") == [3]


def test_metric_data_and_the_list_know_them_too(aws):
    name, _ = aws.function(CODE)
    other, _ = aws.function(CODE)
    for each in (name, name, other):
        aws.client("lambda").invoke(FunctionName=each, Payload="{}")
    dimensions = [{"Name": "FunctionName", "Value": name}]
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": dimensions}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 172_800, "Stat": "Sum"}}
    (found,) = aws.client("cloudwatch").get_metric_data(MetricDataQueries=[query], **window())["MetricDataResults"]
    listed = aws.client("cloudwatch").list_metrics(Namespace="AWS/Lambda", Dimensions=dimensions)["Metrics"]

    assert found["Values"] == [2]
    assert {each["MetricName"] for each in listed} == {
        "Invocations",
        "Errors",
        "Throttles",
        "Duration",
        "ConcurrentExecutions",
    }


def test_the_internal_queue_has_its_own(aws, root):
    name, _ = aws.function(CODE)
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    aws.traced("lambda", root).invoke(FunctionName=name, InvocationType="Event", Payload='{"fail": 1}')
    settled = aws.emulator.settle(root)

    assert settled
    assert statistic(aws, name, "AsyncEventsReceived", "Sum") == [1]
    assert statistic(aws, name, "AsyncEventsDropped", "Sum") == [1]
    assert statistic(aws, name, "AsyncEventAge", "Maximum")[0] == pytest.approx(60_000, abs=5000)
