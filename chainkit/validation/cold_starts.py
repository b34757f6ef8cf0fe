"""V1, V3, V6 and V8: how often an invocation is cold, how many environments there are, how long idle ones live.

All take the most recently used idle environment, which is what AWS does as far as anybody measured.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Constant, Exponential, from_plain
from chainkit.simulation.loads import Poisson
from chainkit.simulation.replay import Replay
from chainkit.simulation.run import Run, simulate
from chainkit.validation.rows import (
    Effort,
    Row,
    Spread,
    busy,
    by_errors,
    by_share,
    cold_fraction,
    each,
    environments,
    idle,
    spread,
)
from chainkit.validation.workers import worker

FIGURES = {"cold_fraction": cold_fraction, "environments": environments, "busy": busy, "idle": idle}
WORDS = {"cold_fraction": "cold share", "environments": "environments", "busy": "busy", "idle": "idle"}


def pool_run(given: dict[str, Any], *, requests: int, replications: int) -> Run:
    """Return Poisson requests to one function whose warm and cold durations are exponential.

    `requests` are those of one replication. Every one starts without any environment, as the published runs do.
    """
    chain = Chain("pool")
    first, life = Exponential(given["cold_s"]), Constant(given["keep_alive_s"])
    chain.add(worker("f", Exponential(given["warm_s"]), first_duration=first, keep_alive=life))
    return simulate(
        chain, Poisson(rate_per_s=given["rate_per_s"]), requests=requests * replications, replications=replications,
        seed=1, latency={},
    )  # fmt: skip


def base_case(effort: Effort) -> Iterator[Row]:
    """Yield V1: SimFaaS's base case."""
    given = data.validation("cold_starts")["V1"]
    requests = round(given["rate_per_s"] * given["horizon_s"])
    run = pool_run(given, requests=requests, replications=effort.replications(100))
    ours = {name: spread(each(run, figure, "f")) for name, figure in FIGURES.items()}
    for published in given["published"]:
        for name in FIGURES:
            value, error = published[name]
            what = f"{WORDS[name]}, against {published['what']}"
            yield by_errors("V1", what, given["source"], value, ours[name], published_error=float(error))
    colder_s = given["cold_s"] - given["warm_s"]
    runs_s = [given["warm_s"] + share * colder_s for share in each(run, cold_fraction, "f")]
    closed = given["rate_per_s"] * float(np.mean(runs_s))
    yield by_share("V1", "busy = rate x mean duration", "closed form", closed, ours["busy"], share=0.002)


def grid(effort: Effort) -> Iterator[Row]:
    """Yield V3: rates and keep-alives."""
    given = data.validation("cold_starts")["V3"]
    for row in given["rows"]:
        run = pool_run({**given, **row}, requests=100_000, replications=effort.replications(100))
        for name in ("cold_fraction", "environments"):
            what = f"{WORDS[name]} at {row['rate_per_s']:.3g}/s, keep-alive {row['keep_alive_s']} s"
            yield by_errors("V3", what, given["source"], row[name], spread(each(run, FIGURES[name], "f")))


def measured_shares(effort: Effort) -> Iterator[Row]:
    """Yield V6: cold starts measured on AWS, row by row, and the mean of their absolute errors, which has a line."""
    given = data.validation("cold_starts")["V6"]
    errors: dict[str, list[float]] = {name: [] for name in given["lines"]}
    replications = effort.replications(20)
    for values in given["rows"]:
        row = dict(zip(given["columns"], values, strict=True))
        run = pool_run({**given, **row}, requests=1_000_000, replications=replications)
        for name in errors:
            ours, published = spread(each(run, FIGURES[name], "f")), row[name]
            errors[name].append(abs(ours.value / published - 1))
            half = 1.96 * row["standard_error"] if name == "cold_fraction" else float("nan")
            what = f"{WORDS[name]} at {row['rate_per_s']:.3g}/s"
            between = (published - half, published + half)
            yield by_share("V6", what, given["source"], published, ours, share=float("nan"), between=between)
    for name, line in given["lines"].items():
        error = float(np.mean(errors[name]))
        what = f"{WORDS[name]}: mean absolute error over {len(errors[name])} rates"
        authors = f"their own model: {100 * given['authors'][name]:.3g} %"
        yield Row(
            case="V6", what=what, source=authors, published=0.0, ours=error, low=error, high=error, allowed=line,
            rule=f"{100 * line:.3g} %",
        )  # fmt: skip


# --- V8 ---


def evictions(effort: Effort) -> Iterator[Row]:
    """Yield V8: 20 warm environments, left idle, and how many are warm then.

    One set-up has a line at the published idle times; the mean of all eight is shown at every idle time from there on.
    """
    given = data.validation("cold_starts")["V8"]
    for row in data.validation("evictions"):
        idle_s = row["idle_s"]
        if idle_s < given["idle_s"][0]:
            continue
        ours = warm_after(idle_s, effort.replications(400))
        for key, words in (("one_setup", "128 MB Python"), ("all_setups", "eight set-ups")):
            if key in row and (key == "all_setups" or idle_s in given["idle_s"]):
                what = f"warm of {given['fleet']} after {idle_s} s idle, {words}"
                yield _eviction(what, given["source"], row[key], ours, has_line=key == "one_setup")


def _eviction(what: str, source: str, measured: dict[str, float], ours: Spread, *, has_line: bool) -> Row:
    """Return one row of V8."""
    warm, error = measured["warm"], measured["standard_error"]
    if has_line:
        return by_errors("V8", what, source, f"{warm:.4f}", ours, published_error=error)
    between = (warm - 1.96 * error, warm + 1.96 * error)
    return by_share("V8", what, source, warm, ours, share=float("nan"), between=between)


def warm_after(idle_s: float, replications: int) -> Spread:
    """Return how many of a fleet of environments are warm after an idle time, by the law of their lives."""
    given = data.validation("cold_starts")["V8"]
    fleet = given["fleet"]
    chain = Chain("fleet")
    chain.add(worker("f", 1.0, keep_alive=from_plain(given["keep_alive"])))
    load = Replay.times([0.0] * fleet + [1.0 + idle_s] * fleet)
    run = simulate(
        chain, load, requests=2 * fleet * replications, replications=replications, seed=1, warmup_fraction=0, latency={}
    )
    return spread(each(run, lambda tally, name: 2 * fleet - tally.pools[name]["cold_starts"], "f"))
