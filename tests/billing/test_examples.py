"""Published price examples, typed in over the public face: usage in, bill out, to the printed cent.

The figures are AWS's, read in copies of its pages, and below those of its calculator and of others; where the
arithmetic of a page does not hold (E08, E13, flow logs in S3) the exact figure is asked for instead. Each line's
dollars are those that the page prints for it, or, where it prints none, the same arithmetic done by hand.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

import chainkit as ck
from chainkit.billing.prices import price_book
from chainkit.units import to_the_cent

LAMBDA = "aws.amazon.com/lambda/pricing/, copy of 2026"
OLD_LAMBDA = "aws.amazon.com/lambda/pricing/, copy from before December 2020"
API = "aws.amazon.com/api-gateway/pricing/, copy of 2025-11-02"
EVENTS = "aws.amazon.com/eventbridge/pricing/, copies of 2021-2024"
WATCH = "aws.amazon.com/cloudwatch/pricing/, about 2020-2023, as noted down by a third party"
EXPRESS = "aws.amazon.com/step-functions/pricing/, copies of 2025"
TABLES = "aws.amazon.com/dynamodb/pricing/on-demand/, before November 2024, as noted down by a third party"
STREAMS = "docs.aws.amazon.com, Centralized Logging with OpenSearch, cost, 2026"
TRACES = "aws.amazon.com/xray/pricing/, copies of 2023-2025"
WORKSHOP = "aws-samples/the-aws-step-functions-workshop, module 13, 2023-02-15"


@dataclass(frozen=True)
class Example:
    """What a page states, and what it prints."""

    id: str
    source: str
    uses: dict[str, Any]
    lines: dict[tuple[str, str], float]
    """Node and start of the price's key -> dollars to the cent."""
    published_usd: float
    exact_usd: float
    options: dict[str, Any] = field(default_factory=dict)

    def bill(self) -> ck.Bill:
        return ck.estimate(self.uses, **self.options)


def priced(key: str, usd: Any) -> dict[str, Any]:
    return {"price_book": price_book("us-east-1").with_price(key, usd)}


BY_THE_HOUR = [(3.6e6, 0.06 / 3600), (18e6, 0.03 / 3600), (math.inf, 0.01642 / 3600)]
"""The page counts Express by the GB-hour, AWS's list and the book by the GB-second: 0.02 % less for its example."""
BEFORE_2024 = price_book("us-east-1").with_price("dynamodb-writes", 1.25e-6).with_price("dynamodb-reads", 0.25e-6)


TELEMETRY = ck.LambdaUse(requests=10_000 * 24 * 31, duration_ms=2000, memory_mb=1024)
EXAMPLES = [
    Example(
        "E01 mobile app", LAMBDA,
        {"app": ck.LambdaUse(requests=3e6, duration_ms=120, memory_mb=1536)},
        {("app", "lambda-gb-s"): 2.33, ("app", "lambda-requests"): 0.40},
        2.73, 2.733338, {"free_tier": True},
    ),
    Example(
        "E02 telemetry", LAMBDA, {"app": TELEMETRY},
        {("app", "lambda-requests"): 1.49, ("app", "lambda-gb-s"): 248.00},
        249.49, 249.488496,
    ),
    Example(
        "E04 provisioned concurrency", LAMBDA,
        {
            "app": ck.LambdaUse(
                requests=3e6, duration_ms=120, memory_mb=1536, provisioned_concurrency=100, provisioned_hours=8,
                provisioned_requests=500_000, provisioned_duration_ms=100,
            )
        },
        {
            ("app", "lambda-provisioned-gb-s"): 18.00, ("app", "lambda-requests"): 0.40,
            ("app", "lambda-provisioned-duration"): 0.73, ("app", "lambda-gb-s"): 0.83,
        },
        19.96, 19.962644, {"free_tier": True},
    ),
    Example(
        "E06 SnapStart", LAMBDA,
        {
            "app": ck.LambdaUse(
                requests=7.44e6, duration_ms=2000, memory_mb=1024, snapshot_versions=1, restores=74_400
            )
        },
        {
            ("app", "lambda-requests"): 1.49, ("app", "lambda-gb-s"): 248.00,
            ("app", "lambda-snapstart-cache"): 4.03, ("app", "lambda-snapstart-restore"): 10.40,
        },
        263.92, 263.919522, {"hours_per_month": 31 * 24},
    ),
    Example(
        "E08 Kafka pollers, whose page counts the requests twice", LAMBDA,
        {"app": ck.LambdaUse(requests=30e6, duration_ms=2000, memory_mb=1024, kafka_pollers=1, poller_hours=800)},
        {("app", "lambda-gb-s"): 993.34, ("app", "lambda-requests"): 6.00, ("app", "lambda-kafka"): 148.00},
        1147.34,
        1147.33532,
        {"free_tier": ["lambda-gb-s"]},  # the page takes the free run time off, and no free request
    ),
    Example(
        "E10 Kafka pollers, ten mappings", LAMBDA,
        {
            "mappings": [ck.LambdaUse(requests=30e6, duration_ms=200, memory_mb=1024)] * 10,
            "pollers": ck.LambdaUse(kafka_pollers=1),
        },
        {("mappings", "lambda-gb-s"): 1000.00, ("mappings", "lambda-requests"): 60.00, ("pollers", ""): 133.20},
        1193.20, 1193.202, {"hours_per_month": 720},
    ),
    Example(
        "E11 Managed Instances", LAMBDA,
        {
            "app": ck.LambdaInstancesUse(
                requests=100e6, instance_hours=2000, instance_usd_per_hour=0.0457, on_demand_usd_per_hour=0.1632
            )
        },
        {
            ("app", "lambda-requests"): 20.00, ("app", "ec2-instance-hours"): 91.40,
            ("app", "lambda-instances-fee"): 48.96,
        },
        160.36, 160.36,
    ),
    Example(
        "E13 tenants, whose page is a cent too high", LAMBDA,
        {"app": ck.LambdaUse(requests=10e6, duration_ms=2000, memory_mb=1024, tenant_environments=1000 * 200)},
        {("app", "lambda-requests"): 2.00, ("app", "lambda-gb-s"): 333.33, ("app", "lambda-tenant"): 33.40},
        368.73, 368.734,
    ),
    Example(
        "E14 Lambda@Edge", LAMBDA, {"edge": ck.LambdaEdgeUse(requests=10e6, duration_ms=10, memory_mb=128)},
        {("edge", "lambda-edge-gb-s"): 0.63, ("edge", "lambda-edge-requests"): 6.00},
        6.63, 6.625125,
    ),
    Example(
        "E15 MicroVM sandboxes", LAMBDA,
        {
            "peak": ck.LambdaMicrovmUse(vcpus=4, memory_gb=8, runs=100 * 20, duration_s=2.5 * 3600 * 0.25),
            "baseline": ck.LambdaMicrovmUse(vcpus=1, memory_gb=2, runs=100 * 20, duration_s=2.5 * 3600 * 0.75),
            "snapshots": ck.LambdaMicrovmUse(
                snapshot_gb=2, suspends=12_000, resumes=12_000, launches=2000, images_gb=5 * 2,
                suspended_gb=100 * 2, suspended_hours=20 * 5.5,
            ),
        },
        {
            ("peak", ""): 630.50, ("baseline", ""): 472.88, ("snapshots", "lambda-microvm-snapshot-write"): 91.20,
            ("snapshots", "lambda-microvm-snapshot-read"): 43.40, ("snapshots", "lambda-microvm-storage"): 3.24,
        },
        1241.22, 1241.220144, {"hours_per_month": 720},
    ),
    Example(
        "E16 MicroVM jobs", LAMBDA,
        {
            "peak": ck.LambdaMicrovmUse(vcpus=16, memory_gb=32, runs=1000, duration_s=600),
            "baseline": ck.LambdaMicrovmUse(vcpus=4, memory_gb=8, runs=9000, duration_s=600),
            "image": ck.LambdaMicrovmUse(launches=10_000, snapshot_gb=2, images_gb=2),
        },
        {
            ("peak", ""): 336.27, ("baseline", ""): 756.60, ("image", "lambda-microvm-snapshot"): 31.00,
            ("image", "lambda-microvm-storage"): 0.16,
        },
        1124.03, 1124.02736,
    ),
    Example(
        "E17 512 MB for a second, at the price of then", OLD_LAMBDA,
        {"app": ck.LambdaUse(requests=3e6, duration_ms=1000, memory_mb=512)},
        {("app", "lambda-gb-s"): 18.34, ("app", "lambda-requests"): 0.40},
        18.74, 18.737, {"free_tier": True, **priced("lambda-gb-s-x86", 0.00001667)},
    ),
    Example(
        "E18 128 MB for 200 ms, at the price of then", OLD_LAMBDA,
        {"app": ck.LambdaUse(requests=30e6, duration_ms=200, memory_mb=128)},
        {("app", "lambda-gb-s"): 5.83, ("app", "lambda-requests"): 5.80},
        11.63, 11.6345, {"free_tier": True, **priced("lambda-gb-s-x86", 0.00001667)},
    ),
    Example(
        "E20 HTTP API", API,
        {"api": ck.ApiGatewayUse(requests=10_000 * 60 * 24 * 30, request_kb=12, response_kb=46)},
        {("api", "http-api-requests"): 418.80},
        418.80, 418.8,
    ),
    Example(
        "E22 REST API", API,
        {"api": ck.ApiGatewayUse(api="rest", requests=5e6, response_kb=3, transfer_out=True)},
        {("api", "rest-api-requests"): 17.50, ("api", "transfer-internet-out"): 1.29},
        18.79, 18.78746,
    ),
    Example(
        "E24 private REST API", API,
        {
            "api": ck.ApiGatewayUse(api="rest", requests=5e6),
            "endpoint": ck.VpcUse(endpoints=1, hours=720, endpoint_kb=5e6 * (0.3 + 3)),
        },
        {
            ("api", "rest-api-requests"): 17.50, ("endpoint", "vpc-endpoint-hours"): 7.20,
            ("endpoint", "vpc-endpoint-gb"): 0.16,
        },
        24.86, 24.857356,
    ),
    Example(
        "E25 cache of a day", API, {"api": ck.ApiGatewayUse(api="rest", cache_gb=1.6, cache_hours=24)},
        {("api", "rest-api-cache"): 0.91},
        0.91, 0.912,
    ),
    Example(
        "E28 three transitions", WORKSHOP,
        {"flow": ck.StepFunctionsUse(executions=1000, transitions_per_execution=3)},
        {("flow", "stepfunctions-transitions"): 0.08},
        0.08, 0.075,
    ),
    Example(  # by GB-seconds; the page's price of 100 ms at 64 MB is rounded to four figures and gives 0.012775
        "E28 an Express child", WORKSHOP,
        {"flow": ck.StepFunctionsUse(workflow="express", executions=1000, duration_ms=11_300)},
        {("flow", "stepfunctions-express"): 0.01},
        0.01, 0.012773188,
    ),
    Example("E30 custom events", EVENTS, {"bus": ck.EventBridgeUse(custom_events=5e6, event_kb=64)},
        {("bus", "events-custom"): 5.00}, 5.00, 5.0),
    Example("E31 API destinations", EVENTS, {"bus": ck.EventBridgeUse(api_destination_calls=2e6)},
        {("bus", "events-api"): 0.40}, 0.40, 0.4),
    Example(
        "E32 management events to another account", EVENTS,
        {"bus": ck.EventBridgeUse(management_events=5e6, cross_account_management_events=5e6, event_kb=64)},
        {("bus", "events-management"): 5.00},
        5.00, 5.0,
    ),
    Example(
        "E34 Pipes", EVENTS,
        {"pipe": ck.EventBridgeUse(pipe_events=10e6, pipe_pass_fraction=0.25, pipe_batch_size=5)},
        {("pipe", "events-pipes"): 0.20},
        0.20, 0.2,
    ),
    Example("E35 detailed monitoring", WATCH, {"metrics": ck.CloudWatchUse(metrics=10 * 7)},
        {("metrics", "cloudwatch-metrics"): 21.00}, 21.00, 21.0, {"hours_per_month": 720}),
    Example(
        "E36 access logs", WATCH, {"logs": ck.CloudWatchUse(logs_gb=30, archived_gb=6, metrics=3)},
        {("logs", "logs-ingestion"): 12.50, ("logs", "logs-storage"): 0.03, ("logs", "cloudwatch-metrics"): 0.00},
        12.53, 12.53, {"free_tier": True},
    ),
    Example(
        "chat messages, with storage in /tmp", LAMBDA,
        {"app": ck.LambdaUse(requests=6e6, duration_ms=280, memory_mb=4096, ephemeral_storage_mb=2048)},
        {("app", "lambda-gb-s"): 105.33, ("app", "lambda-requests"): 1.00, ("app", "lambda-ephemeral"): 0.08},
        106.41, 106.411412, {"free_tier": True},
    ),
    Example(
        "provisioned concurrency for a day", LAMBDA,
        {
            "app": ck.LambdaUse(
                requests=2e6, duration_ms=280, memory_mb=4096, provisioned_concurrency=7, provisioned_hours=24,
                provisioned_requests=2e6,
            )
        },
        {
            ("app", "lambda-provisioned-gb-s"): 10.08, ("app", "lambda-provisioned-duration"): 21.78,
            ("app", "lambda-requests"): 0.40,
        },
        32.26, 32.257809,
    ),
    Example(
        "streamed responses, whose free part is spent", LAMBDA,
        {
            "app": [
                ck.LambdaUse(requests=2e6, duration_ms=500, memory_mb=1536, streamed_mb=100 / 1024),
                ck.LambdaUse(requests=1e6, duration_ms=500, memory_mb=1536, streamed_mb=7),
            ]
        },
        {("app", "lambda-gb-s"): 30.83, ("app", "lambda-requests"): 0.40, ("app", "lambda-streaming"): 7.81},
        39.04, 39.045895, {"free_tier": ["lambda-gb-s", "lambda-requests"]},
    ),
    Example(
        "SQS pollers", LAMBDA,
        {"app": ck.LambdaUse(requests=30e6, duration_ms=1000, memory_mb=1024, sqs_pollers=1, poller_hours=8000)},
        {("app", "lambda-gb-s"): 500.00, ("app", "lambda-requests"): 6.00, ("app", "lambda-sqs-poller"): 74.00},
        580.00, 580.001,
    ),
    Example(
        "Express with 400 steps of a Map", EXPRESS,
        {
            "flow": ck.StepFunctionsUse(
                workflow="express", executions=100e6, duration_ms=10_000, definition_kb=50, payload_kb=32, branches=400
            )
        },
        {("flow", "stepfunctions-express-requests"): 100.00, ("flow", "stepfunctions-express-gb-s"): 382.97},
        482.97, 482.969444, priced("stepfunctions-express-gb-s", BY_THE_HOUR),
    ),
    Example(
        "partner events, a part of them to another account", EVENTS,
        {"bus": ck.EventBridgeUse(custom_events=5e6, cross_account_events=1e6, event_kb=64)},
        {("bus", "events-custom"): 5.00, ("bus", "events-deliveries-cross-account"): 0.05},
        5.05, 5.05,
    ),
    Example("schedules", EVENTS, {"schedules": ck.EventBridgeUse(schedules=10e6 * 2)},
        {("schedules", "events-schedules"): 6.00}, 6.00, 6.0, {"free_tier": True}),
    Example(
        "archive and replay", EVENTS,
        {
            "bus": ck.EventBridgeUse(
                custom_events=2e6, replayed_events=2e6, archived_events=2e6, event_kb=6, archive_gb=2e6 * 6 / 1024**2
            )
        },
        {("bus", "events-custom"): 4.00, ("bus", "events-archived"): 1.14, ("bus", "events-archive-"): 0.26},
        5.40, 5.407623,
    ),
    Example(
        "schema discovery", EVENTS, {"bus": ck.EventBridgeUse(custom_events=2e6, discovered_events=2e6, event_kb=2)},
        {("bus", "events-custom"): 2.00, ("bus", "events-schema"): 0.00}, 2.00, 2.0, {"free_tier": True},
    ),
    Example(
        "flow logs, 72 TB", WATCH, {"logs": ck.CloudWatchUse(vended_logs_gb=72 * 1024, archived_gb=30 * 1024)},
        {("logs", "logs-ingestion"): 13_414.40, ("logs", "logs-storage"): 921.60}, 14_336.00, 14_336.0,
    ),
    Example(
        "flow logs to S3, whose page is 8 cents too low in storage", WATCH,
        {"logs": ck.CloudWatchUse(delivered_logs_gb=72 * 1024), "bucket": ck.S3Use(storage_gb=6.5 * 1024)},
        {("logs", "logs-delivery"): 8294.40, ("bucket", "s3-storage"): 153.09}, 8447.49, 8447.488,
    ),
    Example(
        "documents of 4.5 MB", API, {"api": ck.ApiGatewayUse(requests=25 * 60 * 24 * 30, request_kb=4.5 * 1024)},
        {("api", "http-api-requests"): 9.72}, 9.72, 9.72,
    ),
    Example(
        "15 billion calls, whose page has one price of transfer", API,
        {"api": ck.ApiGatewayUse(api="rest", requests=15e9, response_kb=4, transfer_out=True)},
        {("api", "rest-api-requests"): 36_353.10, ("api", "transfer-internet-out"): 5149.84},
        41_502.94, 41_502.941309, priced("transfer-internet-out-gb", 0.09),
    ),
    Example(
        "a chat of a thousand", API,
        {
            "chat": ck.ApiGatewayUse(
                api="websocket", messages=(100 + 500) * 1000 * 30, message_kb=3,
                connection_minutes=1000 * 12 * 60 * 30,
            )
        },
        {("chat", "websocket-messages"): 18.00, ("chat", "websocket-connection"): 5.40}, 23.40, 23.4,
    ),
    Example(
        "traces at a tenth", TRACES,
        {
            "traces": ck.XrayUse(
                requests=2000 * 24 * 31, sampling_fraction=0.1, traces_retrieved=100 * (200 + 50) * 31,
                insights_traces=148_800,
            )
        },
        {("traces", "xray-traces-retrieved"): 0.00, ("traces", "xray-traces"): 0.24, ("traces", "xray-insights"): 0.15},
        0.39, 0.3928, {"free_tier": True, "hours_per_month": 744},
    ),
    Example(
        "a table on demand", TABLES,
        {
            "table": ck.DynamodbUse(
                writes=42_177_000, reads=42_177_000, storage_gb=27, kinesis_captures=42_177_000, stream_reads=2_592_000
            )
        },
        {
            ("table", "dynamodb-writes"): 52.72, ("table", "dynamodb-reads"): 10.54,
            ("table", "dynamodb-storage"): 0.50, ("table", "dynamodb-kinesis"): 4.22,
            ("table", "dynamodb-stream"): 0.02,
        },
        68.00, 68.0016, {"free_tier": True, "price_book": BEFORE_2024},
    ),
    Example(
        "a stream for 100 GB of logs a day", STREAMS,
        {"stream": ck.KinesisUse(shards=2, records=100e6 * 30, record_kb=1)},
        {("stream", "kinesis-shard-hours"): 21.60, ("stream", "kinesis-put-units"): 42.00},
        63.60, 63.6, {"hours_per_month": 720},
    ),
]  # fmt: skip
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)


@every_example
def test_a_published_example_costs_what_its_page_prints(example):
    actual = example.bill()

    # Some pages add what they have rounded, as an invoice does.
    assert example.published_usd in (to_the_cent(actual.total_usd), actual.invoice_usd)
    assert actual.total_usd == pytest.approx(example.exact_usd, abs=5e-7)
    assert actual.region == "us-east-1"


@every_example
def test_each_line_of_a_published_example_costs_what_its_page_prints(example):
    found, lines = {}, list(example.bill().lines)
    for node, key in example.lines:
        here = [line for line in lines if line.node == node and line.price.startswith(key)]
        found[node, key] = to_the_cent(sum(line.usd for line in here))
        lines = [line for line in lines if line not in here]

    assert found == example.lines
    assert lines == []


@every_example
def test_the_invoice_of_a_published_example_is_within_a_cent_of_its_page(example):
    # E15 and E16 print processors and memory of a machine as one line, which are two prices.
    assert example.bill().invoice_usd == pytest.approx(example.published_usd, abs=0.0101)


# --- AWS's calculator, and others ---

CALCULATOR = "AWS Pricing Calculator, as shown in public repositories"
TOTALS = [
    # what, who says it, uses, dollars, how
    ("1M runs of 500 ms", CALCULATOR, ck.LambdaUse(requests=1e6, duration_ms=500), 1.24, {}),
    ("4.8M runs of 1 s on arm64", CALCULATOR,
        ck.LambdaUse(requests=4.8e6, duration_ms=1000, architecture="arm64"), 8.96, {}),
    ("14,305 runs of 3,478 ms", CALCULATOR, ck.LambdaUse(requests=14_305, duration_ms=3478, memory_mb=256), 0.21, {}),
    ("queue", CALCULATOR, ck.SqsUse(requests=429_150), 0.17, {}),
    ("topic", CALCULATOR, ck.SnsUse(publishes=57_334 * 30), 0.86, {}),
    ("topic of four protocols", CALCULATOR,
        ck.SnsUse(publishes=1e6, to_http=1e6, to_email=1e6, to_sqs=1e6, to_push=1e6), 21.60, {}),
    ("900 runs of 4 states", CALCULATOR,
        ck.StepFunctionsUse(executions=900, transitions_per_execution=4), 0.00, {"free_tier": True}),
    ("REST API", CALCULATOR, ck.ApiGatewayUse(api="rest", requests=20_000), 0.07, {}),
    ("ten shards", CALCULATOR, ck.KinesisUse(shards=10, records=10_000 * 2_628_000, record_kb=0.5), 477.42, {}),
    ("one shard", CALCULATOR, ck.KinesisUse(shards=1, records=43_808_760, record_kb=3), 11.56, {}),
    ("table of before November 2024", CALCULATOR,
        ck.DynamodbUse(writes=750e6, eventual_reads=750e6, storage_gb=1), 1031.50, {"price_book": BEFORE_2024}),
    ("bucket in Singapore", CALCULATOR,
        ck.S3Use(puts=429_150, gets=429_150, storage_gb=10), 2.57, {"region": "ap-southeast-1"}),
    ("NAT gateway", CALCULATOR, ck.VpcUse(nat_gateways=1), 32.85, {}),
    ("alarm", CALCULATOR, ck.CloudWatchUse(alarms=1), 0.10, {}),
    ("four shards", "aws.amazon.com/kinesis/pricing/, inputs of 2014; result computed from them",
        ck.KinesisUse(shards=4, records=100 * 3600 * 24 * 30, record_kb=35), 50.46, {"hours_per_month": 720}),
    ("HTTP API", "awsforengineers.com, 2025-05-19", ck.ApiGatewayUse(requests=216e6), 216.00, {}),
    ("connections left open", "a public playbook of 2026",
        ck.ApiGatewayUse(api="websocket", connection_minutes=4.32e9), 1080.00, {}),
    ("retries of a nightly pipeline", "a public course of October 2026",
        ck.StepFunctionsUse(executions=300_000, transitions_per_execution=9 + 3), 89.90, {"free_tier": True}),
    ("table on demand", "a LinkedIn article of 2025", ck.DynamodbUse(writes=650e3, reads=550e3), 0.48, {}),
    ("provisioned table", "a LinkedIn article of 2025",
        ck.DynamodbUse(write_capacity=100, read_capacity=100), 56.16, {"hours_per_month": 720}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "source", "use", "usd", "options"), TOTALS, ids=lambda each: str(each)[:30])
def test_what_the_calculator_and_others_make_of_it(what, source, use, usd, options):
    assert to_the_cent(ck.estimate({what: use}, **options).total_usd) == usd, source


# --- the same through a chain ---


@pytest.mark.parametrize(
    ("memory_mb", "settings", "counts", "requests", "free_tier", "hours", "published_usd"),
    [
        pytest.param(1536, {}, {"invocations": 3e6, "run_ms": 3e6 * 120}, 3e6, True, 730, 2.73, id="E01"),
        pytest.param(
            1024, {}, {"invocations": 7.44e6, "run_ms": 7.44e6 * 2000}, 7.44e6, False, 744, 249.49, id="E02"
        ),
        pytest.param(
            1536,
            {"provisioned_concurrency": 100},
            {
                "invocations": 3e6, "run_ms": 2.5e6 * 120, "provisioned_s": 100 * 8 * 3600,
                "provisioned_run_ms": 500_000 * 100,
            },
            3e6, True, 730, 19.96, id="E04",
        ),
    ],
)  # fmt: skip
def test_a_chain_costs_what_the_page_prints(memory_mb, settings, counts, requests, free_tier, hours, published_usd):
    chain = ck.Chain("app")
    chain.add(ck.LambdaFunction("app", memory_mb=memory_mb, **settings))
    usage = ck.usage_of(chain, {"app": counts}, requests=requests, hours=hours)
    actual = ck.bill(chain, usage, free_tier=free_tier, hours_per_month=hours)

    assert actual.requests_per_month == requests
    assert (to_the_cent(actual.total_usd), actual.invoice_usd) == (published_usd, published_usd)


# --- unit rules: E19, E41 to E46 ---


def total(use, price, **options):
    return sum(each.quantity for each in use.quantities(**options) if each.price == price)


@pytest.mark.parametrize(
    ("use", "price", "quantity"),
    [
        pytest.param(
            ck.LambdaUse(requests=1, duration_ms=250.06, cold_starts=1, init_ms=100.77, memory_mb=1024),
            "lambda-gb-s-x86", 0.351, id="E19 INIT and handler are summed, then rounded up once",
        ),
        pytest.param(ck.SqsUse(requests=1, message_kb=256), "sqs-standard-requests", 4, id="E41 256 KB"),
        pytest.param(ck.SqsUse(sends=1, message_kb=1024), "sqs-standard-requests", 16, id="E41 1 MiB"),
        pytest.param(
            ck.SqsUse(sends=10, message_kb=25.6, batch_size=10), "sqs-standard-requests", 4, id="E41 a batch"
        ),
        pytest.param(ck.EventBridgeUse(custom_events=1, event_kb=256), "events-custom", 4, id="E42 event"),
        pytest.param(
            ck.EventBridgeUse(pipe_events=4, pipe_batch_size=4, event_kb=64), "events-pipes", 4, id="E42 pipe"
        ),
        pytest.param(
            ck.ApiGatewayUse(api="websocket", messages=1, message_kb=33), "websocket-messages", 2, id="E43"
        ),
        pytest.param(
            ck.StepFunctionsUse(workflow="express", executions=1, duration_ms=101, definition_kb=1,
                payload_kb=13 * 1024, branches=1),
            "stepfunctions-express-gb-s", 0.2 * 64 / 1024, id="E45 63 MB and a little",
        ),
        pytest.param(
            ck.StepFunctionsUse(workflow="express", executions=1, duration_ms=100, payload_kb=8 * 1024, branches=2),
            "stepfunctions-express-gb-s", 0.1 * 128 / 1024, id="E45 66 MB",
        ),
        pytest.param(
            ck.LambdaUse(memory_mb=1024, snapshot_versions=1, snapshot_hours=1), "lambda-snapstart-cache-gb-s",
            3 * 3600, id="E46 a snapshot",
        ),
        pytest.param(
            ck.LambdaUse(memory_mb=1024, provisioned_concurrency=1, provisioned_hours=0.1, provisioned_periods=2),
            "lambda-provisioned-gb-s-x86", 2 * 600, id="E46 six minutes are ten",
        ),
        pytest.param(
            ck.LambdaUse(sqs_pollers=2, poller_hours=1 / 3600), "lambda-sqs-poller-hours", 2 / 60, id="E46 a poller"
        ),
        pytest.param(
            ck.LambdaUse(kafka_pollers=1, poller_hours=90.5 / 3600), "lambda-kafka-poller-hours", 91 / 3600,
            id="E46 by the second",
        ),
    ],
)  # fmt: skip
def test_what_is_used_is_counted_in_the_units_of_aws(use, price, quantity):
    assert total(use, price) == pytest.approx(quantity, rel=1e-12)
