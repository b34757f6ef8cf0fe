"""Checks of streams: DynamoDB's, Kinesis', log groups' subscriptions."""

import base64
import time

from chainkit.probing.checking import check, expect
from chainkit.probing.place import Place, records


@check
def ddb_stream(at: Place) -> None:
    """A new item's record holds its NewImage."""
    client, name, function = at.aws("dynamodb"), at.name("orders"), at.function("tell")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    at.later("dynamodb", "delete_table", TableName=name)
    look = client.describe_table
    at.until("the table is there", lambda: look(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    stream = look(TableName=name)["Table"]["LatestStreamArn"]
    at.source(stream, function, StartingPosition="TRIM_HORIZON", BatchSize=1)
    item = {"id": {"S": "order 7"}, "amount": {"N": "500"}}
    client.put_item(TableName=name, Item=item)
    (record,) = records(function.seen(1, "an invocation", rest_s=1))

    expect("eventName", record["eventName"], "INSERT")
    expect("NewImage", record["dynamodb"]["NewImage"], item)
    expect("eventSourceARN", record["eventSourceARN"], stream)


@check
def kinesis(at: Place) -> None:
    """A record's data and partition key arrive."""
    client, name, function = at.aws("kinesis"), at.name("orders"), at.function("tell")
    client.create_stream(StreamName=name, ShardCount=1)
    at.later("kinesis", "delete_stream", StreamName=name, EnforceConsumerDeletion=True)

    def described() -> dict[str, str]:
        summary: dict[str, str] = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return summary if summary["StreamStatus"] == "ACTIVE" else {}

    arn = at.until("the stream is there", described)["StreamARN"]
    at.source(arn, function, StartingPosition="TRIM_HORIZON", BatchSize=1)
    client.put_record(StreamName=name, Data=b"order 7", PartitionKey="customer 3")
    (record,) = records(function.seen(1, "an invocation", rest_s=1))

    expect("data", base64.b64decode(record["kinesis"]["data"]), b"order 7")
    expect("partitionKey", record["kinesis"]["partitionKey"], "customer 3")
    expect("eventSourceARN", record["eventSourceARN"], arn)


@check
def logs_subscription(at: Place) -> None:
    """The log events that match a subscription's pattern arrive, zipped."""
    client, group, function = at.aws("logs"), at.name("orders"), at.function("unpack")
    client.create_log_group(logGroupName=group)
    at.later("logs", "delete_log_group", logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="one")
    function.allow("logs")
    client.put_subscription_filter(
        logGroupName=group, filterName="errors", filterPattern="ERROR", destinationArn=function.arn
    )
    now_ms = int(time.time() * 1000)
    lines = [{"timestamp": now_ms, "message": text} for text in ("all is well", "ERROR order 7")]
    client.put_log_events(logGroupName=group, logStreamName="one", logEvents=lines)
    (data,) = function.seen(1, "invocations", rest_s=1)

    expect("messages", [event["message"] for event in data["logEvents"]], ["ERROR order 7"])
    expect("group and stream", (data["logGroup"], data["logStream"]), (group, "one"))
