"""What an event pattern of a mapping or a pipe is compared with: AWS's table of payloads and patterns."""

import base64
import json

import pytest

from chainkit.emulation.filters import lets_through


def sqs(body):
    return {"eventSource": "aws:sqs", "body": body, "messageAttributes": {"kind": {"stringValue": "x"}}}


def kinesis(data, **inner):
    return {"eventSource": "aws:kinesis", "kinesis": {"data": base64.b64encode(data.encode()).decode(), **inner}}


@pytest.mark.parametrize(
    ("pattern", "record", "passes"),
    [
        ({"body": {"id": [7]}}, sqs('{"id": 7}'), True),
        ({"body": {"id": [7]}}, sqs('{"id": 8}'), False),
        ({"body": {"id": [7]}}, sqs("plain"), False),
        ({"body": ["plain"]}, sqs("plain"), True),
        ({"body": ["plain"]}, sqs('{"id": 7}'), False),
        ({"body": ["7"]}, sqs("7"), True),
        ({"body": {"$or": [{"a": [1]}, {"b": [2]}]}}, sqs('{"b": 2}'), True),
        ({"body": {"a": [{"exists": False}]}}, sqs('{"b": 2}'), True),
        ({"messageAttributes": {"kind": {"stringValue": ["x"]}}}, sqs("plain"), False),
        ({"data": {"usd": [{"numeric": [">", 10]}]}}, kinesis('{"usd": 20}'), True),
        ({"partitionKey": ["a"]}, kinesis("no json", partitionKey="a"), True),
        ({"partitionKey": ["b"]}, kinesis("no json", partitionKey="a"), False),
        ({"dynamodb": {"Keys": {"id": {"S": ["a"]}}}},
         {"eventSource": "aws:dynamodb", "dynamodb": {"Keys": {"id": {"S": "a"}}}}, True),
    ],
)  # fmt: skip
def test_a_mapping_lets_through(pattern, record, passes):
    assert lets_through([json.dumps(pattern)], record) is passes


def test_any_of_several_patterns_is_enough_and_none_lets_all_through():
    patterns = [json.dumps({"body": {"id": [1]}}), json.dumps({"body": {"id": [2]}})]

    assert lets_through(patterns, sqs('{"id": 2}'))
    assert not lets_through(patterns, sqs('{"id": 3}'))
    assert lets_through([], sqs("anything"))


def test_a_pipe_sees_the_whole_message():
    pattern = json.dumps({"messageAttributes": {"kind": {"stringValue": ["x"]}}})

    assert lets_through([pattern], sqs("plain"), is_pipe=True)
