"""A month of watching: CloudWatch logs, metrics and alarms; X-Ray.

Rules    [1] CloudWatch pricing page (2025): logs by class, Lambda's logs by tiers since 1 May 2025, storage by its
             compressed size; metrics, alarms and dashboards for the part of the month that they are there
         [2] X-Ray pricing page (2025): traces that were recorded, after sampling
Units    GB as the price states it. Tiers of 10 TB are 10,240 GB, so GB here is binary, and kilobytes are brought to it
         by 1024 * 1024 (assumed: AWS's example E36 counts whole GB and would look the same with decimal ones).
Ignored  Contributor insights, metric streams, GetMetricData's own price; what CloudWatch adds to each log event.
Checked  2026-11-23
"""

from collections.abc import Iterator

from pydantic import Field

from chainkit.use import KB_PER_GB, Amount, Hours, Quantity, Use, use

_BY_THE_MONTH = {
    "metrics": ("cloudwatch-metrics", "custom metrics"),
    "alarms": ("cloudwatch-alarms", "alarms"),
    "high_resolution_alarms": ("cloudwatch-high-resolution-alarms", "alarms of high resolution"),
    "composite_alarms": ("cloudwatch-composite-alarms", "composite alarms"),
    "anomaly_alarms": ("cloudwatch-anomaly-alarms", "alarms on anomalies"),
    "anomaly_high_resolution_alarms": (
        "cloudwatch-anomaly-high-resolution-alarms", "alarms on anomalies of high resolution",
    ),
    "dashboards": ("cloudwatch-dashboards", "dashboards"),
}  # fmt: skip


@use
class CloudWatchUse(Use):
    """A month of CloudWatch.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.quantity for each in ck.CloudWatchUse(logs_gb=30, archived_gb=6, metrics=3).quantities()]
    [30.0, 6.0, 3.0]
    """

    lambda_logs_gb: Amount = 0.0
    """Logs of functions, GB: vended logs, priced by tiers."""
    vended_logs_gb: Amount = 0.0
    """Other vended logs (flow logs of a VPC), on the same tiers, GB."""
    lambda_logs_kb: Amount = 0.0
    """More of them, KB: 1 for each request is `per="request"`."""
    logs_gb: Amount = 0.0
    """Other logs of the Standard class, GB."""
    logs_kb: Amount = 0.0
    """More of them, KB."""
    infrequent_logs_gb: Amount = 0.0
    """Logs of the Infrequent Access class, GB."""
    delivered_logs_gb: Amount = 0.0
    """Vended logs (of functions, of a VPC's flows) sent to S3 or Firehose instead, GB; S3 keeps them at its price."""
    archived_gb: Amount = 0.0
    """Logs kept all month, compressed, GB; about 0.2 of what was written in AWS's example (E36)."""
    insights_gb: Amount = 0.0
    """Scanned by Logs Insights, GB."""
    live_tail_minutes: Amount = 0.0
    """Minutes of Live Tail."""
    metrics: Amount = 0.0
    """Custom metrics: each distinct set of dimensions is one."""
    alarms: Amount = 0.0
    """Alarms, by the metrics they read."""
    high_resolution_alarms: Amount = 0.0
    """Alarms on ten or thirty seconds."""
    composite_alarms: Amount = 0.0
    """Alarms on alarms."""
    anomaly_alarms: Amount = 0.0
    """Alarms on anomaly detection, standard resolution."""
    anomaly_high_resolution_alarms: Amount = 0.0
    """Alarms on anomaly detection, high resolution."""
    dashboards: Amount = 0.0
    """Dashboards."""
    hours: Hours = None
    """How long metrics, alarms and dashboards are there."""
    api_requests: Amount = 0.0
    """API requests, PutMetricData among them."""
    synthetics_runs: Amount = 0.0
    """Runs of canaries."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        for key, gb, what in (
            ("logs-ingestion-gb", self.lambda_logs_gb + self.lambda_logs_kb / KB_PER_GB, "logs of functions"),
            ("logs-ingestion-gb", self.vended_logs_gb, "other vended logs"),
            ("logs-ingestion-standard-gb", self.logs_gb + self.logs_kb / KB_PER_GB, "logs, Standard class"),
            ("logs-ingestion-infrequent-gb", self.infrequent_logs_gb, "logs, Infrequent Access class"),
            ("logs-delivery-gb", self.delivered_logs_gb, "vended logs sent to S3 or Firehose"),
            ("logs-insights-gb", self.insights_gb, "logs scanned by Insights"),
        ):
            yield Quantity(key, gb, what)
        yield Quantity("logs-storage-gb-month", self.archived_gb, "logs kept, compressed")
        yield Quantity("logs-live-tail-minutes", self.live_tail_minutes, "Live Tail")
        share = self._share(month, self.hours)
        part = "" if self.hours is None else f" for {self.hours:g} h"
        for name, (key, what) in _BY_THE_MONTH.items():
            yield Quantity(key, getattr(self, name) * share, f"{what}{part}", is_hourly=True)
        yield Quantity("cloudwatch-api-requests", self.api_requests, "API requests")
        yield Quantity("cloudwatch-synthetics-runs", self.synthetics_runs, "runs of canaries")


@use
class XrayUse(Use):
    """A month of X-Ray.

    Examples
    --------
    >>> import chainkit as ck
    >>> ck.XrayUse(requests=1e6, sampling_fraction=0.05).quantities()[0].quantity
    50000.0
    """

    traces: Amount = 0.0
    """Traces recorded."""
    requests: Amount = 0.0
    """Requests of which a share is traced, besides those."""
    sampling_fraction: float = Field(default=1.0, ge=0, le=1)
    """That share."""
    traces_retrieved: Amount = 0.0
    """Traces retrieved or scanned."""
    insights_traces: Amount = 0.0
    """Traces stored with Insights on."""
    indexed_spans: Amount = 0.0
    """Spans indexed for Transaction Search."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        sampled = f"traces recorded, {self.sampling_fraction:g} of the requests"
        yield Quantity("xray-traces", self.traces, "traces recorded")
        yield Quantity("xray-traces", self.requests * self.sampling_fraction, sampled)
        yield Quantity("xray-traces-retrieved", self.traces_retrieved, "traces retrieved or scanned")
        yield Quantity("xray-insights-traces", self.insights_traces, "traces stored for Insights")
        yield Quantity("xray-spans-indexed", self.indexed_spans, "spans indexed")
