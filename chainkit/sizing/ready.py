"""How many environments to keep ready: an article's rules of thumb beside what queueing theory says of them.

Model    Runs that find all ready environments busy spill over to others and do not come back. So ready ones are a loss
         system, and the share that spills over is Erlang's B of the mean number busy, whatever the law of durations.
Assumed  Requests arrive by a Poisson process. A burst spills over more.
Sources  [1] data/provisioned.json: the article's table, with what contradicts it
         [2] Erlang (1917); that the law of durations has no effect: Sevastyanov (1957). Held to the simulator in tests.
"""

import math
from typing import TYPE_CHECKING, Any

from chainkit import data
from chainkit.billing.prices import price_book
from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError
from chainkit.service import Service
from chainkit.simulation.run import Run
from chainkit.sizing.memory_curves import is_function
from chainkit.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 0.01
"""Share of runs that may spill over where a number is called enough."""
MOST = 10_000


def provisioned_rules(chain: Chain, run: Run) -> "pd.DataFrame":
    """Return how many environments rules of thumb keep ready, how much still spills over, and what a month costs.

    Parameters
    ----------
    chain, run : a chain, and a run of it that tells how many environments are busy

    Returns
    -------
    One row per function that can have provisioned concurrency: ``role``, ``busy_mean`` and ``busy_peak``; ``low`` and
    ``high``, the numbers of environments of the ``rule``; ``enough``, the least number of which at most 1 % of the runs
    spill over; for each of the three the share that spills over, and the USD a month on top of what the runs cost on
    demand (less than 0: it saves). ``attrs`` holds whose rules these are (source), and what contradicts them (note).

    Raises
    ------
    ConfigError
        If the run is none of this chain.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.HttpApi("api")), chain.add(ck.LambdaFunction("pay", duration=0.5, init=0, timeout_s=5))
    >>> _ = chain.connect("api", "pay")
    >>> run = ck.simulate(chain, ck.Poisson(rate_per_s=8), requests=20_000, seed=1)
    >>> rules = provisioned_rules(chain, run)
    >>> rules.loc["pay", "role"], int(rules.loc["pay", "enough"])
    ('entry', 10)
    """
    import pandas as pd

    chain = as_chain(chain, "provisioned_rules")
    if not isinstance(run, Run) or any(name not in run.nodes.index for name in chain.services):
        raise ConfigError(f"provisioned_rules: {run!r} is no run of this chain", fix="give ck.simulate(chain, ...)")
    table = data.provisioned()
    nodes, rows = run.nodes, {}
    for name, service in chain.services.items():
        own: Any = service
        if not is_function(service) or own.snap_start:
            continue
        busy, peak = float(nodes["busy_mean"][name]), float(nodes["busy_peak"][name])
        role = _role(chain, name)
        rows[name] = {"role": role, "busy_mean": busy, "busy_peak": peak, "rule": table["roles"][role]["text"]}
        rows[name] |= _figures(service, chain.region, busy, _numbers(table["roles"][role], busy, peak))
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("function")
    frame.attrs = {"source": table["source"], "note": table["note"]}
    return frame


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find all of `servers` busy, where `load` (0 or more) are busy in the mean.

    >>> round(erlang_b(2, 1.0), 6), erlang_b(0, 3.0)
    (0.2, 1.0)
    """
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def _role(chain: Chain, name: str) -> str:
    """Return what a function is in its chain, by the links that lead to it."""
    links = [link for _, link in chain.incoming(name)]
    dead = {link.dead_letters for link in chain.links.values()} | {
        link.target for link in chain.links.values() if link.kind == "redrive"
    }
    if links and all(getattr(link, "condition", "") == "OnFailure" or link.source in dead for link in links):
        return "error handler"
    if links and all(link.kind == "poll" for link in links):
        return "batch"
    is_called = any("integration" in chain.service(link.source).port.emits for link in links)
    return "entry" if is_called or not links else "internal"


def _numbers(rule: dict[str, Any], busy: float, peak: float) -> dict[str, int]:
    """Return how many environments a rule keeps, and how many are enough."""
    enough = next((n for n in range(MOST) if erlang_b(n, busy) <= ENOUGH), MOST) if busy > 0 else 0
    high = 1 if rule["high"] is None else math.ceil(rule["high"] * peak)
    return {"low": math.ceil(rule["low"] * peak), "high": high, "enough": enough}


def _figures(service: Service, region: str, busy: float, numbers: dict[str, int]) -> dict[str, float]:
    """Return what spills over of each number, and what a month of it costs more."""
    found: dict[str, float] = {**numbers}
    for word, number in numbers.items():
        spilled = erlang_b(number, busy)
        found[f"spill_over_{word}"] = spilled
        found[f"usd_{word}"] = _extra_usd(service, region, number, busy * (1 - spilled)) if number else 0.0
    return found


def _extra_usd(service: Service, region: str, number: int, busy: float) -> float:
    """Return a month of so many ready environments of which `busy` run, less what these runs would cost elsewhere."""
    book, month_s = price_book(region), HOURS_PER_MONTH * 3600
    usd = {
        meter.counter: meter.factor * book.price(meter.price).tiers[0].usd
        for meter in service.with_settings(provisioned_concurrency=number).meters()
        if meter.price.partition("-")[0] == "lambda" and "gb-s" in meter.price and "ephemeral" not in meter.price
    }
    kept = number * month_s * usd["provisioned_s"]
    return kept + busy * month_s * 1000 * (usd["provisioned_run_ms"] - usd["run_ms"])
