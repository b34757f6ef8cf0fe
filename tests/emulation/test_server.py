"""The whole way: API -> function -> queue -> function, with its story; and what stands in the emulator."""

from chainkit.emulation import Emulator
from tests.emulation.conftest import Aws

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


def test_what_stands_is_counted_by_type():
    with Emulator() as emulator:
        aws = Aws(emulator)
        _, queue = aws.queue()
        name, function = aws.function("def handler(event, context):\n    return 1")
        aws.map_queue(queue, function)
        aws.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
        topic = aws.client("sns").create_topic(Name="t")["TopicArn"]
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        aws.client("events").create_event_bus(Name="b")
        aws.client("events").put_rule(Name="r", EventBusName="b", EventPattern='{"source": ["x"]}')
        aws.machine({"Done": {"Type": "Succeed"}})
        aws.api(function=function)
        aws.client("logs").create_log_group(logGroupName="g")

        assert emulator.resources() == {
            "AWS::Lambda::Function": 1,
            "AWS::Lambda::EventSourceMapping": 1,
            "AWS::Lambda::EventInvokeConfig": 1,
            "AWS::SQS::Queue": 1,
            "AWS::SNS::Topic": 1,
            "AWS::SNS::Subscription": 1,
            "AWS::Events::EventBus": 1,
            "AWS::Events::Rule": 1,
            "AWS::StepFunctions::StateMachine": 1,
            "AWS::ApiGatewayV2::Api": 1,
            "AWS::IAM::Role": 1,
            "AWS::Logs::LogGroup": 1,
        }
