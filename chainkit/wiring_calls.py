"""The links' own resources by direct API calls, without CloudFormation."""

from chainkit.records import Api, Call, Properties
from chainkit.service import as_text, given, tag_list, tag_map

_MAPPING = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig")
_GIVEN = ("FunctionName", "Enabled", *_MAPPING)

MAPPING = Api(
    type="AWS::Lambda::EventSourceMapping",
    client="lambda",
    create=(
        Call(
            "create_event_source_mapping",
            lambda p: {**given(p, "EventSourceArn", *_GIVEN), "Tags": tag_map(p)},
        ),
    ),
    read=(
        Call("get_event_source_mapping", lambda p: {"UUID": p["Ref"]}),
        Call("list_tags", lambda p: {"Resource": p["Answers"]["EventSourceMappingArn"]}),
    ),
    find=(Call("list_event_source_mappings", lambda p: given(p, "EventSourceArn", "FunctionName")),),
    found="EventSourceMappings[0].UUID",
    update=(Call("update_event_source_mapping", lambda p: {"UUID": p["Ref"], **given(p, *_GIVEN)}),),
    delete=(Call("delete_event_source_mapping", lambda p: {"UUID": p["Ref"]}),),
    ref="UUID",
    settings={
        "EventSourceArn": "EventSourceArn",
        "FunctionName": lambda answer, _: answer["FunctionArn"].rpartition(":")[2],
        "Enabled": lambda answer, _: answer["State"] in ("Enabled", "Enabling", "Creating"),
        **{name: name for name in _MAPPING},
        "Tags": lambda answer, _: tag_list(answer["Tags"]),
    },
    fixed=("EventSourceArn",),
    unset={"FunctionResponseTypes": [], "ScalingConfig": {}, "Enabled": True},
    missing=("ResourceNotFoundException",),
    tags="list",
)


def _subscription_attributes(p: Properties) -> dict[str, str]:
    """Return a subscription's attributes as SNS takes them: text."""
    names = ("FilterPolicy", "RawMessageDelivery", "RedrivePolicy")
    return {name: as_text(p[name]) for name in names if name in p}


SUBSCRIPTION = Api(
    type="AWS::SNS::Subscription",
    client="sns",
    create=(
        Call(
            "subscribe",
            lambda p: {
                **given(p, "TopicArn", "Protocol", "Endpoint"),
                "Attributes": _subscription_attributes(p),
                "ReturnSubscriptionArn": True,
            },
        ),
    ),
    read=(Call("get_subscription_attributes", lambda p: {"SubscriptionArn": p["Ref"]}),),
    find=(Call("list_subscriptions_by_topic", lambda p: given(p, "TopicArn")),),
    found=lambda answer, p: next(
        each["SubscriptionArn"] for each in answer["Subscriptions"] if each["Endpoint"] == p["Endpoint"]
    ),
    delete=(Call("unsubscribe", lambda p: {"SubscriptionArn": p["Ref"]}),),
    ref="SubscriptionArn || Attributes.SubscriptionArn",
    settings={
        name: f"Attributes.{name}"
        for name in ("TopicArn", "Protocol", "Endpoint", "FilterPolicy", "RawMessageDelivery", "RedrivePolicy")
    },
    missing=("NotFoundException", "NotFound"),
)

RULE = Api(
    type="AWS::Events::Rule",
    client="events",
    create=(
        Call(
            "put_rule",
            lambda p: {**given(p, "Name", "EventBusName", "State", "Tags"), "EventPattern": as_text(p["EventPattern"])},
        ),
        Call("put_targets", lambda p: {"Rule": p["Name"], **given(p, "EventBusName", "Targets")}),
    ),
    read=(
        Call("describe_rule", lambda p: given(p, "Name", "EventBusName")),
        Call("list_targets_by_rule", lambda p: {"Rule": p["Name"], "EventBusName": p["EventBusName"]}),
        Call("list_tags_for_resource", lambda p: {"ResourceARN": p["Answers"]["Arn"]}),
    ),
    delete=(
        Call(
            "remove_targets",
            lambda p: {"Rule": p["Name"], "EventBusName": p["EventBusName"], "Ids": [t["Id"] for t in p["Targets"]]},
        ),
        Call("delete_rule", lambda p: given(p, "Name", "EventBusName")),
    ),
    arn="arn:aws:events:{region}:{account}:rule/{EventBusName}/{Name}",
    ref="Name",
    attributes={"Arn": "Arn || RuleArn"},
    settings={name: name for name in ("Name", "EventBusName", "EventPattern", "State", "Targets", "Tags")},
    missing=("ResourceNotFoundException",),
    tags="list",
)
