"""IAM's rules: AWS's documented cases by hand, laws over random policies, and moto's matcher as a second opinion."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.iam.access_control import IAMPolicy, PermissionResult

from chainkit.errors import ConfigError
from chainkit.permissions.evaluator import Decision, Document, Request, evaluate, is_about, matches

HERE, THERE = "123456789012", "210987654321"
ROLE, FOREIGN = f"arn:aws:iam::{HERE}:role/pay", f"arn:aws:iam::{THERE}:role/pay"
JOBS = f"arn:aws:sqs:eu-west-1:{HERE}:jobs"
TOPIC = f"arn:aws:sns:eu-west-1:{HERE}:news"


def statement(effect="Allow", action="sqs:SendMessage", resource=JOBS, **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements):
    return Document("policy", statements)


def allows(request, identity=(), resource=()):
    return evaluate(request, [policy(*identity)], [policy(*resource)]).is_allowed


def send(principal=ROLE, **context):
    return Request(principal, "sqs:SendMessage", JOBS, {key.replace("_", ":"): value for key, value in context.items()})


def named(who=ROLE, effect="Allow", **more):
    return statement(effect, Principal={"AWS": who}, **more)


def lets_in(service="sns.amazonaws.com", **conditions):
    return statement(Principal={"Service": service}, Condition=conditions)


# --- who decides: AWS's "Policy evaluation logic" ---


@pytest.mark.parametrize(
    ("identity", "resource", "expected"),
    [
        ((), (), False),  # implicit deny
        ((statement(),), (), True),  # one Allow is enough in an account, on either side
        ((), (named(),), True),
        ((statement(),), (named(),), True),
        ((statement(), statement("Deny")), (), False),  # an explicit Deny overrides any Allow
        ((statement(),), (named(effect="Deny"),), False),
        ((statement("Deny"),), (named(),), False),
        ((), (named(HERE),), False),  # a statement for the account delegates to the account
        ((statement(),), (named(HERE),), True),
        ((), (named(f"arn:aws:iam::{HERE}:root"),), False),
        ((), (named("*"),), True),
        ((), (statement(Principal="*"),), True),
        ((), (named(FOREIGN),), False),
        ((), (lets_in(),), False),  # a statement for a service is not for a role
    ],
)
def test_a_role_in_the_account_of_the_resource(identity, resource, expected):
    assert allows(send(), identity, resource) is expected


@pytest.mark.parametrize(
    ("identity", "resource", "expected"),
    [
        ((statement(),), (), False),  # across accounts both sides must allow
        ((), (named(FOREIGN),), False),
        ((statement(),), (named(FOREIGN),), True),
        ((statement(),), (named(THERE),), True),
        ((statement(),), (named(HERE),), False),
        ((statement(),), (named(FOREIGN), named(FOREIGN, "Deny")), False),
    ],
)
def test_a_role_of_another_account(identity, resource, expected):
    assert allows(send(FOREIGN), identity, resource) is expected


def test_a_service_is_let_in_by_the_resource_alone():
    caller = send("sns.amazonaws.com")

    assert allows(caller, (), (lets_in(),))
    assert not allows(caller, (statement(),), ())
    assert not allows(caller, (), (lets_in("events.amazonaws.com"),))
    assert not allows(caller, (), (named(HERE),))


def test_only_its_trust_decides_who_assumes_a_role():
    assume = Request("lambda.amazonaws.com", "sts:AssumeRole", ROLE)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    other = Request(f"arn:aws:iam::{HERE}:role/other", "sts:AssumeRole", ROLE)

    assert allows(assume, (), (trust,))
    assert not allows(other, (statement(action="sts:AssumeRole", resource="*"),), (trust,))
    assert allows(other, (), ({**trust, "Principal": {"AWS": other.principal}},))


def test_a_trust_that_names_an_account_leaves_it_to_the_account():
    trust = {"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": "sts:AssumeRole"}
    other = Request(f"arn:aws:iam::{HERE}:role/other", "sts:AssumeRole", ROLE)

    assert not allows(other, (), (trust,))
    assert allows(other, (statement(action="sts:AssumeRole", resource=ROLE),), (trust,))
    assert not allows(Request(FOREIGN, "sts:AssumeRole", ROLE), (), ({**trust, "Principal": "*"},))


def test_a_decision_says_which_statement_made_it():
    first = statement(action="sqs:ReceiveMessage")

    assert evaluate(send(), [policy(first, statement())]) == Decision(True, "policy, statement 2")
    assert evaluate(send(), [policy(first)]) == Decision(False, "no statement allows it")
    assert evaluate(send(), [policy(statement(), statement("Deny"))]).by == "denied by policy, statement 2"


# --- actions and resources ---


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("sqs:SendMessage", True),
        ("SQS:sendmessage", True),  # without regard to case
        ("sqs:Send*", True),
        ("sqs:*", True),
        ("*", True),
        ("sqs:SendMessag?", True),
        ("sqs:SendMessage?", False),
        ("sqs:SendMessageBatch", False),
        ("sns:*", False),
        (["sqs:Purge*", "sqs:Send*"], True),
    ],
)
def test_an_action_is_matched_with_wildcards(pattern, expected):
    assert allows(send(), (statement(action=pattern),)) is expected
    assert is_about(policy(statement(action=pattern)), "sqs:SendMessage") is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (JOBS, True),
        ("*", True),
        (f"arn:aws:sqs:*:{HERE}:jobs", True),
        ("arn:aws:sqs:eu-west-1:*:jobs", True),
        (JOBS + "*", True),
        (JOBS[:-1], False),
        (JOBS.upper(), False),  # resources regard case
        (JOBS.replace("eu-west-1", "us-east-1"), False),
        (["a", JOBS], True),
    ],
)
def test_a_resource_is_matched_with_wildcards(pattern, expected):
    assert allows(send(), (statement(resource=pattern),)) is expected


def test_everything_but_the_actions_and_resources_that_are_named():
    but_purge = {"Effect": "Allow", "NotAction": "sqs:Purge*", "Resource": "*"}
    but_jobs = {"Effect": "Allow", "Action": "*", "NotResource": JOBS}

    assert allows(send(), (but_purge,))
    assert not allows(Request(ROLE, "sqs:PurgeQueue", JOBS), (but_purge,))
    assert not allows(send(), (but_jobs,))
    assert allows(Request(ROLE, "sqs:SendMessage", JOBS + "2"), (but_jobs,))


def test_a_dot_is_a_dot():
    assert not matches("a.c", "abc")


# --- conditions: AWS's "Condition operators", and its table of missing keys ---

CASES = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", ["b", "a"], "a", True),  # any of the values
    ("StringEquals", "a*", "ab", False),  # no wildcard
    ("StringEquals", "a", None, False),  # a key that is not there never fits ...
    ("StringEqualsIfExists", "a", None, True),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),  # none of the values
    ("StringNotEquals", "a", None, True),  # ... but for a negated operator
    ("StringEqualsIgnoreCase", "a", "A", True),
    ("StringLike", "a*", "ab", True),
    ("StringLike", "a?", "abc", False),
    ("StringNotLike", "a*", "ab", False),
    ("ArnEquals", TOPIC, TOPIC, True),
    ("ArnEquals", TOPIC.replace("news", "*"), TOPIC, True),  # ArnEquals behaves as ArnLike
    ("ArnLike", "arn:aws:sns:*:123456789012:*", TOPIC, True),
    ("ArnLike", "arn:aws:sns:*:news", TOPIC, False),  # each of the six parts by itself
    ("ArnLike", "*", TOPIC, False),
    ("ArnLike", "arn:aws:sns:*:123456789012:news", f"arn:aws:sns:eu-west-1:{THERE}:{HERE}:news", False),
    ("ArnLike", TOPIC, TOPIC.replace(HERE, THERE), False),
    ("ArnNotLike", TOPIC, TOPIC.replace(HERE, THERE), True),
    ("Bool", "true", "true", True),
    ("Bool", True, "True", True),
    ("Bool", "true", "false", False),
    ("Null", "true", None, True),
    ("Null", "true", "a", False),
    ("Null", "false", "a", True),
    ("DateGreaterThan", "2026-11-27T12:00:00Z", "2026-11-27T12:00:01Z", True),
    ("DateGreaterThan", "2026-11-27T12:00:00Z", "2026-11-27T12:00:00Z", False),
    ("DateGreaterThanEquals", "2026-11-27T12:00:00Z", "2026-11-27T12:00:00Z", True),
    ("DateLessThan", "2026-11-27T12:00:00Z", "2026-11-27T13:00:00+02:00", True),
    ("DateLessThanEquals", "2026-11-27", "2026-11-28", False),
    ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
    ("DateNotEquals", "0", "1970-01-01T00:00:00Z", False),
]


@pytest.mark.parametrize(("operator", "stated", "actual", "expected"), CASES)
def test_a_condition(operator, stated, actual, expected):
    request = Request(ROLE, "sqs:SendMessage", JOBS, {} if actual is None else {"aws:Key": actual})

    assert allows(request, (statement(Condition={operator: {"AWS:key": stated}}),)) is expected


def test_all_operators_and_all_keys_must_hold():
    both = statement(Condition={"StringEquals": {"a:A": "1", "a:B": "2"}, "Bool": {"a:C": "true"}})
    full = {"a:A": "1", "a:B": "2", "a:C": "true"}

    assert allows(Request(ROLE, "sqs:SendMessage", JOBS, full), (both,))
    for key in full:
        assert not allows(Request(ROLE, "sqs:SendMessage", JOBS, {**full, key: "other"}), (both,))


@pytest.mark.parametrize(
    "wrong",
    [
        statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        statement(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}),
        statement(Condition={"DateLessThan": {"aws:CurrentTime": "09:00"}}),  # IAM has no hours of a day
        statement(resource="arn:aws:sqs:*:*:${aws:username}"),
    ],
)
def test_what_is_not_evaluated_is_refused_and_never_passed_over(wrong):
    known = {"aws:SourceIp": "10.0.0.1", "aws:TagKeys": "a", "aws:CurrentTime": "2026-11-27T12:00:00Z"}

    with pytest.raises(ConfigError, match="policy: "):
        evaluate(Request(ROLE, "sqs:SendMessage", JOBS, known), [policy(wrong)])


def test_a_resource_policy_without_principal_is_refused():
    with pytest.raises(ConfigError, match="NotPrincipal"):
        evaluate(send(), [], [policy({**statement(), "NotPrincipal": {"AWS": FOREIGN}})])


# --- the confused deputy ---


def test_another_accounts_topic_of_the_same_name_is_kept_out():
    policy = (lets_in(ArnEquals={"aws:SourceArn": TOPIC}),)

    assert allows(send("sns.amazonaws.com", aws_SourceArn=TOPIC), (), policy)
    assert not allows(send("sns.amazonaws.com", aws_SourceArn=TOPIC.replace(HERE, THERE)), (), policy)


def test_a_bucket_has_no_account_in_its_arn_so_both_keys_are_needed():
    bucket = "arn:aws:s3:::uploads"
    stranger = send("s3.amazonaws.com", aws_SourceArn=bucket, aws_SourceAccount=THERE)
    by_arn, by_account = {"ArnLike": {"aws:SourceArn": bucket}}, {"StringEquals": {"aws:SourceAccount": HERE}}

    assert allows(stranger, (), (lets_in("s3.amazonaws.com", **by_arn),))
    assert not allows(stranger, (), (lets_in("s3.amazonaws.com", **by_arn, **by_account),))


# --- laws over random policies ---

ACTIONS = ["sqs:SendMessage", "sqs:PurgeQueue", "sns:Publish"]
RESOURCES = [JOBS, JOBS + "2", TOPIC]
PRINCIPALS = [ROLE, FOREIGN, "sns.amazonaws.com"]
SOURCES = [None, TOPIC, TOPIC.replace(HERE, THERE)]
conditions = st.sampled_from([{}, {"ArnLike": {"aws:SourceArn": TOPIC}}, {"StringNotLike": {"aws:SourceArn": TOPIC}}])


def statements(**fixed):
    return st.builds(
        lambda effect, action, resource, condition, principal: {
            "Effect": effect,
            "Action": action,
            "Resource": resource,
            "Condition": condition,
            "Principal": principal,
        },
        fixed.get("effect", st.sampled_from(["Allow", "Deny"])),
        st.lists(st.sampled_from([*ACTIONS, "sqs:*", "*:*", "s?s:*"]), min_size=1, max_size=2),
        st.sampled_from([*RESOURCES, "*", JOBS + "*"]),
        conditions,
        st.sampled_from(["*", {"AWS": [ROLE]}, {"AWS": THERE}, {"AWS": HERE}, {"Service": "sns.amazonaws.com"}]),
    )


requests = st.builds(
    lambda principal, action, resource, source: Request(
        principal, action, resource, {} if source is None else {"aws:SourceArn": source}
    ),
    st.sampled_from(PRINCIPALS),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from(SOURCES),
)
documents = st.lists(statements(), max_size=3).map(tuple)


@given(requests, documents, documents, statements(effect=st.just("Deny")), st.booleans())
def test_one_more_deny_never_allows(request, identity, resource, more, is_identity):
    after = allows(
        request, (*identity, more) if is_identity else identity, resource if is_identity else (*resource, more)
    )

    assert not after or allows(request, identity, resource)


@given(requests, documents, documents, statements(effect=st.just("Allow")), st.booleans())
def test_one_more_allow_never_denies(request, identity, resource, more, is_identity):
    after = allows(
        request, (*identity, more) if is_identity else identity, resource if is_identity else (*resource, more)
    )

    assert after or not allows(request, identity, resource)


@given(requests, documents, documents, st.permutations(range(3)))
def test_the_order_of_statements_decides_nothing(request, identity, resource, order):
    def mixed(each):
        return tuple(each[k] for k in order if k < len(each))

    assert allows(request, mixed(identity), mixed(resource)) == allows(request, identity, resource)


@given(requests, documents)
def test_what_no_statement_is_about_is_denied(request, identity):
    if not is_about(policy(*identity), request.action):
        assert not allows(request, identity)


@given(st.sampled_from(ACTIONS), st.sampled_from(RESOURCES), documents)
def test_moto_decides_a_roles_policy_the_same(action, resource, identity):
    # Without conditions, for moto denies where one does not fit and AWS passes the statement over, and without ?.
    plain = [
        {key: each[key] for key in ("Effect", "Action", "Resource")}
        for each in identity
        if not any("?" in pattern for pattern in each["Action"])
    ]
    text = json.dumps({"Version": "2012-10-17", "Statement": plain})
    expected = IAMPolicy(text).is_action_permitted(action, resource) == PermissionResult.PERMITTED

    assert allows(Request(ROLE, action, resource), plain) == expected
