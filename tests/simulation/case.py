"""A chain with its traffic, as the tests of the simulation compare it, and what such chains are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import chainkit as ck
from chainkit.distributions import Exponential, Law, LogNormal, Uniform
from chainkit.simulation.loads import ClosedLoop, Load, Poisson

WORK = LogNormal(p50_s=0.1, p99_s=0.6)
WAYS: dict[str, Law] = {
    "http_api": Uniform(0.001, 0.02),
    "sync_invocation": LogNormal(p50_s=0.01, p99_s=0.03),
    "async_invocation": Exponential(mean_s=0.03),
    "sqs_mapping": Exponential(mean_s=0.02),
    "sns_to_lambda": Exponential(mean_s=0.05),
    "sns_to_sqs": Exponential(mean_s=0.01),
    "eventbridge_to_lambda": Exponential(mean_s=0.1),
    "eventbridge_to_other": Exponential(mean_s=0.2),
    "stepfunctions_start": Uniform(0.01, 0.05),
    "stepfunctions_task_standard": LogNormal(p50_s=0.014, p99_s=0.029),
    "stepfunctions_task_express": LogNormal(p50_s=0.012, p99_s=0.02),
}
"""Continuous laws for every hop, so that no two events meet by chance."""


@dataclass(frozen=True, repr=False)
class Case:
    """A chain and the traffic that goes through it."""

    chain: ck.Chain
    load: Load = Poisson(rate_per_s=5)  # noqa: RUF009 - frozen
    requests: int = 200
    at: str | None = None
    has_hops: bool = True
    drain_s: float = 30_000.0
    account_concurrency: int | None = None
    per_mb_s: float = 0.0

    @property
    def options(self) -> dict[str, Any]:
        """What `simulate` and `twin` take besides."""
        latency: dict[str, Any] = {**WAYS} if self.has_hops else {}
        if self.per_mb_s:
            latency["per_mb"] = self.per_mb_s
        account = {} if self.account_concurrency is None else {"account_concurrency": self.account_concurrency}
        return {"requests": self.requests, "at": self.at, "latency": latency, "drain_s": self.drain_s, **account}

    def __repr__(self) -> str:
        """Return the case as the call that makes it."""
        load = f"{type(self.load).__name__}({self.load.rate_per_s}, attributes=KINDS)"
        if isinstance(self.load, ClosedLoop):
            load = f"ClosedLoop({self.load.users}, {self.load.think!r}, attributes=KINDS)"
        rest = f"{self.requests}, {self.at!r}, {self.has_hops}, {self.drain_s}"
        rest += f", {self.account_concurrency}, {self.per_mb_s}"
        return f"Case(ck.Chain.from_plain({self.chain.to_plain()}), {load}, {rest})"


CASES: dict[str, Callable[[], Case]] = {}
"""By name; cases.py brings all of them."""


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    """Put a case in the list, under its function's name."""
    CASES[make.__name__] = make
    return make


KINDS = {"kind": {"physical": 0.7, "digital": 0.3}, "price": {5: 0.5, 50: 0.5}}
"""Attributes of the traffic, for filters."""


def chain_of(*services: Any, region: str = "us-east-1") -> ck.Chain:
    """Return a chain of unconnected services."""
    chain = ck.Chain("c", region=region)
    for service in services:
        chain.add(service)
    return chain


def function(name: str, **settings: Any) -> ck.LambdaFunction:
    """Return a function with work of some spread and a quick start, where nothing else is said."""
    return ck.LambdaFunction(name, **{"duration": WORK, "init": Uniform(0.1, 0.3), "timeout_s": 10, **settings})


def task(target: str, **more: Any) -> dict[str, Any]:
    """Return a task that invokes a function."""
    way = {} if "Next" in more else {"End": True}
    arguments = {"FunctionName": f"${{{target}}}"}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": arguments, **way, **more}


def scope(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return states that start with the first one: a definition, or a branch of one."""
    return {"StartAt": next(iter(states)), "States": states, **more}


def machine(states: dict[str, Any], workflow: str = "EXPRESS", name: str = "flow", **settings: Any) -> ck.StateMachine:
    """Return a machine that starts with its first state."""
    whole = {"TimeoutSeconds": settings.pop("limit_s")} if "limit_s" in settings else {}
    return ck.StateMachine(name, definition=scope(states, **whole), workflow=workflow, **settings)


def rules(target: str) -> list[dict[str, Any]]:
    """Return a Choice's only rule; how often it holds is said by the machine's figures."""
    return [{"Variable": "$.x", "BooleanEquals": True, "Next": target}]
