"""Dead letters: found in every queue without losing one, told by error, edited, sent back to repaired code."""

import json

import pytest

import chainkit as ck

BROKEN = """
def handler(event, context):
    for record in event["Records"]:
        order = record["body"]
        print("order", order)
        if "sku" not in order:
            raise ValueError("no sku in " + order)
        if "gold" in order:
            raise KeyError("gold")
"""
FINE = "def handler(event, context):\n    print('worked', event)\n"
ALWAYS = "def handler(event, context):\n    raise TypeError('not today')\n"


@pytest.fixture
def design(tmp_path):
    """Return a function that makes a chain whose functions run the code of src/app.py, and writes that file."""
    (tmp_path / "src").mkdir()

    def write(code):
        (tmp_path / "src" / "app.py").write_text(code)

    def make(name, code):
        write(code)
        chain = ck.Chain(name)
        chain.path = tmp_path / f"{name}.chain.yaml"
        return chain

    make.write = write
    return make


def function(name):
    return ck.LambdaFunction(name, timeout_s=10, code="src", handler="app.handler")


def polled(make, name, code=BROKEN, queues=("jobs",)):
    """Return queues > functions, all with the same dead-letter queue after two receives."""
    chain = make(name, code)
    chain.add(ck.SqsQueue("dead"))
    for queue in queues:
        chain.add(ck.SqsQueue(queue, visibility_timeout_s=60))
        chain.add(function(f"{queue}-worker"))
        chain.connect(queue, f"{queue}-worker", batch_size=1)
        chain.connect(queue, "dead", link="redrive", max_receive_count=2)
    return chain


def visible(target, stack):
    url = stack.outputs["DeadQueueUrl"]
    asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return [int(answer[name]) for name in asked]


# --- what is found ---


def test_dead_letters_are_grouped_by_the_error_that_gave_them_up_with_its_log(design, stand):
    stack = stand(polled(design, "grouped"))
    for order in ({"n": 1}, {"n": 2}, {"n": 3, "sku": "gold"}, {"n": 4, "sku": "tin"}):
        stack.send(order, at="jobs")
    dead = stack.dead_letters()
    first, second = dead.groups

    assert (first.name, first.count, first.queues) == ("jobs-worker: ValueError", 2, ("dead",))
    assert first.example == 'no sku in {"n": 2}'
    assert (second.name, second.count, second.links) == ("jobs-worker: KeyError", 1, ("jobs>dead",))
    assert first.first_s < first.last_s < second.first_s
    (gold,) = dead.show("KeyError")
    assert (gold.payload, gold.home) == ({"n": 3, "sku": "gold"}, "jobs")
    assert any("[ERROR] KeyError: 'gold'" in line for line in gold.logs)
    assert 'order {"n": 3' in str(dead.show(second))
    assert dead.to_frame().shape == (3, 10)
    assert repr(dead) == "DeadLetters('grouped': 3 in 2 groups)"


def test_looking_loses_nothing_and_adds_one_to_the_receive_count(target, design, stand):
    stack = stand(polled(design, "looked"))
    for number in range(12):
        stack.send({"n": number}, at="jobs")
    before = visible(target, stack)
    first, second = stack.dead_letters(), stack.dead_letters()

    assert before == visible(target, stack) == [12, 0]
    assert {letter.id for letter in first.letters} == {letter.id for letter in second.letters}
    assert {letter.receives for letter in first.letters} == {3}
    assert {letter.receives for letter in second.letters} == {4}


def test_each_letter_of_a_shared_queue_is_told_from_the_others(target, design, stand):
    chain = polled(design, "shared", ALWAYS, queues=("jobs", "jobs2"))
    chain.add(ck.SnsTopic("news"))
    chain.add(ck.EventBus("bus"))
    for name in ("mail", "bill", "ship"):
        chain.add(function(name))
    chain.connect("news", "mail", dead_letter_queue="dead")
    chain.connect("news", "ship", dead_letter_queue="dead")
    chain.connect("bus", "bill", dead_letter_queue="dead")
    chain.connect("ship", "dead", link="on_failure")
    stack = stand(chain)
    for name in ("mail", "bill"):
        target.client("lambda").delete_function(FunctionName=f"shared-{name}")
    for entry in ("jobs", "jobs2", "news", "bus"):
        stack.send({"to": entry}, at=entry)
    found = {letter.link: letter for letter in stack.dead_letters().letters}

    assert {link: (letter.kind, letter.home, letter.failed, letter.error) for link, letter in found.items()} == {
        "jobs>dead": ("redrive", "jobs", "jobs-worker", "TypeError"),
        "jobs2>dead": ("redrive", "jobs2", "jobs2-worker", "TypeError"),
        "news>mail": ("deliver", "mail", "mail", "ResourceNotFoundException"),
        "bus>bill": ("deliver", "bill", "bill", "ResourceNotFoundException"),
        "ship>dead": ("outcome", "ship", "ship", "TypeError"),
    }
    assert [found[link].payload for link in ("jobs>dead", "news>mail", "bus>bill")] == [
        {"to": "jobs"},
        {"to": "news"},
        {"to": "bus"},
    ]
    assert found["ship>dead"].message == "not today"
    assert any("TypeError: not today" in line for line in found["ship>dead"].logs)


def test_letters_of_a_queue_that_the_design_has_no_more_are_taken_for_nobody_else_s(design, stand):
    chain = polled(design, "orphans", queues=("jobs", "more"))
    stack = stand(chain)
    for entry in ("jobs", "more"):
        stack.send({}, at=entry)
    chain.remove("more")
    dead = stand(chain).dead_letters()

    assert sorted((letter.link, letter.home) for letter in dead.letters) == [("", ""), ("jobs>dead", "jobs")]
    with pytest.raises(ck.ConfigError, match=r"nobody knows where .* in 'dead' came from: 1 such letters"):
        dead.redrive()
    assert dead.redrive("jobs-worker: ValueError").sent == 1


def test_a_chain_without_dead_letters_says_that_failures_are_lost(stand):
    chain = ck.Chain("careless")
    chain.add(ck.SqsQueue("jobs"))
    dead = stand(chain).dead_letters()

    assert str(dead) == "'careless' has no dead-letter queue: what fails for good is lost"
    assert (len(dead), dead.groups) == (0, ())


def test_a_queue_that_somebody_reads_is_noted(design, stand):
    chain = polled(design, "watched", FINE)
    chain.add(function("reader"))
    chain.connect("dead", "reader")

    assert "note: 'reader' takes messages from 'dead', too" in str(stand(chain).dead_letters())


def test_what_is_not_there_is_refused_with_what_is(design, stand):
    stack = stand(polled(design, "named", queues=("jobs", "more")))
    for entry in ("jobs", "more"):
        stack.send({}, at=entry)
    dead = stack.dead_letters()

    with pytest.raises(ck.ConfigError, match=r"did you mean 'jobs-worker: ValueError'"):
        dead.show("jobs-worker: ValuError")
    with pytest.raises(ck.ConfigError, match=r"several groups\n  fix: name one: jobs-worker: ValueError, more-worker"):
        dead.show("ValueError")
    with pytest.raises(ck.ConfigError, match="is no dead letter"):
        dead.show([7])


# --- sent back ---


def test_after_a_repair_the_letters_are_moved_back_and_their_requests_complete(target, design, stand):
    chain = polled(design, "repaired")
    stack = stand(chain)
    sent = [stack.send({"n": n}, at="jobs") for n in range(3)]
    design.write(FINE)
    stack = stand(chain)
    done = stack.dead_letters().redrive(rate_per_s=100)

    assert [trace.outcome for trace in sent] == ["dead-lettered"] * 3
    assert [step.is_move for step in done.steps] == [True]
    assert (done.sent, done.missing, done.outcomes) == (3, 0, {"completed": 3})
    assert {trace.request for trace in done.traces} == {trace.request for trace in sent}
    assert visible(target, stack) == [0, 0]
    (task,) = target.client("sqs").list_message_move_tasks(
        SourceArn="arn:aws:sqs:us-east-1:123456789012:repaired-dead"
    )["Results"]
    assert task["MaxNumberOfMessagesPerSecond"] == 100


def test_what_was_not_repaired_comes_back_as_dead_letters(design, stand):
    stack = stand(polled(design, "broken"))
    stack.send({"n": 1}, at="jobs")
    done = stack.dead_letters().redrive()

    assert done.outcomes == {"dead-lettered": 1}
    assert stack.dead_letters().groups[0].count == 1


def test_an_edit_changes_what_goes_back_and_keeps_what_came(design, stand):
    stack = stand(polled(design, "edited"))
    for n in (1, 2):
        stack.send({"n": n}, at="jobs")
    dead = stack.dead_letters()
    first, second = dead.letters
    dead.edit(first, {"sku": "tin"})
    edited = dead.show(first.id)[0]

    assert (edited.original, edited.payload, edited.is_edited) == ({"n": 1}, {"n": 1, "sku": "tin"}, True)
    assert "payload, as it came" in str(edited)
    assert "2 (1 edited)" in str(dead)
    done = dead.redrive(first)
    assert [step.is_move for step in done.steps] == [False]
    assert done.outcomes == {"completed": 1}
    assert any('order {"n": 1, "sku": "tin"}' in line for span in done.traces[0].spans for line in span.logs)
    assert [letter.id for letter in dead.letters] == [second.id]
    assert [letter.id for letter in stack.dead_letters().letters] == [second.id]


def test_edits_are_refused_where_they_make_no_payload(design, stand):
    stack = stand(polled(design, "refused-edits"))
    stack.send("only text", at="jobs")
    dead = stack.dead_letters()

    with pytest.raises(ck.ConfigError, match="no fields to set"):
        dead.edit(None, {"sku": "tin"})
    with pytest.raises(ck.ConfigError, match="is not JSON"):
        dead.edit(None, lambda payload: {payload})
    with pytest.raises(ck.ConfigError, match="is no change"):
        dead.edit(None, 7)
    assert not dead.letters[0].is_edited


def test_a_failed_event_goes_back_to_its_function_only_when_that_is_asked_for(target, design, stand):
    chain = design("events", ALWAYS)
    chain.add(ck.EventBus("bus"))
    chain.add(function("pay"))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("bus", "pay")
    chain.connect("pay", "dead", link="on_failure")
    stack = stand(chain)
    stack.send({"order": 7}, at="bus")
    dead = stack.dead_letters()
    with pytest.raises(ck.ConfigError, match=r"AWS moves only what a queue gave up(.|\n)*resend=True"):
        dead.redrive()
    assert visible(target, stack) == [1, 0]
    dead.edit(None, lambda event: {**event, "detail": {"order": 8}})
    design.write(FINE)
    stand(chain)
    done = dead.redrive(resend=True)

    assert done.outcomes == {"completed": 1}
    (worked,) = [line for span in done.traces[0].spans for line in span.logs if line.startswith("worked")]
    assert "'detail': {'order': 8}" in worked
    assert visible(target, stack) == [0, 0]


def test_what_a_topic_or_rule_could_not_deliver_is_handed_to_that_target_alone(target, design, stand):
    chain = design("undelivered", FINE)
    chain.add(ck.SnsTopic("news"))
    chain.add(ck.EventBus("bus"))
    chain.add(ck.SqsQueue("dead"))
    for name, source in (("mail", "news"), ("other", "news"), ("bill", "bus")):
        chain.add(function(name))
        chain.connect(source, name, dead_letter_queue="dead")
    chain.add(ck.SqsQueue("jobs"))
    chain.connect("bus", "jobs", dead_letter_queue="dead")
    stack = stand(chain)
    for name in ("mail", "bill"):
        target.client("lambda").delete_function(FunctionName=f"undelivered-{name}")
    target.client("sqs").delete_queue(QueueUrl=stack.outputs["JobsQueueUrl"])
    for entry in ("news", "bus"):
        stack.send({"n": 1}, at=entry)
    stack = stand(chain)
    dead = stack.dead_letters()
    dead.edit("mail: ResourceNotFoundException", {"n": 2})
    done = dead.redrive(resend=True)
    (message,) = target.client("sqs").receive_message(
        QueueUrl=stack.outputs["JobsQueueUrl"], MessageAttributeNames=["All"]
    )["Messages"]
    logs = {span.node: str(span.logs) for trace in done.traces for span in trace.spans if span.logs}
    again = [span.node for trace in done.traces for span in trace.spans if span.what == "invocation"]

    assert done.sent == 3
    assert '{"n": 2}' in logs["mail"].replace("\\", "")
    assert "'EventSource': 'aws:sns'" in logs["mail"].replace("\\", "")
    assert "'detail': {'n': 1}" in logs["bill"].replace("\\", "")
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert "MessageAttributes" not in message
    assert sorted(again) == ["bill", "mail", "other"]  # `other` had it the first time


def test_a_dry_run_says_what_would_be_done_and_does_nothing(target, design, stand):
    stack = stand(polled(design, "dry"))
    for n in (1, 2):
        stack.send({"n": n}, at="jobs")
    dead = stack.dead_letters()
    whole = dead.redrive(rate_per_s=5, dry_run=True)
    part = dead.redrive(dead.letters[0].id, dry_run=True)

    assert "2 from dead to jobs, by StartMessageMoveTask, at most 5 a second" in str(whole)
    assert "1 from dead to jobs, one by one: sent, then deleted" in str(part)
    assert visible(target, stack) == [2, 0]
    assert len(dead) == 2


@pytest.mark.parametrize("rate_per_s", [0, 501, 1.5, True, "fast"])
def test_a_rate_that_aws_has_not_is_refused(design, stand, rate_per_s):
    dead = stand(polled(design, "rates", FINE)).dead_letters()

    with pytest.raises(ck.ConfigError, match=r"rate_per_s=.* is outside 1\.\.500"):
        dead.redrive(rate_per_s=rate_per_s)


def test_a_purge_wants_the_number_of_letters_and_takes_those_alone(target, design, stand):
    stack = stand(polled(design, "purged"))
    for order in ({"n": 1}, {"n": 2}, {"sku": "gold"}):
        stack.send(order, at="jobs")
    dead = stack.dead_letters()
    with pytest.raises(ck.ConfigError, match=r"confirm=True, and 2 dead letters would be gone"):
        dead.purge("jobs-worker: ValueError", confirm=True)
    purged = dead.purge("jobs-worker: ValueError", confirm=2)

    assert purged == 2
    assert [letter.error for letter in stack.dead_letters().letters] == ["KeyError"]
    assert visible(target, stack) == [1, 0]
