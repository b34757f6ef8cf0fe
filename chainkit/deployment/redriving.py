"""How dead letters leave their queue: looked at and put back, moved by AWS, sent again one by one, deleted.

Sources  [1] API_StartMessageMoveTask (2026): dead letters of SQS queues only, not of functions or topics; one task at a
             time for a queue; at most 500 a second; without a destination each goes to where it came from
         [2] A short poll asks some of SQS's servers, a long poll all of them: sqs-short-and-long-polling (2026)
Checked  2026-11-27
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.chain import Chain
from chainkit.deployment import stories
from chainkit.deployment.letters import DeadLetter, own_attributes, sealed
from chainkit.deployment.targets import ROOT, Standing, Target, gone
from chainkit.errors import ConfigError, DeployError
from chainkit.link import Link
from chainkit.records import Pool, Trace

if TYPE_CHECKING:
    import pandas as pd

FASTEST_PER_S = 500
"""[1]"""
MOST = 10_000
"""Letters of one queue that are looked at."""
HOLD_S = 60
"""How long letters stay hidden while they are looked at; what a crash leaves hidden is back after that."""
LONGEST_S = 43_200
"""The longest that a message can be hidden: SQS quotas (2026)."""
_LONG_POLL_S = 2
_TEN = 10
_UNKNOWN_CALL = ("NotImplemented", "InvalidAction", "UnknownOperation", "UnknownOperationException")


@dataclass(frozen=True, kw_only=True)
class Route:
    """A queue of dead letters, the links by which they come, and where they go back to."""

    queue: str
    url: str
    arn: str
    links: Mapping[str, Link]
    homes: Mapping[str, Standing]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is to be done with some letters of one queue."""

    route: Route = field(repr=False)
    letters: tuple[DeadLetter, ...] = field(repr=False)
    is_move: bool
    """Whether AWS moves them; else they are sent one by one."""
    rate_per_s: int | None

    def __str__(self) -> str:
        """Return the step in a line."""
        homes = ", ".join(dict.fromkeys(letter.home for letter in self.letters))
        how = "by StartMessageMoveTask" if self.is_move else "one by one: sent, then deleted"
        edited = sum(letter.is_edited for letter in self.letters)
        rate = f", at most {self.rate_per_s} a second" if self.rate_per_s else ""
        what = f"{len(self.letters)}" + (f" ({edited} edited)" if edited else "")
        return f"{what} from {self.route.queue} to {homes}, {how}{rate}"


@dataclass(frozen=True, kw_only=True)
class Redriven:
    """What was done with dead letters, and what became of their requests."""

    chain: str
    steps: tuple[Step, ...]
    is_dry_run: bool = False
    sent: int = 0
    missing: int = 0
    """Letters that were there at the look and not any more."""
    traces: tuple[Trace, ...] = ()
    """The requests of the letters: all of their stories, and the outcome since they were sent back."""

    @property
    def outcomes(self) -> dict[str, int]:
        """Outcome -> how many requests had it."""
        found: dict[str, int] = {}
        for trace in self.traces:
            found[trace.outcome] = found.get(trace.outcome, 0) + 1
        return found

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per request: request, outcome, completion_s."""
        import pandas as pd

        rows = [[trace.request, trace.outcome, trace.completion_s] for trace in self.traces]
        return pd.DataFrame(rows, columns=["request", "outcome", "completion_s"])

    def __repr__(self) -> str:
        """Return it in a word: stable, so that notebooks can be compared."""
        did = "would send" if self.is_dry_run else f"{self.sent} of"
        return f"Redriven({self.chain!r}: {did} {sum(len(step.letters) for step in self.steps)})"

    def __str__(self) -> str:
        """Return what was done, step by step, and the outcomes."""
        lines = [f"  {step}" for step in self.steps]
        if self.is_dry_run:
            return "\n".join([f"{self.chain!r}: nothing was sent; this would be done", *lines])
        head = f"{self.chain!r}: {self.sent} dead letters sent back"
        head += f", {self.missing} were gone before" if self.missing else ""
        told = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        return "\n".join([head, *lines, *([f"  requests since: {told}"] if told else [])])


# --- looking ---


def look(target: Target, url: str) -> list[dict[str, Any]]:
    """Return the messages in a queue, which stay there."""
    with _held(target, url, HOLD_S) as pages:
        return [message for page in pages for message in page]


@contextmanager
def _held(target: Target, url: str, hold_s: int) -> Iterator[Iterator[list[dict[str, Any]]]]:
    """Give pages of messages; those that are not taken off their page are put back at the end, whatever happens."""
    taken: list[list[dict[str, Any]]] = []

    def pages() -> Iterator[list[dict[str, Any]]]:
        while sum(map(len, taken)) < MOST:
            answer = _call(
                target,
                "receive_message",
                QueueUrl=url,
                MaxNumberOfMessages=_TEN,
                VisibilityTimeout=hold_s,
                WaitTimeSeconds=0 if target.endpoint_url else _LONG_POLL_S,  # [2]
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            page = answer.get("Messages", [])
            if not page:
                return
            taken.append([*page])
            yield taken[-1]

    try:
        yield pages()
    finally:
        _put_back(target, url, [message for page in taken for message in page])


def _put_back(target: Target, url: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Let messages be seen again at once; one of which that fails comes back by itself."""
    for begin in range(0, len(messages), _TEN):
        entries = [
            {"Id": str(k), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for k, message in enumerate(messages[begin : begin + _TEN])
        ]
        _call(target, "change_message_visibility_batch", QueueUrl=url, Entries=entries)


# --- deciding ---


def steps(
    routes: Mapping[str, Route],
    there: Sequence[DeadLetter],
    wanted: Sequence[DeadLetter],
    rate_per_s: int | None,
    *,
    resend: bool,
) -> tuple[Step, ...]:
    """Return what is to be done with the wanted ones of the letters that are there; touches nothing.

    Raises
    ------
    ConfigError
        If AWS does not move some of them and they are not to be handed over, or nobody knows whereto.
    """
    found = []
    for queue, route in routes.items():
        letters = tuple(letter for letter in wanted if letter.queue == queue)
        if not letters:
            continue
        _require_ways(letters, resend=resend)
        is_all = len(letters) == sum(letter.queue == queue for letter in there)
        is_plain = all(letter.kind == "redrive" and not letter.is_edited for letter in letters)
        found.append(Step(route=route, letters=letters, is_move=is_all and is_plain, rate_per_s=rate_per_s))
    return tuple(found)


def _require_ways(letters: Sequence[DeadLetter], *, resend: bool) -> None:
    """Refuse letters that have no way back, or none by AWS."""
    lost = [letter for letter in letters if not letter.home]
    if lost:
        raise ConfigError(
            f"redrive: nobody knows where {lost[0].id} in {lost[0].queue!r} came from: {len(lost)} such letters",
            fix="leave them out: redrive one group",
        )
    foreign = [letter for letter in letters if letter.kind != "redrive"]
    if foreign and not resend:
        links = ", ".join(dict.fromkeys(letter.link for letter in foreign))
        homes = ", ".join(dict.fromkeys(letter.home for letter in foreign))
        raise ConfigError(
            f"redrive: AWS moves only what a queue gave up, not the {len(foreign)} letters in {foreign[0].queue!r} "
            f"that came by {links} (StartMessageMoveTask refuses dead letters of functions, topics and rules)",
            fix=f"redrive(..., resend=True) hands each to {homes} again, itself: sent first, deleted then",
        )


# --- doing ---


def carry_out(
    target: Target, chain: Chain, todo: Sequence[Step], names: Mapping[str, str], timeout_s: float
) -> tuple[Redriven, tuple[DeadLetter, ...]]:
    """Do the steps, wait for the requests; return what came of it, and the letters that are not there any more."""
    letters = [letter for step in todo for letter in step.letters]
    roots = _roots(target, chain.name, letters)
    before = {root: len(target.witness.story(root)) for root in dict.fromkeys(roots.values())}
    sent, did = 0, []
    for step in todo:
        moved = _move(target, step, timeout_s) if step.is_move else None
        sent += _send(target, chain, step, roots) if moved is None else moved
        did.append(replace(step, is_move=moved is not None))
    traces, deadline_s = [], time.monotonic() + timeout_s
    for root, told in before.items():
        is_settled = target.witness.settle(root, max(deadline_s - time.monotonic(), 0.0))
        story = target.witness.story(root)
        if story:
            traces.append(
                stories.trace(
                    root, story, names, entry=letters[0].home, is_awaited=False, is_settled=is_settled, since=told
                )
            )
    done = Redriven(
        chain=chain.name, steps=tuple(did), sent=sent, missing=max(len(letters) - sent, 0), traces=tuple(traces)
    )
    return done, tuple(letters)


def _roots(target: Target, chain: str, letters: Sequence[DeadLetter]) -> dict[str, str]:
    """Return the request that each letter goes on with: its own where the target tells of it, else a new one."""
    if target.at_once == 1:  # the witness can tell no two apart: all of them are one request
        return dict.fromkeys((letter.id for letter in letters), target.witness.root_id(chain))
    told = {letter.root for letter in letters if letter.root and target.witness.story(letter.root)}
    return {each.id: each.root if each.root in told else target.witness.root_id(chain) for each in letters}


def _move(target: Target, step: Step, timeout_s: float) -> int | None:
    """Let AWS move a whole queue; return how many it moved, None where the target has no such call."""
    deadline_s = time.monotonic() + timeout_s + len(step.letters) / (step.rate_per_s or FASTEST_PER_S)
    arn, asked = step.route.arn, {"SourceArn": step.route.arn}
    if step.rate_per_s:
        asked["MaxNumberOfMessagesPerSecond"] = step.rate_per_s  # type: ignore[assignment]
    try:
        if _latest(target, arn).get("Status") == "RUNNING":
            raise DeployError(
                f"redrive: a move out of {step.route.queue!r} is under way, and AWS allows one at a time for a queue",
                fix="wait until it is done, then look at the dead letters anew",
            )
        target.client("sqs").start_message_move_task(**asked)
    except ClientError as error:
        if _is_unknown_call(target, error):
            return None
        raise _refused(target, "start_message_move_task", error) from error
    except BotoCoreError as error:
        raise gone(target, error) from error
    while (task := _latest(target, arn)).get("Status") == "RUNNING" and time.monotonic() < deadline_s:
        time.sleep(0.02 if target.endpoint_url else 1.0)
    moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
    if task.get("Status") == "FAILED":
        raise DeployError(
            f"redrive: the move out of {step.route.queue!r} failed after {moved} letters: {task.get('FailureReason')}",
            fix="the others are still there: look at them anew, then redrive one group",
        )
    return moved


def _is_unknown_call(target: Target, error: ClientError) -> bool:
    """Tell whether a target does not have a call: moto as it is answers a page of HTML, whose code is its status."""
    code = str(error.response["Error"].get("Code", ""))
    return code.rpartition(".")[2] in _UNKNOWN_CALL or (target.endpoint_url is not None and code in ("500", "501"))


def _latest(target: Target, arn: str) -> dict[str, Any]:
    """Return the last move out of a queue, nothing where there was none."""
    results = target.client("sqs").list_message_move_tasks(SourceArn=arn, MaxResults=1).get("Results", [])
    return dict(results[0]) if results else {}


def _send(target: Target, chain: Chain, step: Step, roots: Mapping[str, str]) -> int:
    """Hand letters over one by one, each deleted once it was taken; return how many."""
    wanted = {letter.id: letter for letter in step.letters}
    pause_s = 1.0 / step.rate_per_s if step.rate_per_s else 0.0
    hold_s = min(HOLD_S + 2 * int(len(wanted) * pause_s), LONGEST_S)
    due_s, sent = time.monotonic(), 0
    for page, message in _picked(target, step.route.url, wanted, hold_s):
        time.sleep(max(due_s - time.monotonic(), 0.0))
        due_s = max(due_s, time.monotonic()) + pause_s
        letter = wanted[message["MessageId"]]
        try:
            _hand_over(target, chain, step.route.homes[letter.home], letter, roots[letter.id])
        except DeployError as error:
            raise DeployError(f"redrive: {error.problem}; {sent} were sent before it", fix=error.fix) from error
        _call(target, "delete_message", QueueUrl=step.route.url, ReceiptHandle=message["ReceiptHandle"])
        page.remove(message)
        sent += 1
    return sent


def _hand_over(target: Target, chain: Chain, home: Standing, letter: DeadLetter, root: str) -> None:
    """Give a letter to its home as AWS did the first time, as the request that it belongs to."""
    service = chain.service(letter.home)
    client, call = service.handover()
    event = sealed(letter, takes_events=isinstance(service.behaviour(), Pool))
    known = {**home.attributes, "Ref": home.ref, "Event": event, "Attributes": own_attributes(letter)}
    token = ROOT.set(root)
    try:
        answer = getattr(target.client(client), call.operation)(**call.parameters(known))
    except ClientError as error:
        raise _refused(target, f"{call.operation} of {letter.id} to {letter.home!r}", error) from error
    except BotoCoreError as error:
        raise gone(target, error) from error
    finally:
        ROOT.reset(token)
    if answer.get("FailedEntryCount"):
        raise DeployError(
            f"{letter.id} to {letter.home!r}: {answer['Entries'][0].get('ErrorMessage', 'not taken')}",
            fix="it is still in its queue: correct it, then redrive again",
        )


def delete(target: Target, url: str, ids: Iterable[str]) -> None:
    """Delete messages of a queue by their ids."""
    for page, message in _picked(target, url, dict.fromkeys(ids), HOLD_S):
        _call(target, "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        page.remove(message)


def _picked(
    target: Target, url: str, wanted: Mapping[str, object], hold_s: int
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Yield wanted messages, each with the page off which whoever deletes it takes it; all others are put back."""
    left = set(wanted)
    if not left:
        return
    with _held(target, url, hold_s) as pages:
        for page in pages:
            for message in [each for each in page if each["MessageId"] in left]:
                left.discard(message["MessageId"])
                yield page, message
            if not left:
                return


def _call(target: Target, operation: str, **parameters: Any) -> dict[str, Any]:
    try:
        return dict(getattr(target.client("sqs"), operation)(**parameters) or {})
    except ClientError as error:
        raise _refused(target, operation, error) from error
    except BotoCoreError as error:
        raise gone(target, error) from error


def _refused(target: Target, what: str, error: ClientError) -> DeployError:
    code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return DeployError(f"{what} was refused: {code}: {said}", fix="what was not sent is still in its queue: look anew")
