"""What IAM decides about a request, by AWS's rules, without AWS.

Model    A request of a role is decided by the policies of the role and of the resource together: either may allow it
         within one account, both must across two; a statement that names an account rather than a role leaves the
         decision to that account's own policies. Who assumes a role must be let in by its trust in any case. A request
         of an AWS service is decided by the resource's policy alone. A Deny that applies decides against it, whatever
         allows it. What nothing allows is denied. [1], [2], [3]
Ignored  Service and resource control policies, permissions boundaries, session policies: they only take away. VPC
         endpoints. Refused with an error, never passed over: NotPrincipal, policy variables, ForAllValues,
         ForAnyValue, numbers, addresses, tags.
Sources  [1] IAM User Guide, reference_policies_evaluation-logic and _policy-eval-denyallow (2026)
         [2] reference_policies_evaluation-logic_policy-eval-basics, _cross-account (2026)
         [3] reference_policies_elements_principal: an account as principal delegates to that account (2026)
         [4] reference_policies_elements_condition_operators, _condition-logic-multiple-context-keys-or-values (2026)
         [5] reference_policies_elements_action, _resource: * and ? (2026)
Checked  2026-11-27
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from chainkit.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """One API call as IAM sees it.

    Examples
    --------
    >>> Request("sns.amazonaws.com", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:jobs").is_of_a_service
    True
    """

    principal: str
    """ARN of a role or user, or the name of an AWS service, "sns.amazonaws.com"."""
    action: str
    """Prefix and name, "sqs:SendMessage"."""
    resource: str
    """ARN of what it is done to."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition key -> value; keys are compared without regard to case."""

    @property
    def is_of_a_service(self) -> bool:
        """Whether an AWS service calls by itself, with no role."""
        return not self.principal.startswith("arn:")


@dataclass(frozen=True)
class Document:
    """A policy with a name, so that a decision can say which statement made it."""

    name: str
    statements: tuple[Mapping[str, Any], ...]

    def without(self, place: int) -> "Document":
        """Return the document without its statement number `place`, counted from 0."""
        return Document(self.name, self.statements[:place] + self.statements[place + 1 :])


@dataclass(frozen=True)
class Decision:
    """What IAM decides, and which statement decided it."""

    is_allowed: bool
    by: str
    """"PayRole, statement 2"; where nothing applies, what is missing."""


def evaluate(request: Request, identity: Iterable[Document] = (), resource: Iterable[Document] = ()) -> Decision:
    """Return what the policies of the caller (`identity`) and of what is called (`resource`) decide together.

    Raises
    ------
    ConfigError
        If a document uses what is not evaluated here: it is never passed over.

    Examples
    --------
    >>> jobs = "arn:aws:sqs:eu-west-1:123456789012:jobs"
    >>> pay = Request("arn:aws:iam::123456789012:role/pay", "sqs:SendMessage", jobs)
    >>> role = Document("pay", ({"Effect": "Allow", "Action": "sqs:Send*", "Resource": jobs},))
    >>> evaluate(pay, [role])
    Decision(is_allowed=True, by='pay, statement 1')
    >>> evaluate(Request(pay.principal, "sqs:PurgeQueue", jobs), [role])
    Decision(is_allowed=False, by='no statement allows it')
    """
    own = _applying(request, identity, is_resource=False)
    theirs = _applying(request, resource, is_resource=True)
    denies = [by for effect, by, _ in own + theirs if effect == "Deny"]
    if denies:
        return Decision(False, f"denied by {denies[0]}")
    by_own = next((by for _, by, _ in own), None)
    by_theirs = next((by for _, by, how in theirs if how == "named"), None)
    if request.is_of_a_service:
        return _decided(by_theirs)
    delegated = next((by for _, by, _ in theirs), None)
    by_both = by_own and delegated and f"{by_own}, and {delegated}"
    if _account(request.principal) != (_account(request.resource) or _account(request.principal)):
        return _decided(by_both)
    return _decided(by_theirs or (by_both if request.action.lower() == "sts:assumerole" else by_own))


def _decided(by: str | None) -> Decision:
    return Decision(True, by) if by else Decision(False, "no statement allows it")


def _applying(
    request: Request, documents: Iterable[Document], *, is_resource: bool
) -> list[tuple[str, str, Literal["named", "delegated"]]]:
    """Return (effect, which statement, how it names the caller) for each statement that applies."""
    found: list[tuple[str, str, Literal["named", "delegated"]]] = []
    for document in documents:
        for place, statement in enumerate(document.statements, start=1):
            how = _principal(request, statement) if is_resource else "named"
            if not how or not _action(request.action, statement):
                continue
            if _resource(request, statement) and _conditions(request, statement):
                found.append((statement["Effect"], f"{document.name}, statement {place}", how))
    return found


# --- who, what, on what ---


def _principal(request: Request, statement: Mapping[str, Any]) -> Literal["named", "delegated", ""]:
    """Tell whether a resource's statement names the caller, or only its account; [3]."""
    named = statement.get("Principal")
    if named is None:
        raise _unread("a resource's policy without Principal (NotPrincipal, perhaps)")
    if named == "*":
        return "named"
    if unknown := set(named) - {"AWS", "Service"}:
        raise _unread(f"Principal {sorted(unknown)}")
    if request.is_of_a_service:
        return "named" if request.principal in _list(named.get("Service", [])) else ""
    accounts = _list(named.get("AWS", []))
    if "*" in accounts or request.principal in accounts:
        return "named"
    account = _account(request.principal)
    return "delegated" if account in accounts or f"arn:aws:iam::{account}:root" in accounts else ""


def _action(action: str, statement: Mapping[str, Any]) -> bool:
    """Tell whether a statement is about the action; without regard to case, * and ? as wildcards; [5]."""
    is_not = "NotAction" in statement
    patterns = _list(statement["NotAction" if is_not else "Action"])
    return is_not != any(matches(pattern.lower(), action.lower()) for pattern in patterns)


def is_about(document: Document, action: str) -> bool:
    """Tell whether any statement of a document is about an action; what none is about, the document never allows.

    Examples
    --------
    >>> role = Document("pay", ({"Effect": "Allow", "Action": ["sqs:Send*"], "Resource": "*"},))
    >>> is_about(role, "sqs:SendMessage"), is_about(role, "sqs:PurgeQueue")
    (True, False)
    """
    return any(_action(action, statement) for statement in document.statements)


def _resource(request: Request, statement: Mapping[str, Any]) -> bool:
    """Tell whether a statement is about the resource; one of a trust policy is about its own role; [5]."""
    is_not = "NotResource" in statement
    patterns = _list(statement.get("NotResource" if is_not else "Resource", "*"))
    return is_not != any(matches(pattern, request.resource) for pattern in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    if "${" in text:
        raise _unread(f"the policy variable in {text!r}")
    return re.compile("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in text), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern of IAM matches all of a text: * is any run of signs, ? any one.

    Examples
    --------
    >>> matches("sqs:Send*", "sqs:SendMessage"), matches("jobs-?", "jobs-12"), matches("a.c", "abc")
    (True, False, False)
    """
    return pattern == text or _pattern(pattern).fullmatch(text) is not None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _account(arn: str) -> str:
    """Return the account in an ARN, "" where it has none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _unread(what: str) -> ConfigError:
    return ConfigError(
        f"policy: {what} is not evaluated by chainkit",
        fix="write the statement without it, or ask IAM's own policy simulator",
    )


# --- under which conditions ---


def _arn_like(pattern: str, text: str) -> bool:
    """Tell whether an ARN matches, each of its six parts by itself; [4]."""
    wanted, actual = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(actual) and all(map(matches, wanted, actual))


def _instant(text: str) -> datetime:
    """Return an absolute date and time; IAM has no hours of a day."""
    try:
        found = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"policy: {text!r} is no date and time of IAM", fix='write ISO 8601, as in "2026-12-01T00:00:00Z"'
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _dates(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda stated, actual: compare(_instant(actual), _instant(stated))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda stated, actual: stated == actual,
    "StringEqualsIgnoreCase": lambda stated, actual: stated.lower() == actual.lower(),
    "StringLike": matches,
    "ArnEquals": _arn_like,  # [4]: it takes wildcards, too, and behaves as ArnLike
    "ArnLike": _arn_like,
    "Bool": lambda stated, actual: stated.lower() == actual.lower(),
    "DateEquals": _dates(lambda actual, stated: actual == stated),
    "DateLessThan": _dates(lambda actual, stated: actual < stated),
    "DateLessThanEquals": _dates(lambda actual, stated: actual <= stated),
    "DateGreaterThan": _dates(lambda actual, stated: actual > stated),
    "DateGreaterThanEquals": _dates(lambda actual, stated: actual >= stated),
}
"""Operator -> whether a stated value fits the request's one."""
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "DateNotEquals": "DateEquals",
}


def _conditions(request: Request, statement: Mapping[str, Any]) -> bool:
    """Tell whether all conditions hold: every operator and key, any of the values of a key; [4]."""
    context = {key.lower(): value for key, value in request.context.items()}
    return all(
        _holds(operator, [str(value) for value in _list(values)], context.get(key.lower()))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _holds(operator: str, stated: list[str], actual: str | None) -> bool:
    """Tell whether one key fits; one that the request lacks fits a negated operator, Null or IfExists; [4]."""
    if operator == "Null":
        return (actual is None) == (stated[0].lower() == "true")
    name = operator.removesuffix("IfExists")
    is_not = name in _NEGATED
    if (compare := _OPERATORS.get(_NEGATED.get(name, name))) is None:
        raise _unread(f"the condition operator {operator!r}")
    if actual is None:
        return is_not or name != operator
    return is_not != any(compare(value, actual) for value in stated)
