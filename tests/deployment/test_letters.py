"""Letters: what a message says of who gave it up, and the same envelope around it on its way back."""

import json
from dataclasses import replace

import pytest

from chainkit.deployment.letters import (
    DeadLetter,
    Letters,
    error_in,
    grouped,
    opened,
    own_attributes,
    read,
    root_in,
    sealed,
)

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "m",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:news",
    "Message": '{"order":  1}',
    "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:x:y:news:s",
}
EVENT = {"id": "e", "detail-type": "paid", "source": "shop", "resources": [], "detail": {"order": 1}}
RECORD = {
    "version": "1.0",
    "requestContext": {"requestId": "r", "functionArn": "arn:f:$LATEST", "condition": "RetriesExhausted"},
    "requestPayload": {"order": 1},
    "responsePayload": {"errorType": "KeyError", "errorMessage": "'sku'"},
}


def letter(kind, body, **fields):
    text = body if isinstance(body, str) else json.dumps(body)
    content = opened(kind, text)
    return DeadLetter(
        id="m", queue="dead", kind=kind, link="a>dead", home="a", failed="a", sent_s=fields.pop("sent_s", 0.0),
        receives=1, body=text, original=content, payload=content, **fields,
    )  # fmt: skip


def message(body, attributes=None, **told):
    text = body if isinstance(body, str) else json.dumps(body)
    own = {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}
    return {"Body": text, "Attributes": told, "MessageAttributes": own}


# --- what it says ---


def test_aws_s_own_word_for_the_queue_that_gave_it_up_goes_before_what_the_body_looks_like():
    assert read(message(RECORD, DeadLetterQueueSourceArn="arn:jobs")).kind == "redrive"


def test_a_rule_says_who_it_is_and_why():
    attributes = {"RULE_ARN": "arn:rule", "ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "NO_PERMISSIONS: no"}
    said = read(message(EVENT, attributes))

    assert (said.kind, said.marks, said.error, said.message) == ("deliver", "arn:rule", "NO_PERMISSIONS", "no")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"errorType": "KeyError", "errorMessage": "'sku'"}, ("KeyError", "'sku'")),
        ({"errorMessage": "Task timed out"}, ("EventAgeExceeded", "Task timed out")),
        (None, ("EventAgeExceeded", "EventAgeExceeded")),
    ],
)
def test_a_failed_event_says_its_error_or_else_why_it_was_given_up(response, error):
    context = {**RECORD["requestContext"], "condition": "EventAgeExceeded"}
    said = read(message({**RECORD, "requestContext": context, "responsePayload": response}))

    assert (said.error, said.message) == error


def test_a_success_is_told_from_a_failure_whatever_the_function_answered():
    context = {**RECORD["requestContext"], "condition": "Success"}

    assert read(message({**RECORD, "requestContext": context})).error == "Success"


@pytest.mark.parametrize("body", ["no json", "[1]", "7", '{"order": 1}', '{"Type": "Notification"}'])
def test_a_message_without_an_envelope_says_nothing(body):
    assert read(message(body)).kind == ""


def test_the_request_is_read_from_the_trace_header():
    assert root_in(message("x", AWSTraceHeader="Root=1-a-b;Parent=c;Sampled=1")) == "1-a-b"
    assert root_in(message("x")) == ""


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("ValueError: a: b", ("ValueError", "a: b")),
        ("botocore.ClientError: no", ("botocore.ClientError", "no")),
        ("KeyError", ("KeyError", "")),
        ("Task timed out after 3.00 seconds", ("Task timed out", "Task timed out after 3.00 seconds")),
        ("injected: Down", ("Down", "injected")),
        ("injected: Down for 1 of 3 messages", ("Down", "injected for 1 of 3 messages")),
        ("", ("unknown", "")),
    ],
)
def test_the_error_of_a_story_is_a_type_and_words(reason, error):
    assert error_in(reason) == error


# --- on its way back ---


@pytest.mark.parametrize(("kind", "body"), [("redrive", '{"order":  1}'), ("redrive", "text"), ("redrive", "[1,2]")])
def test_what_a_queue_gave_up_goes_back_to_the_letter(kind, body):
    assert sealed(letter(kind, body), takes_events=False) == body


def test_an_event_goes_back_without_the_record_around_it():
    assert json.loads(sealed(letter("outcome", RECORD), takes_events=True)) == {"order": 1}


def test_a_notification_goes_back_as_a_record_to_code_and_as_itself_to_a_queue():
    given = letter("deliver", NOTIFICATION)
    (record,) = json.loads(sealed(given, takes_events=True))["Records"]

    assert record["EventSubscriptionArn"] == "arn:aws:sns:x:y:news:s"
    assert record["Sns"]["Message"] == '{"order":  1}'
    assert json.loads(sealed(given, takes_events=False)) == NOTIFICATION


@pytest.mark.parametrize(
    ("kind", "body", "where"),
    [
        ("redrive", {"order": 1}, lambda text: json.loads(text)),
        ("outcome", RECORD, lambda text: json.loads(text)),
        ("deliver", NOTIFICATION, lambda text: json.loads(json.loads(text)["Message"])),
        ("deliver", EVENT, lambda text: json.loads(text)["detail"]),
    ],
)
def test_an_edit_stands_where_the_payload_stood(kind, body, where):
    edited = replace(letter(kind, body), payload={"order": 2})

    assert where(sealed(edited, takes_events=False)) == {"order": 2}


def test_what_a_rule_wrote_on_a_letter_stays_behind():
    told = {"RULE_ARN": {"StringValue": "arn"}}
    own = {"kind": {"StringValue": "x"}}

    assert own_attributes(letter("deliver", EVENT, attributes=told)) == {}
    assert own_attributes(letter("redrive", "x", attributes=own)) == own


# --- together ---


def test_groups_are_by_service_and_error_the_largest_first():
    letters = [letter("redrive", "x", error=e, message=m, sent_s=s) for e, m, s in (
        ("A", "one", 3.0), ("B", "two", 1.0), ("B", "three", 2.0))]  # fmt: skip
    first, second = grouped(letters)

    assert (first.name, first.count, first.first_s, first.last_s, first.example) == ("a: B", 2, 1.0, 2.0, "three")
    assert (second.name, second.count) == ("a: A", 1)


def test_letters_tell_themselves_in_full():
    told = letter("redrive", {"order": 1}, logs=("START", "END"), attributes={"kind": {"StringValue": "x"}})

    assert str(Letters([told])).splitlines() == [
        "m in dead, from a>dead",
        "  a: unknown",
        "  sent 1970-01-01 00:00:00 UTC, received 1 times, this look included",
        "  payload",
        "    {",
        '      "order": 1',
        "    }",
        "  attributes",
        "    kind = x",
        "  log",
        "    START",
        "    END",
    ]
    assert str(Letters()) == "no dead letters"


def test_an_account_is_masked_in_what_is_shown_and_nowhere_else():
    given = letter(
        "redrive", {"arn": "a:123456789012"}, logs=("123456789012",), masked=lambda t: t.replace("12345678", "*")
    )

    assert "12345678" not in str(given)
    assert sealed(given, takes_events=False) == '{"arn": "a:123456789012"}'
