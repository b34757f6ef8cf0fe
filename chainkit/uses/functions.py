"""A month of AWS Lambda: functions, Lambda@Edge, Managed Instances, MicroVMs.

Rules    [1] Lambda pricing page, copy of 2026: 1 ms steps, 256 KB then 64 KB of an asynchronous event, 5 minutes of
             provisioned concurrency, 3 hours of a snapshot, 1 minute of a poller, 6 MB of a stream free
         [2] INIT is billed with the handler: summed, then up to the next ms (AWS Compute Blog, 2025-04-29)
         [3] Managed Instances: a fee of 15 % of the EC2 on-demand price, whatever is paid for the instance; [1]
Units    GB = 1024 MB for memory, [1]; so for streams (assumed).
Ignored  Ephemeral storage while provisioned environments wait; commitments of a savings plan.
Checked  2026-11-23
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from chainkit.units import GB_MB
from chainkit.use import (
    Amount,
    Hours,
    Quantity,
    Said,
    Use,
    all_month,
    refuse_more,
    refuse_unpriced,
    rounded_up,
    units,
    use,
)

FREE_STORAGE_MB = 512
"""Ephemeral storage that every function has; [1]."""
FREE_STREAM_MB = 6
"""Of each streamed response; [1]."""
EVENT_KB, EVENT_STEP_KB = 256, 64
"""What the first request of an asynchronous event covers, and each further one; [1]."""
PROVISIONED_STEP_H = 5 / 60
SNAPSHOT_LEAST_H = 3.0
POLLER_LEAST_S = 60
MS_PER_S = 1000

Architecture = Literal["x86_64", "arm64"]


@use
class LambdaUse(Use):
    """A month of one Lambda function, or of many alike.

    Examples
    --------
    >>> import chainkit as ck
    >>> app = ck.LambdaUse(requests=3e6, duration_ms=120, memory_mb=1536)
    >>> [(each.price, each.quantity) for each in app.quantities()]
    [('lambda-requests', 3000000.0), ('lambda-gb-s-x86', 540000.0)]
    >>> ck.LambdaUse(duration_ms=250.06, init_ms=100.77).cold_billed_ms
    351
    """

    requests: Amount = 0.0
    """Invocations, retries and those in provisioned environments included."""
    duration_ms: float = Field(
        default=0.0, ge=0, le=900_000, allow_inf_nan=False, json_schema_extra={"source": "15 minutes at most"}
    )
    """How long each runs, ms; AWS rounds up to the next."""
    memory_mb: float = Field(default=128, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"})
    """Memory, MB."""
    architecture: Architecture = "x86_64"
    """Processor."""
    average_billed_ms: Amount | None = None
    """Average of the billed durations in your REPORT lines, INIT included: taken as it is instead of the two others."""
    cold_starts: Amount = 0.0
    """How many of the requests begin with an INIT."""
    init_ms: Amount = 0.0
    """How long an INIT takes, ms; [2]."""
    event_kb: Amount = 0.0
    """Size of each event where invocations are asynchronous, KB."""
    ephemeral_storage_mb: float = Field(default=512, ge=512, le=10_240, json_schema_extra={"source": "Lambda quotas"})
    """Storage in /tmp, MB."""
    streamed_mb: Amount = 0.0
    """Size of each streamed response, MB."""
    provisioned_concurrency: Amount = 0.0
    """Environments kept ready."""
    provisioned_hours: Hours = None
    """How long one period of that lasts; AWS rounds up to 5 minutes."""
    provisioned_periods: Amount = 1.0
    """How many such periods the month has."""
    provisioned_requests: Amount = 0.0
    """How many of the requests run there."""
    provisioned_duration_ms: Amount | None = None
    """How long each of those runs, ms; None: `duration_ms`."""
    snapshot_versions: Amount = 0.0
    """Published versions with SnapStart that are kept."""
    snapshot_hours: Hours = None
    """How long each is kept; AWS counts 3 hours at least."""
    restores: Amount = 0.0
    """Environments restored from a snapshot."""
    is_java: bool = False
    """Whether the runtime is Java, for which SnapStart is free."""
    sqs_pollers: Amount = 0.0
    """Event poller units of SQS mappings in provisioned mode."""
    kafka_pollers: Amount = 0.0
    """Event poller units of Kafka mappings in provisioned mode."""
    poller_hours: Hours = None
    """How long each of those polls; AWS counts by the second, a minute at least."""
    durable_operations: Amount = 0.0
    """Operations of durable functions: steps, waits, callbacks."""
    durable_written_gb: Amount = 0.0
    """What those write, GB."""
    durable_kept_gb: Amount = 0.0
    """What of it is kept, GB."""
    durable_kept_days: Amount | None = None
    """For how many days; None: the whole month."""
    tenant_environments: Amount = 0.0
    """Environments created for tenants that are isolated from each other."""

    @field_validator("cold_starts", "provisioned_requests")
    @classmethod
    def _part(cls, count: float, info: ValidationInfo) -> float:
        """Refuse more of one kind than there are requests."""
        refuse_more(count, info.data.get("requests"), "requests")
        return count

    @property
    def billed_ms(self) -> float:
        """Billed duration of a request that finds a warm environment, ms."""
        return rounded_up(self.duration_ms)

    @property
    def cold_billed_ms(self) -> float:
        """Billed duration of a request that begins with an INIT, ms; [2]."""
        return rounded_up(self.init_ms + self.duration_ms)

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity("lambda-requests", self.requests, "requests")
        steps = units(max(0.0, self.event_kb - EVENT_KB), EVENT_STEP_KB) if self.event_kb > EVENT_KB else 0
        more = f"64 KB steps of events over 256 KB, {steps} each"
        yield Quantity("lambda-requests", self.requests * steps, more)
        yield from self._run()
        yield from self._provisioned(month)
        yield from self._snapshots(month)
        yield from self._pollers(month)
        yield from self._durable(month)
        yield Quantity(
            "lambda-tenant-environments-gb", self.tenant_environments * self.memory_mb / GB_MB,
            f"environments created for tenants, {self.memory_mb:g} MB each",
        )  # fmt: skip

    def _run(self) -> Iterator[Quantity]:
        """Yield what running on demand uses."""
        key, on_demand = f"lambda-gb-s-{self._processor}", self.requests - self.provisioned_requests
        average = self.average_billed_ms
        ms = self.billed_ms if average is None else average
        init_ms = self.cold_starts * (self.cold_billed_ms - self.billed_ms) if average is None else 0.0
        yield Quantity(key, self._gb_s(on_demand * ms), f"run time, {ms:g} ms each at {self.memory_mb:g} MB")
        yield Quantity(key, self._gb_s(init_ms), f"INIT of cold starts at {self.memory_mb:g} MB")
        all_ms = on_demand * ms + init_ms + self.provisioned_requests * self._provisioned_ms
        extra_mb = self.ephemeral_storage_mb - FREE_STORAGE_MB
        extra = f"ephemeral storage past 512 MB, {extra_mb:g} MB while it runs"
        yield Quantity("lambda-ephemeral-gb-s", all_ms * extra_mb / (MS_PER_S * GB_MB), extra)
        streamed_mb = max(0.0, self.streamed_mb - FREE_STREAM_MB)
        yield Quantity(
            "lambda-streaming-gb", self.requests * streamed_mb / GB_MB,
            f"streamed past the first 6 MB, {streamed_mb:g} MB each",
        )  # fmt: skip

    def _provisioned(self, month: float) -> Iterator[Quantity]:
        """Yield what environments kept ready use."""
        hours = rounded_up(all_month(month, self.provisioned_hours) / PROVISIONED_STEP_H) * PROVISIONED_STEP_H
        kept_ms = self.provisioned_concurrency * self.provisioned_periods * hours * 3600 * MS_PER_S
        yield Quantity(
            f"lambda-provisioned-gb-s-{self._processor}", self._gb_s(kept_ms),
            f"{self.provisioned_concurrency:g} environments kept ready for {hours * self.provisioned_periods:g} h",
            is_hourly=True,
        )  # fmt: skip
        yield Quantity(
            f"lambda-provisioned-duration-gb-s-{self._processor}",
            self._gb_s(self.provisioned_requests * self._provisioned_ms),
            f"run time in those, {self._provisioned_ms:g} ms each",
        )

    def _snapshots(self, month: float) -> Iterator[Quantity]:
        """Yield what SnapStart uses."""
        if self.is_java:
            return
        hours, gb = max(SNAPSHOT_LEAST_H, all_month(month, self.snapshot_hours)), self.memory_mb / GB_MB
        kept = f"{self.snapshot_versions:g} snapshots kept for {hours:g} h"
        gb_s = self.snapshot_versions * hours * 3600 * gb
        yield Quantity("lambda-snapstart-cache-gb-s", gb_s, kept, is_hourly=True)
        yield Quantity("lambda-snapstart-restore-gb", self.restores * gb, "restores from a snapshot")

    def _pollers(self, month: float) -> Iterator[Quantity]:
        """Yield what provisioned pollers use."""
        hours = max(POLLER_LEAST_S, rounded_up(all_month(month, self.poller_hours) * 3600)) / 3600
        for kind, count in (("sqs", self.sqs_pollers), ("kafka", self.kafka_pollers)):
            what = f"{count:g} provisioned pollers for {hours:g} h"
            yield Quantity(f"lambda-{kind}-poller-hours", count * hours, what, is_hourly=True)

    def _durable(self, month: float) -> Iterator[Quantity]:
        """Yield what durable functions use besides requests and run time."""
        days = self.durable_kept_days
        share, kept = (1.0, "the month") if days is None else (days * 24 / month, f"{days:g} days")
        yield Quantity("lambda-durable-operations", self.durable_operations, "operations of durable functions")
        yield Quantity("lambda-durable-written-gb", self.durable_written_gb, "written by operations")
        yield Quantity("lambda-durable-kept-gb-month", self.durable_kept_gb * share, f"kept of that for {kept}")

    def _gb_s(self, ms: float) -> float:
        """Return milliseconds at this memory as GB-seconds, rounded once."""
        return ms * self.memory_mb / (MS_PER_S * GB_MB)

    @property
    def _provisioned_ms(self) -> float:
        return self.billed_ms if self.provisioned_duration_ms is None else rounded_up(self.provisioned_duration_ms)

    @property
    def _processor(self) -> str:
        return "arm64" if self.architecture == "arm64" else "x86"


@use
class LambdaEdgeUse(Use):
    """A month of Lambda@Edge.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.quantity for each in ck.LambdaEdgeUse(requests=1e7, duration_ms=10).quantities()]
    [10000000.0, 12500.0]
    """

    requests: Amount = 0.0
    """Invocations."""
    duration_ms: Amount = 0.0
    """How long each runs, ms; AWS rounds up to the next."""
    memory_mb: float = Field(default=128, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"})
    """Memory, MB."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity("lambda-edge-requests", self.requests, "requests")
        ms = rounded_up(self.duration_ms)
        gb_s = self.requests * ms * self.memory_mb / (MS_PER_S * GB_MB)
        yield Quantity("lambda-edge-gb-s", gb_s, f"run time, {ms:g} ms each at {self.memory_mb:g} MB")


@use
class LambdaInstancesUse(Use):
    """A month of Lambda Managed Instances: requests, EC2 instances at your price, and AWS's fee; [3].

    The book holds no instance prices, so they are given here.

    Examples
    --------
    >>> import chainkit as ck
    >>> kept = ck.LambdaInstancesUse(instance_hours=2000, instance_usd_per_hour=0.0457, on_demand_usd_per_hour=0.1632)
    >>> round(ck.estimate({"app": kept}).total_usd, 2)
    140.36
    """

    requests: Amount = 0.0
    """Invocations."""
    instance_hours: Amount = 0.0
    """Hours of all instances together."""
    instance_usd_per_hour: Said = None
    """What an hour costs you, USD: on demand, or under a savings plan; to be given with hours."""
    on_demand_usd_per_hour: Amount | None = None
    """On-demand price of an hour, of which the fee is a share, USD; None: it is what you pay."""
    fee_fraction: float = Field(default=0.15, ge=0, le=1, json_schema_extra={"source": "Lambda pricing page, 2026"})
    """Share that AWS takes for managing them."""

    @field_validator("instance_usd_per_hour")
    @classmethod
    def _said(cls, usd: float | None, info: ValidationInfo) -> float | None:
        """Refuse hours without a price, which would cost nothing."""
        refuse_unpriced(usd, info.data.get("instance_hours"))
        return usd

    def _counted(self, month: float) -> Iterator[Quantity]:
        paid, listed = self.instance_usd_per_hour or 0.0, self.on_demand_usd_per_hour
        fee = self.fee_fraction * (paid if listed is None else listed)
        what = f"fee, {self.fee_fraction:.0%} of the on-demand price"
        yield Quantity("lambda-requests", self.requests, "requests")
        yield Quantity("ec2-instance-hours", self.instance_hours, "instances", True, paid, "hour")
        yield Quantity("lambda-instances-fee", self.instance_hours, what, True, fee, "hour")


@use
class LambdaMicrovmUse(Use):
    """A month of Lambda MicroVMs of one size; give one use for the baseline and one for the peaks.

    Examples
    --------
    >>> import chainkit as ck
    >>> jobs = ck.LambdaMicrovmUse(vcpus=4, memory_gb=8, runs=9000, duration_s=600, launches=9000, snapshot_gb=2)
    >>> [(each.quantity, each.what) for each in jobs.quantities()]
    [(21600000.0, 'vCPUs while running'), (43200000.0, 'memory while running'), (18000.0, 'launches and resumes')]
    """

    vcpus: Amount = 0.0
    """Processors of a machine."""
    memory_gb: Amount = 0.0
    """Its memory, GB."""
    runs: Amount = 1.0
    """How often a machine runs."""
    duration_s: Amount = 0.0
    """How long each time, seconds."""
    launches: Amount = 0.0
    """Machines started from an image: each reads a snapshot."""
    suspends: Amount = 0.0
    """Times that a machine is suspended: each writes one."""
    resumes: Amount = 0.0
    """Times that one goes on: each reads one."""
    snapshot_gb: Amount = 0.0
    """Size of a snapshot, GB."""
    images_gb: Amount = 0.0
    """Images kept all month, GB."""
    suspended_gb: Amount = 0.0
    """What suspended machines keep, GB."""
    suspended_hours: Hours = None
    """For how long."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        running_s, read = self.runs * self.duration_s, self.launches + self.resumes
        yield Quantity("lambda-microvm-vcpu-s", running_s * self.vcpus, "vCPUs while running")
        yield Quantity("lambda-microvm-gb-s", running_s * self.memory_gb, "memory while running")
        yield Quantity("lambda-microvm-snapshot-write-gb", self.suspends * self.snapshot_gb, "suspends")
        yield Quantity("lambda-microvm-snapshot-read-gb", read * self.snapshot_gb, "launches and resumes")
        hours = all_month(month, self.suspended_hours)
        key, asleep = "lambda-microvm-storage-gb-month", self.suspended_gb * self._share(month, self.suspended_hours)
        yield Quantity(key, self.images_gb, "images")
        yield Quantity(key, asleep, f"suspended machines, {hours:g} h")
