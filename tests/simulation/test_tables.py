"""What a run counts is what AWS bills: every meter beside a count by hand. KB and MB are of 1,024."""

import math
from collections import Counter
from typing import Any

import pytest

import chainkit as ck
from tests.simulation.case import chain_of

KB, MB, GB = 2**10, 2**20, 2**30
AT_ONCE = ck.Steady(rate_per_s=1e5)


def counts(chain: ck.Chain, load: Any = AT_ONCE, *, requests: int = 100, **options: Any) -> Counter[tuple[str, str]]:
    """Return (node, counter or price) -> what a run without hops used, in units of the counter or of the price."""
    settings = {"latency": ck.no_latency, "seed": 1, "replications": 1, **options}
    run = ck.simulate(chain, load, requests=requests, **settings)
    found: Counter[tuple[str, str]] = Counter()
    for line in run.usage.lines:
        found[line.node, line.meter.price] += line.quantity
    counted = {(line.node, line.meter.counter): line.quantity / line.meter.factor for line in run.usage.lines}
    return found | Counter(counted)


def f(name: str = "f", **settings: Any) -> ck.LambdaFunction:
    return ck.LambdaFunction(name, **{"memory_mb": 1024, "duration": 0.1, "init": 0, **settings})


def caller(target: Any, **options: Any) -> ck.Chain:
    """Return a function that hands each request to another service."""
    chain = chain_of(f("caller"), target)
    chain.connect("caller", target, **options)
    return chain


# --- functions ---


def test_init_and_handler_are_added_before_they_are_rounded() -> None:
    """AWS Compute Blog 2025-04-29: 250.06 ms and an INIT of 100.77 ms are billed as 351 ms, not 352."""
    chain = chain_of(f(duration=0.25006, init=0.10077, keep_alive=0))
    used = counts(chain, ck.Steady(rate_per_s=0.5), requests=10)

    assert used["f", "init_ms"] == pytest.approx(10 * 100.77)
    assert used["f", "run_ms"] + used["f", "init_ms"] == pytest.approx(10 * 351)
    assert used["f", "lambda-gb-s-x86"] == pytest.approx(10 * 0.351)


@pytest.mark.parametrize(("duration_s", "billed_ms"), [(0.0101, 11), (0.010, 10), (0.0001, 1)])
def test_each_run_is_rounded_up_to_a_millisecond(duration_s: float, billed_ms: int) -> None:
    used = counts(chain_of(f(duration=duration_s)), ck.Steady(rate_per_s=1), requests=50)

    assert used["f", "run_ms"] == 50 * billed_ms


def test_a_run_that_is_cut_is_billed_to_its_timeout_and_one_that_is_refused_not_at_all() -> None:
    cut = counts(chain_of(f(duration=9, timeout_s=2)), ck.Steady(rate_per_s=0.1), requests=10)
    refused = counts(chain_of(f(duration=9, timeout_s=10, reserved_concurrency=3)), requests=10)

    assert (cut["f", "invocations"], cut["f", "run_ms"]) == (10, 20_000)
    assert (refused["f", "invocations"], refused["f", "run_ms"]) == (3, 27_000)


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (1, 2), (2, 3)])
def test_each_try_of_an_event_is_a_request(retries: int, runs: int) -> None:
    chain = caller(f(error_rate=1, maximum_retry_attempts=retries), link="async")

    assert counts(chain)["f", "invocations"] == 100 * runs


@pytest.mark.parametrize(("size", "more"), [(KB, 0), (256 * KB, 0), (256 * KB + 1, 1), (600 * KB, 6), (MB, 12)])
def test_an_event_over_256_kb_is_one_more_request_for_each_64_kb(size: int, more: int) -> None:
    """Lambda pricing page (2026); of an event, however often it is tried."""
    chain = caller(f(error_rate=1), link="async", message_bytes=size)
    used = counts(chain)

    assert used["f", "extra_requests"] == 100 * more
    assert used["f", "lambda-requests"] == 100 * (3 + more)


def test_a_call_that_waits_is_one_request_however_large_it_is() -> None:
    assert counts(caller(f(), message_bytes=6 * MB))["f", "lambda-requests"] == 100


def test_a_delivery_is_as_large_as_what_was_published_not_as_another_call() -> None:
    chain = caller(ck.SnsTopic("news"), message_bytes=100 * KB)
    chain.add(f())
    chain.add(ck.SqsQueue("copy"))
    chain.connect("news", "f")
    chain.connect("news", "copy")
    chain.connect("caller", "f", message_bytes=6 * MB)
    chain.connect("caller", "copy", message_bytes=MB, probability=0.0)
    used = counts(chain)

    assert used["f", "extra_requests"] == 0
    assert used["copy", "sends"] == 100 * 2
    assert used["news", "messages"] == 100 * 2


def test_a_ping_is_billed_as_every_run() -> None:
    chain = chain_of(f(warmer=ck.Warmer(every_s=60, environments=2, duration=0.02), log_bytes=500))
    used = counts(chain, ck.Steady(rate_per_s=0.01), requests=10)
    pings = 2 * (math.floor(1000 / 60) + 1)

    assert used["f", "invocations"] == pytest.approx(10 + pings)
    assert used["f", "run_ms"] == pytest.approx(10 * 100 + pings * 20)
    assert used["f", "logs-ingestion-gb"] == pytest.approx((10 + pings) * 500 / GB)


def test_storage_over_512_mb_is_billed_for_run_time_and_init() -> None:
    plain = {"duration": 0.25006, "init": 0.10077, "keep_alive": 0}
    more = counts(chain_of(f(**plain, ephemeral_storage_mb=2560)), ck.Steady(rate_per_s=0.5), requests=10)
    none = counts(chain_of(f(**plain)), ck.Steady(rate_per_s=0.5), requests=10)

    assert more["f", "lambda-ephemeral-gb-s"] == pytest.approx(10 * 0.351 * 2)
    assert none["f", "lambda-ephemeral-gb-s"] == 0


def test_storage_is_billed_in_environments_kept_ready_too() -> None:
    chain = chain_of(f(provisioned_concurrency=1, ephemeral_storage_mb=1536))
    used = counts(chain, ck.Steady(rate_per_s=1), requests=20)

    assert used["f", "lambda-ephemeral-gb-s"] == pytest.approx(20 * 0.1)


# --- environments kept ready ---


def scheduled(count: int, *schedule: tuple[float, int, int]) -> ck.Chain:
    scaling = ck.ProvisionedScaling(minimum=0, maximum=10, target=None, schedule=[*schedule], every_s=None)
    return chain_of(f(provisioned_concurrency=count, provisioned_scaling=scaling))


@pytest.mark.parametrize(
    ("chain", "billed_s"),
    [
        (scheduled(2), 2 * 1000),  # goes on after the run: no period has ended
        (scheduled(1, (100.25, 0, 0)), 300),
        (scheduled(1, (300.0, 0, 0)), 300),
        (scheduled(1, (300.25, 0, 0)), 600),
        (scheduled(3, (400.25, 1, 1)), 2 * 600 + 1000),  # two are taken back, one stays
        (scheduled(0, (10.0, 1, 1), (200.0, 0, 0)), 300),  # there from 100 s on
        (scheduled(1, (10.0, 3, 3), (120.0, 2, 2)), 300 + 1000 + 900),  # one there for 20 s, one from 100 s on
    ],
)
def test_a_period_of_provisioned_concurrency_is_rounded_up_to_five_minutes(chain: ck.Chain, billed_s: float) -> None:
    used = counts(chain, ck.Steady(rate_per_s=1), requests=1000)

    assert used["f", "provisioned_s"] == pytest.approx(billed_s)
    assert used["f", "lambda-provisioned-gb-s-x86"] == pytest.approx(billed_s)


def test_the_table_shows_how_long_environments_were_there() -> None:
    run = ck.simulate(scheduled(1, (100.25, 0, 0)), ck.Steady(rate_per_s=1), requests=200, seed=1, replications=1)

    assert run.nodes.loc["f", "provisioned_s"] == pytest.approx(100.25)


def test_what_spills_over_is_billed_on_demand_with_its_init() -> None:
    chain = chain_of(f(provisioned_concurrency=2, init=0.2, timeout_s=10))
    used = counts(chain, requests=5)

    assert used["f", "invocations"] == 5
    assert used["f", "provisioned_run_ms"] == 2 * 100
    assert used["f", "run_ms"] == pytest.approx(3 * 100)
    assert used["f", "init_ms"] == pytest.approx(3 * 200)


@pytest.mark.parametrize(("runtime", "is_paid"), [("python3.12", True), ("dotnet8", True), ("java21", False)])
def test_a_snapshot_is_paid_for_while_it_is_kept_and_when_it_is_restored(runtime: str, is_paid: bool) -> None:
    chain = chain_of(f(memory_mb=2048, snap_start=True, runtime=runtime, keep_alive=0))
    used = counts(chain, ck.Steady(rate_per_s=0.1), requests=10)

    assert used["f", "lambda-snapstart-restore-gb"] == is_paid * 10 * 2
    assert used["f", "lambda-snapstart-cache-gb-s"] == pytest.approx(is_paid * 100 * 2)


# --- logs ---


@pytest.mark.parametrize("days", [1, 14, 365])
def test_logs_are_paid_for_as_they_come_and_while_they_are_kept(days: int) -> None:
    used = counts(chain_of(f(log_bytes=2_000, log_retention_days=days)))
    taken_in = 100 * 2_000 / GB

    assert used["f", "logs-ingestion-gb"] == pytest.approx(taken_in)
    assert used["f", "logs-storage-gb-month"] == pytest.approx(taken_in * 0.2 * days / 30)


# --- queues ---


def polled(batch_size: int = 10, window_s: int = 0, count: int = 1, **options: Any) -> ck.Chain:
    """Return a function that sends to a queue which another works."""
    chain = chain_of(f("caller"), ck.SqsQueue("q", visibility_timeout_s=60), f("pay", duration=0.01, timeout_s=10))
    chain.connect("caller", "q", message_bytes=options.pop("size", KB), count=count)
    chain.connect("q", "pay", batch_size=batch_size, maximum_batching_window_s=window_s, **options)
    return chain


@pytest.mark.parametrize(("size", "units"), [(KB, 1), (64 * KB, 1), (64 * KB + 1, 2), (256 * KB, 4), (MB, 16)])
def test_each_64_kb_sent_or_received_is_a_request(size: int, units: int) -> None:
    """SQS pricing page: 256 KB are four requests, 1 MB is sixteen."""
    used = counts(polled(batch_size=1, size=size))

    assert used["q", "sends"] == used["q", "receives"] == 100 * units
    assert used["q", "deletes"] == 100


def test_messages_are_sent_one_by_one() -> None:
    assert counts(polled(count=7))["q", "sends"] == 700


@pytest.mark.parametrize(
    ("batch_size", "size", "units"),
    [(10, KB, 1), (10, 10 * KB, 2), (100, KB, 10), (100, 10 * KB, 20), (95, KB, 10), (95, 64 * KB, 95)],
)
def test_a_receive_brings_ten_messages_and_each_64_kb_of_them_is_a_request(
    batch_size: int, size: int, units: int
) -> None:
    used = counts(polled(batch_size=batch_size, window_s=5, size=size), requests=batch_size * 4)

    assert used["pay", "invocations"] == 4
    assert used["q", "receives"] == 4 * units
    assert used["q", "deletes"] == 4 * math.ceil(batch_size / 10)


def test_what_fails_is_received_again_and_deleted_once_it_succeeds() -> None:
    """No ChangeMessageVisibility, and the way to the dead-letter queue is no request."""
    chain = polled(batch_size=1)
    chain.set("pay", error_rate=1.0)
    chain.add(ck.SqsQueue("dead"))
    chain.connect("q", "dead", link="redrive", max_receive_count=3)
    used = counts(chain)

    assert used["q", "sends"] == 100
    assert used["q", "receives"] == used["pay", "invocations"] == 300
    assert used["q", "deletes"] == used["dead", "sends"] == 0


@pytest.mark.parametrize(
    ("options", "pollers"),
    [({}, 5), ({"maximum_concurrency": 2}, 5), ({"minimum_pollers": 3, "maximum_pollers": 9}, 3)],
)
def test_pollers_that_find_nothing_ask_every_twenty_seconds(options: dict[str, int], pollers: int) -> None:
    used = counts(polled(**options), ck.Steady(rate_per_s=1 / 36), requests=100)  # an hour

    assert used["q", "empty_receives"] == pytest.approx(pollers * 180)
    assert used["q", "lambda-sqs-poller-hours"] == pytest.approx(options.get("minimum_pollers", 0))


def test_a_queue_that_nobody_polls_is_not_asked() -> None:
    assert counts(caller(ck.SqsQueue("q")), ck.Steady(rate_per_s=1))["q", "sqs-standard-requests"] == 100


# --- topics and buses ---


@pytest.mark.parametrize("kind", [ck.SnsTopic, ck.EventBus])
@pytest.mark.parametrize(("size", "units"), [(KB, 1), (64 * KB, 1), (64 * KB + 1, 2), (256 * KB, 4)])
def test_each_64_kb_published_is_one_and_deliveries_are_free(kind: Any, size: int, units: int) -> None:
    chain = caller(kind("news"), message_bytes=size)
    for name in ("a", "b", "c"):
        chain.add(f(name))
        chain.connect("news", name)
    run = ck.simulate(chain, AT_ONCE, requests=100, seed=1, replications=1)
    lines = {
        line.price: line.quantity for line in ck.bill(chain, run, requests_per_month=100).lines if line.node == "news"
    }

    assert lines == {"sns-publishes" if kind is ck.SnsTopic else "events-custom": 100 * units}


def test_an_event_that_cannot_be_delivered_is_sent_to_its_dead_letters_as_large_as_it_is() -> None:
    chain = caller(ck.EventBus("bus"), message_bytes=100 * KB)
    chain.add(f())
    chain.add(ck.SqsQueue("lost"))
    chain.connect("bus", "f", delivery_error_rate=1.0, maximum_retry_attempts=0, dead_letter_queue="lost")
    used = counts(chain)

    assert used["lost", "sends"] == 100 * 2
    assert used["f", "invocations"] == 0


# --- state machines ---


def machine(workflow: str, **settings: Any) -> ck.Chain:
    """Return a machine of three states whose second tries twice more."""
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1}]
    states = {
        "Begin": {"Type": "Pass", "Next": "Pay"},
        "Pay": {"Type": "Task", "Resource": "${f}", "Retry": retry, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    }
    chain = chain_of(f(**settings), ck.StateMachine("flow", workflow=workflow))
    chain.set("flow", definition={"StartAt": "Begin", "States": states})
    return chain


@pytest.mark.parametrize(("error_rate", "transitions"), [(0.0, 3), (1.0, 4)])
def test_every_state_entered_and_every_retry_is_a_transition(error_rate: float, transitions: int) -> None:
    """Without errors three states; with them Begin, and Pay three times."""
    used = counts(machine("STANDARD", error_rate=error_rate), ck.Steady(rate_per_s=1))

    assert used["flow", "stepfunctions-transitions"] == 100 * transitions


@pytest.mark.parametrize(("duration_s", "units"), [(0.1, 1), (0.101, 2), (0.25, 3)])
def test_an_express_run_is_a_request_and_time_by_100_ms_at_64_mb(duration_s: float, units: int) -> None:
    used = counts(machine("EXPRESS", duration=duration_s), ck.Steady(rate_per_s=1))

    assert used["flow", "stepfunctions-express-requests"] == 100
    assert used["flow", "stepfunctions-express-gb-s"] == pytest.approx(100 * units * 0.1 * 64 / 1024)


@pytest.mark.parametrize(("branches", "size", "memory_mb"), [(2, KB, 64), (64, 200 * KB, 64), (80, 200 * KB, 128)])
def test_the_memory_of_an_express_run_is_50_mb_the_definition_and_the_payload_of_each_branch(
    branches: int, size: int, memory_mb: int
) -> None:
    each = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "${f}", "End": True}}}
    state = {"Type": "Parallel", "Branches": [each] * branches, "End": True}
    flow = ck.StateMachine("flow", workflow="EXPRESS", result_bytes={"Work": size})
    meter = flow.with_settings(definition={"StartAt": "All", "States": {"All": state}}).meters()[1]

    assert meter.factor == pytest.approx(0.1 * memory_mb / 1024)


# --- APIs ---


@pytest.mark.parametrize(
    ("asked", "answered", "units"),
    [(KB, None, 1), (512 * KB, 512 * KB, 1), (512 * KB + 1, None, 2), (KB, 600 * KB, 2), (5 * MB, KB, 10)],
)
def test_each_512_kb_of_a_request_or_its_answer_is_a_request(asked: int, answered: int | None, units: int) -> None:
    chain = chain_of(ck.HttpApi("api"), f())
    chain.connect("api", "f", message_bytes=asked, response_bytes=answered)
    used = counts(chain)

    assert used["api", "http-api-requests"] == 100 * units
    assert used["api", "transfer-internet-out-gb"] == pytest.approx(100 * (answered or 0) / GB)


def test_each_route_sends_out_its_own_answers_and_one_that_failed_none() -> None:
    chain = chain_of(ck.HttpApi("api"), f("page"), f("broken", error_rate=1), ck.SqsQueue("q"))
    chain.connect("api", "page", probability=0.5, response_bytes=100 * KB, route="GET /page")
    chain.connect("api", "broken", probability=0.25, response_bytes=100 * KB, route="GET /broken")
    chain.connect("api", "q", probability=0.25, message_bytes=MB, route="POST /q")
    used = counts(chain, requests=1000)
    pages, sent = used["page", "invocations"], used["q", "sends"] / 16

    assert 0 < sent < 1000 - pages
    assert used["api", "bytes_out"] == pages * 100 * KB
    assert used["api", "http-api-requests"] == 1000 + sent


def test_the_price_page_example_of_answers_going_out_holds() -> None:
    """API Gateway pricing page: 5 million answers of 3 KB are 14.31 GB of 1,024 MB, $1.29 at $0.09."""
    chain = chain_of(ck.HttpApi("api"), f())
    chain.connect("api", "f", response_bytes=3 * KB)
    run = ck.simulate(chain, AT_ONCE, requests=100, seed=1, replications=1)
    out = [line for line in ck.bill(chain, run, requests_per_month=5e6).lines if line.price.startswith("transfer")]

    assert [line.quantity for line in out] == pytest.approx([14.3051], abs=1e-4)
    assert [round(line.usd, 2) for line in out] == [1.29]
