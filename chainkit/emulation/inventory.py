"""What stands in the emulator, counted by CloudFormation type."""

from __future__ import annotations

import sys

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda.models import lambda_backends
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kinesis.models import kinesis_backends
from moto.logs.models import logs_backends
from moto.pipes.models import pipes_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from chainkit.emulation import function_urls
from chainkit.emulation.event_invoke_configs import configs
from chainkit.emulation.host import ACCOUNT_ID

CHAIN_TAG = "chainkit:chain"
"""As `templates.CHAIN_TAG`, which would take long to load here; a test holds the two equal."""


def resources(region: str) -> dict[str, int]:
    """Return how many resources of each type stand in `region`; types with none are left out."""
    machines = sys.modules.get("moto.stepfunctions.parser.models")  # slow to import, and there is none before
    lambdas, events = lambda_backends[ACCOUNT_ID][region], events_backends[ACCOUNT_ID][region]
    topics, functions = sns_backends[ACCOUNT_ID][region], list(lambdas.list_functions())
    counts = {
        "AWS::Lambda::Function": len(functions),
        "AWS::Lambda::EventSourceMapping": len(lambdas._event_source_mappings),
        "AWS::Lambda::Version": sum(len(each["versions"]) for each in lambdas._lambdas._functions.values()),
        "AWS::Lambda::Alias": sum(map(len, lambdas._lambdas._aliases.values())),
        "AWS::Lambda::Url": function_urls.count(region),
        "AWS::Lambda::EventInvokeConfig": sum(len(configs(function)) for function in functions),
        "AWS::Lambda::LayerVersion": sum(len(layer.layer_versions) for layer in lambdas._layers._layers.values()),
        "AWS::SQS::Queue": len(sqs_backends[ACCOUNT_ID][region].queues),
        "AWS::SNS::Topic": len(topics.topics),
        "AWS::SNS::Subscription": len(topics.subscriptions),
        "AWS::Events::EventBus": len(events.event_buses) - 1,
        "AWS::Events::Rule": sum(len(bus.rules) for bus in events.event_buses.values()),
        "AWS::StepFunctions::StateMachine": (
            len(machines.stepfunctions_parser_backends[ACCOUNT_ID][region].state_machines) if machines else 0
        ),
        "AWS::ApiGatewayV2::Api": len(apigatewayv2_backends[ACCOUNT_ID][region].apis),
        "AWS::IAM::Role": len(iam_backends[ACCOUNT_ID]["aws"].roles),
        "AWS::Logs::LogGroup": len(logs_backends[ACCOUNT_ID][region].groups),
        "AWS::DynamoDB::Table": len(dynamodb_backends[ACCOUNT_ID][region].tables),
        "AWS::Kinesis::Stream": len(kinesis_backends[ACCOUNT_ID][region].streams),
        "AWS::S3::Bucket": len(s3_backends[ACCOUNT_ID]["aws"].buckets),
        "AWS::Pipes::Pipe": len(pipes_backends[ACCOUNT_ID][region].pipes),
        "AWS::Scheduler::Schedule": sum(
            len(group.schedules) for group in scheduler_backends[ACCOUNT_ID][region].schedule_groups.values()
        ),
        "AWS::Events::Archive": len(events.archives),
    }
    return {name: count for name, count in counts.items() if count}


def chains(region: str) -> list[str]:
    """Return the names of the chains of which something stands: what they made has their tag."""
    queues, topics = sqs_backends[ACCOUNT_ID][region].queues, sns_backends[ACCOUNT_ID][region].topics
    tags = [queue.tags for queue in list(queues.values())]
    tags += [topic._tags for topic in list(topics.values())]
    roles = list(iam_backends[ACCOUNT_ID]["aws"].roles.values())
    tags += [{tag["Key"]: tag["Value"] for tag in role.tags} for role in roles]
    return sorted({own[CHAIN_TAG] for own in tags if CHAIN_TAG in own})
