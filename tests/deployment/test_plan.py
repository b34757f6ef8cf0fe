"""Plans: pure lists of changes, each with what differs field by field."""

import pytest

import chainkit as ck
from chainkit.deployment.plan import plan
from chainkit.rewiring import Variant
from tests.examples import EXAMPLES, orders


def actions(planned):
    return {change.resource.id: change.action for change in planned.changes if change.action != "keep"}


def differences(planned, name):
    (change,) = [change for change in planned.changes if change.resource.id == name]
    return [str(difference) for difference in change.differences]


def test_a_plan_of_a_new_chain_creates_everything_and_touches_nothing(target):
    planned = plan(orders(), target)

    assert set(actions(planned).values()) == {"create"}
    assert target.applier.chains() == []
    assert target.client("sqs").list_queues().get("QueueUrls", []) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_second_plan_after_a_deploy_is_empty(target, stand, example):
    stand(example())

    planned = plan(example(), target)

    assert planned.is_empty
    assert str(planned).endswith(": nothing to change")


def test_a_changed_setting_is_an_update_that_names_field_and_values(target, stand):
    stand(orders())
    chain = orders()
    chain.set("jobs", visibility_timeout_s=90)

    planned = plan(chain, target)

    assert actions(planned) == {"Jobs": "update"}
    assert differences(planned, "Jobs") == ["VisibilityTimeout: 60 -> 90"]


def test_a_plan_reads_well(target, stand):
    stand(orders())
    chain = orders()
    chain.set("pay", memory_mb=512)
    chain.remove("dead")
    chain.add(ck.SqsQueue("audit"))
    chain.connect("pay", "audit")

    lines = str(plan(chain, target)).splitlines()

    assert lines[0] == (
        "plan for 'orders' on local (us-east-1, account 123456789012): "
        "1 to create, 3 to update, 1 to delete, 10 unchanged"
    )
    assert "  + create  Audit                        AWS::SQS::Queue" in lines
    assert "  ~ update  Pay                          AWS::Lambda::Function" in lines
    assert "        MemorySize: 128 -> 512" in lines
    assert "        Environment.Variables.AUDIT_QUEUE_URL: (none) -> Audit" in lines
    assert lines[-1] == "  - delete  Dead                         AWS::SQS::Queue"


def test_what_no_update_can_change_is_replaced_with_all_that_refers_to_it(target, stand):
    stand(orders())
    chain = orders()
    chain.set("api>validate", route="PUT /orders")

    assert actions(plan(chain, target)) == {"ApiValidateRoute": "replace"}


def test_what_refers_to_a_replaced_resource_changes_with_it(target, stand):
    chain = ck.Chain("names")
    chain.add(ck.SqsQueue("to-do"))
    chain.add(ck.LambdaFunction("work"))
    chain.connect("to-do", "work")
    stand(chain)
    other = ck.Chain("names")
    other.add(ck.SqsQueue("to_do"))  # the same logical id, another name
    other.add(ck.LambdaFunction("work"))
    other.connect("to_do", "work")

    planned = plan(other, target)

    assert actions(planned) == {"ToDo": "replace", "ToDoWorkMapping": "replace", "WorkRole": "update"}
    assert differences(planned, "ToDo") == ['QueueName: "names-to-do" -> "names-to_do"']


def test_a_chain_of_another_region_is_refused(target):
    with pytest.raises(ck.ConfigError, match="region='eu-west-1'"):
        plan(ck.Chain("orders", region="eu-west-1"), target)


def test_a_variant_is_planned_as_its_chain(target):
    assert plan(Variant("sync", orders(), (), (), ()), target).chain == orders()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"chain": "orders"}, "plan: 'orders' is no chain"),
        ({"target": "local"}, "plan: target='local' is no deploy target"),
    ],
)
def test_what_cannot_be_planned_is_refused(target, given, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        plan(**{"chain": orders(), "target": target, **given})


def test_a_chain_with_errors_raises_its_first(target):
    chain = orders()
    chain.set("jobs", visibility_timeout_s=5)

    with pytest.raises(ck.ConfigError, match="visibility_timeout_s=5"):
        plan(chain, target)


def test_the_form_of_a_plan_in_a_cell_is_stable(target):
    assert repr(plan(orders(), target)) == "Plan('orders', 14 changes)"
