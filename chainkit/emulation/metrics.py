"""AWS/Lambda metrics in moto's CloudWatch, by FunctionName.

Kept from AWS: Invocations (throttled ones are none), Errors (0 for a success), Duration (ms), Throttles,
ConcurrentExecutions; AsyncEventsReceived, AsyncEventAge (ms), AsyncEventsDropped; stamped on the emulator's clock.
Ignored: the dimensions Resource and ExecutedVersion; without a dimension moto adds up all functions, as AWS does.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from moto.core.common_models import CloudWatchMetricProvider

from chainkit.emulation.host import ACCOUNT_ID

if TYPE_CHECKING:
    from moto.cloudwatch.models import MetricDatum

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.environments import Outcome

KEPT = 200_000
"""Values kept; beyond, the oldest go. A limit of the laptop: CloudWatch keeps them for 15 days and longer."""


class Value(NamedTuple):
    """One value of one metric."""

    function: str
    name: str
    unit: str
    at_s: float
    value: float


class Metrics:
    """What functions did, as values of metrics. Noting one costs a microsecond; they are laid out when they are read.

    Parameters
    ----------
    clock : gives the time of each value
    region : the one region that has any
    """

    def __init__(self, clock: Clock, region: str) -> None:
        self._clock = clock
        self._values: deque[Value] = deque(maxlen=KEPT)
        self._laid_out: list[MetricDatum] = []
        self._lock = threading.Lock()

        # A subclass is all that moto asks for: it calls those of its own base class at each read.
        class LambdaMetrics(CloudWatchMetricProvider):
            @staticmethod
            def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricDatum]:
                return self.data() if (account_id, region) == (ACCOUNT_ID, here) else []

        here = region
        self._provider = LambdaMetrics  # moto holds it weakly

    def invocation(self, function: str, outcome: Outcome, at_once: int) -> None:
        """Note how an invocation went, and how many of the function ran, it included."""
        now_s = self._clock.now_s()
        if outcome.status == "throttled":
            self._values.append(Value(function, "Throttles", "Count", now_s, 1.0))
            return
        self._values.extend(
            (
                Value(function, "Invocations", "Count", now_s, 1.0),
                Value(function, "Errors", "Count", now_s, float(outcome.status != "ok")),
                Value(function, "Throttles", "Count", now_s, 0.0),
                Value(function, "Duration", "Milliseconds", now_s, outcome.duration_s * 1000),
                Value(function, "ConcurrentExecutions", "Count", now_s, float(at_once)),
            )
        )

    def event(self, function: str, name: str, value: float = 1.0, unit: str = "Count") -> None:
        """Note something of Lambda's internal queue."""
        self._values.append(Value(function, name, unit, self._clock.now_s(), value))

    def data(self) -> list[MetricDatum]:
        """Return all values as moto holds them."""
        with self._lock:
            while self._values:
                self._laid_out.append(_datum(self._values.popleft()))
            del self._laid_out[:-KEPT]
            return self._laid_out


def _datum(value: Value) -> MetricDatum:
    from moto.cloudwatch.models import MetricDatum  # slow to import, and who asks for metrics has it

    at = dt.datetime.fromtimestamp(value.at_s, dt.UTC).replace(tzinfo=None)
    dimensions = [{"Name": "FunctionName", "Value": value.function}]
    return MetricDatum("AWS/Lambda", value.name, value.value, dimensions, at, value.unit)
