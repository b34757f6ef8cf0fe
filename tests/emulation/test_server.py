"""The whole way: API -> function -> queue -> function, with its story."""

VALIDATE = """
import boto3, json, os

def handler(event, context):
    body = json.loads(event["body"])
    print("validating", body["order"])
    boto3.client("sqs").send_message(QueueUrl=os.environ["JOBS_QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 202, "body": json.dumps({"accepted": body["order"]})}
"""


def test_a_request_goes_from_the_api_through_a_queue_and_its_story_says_so(aws, root):
    jobs_url, jobs = aws.queue()
    _, pay, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0]['body'])")
    _, validate = aws.function(VALIDATE, Environment={"Variables": {"JOBS_QUEUE_URL": jobs_url}})
    aws.map_queue(jobs, pay)
    api_id = aws.api(function=validate)

    status, text, _ = aws.http(api_id, body={"order": 7}, root=root)
    settled = aws.emulator.settle(root)

    assert (status, text, settled) == (202, '{"accepted": 7}', True)
    assert aws.bodies(reports) == ['{"order": 7}']
    assert aws.whats(root)[:7] == ["api request", "invocation", "init", "send", "receive", "invocation", "init"]
