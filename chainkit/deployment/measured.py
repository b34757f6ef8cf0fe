"""What was measured: the traces of requests that were sent, in the words in which a run speaks."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainkit.chain import Chain
from chainkit.deployment.injecting import Injection
from chainkit.distributions import Empirical
from chainkit.errors import ConfigError
from chainkit.faults.description import Faults
from chainkit.records import Pool, Span, Trace
from chainkit.simulation.intervals import FRACTIONS
from chainkit.simulation.loads import Load
from chainkit.simulation.tables import OUTCOMES
from chainkit.units import seconds
from chainkit.wiring import Invocation

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.run import Run

FloatArray = npt.NDArray[np.float64]

LEAST = 5
"""Fewer warm runs of a function say nothing about its law."""
T = 1.96
"""Standard errors of a 95 % interval: the requests are many, or the interval is wide anyway."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A load test: what `stack.load` gives back, request by request."""

    chain: Chain
    target: str
    load: Load
    seed: int
    traces: tuple[Trace, ...] = field(repr=False)
    """(n,) in the order of the requests."""
    sent_s: FloatArray = field(repr=False)
    """(n,) when each was sent, seconds by the wall since the first was to be."""
    asked_s: FloatArray = field(repr=False)
    """(n,) when each was to be sent; NaN in a closed loop, where nobody knew before."""
    injection: Injection | None = None
    """What was injected, and by whose draws; None: nothing."""

    @property
    def faults(self) -> Faults | None:
        """What was made to break, if anything."""
        return self.injection.faults if self.injection is not None else None

    def is_of(self, run: "Run") -> bool:
        """Tell whether a run had the same requests with the same faults, so that its counts must be equal."""
        is_same = self.injection is not None and self.injection.is_of(run, self.requests)
        return is_same and (self.load, self.seed) == (run.load, run.seed)

    @property
    def requests(self) -> int:
        """How many were sent."""
        return len(self.traces)

    @property
    def late_s(self) -> float:
        """How far the slowest tenth was behind at least; more than a gap: this machine could not keep up."""
        behind_s = self.sent_s - self.asked_s
        return 0.0 if np.isnan(behind_s).all() else float(np.nanquantile(behind_s, 0.9))

    @property
    def rate_per_s(self) -> float:
        """Requests that were sent a second."""
        span_s = float(self.sent_s.max() - self.sent_s.min())
        return (self.requests - 1) / span_s if span_s else math.nan

    @property
    def ledger(self) -> "pd.Series[int]":
        """Requests by outcome; adds up to `requests`."""
        import pandas as pd

        counts = Counter(trace.outcome for trace in self.traces)
        names = [*OUTCOMES, "unfinished"]
        return pd.Series([counts[name] for name in names], index=pd.Index(names, name="outcome"), name="requests")

    def summary(self) -> "pd.DataFrame":
        """Return the figures as `run.summary()` does: low, value, high, note; seconds.

        Means by their standard error, percentiles by order statistics, both 95 %. What was lost counts as infinite.
        """
        import pandas as pd

        rows = {}
        for what in ("response", "completion"):
            times_s = np.array([getattr(trace, f"{what}_s") for trace in self.traces])
            times_s = np.where(np.isnan(times_s) & (what == "completion"), math.inf, times_s)
            known_s = times_s[~np.isnan(times_s)]
            if not known_s.size:
                continue
            rows[f"{what}_mean_s"] = mean_of(known_s)
            rows |= {f"{what}_{name}_s": quantile_of(known_s, fraction) for name, fraction in FRACTIONS.items()}
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["low", "value", "high", "note"])
        frame.index.name = "figure"
        return frame

    @property
    def nodes(self) -> "pd.DataFrame":
        """One row per service: what was seen there, over all requests (a batch counts in each of its requests)."""
        import pandas as pd

        counts = [counted(trace) for trace in self.traces]
        rows = {
            name: {what: sum(each[name, what] for each in counts) for what in COUNTED} for name in self.chain.services
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=[*COUNTED])
        frame.index.name = "node"
        return frame

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per span: the number of the request, then outcome, node, what, start_s, end_s ... reason."""
        import pandas as pd

        names = ("node", "what", "start_s", "end_s", "attempt", "status", "reason")
        rows = [
            (number, trace.outcome, *(getattr(span, name) for name in names))
            for number, trace in enumerate(self.traces)
            for span in trace.spans
        ]
        return pd.DataFrame(rows, columns=["request", "outcome", *names])

    def trace(self, request: int) -> Trace:
        """Return the story of one request, by its number from 0.

        Raises
        ------
        ConfigError
            If there is none of that number.
        """
        if isinstance(request, bool) or not isinstance(request, int) or not 0 <= request < self.requests:
            raise ConfigError(
                f"measured: request={request!r} is outside 0..{self.requests - 1}", fix="give the number of a request"
            )
        return self.traces[request]

    def slowest(self) -> int:
        """Return the number of the request that took longest to complete, of those that did."""
        times_s = [trace.completion_s if math.isfinite(trace.completion_s) else -1.0 for trace in self.traces]
        return int(np.argmax(times_s))

    def calibrated(self) -> Chain:
        """Return the chain with work and failures of its functions as they were measured: what to simulate next.

        A function's work is what its warm runs took, less its waits for those that it called and waited for, shared
        out over the units of its batch; its init, that of its cold runs. Functions with fewer than five warm runs, or
        five inits, keep the design's law for that, as does one with parts.

        Raises
        ------
        ConfigError
            If no function ran often enough.
        """
        chain, found = self.chain.copy(), False
        for name, service in self.chain.services.items():
            if not isinstance(service.behaviour(), Pool) or getattr(service, "parts", None):
                continue
            runs = self._runs(name)
            work_s = [each_s for each_s, is_cold in runs if not is_cold]
            inits_s = [s.end_s - s.start_s for t in self.traces for s in t.spans if (s.node, s.what) == (name, "init")]
            laws: dict[str, Any] = {}
            if len(work_s) >= LEAST:
                laws = {"duration": Empirical(values_s=work_s), "overhead": None, "first_duration": None}
                laws |= {"measured_memory_mb": getattr(service, "memory_mb", None)}
                laws |= self._failures(name)
            if len(inits_s) >= LEAST:
                laws["init"] = Empirical(values_s=inits_s)
            if laws:
                found = True
                chain.set(name, **laws)
        if not found:
            raise ConfigError(
                f"calibrated: no function of {self.chain.name!r} ran {LEAST} times warm", fix="send more requests"
            )
        return chain

    def _failures(self, name: str) -> dict[str, float]:
        """Return how often a function fails: always for a share of the requests that reach it, and else by chance.

        A request that failed there on two attempts or more, and never succeeded, is taken for one that always fails.
        """
        ends = [
            [span.status == "ok" for span in trace.spans if (span.node, span.what) == (name, "invocation")]
            for trace in self.traces
        ]
        seen = [each for each in ends if each]
        poisoned = [each for each in seen if len(each) > 1 and not any(each)]
        others = [ok for each in seen if each not in poisoned for ok in each]
        return {
            "poison_fraction": round(len(poisoned) / len(seen), 6),
            "error_rate": round(others.count(False) / len(others), 6) if others else 0.0,
        }

    def _runs(self, name: str) -> list[tuple[float, bool]]:
        """Return (seconds of own work for one unit, whether it was cold) of the runs of a function that ended well."""
        callees = {
            link.target for _, link in self.chain.outgoing(name) if isinstance(link, Invocation) and link.kind == "sync"
        }
        batches = Counter(key for trace in self.traces for key in {_run_id(s) for s in trace.spans} if key)
        runs: dict[str, tuple[float, bool]] = {}
        for number, trace in enumerate(self.traces):
            inits = [s for s in trace.spans if (s.node, s.what) == (name, "init")]
            for k, span in enumerate(trace.spans):
                if (span.node, span.what, span.status) != (name, "invocation", "ok"):
                    continue
                own = next((s for s in inits if span.start_s <= s.start_s <= span.end_s), None)
                waits = [s for s in trace.spans if s.node in callees and s.what == "invocation"]
                took_s = span.end_s - span.start_s - _covered_s(span, [*waits, *([own] if own else [])])
                key = _run_id(span)
                runs[key or f"{number} {k}"] = took_s / max(batches[key], 1), own is not None
        return [*runs.values()]

    def __repr__(self) -> str:
        """Return the load test in a word: stable, so that notebooks can be compared."""
        return f"Measured({self.chain.name!r} on {self.target}, {self.requests} requests, seed={self.seed})"

    def __str__(self) -> str:
        """Return what came of it in a few lines."""
        told = ", ".join(f"{count} {name}" for name, count in self.ledger.items() if count)
        lines = [f"{self.requests} requests to {self.chain.name!r} on {self.target}: {told}"]
        if self.late_s > max(0.05, 1 / self.load.rate_per_s):
            lines.append(
                f"a tenth was sent {seconds(self.late_s)} late or more, at {self.rate_per_s:.3g} a second in all: this "
                "machine does not keep up"
            )
        return "\n".join(lines)


COUNTED = ("invocations", "errors", "timeouts", "throttles", "dead_letters")
"""What is counted at a service; a throttled try is no invocation."""


def counted(trace: Trace) -> Counter[tuple[str, str]]:
    """Return how often each thing happened at each service in one request's story, predicted or measured.

    A dead letter counts where it is kept.

    >>> run = Span(node="pay", what="invocation", start_s=0, end_s=1, status="error")
    >>> sorted(counted(Trace(request="1", outcome="failed", response_s=1, completion_s=1, spans=[run])).items())
    [(('pay', 'errors'), 1), (('pay', 'invocations'), 1)]
    """
    found: Counter[tuple[str, str]] = Counter()
    for span in trace.spans:
        if span.what == "invocation":
            found[span.node, "throttles" if span.status == "throttled" else "invocations"] += 1
            if span.status in ("error", "timeout"):
                found[span.node, "errors" if span.status == "error" else "timeouts"] += 1
        elif span.status == "ok" and (
            span.what == "dead letter" or (span.what == "destination" and span.reason != "Success")
        ):
            found[span.node, "dead_letters"] += 1
    return found


def mean_of(values: FloatArray) -> tuple[float, float, float, str]:
    """Return low, value, high and a note of a mean, by its standard error."""
    value = float(values.mean())
    if values.size < 2 or not math.isfinite(value):
        return math.nan, value, math.nan, "" if math.isfinite(value) else "some were lost"
    half = T * float(values.std(ddof=1)) / math.sqrt(values.size)
    return value - half, value, value + half, ""


def quantile_of(values: FloatArray, fraction: float) -> tuple[float, float, float, str]:
    """Return low, value, high and a note of a quantile, by order statistics."""
    ordered, n = np.sort(values), values.size
    half = T * math.sqrt(n * fraction * (1 - fraction))
    low, high = math.floor(n * fraction - half), math.ceil(n * fraction + half)
    value = float(ordered[min(int(n * fraction), n - 1)])
    if low < 0 or high > n - 1:
        return math.nan, value, math.nan, "not enough requests"
    return float(ordered[low]), value, float(ordered[high]), ""


def _run_id(span: Span) -> str:
    """Return the request id of a run, which all requests of its batch share; "" where its log says nothing."""
    line = next((line for line in span.logs if line.startswith("START RequestId: ")), "")
    return line.split(" ")[2] if line else ""


def _covered_s(whole: Span, parts: Sequence[Span]) -> float:
    """Return how much of a span others lie over, each instant once.

    >>> bar = lambda start_s, end_s: Span(node="f", what="", start_s=start_s, end_s=end_s)
    >>> _covered_s(bar(0, 10), [bar(1, 3), bar(2, 4), bar(9, 12)])
    4.0
    """
    covered_s, until_s = 0.0, whole.start_s
    for part in sorted(parts, key=lambda each: each.start_s):
        start_s, end_s = max(part.start_s, until_s), min(part.end_s, whole.end_s)
        if end_s > start_s:
            covered_s, until_s = covered_s + end_s - start_s, end_s
    return covered_s
