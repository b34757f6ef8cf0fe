"""The log lines of a chain's functions, in one order: what CloudWatch Logs keeps, on any target.

A line that is a JSON object tells its level, message and correlation id by its own keys: those of `correlationId`,
`level`, `message`, as the handlers of the examples write them, and the spellings of Powertools and of Lambda's own JSON
logs. Of other lines, the level is what Lambda puts before a line of Python's logging: "[ERROR]".

Sources: CloudWatch Logs API, FilterLogEvents (pages; at most 10,000 events a page), "Filter pattern syntax" (a term in
double quotes) and "Logs Insights query syntax", StartQuery (at most 50 groups); read 2026-11.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.chain import Chain
from chainkit.deployment.targets import Standing, Target, gone
from chainkit.errors import ConfigError, DeployError, nearest
from chainkit.law import is_number
from chainkit.service import logical_id

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.deployment.stack import Stack

LIMIT = 10_000
"""Lines that are read unless somebody asks for more or fewer."""
MOST_LINES = 1_000_000
MOST_S = 3_653 * 86_400.0
"""The longest that CloudWatch Logs keeps anything that it does not keep for ever."""
IDS = ("correlationId", "correlation_id", "correlation-id", "x-correlation-id")
LEVELS, MESSAGES = ("level", "log_level"), ("message", "msg")
_PREFIX = re.compile(r"\[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]\s*")


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line that a function logged."""

    at: datetime
    """As CloudWatch Logs has it: by the target's clock, which may be virtual."""
    function: str
    """The service of the chain."""
    message: str
    """What it says: a JSON line's `message`, else the line itself."""
    level: str = ""
    correlation_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """All of a JSON line; nothing of another."""
    text: str = ""
    """As it was printed."""

    def __str__(self) -> str:
        """Return time, function, level, message and what else a JSON line says."""
        known = {*IDS, *LEVELS, *MESSAGES, "timestamp", "functionName"}
        more = " ".join(f"{key}={value}" for key, value in self.fields.items() if key not in known)
        clock = self.at.strftime("%H:%M:%S.%f")[:-3]
        return "  ".join(filter(None, (clock, self.function, self.level, self.message, more)))


@dataclass(frozen=True, kw_only=True, repr=False)
class Logs:
    """Log lines of a chain in the order of their times."""

    chain: str
    lines: tuple[LogLine, ...]
    correlation_id: str | None = None
    """What they were asked for by."""
    is_cut: bool = False
    """Whether there are more than were asked for."""

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.lines)

    def __iter__(self) -> Iterator[LogLine]:
        """Yield the lines in the order of their times."""
        return iter(self.lines)

    def __getitem__(self, number: int) -> LogLine:
        """Return one line."""
        return self.lines[number]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per line: at, function, level, message, correlation_id, text, and what JSON says besides."""
        import pandas as pd

        own = ("at", "function", "level", "message", "correlation_id", "text")
        rows = [
            {**{key: value for key, value in line.fields.items() if key not in (*own, *IDS)},
             **{name: getattr(line, name) for name in own}} for line in self.lines
        ]  # fmt: skip
        frame = pd.DataFrame(rows)
        return frame.reindex(columns=[*own, *(name for name in frame.columns if name not in own)])

    def __repr__(self) -> str:
        """Return the lines in a word: stable, so that notebooks can be compared."""
        of = "" if self.correlation_id is None else " of one correlation id"
        return f"Logs({self.chain!r}, {len(self.lines)} lines{of})"

    def __str__(self) -> str:
        """Return the lines, one each; functions stand below each other."""
        width = max((len(line.function) for line in self.lines), default=0)
        told = [str(line).replace(f"  {line.function}  ", f"  {line.function:<{width}}  ", 1) for line in self.lines]
        if self.is_cut:
            told.append(f"... and more: only the first {len(self.lines):,} are shown; ask with limit= or since_s=")
        return "\n".join(told) or f"{self.chain}: no log lines"


@dataclass(frozen=True)
class LogsQuery:
    """A query of CloudWatch Logs Insights over all functions of a chain."""

    query: str
    """What `start_query` takes as queryString."""
    groups: tuple[str, ...]
    """What it takes as logGroupNames; it takes at most 50 at once."""

    def __str__(self) -> str:
        """Return what can be put into the console."""
        return "\n".join([*(f"# {group}" for group in self.groups), self.query])


def of_stack(
    stack: "Stack",
    stands: Mapping[str, Standing],
    correlation_id: str | None,
    function: str | None,
    since_s: float | None,
    limit: int,
) -> Logs:
    """Return lines of a stack's functions; see `Stack.logs`."""
    if correlation_id is not None:
        checked_id("logs", correlation_id)
    if since_s is not None and (not is_number(since_s) or not 0 <= since_s <= MOST_S):
        raise ConfigError(f"logs: since_s={since_s!r} is no time", fix="give seconds, 0 or more")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LINES:
        raise ConfigError(f"logs: limit={limit!r} is outside 1..{MOST_LINES:,}", fix="give a number of lines")
    groups = groups_of(stack.chain, stands)
    if function is not None:
        if function not in groups:
            raise ConfigError(
                f"logs: {function!r} of {stack.chain.name!r} logs nothing{nearest(function, groups)}",
                fix=f"these do: {', '.join(groups) or 'none'}",
            )
        groups = {function: groups[function]}
    since = None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s)
    return read(stack.target, stack.chain.name, groups, correlation_id=correlation_id, since=since, limit=limit)


def groups_of(chain: Chain, stands: Mapping[str, Standing]) -> dict[str, str]:
    """Return service -> log group, of the services of a chain that have one."""
    owners = {logical_id(name, "logs"): name for name in chain.services}
    return {owners[id_]: standing.ref for id_, standing in stands.items() if id_ in owners and standing.ref}


def read(
    target: Target,
    chain: str,
    groups: Mapping[str, str],
    *,
    correlation_id: str | None,
    since: datetime | None = None,
    limit: int = LIMIT,
) -> Logs:
    """Return lines of log groups, the oldest first.

    Parameters
    ----------
    groups : service -> its log group; one that is not there (yet) has no lines
    correlation_id : which lines: those in which it stands, as a word of its own; None: all
    since : nothing older; None: no matter how old
    limit : how many at most

    Raises
    ------
    DeployError
        If the target refuses, or does not answer.
    """
    pattern = {} if correlation_id is None else {"filterPattern": f'"{_quoted(correlation_id)}"'}
    start = {} if since is None else {"startTime": max(int(since.timestamp() * 1000), 0)}
    events: list[tuple[int, str, str]] = []
    for service, group in groups.items():
        # The first `limit` of all are among the first `limit` of each, and one more says that there are more.
        found = 0
        for event in _events(target, {"logGroupName": group, **pattern, **start}):
            if correlation_id is None or names(event["message"], correlation_id):
                events.append((event["timestamp"], service, event["message"]))
                found += 1
            if found > limit:
                break
    events.sort(key=lambda event: event[0])
    lines = tuple(line_of(at_ms, service, text) for at_ms, service, text in events[:limit])
    return Logs(chain=chain, lines=lines, correlation_id=correlation_id, is_cut=len(events) > limit)


def _events(target: Target, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a log group, page by page: a page may be empty, and another follow."""
    more: dict[str, str] = {}
    while True:
        try:
            page = target.client("logs").filter_log_events(**asked, **more)
        except ClientError as error:
            code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            if code == "ResourceNotFoundException":  # made at the first run, and this function has not run
                return
            raise DeployError(
                f"logs: filter_log_events of {asked['logGroupName']} was refused: {code}: {said}",
                fix="allow logs:FilterLogEvents on the chain's log groups",
            ) from error
        except BotoCoreError as error:
            raise gone(target, error) from error
        yield from page.get("events", ())
        token = page.get("nextToken")
        if not token or token == more.get("nextToken"):
            return
        more = {"nextToken": token}


def line_of(at_ms: int, service: str, text: str) -> LogLine:
    """Return a log event as a line of a service.

    >>> line = line_of(
    ...     1_000, "pay", '{"level": "ERROR", "message": "declined", "correlationId": "c-1", "orderId": "7"}'
    ... )
    >>> line.level, line.message, line.correlation_id
    ('ERROR', 'declined', 'c-1')
    >>> print(line)
    00:00:01.000  pay  ERROR  declined  orderId=7
    >>> line_of(1_000, "pay", "[WARNING] slow").level
    'WARNING'
    """
    text = text.rstrip("\r\n")
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    fields = _object(text)
    if fields is None:
        found = _PREFIX.match(text)
        level, message = (found[1], text[found.end() :]) if found else ("", text)
        return LogLine(at=at, function=service, message=message, level=level, text=text)
    return LogLine(
        at=at,
        function=service,
        message=_first(fields, MESSAGES) or text,
        level=_first(fields, LEVELS),
        correlation_id=_first(fields, IDS),
        fields=fields,
        text=text,
    )


def names(text: str, id_: str) -> bool:
    """Tell whether an id stands in a text as a word of its own.

    >>> names('{"correlationId": "order-1"}', "order-1"), names("order-12 order-1-a", "order-1")
    (True, False)
    """
    return re.search(rf"(?<![\w-]){re.escape(id_)}(?![\w-])", text) is not None


def insights(correlation_id: str, groups: Iterable[str], limit: int = LIMIT) -> LogsQuery:
    """Return the query that finds the lines of one correlation id, the oldest first, over log groups.

    >>> print(insights("order-1", ["/aws/lambda/orders-pay"]))
    # /aws/lambda/orders-pay
    fields @timestamp, @log, level, message, @message
    | filter @message like "order-1"
    | sort @timestamp asc
    | limit 10000
    """
    query = (
        f'fields @timestamp, @log, level, message, @message\n| filter @message like "{_quoted(correlation_id)}"\n'
        f"| sort @timestamp asc\n| limit {limit}"
    )
    return LogsQuery(query, tuple(groups))


def checked_id(who: str, id_: Any) -> str:
    """Return an id that something can be looked up by.

    Raises
    ------
    ConfigError
        If it is no text, or empty.
    """
    if not isinstance(id_, str) or not id_.strip():
        raise ConfigError(
            f"{who}: correlation_id={id_!r} is no id", fix='give the text that the handlers log: "order-1"'
        )
    return id_


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a line is, if it is one."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _first(fields: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Return the first of some fields that is there, as text."""
    return next((str(fields[key]) for key in keys if fields.get(key) is not None), "")
