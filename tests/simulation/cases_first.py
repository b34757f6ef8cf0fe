"""Hand-made chains of AWS's defaults, each with its traffic; one idea per chain."""

from typing import Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential, LogNormal
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import KINDS, WORK, Case, case, chain_of, function, machine, rules, task

# --- one function ---


@case
def one_function() -> Case:
    """Work, overhead, init, errors."""
    return Case(chain_of(function("f", error_rate=0.1, overhead=Exponential(mean_s=0.02))), Poisson(rate_per_s=20))


@case
def measured_init() -> Case:
    """The measured init law of the default runtime: a table of quantiles."""
    return Case(chain_of(ck.LambdaFunction("f", duration=WORK, timeout_s=5, keep_alive=0.2)))


@case
def first_run_is_slow() -> Case:
    """A slow run after an init, poisoned requests, a timeout, environments that live one second."""
    f = function("f", duration=Exponential(mean_s=0.5), first_duration=1.5, poison_fraction=0.1, timeout_s=2)
    return Case(chain_of(f.with_settings(keep_alive=1.0)))


@case
def reserved_limit() -> Case:
    """Requests that find all reserved environments busy are throttled."""
    return Case(
        chain_of(function("f", duration=Exponential(mean_s=0.5), reserved_concurrency=3)), Poisson(rate_per_s=9)
    )


@case
def zero_reservation() -> Case:
    """A function that is switched off throttles every synchronous call."""
    chain = chain_of(ck.HttpApi("api"), function("f", reserved_concurrency=0))
    chain.connect("api", "f")
    return Case(chain)


@case
def burst_of_cold_starts() -> Case:
    """More new environments at once than the scaling rate gives: the rest is throttled."""
    return Case(chain_of(function("f", duration=Constant(2.0))), Poisson(rate_per_s=5_000), requests=4_000)


@case
def account_limit() -> Case:
    """Two functions share what a third one's reservation leaves of the account."""
    chain = chain_of(function("a", timeout_s=30), function("b", timeout_s=20), function("c", reserved_concurrency=900))
    chain.connect("a", "b")
    chain.connect("a", "c", on_error="continue")
    chain.set("b", duration=Constant(6.0))
    return Case(chain, Poisson(rate_per_s=60), requests=1_200)


@case
def everything_constant() -> Case:
    """No chance at all: requests at equal distances, work and init of equal length."""
    f, g = (function(name, duration=Constant(0.25), init=Constant(0.5)) for name in "fg")
    chain = chain_of(f, g)
    chain.connect("f", "g")
    return Case(chain, Steady(rate_per_s=4), has_hops=False)


# --- calls ---


@case
def api_times_out() -> Case:
    """The API answers when its time is over; the function runs on."""
    chain = chain_of(ck.HttpApi("api", integration_timeout_s=0.2), function("f", error_rate=0.1))
    chain.connect("api", "f")
    return Case(chain)


@case
def five_in_a_row() -> Case:
    """Synchronous calls in the middle of the callers' work."""
    chain = chain_of(*(function(name, error_rate=0.02) for name in "abcde"))
    for a, b in zip("abcd", "bcde", strict=True):
        chain.connect(a, b)
    return Case(chain)


@case
def parallel_calls() -> Case:
    """Two calls of one step: the first failure fails the caller, the other call runs on."""
    chain = chain_of(function("f"), function("g", error_rate=0.3), function("h", error_rate=0.3, timeout_s=1))
    chain.connect("f", "g")
    chain.connect("f", "h")
    return Case(chain)


@case
def parallel_calls_taken_by_chance() -> Case:
    """Calls of one step that only some requests make; failures taken as answers."""
    chain = chain_of(function("f"), *(function(name, error_rate=0.3) for name in "ghi"))
    for name, p in (("g", 0.5), ("h", 0.8), ("i", 0.3)):
        chain.connect("f", name, probability=p, on_error="continue")
    return Case(chain)


@case
def calls_of_a_case() -> Case:
    """Links that exclude each other, in two steps; with some probability none is taken."""
    chain = chain_of(function("f"), *(function(name) for name in "ghij"))
    for name, p, step in (("g", 0.3, 1), ("h", 0.5, 1), ("i", 0.1, 2)):
        chain.connect("f", name, case="way", probability=p, step=step)
    chain.connect("f", "j", step=3, after_fraction=0.9)
    return Case(chain)


@case
def two_cases_in_one_step() -> Case:
    """Two choices at once: the calls that were chosen run side by side."""
    chain = chain_of(function("f"), *(function(name, error_rate=0.1) for name in "ghij"))
    for name, way in zip("ghij", "xxyy", strict=True):
        chain.connect("f", name, case=way, probability=0.5)
    return Case(chain)


@case
def retries_with_jitter() -> Case:
    """A caller that tries again, and gives up waiting after a while."""
    chain = chain_of(function("f"), function("g", error_rate=0.4, reserved_concurrency=4))
    retry = ck.Retry(max_attempts=4, interval_s=0.1, max_delay_s=0.3, jitter="full")
    chain.connect("f", "g", retry=retry, client_timeout_s=0.25)
    return Case(chain)


@case
def retries_side_by_side() -> Case:
    """Parallel calls with retries under a short timeout of their caller."""
    chain = chain_of(function("f", timeout_s=2), *(function(name, error_rate=0.5) for name in "gh"))
    for name in "gh":
        chain.connect("f", name, retry=ck.Retry(max_attempts=5, interval_s=0.2, backoff_rate=3.0))
    return Case(chain)


@case
def caller_times_out_while_it_waits() -> Case:
    """A caller cut in the middle of a call: the callee runs on and completes or fails."""
    chain = chain_of(function("f", timeout_s=1), function("g", duration=Exponential(mean_s=0.8), error_rate=0.2))
    chain.connect("f", "g", after_fraction=0.1)
    return Case(chain)


@case
def diamond() -> Case:
    """A function reached by two ways draws anew for each."""
    chain = chain_of(*(function(name, error_rate=0.05) for name in "abcd"))
    for a, b in ("ab", "ac", "bd", "cd"):
        chain.connect(a, b)
    return Case(chain)


@case
def call_of_itself() -> Case:
    """A synchronous circle with a chance to leave it."""
    chain = chain_of(function("start", timeout_s=60), function("f", timeout_s=60))
    chain.connect("start", "f")
    chain.connect("f", "f", probability=0.5)
    return Case(chain)


@case
def routes_of_an_api() -> Case:
    """Each request takes one route: one of two functions, or a queue."""
    chain = chain_of(ck.HttpApi("api"), function("f"), function("g", error_rate=0.2), ck.SqsQueue("q"))
    chain.connect("api", "f", probability=0.5, route="GET /")
    chain.connect("api", "q", probability=0.3, route="POST /")
    chain.connect("api", "g", probability=0.2, route="PUT /")
    return Case(chain)


# --- asynchronous events ---


@case
def events_with_retries() -> Case:
    """Errors are tried again after one and two minutes, then the event is dropped."""
    chain = chain_of(function("f"), function("g", error_rate=0.4, poison_fraction=0.05, timeout_s=1))
    chain.connect("f", "g", link="async", count=2)
    return Case(chain)


@case
def throttled_events() -> Case:
    """Throttled events come again after 1, 2, 4 seconds, until they are too old."""
    g = function("g", duration=Exponential(mean_s=2.0), reserved_concurrency=2, maximum_event_age_s=60, error_rate=0.1)
    chain = chain_of(function("f"), g)
    chain.connect("f", "g", link="async")
    return Case(chain, Poisson(rate_per_s=3))


@case
def events_to_a_function_that_is_off() -> Case:
    """Events for a function without any concurrency are dropped at once."""
    chain = chain_of(function("f"), function("g", reserved_concurrency=0))
    chain.connect("f", "g", link="async", probability=0.7)
    return Case(chain)


@case
def destinations() -> Case:
    """Records of success and failure go to a queue and a function."""
    g = function("g", error_rate=0.5, maximum_retry_attempts=1)
    chain = chain_of(function("f"), g, function("ok"), ck.SqsQueue("dead"), function("h"))
    chain.connect("f", "g", link="async")
    chain.connect("g", "ok", link="on_success")
    chain.connect("g", "dead", link="on_failure")
    chain.connect("dead", "h", batch_size=1)
    chain.connect("f", "h", link="async")
    chain.connect("h", "ok", link="on_failure")
    chain.set("h", error_rate=0.5)
    return Case(chain)


# --- queues ---


def queue_chain(mapping: dict[str, Any], **pay: Any) -> ck.Chain:
    """Return a queue, its function and its dead-letter queue."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=60), function("pay", **pay), ck.SqsQueue("dead"))
    chain.connect("q", "pay", **mapping)
    chain.connect("q", "dead", link="redrive", max_receive_count=3)
    return chain


@case
def queue_of_single_messages() -> Case:
    """Batches of one; failures come back, poison ends in the dead-letter queue."""
    return Case(queue_chain({"batch_size": 1}, error_rate=0.2, poison_fraction=0.05))


@case
def batches() -> Case:
    """One failure fails the whole batch."""
    return Case(queue_chain({"batch_size": 5}, error_rate=0.1, timeout_s=2), Poisson(rate_per_s=60))


@case
def batches_with_a_window() -> Case:
    """Batches gather for two seconds or until they are full."""
    overhead = LogNormal(p50_s=0.03, p99_s=0.1)
    return Case(queue_chain({"batch_size": 20, "maximum_batching_window_s": 2}, error_rate=0.02, overhead=overhead))


@case
def partial_failures() -> Case:
    """Only the messages that failed come back."""
    mapping = {"batch_size": 10, "maximum_batching_window_s": 1, "report_batch_item_failures": True}
    return Case(queue_chain(mapping, error_rate=0.2, poison_fraction=0.1))


@case
def batches_of_a_calling_function() -> Case:
    """The units of a batch call, one after another."""
    chain = queue_chain({"batch_size": 4, "maximum_batching_window_s": 1}, error_rate=0.05)
    chain.add(function("bank", error_rate=0.05))
    chain.connect("pay", "bank")
    return Case(chain)


@case
def partial_failures_of_a_calling_function() -> Case:
    """A unit whose call fails is one failed message."""
    mapping = {"batch_size": 4, "maximum_batching_window_s": 1, "report_batch_item_failures": True}
    chain = queue_chain(mapping, error_rate=0.05, timeout_s=2, first_duration=0.5, keep_alive=0.5)
    for name in ("bank", "post"):
        chain.add(function(name, error_rate=0.1))
        chain.connect("pay", name)
    chain.add(ck.SqsQueue("log"))
    chain.connect("pay", "log", count=2)
    return Case(chain)


@case
def few_batches_at_once() -> Case:
    """Maximum concurrency makes messages wait."""
    return Case(queue_chain({"batch_size": 3, "maximum_concurrency": 2}, error_rate=0.05), Poisson(rate_per_s=40))


@case
def poller_ramp() -> Case:
    """A burst meets five pollers, which become more by five a second."""
    pay = {"duration": Exponential(mean_s=3.0), "timeout_s": 30}
    return Case(queue_chain({"batch_size": 1}, **pay), Poisson(rate_per_s=50), requests=600)


@case
def throttled_batches() -> Case:
    """The poller's batches find no environment: their messages come back."""
    return Case(queue_chain({"batch_size": 2}, reserved_concurrency=2), Poisson(rate_per_s=30))


@case
def delayed_queue_with_a_second_life() -> Case:
    """Messages wait before they are visible; dead letters are worked by another function."""
    chain = queue_chain({"batch_size": 2}, error_rate=0.5)
    chain.set("q", delay_s=5)
    chain.add(function("mend", error_rate=0.1))
    chain.connect("dead", "mend", batch_size=1)
    chain.add(function("first"))
    chain.connect("first", "q", count=2)
    return Case(chain)


@case
def queue_that_forgets_nothing() -> Case:
    """Without a dead-letter queue poison comes back until the run ends."""
    chain = chain_of(ck.SqsQueue("q"), function("pay", poison_fraction=0.1))
    chain.connect("q", "pay", batch_size=1)
    return Case(chain, drain_s=500.0)


# --- topics and buses ---


@case
def topic_with_filters() -> Case:
    """Filters that look at one attribute agree with each other."""
    chain = chain_of(function("f"), ck.SnsTopic("news"), function("ship"), function("mail"), ck.SqsQueue("all"))
    chain.connect("f", "news", count=2)
    chain.connect("news", "ship", filter_policy={"kind": ["physical"]})
    chain.connect(
        "news", "mail", filter_policy={"kind": [{"anything-but": ["physical"]}], "price": [{"numeric": [">", 9]}]}
    )
    chain.connect("news", "all", filter_policy={"colour": ["red"]}, match_fraction=0.4)
    chain.add(function("sort"))
    chain.connect("all", "sort", batch_size=1)
    return Case(chain, Poisson(rate_per_s=5, attributes=KINDS))


@case
def bus_with_rules() -> Case:
    """A bus in front: nobody waits, and some requests go nowhere."""
    chain = chain_of(ck.EventBus("bus"), function("f", error_rate=0.2), ck.SqsQueue("q"), function("g"))
    chain.connect("bus", "f", event_pattern={"detail": {"kind": ["physical"], "price": [50]}})
    chain.connect("bus", "q", event_pattern={"detail": {"price": [{"numeric": ["<", 10]}]}})
    chain.connect("q", "g", batch_size=3)
    return Case(chain, Poisson(rate_per_s=5, attributes=KINDS))


# --- state machines ---


RETRY = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 3.0}


@case
def machine_of_two_tasks() -> Case:
    """A Standard workflow: nobody waits for its end."""
    flow = machine({"A": task("a", Next="B"), "B": task("b")}, "STANDARD")
    return Case(chain_of(flow, function("a"), function("b", error_rate=0.1)))


@case
def machine_behind_an_api() -> Case:
    """An Express workflow answers its caller."""
    flow = machine({"A": task("a", Next="W"), "W": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": task("b")})
    chain = chain_of(ck.HttpApi("api", integration_timeout_s=1.5), flow, function("a"), function("b", error_rate=0.1))
    chain.connect("api", "flow")
    return Case(chain)


@case
def retriers_and_catchers() -> Case:
    """The first retrier that matches decides; then the catchers; counters begin anew at the next visit."""
    bank = {"ErrorEquals": ["BankError"], "IntervalSeconds": 2, "MaxAttempts": 1, "JitterStrategy": "FULL"}
    full = {"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxDelaySeconds": 3}
    slow = {"ErrorEquals": ["Sandbox.Timedout"], "MaxAttempts": 1}
    caught = [{"ErrorEquals": ["BankError"], "Next": "Sorry"}, {"ErrorEquals": ["States.TaskFailed"], "Next": "Again"}]
    states = {
        "Pay": task("pay", Next="Ship", Retry=[bank, full, slow], Catch=caught),
        "Again": {"Type": "Choice", "Choices": rules("Pay"), "Default": "No"},
        "Sorry": task("mail", Next="No", Retry=[RETRY]),
        "No": {"Type": "Fail", "Error": "Refused"},
        "Ship": task("ship"),
    }  # fmt: skip
    pay = function("pay", error_rate=0.4, error_name="BankError", timeout_s=1, duration=Exponential(mean_s=0.6))
    chain = chain_of(
        machine(states, choices={"Again": [0.5, 0.5]}),
        pay.with_settings(reserved_concurrency=3),
        function("mail", error_rate=0.3),
        function("ship"),
    )
    return Case(chain)


@case
def parallel_states() -> Case:
    """Branches side by side: the first failure fails the state, which is tried again."""
    branches = [
        {"StartAt": "A", "States": {"A": task("a", Next="A2"), "A2": task("a2")}},
        {"StartAt": "B", "States": {"B": task("b")}},
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "Next": "C"}, "C": task("c")}},
    ]
    states = {
        "Both": {"Type": "Parallel", "Branches": branches, "Retry": [RETRY], "Next": "End"},
        "End": task("end"),
    }
    names = ("a", "a2", "c", "end")
    return Case(chain_of(machine(states), function("b", error_rate=0.4), *(function(name) for name in names)))


@case
def parallel_in_parallel() -> Case:
    """A failure stops what goes on inside an inner parallel state."""
    waits = {"W": {"Type": "Wait", "Seconds": 1, "Next": "C"}, "C": task("c")}
    inner = {"Type": "Parallel", "Branches": [{"StartAt": "W", "States": waits}], "End": True}
    branches = [
        {"StartAt": "A", "States": {"A": task("a")}},
        {"StartAt": "Inner", "States": {"Inner": inner}},
    ]
    states = {"Both": {"Type": "Parallel", "Branches": branches, "End": True}}
    return Case(chain_of(machine(states), function("a", error_rate=0.5), function("c")))


@case
def loop_of_states() -> Case:
    """A choice that leads back draws anew each turn."""
    states = {
        "Work": task("work", Next="More"),
        "More": {"Type": "Choice", "Choices": rules("Work"), "Default": "Done"},
        "Done": {"Type": "Succeed"},
    }
    return Case(chain_of(machine(states, choices={"More": [0.6, 0.4]}), function("work")))


@case
def machine_that_hands_over() -> Case:
    """Tasks that send messages and start events, and go on."""
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "${q}"}}
    event = {"FunctionName": "${late}", "InvocationType": "Event"}
    states = {
        "Send": {**send, "Next": "Event"},
        "Event": {**task("late", Next="Last"), "Parameters": event},
        "Last": task("last"),
    }
    chain = chain_of(machine(states), ck.SqsQueue("q"), function("pay"), function("late"), function("last"))
    chain.connect("q", "pay", batch_size=2)
    return Case(chain)
