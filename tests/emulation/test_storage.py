"""S3 -> function, queue, topic, EventBridge."""

import json
import uuid

import pytest


@pytest.fixture
def bucket(aws):
    name = f"b-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def notify(aws, bucket, **configuration):
    aws.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def put(aws, root, bucket, *keys):
    for key in keys:
        aws.traced("s3", root).put_object(Bucket=bucket, Key=key, Body=b"hello")
    assert aws.emulator.settle(root)


def test_a_function_gets_what_the_filter_lets_through_with_the_key_as_aws_writes_it(aws, bucket, root):
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0])")
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".txt"}]
    notify(
        aws,
        bucket,
        LambdaFunctionConfigurations=[
            {
                "Id": "mine",
                "LambdaFunctionArn": function,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        ],
    )
    put(aws, root, bucket, "in/a b+ü.txt", "out/a.txt", "in/a.bin")
    (record,) = aws.bodies(reports, 2, wait_s=0)

    assert record["s3"]["object"]["key"] == "in/a+b%2B%C3%BC.txt"
    assert (record["s3"]["object"]["size"], record["s3"]["bucket"]["name"]) == (5, bucket)
    assert (record["eventName"], record["s3"]["configurationId"]) == ("ObjectCreated:Put", "mine")
    assert aws.whats(root).count("notification") == 1


def test_a_function_that_fails_is_retried_as_an_asynchronous_invocation(aws, bucket, root):
    _, function = aws.function("def handler(event, context):\n    raise ValueError('no')")
    configuration = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    notify(aws, bucket, LambdaFunctionConfigurations=[configuration])
    put(aws, root, bucket, "a")

    assert aws.whats(root).count("invocation") == 3


def test_a_queue_and_a_topic_get_creation_and_removal(aws, bucket, root):
    url, queue = aws.queue()
    topic_url, topic_queue = aws.queue()
    topic = aws.client("sns").create_topic(Name=f"t-{bucket}")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=topic_queue, Attributes=raw)
    notify(
        aws,
        bucket,
        QueueConfigurations=[{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}],
        TopicConfigurations=[{"TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}],
    )
    tests = [aws.bodies(each)[0]["Event"] for each in (url, topic_url)]
    put(aws, root, bucket, "a")
    aws.traced("s3", root).delete_object(Bucket=bucket, Key="a")
    (created,) = aws.bodies(url)[0]["Records"]
    (removed,) = aws.bodies(topic_url)[0]["Records"]

    assert tests == ["s3:TestEvent"] * 2
    assert created["eventName"] == "ObjectCreated:Put"
    assert removed["eventName"] == "ObjectRemoved:Delete"
    assert "size" not in removed["s3"]["object"]


def test_a_rule_on_the_default_bus_fires(aws, bucket, root):
    url, queue = aws.queue()
    notify(aws, bucket, EventBridgeConfiguration={})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    client = aws.client("events")
    client.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    client.put_targets(Rule=bucket, Targets=[{"Id": "1", "Arn": queue}])
    put(aws, root, bucket, "in/a b")
    (event,) = aws.bodies(url)

    assert event["detail"]["object"]["key"] == "in/a b"
    assert (event["detail"]["object"]["size"], event["detail"]["reason"]) == (5, "PutObject")
    assert len(event["detail"]["object"]["etag"]) == 32
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]


def test_a_target_that_is_gone_does_not_fail_the_upload(aws, bucket, root):
    url, queue = aws.queue()
    notify(aws, bucket, QueueConfigurations=[{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}])
    aws.client("sqs").delete_queue(QueueUrl=url)
    put(aws, root, bucket, "a")

    assert [e["status"] for e in aws.emulator.story(root) if e["what"] == "notification"] == ["error"]


def test_the_end_of_an_upload_in_parts_is_told_once(aws, bucket, root):
    url, queue = aws.queue()
    notify(aws, bucket, QueueConfigurations=[{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}])
    client = aws.traced("s3", root)
    upload = client.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    tag = client.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    client.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=parts)
    told = [record["eventName"] for body in aws.bodies(url, 3, wait_s=1) for record in body.get("Records", ())]

    assert told == ["ObjectCreated:CompleteMultipartUpload"]
