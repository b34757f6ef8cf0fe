"""Workflows of four functions as measured on AWS, predicted from their functions' logs and the published task overhead.

Lin and others, IEEE TPDS 2022, doi 10.1109/TPDS.2022.3214783; data: pacslab/SLAppMdlOpt (MIT), read where
CHAINKIT_CORPUS says. Standard workflows, us-east-2, December 2021 and January 2022, one execution every 10 s, 5,000
in all; the logs here are those of the first 250. Nothing is fitted: durations are the logged ones, the overhead of
start and task is the default one of data/latency.json.
"""

import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainkit as ck

FRACTIONS = (0.10, 0.50, 0.90, 0.99)
COLUMNS = ("mean_ms", "p10_ms", "p50_ms", "p90_ms", "p99_ms", "usd_per_million")
STRUCTURES = ("sequence", "parallel")

every_structure = pytest.mark.parametrize("structure", STRUCTURES)


@pytest.fixture(scope="module")
def workflows(corpus: Path) -> Path:
    return corpus / "observability" / "measured-workflows"


def figures(times_ms: np.ndarray, usd_per_million: float) -> pd.Series:
    quantiles = np.quantile(times_ms, FRACTIONS)
    return pd.Series([times_ms.mean(), *quantiles, usd_per_million], index=COLUMNS)


def measured(folder: Path, first: int | None = None) -> pd.Series:
    executions = pd.read_csv(folder / "sfn_executions.csv")[:first]
    costs = pd.read_csv(folder / "cost_aws.csv")[:first]
    return figures(((executions.End - executions.Start) * 1000).to_numpy(), costs.Cost.mean())


def chain_of(folder: Path) -> ck.Chain:
    """Return the workflow as a chain: the published definition, each function with its logged durations and memory."""
    chain = ck.Chain(folder.name)
    for name, rows in pd.read_csv(folder / "lambda_logs.csv").groupby("Function"):
        (memory_mb,) = rows.Memory_Size.unique()
        law = ck.Empirical(values_s=(rows.Duration / 1000).tolist())
        # Executions ten seconds apart find every function warm, so no init is among the logged ones.
        chain.add(ck.LambdaFunction(str(name), memory_mb=int(memory_mb), timeout_s=60, duration=law, init=0))
    text = (folder / "definition.asl.json").read_text(encoding="utf-8")
    chain.add(ck.StateMachine("flow", definition=re.sub(r"arn:aws:lambda:[\w:-]+_(f\d):\$LATEST", r"${\1}", text)))
    return chain


@cache
def predicted(folder: Path, has_overhead: bool = True) -> pd.Series:
    chain = chain_of(folder)
    hops = None if has_overhead else ck.no_latency
    load = ck.Steady(rate_per_s=0.1)
    run = ck.simulate(chain, load, requests=100_000, seed=1, latency=hops, keep="requests")
    bill = ck.bill(chain, run, requests_per_month=1e6)
    functions = sum(line.usd for line in bill.lines if line.price.startswith("lambda-"))  # as published: no transitions
    return figures(run.completion_s * 1000, functions)


def reported(title: str, prediction: pd.Series, truth: pd.Series) -> pd.Series:
    """Return the errors as fractions, and write the table for those who run pytest with -s."""
    error = prediction / truth - 1
    columns = {"predicted": prediction.round(1), "measured": truth.round(1), "error": error.map("{:+.2%}".format)}
    table = pd.DataFrame(columns)
    sys.stdout.write(f"\n{title}\n{table.to_string()}\n")
    return error.abs()


@every_structure
def test_a_workflow_takes_and_costs_what_was_published(structure: str, workflows: Path) -> None:
    folder = workflows / structure
    error = reported(f"{structure}: all 5,000 executions", predicted(folder), measured(folder))

    assert error.mean_ms < 0.02
    assert (error[["p10_ms", "p50_ms", "p90_ms"]] < 0.045).all()
    assert error.usd_per_million < 0.035


@every_structure
def test_the_executions_that_were_logged_are_met_more_closely_in_cost(structure: str, workflows: Path) -> None:
    folder = workflows / structure
    error = reported(f"{structure}: the 250 executions of the logs", predicted(folder), measured(folder, first=250))

    assert error.usd_per_million < 0.005


def test_the_overhead_of_tasks_is_part_of_the_answer(workflows: Path) -> None:
    folder = workflows / "sequence"
    truth = measured(folder, first=250)
    with_it, without = predicted(folder), predicted(folder, has_overhead=False)
    reported("sequence: without any overhead", without, truth)

    assert abs(with_it.mean_ms / truth.mean_ms - 1) < abs(without.mean_ms / truth.mean_ms - 1) / 3
