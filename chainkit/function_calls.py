"""A function's own resources by direct API calls, without CloudFormation."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from chainkit.records import Api, Call, Properties
from chainkit.service import given, tag_list, tag_map

_SETTINGS = (
    "FunctionName", "Role", "Runtime", "Handler", "MemorySize", "Timeout", "Environment", "EphemeralStorage",
)  # fmt: skip


def _create(p: Properties) -> dict[str, Any]:
    """Return CreateFunction's parameters."""
    return {**given(p, *_SETTINGS, "Architectures"), "Code": {"ZipFile": p["Zip"]}, "Tags": tag_map(p)}


def _concurrency(p: Properties) -> dict[str, Any]:
    """Return PutFunctionConcurrency's parameters, or none where nothing is reserved."""
    return given(p, "FunctionName", "ReservedConcurrentExecutions") if _reserved(p) is not None else {}


def _no_concurrency(p: Properties) -> dict[str, Any]:
    """Return DeleteFunctionConcurrency's parameters, or none where something is, or never was, reserved."""
    return given(p, "FunctionName") if "ReservedConcurrentExecutions" in p and _reserved(p) is None else {}


def _reserved(p: Properties) -> Any:
    return p.get("ReservedConcurrentExecutions")


def _log_group(answer: Mapping[str, Any], p: Properties) -> Any:
    """Return the group of exactly that name: the API finds by prefix."""
    return next((group for group in answer["logGroups"] if group["logGroupName"] == p["LogGroupName"]), {})


_RETENTION = Call(
    "put_retention_policy",
    lambda p: {"logGroupName": p["LogGroupName"], "retentionInDays": p["RetentionInDays"]},
)

LOG_GROUP = Api(
    type="AWS::Logs::LogGroup",
    client="logs",
    create=(Call("create_log_group", lambda p: {"logGroupName": p["LogGroupName"], "tags": tag_map(p)}), _RETENTION),
    read=(
        Call("describe_log_groups", lambda p: {"logGroupNamePrefix": p["LogGroupName"]}),
        Call("list_tags_log_group", lambda p: {"logGroupName": p["LogGroupName"]}),
    ),
    update=(_RETENTION,),
    delete=(Call("delete_log_group", lambda p: {"logGroupName": p["LogGroupName"]}),),
    arn="arn:aws:logs:{region}:{account}:log-group:{LogGroupName}:*",
    ref=lambda answer, p: _log_group(answer, p).get("logGroupName"),
    attributes={"Arn": lambda answer, p: _log_group(answer, p)["arn"]},
    settings={
        "LogGroupName": lambda answer, p: _log_group(answer, p)["logGroupName"],
        "RetentionInDays": lambda answer, p: _log_group(answer, p).get("retentionInDays"),
        "Tags": lambda answer, _: tag_list(answer["tags"]),
    },
    fixed=("LogGroupName",),
    missing=("ResourceNotFoundException",),
    tags="list",
)

FUNCTION = Api(
    type="AWS::Lambda::Function",
    client="lambda",
    create=(
        Call("create_function", _create),
        Call("put_function_concurrency", _concurrency),
    ),
    read=(
        Call("get_function", lambda p: given(p, "FunctionName")),
        Call("get_function_concurrency", lambda p: given(p, "FunctionName")),
    ),
    update=(
        Call("update_function_code", lambda p: {**given(p, "FunctionName", "Architectures"), "ZipFile": p["Zip"]}),
        Call("update_function_configuration", lambda p: given(p, *_SETTINGS)),
        Call("put_function_concurrency", _concurrency),
        Call("delete_function_concurrency", _no_concurrency),
    ),
    delete=(Call("delete_function", lambda p: given(p, "FunctionName")),),
    arn="arn:aws:lambda:{region}:{account}:function:{FunctionName}",
    ref="Configuration.FunctionName",
    attributes={"Arn": "Configuration.FunctionArn"},
    settings={
        **{name: f"Configuration.{name}" for name in (*_SETTINGS, "Architectures")},
        "Zip": "Configuration.CodeSha256",
        "ReservedConcurrentExecutions": "ReservedConcurrentExecutions",
        "Tags": lambda answer, _: tag_list(answer["Tags"]),
    },
    fixed=("FunctionName",),
    unset={"ReservedConcurrentExecutions": None, "EphemeralStorage": {"Size": 512}},
    missing=("ResourceNotFoundException",),
    tags="list",
)

_EVENT_SETTINGS = ("FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_PUT_EVENT_SETTINGS = Call("put_function_event_invoke_config", lambda p: given(p, *_EVENT_SETTINGS))

EVENT_SETTINGS = Api(
    type="AWS::Lambda::EventInvokeConfig",
    client="lambda",
    create=(_PUT_EVENT_SETTINGS,),
    read=(Call("get_function_event_invoke_config", lambda p: given(p, "FunctionName", "Qualifier")),),
    update=(_PUT_EVENT_SETTINGS,),  # it replaces what was there, so what is left out is taken away
    delete=(Call("delete_function_event_invoke_config", lambda p: given(p, "FunctionName", "Qualifier")),),
    ref="FunctionArn",
    settings={name: name for name in _EVENT_SETTINGS[2:]},
    fixed=("FunctionName", "Qualifier"),
    unset={"DestinationConfig": {}},
    missing=("ResourceNotFoundException",),
)


def _statement_id(p: Properties) -> str:
    """Return a permission's statement id, made from whom it lets in."""
    return "chainkit-" + format(zlib.crc32(str((p["Principal"], p["SourceArn"])).encode()), "08x")


def _statement(answer: Mapping[str, Any], p: Properties) -> Any:
    """Return the statement of a function's policy that is this permission."""
    statements = json.loads(answer["Policy"])["Statement"] if "Policy" in answer else []
    return next((statement for statement in statements if statement["Sid"] == _statement_id(p)), {})


PERMISSION = Api(
    type="AWS::Lambda::Permission",
    client="lambda",
    create=(
        Call(
            "add_permission",
            lambda p: {**given(p, "FunctionName", "Action", "Principal", "SourceArn"), "StatementId": _statement_id(p)},
        ),
    ),
    read=(Call("get_policy", lambda p: given(p, "FunctionName")),),
    delete=(Call("remove_permission", lambda p: {"FunctionName": p["FunctionName"], "StatementId": _statement_id(p)}),),
    ref=lambda answer, p: _statement(answer, p).get("Sid"),
    settings={
        "Action": lambda answer, p: _statement(answer, p)["Action"],
        "Principal": lambda answer, p: _statement(answer, p)["Principal"]["Service"],
        "SourceArn": lambda answer, p: _statement(answer, p)["Condition"]["ArnLike"]["AWS:SourceArn"],
    },
    missing=("ResourceNotFoundException",),
)
