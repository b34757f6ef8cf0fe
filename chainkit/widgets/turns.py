"""One thing at a time: what hands do to widgets is done one after the other, whichever thread it comes on.

Front ends may have the messages of widgets handled on another thread than cells (subshells, ipykernel 7), and the first
message of all on a third: without turns a form could be asked for its first field while it is being made.
"""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_TURN = threading.RLock()


def in_turn(act: Callable[P, R]) -> Callable[P, R]:
    """Return a function that waits until nothing else is done in turn; what it calls itself is part of its turn.

    Examples
    --------
    >>> @in_turn
    ... def twice(x):
    ...     return 2 * x
    >>> twice(21)
    42
    """

    @functools.wraps(act)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        with _TURN:
            return act(*args, **kwargs)

    return waiting
