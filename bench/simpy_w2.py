"""W2 on SimPy: a process per request; a call is a generator within it (`yield from`), not a process of its own.

That is the cheapest form SimPy has: a process per call, the textbook way, takes 1.8 times as long.
"""

import time
from collections import deque

import simpy
from workloads import W2, arguments, draws_w2, tell


def main() -> None:
    """Run W2 and tell how long it took."""
    options = arguments()
    n, keep_s, account = options.requests, W2["keep_s"], W2["account"]
    began = time.perf_counter()
    arrivals, halves, inits = (drawn.tolist() for drawn in draws_w2(n, options.seed))
    env = simpy.Environment()
    timeout, process = env.timeout, env.process
    idle: list[deque[float]] = [deque() for _ in range(5)]
    took, billed, colds, running = [0.0] * n, [0.0] * 5, [0] * 5, [0]

    def invoke(k, i):
        start = env.now
        if running[0] >= account:
            raise RuntimeError("W2 never reaches the account's limit")
        running[0] += 1
        pool = idle[k]
        while pool and pool[0] + keep_s <= start:
            pool.popleft()
        half_s = until_call_s = halves[i][k]
        if pool:
            pool.pop()
        else:
            colds[k] += 1
            until_call_s += inits[i][k]
        if k < 4:
            yield timeout(until_call_s)
            yield from invoke(k + 1, i)
            yield timeout(half_s)
        else:
            yield timeout(until_call_s + half_s)
        billed[k] += env.now - start
        pool.append(env.now)
        running[0] -= 1

    def request(i):
        start = env.now
        yield from invoke(0, i)
        took[i] = env.now - start

    def source():
        before = 0.0
        for i in range(n):
            yield timeout(arrivals[i] - before)
            before = arrivals[i]
            process(request(i))

    process(source())
    env.run()
    seconds = time.perf_counter() - began
    tell(n, seconds, mean_s=sum(took) / n, cold_fraction=sum(colds) / (5 * n), billed_s=sum(billed) / n)


if __name__ == "__main__":
    main()
