"""W1, W2 and W3: what is simulated, and draws made beforehand for the engines that are given theirs.

W1  One function. Poisson 0.9/s; a warm run takes exp(1.991 s), a cold one exp(2.244 s), its init included; an idle
    environment lives 600 s; no limit. The steady state of the SimFaaS paper.
W2  f1 calls f2 ... calls f5, each waits. Poisson 20/s. The own work of f_k is lognormal (median 80, 60, 120, 40,
    100 ms; sigma 0.5): half of it, then the call, then the other half. A cold start adds lognormal (350 ms, 0.3),
    billed. Keep-alive 600 s, most recently used first, 1,000 environments in the account.
W3  API -> A -> topic -> three queues -> a consumer each. Poisson 10/s. A is lognormal (60 ms, 0.4); delivery takes
    exp(20 ms) per queue; a batch is taken at 10 messages or 1 s after the first; it takes lognormal (30 ms, 0.4) and
    10 ms for each message; a message fails with 2 % per receive (partial batch response), comes back 30 s after it was
    received and is a dead letter at its third failure. Init and keep-alive as in W2.
"""

import argparse
import json
from typing import Any

import numpy as np

W1 = {"rate_per_s": 0.9, "warm_s": 1.991, "cold_s": 2.244, "keep_s": 600.0}
W2 = {
    "rate_per_s": 20.0, "medians_s": (0.08, 0.06, 0.12, 0.04, 0.10), "sigma": 0.5, "init_s": 0.35, "init_sigma": 0.3,
    "keep_s": 600.0, "account": 1000,
}  # fmt: skip
W3 = {
    "rate_per_s": 10.0, "a_s": 0.06, "a_sigma": 0.4, "batch_s": 0.03, "batch_sigma": 0.4, "message_s": 0.01,
    "delivery_s": 0.02, "batch_size": 10, "window_s": 1.0, "visibility_s": 30.0, "max_receives": 3, "failure": 0.02,
    "init_s": 0.35, "init_sigma": 0.3, "keep_s": 600.0,
}  # fmt: skip


def draws_w1(requests: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return arrivals, warm runs and cold runs: (n,) seconds each."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.standard_exponential(requests) / W1["rate_per_s"])
    return (
        arrivals,
        rng.standard_exponential(requests) * W1["warm_s"],
        rng.standard_exponential(requests) * W1["cold_s"],
    )


def draws_w2(requests: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return arrivals (n,), halves of the own work (n, 5) and inits (n, 5), seconds."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.standard_exponential(requests) / W2["rate_per_s"])
    halves = np.exp(rng.standard_normal((requests, 5)) * W2["sigma"]) * (0.5 * np.array(W2["medians_s"]))
    return arrivals, halves, np.exp(rng.standard_normal((requests, 5)) * W2["init_sigma"]) * W2["init_s"]


def draws_w3(requests: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return arrivals, A's runs, A's inits (n,); deliveries, failures (n, 3 ...); batches and their inits (3, m)."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.standard_exponential(requests) / W3["rate_per_s"])
    a = np.exp(rng.standard_normal(requests) * W3["a_sigma"]) * W3["a_s"]
    a_init = np.exp(rng.standard_normal(requests) * W3["init_sigma"]) * W3["init_s"]
    delivery = rng.standard_exponential((requests, 3)) * W3["delivery_s"]
    failures = rng.random((requests, 3, W3["max_receives"])) < W3["failure"]
    most = requests + requests // 10 + 100
    batch = np.exp(rng.standard_normal((3, most)) * W3["batch_sigma"]) * W3["batch_s"]
    batch_init = np.exp(rng.standard_normal((3, most)) * W3["init_sigma"]) * W3["init_s"]
    return arrivals, a, a_init, delivery, failures, batch, batch_init


def arguments(**more: Any) -> argparse.Namespace:
    """Return --requests, --seed and what else a script takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def tell(requests: int, seconds: float, **figures: float) -> None:
    """Print what was measured as one line of JSON: draws and simulation, without imports and compilation.

    The figures say what was simulated; engines of one workload agree in them.
    """
    print(json.dumps({"requests": requests, "seconds": seconds, "per_s": requests / seconds, "figures": figures}))
