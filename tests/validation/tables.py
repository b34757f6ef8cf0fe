"""From raw logs to the tables in data/validation/: what was measured, and what each function took.

`python -m tests.validation.tables CORPUS CLONES` writes them again. CLONES is a folder with checkouts of
SLApp-PerfCost-MdlOpt, SLAppMdlOpt and serverless-benchmarks-artifact, the logs' public repositories; what a folder
lacks stays as it is in the tables. test_tables.py holds the tables equal to the logs that are at hand.

Durations of one function resemble those just before (correlation of successive runs up to 0.86), so a log of n rows
tells less than n independent ones. Each log is therefore cut into ten blocks by time, one table for each: the spread
between predictions from different blocks is what the log leaves open. Measured figures get the interval of a moving
block bootstrap: 1,000 resamples of blocks of 50 successive executions.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
FRACTIONS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 1)
FIGURES: dict[str, Callable[[np.ndarray], Any]] = {
    "mean_ms": lambda x: x.mean(axis=-1),
    "p10_ms": lambda x: np.quantile(x, 0.10, axis=-1),
    "p50_ms": lambda x: np.quantile(x, 0.50, axis=-1),
    "p90_ms": lambda x: np.quantile(x, 0.90, axis=-1),
    "p99_ms": lambda x: np.quantile(x, 0.99, axis=-1),
}
BLOCKS, BOOTSTRAP_BLOCK, RESAMPLES = 10, 50, 1_000
EVICTION = "serverless-benchmarks-artifact/analysis/container_eviction"


# --- tables of one log ---


def with_interval(values: np.ndarray, figure: Callable[[np.ndarray], Any], digits: int) -> dict[str, float]:
    """Return a figure of values in the order of time, and its 95 % interval by the moving block bootstrap."""
    rng = np.random.default_rng(1)
    blocks = len(values) // BOOTSTRAP_BLOCK
    starts = rng.integers(0, len(values) - BOOTSTRAP_BLOCK + 1, (RESAMPLES, blocks, 1))
    resampled = values[starts + np.arange(BOOTSTRAP_BLOCK)].reshape(RESAMPLES, -1)
    low, high = np.quantile(figure(resampled), [0.025, 0.975])
    return {"value": round(float(figure(values)), digits), "low": round(low, digits), "high": round(high, digits)}


def measured(times_ms: np.ndarray, usd_per_million: np.ndarray) -> dict[str, Any]:
    """Return what executions took and cost."""
    figures = {name: with_interval(times_ms, figure, 2) for name, figure in FIGURES.items()}
    figures["usd_per_million"] = with_interval(usd_per_million, FIGURES["mean_ms"], 4)
    return {"executions": len(times_ms), **figures}


def functions(log: pd.DataFrame, edges_s: np.ndarray | None) -> dict[str, Any]:
    """Return each function's memory and tables: blocks by instants, or else by equal numbers of rows."""
    found = {}
    for name, rows in log.groupby("Function", sort=False):
        (memory_mb,) = rows.Memory.unique()
        if edges_s is None:
            blocks = np.array_split(rows.Duration.to_numpy(), BLOCKS)
        else:
            which = np.searchsorted(edges_s, rows.Timestamp.to_numpy(), side="right") - 1
            blocks = [rows.Duration.to_numpy()[which == block] for block in range(BLOCKS)]
        tables = [np.quantile(block, FRACTIONS, method="hazen").round(2).tolist() for block in blocks]
        found[str(name)] = {"memory_mb": int(memory_mb), "rows": sum(map(len, blocks)), "duration_ms": tables}
    return found


def read_log(file: Path) -> pd.DataFrame:
    """Return a log of REPORT lines under this module's column names."""
    log = pd.read_csv(file).rename(columns=lambda name: name.replace(" ", "_"))
    return log.rename(columns={"Memory_Size": "Memory", "UTCTimestamp": "Timestamp", "UTC_Timestamp": "Timestamp"})


# --- the sources ---


def application(clones: Path, name: str) -> dict[str, Any]:
    """Return an application of 2020: five periods of 720 executions, of which its authors count the 61st to 660th."""
    folder = clones / "SLApp-PerfCost-MdlOpt" / "evaluations" / "model" / name
    executions = pd.read_csv(folder / f"{name}_SFN_Logs.csv")
    first = np.ravel([[60 + 720 * period, 360 + 720 * period] for period in range(5)])
    counted = np.ravel([np.arange(k, k + 300) for k in first])
    times_ms = ((executions.End - executions.Start) * 1000).to_numpy()[counted]
    log = read_log(folder / f"{name}_Lambda_Logs.csv")
    # Log lines have whole seconds, so one may seem to come up to a second before its execution.
    low_s, high_s = executions.Start.to_numpy()[first] - 1, executions.End.to_numpy()[first + 299]
    at_s = log.Timestamp.to_numpy()[:, None]
    log = log[((at_s >= low_s) & (at_s <= high_s)).any(axis=1)]
    usd = pd.read_csv(folder / f"{name}_Cost_AWS.csv")["1M_Exe_Cost"].to_numpy()
    return {"measured": measured(times_ms, usd), "functions": functions(log, low_s)}


def structure(corpus: Path, clones: Path, name: str, log: str) -> dict[str, Any]:
    """Return a structure of 2021-22: what its 5,000 executions took, and a log of its functions."""
    file = {"profile": "structures/Structures_lambda_logs.csv", "whole log": f"{name}/{name}_lambda_logs.csv"}[log]
    tables = functions(read_log(clones / "SLAppMdlOpt" / "modeling" / file), None)
    return {"measured": structure_measured(corpus, name), "functions": tables}


def excerpt(corpus: Path, name: str, rows: int) -> dict[str, Any]:
    """Return the same structure from the first rows of each function's log and the executions that they belong to."""
    tables = functions(read_log(_folder(corpus, name) / "lambda_logs.csv").groupby("Function").head(rows), None)
    return {"measured": structure_measured(corpus, name, first=rows), "functions": tables}


def structure_measured(corpus: Path, name: str, first: int | None = None) -> dict[str, Any]:
    """Return what executions of a structure took and cost."""
    executions = pd.read_csv(_folder(corpus, name) / "sfn_executions.csv")[:first]
    times_ms = ((executions.End - executions.Start) * 1000).to_numpy()
    return measured(times_ms, pd.read_csv(_folder(corpus, name) / "cost_aws.csv").Cost.to_numpy()[:first])


def _folder(corpus: Path, name: str) -> Path:
    return corpus / "observability" / "measured-workflows" / name.lower()


def evictions(clones: Path) -> list[dict[str, Any]]:
    """Return how many of 20 environments were warm after each idle time: of one set-up, and of all eight.

    A set-up has five repeats, all alike at most idle times; their standard error takes the deviation of all set-ups.
    """
    files = sorted((clones / EVICTION).glob("results_aws_*.csv"))
    rows = pd.concat([pd.read_csv(file).assign(setup=file.stem) for file in files])
    rows = rows[rows.Invocations == 20]
    one = rows[rows.setup == "results_aws_python_sleep_1_128_128_1"]
    found = []
    for idle_s, group in rows.groupby("DeltaT"):
        parts = {"one_setup": one[one.DeltaT == idle_s], "all_setups": group}
        entry = {
            key: {
                "warm": round(float(part.WarmContainers.mean()), 4),
                "standard_error": round(float(group.WarmContainers.std() / np.sqrt(len(part))), 4),
                "repeats": len(part),
            }
            for key, part in parts.items()
            if len(part)
        }
        found.append({"idle_s": int(idle_s), **entry})
    return found


WORKFLOWS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "App8": lambda corpus, clones: application(clones, "App8"),
    "App14": lambda corpus, clones: application(clones, "App14"),
    "Sequence, profile": lambda corpus, clones: structure(corpus, clones, "Sequence", "profile"),
    "Sequence, whole log": lambda corpus, clones: structure(corpus, clones, "Sequence", "whole log"),
    "Sequence, first 250": lambda corpus, clones: excerpt(corpus, "Sequence", 250),
    "Parallel, profile": lambda corpus, clones: structure(corpus, clones, "Parallel", "profile"),
    "Parallel, whole log": lambda corpus, clones: structure(corpus, clones, "Parallel", "whole log"),
    "Parallel, first 250": lambda corpus, clones: excerpt(corpus, "Parallel", 250),
}


def as_text(tables: Any) -> str:
    """Return JSON with one table a line."""
    text = json.dumps(tables, indent=1)
    lines: list[str] = []
    for line in text.splitlines():
        is_number = line.strip().rstrip(",").lstrip("-").replace(".", "").replace("e", "").isdigit()
        closes = line.strip() in {"]", "],"} and lines and lines[-1].strip()[-1].isdigit()
        if lines and ((is_number and lines[-1].rstrip()[-1] in "[,") or closes):
            lines[-1] += ("" if closes or lines[-1].endswith("[") else " ") + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def write(corpus: Path, clones: Path) -> Iterator[str]:
    """Write every table whose logs are there; yield what was done."""
    folder = ROOT / "data" / "validation"
    file = folder / "durations.json"
    tables = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, table in WORKFLOWS.items():
        try:
            tables[name] = table(corpus, clones)
        except FileNotFoundError as error:
            yield f"{name}: left as it is, {error.filename} is missing"
            continue
        yield name
    file.write_text(as_text({name: tables[name] for name in WORKFLOWS if name in tables}), encoding="utf-8")
    if (clones / EVICTION).is_dir():
        (folder / "evictions.json").write_text(as_text(evictions(clones)), encoding="utf-8")
        yield "evictions"


if __name__ == "__main__":
    for line in write(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{line}\n")
