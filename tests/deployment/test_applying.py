"""The direct applier: a second deploy changes nothing, and a deploy that was killed is repaired or taken away."""

import contextlib

import pytest

import chainkit as ck
from chainkit.deployment import journal
from chainkit.deployment.applying import DirectApplier
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy
from tests.examples import calls, events, orders


class Killed(BaseException):
    """The process ends here."""


def is_write(model):
    return not model.name.startswith(("Get", "List", "Describe", "Head"))


@pytest.fixture
def dying(target, monkeypatch):
    """Return a function that lets the n-th call that changes something be the last, answered or not."""

    def die(after, *, is_answered):
        left = [after]
        new_client = type(target)._new_client

        def made(self, name):
            client = new_client(self, name)

            def sent(model, **_):
                left[0] -= is_write(model)
                if left[0] < 0:
                    raise Killed

            client.meta.events.register("after-call" if is_answered else "before-call", sent)
            return client

        monkeypatch.setattr(type(target), "_new_client", made)
        target.close()

    yield die
    monkeypatch.undo()
    target.close()


def revived(target, monkeypatch):
    """Return the target as a new process would see it."""
    monkeypatch.undo()
    target.close()
    target.applier = DirectApplier(target)
    return target


def count_of_writes(target, chain):
    written = []
    for name in ("sqs", "lambda", "iam", "logs", "apigatewayv2", "sns", "events", "stepfunctions", "s3"):
        target.client(name).meta.events.register("before-call", lambda model, **_: written.append(is_write(model)))
    stack = deploy(plan(chain, target))
    to_deploy = sum(written)
    stack.destroy()
    target.close()
    return to_deploy, sum(written)


EXAMPLES = [orders, calls, events]


@pytest.mark.parametrize("is_answered", [False, True], ids=["not sent", "answer lost"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_whatever_call_a_killed_deploy_ends_in_destroy_leaves_nothing(target, dying, monkeypatch, example, is_answered):
    _, most = count_of_writes(target, example())
    for after in range(is_answered, most, 8):
        dying(after, is_answered=is_answered)
        with contextlib.suppress(Killed):
            deploy(plan(example(), target)).destroy()
        alive = revived(target, monkeypatch)

        ck.stack(example().name, alive).destroy()

        assert alive.witness.resources() == {}, after
        assert alive.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_whatever_call_a_killed_deploy_ends_in_the_next_one_repairs_it(target, dying, monkeypatch, example):
    most, _ = count_of_writes(target, example())
    for after in range(2, most, 11):
        dying(after, is_answered=True)
        with pytest.raises(Killed):
            deploy(plan(example(), target))
        alive = revived(target, monkeypatch)

        stack = deploy(plan(example(), alive))

        assert plan(example(), alive).is_empty
        stack.destroy()
        assert alive.witness.resources() == {}


def renamed(name):
    """Return a chain whose queue has one logical id whether it is called jobs-1 or jobs1."""
    chain = ck.Chain("renamed")
    chain.add(ck.SqsQueue(name))
    chain.add(ck.LambdaFunction("pay", duration=0.01, timeout_s=5))
    chain.connect(name, "pay")
    return chain


@pytest.mark.parametrize("is_answered", [False, True], ids=["not sent", "answer lost"])
def test_whatever_call_a_killed_replacement_ends_in_nothing_is_forgotten(target, dying, monkeypatch, is_answered):
    old, new = renamed("jobs-1"), renamed("jobs1")
    changes = {change.resource.id: change.action for change in _plan_of_change(target, old, new)}
    assert changes["Jobs1"] == changes["Jobs1PayMapping"] == "replace"
    for after in range(6):
        deploy(plan(old, target))
        dying(after, is_answered=is_answered)
        with contextlib.suppress(Killed):
            deploy(plan(new, target))
        alive = revived(target, monkeypatch)
        if after % 2:
            deploy(plan(new, alive))
            assert plan(new, alive).is_empty, after

        ck.stack("renamed", alive).destroy()

        assert alive.witness.resources() == {}, after


@pytest.mark.parametrize("without", ["news>mail", "shop>mail"])
def test_one_of_two_that_call_a_function_goes_and_the_other_may_still(target, stand, without):
    stand(events())
    changed = events()
    changed.remove(without)

    deploy(plan(changed, target))

    assert plan(changed, target).is_empty


def test_a_changed_queue_still_lets_in_whoever_sends_to_it(target, stand):
    stand(events())
    changed = events()
    changed.set("undelivered", retention_s=600)

    deploy(plan(changed, target))

    assert plan(changed, target).is_empty


def _plan_of_change(target, old, new):
    stack = deploy(plan(old, target))
    changes = plan(new, target).changes
    stack.destroy()
    return changes


def test_another_process_sees_what_stands(target, stand):
    stand(orders())

    target.applier = DirectApplier(target)

    assert target.applier.chains() == ["orders"]
    assert plan(orders(), target).is_empty
    assert repr(ck.stack("orders", target)) == repr(ck.Stack(orders(), target))


def test_every_step_is_told(target):
    told = []
    chain = ck.Chain("told")
    chain.add(ck.SqsQueue("jobs"))

    deploy(plan(chain, target), tell=told.append).destroy(tell=told.append)

    assert told == ["create Jobs (AWS::SQS::Queue)", "delete Jobs (AWS::SQS::Queue)"]


def test_something_of_that_name_that_somebody_else_made_is_not_taken_away(target):
    sqs = target.client("sqs")
    url = sqs.create_queue(QueueName="shared-jobs", tags={"owner": "somebody"})["QueueUrl"]
    chain = ck.Chain("shared")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))

    with pytest.raises(ck.DeployError):
        deploy(plan(chain, target))
    ck.stack("shared", target).destroy()

    assert sqs.get_queue_url(QueueName="shared-jobs")["QueueUrl"] == url
    sqs.delete_queue(QueueUrl=url)


def test_every_resource_that_can_have_tags_has_the_chains(target, stand):
    stand(events())

    tagged = target.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "chainkit:chain", "Values": ["events"]}]
    )
    kinds = {each["ResourceARN"].split(":")[2] for each in tagged["ResourceTagMappingList"]}

    assert kinds >= {"lambda", "sns", "sqs"}


def test_the_journal_holds_no_code(target, stand):
    stand(orders())

    text = target.client("s3").get_object(Bucket=journal.BUCKET, Key="orders.json")["Body"].read()

    assert len(text) < 50_000
