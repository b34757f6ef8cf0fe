"""Versions and aliases: a qualifier in the name, in the ARN or beside it; weights; what is pinned."""

import json
import uuid
from collections import Counter

import pytest
from botocore.exceptions import ClientError

from tests.emulation.conftest import zipped

WHO = "def handler(event, context):\n    return ['{}', context.function_version, context.invoked_function_arn]"


@pytest.fixture
def published(aws):
    """A function with version 1 (old code), version 2 (new code), alias live -> 1; return (name, ARN)."""
    client = aws.client("lambda")
    name, arn = aws.function(WHO.format("old"))
    client.publish_version(FunctionName=name)
    client.update_function_code(FunctionName=name, ZipFile=zipped({"index.py": WHO.format("new")}))
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name, arn


def call(aws, name, **options):
    response = aws.client("lambda").invoke(FunctionName=name, **options)
    return [*json.load(response["Payload"]), response["ExecutedVersion"]]


def test_every_way_to_name_an_alias_runs_its_version(aws, published):
    name, arn = published
    expected = ["old", "1", f"{arn}:live", "1"]

    assert call(aws, name, Qualifier="live") == expected
    assert call(aws, f"{name}:live") == expected
    assert call(aws, f"{arn}:live") == expected
    assert call(aws, f"123456789012:function:{name}:live") == expected
    assert call(aws, arn, Qualifier="live") == expected


def test_without_a_qualifier_the_unpublished_version_runs(aws, published):
    name, arn = published

    assert call(aws, name) == ["new", "$LATEST", arn, "$LATEST"]
    assert call(aws, name, Qualifier="2") == ["new", "2", f"{arn}:2", "2"]


def test_a_version_keeps_its_settings_and_a_moved_alias_takes_effect(aws, published):
    name, _ = published
    client = aws.client("lambda")
    client.update_function_configuration(
        FunctionName=name, MemorySize=256, TracingConfig={"Mode": "Active"}, DeadLetterConfig={"TargetArn": "arn:aws:x"}
    )
    pinned = client.get_function_configuration(FunctionName=name, Qualifier="1")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")

    assert (pinned["MemorySize"], pinned["TracingConfig"]["Mode"]) == (128, "PassThrough")
    assert "DeadLetterConfig" not in pinned
    assert call(aws, name, Qualifier="live")[0] == "new"


def test_a_weighted_alias_sends_its_share_to_the_second_version(aws, published):
    name, _ = published
    aws.client("lambda").update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}}
    )
    ran = Counter(call(aws, name, Qualifier="live")[3] for _ in range(200))

    assert set(ran) == {"1", "2"}
    assert 19 <= ran["2"] <= 81, "a quarter of 200, five standard deviations either way"


def test_two_qualifiers_that_differ_are_refused(aws, published):
    name, _ = published
    with pytest.raises(ClientError, match="does not match the specified qualifier") as refused:
        call(aws, f"{name}:live", Qualifier="2")

    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_qualifier_that_is_not_there_is_not_found(aws, published):
    name, _ = published
    with pytest.raises(ClientError) as refused:
        call(aws, name, Qualifier="nobody")

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_number_of_a_deleted_version_is_not_given_again(aws, published):
    name, _ = published
    client = aws.client("lambda")
    client.delete_function(FunctionName=name, Qualifier="2")
    client.update_function_configuration(FunctionName=name, Description=uuid.uuid4().hex)

    assert client.publish_version(FunctionName=name)["Version"] == "3"
    assert client.publish_version(FunctionName=name)["Version"] == "3", "nothing has changed since"
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName=name)["Versions"]] == [
        "$LATEST",
        "1",
        "3",
    ]
    client.delete_function(FunctionName=name)


def test_an_asynchronous_event_to_an_alias_runs_its_version(aws):
    client = aws.client("lambda")
    name, _, reports = aws.reporting("def handler(event, context):\n    report([context.function_version, event])")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.invoke(FunctionName=name, Qualifier="live", InvocationType="Event", Payload="7")

    assert aws.bodies(reports) == [["1", 7]]
