"""The machine and its slow twin behind one face, for tests that hold both to the same closed forms."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import chainkit as ck
from chainkit.simulation.draws import FloatArray
from chainkit.simulation.loads import Load
from tests.simulation.simpy_twin import twin


@dataclass(frozen=True)
class Figures:
    """What both engines say of a run."""

    response_s: FloatArray
    completion_s: FloatArray
    ledger: dict[str, int]
    """Requests by outcome, only those that there are."""
    count: Callable[[str, str], float]
    """What a counter of a service counted."""
    effects: Callable[[str], dict[str, int]]
    """By function: once, twice, never, partly, overtaken."""


Engine = Callable[..., Figures]


def by_machine(chain: ck.Chain, load: Load, *, requests: int, **more: Any) -> Figures:
    """Run `simulate`, without hops and in one replication unless something else is said."""
    settings = {"seed": 1, "replications": 1, "latency": {}, "warmup_fraction": 0, "keep": "requests", **more}
    run = ck.simulate(chain, load, requests=requests, **settings)
    return Figures(
        run.response_s,
        run.completion_s,
        {word: int(n) for word, n in run.ledger.items() if n},
        lambda node, name: counter_of(run, node, name),
        lambda node: {word: int(n) for word, n in run.effects.loc[node].items()},
    )


def by_twin(chain: ck.Chain, load: Load, *, requests: int, **more: Any) -> Figures:
    """Run the slow twin likewise."""
    run = twin(chain, load, requests=requests, **{"seed": 1, "latency": {}, **more})
    return Figures(
        run.response_s,
        run.completion_s,
        dict(Counter(run.outcomes)),
        lambda node, name: float(run.counts[node][name]),
        lambda node: dict(run.effects[node]),
    )


def counter_of(run: ck.Run, node: str, name: str) -> float:
    """Return what a run of the machine says of one of the twin's counters."""
    if name == "express_100ms":
        return sum(x.quantity / x.meter.factor for x in run.usage.lines if (x.node, x.meter.counter) == (node, name))
    if name == "billed_ms":
        return float(run.nodes.loc[node, "billed_s"]) * 1000
    return float(run.nodes.loc[node, name]) if name in run.nodes else 0.0


both_engines = pytest.mark.parametrize("run", [by_machine, by_twin], ids=["machine", "twin"])
"""Runs a test on both; it takes the engine as `run`."""
