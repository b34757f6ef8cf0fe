"""W3 on SimPy: a process per request, delivery, open window, batch and message that comes back."""

import time
from collections import deque

import simpy
from workloads import W3, arguments, draws_w3, tell


def main() -> None:
    """Run W3 and tell how long it took."""
    options = arguments()
    n, keep_s, size, window_s = options.requests, W3["keep_s"], W3["batch_size"], W3["window_s"]
    hidden_s, most, message_s = W3["visibility_s"], W3["max_receives"], W3["message_s"]
    began = time.perf_counter()
    drawn = (each.tolist() for each in draws_w3(n, options.seed))
    arrivals, work, init, delivery, failures, batch_s, batch_init = drawn
    env = simpy.Environment()
    timeout, process = env.timeout, env.process
    idle: list[deque[float]] = [deque() for _ in range(4)]
    waiting: list[deque[tuple[int, int]]] = [deque() for _ in range(3)]
    windows, batches, received, dead = [0] * 3, [0] * 3, [0] * 3, [0]
    took = [0.0] * n

    def is_warm(k, now):
        pool = idle[k]
        while pool and pool[0] + keep_s <= now:
            pool.popleft()
        if pool:
            pool.pop()
            return True
        return False

    def enqueue(q, message):
        waiting[q].append(message)
        if len(waiting[q]) == size:
            take(q)
        elif len(waiting[q]) == 1:
            process(window(q, windows[q]))

    def window(q, number):
        yield timeout(window_s)
        if windows[q] == number and waiting[q]:
            take(q)

    def take(q):
        windows[q] += 1
        messages = list(waiting[q])
        waiting[q].clear()
        process(consume(q, messages))

    def consume(q, messages):
        start = env.now
        j = batches[q]
        batches[q] += 1
        received[q] += len(messages)
        runs_s = batch_s[q][j] + message_s * len(messages)
        if not is_warm(q + 1, start):
            runs_s += batch_init[q][j]
        yield timeout(runs_s)
        now = env.now
        idle[q + 1].append(now)
        for i, receives in messages:
            if failures[i][q][receives]:
                if receives + 1 == most:
                    dead[0] += 1
                else:
                    process(return_later(q, (i, receives + 1), start + hidden_s - now))

    def return_later(q, message, delay_s):
        yield timeout(delay_s)
        enqueue(q, message)

    def deliver(q, i):
        yield timeout(delivery[i][q])
        enqueue(q, (i, 0))

    def request(i):
        runs_s = work[i] if is_warm(0, env.now) else work[i] + init[i]
        yield timeout(runs_s)
        took[i] = runs_s
        idle[0].append(env.now)
        for q in range(3):
            process(deliver(q, i))

    def source():
        before = 0.0
        for i in range(n):
            yield timeout(arrivals[i] - before)
            before = arrivals[i]
            process(request(i))

    process(source())
    env.run()
    seconds = time.perf_counter() - began
    tell(n, seconds, mean_s=sum(took) / n, batch_mean=sum(received) / sum(batches), dead_letters=dead[0])


if __name__ == "__main__":
    main()
