"""Ten design files that are no chains, and the one error that each gives.

`at` is "load" where `ck.load` raises it, "validate" where the chain can be drawn but cannot run.
"""

from typing import NamedTuple

from chainkit.errors import ConfigError, DesignFileError, WiringError
from chainkit.service import registry

import chainkit.services  # noqa: F401 isort: skip - fills the registry


class Broken(NamedTuple):
    """One broken design file and its error."""

    text: str
    at: str
    kind: type[Exception]
    problem: str
    fix: str
    is_seen_by_schema: bool


_HEAD = "chainkit: 1\nchain: orders\n"
_FUNCTION_SETTINGS = (
    "memory_mb, timeout_s, duration, overhead, first_duration, init, cpu_fraction, measured_memory_mb, error_rate, "
    "error_name, poison_fraction, parts, reserved_concurrency, maximum_retry_attempts, maximum_event_age_s, "
    "keep_alive, reuse, speed_factor, snap_start, provisioned_concurrency, provisioned_scaling, warmer, "
    "service_error_rate, recursive_loop, idempotent, runtime, architecture, code, handler, environment, "
    "log_retention_days, log_bytes, ephemeral_storage_mb"
)

BROKEN = {
    "unknown service type": Broken(
        _HEAD + "services:\n  pay: {type: LambdaFuncton}\n",
        "load",
        ConfigError,
        "orders.chain.yaml:4: service 'pay': type='LambdaFuncton' is unknown (did you mean 'LambdaFunction'?)",
        f"choose from {', '.join(sorted(registry))}",
        True,
    ),
    "unknown key": Broken(
        _HEAD + "services:\n  pay:\n    type: LambdaFunction\n    memory: 512\n",
        "load",
        ConfigError,
        "orders.chain.yaml:4: LambdaFunction 'pay': unknown setting 'memory' (did you mean 'memory_mb'?)",
        f"known settings: {_FUNCTION_SETTINGS}",
        True,
    ),
    "memory of 64 MB": Broken(
        _HEAD + "services:\n  pay: {type: LambdaFunction, memory_mb: 64}\n",
        "load",
        ConfigError,
        "orders.chain.yaml:4: LambdaFunction 'pay': memory_mb=64 is outside 128..10240 MB",
        "choose memory_mb in 128..10240 MB (Lambda quotas, 2026)",
        True,
    ),
    "a link that cannot be": Broken(
        _HEAD + "services:\n  api: {type: HttpApi}\n  jobs: {type: SqsQueue}\nlinks:\n  - {from: jobs, to: api}\n",
        "load",
        WiringError,
        "orders.chain.yaml:7: cannot connect 'jobs' to 'api': SqsQueue emits batch, redrive; HttpApi accepts nothing",
        "nothing can stand between them",
        False,
    ),
    "a missing node": Broken(
        _HEAD + "services:\n  jobs: {type: SqsQueue}\nlinks:\n  # to what?\n  - {from: jobs, to: pay}\n",
        "load",
        WiringError,
        "orders.chain.yaml:7: chain 'orders' has no service 'pay'",
        "its services: jobs",
        False,
    ),
    "a duplicate name": Broken(
        _HEAD + "services:\n  pay: {type: LambdaFunction}\n  jobs: {type: SqsQueue}\n  pay: {type: SqsQueue}\n",
        "load",
        DesignFileError,
        "orders.chain.yaml:6: 'pay' is there already, in line 4; a name may stand only once",
        "rename or remove one of the two",
        False,
    ),
    "bad YAML": Broken(
        _HEAD + "services:\n  pay: {type: LambdaFunction\n  jobs: {type: SqsQueue}\n",
        "load",
        DesignFileError,
        "orders.chain.yaml:5: column 7: is not YAML: expected ',' or '}', but got ':'",
        "check indentation, quotes, brackets and the blank after each colon there",
        False,
    ),
    "wrong types": Broken(
        _HEAD + "services:\n  pay: {type: LambdaFunction, timeout_s: 10 s}\n",
        "load",
        ConfigError,
        "orders.chain.yaml:4: LambdaFunction 'pay': timeout_s='10 s' is not a valid integer",
        "write the number in s: timeout_s: 10",
        True,
    ),
    "a cycle of synchronous calls": Broken(
        _HEAD
        + "services:\n  a: {type: LambdaFunction}\n  b: {type: LambdaFunction}\n"
        + "links:\n  - {from: a, to: b}\n  - {from: b, to: a}\n",
        "validate",
        WiringError,
        "synchronous calls in a circle: a > b > a; every request would wait for itself",
        "give one of its links a probability below 1, make one asynchronous, or remove it",
        False,
    ),
    "an empty file": Broken(
        "",
        "load",
        DesignFileError,
        "orders.chain.yaml: is empty",
        'begin with "chainkit: 1" and "chain: <name>"',
        True,
    ),
}
