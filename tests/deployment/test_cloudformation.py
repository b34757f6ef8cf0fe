"""CloudFormation as an applier: the calls that go to AWS, one by one; what is refused, and in whose words."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from botocore.stub import ANY

import chainkit as ck
from chainkit.deployment import cloudformation
from chainkit.deployment.code_bucket import CodeBucket
from chainkit.deployment.emulated import emulator
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy
from chainkit.emulation.ministack import is_installed
from chainkit.errors import ConfigError, DeployError
from chainkit.templates import document, resources, template
from tests.deployment.stubbed_aws import ACCOUNT, CHAIN_TAGS, ID, SET, Aws, change
from tests.examples import EXAMPLES

QUEUE, STACK = "AWS::SQS::Queue", "AWS::CloudFormation::Stack"


def queue(**settings):
    chain = ck.Chain("shop", region="eu-west-1")
    chain.add(ck.SqsQueue("jobs", **settings))
    return chain


def shop():
    chain = queue()
    chain.add(ck.LambdaFunction("pay", duration=0.01))
    chain.connect("jobs", "pay")
    return chain


def approved(aws, chain, told=None):
    planned = plan(chain, aws.target)
    return deploy(planned, approve=planned.code, tell=(told if told is not None else []).append)


def stands(aws, chain, *, status="CREATE_COMPLETE"):
    """Write down that a chain stands."""
    aws.stack(status)
    aws.resources(*[(id_, "CREATE_COMPLETE") for id_ in template(chain)["Resources"]])
    aws.template(template(chain))


# --- the whole sequence ---


def test_a_new_chain_with_code_is_a_bucket_a_change_set_and_its_execution():
    aws, chain, told = Aws(), shop(), []
    ids = [*template(chain)["Resources"]]
    (code,) = [r.properties["Zip"] for r in resources(chain) if "Zip" in r.properties]
    bucket = CodeBucket(aws.target, "shop").name
    aws.stack(None)  # the plan looks
    aws.stack(None)  # and whoever carries it out
    aws.code(bucket, [hashlib.sha256(code).hexdigest()], is_new=True)
    aws.change_set(
        "CREATE",
        [change("Add", id_) for id_ in ids],
        body=json.dumps(template(chain), separators=(",", ":")),
        parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": bucket}],
    )
    aws.events(("shop", STACK, "REVIEW_IN_PROGRESS"))
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("CREATE_IN_PROGRESS", ID)
    aws.events(("shop", STACK, "REVIEW_IN_PROGRESS"), ("Jobs", QUEUE, "CREATE_IN_PROGRESS"))
    aws.stack("CREATE_COMPLETE", ID)
    aws.events(
        ("shop", STACK, "REVIEW_IN_PROGRESS"),
        ("Jobs", QUEUE, "CREATE_IN_PROGRESS"),
        ("Jobs", QUEUE, "CREATE_COMPLETE"),
        ("shop", STACK, "CREATE_COMPLETE"),
    )
    aws.stack("CREATE_COMPLETE")
    aws.resources(*[(id_, "CREATE_COMPLETE") for id_ in ids])
    aws.template(template(chain))

    stack = approved(aws, chain, told)

    aws.is_done()
    assert repr(stack) == f"Stack('shop' on aws, {len(ids)} resources)"
    assert told == [
        f"code: 1 new of 1 in bucket {bucket}",
        f"change set: {len(ids)} to add",
        f"CREATE_IN_PROGRESS Jobs ({QUEUE})",
        f"CREATE_COMPLETE Jobs ({QUEUE})",
        f"CREATE_COMPLETE shop ({STACK})",
    ]
    assert aws.slept_s == [1.0, 1.0]


def test_an_update_sends_no_code_that_is_there_and_waits_for_the_clean_up():
    aws = Aws()
    stands(aws, queue())
    stands(aws, queue())
    aws.change_set("UPDATE", [change("Modify", "Jobs", QUEUE, "False")])
    aws.events(("shop", STACK, "CREATE_COMPLETE"))
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"):
        aws.stack(status, ID)
        aws.events(("shop", STACK, "CREATE_COMPLETE"))
    aws.stack("UPDATE_COMPLETE")
    aws.resources(("Jobs", "UPDATE_COMPLETE"))
    aws.template(template(queue(visibility_timeout_s=60)))

    approved(aws, queue(visibility_timeout_s=60))

    aws.is_done()


def test_a_failed_creation_is_told_in_awss_words_with_the_account_masked():
    aws = Aws()
    aws.stack(None)
    aws.stack(None)
    aws.change_set("CREATE", [change("Add", "Jobs")])
    aws.events()
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("ROLLBACK_COMPLETE", ID)
    aws.events(
        ("Other", QUEUE, "CREATE_FAILED", "Resource creation cancelled"),
        ("Jobs", QUEUE, "CREATE_FAILED", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:shop-jobs already exists"),
        ("shop", STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Jobs]."),
        ("shop", STACK, "ROLLBACK_COMPLETE"),
    )

    with pytest.raises(DeployError) as refusal:
        approved(aws, queue())

    aws.is_done()
    assert refusal.value.problem == (
        "deploy 'shop' on aws (eu-west-1, account ********4321): Jobs (AWS::SQS::Queue): CREATE_FAILED: "
        "arn:aws:sqs:eu-west-1:********4321:shop-jobs already exists. The stack is ROLLBACK_COMPLETE now"
    )
    assert "remove it, or rename the chain" in refusal.value.fix


def test_destroy_deletes_stack_then_bucket_and_looks_for_log_groups_written_again():
    aws, chain = Aws(), shop()
    bucket = CodeBucket(aws.target, "shop").name
    of = {"client": "s3", "Bucket": bucket, "ExpectedBucketOwner": ACCOUNT}
    aws.stack("CREATE_COMPLETE")
    aws.resources(*[(id_, "CREATE_COMPLETE") for id_ in template(chain)["Resources"]])
    aws.template(template(chain))
    aws.events(("shop", STACK, "CREATE_COMPLETE"))
    aws.expect("delete_stack", StackName=ID)
    aws.stack("DELETE_COMPLETE", ID)
    aws.events(("shop", STACK, "CREATE_COMPLETE"), ("shop", STACK, "DELETE_COMPLETE"))
    group = "/aws/lambda/shop-pay"
    aws.expect(
        "describe_log_groups",
        {"logGroups": [{"logGroupName": group, "arn": f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{group}:*"}]},
        client="logs",
        logGroupNamePrefix=group,
    )
    aws.expect("list_tags_log_group", {"tags": {}}, client="logs", logGroupName=group)
    aws.expect("delete_log_group", client="logs", logGroupName=group)
    aws.expect("describe_log_groups", {"logGroups": []}, client="logs", logGroupNamePrefix=group)
    aws.refuse("list_tags_log_group", "ResourceNotFoundException", client="logs", logGroupName=group)
    aws.expect("head_bucket", **of)
    aws.expect("get_bucket_tagging", {"TagSet": CHAIN_TAGS}, **of)
    aws.expect("list_objects_v2", {"Contents": [{"Key": "a.zip"}, {"Key": "b.zip"}]}, **of)
    aws.expect("delete_objects", **of, Delete={"Objects": [{"Key": "a.zip"}, {"Key": "b.zip"}], "Quiet": True})
    aws.expect("list_objects_v2", {}, **of)
    aws.expect("delete_bucket", **of)

    ck.stack("shop", aws.target).destroy()

    aws.is_done()


def test_a_template_too_large_to_be_sent_goes_through_the_bucket():
    chain, aws = ck.Chain("shop", region="eu-west-1"), Aws()
    for k in range(190):
        chain.add(ck.SqsQueue(f"queue-of-many-{k}"))
    body = json.dumps(template(chain), separators=(",", ":"))
    assert len(body) > 51_200
    bucket, key = CodeBucket(aws.target, "shop").name, f"{hashlib.sha256(body.encode()).hexdigest()}.template"
    aws.stack(None)
    aws.stack(None)
    aws.code(bucket, [], is_new=False)
    of = {"client": "s3", "Bucket": bucket, "ExpectedBucketOwner": ACCOUNT}
    aws.expect("put_object", **of, Key=key, Body=body.encode(), ChecksumSHA256=ANY)
    aws.expect(
        "create_change_set",
        {"Id": SET, "StackId": ID},
        StackName="shop",
        ChangeSetName=ANY,
        ChangeSetType="CREATE",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[],
        Tags=CHAIN_TAGS,
        TemplateURL=f"https://{bucket}.s3.eu-west-1.amazonaws.com/{key}",
    )
    aws.expect("describe_change_set", {"Status": "FAILED", "StatusReason": "x"}, ChangeSetName=SET, StackName=ID)
    aws.expect("delete_change_set", ChangeSetName=SET, StackName=ID)
    aws.expect("delete_stack", StackName=ID)

    with pytest.raises(DeployError, match="refuses the template: x"):
        approved(aws, chain)

    aws.is_done()


# --- approval ---


def test_nothing_but_reads_is_sent_without_the_code_of_the_plan():
    aws = Aws()
    aws.stack(None)
    planned = plan(queue(), aws.target)

    for given in (None, "", "000000", planned.code.upper() + "x"):
        with pytest.raises(ConfigError, match="nothing was sent"):
            deploy(planned, approve=given)

    aws.is_done()  # and any other call would have been refused by the stub
    assert str(planned).splitlines()[-1] == f'approve with ck.deploy(plan, approve="{planned.code}")'


def test_another_design_account_or_bill_has_another_code():
    def code(chain, **settings):
        aws = Aws(**settings)
        aws.stack(None)
        return plan(chain, aws.target).code

    codes = {code(queue()), code(queue(visibility_timeout_s=60)), code(queue(), account_id="9" * 12)}

    assert len(codes) == 3
    assert code(queue()) in codes


def test_an_emulator_needs_no_approval(target, stand):
    chain = ck.Chain("free")
    chain.add(ck.SqsQueue("jobs"))

    assert "approve" not in str(plan(chain, target))
    assert repr(stand(chain)) == "Stack('free' on local, 1 resources)"


def test_a_plan_is_not_carried_out_on_what_has_changed_since():
    aws = Aws()
    aws.stack(None)
    planned = plan(queue(), aws.target)
    stands(aws, queue())

    with pytest.raises(DeployError, match="has been changed since it was made: Jobs is there now"):
        deploy(planned, approve=planned.code)

    aws.is_done()


# --- the change set beside the plan ---


def proposed(aws, changes, *, before=None, after=None):
    """Deploy a changed queue of which CloudFormation says these changes, and return the refusal."""
    stands(aws, before or queue())
    stands(aws, before or queue())
    aws.change_set("UPDATE", changes)
    aws.expect("delete_change_set", ChangeSetName=SET, StackName=ID)
    with pytest.raises(DeployError) as refusal:
        approved(aws, after or queue(visibility_timeout_s=60))
    aws.is_done()
    return str(refusal.value)


def test_a_replacement_that_the_plan_did_not_show_is_refused_and_nothing_done():
    target = {"Attribute": "Properties", "Name": "QueueName", "RequiresRecreation": "Always"}
    text = proposed(Aws(), [change("Modify", "Jobs", QUEUE, "True", Target=target, Evaluation="Static")])

    assert "Jobs (AWS::SQS::Queue) would be replaced because of QueueName (planned: update). Nothing was done" in text


def test_a_deletion_or_an_addition_that_the_plan_did_not_show_is_refused():
    text = proposed(Aws(), [change("Remove", "Other"), change("Add", "More")])

    assert "Other (AWS::SQS::Queue) would be deleted (planned: no)" in text
    assert "More (AWS::SQS::Queue) would be made (planned: no)" in text


def test_a_replacement_that_hangs_on_what_is_only_updated_is_let_pass():
    aws = Aws()
    target = {"Attribute": "Properties", "Name": "FunctionName", "RequiresRecreation": "Always"}
    hanging = change(
        "Modify", "Map", QUEUE, "Conditional", Target=target, Evaluation="Dynamic", CausingEntity="Jobs.Arn"
    )  # fmt: skip
    stands(aws, queue())
    stands(aws, queue())
    aws.change_set("UPDATE", [change("Modify", "Jobs", QUEUE, "False"), hanging])
    aws.events()
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("UPDATE_COMPLETE", ID)
    aws.events()
    aws.stack("UPDATE_COMPLETE")
    aws.resources(("Jobs", "UPDATE_COMPLETE"))
    aws.template(template(queue()))

    approved(aws, queue(visibility_timeout_s=60))

    aws.is_done()


def test_a_change_set_without_changes_is_well():
    aws = Aws()
    stands(aws, queue())
    stands(aws, queue())
    aws.change_set("UPDATE", [], status="FAILED", reason="The submitted information didn't contain changes.")
    aws.expect("delete_change_set", ChangeSetName=SET, StackName=ID)
    stands(aws, queue())

    approved(aws, queue(visibility_timeout_s=60))

    aws.is_done()


def test_a_template_that_is_refused_leaves_no_change_set_and_no_stack():
    aws = Aws()
    aws.stack(None)
    aws.stack(None)
    aws.change_set("CREATE", [], status="FAILED", reason="Template error: no")
    aws.expect("delete_change_set", ChangeSetName=SET, StackName=ID)
    aws.expect("delete_stack", StackName=ID)

    with pytest.raises(DeployError, match="refuses the template: Template error: no"):
        approved(aws, queue())

    aws.is_done()


def test_a_success_that_left_something_out_is_none():
    aws = Aws()
    aws.stack(None)
    aws.stack(None)
    aws.change_set("CREATE", [change("Add", "Jobs")])
    aws.events()
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("CREATE_COMPLETE", ID)
    aws.events()
    aws.stack("CREATE_COMPLETE")
    aws.resources()
    aws.template(template(queue()))

    with pytest.raises(DeployError, match=r"has not made Jobs \(AWS::SQS::Queue\)"):
        approved(aws, queue())


# --- what an earlier crash left ---


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED"])
def test_what_an_earlier_deploy_left_is_deleted_first(status):
    aws, told = Aws(), []
    is_empty = status in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
    for _ in range(2):
        aws.stack(status)
        if not is_empty:
            aws.resources(("Jobs", "CREATE_COMPLETE"))
            aws.template(template(queue()))
    aws.events()
    aws.expect("delete_stack", StackName=ID)
    aws.stack("DELETE_COMPLETE", ID)
    aws.events()
    aws.change_set("CREATE", [change("Add", "Jobs")])
    aws.events()
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("CREATE_COMPLETE", ID)
    aws.events()
    stands(aws, queue())

    planned = plan(queue(), aws.target)
    deploy(planned, approve=planned.code, tell=told.append)

    aws.is_done()
    assert told[0] == f"delete what an earlier deploy left ({status})"
    assert [c.action for c in planned.changes] == ["create" if is_empty else "replace"]


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("CREATE_IN_PROGRESS", "wait until it is over"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "wait until it is over"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name shop"),
    ],
)
def test_a_stack_of_which_nobody_can_say_what_stands_is_not_planned_on(status, fix):
    aws = Aws()
    aws.stack(status)

    with pytest.raises(DeployError, match=status) as refusal:
        plan(queue(), aws.target)

    assert fix in refusal.value.fix


def test_a_stack_that_somebody_else_made_is_neither_changed_nor_destroyed():
    aws = Aws()
    for act in (lambda: plan(queue(), aws.target), ck.stack("shop", aws.target).destroy):
        aws.stack("CREATE_COMPLETE", tags=[])
        with pytest.raises(DeployError, match="that chainkit did not make"):
            act()

    aws.is_done()


# --- the end ---


def test_a_protected_stack_is_not_destroyed():
    aws = Aws()
    aws.stack("CREATE_COMPLETE", EnableTerminationProtection=True)
    aws.resources()
    aws.template(template(queue()))

    with pytest.raises(DeployError, match="protected from termination"):
        ck.stack("shop", aws.target).destroy()

    aws.is_done()


def test_what_cloudformation_could_not_delete_is_told_in_its_words_and_the_bucket_stays():
    aws = Aws()
    aws.stack("CREATE_COMPLETE")
    aws.resources(("Jobs", "CREATE_COMPLETE"))
    aws.template(template(queue()))
    aws.events()
    aws.expect("delete_stack", StackName=ID)
    aws.stack("DELETE_FAILED", ID)
    aws.events(("Jobs", QUEUE, "DELETE_FAILED", "it is not empty"))
    aws.resources(("Jobs", "DELETE_FAILED", f"bucket of {ACCOUNT} is not empty"))

    with pytest.raises(DeployError, match=r"Jobs \(AWS::X::Y\): bucket of \*{8}4321 is not empty"):
        ck.stack("shop", aws.target).destroy()

    aws.is_done()


def test_a_bucket_without_the_chains_tag_is_left_and_said():
    aws = Aws()
    bucket = CodeBucket(aws.target, "shop").name
    of = {"client": "s3", "Bucket": bucket, "ExpectedBucketOwner": ACCOUNT}
    aws.stack(None)
    aws.expect("head_bucket", **of)
    aws.expect("get_bucket_tagging", {"TagSet": []}, **of)

    with pytest.raises(DeployError, match="has no tag of this chain"):
        ck.stack("shop", aws.target).destroy()


def test_a_bucket_of_another_account_is_not_written_to():
    aws = Aws()
    aws.stack(None)
    aws.stack(None)
    aws.refuse("head_bucket", "403", "Forbidden", "s3", 403)

    with pytest.raises(DeployError, match="is not of this account"):
        approved(aws, shop())

    aws.is_done()


# --- what expires, what drifts ---


def test_an_expiry_becomes_a_tag_and_a_later_one_is_a_change():
    until = datetime(2027, 1, 1, tzinfo=UTC)
    tags = [*CHAIN_TAGS, {"Key": "chainkit:expires", "Value": until.isoformat()}]
    aws = Aws(expires=until)
    stands(aws, queue())
    aws.stack("CREATE_COMPLETE")  # until when so far
    stands(aws, queue())
    aws.change_set("UPDATE", [], tags=tags)
    aws.events()
    aws.expect("execute_change_set", ChangeSetName=SET, StackName=ID)
    aws.stack("UPDATE_COMPLETE", ID, tags=tags)
    aws.events()
    stands(aws, queue())
    aws.stack("UPDATE_COMPLETE", tags=tags)

    planned = plan(queue(), aws.target)
    deploy(planned, approve=planned.code)

    assert "~ expires never -> 2027-01-01 00:00:00+00:00" in str(planned)
    assert aws.target.applier.expiry("shop") == until
    aws.is_done()


def test_drift_is_waited_for_and_told_field_by_field():
    aws = Aws()
    aws.expect("detect_stack_drift", {"StackDriftDetectionId": "d"}, StackName="shop")
    status = {"StackId": ID, "StackDriftDetectionId": "d", "Timestamp": 0}
    for word in ("DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"):
        answer = {**status, "DetectionStatus": word}
        aws.expect("describe_stack_drift_detection_status", answer, StackDriftDetectionId="d")
    row = {"StackId": ID, "LogicalResourceId": "Jobs", "ResourceType": QUEUE, "Timestamp": 0}
    difference = {
        "PropertyPath": "/VisibilityTimeout",
        "ExpectedValue": "30",
        "ActualValue": "99",
        "DifferenceType": "NOT_EQUAL",
    }
    rows = [
        {**row, "StackResourceDriftStatus": "MODIFIED", "PropertyDifferences": [difference]},
        {**row, "LogicalResourceId": "Dead", "StackResourceDriftStatus": "DELETED"},
    ]
    aws.expect(
        "describe_stack_resource_drifts",
        {"StackResourceDrifts": rows},
        StackName="shop",
        StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
    )

    drifts = ck.stack("shop", aws.target).drift()

    assert [str(each) for each in drifts] == [
        'Jobs (AWS::SQS::Queue): VisibilityTimeout: "30" -> "99"',
        "Dead (AWS::SQS::Queue): gone",
    ]
    assert list(drifts.to_frame()["status"]) == ["changed", "gone"]
    assert aws.slept_s == [1.0]
    aws.is_done()


# --- on an engine that carries stacks out: ministack's ---


@pytest.fixture(scope="module")
def engine():
    if not is_installed():
        pytest.skip("ministack is not installed: chainkit local install ministack")
    with emulator("ministack", applier="cloudformation") as target:
        yield target


def shrunk(chain, engine):
    """Return the plan of a chain without its last service that can be left out."""
    for name in reversed(chain.services):
        less = chain.copy()
        less.remove(name)
        if less.services and not less.validate():
            planned = plan(less, engine)
            # ministack says that no property of this type can be updated; AWS documents that they can.
            if all(c.action == "keep" or c.resource.type != "AWS::Lambda::EventInvokeConfig" for c in planned.changes):
                return planned
    raise AssertionError("nothing can be left out")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_made_changed_shrunk_and_taken_away(engine, example):
    chain, told = example(), []
    function = next(
        name for name, service in chain.services.items() if service.principal and "memory_mb" in dir(service)
    )
    stack = deploy(plan(chain, engine))

    assert plan(chain, engine).is_empty
    dropped = {(each.type, each.field) for each in stack.dropped}
    assert dropped <= engine.drops
    assert (("AWS::Lambda::Function", "ReservedConcurrentExecutions") in dropped) == (chain.name == "calls")
    assert len(stack.outputs) == len(template(chain)["Outputs"])
    assert not stack.drift()

    chain.set(function, memory_mb=2048)
    planned = plan(chain, engine)
    assert [(c.resource.id, c.action) for c in planned.changes if c.action != "keep"] == [
        (chain.service(function).id, "update")
    ]
    deploy(planned, tell=told.append)
    name = f"{chain.name}-{function}"
    assert engine.client("lambda").get_function_configuration(FunctionName=name)["MemorySize"] == 2048

    smaller = shrunk(chain, engine)
    deploy(smaller)
    left = {r.id for r in resources(smaller.chain)}
    assert set(engine.applier.standing(chain.name)) == left < {r.id for r in resources(chain)}
    stack.destroy()
    assert engine.applier.chains() == []
    assert engine.client("s3").list_buckets()["Buckets"] == []
    assert engine.client("lambda").list_functions()["Functions"] == []
    assert engine.client("logs").describe_log_groups()["logGroups"] == []


def test_what_somebody_else_changed_is_found(engine):
    chain = ck.Chain("drifting")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("pay", duration=0.01))
    stack = deploy(plan(chain, engine))
    engine.client("sqs").set_queue_attributes(
        QueueUrl=stack.outputs["JobsQueueUrl"], Attributes={"VisibilityTimeout": "99"}
    )
    engine.client("lambda").delete_function(FunctionName="drifting-pay")

    found = {(each.resource, each.status, each.field) for each in stack.drift()}
    stack.destroy()

    assert found == {("Jobs", "changed", "VisibilityTimeout"), ("Pay", "gone", "")}


def test_what_fails_is_rolled_back_and_told_and_what_that_leaves_repaired(engine, monkeypatch):
    chain, told = ck.Chain("rolling"), []
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("pay", duration=0.01))
    chain.connect("jobs", "pay")

    def failing(chain, made):
        """Return the template with a property of the function that fails once the queue is there."""
        parts = {"Fn::Split": ["-", {"Fn::GetAtt": ["Jobs", "QueueName"]}]}
        broken = document(chain, made)
        broken["Resources"]["Pay"]["Properties"]["Description"] = {"Fn::Select": ["5", parts]}
        return broken

    monkeypatch.setattr(cloudformation, "document", failing)
    said = (
        r"Pay \(AWS::Lambda::Function\): {}_FAILED: Template error: Fn::Select .* The stack is {}ROLLBACK_COMPLETE now"
    )
    with pytest.raises(DeployError, match=said.format("CREATE", "")):
        deploy(plan(chain, engine))
    assert engine.client("sqs").list_queues().get("QueueUrls", []) == []

    monkeypatch.undo()
    stack = deploy(plan(chain, engine), tell=told.append)
    assert told[0] == "delete what an earlier deploy left (ROLLBACK_COMPLETE)"

    monkeypatch.setattr(cloudformation, "document", failing)
    chain.set("pay", memory_mb=512)
    with pytest.raises(DeployError, match=said.format("UPDATE", "UPDATE_")):
        deploy(plan(chain, engine))
    assert [c.resource.id for c in plan(chain, engine).changes if c.action == "update"] == ["Pay"]
    assert engine.client("lambda").get_function_configuration(FunctionName="rolling-pay")["MemorySize"] == 128

    stack.destroy()
    assert engine.client("s3").list_buckets()["Buckets"] == []
