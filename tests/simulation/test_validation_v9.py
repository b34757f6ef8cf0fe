"""An application of eight functions with a choice, two branches and two loops, as measured on AWS.

App8 of Lin and Khazaei, IEEE TPDS 2020-21; pacslab/SLApp-PerfCost-MdlOpt @ 4173c982 (MIT). Standard workflow,
us-east-2, January 2020, one start every 10 s, 3,000 executions. Known of each function: memory, mean and deviation of
its Duration, mean of what was billed (by 100 ms then). Nothing is fitted; a task's overhead is the authors' 18.8 ms.
"""

import sys
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import chainkit as ck

FUNCTIONS = pd.DataFrame(
    {
        "memory_mb": [1536, 1792, 576, 2240, 896, 1728, 128, 128],
        "mean_ms": [774.71, 204.26, 516.14, 827.69, 204.50, 507.85, 345.87, 237.03],
        "sd_ms": [79.5, 5.5, 7.2, 129.3, 4.6, 12.7, 13.0, 10.9],
        "billed_ms": [848.61, 290.06, 598.68, 876.96, 283.74, 575.14, 399.96, 299.97],
    },
    index=[f"f{k}" for k in range(1, 9)],
)
MEASURED = {"mean_ms": 2705.33, "p10_ms": 2413.0, "p50_ms": 2538.0, "p90_ms": 3432.0, "p99_ms": 4517.0}
MEASURED_USD_PER_MILLION = 77.9417
TASK_OVERHEAD_S = 0.0188


def task(name: str, goto: str | None = None) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{name}}}", **({"Next": goto} if goto else {"End": True})}


def choice(first: str, other: str) -> dict[str, Any]:
    rule = {"Variable": "$.drawn", "BooleanEquals": True, "Next": first}
    return {"Type": "Choice", "Choices": [rule], "Default": other}


def definition() -> dict[str, Any]:
    """f1, then {f2, f4 or f5} beside {f3, f6, again with 0.1}, then f7, again with 0.2, then f8."""
    left = {"f2": task("f2", "Which"), "Which": choice("f4", "f5"), "f4": task("f4"), "f5": task("f5")}
    done = {"Type": "Succeed"}
    right = {"f3": task("f3", "f6"), "f6": task("f6", "Pair"), "Pair": choice("f3", "Done"), "Done": done}
    branches = [{"StartAt": "f2", "States": left}, {"StartAt": "f3", "States": right}]
    states = {
        "f1": task("f1", "Both"),
        "Both": {"Type": "Parallel", "Branches": branches, "Next": "f7"},
        "f7": task("f7", "Again"),
        "Again": choice("f7", "f8"),
        "f8": task("f8"),
    }
    return {"StartAt": "f1", "States": states}


@cache
def app8() -> ck.Run:
    chain = ck.Chain("app8")
    for name, row in FUNCTIONS.iterrows():
        law = ck.Gamma(mean_s=row.mean_ms / 1000, shape=(row.mean_ms / row.sd_ms) ** 2)
        chain.add(ck.LambdaFunction(str(name), memory_mb=int(row.memory_mb), timeout_s=60, duration=law, init=0))
    shares = {"Which": [0.6, 0.4], "Pair": [0.1, 0.9], "Again": [0.2, 0.8]}
    machine = ck.StateMachine("flow", definition=definition(), choices=shares, task_overhead=TASK_OVERHEAD_S)
    chain.add(machine)
    return ck.simulate(chain, ck.Steady(rate_per_s=0.1), requests=100_000, seed=1, keep="requests")


def test_the_application_takes_what_was_published() -> None:
    times_ms = app8().completion_s * 1000
    quantiles = np.quantile(times_ms, [0.10, 0.50, 0.90, 0.99])
    predicted = dict(zip(MEASURED, [times_ms.mean(), *quantiles], strict=True))
    error = {name: value / MEASURED[name] - 1 for name, value in predicted.items()}
    lines = [f"{name:8} {predicted[name]:8.0f} {MEASURED[name]:8.0f} {error[name]:+8.2%}" for name in MEASURED]
    sys.stdout.write("\nApp8     predicted measured  error\n" + "\n".join(lines) + "\n")

    assert abs(error["mean_ms"]) < 0.02
    assert abs(error["p99_ms"]) < 0.05


def test_loops_and_choices_take_the_turns_they_should() -> None:
    nodes = app8().nodes
    visits = (nodes.loc[FUNCTIONS.index, "invocations"] / app8().requests).to_numpy()

    np.testing.assert_allclose(visits, [1, 1, 1 / 0.9, 0.6, 0.4, 1 / 0.9, 1 / 0.8, 1], rtol=0.01)


def test_the_application_costs_what_was_published() -> None:
    # The 100 ms steps of 2020 are gone from the bill, so what was billed then is taken for each invocation.
    invocations = app8().nodes.loc[FUNCTIONS.index, "invocations"] / app8().requests
    gb_s = (invocations * FUNCTIONS.memory_mb / 1024 * FUNCTIONS.billed_ms / 1000).sum()
    usd_per_million = 1e6 * (gb_s * 0.0000166667 + invocations.sum() * 0.0000002)
    sys.stdout.write(f"\nApp8 {usd_per_million:.4f} USD per million, measured {MEASURED_USD_PER_MILLION}\n")

    assert abs(usd_per_million / MEASURED_USD_PER_MILLION - 1) < 0.01
