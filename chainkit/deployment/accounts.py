"""Deploy targets that are AWS accounts: named before anything is sent, and compared with whose keys are in use."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import boto3
from botocore.exceptions import (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
)

from chainkit.chain import REGION
from chainkit.deployment.asking import ask
from chainkit.deployment.cloudformation import CloudFormationApplier
from chainkit.deployment.targets import Target, masked
from chainkit.deployment.watching import LogWitness
from chainkit.errors import ConfigError, DeployError, nearest
from chainkit.law import is_number

_RETRY_WAITS_S = (60.0, 120.0)
"""Before an asynchronous event is tried the second and the third time: docs.aws.amazon.com/lambda/latest/dg/
invocation-async-error-handling.html, read 2026-11."""

_LOOK_S, _SETTING_OUT_S = 2.0, 15.0
"""How often an account is looked at, and how long until a line that was logged can be read: assumptions, AWS says
nothing of it."""

_NO_KEYS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, SSOError)

Expiry = date | datetime | timedelta
"""An instant, the end of a day (UTC), or how long from now on."""


def aws(
    *,
    account: str,
    region: str,
    profile: str | None = None,
    ceiling_usd: float | None = None,
    expires: Expiry | None = None,
) -> Target:
    """Return an AWS account as a deploy target. Asks AWS one thing only: whose the keys are.

    Plans are carried out by CloudFormation, after they were approved (`ck.deploy(plan, approve=...)`).

    Parameters
    ----------
    account : 12 digits
        The account that is meant. Keys of another one are refused.
    region : AWS region code
    profile : of your AWS settings; None: what boto3 finds by itself
    ceiling_usd : above 0, dollars a month
        A plan whose bill is higher is refused, as is one without a bill. None: no ceiling.
    expires : in the future
        Until when what is deployed is to stand: an instant, the last day (UTC), or a time from now on. It becomes the
        tag `chainkit:expires`, by which `chainkit reap` takes away what is over. None: nobody says.

    Raises
    ------
    ConfigError
        If a value is refused, no keys are found, or they are those of another account.
    DeployError
        If AWS refuses the keys or does not answer.
    """
    if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
        raise ConfigError(
            f"aws: account={account!r} is no account id", fix='write its 12 digits as text: "123456789012"'
        )
    session = _session(profile)
    _require_region(region, session)
    if ceiling_usd is not None and not (is_number(ceiling_usd) and ceiling_usd > 0):
        raise ConfigError(f"aws: ceiling_usd={ceiling_usd!r} is no amount", fix="give dollars a month, above 0")
    witness = LogWitness(retry_waits_s=_RETRY_WAITS_S, look_s=_LOOK_S, setting_out_s=_SETTING_OUT_S)
    target = Target("aws", region, account, None, session, witness, at_once=1)
    witness.watch(target)
    target.ceiling_usd = ceiling_usd
    target.expires = until(expires, datetime.now(UTC)) if expires is not None else None
    target.applier = CloudFormationApplier(target)
    _require_account(target)
    return target


def until(expires: Expiry, now: datetime) -> datetime:
    """Return the instant at which something expires, to the second.

    Raises
    ------
    ConfigError
        If it is no such value, or not in the future.

    Examples
    --------
    >>> until(timedelta(hours=8), datetime(2026, 12, 1, 9, tzinfo=UTC)).isoformat()
    '2026-12-01T17:00:00+00:00'
    >>> until(date(2026, 12, 1), datetime(2026, 12, 1, 9, tzinfo=UTC)).isoformat()
    '2026-12-01T23:59:59+00:00'
    """
    match expires:
        case datetime():  # one without a zone is of this machine's clock
            instant = expires.astimezone(UTC)
        case date():
            instant = datetime.combine(expires, time(23, 59, 59), UTC)
        case timedelta():
            instant = now + expires
        case _:
            raise ConfigError(
                f"aws: expires={expires!r} is no time", fix="give a date, a datetime, or timedelta(hours=8)"
            )
    if instant <= now:
        raise ConfigError(f"aws: expires={expires!s} is not in the future", fix="give a later time")
    return instant.replace(microsecond=0)


def _session(profile: str | None) -> Any:
    """Return boto3's session of a profile: the one place where the user's own keys take part."""
    try:
        return boto3.Session(profile_name=profile)
    except ProfileNotFound as error:
        known = boto3.Session().available_profiles
        raise ConfigError(
            f"aws: profile={profile!r} is not in your AWS settings{nearest(profile, known)}",
            fix=f"choose from {', '.join(known)}" if known else "aws configure --profile NAME makes one",
        ) from error


def _require_region(region: object, session: Any) -> None:
    """Refuse a region that is not one of AWS's, or in which stacks are not made."""
    known = session.get_available_regions("cloudformation")
    if not isinstance(region, str) or not re.fullmatch(REGION, region) or region not in known:
        raise ConfigError(
            f"aws: region={region!r} is no region that boto3 knows{nearest(region, known)}",
            fix="write it as AWS does, us-east-1; a new region may need a newer boto3",
        )


def _require_account(target: Target) -> None:
    """Refuse keys that are not those of the target's account."""
    try:
        found = str(ask(target, "sts", "get_caller_identity")["Account"])
    except DeployError as error:
        if isinstance(error.__cause__, _NO_KEYS):
            raise ConfigError(
                f"aws: no keys to sign with: {error.__cause__}",
                fix="sign in (aws configure, aws sso login), or name a profile=",
            ) from error
        raise
    if found != target.account_id:
        raise ConfigError(
            f"aws: account={masked(target.account_id)} was named, and the keys are those of {masked(found)}",
            fix="name the profile= of that account, or the account that the keys belong to",
        )
