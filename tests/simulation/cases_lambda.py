"""What AWS Lambda does with environments: keep-alive, reuse, speed, long inits, limits, provisioned ones, warmers."""

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Geometric, LogNormal, Mixture, Uniform
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import WORK, Case, case, chain_of, function

QUICK = LogNormal(p50_s=0.02, p99_s=0.1)
SPEEDS = LogNormal(p50_s=0.97, p99_s=1.6)

# --- keep-alive and reuse ---


@case
def keep_alive_that_halves() -> Case:
    """A fleet halves with every step, as measured in January 2020."""
    f = function("f", keep_alive=Geometric(step_s=0.5, fraction=0.5))
    return Case(chain_of(f), Poisson(rate_per_s=8), requests=600)


@case
def keep_alive_at_random() -> Case:
    """Each environment lives as long as a draw of its last invocation says; one that was cut does not live on."""
    f = function("f", keep_alive=Uniform(0.2, 1.0), error_rate=0.1, timeout_s=1, duration=Exponential(mean_s=0.3))
    return Case(chain_of(f), Poisson(rate_per_s=6), requests=400)


@case
def keep_alive_that_ends_with_the_next_request() -> Case:
    """An environment is gone at the very instant at which its life is over: every start is cold."""
    f = function("f", duration=Constant(0.25), init=Constant(0.0), keep_alive=0.25)
    return Case(chain_of(f), Steady(rate_per_s=2), requests=40, has_hops=False)


@case
def keep_alive_after_batches() -> Case:
    """Batches leave environments whose life is drawn by their first message."""
    chain = chain_of(ck.SqsQueue("q"), function("f", keep_alive=Exponential(mean_s=1.0), timeout_s=5))
    chain.connect("q", "f", batch_size=4, maximum_batching_window_s=1)
    return Case(chain, Poisson(rate_per_s=6))


@case
def least_recently_used_first() -> Case:
    """The environment that has waited longest is taken: they all stay warm."""
    return Case(chain_of(function("f", reuse="least_recent", keep_alive=0.5)), Poisson(rate_per_s=10), requests=400)


@case
def any_idle_environment() -> Case:
    """One of the idle environments at random, events and errors among the runs."""
    g = function("g", reuse="random", keep_alive=Uniform(0.5, 3.0), error_rate=0.2, timeout_s=1)
    chain = chain_of(function("f", reuse="random"), g)
    chain.connect("f", "g", link="async", count=2)
    return Case(chain, Poisson(rate_per_s=8))


@case
def any_idle_environment_of_equal_ones() -> Case:
    """Requests at equal distances meet environments that became idle in one instant."""
    chain = chain_of(function("f", duration=Constant(0.5), init=Constant(0.5), reuse="random", keep_alive=2.0))
    return Case(chain, Steady(rate_per_s=8), requests=100, has_hops=False)


# --- speed and init ---


@case
def fast_and_slow_environments() -> Case:
    """Each environment has a speed of its own: work, first work and overhead are multiplied by its factor."""
    f = function("f", speed_factor=SPEEDS, first_duration=0.5, overhead=Exponential(mean_s=0.02), keep_alive=1.0)
    chain = chain_of(f, function("g", speed_factor=Uniform(0.5, 1.5), timeout_s=1, reuse="least_recent"))
    chain.connect("f", "g", after_fraction=0.3)
    return Case(chain, Poisson(rate_per_s=6))


@case
def batches_in_fast_and_slow_environments() -> Case:
    """The units of a batch run at the speed of its environment, alone and with calls."""
    pay = function("pay", speed_factor=SPEEDS, error_rate=0.1, timeout_s=5, reuse="random", keep_alive=2.0)
    chain = chain_of(ck.SqsQueue("q"), pay, function("bank"), ck.SqsQueue("r"), function("tell", speed_factor=SPEEDS))
    chain.connect("q", "pay", batch_size=5, maximum_batching_window_s=1, report_batch_item_failures=True)
    chain.connect("pay", "bank")
    chain.connect("pay", "r")
    chain.connect("r", "tell", batch_size=5, maximum_batching_window_s=1)
    return Case(chain, Poisson(rate_per_s=10))


@case
def init_over_ten_seconds() -> Case:
    """An init that is cut runs again inside the invocation, under the function's timeout."""
    long = Mixture([(0.4, Uniform(9.0, 10.0)), (0.6, Uniform(10.0, 14.0))])
    chain = chain_of(function("f", init=long, timeout_s=11, keep_alive=20.0), function("g", init=long, timeout_s=60))
    chain.connect("f", "g", link="async")
    return Case(chain, Poisson(rate_per_s=0.2), requests=100)


@case
def init_of_exactly_ten_seconds() -> Case:
    """Ten seconds are within the limit; in an environment from a snapshot there is none."""
    f = function("f", init=Constant(10.0), duration=Constant(0.5), timeout_s=1, keep_alive=0.0)
    g = function("g", init=Constant(12.0), duration=Constant(0.5), timeout_s=1, keep_alive=0.0, snap_start=True)
    h = function("h", init=Constant(12.0), duration=Constant(0.5), timeout_s=13, keep_alive=0.0)
    chain = chain_of(ck.SnsTopic("t"), f, g, h)
    for name in "fgh":
        chain.connect("t", name)
    return Case(chain, Steady(rate_per_s=0.05), requests=20, has_hops=False)


@case
def restored_from_snapshots() -> Case:
    """The measured restore stands for init."""
    f = ck.LambdaFunction("f", duration=WORK, timeout_s=5, keep_alive=0.2, snap_start=True, runtime="python3.12")
    return Case(chain_of(f))


# --- errors of the service, limits ---


@case
def errors_of_the_service() -> Case:
    """Lambda itself answers some attempts with a 5xx: nothing runs; callers, events and batches take it their way."""
    chain = chain_of(
        function("f", service_error_rate=0.2),
        function("g", service_error_rate=0.3),
        function("h", service_error_rate=0.5, maximum_event_age_s=60),
        ck.SqsQueue("q"),
        function("pay", service_error_rate=0.4, error_rate=0.1),
    )
    chain.connect("f", "g", retry=ck.Retry(max_attempts=3, interval_s=0.1))
    chain.connect("f", "h", link="async")
    chain.connect("f", "q")
    chain.connect("q", "pay", batch_size=3, maximum_batching_window_s=1)
    return Case(chain)


@case
def nothing_but_errors_of_the_service() -> Case:
    """Events of which every attempt is answered with a 5xx live until they are too old."""
    chain = chain_of(function("f"), function("g", service_error_rate=1.0, maximum_event_age_s=60))
    chain.connect("f", "g", link="async")
    chain.connect("f", "g", on_error="continue")
    return Case(chain, requests=60)


@case
def account_of_ten() -> Case:
    """A new account's few environments, four of them reserved for one function."""
    g, h = function("g", duration=Exponential(mean_s=0.3)), function("h", reserved_concurrency=4, duration=WORK)
    chain = chain_of(function("f"), g, h)
    chain.connect("f", "g", on_error="continue")
    chain.connect("f", "h", link="async", count=2)
    return Case(chain, Poisson(rate_per_s=20), requests=400, account_concurrency=10)


@case
def request_quota() -> Case:
    """Ten requests a second for each environment of the account: quick functions meet this limit first."""
    quick = {"duration": QUICK, "init": Constant(0.0)}
    chain = chain_of(function("f", **quick), function("g", **quick), function("h", **quick))
    chain.connect("f", "g", link="async")
    chain.connect("f", "h", retry=ck.sdk_retry(), probability=0.2)
    return Case(chain, Poisson(rate_per_s=80), requests=800, account_concurrency=10)


@case
def request_quota_at_equal_distances() -> Case:
    """Requests come exactly as fast as the quota lets them, and then a little faster."""
    f = function("f", duration=Constant(0.001), init=Constant(0.0), reserved_concurrency=1)
    chain = chain_of(f, function("g", duration=Constant(0.001), init=Constant(0.0)))
    chain.connect("f", "g", link="async", probability=0.3)
    return Case(chain, Steady(rate_per_s=100), requests=800, has_hops=False, account_concurrency=10)


# --- provisioned concurrency ---


@case
def provisioned_and_spill_over() -> Case:
    """Provisioned environments are warm and taken first; beyond them invocations spill over to cold ones."""
    f = function("f", provisioned_concurrency=2, first_duration=1.0, keep_alive=1.0, speed_factor=SPEEDS)
    return Case(chain_of(f), Poisson(rate_per_s=12), requests=400)


@case
def provisioned_environment_is_cut() -> Case:
    """A timeout ends a provisioned environment too; a new one takes its place at once."""
    f = function(
        "f",
        provisioned_concurrency=2,
        duration=Exponential(mean_s=0.5),
        timeout_s=1,
        speed_factor=SPEEDS,
        reuse="random",
    )
    return Case(chain_of(f), Poisson(rate_per_s=4))


@case
def provisioned_within_a_reservation() -> Case:
    """Of three reserved environments two are provisioned; a fourth run is throttled."""
    f = function("f", provisioned_concurrency=2, reserved_concurrency=3, reuse="least_recent")
    chain = chain_of(f, function("g"))
    chain.connect("f", "g", link="async")
    return Case(chain, Poisson(rate_per_s=15), requests=400)


@case
def provisioned_taken_from_the_account() -> Case:
    """What one function has provisioned the others cannot use, idle or not."""
    chain = chain_of(function("f", provisioned_concurrency=6), function("g", duration=Exponential(mean_s=0.4)))
    chain.connect("f", "g", on_error="continue", after_fraction=0.1)
    return Case(chain, Poisson(rate_per_s=15), requests=400, account_concurrency=10)


@case
def provisioned_on_schedule() -> Case:
    """More environments from the second minute on, fewer from the fourth; again every five minutes."""
    times = [(60, 4, 6), (240, 1, 2)]
    scaling = ck.ProvisionedScaling(minimum=0, maximum=10, target=None, schedule=times, every_s=300)
    f = function("f", provisioned_concurrency=1, provisioned_scaling=scaling, duration=Exponential(mean_s=0.8))
    return Case(chain_of(f), Poisson(rate_per_s=2), requests=1_500)


@case
def schedule_that_overtakes_itself() -> Case:
    """An increase is under way when the schedule wants something else: more, then none."""
    times = [(30, 5, 5), (60, 8, 8), (120, 2, 2), (200, 6, 6), (230, 0, 0)]
    scaling = ck.ProvisionedScaling(minimum=0, maximum=10, target=None, schedule=times, every_s=None)
    f = function(
        "f", provisioned_concurrency=3, provisioned_scaling=scaling, duration=Exponential(mean_s=1.5), timeout_s=9
    )
    return Case(chain_of(f), Poisson(rate_per_s=2), requests=900)


@case
def provisioned_follow_use() -> Case:
    """Three minutes over the target bring more environments, a minute and a half later."""
    scaling = ck.ProvisionedScaling(minimum=1, maximum=8, target=0.5)
    f = function("f", provisioned_concurrency=1, provisioned_scaling=scaling, duration=Exponential(mean_s=1.0))
    return Case(chain_of(f), Poisson(rate_per_s=2.5), requests=2_000)


@case
def provisioned_follow_disuse() -> Case:
    """A quarter of an hour under nine tenths of the target takes some away, down to the minimum."""
    scaling = ck.ProvisionedScaling(minimum=2, maximum=9)
    f = function("f", provisioned_concurrency=9, provisioned_scaling=scaling, duration=Exponential(mean_s=1.5))
    return Case(chain_of(f), Poisson(rate_per_s=0.8), requests=1_800)


@case
def provisioned_at_equal_distances() -> Case:
    """Arrivals, ends, minutes and schedule fall on the same instants; busy environments leave when they end."""
    scaling = ck.ProvisionedScaling(minimum=1, maximum=6, target=0.75, schedule=[(120, 4, 6), (180, 1, 1)], every_s=360)
    f = function(
        "f",
        provisioned_concurrency=3,
        provisioned_scaling=scaling,
        duration=Constant(2.5),
        init=Constant(0.5),
        timeout_s=3,
    )
    return Case(chain_of(f), Steady(rate_per_s=1), requests=900, has_hops=False)


# --- warmers ---


@case
def warmer_keeps_two_warm() -> Case:
    """Pings keep two environments warm, unless they are busy."""
    f = function("f", warmer=ck.Warmer(every_s=60, environments=2, duration=Uniform(0.05, 0.1)), keep_alive=90.0)
    return Case(chain_of(f), Poisson(rate_per_s=0.05), requests=60)


@case
def warmer_that_comes_too_late() -> Case:
    """Environments live shorter than the pings are apart: pings are cold, and so are the requests."""
    f = function(
        "f", warmer=ck.Warmer(every_s=120, environments=3), keep_alive=45.0, first_duration=0.4, error_rate=0.2
    )
    return Case(chain_of(f), Poisson(rate_per_s=0.1), requests=100)


@case
def warmer_of_a_busy_function() -> Case:
    """Pings take environments from requests, are throttled like them, and are cut like them."""
    warmer = ck.Warmer(every_s=60, environments=4, duration=Exponential(mean_s=2.0))
    f = function("f", warmer=warmer, reserved_concurrency=3, duration=Exponential(mean_s=1.0), timeout_s=3)
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=20), f)
    chain.connect("q", "f", batch_size=1)
    return Case(chain, Poisson(rate_per_s=1), requests=300)


@case
def warmer_at_the_instants_of_requests() -> Case:
    """Pings come after the request of the same instant; the last one with the last request."""
    warmer = ck.Warmer(every_s=60, environments=2, duration=0)
    f = function(
        "f", warmer=warmer, duration=Constant(0.0), init=Constant(0.0), keep_alive=30.0, provisioned_concurrency=1
    )
    return Case(chain_of(f), Steady(rate_per_s=1 / 60), requests=20, has_hops=False)
