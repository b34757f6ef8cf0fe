"""Event invoke configs: one for each qualifier, replaced by Put, changed by Update, acted on."""

import pytest
from botocore.exceptions import ClientError

FAIL = "def handler(event, context):\n    raise ValueError('no')"


def settings(answer):
    return {name: answer[name] for name in answer if name not in ("ResponseMetadata", "FunctionArn", "LastModified")}


def test_put_replaces_and_update_changes(aws):
    client = aws.client("lambda")
    _, queue = aws.queue()
    name, arn = aws.function(FAIL)
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=2, MaximumEventAgeInSeconds=600)
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    replaced = client.get_function_event_invoke_config(FunctionName=name)
    destination = {"OnFailure": {"Destination": queue}}
    client.update_function_event_invoke_config(FunctionName=name, DestinationConfig=destination)
    updated = client.get_function_event_invoke_config(FunctionName=name)

    assert settings(replaced) == {"MaximumRetryAttempts": 0}
    assert settings(updated) == {"MaximumRetryAttempts": 0, "DestinationConfig": destination}
    assert updated["FunctionArn"] == f"{arn}:$LATEST"
    assert updated["LastModified"].year >= 2020


def test_each_qualifier_has_its_own(aws):
    client = aws.client("lambda")
    name, arn = aws.function(FAIL)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=2)
    client.put_function_event_invoke_config(FunctionName=name, Qualifier="live", MaximumRetryAttempts=0)
    listed = client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    client.delete_function_event_invoke_config(FunctionName=name, Qualifier="live")

    assert [(each["FunctionArn"], each["MaximumRetryAttempts"]) for each in listed] == [
        (f"{arn}:$LATEST", 2),
        (f"{arn}:live", 0),
    ]
    assert settings(client.get_function_event_invoke_config(FunctionName=name)) == {"MaximumRetryAttempts": 2}
    with pytest.raises(ClientError) as refused:
        client.get_function_event_invoke_config(FunctionName=name, Qualifier="live")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_event_follows_the_config_of_the_qualifier_it_was_sent_to(aws):
    client = aws.client("lambda")
    dead_url, dead = aws.queue()
    name, arn = aws.function(FAIL)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    client.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    roots = [aws.emulator.root_id(), aws.emulator.root_id()]
    aws.traced("lambda", roots[0]).invoke(FunctionName=name, InvocationType="Event")
    aws.traced("lambda", roots[1]).invoke(FunctionName=f"{name}:live", InvocationType="Event")
    settled = [aws.emulator.settle(root) for root in roots]

    assert settled == [True, True]
    assert [aws.whats(root).count("invocation") for root in roots] == [2, 1]
    (record,) = aws.bodies(dead_url, 1)
    assert record["requestContext"]["functionArn"] == f"{arn}:live"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["executedVersion"] == "1"


@pytest.mark.parametrize("operation", ["update", "delete", "get"])
def test_what_was_never_put_is_not_found(aws, operation):
    name, _ = aws.function(FAIL)
    call = getattr(aws.client("lambda"), f"{operation}_function_event_invoke_config")
    with pytest.raises(ClientError) as refused:
        call(FunctionName=name)

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
