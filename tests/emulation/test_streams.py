"""DynamoDB and Kinesis streams -> functions: order, batches, retries that block, bisecting, destinations, positions."""

import base64
import json
import time
import uuid

import pytest

SEEN = """
def handler(event, context):
    report([r['dynamodb']['Keys']['id']['S'] for r in event['Records']])
"""

DATA = """
import base64
def handler(event, context):
    seen = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]
    report(seen)
"""

POISON = (
    DATA
    + """
    if 'bad' in seen:
        raise ValueError('poison')
"""
)


def events_of(aws, root, what):
    return [event for event in aws.emulator.story(root) if event["what"] == what]


def create_table(aws, view="NEW_AND_OLD_IMAGES"):
    name = f"t-{uuid.uuid4().hex[:8]}"
    created = aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return name, created["TableDescription"]["LatestStreamArn"]


def put(aws, root, table, key, **attributes):
    item = {"id": {"S": key}, **{name: {"S": value} for name, value in attributes.items()}}
    aws.traced("dynamodb", root).put_item(TableName=table, Item=item)


def create_stream(aws, shards=1):
    name = f"s-{uuid.uuid4().hex[:8]}"
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return name, f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"


def feed(aws, root, stream, *data, key="k"):
    for each in data:
        aws.traced("kinesis", root).put_record(StreamName=stream, Data=each.encode(), PartitionKey=key)


def all_of(batches):
    return [each for batch in batches for each in batch]


# --- what arrives ---


def test_inserts_changes_and_removals_arrive_in_order_with_their_images(aws, root):
    table, stream = create_table(aws)
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'])")
    aws.map_queue(stream, function, StartingPosition="TRIM_HORIZON")
    put(aws, root, table, "a", state="new")
    put(aws, root, table, "a", state="paid")
    put(aws, root, table, "a", state="paid")  # changes nothing: no record
    aws.traced("dynamodb", root).delete_item(TableName=table, Key={"id": {"S": "a"}})
    settled = aws.emulator.settle(root)
    records = all_of(aws.bodies(reports, 3, wait_s=1))

    assert settled
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[0]["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "state": {"S": "new"}}
    assert records[1]["dynamodb"]["OldImage"]["state"] == {"S": "new"}
    assert "NewImage" not in records[2]["dynamodb"]
    assert (records[0]["eventSource"], records[0]["eventSourceARN"]) == ("aws:dynamodb", stream)
    assert (
        records[0]["dynamodb"]["ApproximateCreationDateTime"] >= time.time() - 60
    )  # the clock is never behind the wall
    assert "invocation" in aws.whats(root)


def test_a_kinesis_record_arrives_as_aws_writes_it(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0])")
    aws.map_queue(stream, function, StartingPosition="LATEST")
    feed(aws, root, name, "hello", key="customer-7")
    aws.emulator.settle(root)
    (record,) = aws.bodies(reports)

    assert base64.b64decode(record["kinesis"]["data"]) == b"hello"
    assert record["kinesis"]["partitionKey"] == "customer-7"
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:kinesis", stream)
    assert record["eventID"].startswith("shardId-000000000000:")
    assert record["invokeIdentityArn"] == aws.role()


def test_order_within_a_shard_is_kept_over_batches(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(DATA)
    feed(aws, root, name, *"abcdefg")
    aws.map_queue(stream, function, StartingPosition="TRIM_HORIZON", BatchSize=3)
    aws.emulator.settle(root)

    assert aws.bodies(reports, 3, wait_s=1) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_a_window_gathers_what_comes_and_takes_no_time(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(DATA)
    aws.map_queue(stream, function, StartingPosition="LATEST", MaximumBatchingWindowInSeconds=30)
    records = [{"Data": each, "PartitionKey": "k"} for each in (b"a", b"b")]
    aws.traced("kinesis", root).put_records(StreamName=name, Records=records)
    aws.emulator.settle(root)

    assert aws.bodies(reports, 2, wait_s=0) == [["a", "b"]]
    assert 29 < events_of(aws, root, "invocation")[0]["at_s"] < 35


@pytest.mark.parametrize(("position", "seen"), [("LATEST", [["new"]]), ("TRIM_HORIZON", [["old", "new"]])])
def test_the_starting_position_decides_what_of_the_past_is_read(aws, root, position, seen):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(DATA)
    feed(aws, root, name, "old")
    mapping = aws.map_queue(stream, function, StartingPosition=position, Enabled=False)
    feed(aws, root, name, "new")
    rests = aws.emulator.settle(root, timeout_s=5)
    assert aws.whats(root).count("invocation") == 0
    aws.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    aws.emulator.settle(root)

    assert rests, "a disabled mapping keeps nothing in flight"
    assert aws.bodies(reports, 2, wait_s=0) == seen


def test_a_filter_sees_the_data_and_the_image(aws, root):
    name, stream = create_stream(aws)
    table, table_stream = create_table(aws)
    _, function, reports = aws.reporting("def handler(event, context):\n    report(len(event['Records']))")
    _, other, other_reports = aws.reporting(SEEN)
    by_data = json.dumps({"data": {"usd": [{"numeric": [">", 10]}]}})
    by_image = json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"state": {"S": ["paid"]}}}})
    options = {"StartingPosition": "TRIM_HORIZON"}
    aws.map_queue(stream, function, FilterCriteria={"Filters": [{"Pattern": by_data}]}, **options)
    aws.map_queue(table_stream, other, FilterCriteria={"Filters": [{"Pattern": by_image}]}, **options)
    feed(aws, root, name, '{"usd": 5}', '{"usd": 20}', "no json")
    put(aws, root, table, "a", state="paid")
    put(aws, root, table, "b", state="open")
    aws.emulator.settle(root)

    assert sum(aws.bodies(reports, 2, wait_s=0)) == 1
    assert aws.bodies(other_reports, 2, wait_s=0) == [["a"]]
    assert len(events_of(aws, root, "filtered")) == 3


# --- what fails ---


def test_a_failing_batch_blocks_its_shard_and_goes_to_the_destination_when_its_retries_are_used_up(aws, root):
    name, stream = create_stream(aws)
    dead_url, dead = aws.queue()
    _, function, reports = aws.reporting(POISON)
    feed(aws, root, name, "good", "bad", "after")
    aws.map_queue(
        stream,
        function,
        StartingPosition="TRIM_HORIZON",
        BatchSize=2,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    settled = aws.emulator.settle(root)
    (letter,) = aws.bodies(dead_url)

    assert settled
    assert aws.bodies(reports, 5, wait_s=0) == [["good", "bad"]] * 3 + [["after"]]
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    info = letter["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == ("1", "2", 2)
    assert letter["responseContext"]["functionError"] == "Unhandled"


def test_what_is_given_up_and_has_no_destination_any_more_is_dropped(aws, root):
    name, stream = create_stream(aws)
    gone_url, gone = aws.queue()
    _, function, _ = aws.reporting(POISON)
    aws.client("sqs").delete_queue(QueueUrl=gone_url)
    feed(aws, root, name, "bad")
    aws.map_queue(
        stream,
        function,
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": gone}},
    )
    aws.emulator.settle(root)

    assert [event["status"] for event in events_of(aws, root, "destination")] == ["error"]
    assert len(events_of(aws, root, "dropped")) == 1


def test_bisecting_isolates_the_poison_and_uses_up_no_retry(aws, root):
    name, stream = create_stream(aws)
    dead_url, dead = aws.queue()
    _, function, reports = aws.reporting(POISON)
    feed(aws, root, name, "1", "2", "bad", "4")
    aws.map_queue(
        stream,
        function,
        StartingPosition="TRIM_HORIZON",
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    aws.emulator.settle(root)
    tried = aws.bodies(reports, 9, wait_s=0)

    assert tried == [["1", "2", "bad", "4"], ["1", "2"], ["bad", "4"], ["bad"], ["bad"], ["4"]]
    assert aws.bodies(dead_url)[0]["KinesisBatchInfo"]["batchSize"] == 1


def test_a_partial_answer_goes_on_from_the_lowest_failed_record(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(
        DATA
        + """
    failed = [r['kinesis']['sequenceNumber'] for r in event['Records'] if int(r['kinesis']['sequenceNumber']) > 2]
    return {'batchItemFailures': [{'itemIdentifier': each} for each in reversed(failed)] if len(seen) > 2 else []}
"""
    )
    feed(aws, root, name, *"abcd")
    aws.map_queue(stream, function, StartingPosition="TRIM_HORIZON", FunctionResponseTypes=["ReportBatchItemFailures"])
    aws.emulator.settle(root)

    assert aws.bodies(reports, 3, wait_s=0) == [["a", "b", "c", "d"], ["c", "d"]]


def test_without_a_limit_a_batch_comes_again_until_it_is_too_old_and_so_is_what_waited_behind_it(aws, root):
    table, stream = create_table(aws)
    dead_url, dead = aws.queue()
    _, function, reports = aws.reporting(
        SEEN + "    if event['Records'][0]['dynamodb']['Keys']['id']['S'] == 'bad':\n        raise ValueError('no')"
    )
    put(aws, root, table, "bad")
    put(aws, root, table, "behind")
    aws.map_queue(
        stream,
        function,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
        MaximumRecordAgeInSeconds=600,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    aws.emulator.settle(root)
    tried = all_of(aws.bodies(reports, 40, wait_s=0))
    letters = aws.bodies(dead_url, 2)
    put(aws, root, table, "new")
    aws.emulator.settle(root)
    entered_s = events_of(aws, root, "stream record")[0]["at_s"]
    waits = events_of(aws, root, "retry wait")
    spans_s, tries_s = [wait["span_s"] for wait in waits], [wait["at_s"] for wait in waits]

    assert spans_s[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert tried.count("bad") == len(waits)
    assert tries_s[-1] - entered_s < 600 < tries_s[-1] + spans_s[-1] - entered_s
    assert set(tried) == {"bad"}
    assert [letter["requestContext"]["condition"] for letter in letters] == ["MaximumRecordAgeExceeded"] * 2
    assert all("DDBStreamBatchInfo" in letter for letter in letters)
    assert all_of(aws.bodies(reports, 1, wait_s=0)) == ["new"]


def test_the_other_shard_is_not_blocked(aws, root):
    name, stream = create_stream(aws, shards=2)
    _, function, reports = aws.reporting(POISON)
    aws.map_queue(stream, function, StartingPosition="LATEST", MaximumRetryAttempts=3, BatchSize=1)
    low, high = "0", str(2**128 - 2)
    client = aws.traced("kinesis", root)
    client.put_record(StreamName=name, Data=b"bad", PartitionKey="k", ExplicitHashKey=low)
    client.put_record(StreamName=name, Data=b"blocked", PartitionKey="k", ExplicitHashKey=low)
    client.put_record(StreamName=name, Data=b"free", PartitionKey="k", ExplicitHashKey=high)
    aws.emulator.settle(root)
    tried = all_of(aws.bodies(reports, 6, wait_s=0))

    assert tried.count("bad") == 4
    assert tried[-1] == "blocked"
    assert tried.index("free") < tried.index("blocked")


def test_lanes_run_at_once_and_keep_the_order_of_each_key(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(
        "import base64, time\ndef handler(event, context):\n"
        "    record = event['Records'][0]['kinesis']\n    began = time.time()\n    time.sleep(0.2)\n"
        "    report([record['partitionKey'], base64.b64decode(record['data']).decode(), began, time.time()])"
    )
    for key in "abcd":
        feed(aws, root, name, "1", "2", key=key)
    aws.map_queue(stream, function, StartingPosition="TRIM_HORIZON", BatchSize=1, ParallelizationFactor=4)
    aws.emulator.settle(root)
    runs = sorted(aws.bodies(reports, 8, wait_s=1), key=lambda run: run[2])
    at_once = max(sum(begin <= at < end for *_, begin, end in runs) for *_, at, _ in runs)

    assert at_once > 1
    for key in "abcd":
        assert [data for at, data, *_ in runs if at == key] == ["1", "2"]


def test_a_throttled_batch_waits_and_uses_up_no_retry(aws, root):
    name, stream = create_stream(aws)
    function, arn, reports = aws.reporting(DATA)
    aws.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    aws.map_queue(stream, arn, StartingPosition="LATEST", MaximumRetryAttempts=0)
    feed(aws, root, name, "a")
    deadline_s = time.monotonic() + 10
    while len(events_of(aws, root, "invocation")) < 4 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    aws.client("lambda").delete_function_concurrency(FunctionName=function)
    aws.emulator.settle(root)
    statuses = [event["status"] for event in events_of(aws, root, "invocation")]

    assert statuses[0] == "throttled"
    assert statuses[-1] == "ok"
    assert aws.bodies(reports) == [["a"]]


def test_a_deleted_mapping_reads_no_more(aws, root):
    name, stream = create_stream(aws)
    _, function, reports = aws.reporting(DATA)
    mapping = aws.map_queue(stream, function, StartingPosition="LATEST")
    aws.client("lambda").delete_event_source_mapping(UUID=mapping)
    feed(aws, root, name, "a")

    assert aws.emulator.settle(root, timeout_s=5)
    assert aws.bodies(reports, wait_s=0) == []
