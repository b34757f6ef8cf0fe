"""Pairs of designs whose difference is known exactly, and how often the intervals of a comparison hold it.

`python -m tests.known_differences 1000` prints the table: figure by figure, the share of intervals that hold the truth,
and their mean half-width beside the textbook's: 1.96 standard deviations of the estimate under the law itself.
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scipy import integrate, optimize, stats

import chainkit as ck

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
REQUESTS = 10_000
COUNTED = 0.9 * REQUESTS
"""Requests after the warm-ups."""


@dataclass(frozen=True)
class Known:
    """Two designs, and by how much figures of the second are above those of the first."""

    designs: Callable[[], tuple[ck.Chain, ck.Chain]]
    truth: Mapping[str, float]
    textbook: Mapping[str, float] = field(default_factory=dict)
    """Figure -> half-width of the textbook's 95 % interval, where there is one."""
    rate_per_s: float = 20.0


def function(**settings) -> ck.Chain:
    """Return a function whose answers take as long as its work."""
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", **{"init": 0, "timeout_s": 900, "memory_mb": 1769, **settings}))
    return chain


def alike(one: ck.Exponential, other: ck.Exponential) -> Known:
    """Return two functions whose work is one draw by two exponential laws: every request takes longer by one factor."""
    more = other.mean_s - one.mean_s
    truth = {"response_mean_s": more} | {f"response_{k}_s": -math.log(1 - p) * more for k, p in SHARES.items()}
    spread = {"response_mean_s": 1.0} | {f"response_{k}_s": math.sqrt(p / (1 - p)) for k, p in SHARES.items()}
    half = {key: 1.96 * abs(more) * sd / math.sqrt(COUNTED) for key, sd in spread.items()}
    return Known(lambda: (function(duration=one), function(duration=other)), truth, half)


def unlike() -> Known:
    """Return a log-normal law beside an exponential one, by one draw: what is slow in one is slow in the other."""
    one, other = ck.LogNormal(p50_s=0.1, p99_s=1.0), ck.Exponential(mean_s=0.12)
    sigma = math.log(one.p99_s / one.p50_s) / stats.norm.ppf(0.99)
    law, than = stats.lognorm(sigma, scale=one.p50_s), stats.expon(scale=other.mean_s)
    truth = {"response_mean_s": than.mean() - law.mean()}
    square = integrate.quad(lambda u: (than.ppf(u) - law.ppf(u)) ** 2, 0, 1, limit=500)[0]
    half = {"response_mean_s": 1.96 * math.sqrt((square - truth["response_mean_s"] ** 2) / COUNTED)}
    for k, p in SHARES.items():
        a, b = float(law.ppf(p)), float(than.ppf(p))
        truth[f"response_{k}_s"] = b - a
        half[f"response_{k}_s"] = 1.96 * math.sqrt(p * (1 - p) / COUNTED) * abs(1 / than.pdf(b) - 1 / law.pdf(a))
    return Known(lambda: (function(duration=one), function(duration=other)), truth, half)


def one_more() -> Known:
    """Return a function alone, and one that calls another: the second's work is a draw of its own."""

    def pair() -> tuple[ck.Chain, ck.Chain]:
        alone, both = (function(duration=ck.Exponential(mean_s=0.1)) for _ in range(2))
        both.add(ck.LambdaFunction("g", init=0, timeout_s=900, duration=ck.Exponential(mean_s=0.1), memory_mb=1769))
        both.connect("f", "g")
        return alone, both

    law, than = stats.expon(scale=0.1), stats.gamma(2, scale=0.1)
    truth, half = {"response_mean_s": 0.1}, {"response_mean_s": 1.96 * 0.1 / math.sqrt(COUNTED)}
    for k, p in SHARES.items():
        a, b = float(law.ppf(p)), float(than.ppf(p))
        both = integrate.quad(lambda x, b=b: law.pdf(x) * law.cdf(b - x), 0, min(a, b))[0]  # X <= a and X + W <= b
        f, g = law.pdf(a), than.pdf(b)
        variance = p * (1 - p) * (1 / f**2 + 1 / g**2) - 2 * (both - p * p) / (f * g)
        truth[f"response_{k}_s"] = b - a
        half[f"response_{k}_s"] = 1.96 * math.sqrt(variance / COUNTED)
    return Known(pair, truth, half)


def jump() -> Known:
    """Return two laws with a second between the quick and the slow, of which there are 1.3 and 0.9 in a hundred."""

    def law(slow: float) -> ck.Mixture:
        quick, late = ck.Uniform(low_s=0.05, high_s=0.15), ck.Uniform(low_s=1.05, high_s=1.15)
        return ck.Mixture(parts=((1 - slow, quick), (slow, late)))

    def at(p: float, slow: float) -> float:
        return 0.05 + 0.1 * p / (1 - slow) if p < 1 - slow else 1.05 + 0.1 * (p - 1 + slow) / slow

    truth = {f"response_{k}_s": at(p, 0.009) - at(p, 0.013) for k, p in SHARES.items()}
    truth["response_mean_s"] = 0.009 - 0.013
    return Known(lambda: (function(duration=law(0.013)), function(duration=law(0.009))), truth)


def failures() -> Known:
    """Return error rates of 2 and 3 %: the same draw decides, so whoever fails in one fails in the other."""
    half = 1.96 * math.sqrt(REQUESTS * 0.01 * 0.99)
    designs = lambda: tuple(function(duration=0.1, error_rate=rate) for rate in (0.02, 0.03))  # noqa: E731
    return Known(designs, {"failed": 0.01 * REQUESTS}, {"failed": half})


def losses() -> Known:
    """Return a topic whose function fails for good on 0.2 and on 0.4 % of the messages: few are lost."""

    def design(poison: float) -> ck.Chain:
        chain = function(duration=0.1, poison_fraction=poison, maximum_retry_attempts=0)
        chain.add(ck.SnsTopic("t"))
        chain.connect("t", "f")
        return chain

    half = 1.96 * math.sqrt(REQUESTS * 0.002 * 0.998)
    return Known(lambda: (design(0.002), design(0.004)), {"lost": 0.002 * REQUESTS}, {"lost": half})


def memory() -> Known:
    """Return 512 and 1024 MB, with work that takes as long: each begun millisecond is billed."""
    mean_s, price = 0.1, 0.0000166667  # USD a GB-s, us-east-1, x86, first tier (data/prices/us-east-1.json)
    begun = 1 / (1 - math.exp(-0.001 / mean_s))  # the mean of an exponential law, rounded up to milliseconds
    truth = 1e6 * price * 0.5 * begun / 1000
    spread = math.sqrt(math.exp(-0.001 / mean_s)) / (1 - math.exp(-0.001 / mean_s))
    half = 1.96 * 1e6 * price * 0.5 * spread / 1000 / math.sqrt(REQUESTS)

    def design(memory_mb: int) -> ck.Chain:
        return function(duration=ck.Exponential(mean_s=mean_s), memory_mb=memory_mb)

    return Known(lambda: (design(512), design(1024)), {"usd_per_million": truth}, {"usd_per_million": half})


def queues() -> Known:
    """Return two queues M/M/2 of which one works 1.1 times as fast (Erlang C): requests wait for each other."""

    def design(mean_s: float) -> ck.Chain:
        chain = ck.Chain("two-servers")
        chain.add(ck.SqsQueue("q", visibility_timeout_s=43_000))
        chain.add(ck.LambdaFunction("f", duration=ck.Exponential(mean_s=mean_s), init=0, timeout_s=900))
        chain.connect("q", "f", batch_size=1, maximum_concurrency=2)
        return chain

    slow, fast = (_two_servers(mean_s) for mean_s in (1.0, 1 / 1.1))
    truth = {key: fast[key] - slow[key] for key in slow}
    return Known(lambda: (design(1.0), design(1 / 1.1)), truth, rate_per_s=1.2)


def _two_servers(mean_s: float, rate_per_s: float = 1.2) -> dict[str, float]:
    """Return mean and percentiles of the time in an M/M/2."""
    a = rate_per_s * mean_s
    free = (2 - a) / mean_s
    full = (a**2 / 2) / (1 + a + a**2 / 2)
    waits = full / (1 - a / 2 * (1 - full))

    def slower(t: float) -> float:
        by_work = math.exp(-t / mean_s)
        return (1 - waits) * by_work + waits * (free * mean_s * by_work - math.exp(-free * t)) / (free * mean_s - 1)

    return {"completion_mean_s": mean_s + waits / free} | {
        f"completion_{k}_s": optimize.brentq(lambda t, p=p: slower(t) - (1 - p), 0, 200) for k, p in SHARES.items()
    }


KNOWN: dict[str, Callable[[], Known]] = {
    "alike": lambda: alike(ck.Exponential(mean_s=0.1), ck.Exponential(mean_s=0.11)),
    "tiny": lambda: alike(ck.Exponential(mean_s=0.1), ck.Exponential(mean_s=0.10001)),
    "unlike": unlike,
    "one more": one_more,
    "jump": jump,
    "failures": failures,
    "losses": losses,
    "memory": memory,
    "queues": queues,
}


def held(known: Known, repetitions: int, requests: int = REQUESTS) -> dict[str, tuple[float, float, int]]:
    """Return by figure: the share of intervals that hold the truth, their mean half-width, and how many there were."""
    first, second = known.designs()
    found: dict[str, list[tuple[bool, float]]] = {figure: [] for figure in known.truth}
    for seed in range(repetitions):
        result = ck.compare(
            {"first": first, "second": second}, ck.Poisson(rate_per_s=known.rate_per_s), requests=requests, seed=seed,
            latency=ck.no_latency,
        )  # fmt: skip
        for figure, truth in known.truth.items():
            low, _, high, _ = result.difference(figure, "second", "first")
            if not math.isnan(low):
                found[figure].append((low <= truth <= high, (high - low) / 2))
    return {
        figure: (sum(hit for hit, _ in each) / len(each), sum(half for _, half in each) / len(each), len(each))
        for figure, each in found.items()
    }


def main(repetitions: int, names: list[str]) -> None:
    """Print the table."""
    sys.stdout.write("| pair | figure | held | half-width | of the textbook's |\n| --- | --- | --- | --- | --- |\n")
    for name in names or KNOWN:
        known = KNOWN[name]()
        for figure, (share, half, count) in held(known, repetitions).items():
            ratio = f"{half / known.textbook[figure]:.2f}" if figure in known.textbook else ""
            few = "" if count == repetitions else f" (of {count})"
            sys.stdout.write(f"| {name} | {figure} | {share:.1%}{few} | {half:.3g} | {ratio} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
