"""What chainkit has put on an emulator, kept there: whoever comes next, also after a crash, knows what stands.

One object a chain in a bucket of chainkit's own, written before the first change and after the last. It says what may
stand; what really does, `applying.py` reads. Code is kept as its hash.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.deployment.targets import Standing, Target, gone
from chainkit.records import Resource, apis

BUCKET = "chainkit-journal"


def load(target: Target, chain: str) -> dict[str, Standing]:
    """Return what was put there for a chain, by logical id, in order; nothing for a chain that was never deployed."""
    try:
        answer = target.client("s3").get_object(Bucket=BUCKET, Key=_key(chain))
    except ClientError as error:
        if error.response["Error"].get("Code") in ("NoSuchKey", "NoSuchBucket", "404"):
            return {}
        raise
    except BotoCoreError as error:
        raise gone(target, error) from error
    return {entry["id"]: _standing(entry) for entry in json.loads(answer["Body"].read())}


def save(target: Target, chain: str, stands: Mapping[str, Standing], expires: datetime | None = None) -> None:
    """Keep what stands, and until when if that is said anew; of nothing nothing, and no bucket with nothing in it."""
    s3 = target.client("s3")
    try:
        if stands:
            entries = [_entry(id_, standing) for id_, standing in stands.items()]
            if not _is_there(s3):
                s3.create_bucket(Bucket=BUCKET, **_place(target.region))
            until = expires or expiry(target, chain)
            kept = {"Metadata": {"expires": until.isoformat()}} if until is not None else {}
            s3.put_object(Bucket=BUCKET, Key=_key(chain), Body=json.dumps(entries).encode(), **kept)
        elif _is_there(s3):
            s3.delete_object(Bucket=BUCKET, Key=_key(chain))
            if not s3.list_objects_v2(Bucket=BUCKET).get("KeyCount"):
                s3.delete_bucket(Bucket=BUCKET)
    except BotoCoreError as error:
        raise gone(target, error) from error


def expiry(target: Target, chain: str) -> datetime | None:
    """Return until when a chain is to stand; None if nobody said, or it does not stand."""
    try:
        answer = target.client("s3").head_object(Bucket=BUCKET, Key=_key(chain))
    except ClientError as error:
        if error.response["Error"].get("Code") in ("NoSuchKey", "NoSuchBucket", "404"):
            return None
        raise
    except BotoCoreError as error:
        raise gone(target, error) from error
    told = answer["Metadata"].get("expires")
    return datetime.fromisoformat(told) if told else None


def names(target: Target) -> list[str]:
    """Return the chains of which something stands."""
    s3 = target.client("s3")
    if not _is_there(s3):
        return []
    found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return sorted(each["Key"].removesuffix(".json") for each in found)


def _key(chain: str) -> str:
    return f"{chain}.json"


def _is_there(s3: Any) -> bool:
    return any(bucket["Name"] == BUCKET for bucket in s3.list_buckets()["Buckets"])


def _place(region: str) -> dict[str, Any]:
    """Return where the bucket is to be: us-east-1 is the one region that must not be named."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _entry(id_: str, standing: Standing) -> dict[str, Any]:
    before = {"before": _entry(id_, standing.before)} if standing.before is not None else {}
    return before | {
        "id": id_,
        "type": standing.resource.type,
        "design": _hashed(standing.resource.properties),
        "depends_on": standing.resource.depends_on,
        "ref": standing.ref,
        "attributes": dict(standing.attributes),
        "properties": _hashed(standing.properties),
        "dropped": standing.dropped,
        "is_whole": standing.is_whole,
    }


def _standing(entry: Mapping[str, Any]) -> Standing:
    resource = Resource(
        id=entry["id"], properties=entry["design"], api=apis[entry["type"]], depends_on=tuple(entry["depends_on"])
    )
    whole = Standing(
        resource=resource, ref=entry["ref"], attributes=entry["attributes"], properties=entry["properties"]
    )
    before = _standing(entry["before"]) if "before" in entry else None
    return replace(whole, dropped=tuple(entry["dropped"]), is_whole=entry["is_whole"], before=before)


def _hashed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as JSON can hold them: code as Lambda's hash of it."""
    return {
        name: base64.b64encode(hashlib.sha256(value).digest()).decode() if isinstance(value, bytes) else value
        for name, value in properties.items()
    }
