"""Several rules at once: what happens where limits, retries, timeouts, maps, callbacks and copies meet."""

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Uniform
from chainkit.simulation.loads import ClosedLoop, Poisson
from chainkit.simulation.rates import Ramp
from tests.simulation.case import KINDS, Case, case, chain_of, function, machine, scope, task
from tests.simulation.cases_machines import FULL, PASS, callback, mapped, wait

# --- traffic that waits ---


@case
def closed_loop_on_a_throttled_function() -> Case:
    """Twelve users share three environments: throttled ones think again at once."""
    f = function("f", reserved_concurrency=3, duration=Exponential(mean_s=0.4), keep_alive=2.0)
    return Case(chain_of(f), ClosedLoop(users=12, think=Exponential(mean_s=0.5)), requests=400)


@case
def closed_loop_without_thinking() -> Case:
    """The next request follows the answer in the same instant."""
    chain = chain_of(
        ck.HttpApi("api", integration_timeout_s=1.0), function("f", error_rate=0.1, provisioned_concurrency=2)
    )
    chain.connect("api", "f")
    return Case(chain, ClosedLoop(users=4, think=0), requests=200, has_hops=True)


@case
def closed_loop_of_equal_users() -> Case:
    """Users that think for the same constant time arrive together."""
    f = function("f", duration=Constant(0.5), init=Constant(0.5), reuse="random", warmer=ck.Warmer(every_s=60))
    return Case(chain_of(f, ck.SqsQueue("q")), ClosedLoop(users=5, think=1.0), requests=101, at="f", has_hops=False)


@case
def closed_loop_where_nobody_waits() -> Case:
    """Where requests are handed over, the next one comes a think time after the last."""
    chain = chain_of(ck.SqsQueue("q"), function("f", warmer=ck.Warmer(every_s=60)))
    chain.connect("q", "f", batch_size=3)
    return Case(chain, ClosedLoop(users=3, think=Uniform(0.1, 2.0), attributes=KINDS), requests=200)


@case
def rate_that_changes() -> Case:
    """Traffic with a clock of its own."""
    chain = chain_of(ck.HttpApi("api"), function("f", reserved_concurrency=3, duration=Exponential(mean_s=0.3)))
    chain.connect("api", "f")
    return Case(chain, Ramp(start_per_s=1, end_per_s=20, duration_s=60), requests=400)


# --- limits, retries, timeouts ---


@case
def provisioned_reserved_and_cut() -> Case:
    """Provisioned environments within a reservation, runs that are cut, callers that try again."""
    scaling = ck.ProvisionedScaling(minimum=1, maximum=3, target=0.5, schedule=[(45, 3, 3), (90, 1, 2)], every_s=120)
    g = function(
        "g", provisioned_concurrency=2, provisioned_scaling=scaling, reserved_concurrency=4, timeout_s=1,
        duration=Exponential(mean_s=0.7), first_duration=0.9, speed_factor=Uniform(0.7, 1.3),
        keep_alive=Exponential(mean_s=3.0),
    )  # fmt: skip
    chain = chain_of(function("f", timeout_s=4), g)
    chain.connect("f", "g", retry=ck.Retry(interval_s=0.3, jitter="decorrelated"))
    return Case(chain, Poisson(rate_per_s=4), requests=1_200)


@case
def breaker_retry_and_impatience() -> Case:
    """A breaker between retries of a client that gives up early, on a function that also has other callers."""
    g = function("g", duration=Exponential(mean_s=0.4), error_rate=0.2, service_error_rate=0.1, reserved_concurrency=4)
    chain = chain_of(ck.HttpApi("api", integration_timeout_s=2.0), function("f", timeout_s=3), g, function("h"))
    chain.connect("api", "f")
    breaker = ck.CircuitBreaker(failures=5, window_s=4.0, open_s=1.5)
    retry = ck.Retry(max_attempts=3, interval_s=0.1, jitter="full", errors=("throttled", "timeout", "service"))
    chain.connect("f", "g", retry=retry, breaker=breaker, client_timeout_s=0.6)
    chain.connect("f", "h", step=2, on_error="continue")
    chain.connect("h", "g", link="async", duplicate_rate=0.2)
    return Case(chain, Poisson(rate_per_s=6), requests=500)


@case
def pings_among_batches_and_events() -> Case:
    """A warmed function of random reuse behind a queue, a topic and a caller, in an account of ten."""
    f = function(
        "f", warmer=ck.Warmer(every_s=60, environments=3, duration=0.5), reuse="random", keep_alive=Uniform(10.0, 70.0),
        error_rate=0.1, speed_factor=Uniform(0.5, 1.5),
    )  # fmt: skip
    chain = chain_of(function("e"), f, ck.SqsQueue("q"), ck.SnsTopic("t"))
    chain.connect("e", "f", on_error="continue")
    chain.connect("e", "q", count=2, duplicate_rate=0.1)
    chain.connect("e", "t")
    chain.connect("t", "f", delivery_error_rate=0.2)
    chain.connect("q", "f", batch_size=4, maximum_batching_window_s=2, report_batch_item_failures=True)
    return Case(chain, Poisson(rate_per_s=1), requests=300, account_concurrency=10)


# --- queues ---


@case
def duplicates_into_whole_batches() -> Case:
    """A message that came twice fails its whole batch twice."""
    chain = chain_of(
        function("f"), ck.SqsQueue("q", visibility_timeout_s=20), function("pay", error_rate=0.15), ck.SqsQueue("dead")
    )
    chain.add(function("mend", idempotent=True))
    chain.connect("f", "q", duplicate_rate=0.3)
    chain.connect("q", "pay", batch_size=5, maximum_batching_window_s=1)
    chain.connect("q", "dead", link="redrive", max_receive_count=2)
    chain.connect("dead", "mend", batch_size=1)
    return Case(chain)


@case
def refused_then_accepted_then_visible_again() -> Case:
    """Batches that wait for environments, run on beyond their visibility, call, and share them with events."""
    pay = function("pay", reserved_concurrency=2, duration=Exponential(mean_s=2.0), timeout_s=12, error_rate=0.2)
    chain = chain_of(function("f"), ck.SqsQueue("q", visibility_timeout_s=13), pay, function("bank", error_rate=0.1))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("f", "q")
    chain.connect("f", "pay", link="async", probability=0.3)
    chain.connect("q", "pay", batch_size=2, report_batch_item_failures=True)
    chain.connect("pay", "bank")
    chain.connect("q", "dead", link="redrive", max_receive_count=4)
    return Case(chain, Poisson(rate_per_s=0.6), requests=150)


# --- machines ---


@case
def map_with_tolerance_in_a_parallel() -> Case:
    """A distributed map that tolerates failures beside a branch that may fail it all."""
    each = mapped({"A": task("a", Next="W"), "W": wait(1)}, "DISTRIBUTED", ToleratedFailureCount=1, MaxConcurrency=3)
    branches = [scope({"Each": each}), scope({"B": task("b", TimeoutSeconds=1)})]
    both = {"Type": "Parallel", "Branches": branches, "Retry": [FULL], "End": True}
    flow = machine({"Both": both}, "STANDARD", items={"Each": 7}, limit_s=20)
    return Case(chain_of(flow, function("a", error_rate=0.15), function("b", error_rate=0.2)), requests=80)


@case
def callback_whose_message_is_dead_lettered() -> Case:
    """The message fails too often: no token comes, and the state fails with its timeout."""
    late = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    flow = machine({"Ask": callback("q", TimeoutSeconds=100, Catch=late), "Late": task("late")}, "STANDARD")
    chain = chain_of(
        flow, ck.SqsQueue("q", visibility_timeout_s=20), function("pay", poison_fraction=0.3), function("late")
    )
    chain.add(ck.SqsQueue("dead"))
    chain.add(function("mend"))
    chain.connect("q", "pay", batch_size=2)
    chain.connect("q", "dead", link="redrive", max_receive_count=2)
    chain.connect("dead", "mend", batch_size=1)
    return Case(chain)


@case
def callbacks_of_items() -> Case:
    """Each item of a map waits for a token of its own, from a queue whose batches come back twice."""
    each = mapped({"Ask": callback("q", TimeoutSeconds=60)}, "DISTRIBUTED", ToleratedFailurePercentage=40, Next="End")
    flow = machine({"Each": each, "End": PASS}, "STANDARD", items={"Each": 5})
    pay = function("pay", init=Uniform(1.0, 6.0), keep_alive=2.0, timeout_s=4, error_rate=0.2)
    chain = chain_of(flow, ck.SqsQueue("q", visibility_timeout_s=5), pay)
    chain.connect("q", "pay", batch_size=3)
    return Case(chain, Poisson(rate_per_s=0.5), requests=60)


@case
def machine_on_provisioned_functions() -> Case:
    """Tasks with timeouts and retries on functions that scale, with 5xx and pings among them."""
    a = function(
        "a", provisioned_concurrency=1, duration=Exponential(mean_s=0.6), timeout_s=2, service_error_rate=0.1,
        warmer=ck.Warmer(every_s=60, environments=2),
    )  # fmt: skip
    retry = {"ErrorEquals": ["Lambda.ServiceException", "States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 2}
    each = mapped(
        {"A": task("a", TimeoutSeconds=1, Retry=[retry])},
        MaxConcurrency=2,
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "End"}],
    )
    chain = chain_of(
        ck.HttpApi("api", integration_timeout_s=5.0), machine({"Each": each, "End": PASS}, items={"Each": 3}), a
    )
    chain.connect("api", "flow", breaker=ck.CircuitBreaker(failures=3, window_s=5.0, open_s=2.0))
    return Case(chain, Poisson(rate_per_s=1), requests=200)
