"""Maps in DISTRIBUTED mode: thresholds, batches, items from S3, result files."""

import json
import uuid

import pytest

from chainkit.emulation.maps import allowed, batched

TENFOLD = (
    "def handler(event, context):\n    if event['n'] == 2:\n        raise ValueError('two')\n    return event['n'] * 10"
)
ITEMS = [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]


@pytest.fixture
def bucket(aws):
    name = f"b-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def each(function, *, inside="ItemProcessor", kind="STANDARD", **options):
    """Return the states of a machine whose distributed Map calls a function for each item."""
    body = {"Type": "Task", "Resource": function, "End": True} if function else {"Type": "Pass", "End": True}
    config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    processor = {"ProcessorConfig": config, "StartAt": "Call", "States": {"Call": body}}
    return {"Each": {"Type": "Map", inside: processor, "End": True, **options}}


def from_s3(aws, bucket, items):
    aws.client("s3").put_object(Bucket=bucket, Key="items.json", Body=json.dumps(items))
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": bucket, "Key": "items.json"},
    }


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_items_from_s3_run_as_executions(aws, root, bucket, kind):
    _, function = aws.function(TENFOLD)
    reader = from_s3(aws, bucket, [{"n": 1}, {"n": 3}, {"n": 4}])
    done = aws.execute(aws.machine(each(function, kind=kind, ItemReader=reader)), root)

    assert json.loads(done["output"]) == [10, 30, 40]
    assert aws.whats(root).count("invocation") == 3


def test_a_failed_child_fails_the_map_by_its_name(aws, root):
    _, function = aws.function(TENFOLD)
    done = aws.execute(aws.machine(each(function)), root, ITEMS)
    client = aws.client("stepfunctions")
    (run,) = client.list_map_runs(executionArn=done["executionArn"])["mapRuns"]
    counts = client.describe_map_run(mapRunArn=run["mapRunArn"])

    assert (done["status"], done["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert (counts["status"], counts["itemCounts"]["failed"], counts["itemCounts"]["succeeded"]) == ("FAILED", 1, 3)
    assert counts["executionCounts"]["running"] == 0
    assert "MapRunFailed" in aws.history(done["executionArn"])
    assert ("error", ["Each"]) in [(event["status"], event["ids"]) for event in aws.emulator.story(root)]


def test_a_failed_map_can_be_caught_by_its_name(aws, root):
    _, function = aws.function(TENFOLD)
    catch = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Caught"}]
    states = each(function, Catch=catch) | {"Caught": {"Type": "Pass", "Result": "caught", "End": True}}

    assert aws.execute(aws.machine(states), root, ITEMS)["output"] == '"caught"'


@pytest.mark.parametrize(
    ("threshold", "status"),
    [
        ({"ToleratedFailureCount": 1}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 25}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 24.9}, "FAILED"),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 10}, "FAILED"),
    ],
)
def test_failures_are_tolerated_by_number_or_percentage(aws, root, threshold, status):
    _, function = aws.function(TENFOLD)
    done = aws.execute(aws.machine(each(function, **threshold)), root, ITEMS)

    assert done["status"] == status
    if status == "SUCCEEDED":
        one, two, *others = json.loads(done["output"])
        assert [one, *others] == [10, 30, 40]
        assert (two["Status"], two["Error"], json.loads(two["Input"])) == ("FAILED", "ValueError", {"n": 2})


def test_the_old_name_of_an_item_processor_counts_failures_too(aws, root):
    _, function = aws.function(TENFOLD)
    done = aws.execute(aws.machine(each(function, inside="Iterator")), root, ITEMS)

    assert done["error"] == "States.ExceedToleratedFailureThreshold"


def test_an_inline_map_fails_by_the_error_of_its_item(aws, root):
    _, function = aws.function(TENFOLD)
    states = each(function)
    del states["Each"]["ItemProcessor"]["ProcessorConfig"]

    assert aws.execute(aws.machine(states), root, ITEMS)["error"] == "ValueError"


def test_items_are_taken_in_batches(aws, root):
    batcher = {"MaxItemsPerBatch": 3, "BatchInput": {"date": "today"}}
    done = aws.execute(aws.machine(each(None, ItemBatcher=batcher)), root, ITEMS)

    assert json.loads(done["output"]) == [
        {"Items": ITEMS[:3], "BatchInput": {"date": "today"}},
        {"Items": ITEMS[3:], "BatchInput": {"date": "today"}},
    ]


def test_a_batch_is_full_by_its_bytes():
    # {"Items":["aa","aa"]} has 21 bytes
    assert [len(batch["Items"]) for batch in batched(["aa"] * 5, {"MaxInputBytesPerBatch": 21})] == [2, 2, 1]


def test_a_failed_batch_counts_all_its_items(aws, root):
    _, function = aws.function(
        "def handler(event, context):\n    if {'n': 2} in event['Items']:\n        raise ValueError"
    )
    batcher = {"ItemBatcher": {"MaxItemsPerBatch": 2}}

    assert (
        aws.execute(aws.machine(each(function, ToleratedFailureCount=1, **batcher)), root, ITEMS)["status"] == "FAILED"
    )
    assert (
        aws.execute(aws.machine(each(function, ToleratedFailureCount=2, **batcher)), root, ITEMS)["status"]
        == "SUCCEEDED"
    )


def test_the_stricter_of_two_thresholds_holds():
    assert allowed(100, 5, 0.0) == 5
    assert allowed(100, 5, 3.0) == 3
    assert allowed(100, 2, 3.0) == 2
    assert allowed(100, 0, 0.0) == 0


def test_objects_of_a_bucket_are_items(aws, root, bucket):
    for key in ("in/a", "in/b", "out/c"):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body="abc")
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": bucket, "Prefix": "in/"}}
    done = aws.execute(aws.machine(each(None, ItemReader=reader)), root)
    items = json.loads(done["output"])

    assert [(item["Key"], item["Size"]) for item in items] == [("in/a", 3), ("in/b", 3)]
    assert all(isinstance(item["LastModified"], int) for item in items)


def test_results_are_written_to_files(aws, root, bucket):
    _, function = aws.function(TENFOLD)
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": bucket, "Prefix": "results"},
    }
    done = aws.execute(aws.machine(each(function, ResultWriter=writer, ToleratedFailureCount=1)), root, ITEMS)

    def read(key):
        return json.loads(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    files = read(json.loads(done["output"])["ResultWriterDetails"]["Key"])["ResultFiles"]
    assert sorted(json.loads(row["Output"]) for row in read(files["SUCCEEDED"][0]["Key"])) == [10, 30, 40]
    assert [row["Error"] for row in read(files["FAILED"][0]["Key"])] == ["ValueError"]


def test_items_that_cannot_be_read_fail_the_map_by_name(aws, root, bucket):
    reader = from_s3(aws, bucket, []) | {"Parameters": {"Bucket": bucket, "Key": "gone.json"}}
    catch = [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "Caught"}]
    states = each(None, ItemReader=reader, Catch=catch) | {"Caught": {"Type": "Pass", "End": True}}
    done = aws.execute(aws.machine(states), root)

    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"])["Error"] == "States.ItemReaderFailed"
