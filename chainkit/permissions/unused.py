"""What a chain's roles were granted, beside what IAM Access Analyzer found unused on the deployed ones.

The form of the findings is that of GetFindingV2, `aws accessanalyzer get-finding-v2` (API model in botocore, 2026). A
finding without actions is about all of its service.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainkit.errors import ConfigError


@dataclass(frozen=True)
class Granted:
    """An action that a role needs, and for which link or service."""

    role: str
    """Name of the role."""
    action: str
    link: str


@dataclass(frozen=True)
class UnusedAccess:
    """Something that a role may do and did not do while it was watched."""

    role: str
    """Name of the role."""
    action: str
    """What was not used: "sqs:SendMessage", "sqs:*" for a whole service, "*" for the whole role."""
    last_used: str
    """When it was last used, as the finding has it; "" for never."""
    links: tuple[str, ...]
    """Links and services of the chain that need it; none: the role has it from elsewhere."""

    def __str__(self) -> str:
        """Return what to do about it."""
        last = f"last used {self.last_used}" if self.last_used else "never used"
        if self.links:
            return f"{self.role}: {self.action} {last}; {', '.join(self.links)} need it: did they ever run?"
        return f"{self.role}: {self.action} {last}; nothing in the design needs it: take it from the role"


def unused_access(findings: Any, granted: Iterable[Granted]) -> tuple[UnusedAccess, ...]:
    """Return what of a chain's roles was not used; findings about other roles, or that are no longer active, count not.

    Parameters
    ----------
    findings : path of a JSON file, or what is in it
        One finding, a list of them, or {"findings": [...]}.
    granted : what the chain's roles need

    Raises
    ------
    ConfigError
        If it is no finding of unused access, or a file that cannot be read.

    Examples
    --------
    >>> details = {"serviceNamespace": "sqs", "actions": [{"action": "PurgeQueue"}]}
    >>> finding = {"resource": "arn:aws:iam::111122223333:role/pay", "findingType": "UnusedPermission"}
    >>> finding |= {"status": "ACTIVE", "findingDetails": [{"unusedPermissionDetails": details}]}
    >>> print(*unused_access(finding, [Granted("pay", "sqs:SendMessage", "pay>jobs")]))
    pay: sqs:PurgeQueue never used; nothing in the design needs it: take it from the role
    """
    needs = tuple(granted)
    known = {each.role for each in needs}
    found = []
    for finding in _findings(findings):
        role = str(finding["resource"]).rpartition("/")[2]
        if role in known and finding.get("status", "ACTIVE") == "ACTIVE":
            found += [_judged(role, action, last, needs) for action, last in _actions(finding)]
    return tuple(found)


def _judged(role: str, action: str, last: str, needs: Iterable[Granted]) -> UnusedAccess:
    prefix = action.removesuffix("*")
    fits = [each for each in needs if each.role == role]
    fits = [each for each in fits if each.action == action or (prefix != action and each.action.startswith(prefix))]
    return UnusedAccess(role, action, last, tuple(dict.fromkeys(each.link for each in fits)))


def _findings(findings: Any) -> list[Mapping[str, Any]]:
    """Return the findings one by one."""
    if isinstance(findings, str | Path):
        try:
            findings = json.loads(Path(findings).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"unused: {str(findings)!r} cannot be read as JSON: {error}",
                fix="name a file with the answer of `aws accessanalyzer get-finding-v2`",
            ) from None
    if isinstance(findings, Mapping):
        findings = findings.get("findings", [findings])
    found = findings if isinstance(findings, list | tuple) else [findings]
    for finding in found:
        if not isinstance(finding, Mapping) or "resource" not in finding or "findingDetails" not in finding:
            raise ConfigError(
                f"unused: {finding!r:.80} is no finding of unused access; it needs resource and findingDetails",
                fix="take the whole answer of get-finding-v2: list-findings-v2 leaves the details out",
            )
    return list(found)


def _actions(finding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (what was not used, when it last was) of one finding."""
    for details in finding["findingDetails"]:
        if "unusedIamRoleDetails" in details:
            yield "*", str(details["unusedIamRoleDetails"].get("lastAccessed", ""))
        for of in [details["unusedPermissionDetails"]] if "unusedPermissionDetails" in details else []:
            service, last = of["serviceNamespace"], str(of.get("lastAccessed", ""))
            actions = of.get("actions") or [{"action": "*", "lastAccessed": last}]
            yield from ((f"{service}:{each['action']}", str(each.get("lastAccessed", ""))) for each in actions)
