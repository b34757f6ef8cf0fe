"""W1, W2 and W3 on chainkit, through `ck.simulate`; a sweep; memory; and how long a person waits for a result."""

import math
import os
import statistics
import sys
import time

from workloads import W1, W2, W3, arguments, tell

import chainkit as ck

REPEATS = 5
WARM_UP_REQUESTS = 1_000
SLIDER_REQUESTS = 20_000
SWEPT = ("f1.memory_mb", "f3.memory_mb", "f5.memory_mb")
SWEPT_MB = (256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 3008)
SWEEP_REQUESTS = 100_000
FEW_REQUESTS = 100
"""Of a design whose simulation takes no time: what is left is what a design takes beyond it."""


def w1() -> tuple[ck.Chain, ck.Poisson, dict]:
    """Return W1: a cold run replaces a warm one, so it is a first duration and no init."""
    chain = ck.Chain("w1")
    chain.add(
        ck.LambdaFunction(
            "f", timeout_s=900, keep_alive=W1["keep_s"], init=0,
            duration=ck.Exponential(mean_s=W1["warm_s"]), first_duration=ck.Exponential(mean_s=W1["cold_s"]),
        )
    )  # fmt: skip
    return chain, ck.Poisson(rate_per_s=W1["rate_per_s"]), ck.no_latency


def w2() -> tuple[ck.Chain, ck.Poisson, dict]:
    """Return W2: each function calls the next in the middle of its work."""
    chain = ck.Chain("w2")
    for k, median_s in enumerate(W2["medians_s"], start=1):
        chain.add(
            ck.LambdaFunction(
                f"f{k}", timeout_s=900, memory_mb=512, keep_alive=W2["keep_s"],
                duration=ck.LogNormal.from_log(math.log(median_s), W2["sigma"]),
                init=ck.LogNormal.from_log(math.log(W2["init_s"]), W2["init_sigma"]),
            )
        )  # fmt: skip
        if k > 1:
            chain.connect(f"f{k - 1}", f"f{k}")
    return chain, ck.Poisson(rate_per_s=W2["rate_per_s"]), ck.no_latency


def w3() -> tuple[ck.Chain, ck.Poisson, dict]:
    """Return W3: the one hop it has is the topic's delivery to a queue."""
    chain = ck.Chain("w3")
    init = ck.LogNormal.from_log(math.log(W3["init_s"]), W3["init_sigma"])
    usual = {"timeout_s": 30, "keep_alive": W3["keep_s"], "init": init}
    chain.add(ck.HttpApi("api", overhead=0))
    chain.add(ck.LambdaFunction("a", duration=ck.LogNormal.from_log(math.log(W3["a_s"]), W3["a_sigma"]), **usual))
    chain.add(ck.SnsTopic("topic"))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("api", "a")
    chain.connect("a", "topic", after_fraction=1.0)
    overhead = ck.LogNormal.from_log(math.log(W3["batch_s"]), W3["batch_sigma"])
    for k in (1, 2, 3):
        queue = chain.add(ck.SqsQueue(f"q{k}", visibility_timeout_s=int(W3["visibility_s"])))
        work = {"duration": W3["message_s"], "overhead": overhead, "error_rate": W3["failure"]}
        consumer = chain.add(ck.LambdaFunction(f"c{k}", **work, **usual))
        chain.connect("topic", queue)
        chain.connect(
            queue, consumer, batch_size=W3["batch_size"], maximum_batching_window_s=int(W3["window_s"]),
            report_batch_item_failures=True,
        )  # fmt: skip
        chain.connect(queue, "dead", link="redrive", max_receive_count=W3["max_receives"])
    return chain, ck.Poisson(rate_per_s=W3["rate_per_s"]), {"sns_to_sqs": ck.Exponential(mean_s=W3["delivery_s"])}


def orders() -> tuple[ck.Chain, ck.Poisson, None]:
    """Return the order chain that comes with chainkit, under the measured latencies."""
    attributes = {"status": {"charged": 0.97, "declined": 0.03}}
    return ck.example("orders"), ck.Poisson(rate_per_s=4, attributes=attributes), None


WORKLOADS = {"W1": w1, "W2": w2, "W3": w3, "orders": orders}
TURNED = {"W2": "f3", "orders": "payment"}
"""The function whose memory the slider moves."""


def throughput(workload: str, requests: int, seed: int, replications: int) -> None:
    """Tell how long a run takes: the median of several, in a process that has run before."""
    chain, load, hops = WORKLOADS[workload]()
    options = {"seed": seed, "replications": replications, "warmup_fraction": 0.0, "latency": hops}
    ck.simulate(chain, load, requests=WARM_UP_REQUESTS, **options)
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run = ck.simulate(chain, load, requests=requests, **options)
        took.append(time.perf_counter() - began)
    events = sum(tally.events for tally in run.tallies)
    tell(requests, statistics.median(took), events=events, **figures(workload, run))


def figures(workload: str, run: ck.Run) -> dict[str, float]:
    """Return what says that the same was simulated as by the peers."""
    nodes, mean_s = run.nodes, float(run.summary().loc["response_mean_s", "value"])
    if workload == "W3":
        consumed = nodes.loc[["q1", "q2", "q3"]]
        batch_mean = consumed.receives.sum() / consumed.batches.sum()
        return {"mean_s": mean_s, "batch_mean": batch_mean, "dead_letters": float(consumed.dead_letters.sum())}
    cold = {"mean_s": mean_s, "cold_fraction": nodes.cold_starts.sum() / nodes.invocations.sum()}
    return cold | ({"billed_s": nodes.billed_s.sum() / run.requests} if workload == "W2" else {})


def slider(workload: str, replications: int, seed: int) -> None:
    """Tell how long a changed design takes to show: from the setting to the table of figures."""
    chain, load, hops = WORKLOADS[workload]()
    took = []
    for k in range(3 + 4 * REPEATS):
        began = time.perf_counter()
        chain.set(TURNED[workload], memory_mb=512 + k)
        run = ck.simulate(chain, load, requests=SLIDER_REQUESTS, seed=seed, replications=replications, latency=hops)
        run.summary()
        took.append(time.perf_counter() - began)
    tell(SLIDER_REQUESTS, statistics.median(took[3:]))


def sweep(values: int, requests: int, seed: int, threads: int) -> None:
    """Tell how long values^3 designs of W2 take, one replication each, from the grid to the table."""
    chain, load, hops = w2()
    options = {"seed": seed, "replications": 1, "latency": hops, "threads": threads}
    few = dict.fromkeys(SWEPT, SWEPT_MB[:1])
    ck.sweep(chain, few, load, requests=WARM_UP_REQUESTS, **options)
    grid = dict.fromkeys(SWEPT, SWEPT_MB[:values])
    began = time.perf_counter()
    table = ck.sweep(chain, grid, load, requests=requests, **options)
    seconds = time.perf_counter() - began
    tell(requests * len(table), seconds, designs=len(table), mean_s=float(table["response_mean_s"].mean()))


def memory(workload: str, requests: int, seed: int) -> None:
    """Tell the most memory that a process has taken by the end of a run and its table."""
    chain, load, hops = WORKLOADS[workload]()
    began = time.perf_counter()
    run = ck.simulate(chain, load, requests=requests, seed=seed, replications=os.cpu_count() or 1, latency=hops)
    run.summary()
    tell(requests, time.perf_counter() - began, peak_mb=peak_mb())


def peak_mb() -> float:
    """Return the most memory that this process has taken, MB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def first(requests: int, seed: int) -> None:
    """Show the figures of a design in a process that has just begun; who started it looks at the clock."""
    began = time.perf_counter()
    chain, load, hops = w2()
    run = ck.simulate(chain, load, requests=requests, seed=seed, latency=hops)
    print(run.summary())
    tell(requests, time.perf_counter() - began)
    sys.stdout.flush()


def main() -> None:
    """Measure what the options say."""
    options = arguments(measure="throughput", workload="W2", replications=1, values=2)
    replications = options.replications or os.cpu_count() or 1
    match options.measure:
        case "slider":
            slider(options.workload, replications, options.seed)
        case "first":
            first(options.requests, options.seed)
        case "sweep":
            sweep(options.values, options.requests, options.seed, threads=2)
        case "overhead":
            sweep(options.values, FEW_REQUESTS, options.seed, threads=1)
        case "memory":
            memory(options.workload, options.requests, options.seed)
        case _:
            throughput(options.workload, options.requests, options.seed, replications)


if __name__ == "__main__":
    main()
