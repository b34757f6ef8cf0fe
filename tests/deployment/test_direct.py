"""What every resource's record of API calls has to say, whatever the service."""

import pytest

from chainkit.templates import resources
from tests.examples import EXAMPLES

BY_ADDRESS = {
    "AWS::ApiGatewayV2::Stage": {"ApiId"},
    "AWS::ApiGatewayV2::Integration": {"ApiId"},
    "AWS::ApiGatewayV2::Route": {"ApiId"},
    "AWS::Lambda::EventInvokeConfig": {"FunctionName", "Qualifier"},
    "AWS::Lambda::Permission": {"FunctionName"},
    "AWS::SNS::TopicPolicy": {"Topics"},
    "AWS::SQS::QueuePolicy": {"Queues"},
}
"""Properties that are part of the address: a resource that is read at all has them."""


def all_resources():
    return [resource for example in EXAMPLES for resource in resources(example())]


@pytest.mark.parametrize("resource", all_resources(), ids=lambda r: f"{r.type}-{r.id}")
def test_every_setting_is_read_back(resource):
    unread = resource.properties.keys() - resource.api.settings.keys()

    assert unread == BY_ADDRESS.get(resource.type, set()) & resource.properties.keys()


@pytest.mark.parametrize("resource", all_resources(), ids=lambda r: f"{r.type}-{r.id}")
def test_every_resource_can_be_made_read_and_taken_away(resource):
    assert resource.api.create
    assert resource.api.read
    assert resource.api.missing


@pytest.mark.parametrize("resource", all_resources(), ids=lambda r: f"{r.type}-{r.id}")
def test_what_is_fixed_or_can_be_unset_is_a_property(resource):
    known = resource.api.settings.keys() | BY_ADDRESS.get(resource.type, set())

    assert set(resource.api.fixed) | resource.api.unset.keys() <= known
