"""`probe`: asks the checks of one endpoint, a few at a time, and reports what came."""

import ipaddress
import json
import random
import socket
import time
import urllib.parse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal

from chainkit.errors import ConfigError, DeployError, nearest
from chainkit.probing import asynchronous, events, functions, queues, states, storage, streams, topics
from chainkit.probing.checking import LONGEST, Check, Unmet
from chainkit.probing.place import Clients, Place

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = (functions, asynchronous, queues, topics, events, streams, storage, states)
CHECKS = {each.name: each for family in FAMILIES for each in vars(family).values() if isinstance(each, Check)}
"""Every check by its name, in the order of the files."""

_WIDTH = max(map(len, CHECKS))
HEADER = f"{'check':<{_WIDTH}}  result  seconds  what came instead"

PATIENCE_S = 45.0
JOBS = 4


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one check."""

    check: str
    passed: bool
    seconds: float
    """Wall time of the check, without the removal of what it made."""
    instead: str = ""
    """What came instead of what was expected; empty if it passed."""
    left: tuple[str, ...] = ()
    """What could not be removed, and why."""

    def __str__(self) -> str:
        """Return the line of a table that HEADER begins."""
        word = "passed" if self.passed else "failed"
        lines = [f"{self.check:<{_WIDTH}}  {word}  {self.seconds:7.1f}  {self.instead}".rstrip()]
        return "\n".join([*lines, *(f"{'':<{_WIDTH}}  not removed: {what}" for what in self.left)])


@dataclass(frozen=True, repr=False)
class Report:
    """What `probe` gives back: one result per check, in the order in which they were asked."""

    url: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per check: check, passed, seconds, instead, left."""
        import pandas as pd

        names = [field.name for field in fields(Result)]
        return pd.DataFrame([asdict(result) for result in self.results], columns=names)

    def to_json(self) -> str:
        """Return the report as JSON: url, passed, and the results."""
        results = [asdict(result) for result in self.results]
        return json.dumps({"url": self.url, "passed": self.passed, "results": results}, indent=1) + "\n"

    def __repr__(self) -> str:
        """Return the report in a word."""
        return f"Report({self.url}: {self.counted()})"

    def __str__(self) -> str:
        """Return the table: check, passed or failed, seconds, what came instead."""
        return "\n".join([HEADER, *map(str, self.results), f"{self.url}: {self.counted()}"])

    def counted(self) -> str:
        """Return how many passed, in words."""
        return f"{sum(result.passed for result in self.results)} of {len(self.results)} checks passed"


def probe(
    url: str,
    *,
    only: Sequence[str] = (),
    slow: bool = False,
    order: Literal["file", "random"] = "file",
    seed: int = 1,
    jobs: int = JOBS,
    patience_s: float = PATIENCE_S,
    region: str = "us-east-1",
    elsewhere: bool = False,
    progress: Callable[[Result], None] | None = None,
) -> Report:
    """Ask an endpoint, through boto3 alone, whether its routes work as AWS's do.

    Each check makes what it needs under names of its own, sends something, waits for what AWS would do, and removes all
    again. Functions are real: they report what they got to a queue. Keys are dummies; nothing of the user's is read.

    Parameters
    ----------
    url : the endpoint of every service, such as "http://127.0.0.1:4566"
    only : names of checks; all that are not slow if left out
    slow : whether the checks that take more than a minute are asked, too
    order : "file", or "random" with `seed`
    jobs : how many checks are under way at once, 1 or more
    patience_s : how long a check waits for what should come, seconds; it waits longer where AWS itself takes longer
    region : the region that requests are signed for
    elsewhere : whether the endpoint may be on another machine
    progress : called with each result as it comes

    Raises
    ------
    ConfigError
        If the address is none, or leads to another machine; if there is no such check, order or number of jobs.
    DeployError
        If nothing answers there.

    Examples
    --------
    >>> from chainkit.emulation import Emulator
    >>> with Emulator(clock="wall") as emulator:
    ...     report = probe(emulator.endpoint_url, only=["sqs_visibility"])
    >>> report.passed, [result.check for result in report.results]
    (True, ['sqs_visibility'])
    """
    _validate(url, order, jobs, patience_s, elsewhere=elsewhere)
    asked = chosen(only, slow=slow)
    if order == "random":
        random.Random(seed).shuffle(asked)
    _knock(url)
    clients = Clients(url, region)
    results: dict[str, Result] = {}
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="probe")
    try:
        for future in as_completed([pool.submit(ask, each, clients, patience_s) for each in asked]):
            result = future.result()
            results[result.check] = result
            if progress is not None:
                progress(result)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, those under way still remove what they made
        clients.close()
    return Report(url, tuple(results[each.name] for each in asked))


def chosen(only: Sequence[str] = (), *, slow: bool = False) -> list[Check]:
    """Return the checks to ask, in the order of the files.

    Raises
    ------
    ConfigError
        If there is no check of a name.

    Examples
    --------
    >>> [each.name for each in chosen(["sqs_esm", "invoke_sync"])], len(chosen()), len(chosen(slow=True))
    (['invoke_sync', 'sqs_esm'], 45, 46)
    """
    for name in only:
        if name not in CHECKS:
            raise ConfigError(
                f"probe: only={name!r} is no check{nearest(name, CHECKS)}", fix=f"the checks are {', '.join(CHECKS)}"
            )
    return [each for each in CHECKS.values() if (each.name in only if only else slow or not each.is_slow)]


def ask(each: Check, clients: Clients, patience_s: float = PATIENCE_S) -> Result:
    """Ask one check, and remove what it made; return what came of it. Raises nothing, whatever the endpoint does."""
    at, instead, began_s = Place(clients, patience_s), "", time.monotonic()
    try:
        each.ask(at)
    except Unmet as difference:
        instead = str(difference)
    except Exception as error:  # whatever a stranger's answer does to a check is the check's result
        instead = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
    seconds = time.monotonic() - began_s
    return Result(check=each.name, passed=not instead, seconds=seconds, instead=instead, left=at.clear())


def _validate(url: str, order: str, jobs: int, patience_s: float, *, elsewhere: bool) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"probe: url={url!r} is no address", fix="write it like http://127.0.0.1:4566")
    if not elsewhere and not _is_here(parts.hostname):
        raise ConfigError(
            f"probe: url={url!r} is on another machine, where a check would make and remove resources",
            fix="probe 127.0.0.1, localhost or ::1; or allow it: elsewhere=True, on the command line --elsewhere",
        )
    if order not in ("file", "random"):
        raise ConfigError(f"probe: order={order!r} is unknown", fix='choose "file" or "random"')
    if jobs < 1:
        raise ConfigError(f"probe: jobs={jobs!r} is below 1", fix="choose 1 or more")
    if not patience_s > 0:
        raise ConfigError(f"probe: patience_s={patience_s!r} is not above 0 s", fix=f"choose {PATIENCE_S:g}")


def _is_here(host: str) -> bool:
    """Return whether a host is this machine by its very name: no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _knock(url: str) -> None:
    """Raise if nothing listens at an address."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((parts.hostname or "", port), timeout=10).close()
    except OSError as error:
        raise DeployError(f"probe: nothing answers at {url}: {error}", fix="start the endpoint first") from error
