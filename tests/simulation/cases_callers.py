"""Callers: which failures they try again, jitter, circuit breakers, and all of these under their own timeouts."""

import chainkit as ck
from chainkit.distributions import Constant, Exponential
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import Case, case, chain_of, function, machine, task

# --- retries ---


@case
def retry_of_throttles_only() -> Case:
    """A function's own errors go to the caller at once; throttles and timeouts are tried again."""
    g = function("g", error_rate=0.3, reserved_concurrency=1, duration=Exponential(mean_s=0.4), timeout_s=1)
    chain = chain_of(function("f"), g)
    chain.connect("f", "g", retry=ck.Retry(max_attempts=4, interval_s=0.2, errors=("throttled", "timeout")))
    return Case(chain)


@case
def retry_of_errors_only() -> Case:
    """Only errors are tried again; the client's own timeout is none of them."""
    chain = chain_of(
        function("f"), function("g", error_rate=0.4, service_error_rate=0.2, duration=Exponential(mean_s=0.3))
    )
    chain.connect("f", "g", retry=ck.Retry(interval_s=0.1, errors=("error",)), client_timeout_s=0.5)
    return Case(chain)


@case
def retry_of_the_sdk() -> Case:
    """What AWS's SDKs do by themselves, through three functions: attempts are multiplied."""
    chain = chain_of(*(function(name, service_error_rate=0.3, error_rate=0.05) for name in "fgh"))
    chain.connect("f", "g", retry=ck.sdk_retry())
    chain.connect("g", "h", retry=ck.sdk_retry(), client_timeout_s=0.4)
    return Case(chain)


@case
def decorrelated_jitter() -> Case:
    """Each wait is drawn between the interval and three times the wait before."""
    chain = chain_of(function("f", timeout_s=20), function("g", error_rate=0.6), function("h", error_rate=0.6))
    retry = ck.Retry(max_attempts=6, interval_s=0.1, max_delay_s=1.0, jitter="decorrelated")
    chain.connect("f", "g", retry=retry, on_error="continue")
    chain.connect(
        "f", "h", retry=ck.Retry(max_attempts=4, interval_s=0.5, max_delay_s=0.1, jitter="decorrelated"), step=2
    )
    return Case(chain)


@case
def jitter_of_each_visit() -> Case:
    """The same call from two ways, each with its own jitter."""
    chain = chain_of(*(function(name) for name in "fgh"), function("i", error_rate=0.5))
    for name in "gh":
        chain.connect("f", name)
        chain.connect(name, "i", retry=ck.Retry(interval_s=0.2, jitter="decorrelated"), on_error="continue")
    return Case(chain)


@case
def retry_of_an_execution_without_time() -> Case:
    """An execution whose time is over is a timeout to its caller, who tries it again."""
    flow = machine({"A": task("a")}, limit_s=1)
    chain = chain_of(function("f"), flow, function("a", duration=Exponential(mean_s=0.7)))
    chain.connect("f", "flow", retry=ck.Retry(interval_s=0.5, errors=("timeout",)))
    return Case(chain)


# --- circuit breakers ---


@case
def breaker_opens_and_closes() -> Case:
    """Three failures within two seconds open it; a second later one call is let through on trial."""
    chain = chain_of(function("f"), function("g", error_rate=0.5))
    chain.connect("f", "g", breaker=ck.CircuitBreaker(failures=3, window_s=2.0, open_s=1.0))
    return Case(chain, requests=400)


@case
def breaker_with_an_answer_in_its_place() -> Case:
    """While it is open the callers go on with an answer of their own."""
    g = function("g", duration=Exponential(mean_s=0.5), timeout_s=1, reserved_concurrency=2)
    chain = chain_of(ck.HttpApi("api"), function("f"), g)
    chain.connect("api", "f")
    chain.connect("f", "g", breaker=ck.CircuitBreaker(failures=2, window_s=1.0, open_s=0.5), on_error="continue")
    return Case(chain, Poisson(rate_per_s=8), requests=400)


@case
def breaker_between_retries() -> Case:
    """It is asked before every try; what it refuses is not tried again."""
    chain = chain_of(function("f", timeout_s=5), function("g", error_rate=0.5, duration=Exponential(mean_s=0.3)))
    retry = ck.Retry(max_attempts=4, interval_s=0.2, jitter="full")
    breaker = ck.CircuitBreaker(failures=4, window_s=3.0, open_s=2.0)
    chain.connect("f", "g", retry=retry, breaker=breaker, client_timeout_s=0.5)
    return Case(chain, Poisson(rate_per_s=4), requests=400)


@case
def breaker_whose_trial_is_gone() -> Case:
    """The caller of the trial is cut while it waits: after a while another call is the trial."""
    chain = chain_of(function("f", timeout_s=1), function("g", error_rate=0.3, duration=Exponential(mean_s=0.9)))
    chain.connect("f", "g", breaker=ck.CircuitBreaker(failures=1, window_s=5.0, open_s=0.7), after_fraction=0.1)
    return Case(chain, requests=400)


@case
def breakers_of_parallel_calls() -> Case:
    """Two calls at once, each with a breaker: the failure of one leaves the other without a caller."""
    chain = chain_of(function("f"), function("g", error_rate=0.4), function("h", error_rate=0.4, timeout_s=1))
    for name in "gh":
        chain.connect("f", name, breaker=ck.CircuitBreaker(failures=2, window_s=2.0, open_s=0.6))
    return Case(chain, requests=400)


@case
def breaker_at_equal_distances() -> Case:
    """Calls end, windows end and trials begin at the same instants."""
    f = function("f", duration=Constant(0.0), init=Constant(0.0))
    chain = chain_of(f, function("g", duration=Constant(0.5), init=Constant(0.0), error_rate=0.6))
    chain.connect("f", "g", breaker=ck.CircuitBreaker(failures=2, window_s=1.0, open_s=1.0))
    return Case(chain, Steady(rate_per_s=4), requests=200, has_hops=False)
