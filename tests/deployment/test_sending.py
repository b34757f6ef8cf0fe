"""How a request enters: by the one service to which nothing leads, or by what is named."""

import pytest

import chainkit as ck
from chainkit.deployment import sending
from tests.examples import calls


def two():
    chain = ck.Chain("two")
    chain.add(ck.SqsQueue("a"))
    chain.add(ck.SqsQueue("b"))
    return chain


def test_a_request_enters_by_a_service_or_by_the_route_of_a_link():
    assert sending.entry(two(), "b") == ("b", "$default")
    assert sending.entry(calls(), "api>order#2") == ("api", "PUT /orders")


@pytest.mark.parametrize(("at", "problem"), [(None, "nothing leads to a, b"), ("c", "has no service 'c'")])
def test_who_does_not_say_where_is_asked(at, problem):
    with pytest.raises(ck.ChainkitError, match=problem):
        sending.entry(two(), at)


@pytest.mark.parametrize("event", [{"when": object()}, float("nan"), {1, 2}])
def test_what_json_cannot_say_is_refused(event):
    with pytest.raises(ck.ConfigError, match="is not JSON"):
        sending.as_json(event)
