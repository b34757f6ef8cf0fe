"""The links: which fit where, what each is, and what AWS would refuse about it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.errors import ConfigError, WiringError
from chainkit.service import registry
from chainkit.services.http_api import HttpApi
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sqs_queue import SqsQueue
from chainkit.wiring import LINKS, WORDS, Invocation, Redrive, Retry, Subscription, fitting, make
from tests.strategies import links

FITS = {
    ("HttpApi", "LambdaFunction"): ["sync", "async"],
    ("HttpApi", "SqsQueue"): ["send"],
    ("HttpApi", "EventBus"): ["put_events"],
    ("HttpApi", "StateMachine"): ["sync", "async"],
    ("LambdaFunction", "LambdaFunction"): ["sync", "async", "on_failure", "on_success"],
    ("LambdaFunction", "SqsQueue"): ["send", "on_failure", "on_success"],
    ("LambdaFunction", "SnsTopic"): ["publish", "on_failure", "on_success"],
    ("LambdaFunction", "EventBus"): ["put_events", "on_failure", "on_success"],
    ("LambdaFunction", "StateMachine"): ["sync", "async"],
    ("SqsQueue", "LambdaFunction"): ["mapping"],
    ("SqsQueue", "SqsQueue"): ["redrive"],
    ("SnsTopic", "LambdaFunction"): ["subscription"],
    ("SnsTopic", "SqsQueue"): ["subscription"],
    ("EventBus", "LambdaFunction"): ["rule"],
    ("EventBus", "SqsQueue"): ["rule"],
    ("EventBus", "SnsTopic"): ["rule"],
    ("EventBus", "EventBus"): ["rule"],
    ("EventBus", "StateMachine"): ["rule"],
}
"""(from, to) -> the `link=` words that fit, the default first; every other pair cannot be connected."""
PAIRS = [*product(sorted(registry), repeat=2)]
FITTING = [pair for pair in PAIRS if pair in FITS]

API, PAY, JOBS = HttpApi("api"), LambdaFunction("pay"), SqsQueue("jobs")


def ends(pair):
    """Return two services of these kinds."""
    return registry[pair[0]]("first"), registry[pair[1]]("second")


def refusal(kind, *args):
    with pytest.raises(kind) as caught:
        make(*args)
    return caught.value.problem, caught.value.fix


# --- what fits ---


@pytest.mark.parametrize("pair", PAIRS, ids=">".join)
def test_what_fits_between_two_services(pair):
    assert fitting(*ends(pair)) == FITS.get(pair, [])


@pytest.mark.parametrize("pair", FITTING, ids=">".join)
def test_the_plain_call_is_the_default(pair):
    source, target = ends(pair)

    assert make(source, target, None, {}).word == FITS[pair][0]


@pytest.mark.parametrize("pair", FITTING, ids=">".join)
def test_every_fitting_word_makes_a_link_of_that_word(pair):
    source, target = ends(pair)
    for word in FITS[pair]:
        link = make(source, target, word, {})

        assert (link.word, link.source, link.target) == (word, "first", "second")
        assert link.fits(source, target)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in FITS], ids=">".join)
def test_what_fits_nowhere_is_refused_with_both_ports(pair):
    source, target = ends(pair)

    problem, fix = refusal(WiringError, source, target, None, {})
    between = [cls for cls in registry if (pair[0], cls) in FITS and (cls, pair[1]) in FITS and cls != pair[0]]

    assert problem == (
        f"cannot connect 'first' to 'second': {pair[0]} emits {', '.join(source.port.emits) or 'nothing'}; "
        f"{pair[1]} accepts {', '.join(target.port.accepts) or 'nothing'}"
    )
    assert fix == (
        f"put a service between them: {' or '.join(between)}" if between else "nothing can stand between them"
    )


@pytest.mark.parametrize("kind", registry)
def test_every_service_has_a_link_in_or_out(kind):
    assert any(kind in pair for pair in FITS)


@pytest.mark.parametrize("pair", FITTING, ids=">".join)
@given(data=st.data())
def test_what_a_link_states_makes_the_same_link(pair, data):
    source, target = ends(pair)
    word, options = data.draw(links(source, target))
    link = make(source, target, word, options)
    plain = link.to_plain()

    assert make(source, target, plain.pop("link"), plain) == link


# --- refusals ---


def test_an_unknown_word_is_refused_with_the_nearest_and_those_that_fit():
    assert refusal(WiringError, PAY, JOBS, "sendd", {}) == (
        "'pay' to 'jobs': link='sendd' is unknown (did you mean 'send'?)",
        "links that fit here: send, on_failure, on_success",
    )


def test_a_word_that_does_not_lead_there_is_refused_with_those_that_do():
    assert refusal(WiringError, JOBS, PAY, "sync", {}) == (
        "cannot connect 'jobs' to 'pay' by link='sync': it does not lead from SqsQueue to LambdaFunction",
        "links that fit here: mapping",
    )


def test_an_unknown_option_is_refused_with_the_nearest():
    assert refusal(ConfigError, JOBS, PAY, None, {"batchsize": 5}) == (
        "EventSourceMapping 'jobs' to 'pay': unknown setting 'batchsize' (did you mean 'batch_size'?)",
        "known settings: batch_size, maximum_batching_window_s, maximum_concurrency, minimum_pollers, maximum_pollers, "
        "report_batch_item_failures, enabled",
    )


def test_an_option_out_of_range_is_refused():
    assert refusal(ConfigError, JOBS, PAY, None, {"batch_size": 0}) == (
        "EventSourceMapping 'jobs' to 'pay': batch_size=0 is outside 1..10000",
        "choose batch_size in 1..10000 (SQS mapping, 2026)",
    )


@pytest.mark.parametrize("end", ["source", "target"])
def test_the_ends_are_no_options(end):
    problem, fix = refusal(ConfigError, JOBS, PAY, None, {end: "x"})

    assert problem == f"EventSourceMapping 'jobs' to 'pay': {end}='x' is no setting"
    assert fix == "leave it out: a link is made between its two ends"


def test_a_batch_over_ten_needs_a_window():
    link = make(JOBS, PAY, None, {"batch_size": 100})
    [problem] = link.problems("jobs>pay", JOBS, PAY)

    assert problem.problem == "link 'jobs>pay': batch_size=100 needs a batching window"
    assert problem.fix == "set maximum_batching_window_s to 1 or more, or batch_size to 10 or less"


def test_a_queue_that_shows_messages_again_before_the_function_ends_is_refused():
    slow = LambdaFunction("pay", timeout_s=60)
    [problem] = make(JOBS, slow, None, {}).problems("jobs>pay", JOBS, slow)

    assert problem.problem == (
        "link 'jobs>pay': visibility_timeout_s=30 of 'jobs' is shorter than timeout_s=60 of 'pay'; "
        "Lambda refuses such a mapping"
    )
    assert problem.fix == "set visibility_timeout_s of 'jobs' to 360, six times the timeout"


def test_a_message_over_the_carrier_s_limit_is_refused():
    link = make(PAY, JOBS, None, {"message_bytes": 2_000_000})
    [problem] = link.problems("pay>jobs", PAY, JOBS)

    assert (
        problem.problem == "link 'pay>jobs': message_bytes=2000000 is over the 1048576 bytes that SendMessage carries"
    )
    assert problem.fix == "store the data and send its key"


def test_a_message_at_the_carrier_s_limit_is_taken():
    link = make(PAY, JOBS, None, {"message_bytes": 1_048_576})

    assert link.problems("pay>jobs", PAY, JOBS) == []


# --- what each link is ---


def test_words_are_told_apart_by_their_settings():
    assert make(API, PAY, "async", {}) == Invocation(source="api", target="pay", invocation_type="Event")
    assert make(PAY, JOBS, "on_success", {}).condition == "OnSuccess"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("sync", "sync"),
        ("async", "async"),
        ("send", "send"),
        ("publish", "send"),
        ("put_events", "send"),
        ("mapping", "poll"),
        ("subscription", "deliver"),
        ("rule", "deliver"),
        ("on_failure", "outcome"),
        ("on_success", "outcome"),
        ("redrive", "redrive"),
    ],
)
def test_every_word_has_its_invocation_kind(word, kind):
    cls, fixed = WORDS[word]

    assert cls(source="a", target="b", **fixed).kind == kind


def test_every_link_has_a_word():
    assert {cls for cls, _ in WORDS.values()} == {*LINKS}


@pytest.mark.parametrize("pair", FITTING, ids=">".join)
def test_every_hop_has_its_law_in_the_data(pair):
    from chainkit import data

    source, target = ends(pair)
    hops = {make(source, target, word, {}).hop(target) for word in FITS[pair]}

    assert hops - {""} <= data.latency()["hops"].keys()


def test_a_retry_is_read_from_a_mapping():
    link = make(API, PAY, None, {"retry": {"max_attempts": 2, "interval_s": 0.5}})

    assert link.retry == Retry(max_attempts=2, interval_s=0.5)


def test_a_retry_that_is_no_retry_is_refused():
    problem, _ = refusal(ConfigError, API, PAY, None, {"retry": 3})

    assert problem == "Invocation 'api' to 'pay': retry=3 is not an instance of Retry"


def test_a_dead_letter_queue_hangs_on_its_delivery():
    assert Subscription(source="a", target="b", dead_letter_queue="dead").dead_letters == "dead"
    assert Redrive(source="a", target="b").dead_letters is None


def test_code_is_told_where_its_target_is_and_a_poller_is_not():
    handle = make(PAY, JOBS, None, {}).handle(JOBS)

    assert handle is not None
    assert handle.suffix == "QUEUE_URL"
    assert make(JOBS, PAY, None, {}).handle(PAY) is None


# --- permissions ---


def test_a_caller_s_role_may_do_what_its_link_does():
    [(who, grant)] = make(PAY, JOBS, None, {}).grants(PAY, JOBS)

    assert (who, grant.actions, grant.resource) == ("pay", ("sqs:SendMessage",), JOBS.arn())


def test_an_api_is_let_in_by_the_function_s_policy_and_needs_no_role():
    link = make(API, PAY, None, {})

    assert link.grants(API, PAY) == []
    assert link.admissions(API, PAY) == [("pay", "apigateway.amazonaws.com", API.arn())]


def test_a_poller_uses_the_function_s_role():
    [(who, grant)] = make(JOBS, PAY, None, {}).grants(JOBS, PAY)

    assert who == "pay"
    assert grant.actions == ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def test_dead_letters_hang_on_the_queue_as_its_redrive_policy():
    dead = SqsQueue("dead")
    link = make(JOBS, dead, None, {"max_receive_count": 3})

    policy = {"deadLetterTargetArn": dead.arn(), "maxReceiveCount": 3}
    assert link.attachments(JOBS, dead) == [("jobs", "redrive", policy)]
