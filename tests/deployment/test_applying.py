"""The direct applier: a second deploy changes nothing, and a deploy that was killed is repaired or taken away."""

import contextlib

import pytest

import chainkit as ck
from chainkit import records
from chainkit.deployment import journal
from chainkit.deployment.applying import DirectApplier
from chainkit.deployment.emulated import local
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy
from tests.examples import events, orders


class Killed(BaseException):
    """The process ends here."""


def work():
    """A queue's consumer, whose failed events are kept."""
    chain = ck.Chain("work")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("a", timeout_s=10, duration=0.01))
    chain.add(ck.SqsQueue("failed"))
    chain.connect("jobs", "a", batch_size=5)
    chain.connect("a", "failed", link="on_failure")
    return chain


def front():
    """An API and its function, with a concurrency of its own."""
    chain = ck.Chain("front")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("a", timeout_s=10, duration=0.01, reserved_concurrency=5))
    chain.connect("api", "a", route="POST /orders")
    return chain


def news():
    """A bus with an archive, which publishes to a topic that a queue hears."""
    chain = ck.Chain("news")
    chain.add(ck.EventBus("shop", archive_days=1))
    chain.add(ck.SnsTopic("topic"))
    chain.add(ck.SqsQueue("audit"))
    chain.connect("shop", "topic", event_pattern={"detail": {"kind": ["digital"]}})
    chain.connect("topic", "audit")
    return chain


def flow():
    """A state machine."""
    chain = ck.Chain("flow")
    states = {"Done": {"Type": "Pass", "End": True}}
    chain.add(ck.StateMachine("steps", definition={"StartAt": "Done", "States": states}))
    return chain


SMALL = [work, front, news, flow]
"""Together they hold every type of resource once: a killed deploy is tried at many calls, so each has few."""


class Life:
    """A process that has a target: it dies before the call that is one too many of those that change something."""

    def __init__(self, target):
        self.target, self.left, self.written = target, None, []

    def watch(self, client):
        client.meta.events.register("before-call", self._count)

    def _count(self, model, **_):
        is_write = not model.name.startswith(("Get", "List", "Describe", "Head"))
        if self.left is not None:
            self.left -= is_write
            if self.left < 0:  # nor does it read: it is dead
                raise Killed
        if is_write:
            self.written.append(model.name)

    def ends_after(self, calls, chain):
        """Let it deploy and destroy a chain until it dies, then return; what comes next is another process."""
        self.left = calls
        with contextlib.suppress(Killed):
            deploy(plan(chain, self.target)).destroy()
        assert self.left < 0, f"it does not make {calls} calls"
        self.left, self.target.applier = None, DirectApplier(self.target)

    def calls(self, chain):
        """Deploy and destroy a chain; return the operations that changed something, of the one and of the other."""
        self.written.clear()
        stack = deploy(plan(chain, self.target))
        deployed = [*self.written]
        stack.destroy()
        return deployed, self.written[len(deployed) :]


@pytest.fixture(scope="module")
def life():
    """Return a process with a target of its own, all of whose calls are counted."""
    with local() as target:
        life, make = Life(target), target._new_client

        def watched(name):
            client = make(name)
            life.watch(client)
            return client

        target._new_client = watched
        yield life


@pytest.fixture(scope="module")
def endings(life):
    """Return (small chain, calls made, whether it was being deployed) after the first use of each operation."""
    found, seen = [], set()
    for small in SMALL:
        deployed, destroyed = life.calls(small())
        for calls, operation in enumerate(deployed + destroyed, 1):
            if operation not in seen and calls < len(deployed + destroyed):
                found.append((small, calls, calls <= len(deployed)))
            seen.add(operation)
    return found


def test_the_small_chains_hold_every_type_of_resource():
    types = {resource["Type"] for small in SMALL for resource in ck.template(small())["Resources"].values()}

    assert types == set(records.apis)


# A call whose answer is lost leaves what one leaves after which the next is not sent: one way of dying is all ways.
def test_whatever_call_a_killed_process_ends_in_destroy_leaves_nothing(life, endings):
    for small, calls, _ in endings:
        life.ends_after(calls, small())

        ck.stack(small().name, life.target).destroy()

        assert life.target.witness.resources() == {}, (small, calls)
        assert life.target.client("s3").list_buckets()["Buckets"] == []


def test_whatever_call_a_killed_deploy_ends_in_the_next_one_repairs_it(life, endings):
    for small, calls, was_deployed in endings:
        if was_deployed:
            life.ends_after(calls, small())

            stack = deploy(plan(small(), life.target))

            assert plan(small(), life.target).is_empty, (small, calls)
            stack.destroy()
            assert life.target.witness.resources() == {}


def renamed(name):
    """Return a chain whose queue has one logical id whether it is called jobs-1 or jobs1."""
    chain = ck.Chain("renamed")
    chain.add(ck.SqsQueue(name))
    chain.add(ck.LambdaFunction("pay", duration=0.01, timeout_s=5))
    chain.connect(name, "pay")
    return chain


def test_whatever_call_a_killed_replacement_ends_in_nothing_is_forgotten(life):
    old, new = renamed("jobs-1"), renamed("jobs1")
    for calls in range(6):
        deploy(plan(old, life.target))
        changes = {change.resource.id: change.action for change in plan(new, life.target).changes}
        assert changes["Jobs1"] == changes["Jobs1PayMapping"] == "replace"
        life.ends_after(calls, new)
        if calls % 2:
            deploy(plan(new, life.target))
            assert plan(new, life.target).is_empty, calls

        ck.stack("renamed", life.target).destroy()

        assert life.target.witness.resources() == {}, calls


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


def test_an_api_that_another_deploy_at_the_same_time_made_a_second_time_goes_too(target):
    apis = target.client("apigatewayv2")
    stack = deploy(plan(orders(), target))
    (made,) = apis.get_apis()["Items"]
    for tags in (made["Tags"], {}):
        apis.create_api(Name=made["Name"], ProtocolType="HTTP", Tags=tags)

    stack.destroy()

    (of_somebody,) = apis.get_apis()["Items"]
    assert of_somebody.get("Tags", {}) == {}
    apis.delete_api(ApiId=of_somebody["ApiId"])


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
