"""Closed forms of queueing theory that the simulator must meet.

Sources  [1] Erlang (1917); the recursions as in Cooper, Introduction to Queueing Theory (1981)
         [2] Pollaczek and Khinchine: mean wait of M/G/1
         [3] Flatto and Hahn (1984), SIAM J. Appl. Math. 44; mean response as in Nelson and Tantawi (1988), IEEE TC 37
"""

import math
from collections.abc import Sequence


def erlang_b(load: float, servers: int) -> float:
    """Return the share that is refused when all of `servers` are busy; `load` = rate x mean service; [1].

    >>> round(erlang_b(8, 10), 7)
    0.1216611
    """
    refused = 1.0
    for c in range(1, servers + 1):
        refused = load * refused / (c + load * refused)
    return refused


def erlang_c(load: float, servers: int) -> float:
    """Return the share that waits for one of `servers`, load < servers; [1].

    >>> round(erlang_c(8, 10), 7)
    0.4091802
    """
    refused = erlang_b(load, servers)
    return refused / (1 - load / servers * (1 - refused))


def wait_of_many(load: float, servers: int) -> float:
    """Return the mean wait in M/M/c, in service times; [1].

    >>> round(wait_of_many(8, 10), 7)
    0.2045901
    """
    return erlang_c(load, servers) / (servers - load)


def wait_of_one(load: float, variation: float) -> float:
    """Return the mean wait in M/G/1, in service times; `variation` = deviation/mean of a service; [2].

    >>> wait_of_one(0.5, 0.0)
    0.5
    """
    return load * (1 + variation**2) / (2 * (1 - load))


def fork_join_of_two(load: float) -> float:
    """Return the mean response of two M/M/1 queues that every request visits at once, in service times; [3].

    >>> fork_join_of_two(0.5)
    2.875
    """
    return (12 - load) / 8 / (1 - load)


def longest_of(n: int) -> float:
    """Return the mean of the longest of n exponential times, in their mean.

    >>> round(longest_of(3), 4)
    1.8333
    """
    return math.fsum(1 / k for k in range(1, n + 1))


def visits(again: float) -> tuple[float, float]:
    """Return mean and variance of the number of visits to a step that is repeated with a chance.

    >>> visits(0.5)
    (2.0, 2.0)
    """
    return 1 / (1 - again), again / (1 - again) ** 2


def billed_in_a_chain(own_s: Sequence[float]) -> float:
    """Return what a chain of synchronous calls is billed: each function waits for all behind it, seconds.

    >>> billed_in_a_chain([1.0, 2.0, 3.0])
    14.0
    """
    return math.fsum((k + 1) * time_s for k, time_s in enumerate(own_s))
