"""A month of what calls functions and waits for them: Step Functions, API Gateway.

Rules    [1] Step Functions pricing page: Express counts 100 ms and 64 MB begun; memory is 50 MB, the definition, and
             the payload for each step of a Map or Parallel state
         [2] API Gateway pricing page, copy of 2025-11-02: 512 KB of an HTTP API's request, 32 KB of a WebSocket message
Units    GB = 1024 * 1024 KB for data out, as in the page's own examples (E22, E24).
Assumed  Of an HTTP API's request and its answer the larger one decides how many units are counted.
Ignored  Portals, custom domains; data that comes in is free.
Checked  2026-11-23
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from chainkit.errors import ConfigError
from chainkit.units import GB_MB
from chainkit.use import (
    KB_PER_GB,
    Amount,
    Hours,
    Quantity,
    Use,
    all_month,
    each,
    refuse_elsewhere,
    rounded_up,
    units,
    use,
)

EXPRESS_MS, EXPRESS_MB, EXPRESS_BASE_MB = 100, 64, 50
HTTP_KB, WEBSOCKET_KB = 512, 32
KB_PER_MB = 1024
ExpressMs = Annotated[float, Field(ge=0, le=300_000, allow_inf_nan=False, json_schema_extra={"source": "5 minutes"})]
CACHES_GB = (0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237)
"""Sizes of a REST API's cache (CacheClusterSize of the API model in botocore, 2026)."""


@use
class StepFunctionsUse(Use):
    """A month of a state machine, Standard or Express.

    Examples
    --------
    >>> import chainkit as ck
    >>> ck.StepFunctionsUse(executions=1000, transitions_per_execution=3).quantities()[0].quantity
    3000.0
    >>> child = ck.StepFunctionsUse(workflow="express", executions=1000, duration_ms=11_300)
    >>> [(each.quantity, each.what) for each in child.quantities()]
    [(1000.0, 'executions'), (706.25, 'run time, 11300 ms each at 64 MB')]
    """

    workflow: Literal["standard", "express"] = "standard"
    """Kind of machine."""
    executions: Amount = 0.0
    """Executions started."""
    transitions_per_execution: Amount = 0.0
    """States entered in each, retries included; Standard."""
    transitions: Amount = 0.0
    """State transitions that are stated as a sum, besides those; Standard."""
    duration_ms: ExpressMs = 0.0
    """How long each execution takes, ms; Express."""
    memory_mb: Amount | None = None
    """Memory of an execution, MB; None: 50 MB and what the next fields say; Express."""
    definition_kb: Amount = 0.0
    """Size of the definition, KB; Express."""
    payload_kb: Amount = 0.0
    """Size of what states hand on, KB; Express."""
    branches: Amount = 0.0
    """Steps of Map and Parallel states, each of which holds a payload; Express."""

    @field_validator("transitions_per_execution", "transitions")
    @classmethod
    def _of_standard(cls, count: float, info: ValidationInfo) -> float:
        """Refuse transitions of an Express machine, which pays for none."""
        refuse_elsewhere(count, info, "workflow", "standard")
        return count

    @field_validator("duration_ms", "memory_mb", "definition_kb", "payload_kb", "branches")
    @classmethod
    def _of_express(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Refuse durations of a Standard machine, which pays for none."""
        refuse_elsewhere(value, info, "workflow", "express")
        return value

    def _counted(self, month: float) -> Iterator[Quantity]:
        if self.workflow == "standard":
            per, rest = self.transitions_per_execution, self.transitions
            yield Quantity("stepfunctions-transitions", self.executions * per, f"transitions, {per:g} each")
            yield Quantity("stepfunctions-transitions", rest, "transitions")
            return
        ms, mb = rounded_up(self.duration_ms / EXPRESS_MS) * EXPRESS_MS, self.billed_mb
        gb_s = self.executions * ms * mb / (1000 * GB_MB)
        yield Quantity("stepfunctions-express-requests", self.executions, "executions")
        yield Quantity("stepfunctions-express-gb-s", gb_s, f"run time, {ms:g} ms each at {mb:g} MB")

    @property
    def billed_mb(self) -> int:
        """Memory that an Express execution is billed for, MB; [1].

        >>> StepFunctionsUse(workflow="express", definition_kb=1024, payload_kb=512, branches=30).billed_mb
        128
        """
        used = self.memory_mb
        if used is None:
            used = EXPRESS_BASE_MB + (self.definition_kb + self.payload_kb * self.branches) / KB_PER_MB
        return units(used, EXPRESS_MB) * EXPRESS_MB


@use
class ApiGatewayUse(Use):
    """A month of an API: HTTP, REST or WebSocket.

    Examples
    --------
    >>> import chainkit as ck
    >>> ck.ApiGatewayUse(requests=432e6, request_kb=12, response_kb=46).quantities()[0].quantity
    432000000.0
    >>> rest = ck.ApiGatewayUse(api="rest", requests=5e6, response_kb=3, transfer_out=True)
    >>> [round(each.quantity, 2) for each in rest.quantities()]
    [5000000.0, 14.31]
    >>> ck.ApiGatewayUse(api="websocket", messages=1, message_kb=33).quantities()[0].quantity
    2.0
    """

    api: Literal["http", "rest", "websocket"] = "http"
    """Kind of API."""
    requests: Amount = 0.0
    """Calls; HTTP and REST."""
    request_kb: Amount = 0.0
    """Size of a request, KB; HTTP counts each 512 KB."""
    response_kb: Amount = 0.0
    """Size of an answer, KB."""
    transfer_out: bool = False
    """Whether the answers go to the internet and are paid by GB: yes for a public API in life; the page's HTTP example
    leaves it out."""
    messages: Amount = 0.0
    """Messages to and from clients; WebSocket."""
    message_kb: Amount = 0.0
    """Size of a message, KB; each 32 KB is one."""
    connection_minutes: Amount = 0.0
    """Minutes of all connections together; WebSocket."""
    cache_gb: Amount = 0.0
    """Size of a REST API's cache, GB; the price book has those whose price was found."""
    cache_hours: Hours = None
    """How long it is there."""

    @field_validator("requests")
    @classmethod
    def _of_calls(cls, count: float, info: ValidationInfo) -> float:
        """Refuse calls of a WebSocket API, which has messages."""
        refuse_elsewhere(count, info, "api", "http", "rest")
        return count

    @field_validator("messages", "connection_minutes")
    @classmethod
    def _of_sockets(cls, count: float, info: ValidationInfo) -> float:
        """Refuse messages of an API that has calls."""
        refuse_elsewhere(count, info, "api", "websocket")
        return count

    @field_validator("cache_gb")
    @classmethod
    def _of_rest(cls, size: float, info: ValidationInfo) -> float:
        """Refuse a cache where there is none, and a size that AWS does not offer."""
        if size and size not in CACHES_GB:
            sizes = ", ".join(f"{each:g}" for each in CACHES_GB)
            raise ConfigError(f"{size:g} is no size of a cache; allowed: {sizes} GB", fix="choose one of them")
        refuse_elsewhere(size, info, "api", "rest")
        return size

    def _counted(self, month: float) -> Iterator[Quantity]:
        one = units(max(self.request_kb, self.response_kb), HTTP_KB) if self.api == "http" else 1
        yield Quantity(f"{self.api}-api-requests", self.requests * one, f"requests{each(one, '512 KB')}")
        one = units(self.message_kb, WEBSOCKET_KB)
        yield Quantity("websocket-messages", self.messages * one, f"messages{each(one, '32 KB')}")
        yield Quantity("websocket-connection-minutes", self.connection_minutes, "minutes of connections")
        if self.transfer_out:
            gb = self.requests * self.response_kb / KB_PER_GB
            yield Quantity("transfer-internet-out-gb", gb, f"answers to the internet, {self.response_kb:g} KB each")
        hours = all_month(month, self.cache_hours) if self.cache_gb else 0
        key = f"rest-api-cache-{self.cache_gb:g}gb-hours"
        yield Quantity(key, hours, f"cache of {self.cache_gb:g} GB", is_hourly=True)
