"""AWS Lambda function.

Model    A pool of environments, each running one invocation at a time; the most recently used idle one is taken first.
Ignored  Layers, VPC, response streaming, tenant isolation, durable functions; INIT of provisioned environments, which
         are made anew every few hours. A restore from a snapshot is billed whole, as INIT: an assumption.
Sources  [1] AWS Lambda quotas, docs.aws.amazon.com gettingstarted-limits (2026)
         [2] AWS Lambda, asynchronous invocation error handling (2025-26)
         [3] Init durations by runtime: maxday/lambda-perf, July-August 2026 (data/latency.json)
         [4] CPU share: 1 vCPU at 1,769 MB; measured on 12 functions, 2020-22 (data/latency.json)
         [5] INIT is billed for every packaging since 2025-08-01, AWS Compute Blog 2025-04-29
         [6] CreateFunction: names of variables, handlers (API model in botocore, 2026)
         [7] Provisioned concurrency and Application Auto Scaling: AWS agent toolkit, concurrency.md (2026); AWS Lambda
             Developer Guide, provisioned-concurrency (2023)
         [9] Recursive loops: docs.aws.amazon.com lambda invocation-recursion (2024); boto/boto3#3899: the 16th call
         [8] SnapStart: AWS agent toolkit, lambda.md (2026); restore times measured 2024 (data/latency.json)
         [10] Ephemeral storage over 512 MB is billed for the time a function runs: Lambda price list (2026)
Checked  2026-11-27
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from chainkit import data, logs, packaging, parts, readiness
from chainkit.declared import settings
from chainkit.distributions import Constant, Duration, from_plain
from chainkit.errors import ConfigError, TemplateError
from chainkit.function_calls import EVENT_SETTINGS, FUNCTION, LOG_GROUP, PERMISSION
from chainkit.law import Law
from chainkit.parts import PartsSetting
from chainkit.readiness import ProvisionedScalingSetting, WarmerSetting
from chainkit.records import Call, Grant, Meter, Pool, Port, Properties, Provisioned, Resource
from chainkit.service import Service, Surroundings, logical_id, references, service
from chainkit.units import GB_MB
from chainkit.vendoring import Platform

Runtime = Literal[
    "python3.11", "python3.12", "python3.13", "python3.14", "nodejs20.x", "nodejs22.x", "nodejs24.x",
    "java17", "java21", "java25", "dotnet8", "dotnet10", "ruby3.4", "provided.al2023",
]  # fmt: skip


SNAPPED = ("java", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10")
"""Runtimes that have SnapStart; [8]."""
_FREE_STORAGE_MB = 512


def _days(days: Any) -> Any:
    """Refuse True, which Python would take for one day."""
    if isinstance(days, bool):
        raise ConfigError(f"{days!r} is no number of days", fix="give a number of days, such as 14")
    return days


@service
class LambdaFunction(Service):
    """A function: code that runs once per request, event or batch.

    Examples
    --------
    >>> LambdaFunction("pay", memory_mb=512, duration=0.2).behaviour().timeout_s
    3.0
    """

    memory_mb: int = Field(default=128, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"})
    """Memory, MB; CPU is in proportion."""
    timeout_s: int = Field(default=3, ge=1, le=900, json_schema_extra={"source": "Lambda quotas, 2026"})
    """After this long an invocation is cut, seconds."""
    duration: Duration = Constant(0.1)
    """Work for one request or one message, as measured at `measured_memory_mb`, without its calls; a law or seconds."""
    overhead: Duration | None = None
    """What an invocation takes beyond its units, as measured at `measured_memory_mb`."""
    first_duration: Duration | None = None
    """Replaces `duration` for the first unit after an init; None: no difference."""
    init: Duration | None = None
    """Init of a new environment; None: the measured law of a small function on this runtime."""
    cpu_fraction: float = Field(
        default=0.0, ge=0, le=1, json_schema_extra={"source": "T = io + cpu / min(memory, 1769)"}
    )
    """Share of duration and overhead that is CPU work and so scales with memory."""
    measured_memory_mb: int | None = Field(
        default=None, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"}
    )
    """Memory at which the laws were measured; None: at `memory_mb`."""
    error_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Chance that an attempt fails at the end of its own work."""
    error_name: str = Field(default="Exception", min_length=1)
    """Name of the error it then raises, as Retry and Catch see it."""
    poison_fraction: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Share of the requests that fail here on every attempt."""
    parts: PartsSetting = Field(default_factory=dict)
    """Name -> further work of the same invocation, one after another after its own: a monolith's pieces."""
    reserved_concurrency: int | None = Field(
        default=None, ge=0, le=10_000, json_schema_extra={"source": "Lambda quotas, 2026"}
    )
    """Most environments at once, taken from the account's; 0 switches off; None: no reservation."""
    maximum_retry_attempts: int = Field(default=2, ge=0, le=2, json_schema_extra={"source": "EventInvokeConfig, 2026"})
    """How often an asynchronous event is tried again after an error, one and two minutes later."""
    maximum_event_age_s: int = Field(
        default=21_600, ge=60, le=21_600, json_schema_extra={"source": "EventInvokeConfig, 2026"}
    )
    """How long an asynchronous event lives, seconds."""
    keep_alive: Duration = Constant(600.0)
    """How long an idle environment lives; a law or seconds. An assumption: AWS does not say. Measured: 600 s (2020),
    Geometric(step_s=380, fraction=0.5) of a fleet (January 2020), Uniform(300, 420) of one (about 2021)."""
    reuse: Literal["most_recent", "least_recent", "random"] = "most_recent"
    """Which idle environment an invocation takes; measurements on AWS agree with the most recently used one."""
    speed_factor: Duration | None = None
    """Factor of the work in one environment, drawn when it starts, of mean 1: successive runs are alike; None: 1."""
    snap_start: bool = False
    """Whether new environments are restored from a snapshot; the default `init` is then a measured restore."""
    provisioned_concurrency: int = Field(default=0, ge=0, le=10_000, json_schema_extra={"source": "[7], 2026"})
    """Environments kept ready, taken from the account's; beyond them invocations spill over to others."""
    provisioned_scaling: ProvisionedScalingSetting = None
    """How their number follows use and the clock (Application Auto Scaling); None: it stays."""
    warmer: WarmerSetting = None
    """Pings on a timer that keep environments warm; None: none."""
    service_error_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Chance that Lambda itself answers an attempt to invoke with a 5xx error: nothing runs, nothing is billed."""
    recursive_loop: Literal["Terminate", "Allow"] = "Terminate"
    """Whether Lambda stops a chain of events that comes back here again and again, at about the 16th run; [9]."""
    idempotent: bool = False
    """Whether running again for the same request changes nothing."""
    runtime: Runtime = "python3.12"
    """Runtime of the deployed function; decides the default init."""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor; decides the price of duration."""
    code: str | None = Field(default=None, min_length=1)
    """Folder of the handler's code, relative to the design file; None: a stand-in that behaves as designed."""
    handler: str = Field(default="handler.handle", max_length=128, pattern=r"^\S+$")  # [6]
    """Module and function that Lambda calls."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables besides those that links give."""
    log_retention_days: Annotated[Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365], BeforeValidator(_days)] = 14
    """How long its log group keeps events, days."""
    log_bytes: int | None = Field(default=None, ge=0, le=2**30, json_schema_extra={"source": "your own figures"})
    """Bytes of log that an invocation writes, START, END and REPORT included; None: not stated, and not priced."""
    ephemeral_storage_mb: int = Field(
        default=512, ge=512, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"}
    )
    """Room in /tmp, MB; what lies over 512 is paid for while the function runs."""

    port: ClassVar[Port] = Port(emits=("call", "outcome"), accepts=("call", "delivery", "batch"))
    colour: ClassVar[str] = "#ED7100"
    label: ClassVar[str] = "Lambda function"
    main_settings: ClassVar[tuple[str, ...]] = (
        "memory_mb", "timeout_s", "duration", "error_rate", "poison_fraction", "reserved_concurrency",
        "maximum_retry_attempts",
    )  # fmt: skip
    icon: ClassVar[str] = "M7 4h3l7.5 16M11.6 8.6 6 20"
    principal: ClassVar[str] = "lambda.amazonaws.com"
    sends_account: ClassVar[bool] = True  # Lambda Developer Guide, permissions-managed-policies (2026)
    grants: ClassVar[dict[str, tuple[str, ...]]] = {
        "call": ("lambda:InvokeFunction",),
        "delivery": ("lambda:InvokeFunction",),
    }
    handle_suffix: ClassVar[str] = "FUNCTION_NAME"
    delivery_protocol: ClassVar[str] = "lambda"

    def behaviour(self) -> Pool:
        """Return the pool of environments, its laws scaled to this memory."""
        k = self._cpu_scale(self)
        return Pool(
            work=self.duration.scaled(k),
            first_work=self.first_duration.scaled(k) if self.first_duration is not None else None,
            overhead=self.overhead.scaled(k) if self.overhead is not None else None,
            init=self.init if self.init is not None else self._default_start(),
            timeout_s=float(self.timeout_s),
            error_rate=self.error_rate,
            poison_fraction=self.poison_fraction,
            error_name=self.error_name,
            limit=self.reserved_concurrency,
            keep_alive=self.keep_alive,
            reuse=self.reuse,
            speed=self.speed_factor,
            service_error_rate=self.service_error_rate,
            init_limit_s=None if self.snap_start else float(data.quotas()["lambda"]["init_timeout"]["value"]),
            provisioned=self._provisioned(),
            pings=self.warmer.pings() if self.warmer is not None else None,
            stops_recursion=self.recursive_loop == "Terminate",
            is_idempotent=self.idempotent,
            event_retries=self.maximum_retry_attempts,
            event_age_s=float(self.maximum_event_age_s),
            pieces=tuple(part.piece(name, self._cpu_scale(part)) for name, part in self.parts.items()),
        )

    def _default_start(self) -> Law:
        """Return the measured init of this runtime, or its restore from a snapshot; [3], [8]."""
        if not self.snap_start:
            return default_init(self.runtime, self.architecture)
        laws = data.latency()["restore"]
        return from_plain(laws.get(self.runtime, laws["java21"])["law"])

    def _provisioned(self) -> Provisioned | None:
        """Return what is kept ready; [7]."""
        scaling, count = self.provisioned_scaling, self.provisioned_concurrency
        if scaling is not None:
            return scaling.provisioned(count)
        return Provisioned(count=count, minimum=count, maximum=count) if count else None

    def _cpu_scale(self, of: Any) -> float:
        """Return the duration of the function, or a part of it, at this memory over that where it was measured; [4]."""
        knee = data.latency()["cpu"]["full_vcpu_mb"]["value"]
        measured = min(of.measured_memory_mb or self.memory_mb, knee)
        return float(1 - of.cpu_fraction + of.cpu_fraction * measured / min(self.memory_mb, knee))

    def with_settings(self, **changes: Any) -> "LambdaFunction":
        """Return a copy with some settings changed; laws stay measured at the memory they were given for."""
        if "memory_mb" in changes and self.measured_memory_mb is None and self.cpu_fraction:
            changes.setdefault("measured_memory_mb", self.memory_mb)
        if "memory_mb" in changes and self.parts:
            changes.setdefault("parts", parts.measured_at(self.parts, self.memory_mb))
        return super().with_settings(**changes)

    def meters(self) -> tuple[Meter, ...]:
        """Return requests, duration, INIT, storage and logs; [5], [10]."""
        gb_s = f"lambda-gb-s-{'arm64' if self.architecture == 'arm64' else 'x86'}"
        gb_s_per_ms = self.memory_mb / GB_MB / 1000
        start = "restores of cold starts, whole (assumed)," if self.snap_start else "INIT of cold starts"
        return (
            Meter(price="lambda-requests", counter="invocations", why="invocations, retries included"),
            Meter(price="lambda-requests", counter="extra_requests", why="64 KB steps of events over 256 KB"),
            Meter(price=gb_s, counter="run_ms", factor=gb_s_per_ms, why=f"run time at {self.memory_mb} MB, by the ms"),
            Meter(price=gb_s, counter="init_ms", factor=gb_s_per_ms, why=f"{start} at {self.memory_mb} MB"),
            *readiness.meters(self._provisioned(), self.memory_mb, "arm64" if "arm64" in gb_s else "x86"),
            *(readiness.snapshot_meters(self.memory_mb) if self.snap_start and not self._is_java() else ()),
            *self._storage_meters(),
            *(logs.meters(self.log_bytes, self.log_retention_days) if self.log_bytes is not None else ()),
        )

    def _storage_meters(self) -> tuple[Meter, ...]:
        """Return ephemeral storage over what is included, for all billed time; [10]."""
        over_mb = self.ephemeral_storage_mb - _FREE_STORAGE_MB
        if not over_mb:
            return ()
        ready = (("provisioned_run_ms", "runs in environments kept ready"),) if self._provisioned() is not None else ()
        return tuple(
            Meter(
                price="lambda-ephemeral-gb-s",
                counter=counter,
                factor=over_mb / GB_MB / 1000,
                why=f"/tmp of {self.ephemeral_storage_mb} MB over {_FREE_STORAGE_MB} MB, {when}",
            )
            for counter, when in (("run_ms", "run time"), ("init_ms", "INIT of cold starts"), *ready)
        )

    def unpriced(self, leaving: Sequence[Any]) -> tuple[str, ...]:
        """Return logs where nothing says how large they are."""
        return ("logs (log_bytes)",) if self.log_bytes is None else ()

    def problems(self, names: Any) -> list[ConfigError]:
        """Return what Lambda would refuse beyond single settings."""
        who = f"LambdaFunction {self.name!r}"
        found = [
            ConfigError(
                f"{who}: environment: {name!r} is no name of a variable; allowed: a letter, then letters, digits or _",
                fix="rename it, as in TABLE_NAME",
            )
            for name in self.environment
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", name)  # [6]
        ]
        taken = f"{who}: part {{!r}} is a service of the chain, too: their draws would be the same"
        found += [ConfigError(taken.format(part), fix="rename one of them") for part in self.parts if part in names]
        found += self._start_problems(who)
        path = PurePosixPath(self.code) if self.code is not None else None
        if path is not None and (path.is_absolute() or ".." in path.parts):
            found.append(
                ConfigError(
                    f"{who}: code={self.code!r} leads out of the design file's folder",
                    fix="put the code below the folder of the design file and name it relative to that",
                )
            )
        return found

    def _start_problems(self, who: str) -> list[ConfigError]:
        """Return what Lambda refuses about snapshots and environments kept ready; [7], [8]."""
        found: list[tuple[str, str]] = []
        if self.snap_start and not self.runtime.startswith(SNAPPED):
            found.append((f"snap_start=True on {self.runtime}", f"choose a runtime of {', '.join(SNAPPED)}, or False"))
        if self.snap_start and self._provisioned() is not None:
            found.append(("snap_start=True excludes provisioned concurrency", "choose one of them"))
        if self.snap_start and self.ephemeral_storage_mb > _FREE_STORAGE_MB:
            problem = f"snap_start=True excludes ephemeral_storage_mb={self.ephemeral_storage_mb}"
            found.append((problem, f"choose {_FREE_STORAGE_MB}, or snap_start=False"))
        most = max(self.provisioned_concurrency, getattr(self.provisioned_scaling, "maximum", 0))
        if self.reserved_concurrency is not None and most > self.reserved_concurrency:
            fix = f"reserve at least {most}, or provision less"
            found.append((f"provisions {most} of reserved_concurrency={self.reserved_concurrency}", fix))
        return [ConfigError(f"{who}: {problem}", fix=fix) for problem, fix in found]

    def _is_java(self) -> bool:
        """Tell whether it runs on Java, which pays nothing for snapshots; [8]."""
        return self.runtime.startswith("java")

    def _refuse_what_is_not_deployed(self) -> None:
        """Refuse what is simulated and priced, but not part of a template."""
        kept = {"provisioned_concurrency": self._provisioned(), "warmer": self.warmer, "snap_start": self.snap_start}
        for name, value in kept.items():
            if value:
                raise TemplateError(
                    f"LambdaFunction {self.name!r}: {name} is simulated and priced, and not deployed",
                    fix="take it out of the copy that is deployed, and set it up in the account by hand",
                )

    def package(
        self, root: Path | None, calls: list[dict[str, Any]], *, reports: bool = False, is_vendored: bool = False
    ) -> bytes:
        """Return the zip of the code folder below `root`, or of a stand-in that makes `calls`."""
        if self.code is not None:
            platform = self._platform() if is_vendored else None
            return packaging.folder(root, self.code, who=f"LambdaFunction {self.name!r}", platform=platform)
        return packaging.stand_in(self.behaviour(), self._runs()[1], calls, reports=reports)

    def gather(self, root: Path | None) -> bool | None:
        """Gather the wheels that the code's requirements.txt names, for this runtime and architecture."""
        if self.code is None:
            return None
        return packaging.gather_libraries(root, self.code, f"LambdaFunction {self.name!r}", self._platform())

    def _platform(self) -> Platform:
        return Platform(self.runtime, self.architecture)

    def _runs(self) -> tuple[str, str]:
        """Return runtime and handler as deployed: a stand-in is Python, whatever the code is to be written in."""
        if self.code is not None or self.runtime.startswith("python"):
            return self.runtime, self.handler
        return "python3.13", "handler.handle"

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the log group, the function and, where it differs from the default, its event settings."""
        self._refuse_what_is_not_deployed()
        full = f"{around.chain}-{self.name}"
        runtime, handler = self._runs()
        group = Resource(
            id=logical_id(self.name, "logs"),
            properties={"LogGroupName": f"/aws/lambda/{full}", "RetentionInDays": self.log_retention_days},
            api=LOG_GROUP,
        )
        properties: dict[str, Any] = {
            "FunctionName": full,
            "Role": {"Fn::GetAtt": [around.role, "Arn"]},
            "Runtime": runtime,
            "Handler": handler,
            "Architectures": [self.architecture],
            "MemorySize": self.memory_mb,
            "Timeout": self.timeout_s,
            "Environment": {"Variables": {**self.environment, **around.environment}},
            "Zip": around.package,
        }
        if self.reserved_concurrency is not None:
            properties["ReservedConcurrentExecutions"] = self.reserved_concurrency
        if self.ephemeral_storage_mb > _FREE_STORAGE_MB:
            properties["EphemeralStorage"] = {"Size": self.ephemeral_storage_mb}
        function = Resource(id=self.id, properties=properties, api=FUNCTION, depends_on=(group.id,))
        return (group, function, *self._event_settings(around))

    def _event_settings(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the event invoke config, if anything in it differs from AWS's defaults."""
        ends = {key: around.attached[key] for key in ("on_failure", "on_success") if key in around.attached}
        default = {s.name: s.default for s in settings(LambdaFunction)}
        if not ends and all(
            getattr(self, key) == default[key] for key in ("maximum_retry_attempts", "maximum_event_age_s")
        ):
            return ()
        properties: dict[str, Any] = {
            "FunctionName": {"Ref": self.id},
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": self.maximum_retry_attempts,
            "MaximumEventAgeInSeconds": self.maximum_event_age_s,
        }
        if ends:
            words = {"on_failure": "OnFailure", "on_success": "OnSuccess"}
            properties["DestinationConfig"] = {words[key]: {"Destination": arn} for key, arn in ends.items()}
        return (
            Resource(
                id=logical_id(self.name, "events"),
                properties=properties,
                api=EVENT_SETTINGS,
            ),
        )

    def admission(self, principals: tuple[tuple[str, Any], ...]) -> tuple[Resource, ...]:
        """Return one permission per AWS service that invokes this function by itself.

        Each is called after who is let in, and not counted: an id whose content moves on to another id would be made
        before it is taken away, as one and the same statement.
        """
        return tuple(
            Resource(
                id=logical_id(self.name, "permission", *references(source)),
                properties={
                    "FunctionName": {"Ref": self.id},
                    "Action": "lambda:InvokeFunction",
                    "Principal": principal,
                    "SourceArn": source,
                },
                api=PERMISSION,
            )
            for principal, source in principals
        )

    def integration(self, is_sync: bool) -> Properties:
        """Return the proxy integration, payload format 2.0; an HTTP API always waits."""
        return {"IntegrationType": "AWS_PROXY", "IntegrationUri": self.arn(), "PayloadFormatVersion": "2.0"}

    def own_grants(self, around: Surroundings) -> list[Grant]:
        """Return what every function needs: its own log streams."""
        group = {"Fn::GetAtt": [logical_id(self.name, "logs"), "Arn"]}
        return [Grant(("logs:CreateLogStream", "logs:PutLogEvents"), group)]

    def entry(self) -> tuple[str, Call]:
        """Return a synchronous Invoke."""
        return "lambda", Call("invoke", lambda p: {"FunctionName": p["Ref"], "Payload": p["Event"].encode()})

    def handover(self) -> tuple[str, Call]:
        """Return an asynchronous Invoke."""
        kind = {"InvocationType": "Event"}
        return "lambda", Call("invoke", lambda p: {"FunctionName": p["Ref"], "Payload": p["Event"].encode(), **kind})


def default_init(runtime: str, architecture: str) -> Law:
    """Return the measured init law of a hello-world function on a runtime; [3]."""
    rows = data.latency()["init"]
    return from_plain(rows[f"{runtime}-{'arm64' if architecture == 'arm64' else 'x86'}"]["law"])
