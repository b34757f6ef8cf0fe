"""W1 on SimPy: a process per request; environments that expired are thrown away when the next request comes.

That is the cheapest form SimPy has: a timer per idle environment, the textbook way, takes 2.5 times as long.
"""

import time
from collections import deque

import simpy
from workloads import W1, arguments, draws_w1, tell


def main() -> None:
    """Run W1 and tell how long it took."""
    options = arguments()
    n, keep_s = options.requests, W1["keep_s"]
    began = time.perf_counter()
    arrivals, warm, cold = (drawn.tolist() for drawn in draws_w1(n, options.seed))
    env = simpy.Environment()
    timeout, process = env.timeout, env.process
    idle: deque[float] = deque()
    took = [0.0] * n
    colds = [0]

    def request(i):
        now = env.now
        while idle and idle[0] + keep_s <= now:
            idle.popleft()
        if idle:
            idle.pop()
            runs_s = warm[i]
        else:
            colds[0] += 1
            runs_s = cold[i]
        yield timeout(runs_s)
        took[i] = runs_s
        idle.append(env.now)

    def source():
        before = 0.0
        for i in range(n):
            yield timeout(arrivals[i] - before)
            before = arrivals[i]
            process(request(i))

    process(source())
    env.run()
    seconds = time.perf_counter() - began
    tell(n, seconds, mean_s=sum(took) / n, cold_fraction=colds[0] / n)


if __name__ == "__main__":
    main()
