"""Faults as an experiment template of AWS Fault Injection Service, and what that cannot do.

Sources  [1] AWS FIS User Guide, actions reference: aws:lambda:invocation-error, -add-delay, -http-integration-response:
             their parameters, the percentage from 1 to 100, the delay of 0 to 900,000 ms; no action for queues, topics,
             buses or throttles of functions (docs.aws.amazon.com/fis, read 2026-11-27 as stored)
         [2] AWS FIS User Guide, use-lambda-actions: the extension as a layer, its variables, the bucket; of two actions
             in conflict the first works; up to 60 s until all environments have heard (read 2026-11-27 as stored)
         [3] CreateExperimentTemplate: fields and their lengths (API model in botocore, 2026); ARNs or tags of a target,
             not both (CloudFormation, ExperimentTemplateTarget, read 2026-11-27 as stored)
Assumed  A duration of whole minutes, 1 to 720: [1] says so of other actions, and of Lambda's no limit. The target's key
         in an action, Functions: [1] does not name it; published templates use it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainkit.chain import Chain
from chainkit.declared import stated
from chainkit.distributions import Constant
from chainkit.errors import ConfigError
from chainkit.law import is_number
from chainkit.records import Relay

if TYPE_CHECKING:
    from chainkit.faults.description import Fault, Faults

LONGEST_MIN = 720
LONGEST_DELAY_MS = 900_000
TAG = "chainkit:chain"
PREPARATIONS = (
    "a bucket in the region, which the experiment's role may write and the functions may read",
    "each function: the AWS FIS extension of its region as a layer",
    "each function: AWS_FIS_CONFIGURATION_LOCATION=arn:aws:s3:::BUCKET/FOLDER/",
    "each function: AWS_LAMBDA_EXEC_WRAPPER=/opt/aws-fis/bootstrap",
)
"""What must be in place before an experiment finds anything to break [2]."""


@dataclass(frozen=True)
class Untranslated:
    """A setting of a fault that AWS FIS cannot cause, or not quite."""

    name: str
    """Service, link or part."""
    setting: str
    why: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.name}.{self.setting}: {self.why}"


@dataclass(frozen=True)
class Experiment:
    """An experiment template, as CreateExperimentTemplate takes it, and what is not in it."""

    template: dict[str, Any] = field(repr=False)
    untranslated: tuple[Untranslated, ...]
    preparations: tuple[str, ...] = PREPARATIONS
    """What must be in place before it runs."""

    def to_json(self) -> str:
        """Return the template: `aws fis create-experiment-template --cli-input-json file://...`."""
        return json.dumps(self.template, indent=2) + "\n"

    def __str__(self) -> str:
        """Return what it does, what it cannot do, and what it needs."""
        actions = [f"  {each['description']}" for each in self.template["actions"].values()]
        left = [f"  {each}" for each in self.untranslated] or ["  nothing"]
        return "\n".join(
            ["AWS FIS will:", *actions, "It cannot:", *left, "Before:", *(f"  {each}" for each in self.preparations)]
        )


def experiment(
    faults: "Faults",
    chain: Chain,
    *,
    role_arn: str,
    account: str | None = None,
    minutes: int = 10,
    stop_alarm_arn: str | None = None,
    http_status: int | None = None,
) -> Experiment:
    """Return faults as an experiment template of AWS FIS.

    FIS decides anew for each invocation, a batch included, and knows nothing of requests. Nothing is sent to AWS.

    Parameters
    ----------
    faults, chain : what breaks where
    role_arn : role that FIS takes
    account : twelve digits; None: the functions are found by their tag, so all of the chain's must break alike
    minutes : 1 to 720
    stop_alarm_arn : CloudWatch alarm that ends it; None: nothing does
    http_status : functions that an API calls answer with this status, 100 to 599, instead of failing; None: they fail

    Raises
    ------
    ConfigError
        If an argument is none, or FIS can do nothing of it.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain, role = ck.example("orders"), "arn:aws:iam::123456789012:role/fis"
    >>> faults = ck.Faults({"payment": ck.Fault(error_rate=0.3, poison_fraction=0.01)})
    >>> found = faults.to_fis(chain, account="123456789012", role_arn=role)
    >>> found.template["actions"]["payment-error"]["parameters"]
    {'duration': 'PT10M', 'invocationPercentage': '30', 'preventExecution': 'false'}
    >>> print(*found.untranslated)
    payment.poison_fraction: FIS does not know requests: it decides anew for each invocation
    """
    _check(role_arn, account, minutes, stop_alarm_arn, http_status)
    faults.apply(chain)  # refuses what cannot happen there
    actions: dict[str, Any] = {}
    left: list[Untranslated] = []
    for name in faults:
        if name not in chain.services or not hasattr(chain.service(name), "error_rate"):
            what = "part of a function" if name not in chain.services and name not in chain.links else "link or service"
            left += [
                Untranslated(name, setting, f"FIS acts on functions, and this is a {what}")
                for setting in stated(faults[name])
            ]
            continue
        status = http_status if _answers_an_api(chain, name) else None
        for action in _actions(name, faults[name], minutes, status):
            actions[f"{name}-{action.pop('key')}"] = action
        left += _left(name, faults[name])
    if not actions:
        raise ConfigError(f"to_fis: AWS FIS can do nothing of {faults!r}", fix="; ".join(map(str, left)))
    targets = _targets(chain, actions, account)
    template = {
        "description": f"{chain.name}: {', '.join(actions)}"[:512],
        "targets": targets,
        "actions": actions,
        "stopConditions": [
            {"source": "aws:cloudwatch:alarm", "value": stop_alarm_arn} if stop_alarm_arn else {"source": "none"}
        ],
        "roleArn": role_arn,
        "tags": {TAG: chain.name},
    }
    return Experiment(template, tuple(left))


def _actions(name: str, fault: "Fault", minutes: int, status: int | None) -> Iterator[dict[str, Any]]:
    """Yield the actions of one function; `key` is what tells them apart."""
    base = {"targets": {"Functions": name}}
    lasting = {"duration": f"PT{minutes}M"}
    if percentage := _percent(fault.error_rate):
        given = {**lasting, "invocationPercentage": str(percentage), "preventExecution": "false"}
        kind, what = ("error", "fails") if status is None else ("status", f"answers {status}")
        if status is not None:
            given |= {"statusCode": str(status), "contentTypeHeader": "application/json"}
        id_ = "aws:lambda:invocation-error" if status is None else "aws:lambda:invocation-http-integration-response"
        text = f"{name} {what} in {percentage} % of its invocations, after its code"
        yield {"key": kind, "actionId": id_, "description": text, "parameters": given, **base}
    if isinstance(fault.delay, Constant) and (percentage := _percent(fault.delay_rate)):
        delay_ms = min(round(fault.delay.mean_s * 1000), LONGEST_DELAY_MS)
        given = {**lasting, "invocationPercentage": str(percentage), "startupDelayMilliseconds": str(delay_ms)}
        text = f"{name} begins {delay_ms} ms later in {percentage} % of its invocations"
        id_ = "aws:lambda:invocation-add-delay"
        yield {"key": "delay", "actionId": id_, "description": text, "parameters": given, **base}


def _percent(rate: float) -> int:
    """Return a rate as FIS takes it: whole per cent, at least one; 0 for nothing."""
    return max(round(rate * 100), 1) if rate > 0 else 0


def _left(name: str, fault: "Fault") -> Iterator[Untranslated]:
    """Yield what FIS cannot do, or not quite, of one function's fault."""
    for rate in ("error_rate", "delay_rate"):
        value = getattr(fault, rate)
        if (
            value > 0
            and (rate == "error_rate" or fault.delay is not None)
            and abs(value * 100 - _percent(value)) > 1e-6
        ):
            yield Untranslated(name, rate, f"{value:.4g} is {_percent(value)} % there: whole per cent, at least 1")
    if fault.error_name is not None:
        yield Untranslated(name, "error_name", "FIS gives its error a name of its own")
    if fault.delay is not None and not isinstance(fault.delay, Constant):
        yield Untranslated(name, "delay", "FIS adds one fixed time, not a law: give a number of seconds")
    elif fault.delay is not None and fault.delay.mean_s * 1000 > LONGEST_DELAY_MS:
        yield Untranslated(name, "delay", f"{fault.delay.mean_s:g} s are {LONGEST_DELAY_MS // 1000} s there, the most")
    if fault.poison_fraction:
        why = "FIS does not know requests: it decides anew for each invocation"
        yield Untranslated(name, "poison_fraction", why)
    if fault.throttle_rate:
        yield Untranslated(name, "throttle_rate", "FIS has no action that throttles a function")
    if fault.reserved_concurrency is not None:
        why = f"no action: set the function's reserved concurrency to {fault.reserved_concurrency} while it runs"
        yield Untranslated(name, "reserved_concurrency", why)
    if fault.duplicate_rate:
        yield Untranslated(name, "duplicate_rate", "FIS has no action that delivers twice")
    if fault.dead:
        yield Untranslated(name, "dead", "no action: disable the mapping or rule, or delete the subscription")


def _answers_an_api(chain: Chain, name: str) -> bool:
    """Tell whether an API calls a function."""
    return any(
        link.target == name and isinstance(chain.service(link.source).behaviour(), Relay)
        for link in chain.links.values()
    )


def _targets(chain: Chain, actions: dict[str, Any], account: str | None) -> dict[str, Any]:
    """Return the functions that break: by ARN where the account is known, else all of the chain by its tag."""
    names = list(dict.fromkeys(action["targets"]["Functions"] for action in actions.values()))
    base = {"resourceType": "aws:lambda:function", "selectionMode": "ALL"}
    if account is not None:
        prefix = f"arn:aws:lambda:{chain.region}:{account}:function:{chain.name}"
        return {name: {**base, "resourceArns": [f"{prefix}-{name}"]} for name in names}
    functions = [name for name, service in chain.services.items() if hasattr(service, "error_rate")]
    if sorted(names) != sorted(functions) or len({_alike(actions, name) for name in names}) > 1:
        raise ConfigError(
            f"to_fis: the tag {TAG} finds all functions of {chain.name!r}, and they do not all break alike",
            fix='give account="123456789012", and the functions are named by their ARNs',
        )
    for name in names[1:]:
        for key in [key for key, action in actions.items() if action["targets"]["Functions"] == name]:
            del actions[key]
    for action in actions.values():
        action["targets"] = {"Functions": chain.name}
        action["description"] = action["description"].replace(names[0], f"each function of {chain.name}", 1)
    return {chain.name: {**base, "resourceTags": {TAG: chain.name}}}


def _alike(actions: dict[str, Any], name: str) -> str:
    """Return what is done to a function, without its name."""
    return json.dumps(
        [(each["actionId"], each["parameters"]) for each in actions.values() if each["targets"]["Functions"] == name]
    )


def _check(role_arn: Any, account: Any, minutes: Any, stop_alarm_arn: Any, http_status: Any) -> None:
    """Refuse arguments that are none."""
    is_whole = {
        name: value is None or (is_number(value) and float(value).is_integer() and low <= value <= high)
        for name, value, low, high in (("minutes", minutes, 1, LONGEST_MIN), ("http_status", http_status, 100, 599))
    }
    wrong = [
        ("role_arn", role_arn, r"arn:aws[\w-]*:iam::\d{12}:role/\S+", "arn:aws:iam::123456789012:role/fis"),
        ("account", account, r"\d{12}", "twelve digits, as text"),
        ("stop_alarm_arn", stop_alarm_arn, r"arn:aws[\w-]*:cloudwatch:\S+:alarm:\S.*", "the ARN of a CloudWatch alarm"),
    ]
    for name, value, form, text in wrong:
        is_missing = value is None and name != "role_arn"
        if not is_missing and not (isinstance(value, str) and re.fullmatch(form, value)):
            raise ConfigError(f"to_fis: {name}={value!r} is none", fix=f"give {text}")
    if not is_whole["minutes"] or minutes is None:
        raise ConfigError(f"to_fis: minutes={minutes!r} is outside 1..{LONGEST_MIN}", fix="give whole minutes")
    if not is_whole["http_status"]:
        raise ConfigError(f"to_fis: http_status={http_status!r} is outside 100..599", fix="give 503, or leave it out")
