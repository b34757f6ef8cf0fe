"""What a consumer's event patterns let through: the record with its payload read as JSON.

The rules are AWS's for event source mappings and pipes ("Control which events Lambda sends to your function", 2026): of
a message, a mapping sees the body only; of a Kinesis record, what stands in ``kinesis``; a pattern for fields drops a
payload that is no JSON object, and a pattern for text drops one that is.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.events.models import EventPattern

if TYPE_CHECKING:
    from collections.abc import Iterable


def lets_through(patterns: Iterable[str], record: dict[str, Any], *, is_pipe: bool = False) -> bool:
    """Return whether any of `patterns` (JSON texts) matches; all passes where there is none.

    >>> lets_through(['{"body": {"usd": [{"numeric": [">", 10]}]}}'], {"eventSource": "aws:sqs", "body": '{"usd": 20}'})
    True
    """
    loaded = [_load(each) for each in patterns]
    if not loaded:
        return True
    content: Any = content_of(record, is_pipe=is_pipe)
    return any(pattern.matches_event(content) for pattern in loaded)


@cache
def _load(pattern: str) -> EventPattern:
    return EventPattern.load(pattern)


def content_of(record: dict[str, Any], *, is_pipe: bool = False) -> dict[str, Any]:
    """Return what a pattern is compared with.

    >>> content_of({"eventSource": "aws:sqs", "body": '{"id": 7}', "messageId": "m"})
    {'body': {'id': 7}}
    >>> content_of({"eventSource": "aws:sqs", "body": '{"id": 7}', "messageId": "m"}, is_pipe=True)["messageId"]
    'm'
    """
    source = record["eventSource"]
    if source == "aws:sqs":
        parsed = {"body": object_or_text(record["body"])}
        return record | parsed if is_pipe else parsed
    if source == "aws:kinesis":
        inner = record if is_pipe else record["kinesis"]
        return {**inner, "data": object_or_text(base64.b64decode(inner["data"]).decode("utf-8", "replace"))}
    return record


def object_or_text(text: str) -> Any:
    """Return a JSON object as such, anything else as text.

    >>> object_or_text('{"id": 7}'), object_or_text("7")
    ({'id': 7}, '7')
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
