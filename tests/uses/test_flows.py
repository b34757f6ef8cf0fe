"""Step Functions and API Gateway: kinds that count different things."""

import pytest

from chainkit.errors import ConfigError
from chainkit.uses.flows import ApiGatewayUse, StepFunctionsUse


def counted(use):
    return {each.price: each.quantity for each in use.quantities()}


@pytest.mark.parametrize(
    ("given", "billed_mb"),
    [
        ({}, 64),
        ({"definition_kb": 14 * 1024}, 64),
        ({"definition_kb": 14 * 1024 + 1}, 128),
        ({"payload_kb": 256, "branches": 57}, 128),
        ({"memory_mb": 64}, 64),
        ({"memory_mb": 65}, 128),
        ({"memory_mb": 0}, 64),
    ],
)
def test_an_express_execution_holds_50_mb_its_definition_and_a_payload_for_each_branch(given, billed_mb):
    assert StepFunctionsUse(workflow="express", **given).billed_mb == billed_mb


def test_an_express_execution_is_billed_by_100_ms():
    use = StepFunctionsUse(workflow="express", executions=16, duration_ms=1001)

    assert counted(use) == {"stepfunctions-express-requests": 16, "stepfunctions-express-gb-s": pytest.approx(1.1)}


def test_transitions_are_counted_per_execution_and_as_a_sum():
    use = StepFunctionsUse(executions=10, transitions_per_execution=5, transitions=3)

    assert sum(each.quantity for each in use.quantities()) == 53


@pytest.mark.parametrize(
    ("use", "given", "problem"),
    [
        (StepFunctionsUse, {"duration_ms": 5}, "duration_ms: 5 is counted for workflow=express only"),
        (StepFunctionsUse, {"memory_mb": 64}, "memory_mb: 64 is counted for workflow=express only"),
        (
            StepFunctionsUse,
            {"workflow": "express", "transitions": 5},
            "transitions: 5 is counted for workflow=standard",
        ),
        (ApiGatewayUse, {"api": "websocket", "requests": 5}, "requests: 5 is counted for api=http or rest only"),
        (ApiGatewayUse, {"messages": 5}, "messages: 5 is counted for api=websocket only"),
        (ApiGatewayUse, {"cache_gb": 1.6}, r"cache_gb: 1\.6 is counted for api=rest only"),
        (ApiGatewayUse, {"api": "rest", "cache_gb": 2}, "cache_gb: 2 is no size of a cache; allowed: 0.5, 1.6"),
    ],
)
def test_a_figure_that_a_kind_does_not_have_is_refused(use, given, problem):
    with pytest.raises(ConfigError, match=problem):
        use(**given)


@pytest.mark.parametrize(
    ("api", "size", "requests"),
    [
        ("http", {"request_kb": 512, "response_kb": 512}, 1),
        ("http", {"request_kb": 513}, 2),
        ("http", {"response_kb": 1025}, 3),
        ("rest", {"response_kb": 1025}, 1),
    ],
)
def test_an_http_api_counts_512_kb_and_a_rest_api_calls(api, size, requests):
    assert counted(ApiGatewayUse(api=api, requests=1, **size)) == {f"{api}-api-requests": requests}


def test_answers_are_paid_by_gigabyte_where_they_leave():
    use = ApiGatewayUse(requests=1024 * 1024, response_kb=2, transfer_out=True)

    assert counted(use)["transfer-internet-out-gb"] == 2


def test_a_cache_is_there_all_month_unless_it_is_said():
    assert counted(ApiGatewayUse(api="rest", cache_gb=1.6)) == {"rest-api-cache-1.6gb-hours": 730}
