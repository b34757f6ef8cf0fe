"""Lambda's API of event source mappings."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def function(aws):
    return aws.function("def handler(event, context):\n    return 1")


def test_a_second_mapping_of_the_same_two_is_refused_as_aws_does(aws, function):
    name, arn = function
    _, queue = aws.queue()
    first = aws.map_queue(queue, name)

    with pytest.raises(ClientError, match="provided mapping already exists") as raised:
        aws.map_queue(queue, arn)
    assert raised.value.response["Error"]["Code"] == "ResourceConflictException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert first in str(raised.value)
    aws.client("lambda").delete_event_source_mapping(UUID=first)
    assert aws.map_queue(queue, arn) != first


def test_another_queue_or_another_function_is_no_second(aws, function):
    _, arn = function
    _, other = aws.function("def handler(event, context):\n    return 2")
    (_, queue), (_, second) = aws.queue(), aws.queue()
    made = {aws.map_queue(queue, arn), aws.map_queue(second, arn), aws.map_queue(queue, other)}

    assert len(made) == 3


def test_a_tumbling_window_is_refused_aloud(aws, function):
    _, queue = aws.queue()

    with pytest.raises(ClientError, match="no tumbling windows"):
        aws.map_queue(queue, function[1], TumblingWindowInSeconds=30)


def test_more_than_ten_messages_at_once_need_a_window(aws, function):
    _, queue = aws.queue()

    with pytest.raises(ClientError, match="must be greater than 0") as raised:
        aws.map_queue(queue, function[1], BatchSize=11)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert aws.map_queue(queue, function[1], BatchSize=11, MaximumBatchingWindowInSeconds=1)
