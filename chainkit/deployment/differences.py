"""Settings compared field by field: two designs with each other, and what was asked with what a target has.

A target may write a setting in another way: a number as text, a structure as JSON text, code as its hash, an empty
structure as nothing. Such forms are one setting.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHA256 = r"[A-Za-z0-9+/]{43}="


@dataclass(frozen=True)
class Difference:
    """One field that differs."""

    field: str
    """"Environment.Variables.JOBS_QUEUE_URL", "Targets[0].Arn"."""
    before: Any
    after: Any

    @property
    def property(self) -> str:
        """The property of the resource in which it lies."""
        return re.split(r"[.\[]", self.field, maxsplit=1)[0]

    def __str__(self) -> str:
        """Return the field with both values, shortened.

        >>> print(Difference("Timeout", 3, 10))
        Timeout: 3 -> 10
        """
        before = self.before
        if isinstance(self.after, bytes) and re.fullmatch(_SHA256, str(before)):  # what stands has code's hash
            return f"{self.field}: code {base64.b64decode(before).hex()[:8]} -> {_shown(self.after)}"
        return f"{self.field}: {_shown(before)} -> {_shown(self.after)}"


def designed(before: Any, after: Any, field: str = "") -> list[Difference]:
    """Return the fields in which two designs of a resource differ.

    >>> [str(each) for each in designed({"A": {"B": 1}}, {"A": {"B": 2}, "C": [3]})]
    ['A.B: 1 -> 2', 'C: (none) -> [3]']
    """
    if (
        isinstance(before, Mapping)
        and isinstance(after, Mapping)
        and not _is_function(before)
        and not _is_function(after)
    ):
        return [
            found
            for key in dict.fromkeys([*before, *after])
            for found in designed(before.get(key), after.get(key), f"{field}.{key}".lstrip("."))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for k, (old, new) in pairs for found in designed(old, new, f"{field}[{k}]")]
    is_same = before == after or (isinstance(after, bytes) and before == _plain(after))  # what stands has code's hash
    return [] if is_same else [Difference(field, before, after)]


def drifted(asked: Any, got: Any, field: str) -> list[Difference]:
    """Return the fields in which a target has (`after`) something else than was asked for (`before`).

    >>> drifted(
    ...     {"deadLetterTargetArn": "arn:x", "maxReceiveCount": 3},
    ...     '{"deadLetterTargetArn":"arn:x","maxReceiveCount":"3"}',
    ...     "RedrivePolicy",
    ... )
    []
    >>> [str(each) for each in drifted({"Variables": {"A": "1"}}, {"Variables": {"A": "1", "B": "2"}}, "Environment")]
    ['Environment.Variables.B: (none) -> "2"']
    """
    asked, got = _plain(asked), _plain(got)
    if isinstance(asked, Mapping) and isinstance(got, Mapping):
        return [
            found
            for key in dict.fromkeys([*asked, *got])
            for found in drifted(asked.get(key), got.get(key), f"{field}.{key}")
        ]
    if isinstance(asked, list) and isinstance(got, list) and len(asked) == len(got):
        pairs = enumerate(zip(asked, got, strict=True))
        return [found for k, (a, b) in pairs for found in drifted(a, b, f"{field}[{k}]")]
    is_same = asked == got or _text(asked) == _text(got) or (_is_empty(asked) and _is_empty(got))
    return [] if is_same else [Difference(field, asked, got)]


def _plain(value: Any) -> Any:
    """Return code as Lambda's hash of it, and JSON text as what it says."""
    if isinstance(value, bytes):
        return base64.b64encode(hashlib.sha256(value).digest()).decode()
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text(value: Any) -> Any:
    """Return numbers and truth as APIs with text attributes write them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _is_empty(value: Any) -> bool:
    """Tell whether a value says nothing: none, no text, or a structure in which nothing stands."""
    if isinstance(value, Mapping):
        return all(_is_empty(inner) for inner in value.values())
    return value is None or value in ("", [])


def _is_function(value: Mapping[str, Any]) -> bool:
    """Tell whether a structure is an intrinsic function, which is one value."""
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _shown(value: Any) -> str:
    """Return a value in few characters."""
    if value is None:
        return "(none)"
    if isinstance(value, bytes):
        return f"code {hashlib.sha256(value).hexdigest()[:8]}"
    if isinstance(value, Mapping) and _is_function(value):
        value = next(iter(value.values()))
        return (
            ".".join(value) if isinstance(value, list) and all(isinstance(part, str) for part in value) else str(value)
        )
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
