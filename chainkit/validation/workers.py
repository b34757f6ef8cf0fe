"""The function that most cases are about: it works, and starts at once."""

from typing import Any

from chainkit.distributions import Constant, as_law
from chainkit.law import Law
from chainkit.services.lambda_function import LambdaFunction


def worker(name: str, duration: Law | float, *, timeout_s: int = 900, **settings: Any) -> LambdaFunction:
    """Return a function without inits, as in models of servers.

    >>> worker("f", 0.25).duration
    Constant(value_s=0.25)
    """
    return LambdaFunction(name, duration=as_law(duration), init=Constant(0.0), timeout_s=timeout_s, **settings)
