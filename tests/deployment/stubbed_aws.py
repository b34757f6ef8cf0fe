"""An AWS account that is not there: every call has to be the one that was written down, in that order."""

import json

import boto3
from botocore.stub import ANY, Stubber

from chainkit.deployment.cloudformation import CloudFormationApplier
from chainkit.deployment.targets import Target

ACCOUNT = "210987654321"
ID = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/shop/1"
SET = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:changeSet/c/1"
CHAIN_TAGS = [{"Key": "chainkit:chain", "Value": "shop"}]


class Session:
    """boto3's session, whose clients answer what was written down and refuse everything else."""

    def __init__(self):
        self._session = boto3.Session("AKIDTEST", "SECRETTEST", region_name="eu-west-1")
        self.stubbers = {}

    def client(self, name, **options):
        client = self._session.client(name, **options)
        self.stubbers[name] = stubber = Stubber(client)
        stubber.activate()
        return client

    def get_available_regions(self, name):
        return self._session.get_available_regions(name)


class Aws:
    """The account as a deploy target, and what is to be asked of it."""

    def __init__(self, **settings):
        self.session = Session()
        self.slept_s = []
        self.target = Target("aws", "eu-west-1", ACCOUNT, None, self.session, None)
        for name, value in settings.items():
            setattr(self.target, name, value)
        self.target.applier = CloudFormationApplier(self.target, sleep=self.slept_s.append)

    def expect(self, operation, answer=None, client="cloudformation", **parameters):
        self.target.client(client)
        self.session.stubbers[client].add_response(operation, answer or {}, parameters)

    def refuse(self, operation, code, message="", client="cloudformation", status=400, **parameters):
        self.target.client(client)
        self.session.stubbers[client].add_client_error(
            operation, code, message, http_status_code=status, expected_params=parameters or None
        )

    def is_done(self):
        for stubber in self.session.stubbers.values():
            stubber.assert_no_pending_responses()

    # --- what is asked again and again ---

    def stack(self, status=None, name="shop", tags=CHAIN_TAGS, **more):
        """Write down one look at the stack; no status: there is none."""
        if status is None:
            self.refuse("describe_stacks", "ValidationError", f"Stack with id {name} does not exist", StackName=name)
            return
        stack = {"StackName": "shop", "StackId": ID, "StackStatus": status, "CreationTime": 0, "Tags": tags, **more}
        self.expect("describe_stacks", {"Stacks": [stack]}, StackName=name)

    def resources(self, *rows):
        summaries = [
            {
                "LogicalResourceId": id_,
                "PhysicalResourceId": f"shop-{id_}".lower(),
                "ResourceType": "AWS::X::Y",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "LastUpdatedTimestamp": 0,
            }
            for id_, status, reason in [(*row, "")[:3] for row in rows]
        ]
        self.expect("list_stack_resources", {"StackResourceSummaries": summaries}, StackName=ID)

    def template(self, document):
        self.expect("get_template", {"TemplateBody": json.dumps(document)}, StackName=ID, TemplateStage="Original")

    def events(self, *rows):
        """Write down the events there are, the newest first."""
        events = [
            {
                "EventId": str(k),
                "StackId": ID,
                "StackName": "shop",
                "LogicalResourceId": id_,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": 0,
            }
            for k, (id_, kind, status, reason) in enumerate([(*row, "")[:4] for row in rows])
        ]
        self.expect("describe_stack_events", {"StackEvents": events[::-1]}, StackName=ID)

    def change_set(
        self, kind, changes, *, body=ANY, parameters=(), tags=CHAIN_TAGS, status="CREATE_COMPLETE", reason=""
    ):
        """Write down a change set that is proposed, and looked at twice."""
        self.expect(
            "create_change_set",
            {"Id": SET, "StackId": ID},
            StackName="shop",
            ChangeSetName=ANY,
            ChangeSetType=kind,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=list(parameters),
            Tags=tags,
            TemplateBody=body,
        )
        self.expect("describe_change_set", {"Status": "CREATE_IN_PROGRESS"}, ChangeSetName=SET, StackName=ID)
        said = {"Status": status, "StatusReason": reason, "Changes": changes}
        self.expect("describe_change_set", said, ChangeSetName=SET, StackName=ID)

    def code(self, name, digests, *, is_new):
        """Write down the bucket: made or there, closed, encrypted, tagged, filled."""
        of = {"client": "s3", "Bucket": name, "ExpectedBucketOwner": ACCOUNT}
        if is_new:
            self.refuse("head_bucket", "404", "Not Found", "s3", 404, Bucket=name, ExpectedBucketOwner=ACCOUNT)
            place = {"LocationConstraint": "eu-west-1"}
            self.expect("create_bucket", client="s3", Bucket=name, CreateBucketConfiguration=place)
        else:
            self.expect("head_bucket", **of)
        shut = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        self.expect("put_public_access_block", **of, PublicAccessBlockConfiguration=shut)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.expect("put_bucket_encryption", **of, ServerSideEncryptionConfiguration={"Rules": [rule]})
        self.expect("put_bucket_tagging", **of, Tagging={"TagSet": CHAIN_TAGS})
        for digest in digests:
            key = {"Key": f"{digest}.zip"}
            self.refuse("head_object", "404", "", "s3", 404, Bucket=name, ExpectedBucketOwner=ACCOUNT, **key)
        for digest in digests:
            self.expect("put_object", **of, Key=f"{digest}.zip", Body=ANY, ChecksumSHA256=ANY)


def change(action, id_, kind="AWS::SQS::Queue", replacement=None, **detail):
    """Return a change as CloudFormation tells it."""
    said = {"Action": action, "LogicalResourceId": id_, "ResourceType": kind}
    if replacement is not None:
        said |= {"Replacement": replacement, "Scope": ["Properties"], "Details": [detail] if detail else []}
    return {"Type": "Resource", "ResourceChange": said}
