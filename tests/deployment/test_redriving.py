"""The ways out of a dead-letter queue: whatever breaks between two calls, a letter is there twice, never not at all."""

import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

import chainkit as ck
from chainkit.deployment import redriving


class Sqs:
    """The client of a target, where some operations do something else."""

    def __init__(self, client, **instead):
        self._client, self.called = client, []
        self._instead = instead

    def __getattr__(self, name):
        def call(**parameters):
            self.called.append(name)
            answer = self._instead.get(name)
            return answer(**parameters) if answer else getattr(self._client, name)(**parameters)

        return call


@pytest.fixture
def instead(target):
    """Return a function that replaces operations of the target's queue client; they are back at the end."""
    real = target.client("sqs")

    def replace(**operations):
        target._clients["sqs"] = sqs = Sqs(real, **operations)
        return sqs

    yield replace
    target._clients["sqs"] = real


@pytest.fixture
def dead(target, stand):
    """Return the dead letters, their queue's URL and the work queue's of three messages that nobody could work."""
    chain = ck.Chain("ways")
    for queue in ("jobs", "dead"):
        chain.add(ck.SqsQueue(queue, visibility_timeout_s=0))
    chain.connect("jobs", "dead", link="redrive", max_receive_count=1)
    stack = stand(chain)
    sqs, jobs, url = target.client("sqs"), stack.outputs["JobsQueueUrl"], stack.outputs["DeadQueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=jobs, MessageBody=f'{{"n": {number}}}')
    for _ in range(2):
        time.sleep(0.01)
        sqs.receive_message(QueueUrl=jobs, MaxNumberOfMessages=10)
    return SimpleNamespace(letters=stack.dead_letters(), url=url, jobs=jobs, stack=stack)


def bodies(target, url):
    found = redriving.look(target, url)
    return sorted(message["Body"] for message in found)


ALL = ['{"n": 0}', '{"n": 1}', '{"n": 2}']


def refusal(code):
    def refuse(**_):
        raise ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}, "Call")

    return refuse


# --- nothing is lost ---


def test_a_crash_between_send_and_delete_leaves_the_letter_twice(target, instead, dead):
    def crash(**_):
        raise KeyboardInterrupt

    instead(delete_message=crash)
    with pytest.raises(KeyboardInterrupt):
        dead.letters.redrive(dead.letters.letters[0])
    instead()

    assert bodies(target, dead.jobs) == ['{"n": 0}']
    assert bodies(target, dead.url) == ALL


def test_a_refused_send_leaves_every_letter_that_was_not_sent(target, instead, dead):
    sent = []

    def once(**parameters):
        if sent:
            refusal("AWS.SimpleQueueService.Overloaded")()
        sent.append(parameters)
        return {}

    instead(send_message=once)
    dead.letters.edit(None, lambda payload: {**payload, "again": True})
    with pytest.raises(ck.DeployError, match=r"Overloaded: no; 1 were sent before it"):
        dead.letters.redrive()
    instead()

    assert [parameters["MessageBody"] for parameters in sent] == ['{"n": 0, "again": true}']
    assert bodies(target, dead.url) == ALL[1:]


def test_a_look_that_is_broken_off_puts_back_what_it_held(target, instead, dead):
    real, calls = target.client("sqs").receive_message, []

    def second_fails(**parameters):
        calls.append(parameters)
        return real(**{**parameters, "MaxNumberOfMessages": 2}) if len(calls) == 1 else refusal("Down")()

    instead(receive_message=second_fails)
    with pytest.raises(ck.DeployError, match="receive_message was refused: Down"):
        dead.stack.dead_letters()
    instead()

    assert bodies(target, dead.url) == ALL


def test_a_letter_that_somebody_took_meanwhile_is_counted_as_missing(target, instead, dead):
    (taken,) = target.client("sqs").receive_message(QueueUrl=dead.url, VisibilityTimeout=60)["Messages"]
    target.client("sqs").delete_message(QueueUrl=dead.url, ReceiptHandle=taken["ReceiptHandle"])
    dead.letters.edit(None, {"again": True})
    done = dead.letters.redrive()

    assert (done.sent, done.missing) == (2, 1)
    assert "2 dead letters sent back, 1 were gone before" in str(done)


# --- AWS's own way ---


@pytest.mark.parametrize("code", ["AWS.SimpleQueueService.NotImplemented", "InvalidAction", "500"])
def test_a_target_without_the_call_gets_the_letters_one_by_one(target, instead, dead, code):
    sqs = instead(list_message_move_tasks=refusal(code))
    done = dead.letters.redrive()
    instead()

    assert "one by one" in str(done)
    assert (done.sent, sqs.called.count("send_message"), sqs.called.count("delete_message")) == (3, 3, 3)
    assert (bodies(target, dead.jobs), bodies(target, dead.url)) == (ALL, [])


def test_a_second_move_of_the_same_queue_is_refused(target, instead, dead):
    running = {"Results": [{"Status": "RUNNING"}]}
    instead(list_message_move_tasks=lambda **_: running)

    with pytest.raises(ck.DeployError, match="one at a time for a queue"):
        dead.letters.redrive()


def test_a_move_that_failed_says_why(instead, dead):
    told = iter([[], [{"Status": "FAILED", "FailureReason": "CouldNotDetermineMessageSource"}]])
    instead(
        start_message_move_task=lambda **_: {"TaskHandle": "t"},
        list_message_move_tasks=lambda **_: {"Results": next(told)},
    )

    with pytest.raises(ck.DeployError, match="failed after 0 letters: CouldNotDetermineMessageSource"):
        dead.letters.redrive()


def test_any_other_refusal_is_told_and_nothing_is_sent(target, instead, dead):
    sqs = instead(start_message_move_task=refusal("AccessDenied"))
    with pytest.raises(ck.DeployError, match="start_message_move_task was refused: AccessDenied"):
        dead.letters.redrive()
    instead()

    assert "send_message" not in sqs.called
    assert bodies(target, dead.url) == ALL


# --- how fast ---


def test_letters_that_are_sent_one_by_one_keep_to_the_rate_and_stay_hidden_for_so_long(
    target, instead, dead, monkeypatch
):
    now_s, slept, hidden_s = [100.0], [], []
    real = target.client("sqs").receive_message

    def sleep(span_s):
        slept.append(span_s)
        now_s[0] += span_s

    def receive(**parameters):
        hidden_s.append(parameters["VisibilityTimeout"])
        return real(**parameters)

    clock = SimpleNamespace(monotonic=lambda: now_s[0], sleep=sleep)
    monkeypatch.setattr(redriving, "time", clock)
    dead.letters.edit(None, {"again": True})
    sqs = instead(receive_message=receive)
    dead.letters.redrive(rate_per_s=1)

    assert slept == pytest.approx([0.0, 1.0, 1.0])
    assert hidden_s[0] == redriving.HOLD_S + 2 * 3
    assert sqs.called.count("send_message") == 3
