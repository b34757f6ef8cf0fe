"""What was measured as Markdown tables, and RESULTS.md, which holds the last ones."""

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
VERSIONS = ("numpy", "numba", "llvmlite", "pandas", "simpy", "simfaas", "ciw")


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table whose columns line up."""
    cells = [*rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"| {line} |" for line in lines)


def speeds(found: Mapping[tuple[str, str], Sequence[Mapping]]) -> Iterator[Sequence[str]]:
    """Yield requests and events per second by workload and engine, and figures that show that they did the same."""
    yield "workload", "engine", "requests", "requests/s", "events/s", "max/min", "figures"
    for (workload, engine), rounds in found.items():
        shown = {**rounds[0]["figures"]}
        events = shown.pop("events", None)
        rate = median_per_s(rounds)
        events_per_s = "" if events is None else f"{rate * events / rounds[0]['requests']:,.0f}"
        figures = " ".join(f"{name}={value:.4g}" for name, value in shown.items())
        took = spread([each["per_s"] for each in rounds])
        yield workload, engine, f"{rounds[0]['requests']:,}", f"{rate:,.0f}", events_per_s, took, figures


def ratios(
    found: Mapping[tuple[str, str], Sequence[Mapping]], bounds: Mapping[tuple[str, str], tuple[int, int]]
) -> Iterator[Sequence[str]]:
    """Yield how many times faster chainkit is than each peer, on one thread and on all."""
    yield "workload", "against", "one thread", "floor", "aim", "all threads"
    per_s = {key: median_per_s(rounds) for key, rounds in found.items()}
    for (workload, engine), rate in per_s.items():
        if not engine.startswith("chainkit"):
            one, all_threads = (per_s[workload, own] / rate for own in ("chainkit", "chainkit, all threads"))
            floor, aim = (f"{each}x" for each in bounds[workload, engine]) if (workload, engine) in bounds else ("", "")
            yield workload, engine, f"{one:.0f}x", floor, aim, f"{all_threads:.0f}x"


def median_per_s(rounds: Sequence[Mapping]) -> float:
    """Return the median requests per second."""
    return statistics.median(each["per_s"] for each in rounds)


def spread(values: Sequence[float]) -> str:
    """Return the greatest of some values over the least."""
    return f"{max(values) / min(values):.2f}"


def setting(rounds: int, scale: float) -> str:
    """Return on what, and how, it was measured."""
    found = []
    for name in VERSIONS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}"
    how = f"{rounds} rounds, medians" + ("" if scale == 1 else f"; sizes scaled by {scale:g}: ratios mean little")
    return f"{where}; {python}, {', '.join(found)}; {how}"


def processor() -> str:
    """Return the name of the processor."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(parts: Sequence[str]) -> Path:
    """Write RESULTS.md and return its path."""
    day = datetime.now(UTC).date().isoformat()
    command = " ".join(["python bench/run.py", *sys.argv[1:]])
    head = f"# The last measurement\n\n{day}, by `{command}`. What is measured, and how, stands in the README.\n"
    RESULTS.write_text("\n\n".join([head.rstrip("\n"), *parts]) + "\n", encoding="utf-8")
    return RESULTS
