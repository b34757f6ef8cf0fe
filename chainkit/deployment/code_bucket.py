"""A chain's own bucket: zips of functions under the hash of their content, and a template too large to be sent.

One for each account, region and chain, named by them, closed to the public, encrypted, tagged; emptied and deleted with
the chain. Every call names the account that the bucket has to belong to: a bucket that somebody else made under this
name first is refused, not written to.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from chainkit.deployment.asking import ask, refused
from chainkit.deployment.targets import Target
from chainkit.errors import DeployError
from chainkit.records import Resource
from chainkit.service import tag_list
from chainkit.templates import CHAIN_TAG

INLINE_TEMPLATE_BYTES = 51_200
"""A larger template has to come from a bucket: CloudFormation quotas,
docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html, read 2026-11."""
_MISSING = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
_OF_OTHERS = ("403", "AccessDenied", "Forbidden")


class CodeBucket:
    """The bucket of one chain on one target."""

    def __init__(self, target: Target, chain: str) -> None:
        self._target, self._chain = target, chain
        spot = hashlib.sha256(f"{target.account_id} {target.region} {chain}".encode()).hexdigest()[:12]
        readable = chain.lower().replace("_", "-")[:40].strip("-")
        self.name = f"chainkit-{readable}-{spot}"

    def is_there(self) -> bool:
        """Tell whether it exists.

        Raises
        ------
        DeployError
            If a bucket of that name belongs to another account.
        """
        try:
            self._ask("head_bucket")
        except DeployError as error:
            if refused(error) in _MISSING:
                return False
            if refused(error) in _OF_OTHERS:
                raise DeployError(
                    f"chain {self._chain!r}: bucket {self.name} is not of this account, or may not be looked at",
                    fix="ask for the permission s3:ListBucket, or rename the chain",
                ) from error
            raise
        return True

    def ensure(self, tags: Mapping[str, str]) -> None:
        """Make it, or what an earlier attempt left out of it."""
        if not self.is_there():
            # us-east-1 is the one region that must not be named.
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._target.region}}
            named = {} if self._target.region == "us-east-1" else place
            ask(self._target, "s3", "create_bucket", Bucket=self.name, **named)
        shut = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._ask("put_public_access_block", PublicAccessBlockConfiguration=shut)
        self._ask("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})
        self._ask("put_bucket_tagging", Tagging={"TagSet": tag_list(tags)})

    def send_code(self, resources: Iterable[Resource]) -> int:
        """Put the zips of functions there that are not there yet; return how many were sent."""
        zips = {hashlib.sha256(r.properties["Zip"]).hexdigest(): r.properties["Zip"] for r in zipped(resources)}
        new = {digest: code for digest, code in zips.items() if not self._has(f"{digest}.zip")}
        for digest, code in new.items():
            self._put(f"{digest}.zip", code)
        return len(new)

    def send_template(self, text: str) -> str:
        """Put a template there and return its URL."""
        key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
        self._put(key, text.encode())
        if self._target.endpoint_url:
            return f"{self._target.endpoint_url}/{self.name}/{key}"
        return f"https://{self.name}.s3.{self._target.region}.amazonaws.com/{key}"

    def remove(self) -> str:
        """Empty it and delete it; return why it is left, "" if it is gone or never was."""
        try:
            if not self.is_there():
                return ""
            if not self._is_own():
                return f"bucket {self.name}: it has no tag of this chain"
            while keys := [each["Key"] for each in self._ask("list_objects_v2").get("Contents", [])]:
                errors = self._ask("delete_objects", Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
                if refusals := errors.get("Errors"):
                    return f"bucket {self.name}: {refusals[0]['Key']}: {refusals[0].get('Message', '')}"
            self._ask("delete_bucket")
        except DeployError as error:
            return f"bucket {self.name}: {error.problem}"
        return ""

    def _is_own(self) -> bool:
        try:
            found = self._ask("get_bucket_tagging")["TagSet"]
        except DeployError as error:
            if refused(error) == "NoSuchTagSet":
                return False
            raise
        return {"Key": CHAIN_TAG, "Value": self._chain} in found

    def _has(self, key: str) -> bool:
        try:
            self._ask("head_object", Key=key)
        except DeployError as error:
            if refused(error) in _MISSING:
                return False
            raise
        return True

    def _put(self, key: str, content: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self._ask("put_object", Key=key, Body=content, ChecksumSHA256=digest)

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        owner = {"ExpectedBucketOwner": self._target.account_id}
        return ask(self._target, "s3", operation, Bucket=self.name, **owner, **parameters)


def zipped(resources: Iterable[Resource]) -> list[Resource]:
    """Return those that have code."""
    return [resource for resource in resources if "Zip" in resource.properties]


def as_body(document: Mapping[str, Any]) -> str:
    """Return a template as it is sent."""
    return json.dumps(document, separators=(",", ":"))
