"""Run random chains and hold each to the laws of conservation: `make fuzz`, `python -m chainkit fuzz`.

The report says how many chains used each primitive, link, retry, limit and dead letter. A chain that breaks a law is
printed with the call that makes it again. Equal seeds give equal chains, whatever the number of processes.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chainkit as ck
from tests.simulation.fuzz_chains import trial
from tests.simulation.fuzz_counts import broken
from tests.simulation.fuzz_laws import Ran
from tests.simulation.fuzz_uses import OPS, uses

LEAST = 500
"""Of 10,000 chains, so many use each thing at least."""
OUT_OF_REACH = {
    "limit: 120,000 messages in flight": "needs as many messages; tests of queues reach it with a smaller figure",
    "dead letter: of a subscription": "SNS gives up after 100,015 tries, 23 days; a run here drains for 8 hours",
}


@dataclass
class Report:
    """What a fuzz found: chains that broke a law, and what all of them used."""

    seed: int
    chains: int = 0
    requests: int = 0
    over: int = 0
    """Chains in which everything had ended: those held to the exact laws."""
    used: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add what another part found."""
        self.chains += other.chains
        self.requests += other.requests
        self.over += other.over
        self.used += other.used
        self.failures += other.failures

    @property
    def rare(self) -> dict[str, int]:
        """Return what too few chains used."""
        return {what: n for what, n in sorted(self.used.items()) if n < LEAST * self.chains / 10_000}

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        whole = {"seed": self.seed, "chains": self.chains, "requests": self.requests, "over": self.over}
        return whole | {"used": dict(sorted(self.used.items())), "rare": self.rare, "failures": self.failures}

    def text(self) -> str:
        """Return it as lines for a person."""
        lines = [f"{self.chains:,} chains of seed {self.seed}, {self.requests:,} requests; ended: {self.over:,} chains"]
        for kind in sorted({what.partition(":")[0] for what in self.used}):
            names = [
                (what.partition(": ")[2], n) for what, n in sorted(self.used.items()) if what.startswith(kind + ":")
            ]
            lines.append(f"{kind}: " + ", ".join(f"{name} {n:,}" for name, n in names))
        lines += [f"out of reach: {what.partition(': ')[2]}: {why}" for what, why in OUT_OF_REACH.items()]
        if self.rare:
            lines.append(f"used by fewer than {LEAST * self.chains / 10_000:g}: {self.rare}")
        for failure in self.failures[:10]:
            lines += [
                "",
                f"BROKEN by chain {failure['number']}: {failure['call']}",
                *failure["broken"],
                failure["chain"],
            ]
        laws = Counter(each["broken"][0].partition(":")[0] for each in self.failures)
        lines.append(f"broken: {dict(laws)}" if laws else "every law held")
        return "\n".join(lines)


def examine(seed: int, numbers: Iterable[int]) -> Report:
    """Return what some chains use and which of them break a law."""
    report = Report(seed)
    for number in numbers:
        each = trial(seed, number)
        report.chains += 1
        report.requests += each.options["requests"]
        try:
            run = ck.simulate(each.chain, each.load, keep="requests", threads=1, **each.options)
            x = Ran(each, run)
            wrong = broken(x)
            report.used.update(uses(x))
            report.over += x.is_over
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, AssertionError) as error:
            wrong = [f"crashed: {type(error).__name__}: {error}"]
        if wrong:
            failure = {"number": number, "call": each.call, "broken": wrong, "chain": repr(each)}
            report.failures.append(failure)
    return report


def fuzz(seed: int, chains: int, processes: int) -> Report:
    """Return the report of many chains, examined by several processes."""
    report = Report(seed)
    report.used.update({f"primitive: {name}": 0 for name in OPS.values()})
    parts = [range(first, min(first + 100, chains)) for first in range(0, chains, 100)]
    report.add(examine(seed, parts[0][:1]))  # compiles once, for all
    parts[0] = parts[0][1:]
    began_s = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        for part in pool.map(examine, [seed] * len(parts), parts):
            report.add(part)
            if sys.stderr.isatty():
                print(f"\r{report.chains:,} chains, {time.monotonic() - began_s:.0f} s", end="", file=sys.stderr)
    return report


def main(words: Sequence[str]) -> int:
    """Carry out `chainkit fuzz`; the exit code is 1 if a law was broken, or something is hardly used."""
    parser = argparse.ArgumentParser(prog="chainkit fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chains", type=int, default=10_000, help="how many (10,000)")
    parser.add_argument("--seed", type=int, default=1, help="which (1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one chain, written out")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once (as many as processors)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    given = parser.parse_args(words)
    if given.only is not None:
        report = examine(given.seed, [given.only])
        print(trial(given.seed, given.only))
    else:
        report = fuzz(given.seed, max(1, given.chains), max(1, given.processes))
    print(report.text())
    if given.json is not None:
        given.json.write_text(json.dumps(report.plain(), indent=1) + "\n", encoding="utf-8")
    return 1 if report.failures or (report.rare and given.only is None) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
