"""Events of an archive once more through the rules of their bus.

Sources  [1] API_StartReplay, eb-replay-archived-event (2026): to the same bus only, at most ten at a time; events carry
             "replay-name" and are not archived again
Checked  2026-11-27
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.chain import Chain
from chainkit.deployment import stories
from chainkit.deployment.targets import ROOT, Standing, Target, gone
from chainkit.errors import ConfigError, DeployError
from chainkit.law import is_number
from chainkit.records import Trace
from chainkit.service import logical_id

_DONE = ("COMPLETED", "CANCELLED", "FAILED")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive as it stands, and who is to see its events again."""

    chain: str
    bus: str
    name: str
    """Of the bus on AWS, first part of the replay's name."""
    arn: str
    bus_arn: str
    rule_arns: tuple[str, ...] = ()
    """Empty: all rules."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A replay and what came of it."""

    bus: str
    name: str
    """Its name on AWS, which each event carries as "replay-name"."""
    begin: datetime
    end: datetime
    state: str
    """As AWS says: COMPLETED, RUNNING, FAILED ..."""
    reason: str = ""
    trace: Trace | None = field(default=None, repr=False)
    """All that was replayed as one request, where the target tells; None where it does not."""

    @property
    def events(self) -> int | None:
        """How many events were replayed, where the target tells."""
        return None if self.trace is None else sum(span.what == "replay" for span in self.trace.spans)

    def __repr__(self) -> str:
        """Return it in a word: stable, so that notebooks can be compared."""
        told = "" if self.events is None else f", {self.events} events"
        return f"Replayed({self.bus!r}: {self.state}{told})"

    def __str__(self) -> str:
        """Return the range, how it ended, and the story where there is one."""
        why = f": {self.reason}" if self.reason else ""
        head = f"{self.name}: events of {self.begin:%Y-%m-%d %H:%M:%S} to {self.end:%H:%M:%S %Z}, {self.state}{why}"
        return f"{head}\n{self.trace}" if self.trace is not None else head


def archive_of(chain: Chain, stands: Mapping[str, Standing], bus: str | None, links: Sequence[str] | None) -> Archive:
    """Return the archive of a bus, and the rules that links stand for.

    Raises
    ------
    ConfigError
        If there is no such archive, or a link is no rule of its bus.
    """
    kept = [name for name in chain.services if logical_id(name, "archive") in stands]
    if bus is None and len(kept) != 1:
        raise ConfigError(
            f"replay: {len(kept)} services of {chain.name!r} have an archive here: {', '.join(kept) or 'none'}",
            fix="name one of them" if kept else "set archive_days of the bus, and deploy",
        )
    name = chain.service(kept[0] if bus is None else bus).name
    if name not in kept:
        raise ConfigError(f"replay: {name!r} has no archive here", fix="set archive_days of the bus, and deploy")
    standing = stands[chain.service(name).id]
    return Archive(
        chain=chain.name,
        bus=name,
        name=standing.ref,
        arn=str(stands[logical_id(name, "archive")].attributes["Arn"]),
        bus_arn=str(standing.attributes["Arn"]),
        rule_arns=tuple(_rule_arn(chain, stands, name, key) for key in links or ()),
    )


def _rule_arn(chain: Chain, stands: Mapping[str, Standing], bus: str, key: str) -> str:
    """Return the ARN of the rule that a link is."""
    rules = [each for each, link in chain.outgoing(bus) if link.kind == "deliver"]
    if key not in rules:
        raise ConfigError(f"replay: {key!r} is no rule of {bus!r}", fix=f"its rules: {', '.join(rules) or 'none'}")
    link = chain.link(key)
    queue = chain.service(link.dead_letters) if link.dead_letters else None
    resource = link.resources(chain.service(link.source), chain.service(link.target), queue)[0]
    return str(stands[resource.id].attributes["Arn"])


def span(begin: datetime | None, end: datetime | None, since_s: float | None) -> tuple[datetime, datetime]:
    """Return the range of event times that was asked for, in UTC.

    Raises
    ------
    ConfigError
        If it has no beginning, two of them, or ends before it begins; or an instant has no time zone.

    Examples
    --------
    >>> first, last = span(None, datetime(2026, 11, 27, 12, tzinfo=UTC), 60)
    >>> str(first)
    '2026-11-27 11:59:00+00:00'
    """
    if (begin is None) == (since_s is None):
        raise ConfigError(
            f"replay: begin={begin!r} and since_s={since_s!r} are no beginning", fix="give one: since_s=3600"
        )
    if since_s is not None and (not is_number(since_s) or not 0 < since_s < 1e9):
        raise ConfigError(f"replay: since_s={since_s!r} is no span of time", fix="give seconds, more than 0")
    for at in (begin, end):
        if at is not None and (not isinstance(at, datetime) or at.tzinfo is None):
            raise ConfigError(f"replay: {at!r} is no instant with a time zone", fix="datetime(..., tzinfo=UTC)")
    last = datetime.now(UTC) if end is None else end.astimezone(UTC)
    first = last - timedelta(seconds=since_s or 0) if begin is None else begin.astimezone(UTC)
    if first >= last:
        raise ConfigError(f"replay: the range from {first} to {last} is empty", fix="let it end after it begins")
    return first, last


def replayed(
    target: Target, archive: Archive, begin: datetime, end: datetime, names: Mapping[str, str], timeout_s: float
) -> Replayed:
    """Start a replay, wait for it and for what it set in motion.

    Raises
    ------
    ConfigError
        If `timeout_s` is no time.
    DeployError
        If the target refuses.
    """
    if not is_number(timeout_s) or not timeout_s >= 0:
        raise ConfigError(f"replay: timeout_s={timeout_s!r} is no time to wait", fix="give seconds, 0 or more")
    client, witness = target.client("events"), target.witness
    name, root, deadline_s = _name(archive), witness.root_id(archive.chain), time.monotonic() + timeout_s
    only = {"FilterArns": [*archive.rule_arns]} if archive.rule_arns else {}
    token = ROOT.set(root)
    try:
        client.start_replay(
            ReplayName=name,
            EventSourceArn=archive.arn,
            EventStartTime=begin,
            EventEndTime=end,
            Destination={"Arn": archive.bus_arn, **only},
        )
    except ClientError as error:
        code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        fix = "wait until another is done: ten at a time" if "Limit" in code else "correct the range, then try again"
        problem = target.masked(f"replay of {archive.bus!r}: start_replay was refused: {code}: {said}")
        raise DeployError(problem, fix=fix) from error
    except BotoCoreError as error:
        raise gone(target, error) from error
    finally:
        ROOT.reset(token)
    while (told := client.describe_replay(ReplayName=name))["State"] not in _DONE and time.monotonic() < deadline_s:
        time.sleep(0.02 if target.endpoint_url else 2.0)
    is_settled = witness.settle(root, max(deadline_s - time.monotonic(), 0.0))
    story = witness.story(root)
    trace = (
        stories.trace(root, story, names, entry=archive.bus, is_awaited=False, is_settled=is_settled) if story else None
    )
    state, reason = str(told["State"]), str(told.get("StateReason", ""))
    return Replayed(bus=archive.bus, name=name, begin=begin, end=end, state=state, reason=reason, trace=trace)


def _name(archive: Archive) -> str:
    """Return a new name; AWS allows 64 characters."""
    return f"{archive.name[:55]}-{uuid.uuid4().hex[:8]}"
