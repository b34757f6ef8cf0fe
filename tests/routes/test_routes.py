"""Every route of the local target, asked from outside."""

import boto3
import pytest
from botocore.config import Config

from chainkit.probing import CHECKS, Report, Result, chosen, probe

# AWS waits a minute before it tries again, and the wall's clock does, too.
A_MINUTE = {"async_retry_dest_onfailure"}
FAST = [check.name for check in chosen() if check.name not in A_MINUTE]

# (client, operation, key of its answer): where what a check makes would still stand.
LISTS = [
    ("sqs", "list_queues", "QueueUrls"),
    ("lambda", "list_functions", "Functions"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("sns", "list_topics", "Topics"),
    ("sns", "list_subscriptions", "Subscriptions"),
    ("iam", "list_roles", "Roles"),
    ("events", "list_rules", "Rules"),
    ("events", "list_archives", "Archives"),
    ("scheduler", "list_schedules", "Schedules"),
    ("pipes", "list_pipes", "Pipes"),
    ("logs", "describe_log_groups", "logGroups"),
    ("dynamodb", "list_tables", "TableNames"),
    ("kinesis", "list_streams", "StreamNames"),
    ("s3", "list_buckets", "Buckets"),
    ("stepfunctions", "list_state_machines", "stateMachines"),
]


@pytest.fixture(scope="module")
def results(endpoint: str) -> dict[str, Result]:
    return {result.check: result for result in probe(endpoint, only=FAST, jobs=6).results}


@pytest.mark.parametrize("name", FAST)
def test_a_route_works_as_on_aws(results: dict[str, Result], name: str) -> None:
    assert results[name].instead == ""


def test_nothing_is_left_behind(results: dict[str, Result], endpoint: str) -> None:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    standing = {}
    for service, operation, key in LISTS:
        client = boto3.client(service, endpoint_url=endpoint, config=config, **keys)
        standing[operation] = [each for each in getattr(client, operation)().get(key, []) if "probe-" in str(each)]
        client.close()

    assert {name: result.left for name, result in results.items() if result.left} == {}
    assert {operation: found for operation, found in standing.items() if found} == {}


@pytest.fixture(scope="module")
def shuffled(endpoint: str) -> Report:
    return probe(endpoint, slow=True, order="random", seed=7, jobs=6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_a_route_works_in_any_order(shuffled: Report, name: str) -> None:
    (result,) = [result for result in shuffled.results if result.check == name]

    assert result.instead == ""


@pytest.mark.slow
def test_another_order_is_another_order(shuffled: Report) -> None:
    names = [result.check for result in shuffled.results]

    assert sorted(names) == sorted(CHECKS)
    assert names != list(CHECKS)
