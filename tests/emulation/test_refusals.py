"""What moto does not have is said, in each protocol."""

import pytest
from botocore.exceptions import ClientError


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("stepfunctions", "redrive_execution", {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}),
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "a", "AlarmRule": "TRUE"}),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": "arn:aws:iam::1:role/abcdefgh", "ActionNames": ["a:b"]},
        ),
    ],
)
def test_a_call_that_is_missing_is_refused_by_its_name(aws, service, call, arguments):
    with pytest.raises(ClientError) as refused:
        getattr(aws.client(service), call)(**arguments)

    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "the emulator does not have" in refused.value.response["Error"]["Message"]
    assert call.replace("_", "") in refused.value.response["Error"]["Message"].lower()
