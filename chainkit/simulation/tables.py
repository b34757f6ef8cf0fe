"""Tables of a run: what became of the requests, what each service did, what was used."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.records import Usage, UsageLine
from chainkit.simulation.assembler import IntArray, Program

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Tally

OUTCOMES = ("completed", "failed", "throttled", "dead-lettered", "expired", "dropped")
"""In the machine's order, the worst last."""
LEDGER = ("dropped", "expired", "dead-lettered", "throttled", "failed", "completed", "unfinished")
"""In the order in which an outcome is decided: the first that applies."""
COUNTED = ("requests", "messages", "deliveries", "executions", "transitions")
"""Counters of other services than functions and queues that the table shows."""
BILLED_AS = {"provisioned_s": "provisioned_billed_s"}
"""Counters of meters that AWS rounds -> the machine's own that are rounded."""


def outcomes(counts: Sequence[IntArray], name: str, *, unfinished: int | None, total: int = 0) -> "pd.Series[int]":
    """Return counts by outcome; what is unfinished is given, or what is missing from a total."""
    import pandas as pd

    by_name = dict(zip(OUTCOMES, np.sum(counts, axis=0).tolist(), strict=True))
    by_name["unfinished"] = total - sum(by_name.values()) if unfinished is None else unfinished
    return pd.Series({name: by_name[name] for name in LEDGER}, name=name)


def nodes(chain: Chain, program: Program, tallies: Sequence["Tally"], requests: int) -> "pd.DataFrame":
    """Return one row per service."""
    import pandas as pd

    rows: dict[str, dict[str, float]] = {name: {} for name in chain.services}
    for name in program.pool_nodes:
        rows[name] = _pool_figures(program, name, tallies, requests)
    for name in program.queue_nodes:
        rows[name] = _queue_figures(name, tallies)
    for name, counter in program.counters:
        if counter in COUNTED:
            rows[name][counter] = counted(program, tallies, name, counter)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "node"
    return frame


def _sums(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return figures of all replications together."""
    return {key: sum(row[key] for row in each) for key in each[0]}


def _span_s(tallies: Sequence["Tally"]) -> float:
    """Return the time until the last arrivals; NaN if all came at once, so that no average over it means anything."""
    return sum(tally.span_s for tally in tallies) or math.nan


def _pool_figures(program: Program, name: str, tallies: Sequence["Tally"], requests: int) -> dict[str, float]:
    """Return what a pool of environments did."""
    total = _sums([tally.pools[name] for tally in tallies])
    runs, span_s = max(total["invocations"], 1), _span_s(tallies)
    busy_s, idle_s = (sum(tally.areas[name][i] for tally in tallies) for i in (0, 1))
    others = {what: counted(program, tallies, name, what) for what in ("service_errors", "pings")}
    tries = total["invocations"] - others["pings"] + total["throttles"] + others["service_errors"]
    if "ready_runs" in total:
        others |= {"spill_over": total["spill_over"], "provisioned_s": total["provisioned_s"]}
    return {
        "invocations": total["invocations"],
        "cold_starts": total["cold_starts"],
        "cold_fraction": total["cold_starts"] / runs,
        "errors": total["errors"],
        "timeouts": total["timeouts"],
        "throttles": total["throttles"],
        "runs_per_request": tries / requests,
        "duration_mean_s": total["busy_s"] / runs,
        "busy_mean": busy_s / span_s,
        "busy_peak": max(tally.pools[name]["peak"] for tally in tallies),
        "environments_mean": (busy_s + idle_s) / span_s,
        "idle_mean": idle_s / span_s,
        "billed_s": total["billed_ms"] / 1000,
        **{what: figure for what, figure in others.items() if figure or what in ("spill_over", "provisioned_s")},
    }


def _queue_figures(name: str, tallies: Sequence["Tally"]) -> dict[str, float]:
    """Return what a polled queue did."""
    total = _sums([tally.queues[name] for tally in tallies])
    return {
        "receives": total["received"],
        "batches": total["batches"],
        "batch_mean": total["received"] / max(total["batches"], 1),
        "wait_mean_s": total["waited_s"] / max(total["received"], 1),
        "backlog_mean": sum(tally.areas[name][0] for tally in tallies) / _span_s(tallies),
        "backlog_peak": max(tally.queues[name]["peak_waiting"] for tally in tallies),
        "drain_s": max(tally.drain_s[name] for tally in tallies),
        "returned": total["returned"],
        "dead_letters": total["dead_letters"],
    }


def counted(program: Program, tallies: Sequence["Tally"], node: str, counter: str) -> float:
    """Return how much a counter of a node counted."""
    if (node, counter) in program.counters:
        return float(sum(tally.counters[program.counters[node, counter]] for tally in tallies))
    for table in ("pools", "queues"):
        found = [getattr(tally, table).get(node, {}) for tally in tallies]
        if counter in found[0]:
            return float(sum(row[counter] for row in found))
    return 0.0


def usage(chain: Chain, program: Program, tallies: Sequence["Tally"], requests: int) -> Usage:
    """Return what a run used, as the price book counts it."""
    hours = sum(tally.span_s for tally in tallies) / 3600
    lines = []
    billed = [(name, service.meters()) for name, service in chain.services.items()]
    for name, meters in [*billed, *((link.source, link.meters()) for link in chain.links.values())]:
        for meter in meters:
            counter = BILLED_AS.get(meter.counter, meter.counter)
            quantity = hours if counter == "hours" else counted(program, tallies, name, counter)
            if counter == "empty_receives" and name in program.queue_nodes:
                quantity = _pollers(chain, name) * 3600 / data.quotas()["sqs_mapping"]["poll_wait"]["value"] * hours
            lines.append(UsageLine(name, meter, quantity * meter.factor))
    return Usage(lines=tuple(lines), requests=float(requests), hours=hours, region=chain.region)


def _pollers(chain: Chain, queue: str) -> int:
    """Return how many pollers wait at a queue: those of the provisioned mode, or as many as the mapping keeps."""
    stated = [getattr(link, "minimum_pollers", None) for link in chain.links.values() if link.source == queue]
    return next(filter(None, stated), int(data.quotas()["sqs_mapping"]["idle_pollers"]["value"]))
