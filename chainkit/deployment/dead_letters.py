"""The dead letters of a chain: gathered from all its queues without losing one, told by error, edited, sent back.

A look receives each message and puts it back at once. That adds one to its receive count, which matters only where the
queue of dead letters has dead letters of its own.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chainkit.chain import Chain
from chainkit.deployment import redriving
from chainkit.deployment.letters import (
    UNKNOWN,
    DeadLetter,
    DeadLetterGroup,
    Letters,
    Said,
    error_in,
    grouped,
    moment,
    opened,
    read,
    root_in,
)
from chainkit.deployment.redriving import FASTEST_PER_S, Redriven, Route
from chainkit.deployment.targets import Standing, Target
from chainkit.errors import ConfigError, nearest
from chainkit.law import is_number
from chainkit.link import Link
from chainkit.records import Buffer

if TYPE_CHECKING:
    import pandas as pd

Which = DeadLetterGroup | DeadLetter | str | Iterable[DeadLetter] | None
"""Dead letters: a group, its name, its error where no other has it, a queue, a message id, letters; None: all."""

_RAW = "raw_message_delivery"
_COLUMNS = ("id", "queue", "link", "failed", "error", "message", "sent_s", "receives", "root", "is_edited")


class DeadLetters:
    """What lies in the dead-letter queues of a chain, as it was when they were looked at. Made by `stack.dead_letters`.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    >>> pay = chain.add(ck.LambdaFunction("pay", duration=0.01, error_rate=1.0))
    >>> dead = chain.add(ck.SqsQueue("dead"))
    >>> _ = chain.connect(jobs, pay, batch_size=1), chain.connect(jobs, dead, link="redrive", max_receive_count=2)
    >>> with ck.local() as target:
    ...     stack = ck.deploy(ck.plan(chain, target))
    ...     _ = stack.send({"order": 1})
    ...     found = stack.dead_letters()
    ...     found, [group.name for group in found.groups], found.letters[0].payload
    (DeadLetters('orders': 1 in 1 group), ['pay: Exception'], {'order': 1})
    """

    def __init__(self, chain: Chain, target: Target, stands: Mapping[str, Standing], names: Mapping[str, str]) -> None:
        self._chain = chain
        self._target = target
        self._names = names
        self._routes = {name: _route(chain, stands, name) for name in _queues(chain)}
        self._letters: dict[str, DeadLetter] = {}
        self._notes = [note for route in self._routes.values() for note in route.notes]
        for route in self._routes.values():
            messages = redriving.look(target, route.url)
            if len(messages) >= redriving.MOST:
                self._notes.append(f"{route.queue!r} may hold more: {redriving.MOST:,} letters are looked at")
            for message in messages:
                letter = self._letter(route, stands, message)
                if letter is not None:
                    self._letters[letter.id] = letter

    # --- reading ---

    @property
    def letters(self) -> Letters:
        """Every dead letter that was there and was not sent back or purged since."""
        return Letters(self._letters.values())

    @property
    def groups(self) -> tuple[DeadLetterGroup, ...]:
        """The letters by service and error, the largest group first."""
        return grouped(self.letters)

    def show(self, which: Which = None) -> Letters:
        """Return dead letters, to be printed: payload, attributes, receive count, the log of the failed invocation.

        Raises
        ------
        ConfigError
            If there are none of that group, queue or id.
        """
        if which is None:
            return self.letters
        if isinstance(which, str):
            return self._named(which)
        wanted = [which] if isinstance(which, DeadLetter | DeadLetterGroup) else [*which]
        found: dict[str, DeadLetter] = {}
        for each in wanted:
            if not isinstance(each, DeadLetter | DeadLetterGroup):
                raise ConfigError(f"dead letters: {each!r} is no dead letter", fix="give a group, its name, or an id")
            key = each.id if isinstance(each, DeadLetter) else each.name
            found |= {letter.id: letter for letter in self._named(key)}
        return Letters(found.values())

    def _named(self, word: str) -> Letters:
        """Return the letters of a group's name, an error, a queue or an id: the first of these that fits."""
        for keys in ("id", "group", "queue", "error"):
            found = [letter for letter in self._letters.values() if getattr(letter, keys) == word]
            if len({letter.group for letter in found}) > 1 and keys == "error":
                names = ", ".join(group.name for group in grouped(found))
                raise ConfigError(
                    f"dead letters of {self._chain.name!r}: {word!r} is in several groups", fix=f"name one: {names}"
                )
            if found:
                return Letters(found)
        groups = [group.name for group in self.groups]
        raise ConfigError(
            f"dead letters of {self._chain.name!r}: {word!r} is no group, queue or id here{nearest(word, groups)}",
            fix=f"groups: {', '.join(groups) or 'none'}",
        )

    # --- changing ---

    def edit(self, which: Which, change: Mapping[str, Any] | Callable[[Any], Any]) -> Letters:
        """Change what dead letters carry when they go back; nothing is sent, and what came is kept beside it.

        Parameters
        ----------
        which : as in `show`
        change : fields to set in each payload, or a function of a copy of the payload that returns the new one

        Raises
        ------
        ConfigError
            If fields are to be set in what is no object, or the new payload is not JSON.
        """
        edited = Letters(replace(letter, payload=_changed(letter, change)) for letter in self.show(which))
        self._letters |= {letter.id: letter for letter in edited}
        return edited

    def redrive(
        self,
        which: Which = None,
        *,
        rate_per_s: int | None = None,
        resend: bool = False,
        dry_run: bool = False,
        timeout_s: float = 60.0,
    ) -> Redriven:
        """Send dead letters back to where they were to be worked, and return what became of their requests.

        A whole queue of letters that another queue gave up, unedited, goes back by AWS's StartMessageMoveTask, which
        takes along what arrived since the look. Edited ones, and some of a queue, are sent one by one: sent first,
        deleted then, so that a crash between the two leaves a letter twice and never not at all.

        Parameters
        ----------
        which : as in `show`
        rate_per_s : at most so many a second, 1 to 500; None: as fast as it goes
        resend : hand what no queue gave up (a failed event, a delivery) to its function or target itself; AWS has no
            call for these
        dry_run : only say what would be done
        timeout_s : how long to wait beyond what the rate takes, for a move, and for the requests after it, seconds

        Raises
        ------
        ConfigError
            If an argument is refused, or letters are among them that AWS does not move and `resend` is not set.
        DeployError
            If the target refuses a call, or a move of the same queue is under way. What was not sent yet stays.
        """
        if rate_per_s is not None and not (type(rate_per_s) is int and 1 <= rate_per_s <= FASTEST_PER_S):
            raise ConfigError(
                f"redrive: rate_per_s={rate_per_s!r} is outside 1..{FASTEST_PER_S}", fix="give a whole number"
            )
        if not is_number(timeout_s) or not timeout_s >= 0:
            raise ConfigError(f"redrive: timeout_s={timeout_s!r} is no time to wait", fix="give seconds, 0 or more")
        steps = redriving.steps(self._routes, self.letters, self.show(which), rate_per_s, resend=resend)
        if dry_run:
            return Redriven(chain=self._chain.name, steps=steps, is_dry_run=True)
        done, gone = redriving.carry_out(self._target, self._chain, steps, self._names, timeout_s)
        for letter in gone:
            del self._letters[letter.id]
        return done

    def purge(self, which: Which, *, confirm: int) -> int:
        """Delete dead letters for good and return how many were still there.

        Parameters
        ----------
        which : as in `show`
        confirm : how many letters that is: a purge cannot be undone

        Raises
        ------
        ConfigError
            If it is another number of letters.
        DeployError
            If the target refuses.
        """
        letters = self.show(which)
        if isinstance(confirm, bool) or confirm != len(letters):
            raise ConfigError(
                f"purge: confirm={confirm!r}, and {len(letters)} dead letters would be gone for good",
                fix=f"look at them with .show(), then purge with confirm={len(letters)}",
            )
        for queue, route in self._routes.items():
            redriving.delete(self._target, route.url, {letter.id for letter in letters if letter.queue == queue})
        for letter in letters:
            del self._letters[letter.id]
        return len(letters)

    # --- showing ---

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per letter: id, queue, link, failed, error, message, sent_s, receives, root, is_edited."""
        import pandas as pd

        rows = [[getattr(letter, name) for name in _COLUMNS] for letter in self._letters.values()]
        return pd.DataFrame(rows, columns=[*_COLUMNS])

    def __len__(self) -> int:
        """Return how many letters there are."""
        return len(self._letters)

    def __repr__(self) -> str:
        """Return the dead letters in a word: stable, so that notebooks can be compared."""
        groups = len(self.groups)
        return f"DeadLetters({self._chain.name!r}: {len(self)} in {groups} group{'s' * (groups != 1)})"

    def __str__(self) -> str:
        """Return a table of the groups, and what to know of the queues."""
        place = f"{len(self._routes)} dead-letter queue{'s' * (len(self._routes) != 1)}"
        if not self._routes:
            return f"{self._chain.name!r} has no dead-letter queue: what fails for good is lost"
        head = f"{self._chain.name!r} on {self._target.name}: {len(self)} dead letters in {place}"
        rows: list[tuple[str, ...]] = [("group", "count", "in", "from", "oldest", "latest", "error of the latest")]
        rows += [_row(group) for group in self.groups]
        widths = [max(len(row[k]) for row in rows) for k in range(6)]
        table = ["  " + "  ".join([*map(str.ljust, row[:6], widths), row[6]]).rstrip() for row in rows]
        notes = [f"  note: {note}" for note in self._notes]
        return "\n".join([head, *(table if len(self) else []), *notes])

    # --- one message ---

    def _letter(self, route: Route, stands: Mapping[str, Standing], message: Mapping[str, Any]) -> DeadLetter | None:
        """Return a message as a dead letter; None for the record of a success that shares the queue."""
        said = read(message)
        if said.error == "Success":
            return None
        key, link = _came_by(self._chain, route, stands, said)
        kind: Any = link.kind if link is not None else said.kind or "redrive"
        root = root_in(message)
        story = self._target.witness.story(root) if root else []
        failed, error, text, logs = self._failure(said, link, message["MessageId"], story)
        original = opened(kind, message["Body"])
        told = message["Attributes"]
        return DeadLetter(
            id=message["MessageId"],
            queue=route.queue,
            kind=kind,
            link=key,
            home=_home(link),
            failed=failed,
            error=error,
            message=self._target.masked(text),
            sent_s=int(told["SentTimestamp"]) / 1000,
            receives=int(told["ApproximateReceiveCount"]),
            root=root,
            body=message["Body"],
            attributes=message.get("MessageAttributes", {}),
            logs=logs,
            original=original,
            payload=original,
            masked=self._target.masked,
        )

    def _failure(
        self, said: Said, link: Link | None, id_: str, story: list[dict[str, Any]]
    ) -> tuple[str, str, str, tuple[str, ...]]:
        """Return where it failed, error, words and log lines: by the letter itself, else by the request's story."""
        home = _home(link) or UNKNOWN
        waits = [event["reason"] for event in story if event["what"] == "retry wait" and id_ in event["ids"]]
        runs = [event for event in story if event["what"] == "invocation" and event["status"] != "ok"]
        if said.kind == "redrive" or (link is not None and link.kind == "redrive"):
            takers = [each.target for _, each in self._chain.outgoing(home)] if link is not None else []
            own = [event for event in runs if self._service(event["resource"]) in takers]
            own = [event for event in own if event["reason"] == waits[-1]] if waits else own
            run = own[-1] if own else None
            reason = waits[-1] if waits else run["reason"] if run else ""
            error, text = error_in(reason) if reason else (UNKNOWN, "")
            where = self._service(run["resource"]) if run else home
        else:
            own = [event for event in runs if self._service(event["resource"]) == home]
            run = own[-1] if own and said.kind == "outcome" else None
            error, text, where = said.error, said.message, home
            if not error:
                lost = [e["reason"] for e in story if e["what"] == "delivery" and self._service(e["resource"]) == home]
                error, text = error_in(lost[-1]) if lost and lost[-1] else (UNKNOWN, "")
        return where, error, text, tuple(run["logs"]) if run else ()

    def _service(self, resource: str) -> str:
        return self._names.get(resource) or self._names.get(resource.rpartition(":")[0]) or resource.rpartition(":")[2]


def _changed(letter: DeadLetter, change: Mapping[str, Any] | Callable[[Any], Any]) -> Any:
    """Return a letter's payload after a change."""
    if isinstance(change, Mapping):
        if not isinstance(letter.payload, dict):
            raise ConfigError(
                f"edit: the payload of {letter.id} is {letter.payload!r}, which has no fields to set",
                fix="give a function of the payload that returns the new one",
            )
        new: Any = {**letter.payload, **change}
    elif callable(change):
        new = change(json.loads(json.dumps(letter.payload)))
    else:
        raise ConfigError(f"edit: change={change!r} is no change", fix="give fields to set, or a function")
    try:
        return json.loads(json.dumps(new, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"edit: the new payload of {letter.id} is not JSON: {error}",
            fix="let the function return dictionaries, lists, text, numbers",
        ) from None


# --- where dead letters come from ---


def _queues(chain: Chain) -> list[str]:
    """Return the services in which dead letters are kept."""
    ends = [end for link in chain.links.values() if (end := _end(link))]
    return [name for name in dict.fromkeys(ends) if isinstance(chain.service(name).behaviour(), Buffer)]


def _end(link: Link) -> str | None:
    """Return where the dead letters of a link go; a link that only leads on has none."""
    if link.kind == "redrive" or (link.kind == "outcome" and link.word == "on_failure"):
        return link.target
    return link.dead_letters


def _route(chain: Chain, stands: Mapping[str, Standing], queue: str) -> Route:
    """Return what leads into a queue of dead letters, and what to know of it."""
    standing = stands[chain.service(queue).id]
    notes = [
        f"{link.target!r} takes messages from {queue!r}, too: letters may be gone before they are sent back"
        if link.kind == "poll"
        else f"{queue!r} has dead letters of its own: each look counts as a receive towards its maximum"
        for _, link in chain.outgoing(queue)
        if link.kind in ("poll", "redrive")
    ]
    links = {key: link for key, link in chain.links.items() if _end(link) == queue}
    homes = dict.fromkeys(_home(link) for link in links.values())
    return Route(
        queue=queue,
        url=standing.ref,
        arn=str(standing.attributes["Arn"]),
        links=links,
        homes={name: stands[chain.service(name).id] for name in homes},
        notes=tuple(notes),
    )


def _home(link: Link | None) -> str:
    """Return who gets the letters of a link again: the queue or function that gave them up, or a delivery's target."""
    if link is None:
        return ""
    return link.source if link.kind in ("redrive", "outcome") else link.target


def _came_by(chain: Chain, route: Route, stands: Mapping[str, Standing], said: Said) -> tuple[str, Link | None]:
    """Return the link by which a letter came: the one whose ARN it names, or the only one where it names none."""
    of_kind = {key: link for key, link in route.links.items() if _may_be(link, said)}
    if of_kind and said.marks:
        links = {
            key: link
            for key, link in of_kind.items()
            if any(re.search(rf"{re.escape(arn)}(?![\w-])", said.marks) for arn in _arns(chain, stands, link))
        }
    else:  # a queue's own word is true; what a body looks like may be what the queue was sent
        links = of_kind if of_kind or said.kind == "redrive" else dict(route.links)
    return next(iter(links.items())) if len(links) == 1 else ("", None)


def _may_be(link: Link, said: Said) -> bool:
    """Tell whether a letter that says so much may have come by a link: one that says nothing has no envelope."""
    return link.kind == said.kind if said.kind else link.kind == "redrive" or getattr(link, _RAW, False)


def _arns(chain: Chain, stands: Mapping[str, Standing], link: Link) -> list[str]:
    """Return what AWS calls the giver of a link's dead letters: its subscription or rule, else the service itself."""
    source, target = chain.service(link.source), chain.service(link.target)
    queue = chain.service(link.dead_letters) if link.dead_letters else None
    own = [resource.id for resource in link.resources(source, target, queue)] if link.kind == "deliver" else [source.id]
    told = [value for id_ in own if id_ in stands for value in (stands[id_].ref, *stands[id_].attributes.values())]
    return [str(value) for value in told if str(value).startswith("arn:")]


def _row(group: DeadLetterGroup) -> tuple[str, ...]:
    count = f"{group.count}" + (f" ({group.edited} edited)" if group.edited else "")
    came = ", ".join(link or "?" for link in group.links)
    return (
        group.name, count, ", ".join(group.queues), came, moment(group.first_s), moment(group.last_s), group.example,
    )  # fmt: skip
