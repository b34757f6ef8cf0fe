"""Who takes batches from a queue or a stream: event source mappings and pipes, as queues and streams see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Batch:
    """Records as their consumer gets them, and by which id each is reported as failed."""

    records: list[dict[str, Any]]
    ids: list[str]
    attempt: int = 1


@dataclass(frozen=True)
class Handled:
    """How a batch went: `failed` are the ids of what must come again."""

    status: str = "ok"
    reason: str = ""
    failed: frozenset[str] = frozenset()
    response: dict[str, Any] = field(default_factory=dict)
    """What a record of failure says of the last answer."""


@dataclass(frozen=True)
class Consumer:
    """One that takes batches from `source_arn`.

    It is made anew from moto's own record at each look, so that changed settings take effect.
    """

    key: str
    arn: str
    source_arn: str
    is_on: Callable[[], bool]
    handle: Callable[[Batch], Handled]
    batch_size: int
    window_s: float = 0.0
    patterns: tuple[str, ...] = ()
    is_pipe: bool = False
    function_arn: str = ""
    """Of the function that gets the batches, without a version; "": no function does."""
    reports: bool = False
    """Whether the function says which records failed."""
    # of queues
    concurrency: int = 5
    visibility_s: Callable[[int], int] = int
    """Given the queue's own visibility timeout."""
    # of streams
    starts_at: str | float = "TRIM_HORIZON"
    """TRIM_HORIZON, LATEST, or seconds since the epoch."""
    lanes: int = 1
    """Batches at the same time from one shard; equal keys share a lane."""
    retries: int = -1
    """How often a failed batch comes again; -1: until it expires."""
    age_limit_s: float | None = None
    bisects: bool = False
    give_up: Callable[[Handled, str, int, dict[str, Any]], bool] = lambda *_: False
    """Sends the record of what is given up (answer, condition, tries, batch); returns whether that is kept anywhere."""


class Consumers:
    """All consumers that stand in the emulator, and who wants to know of changes."""

    def __init__(self) -> None:
        self.providers: list[Callable[[str | None], Iterable[Consumer]]] = []
        """Each returns its consumers, of one source unless None is asked for."""
        self.on_begin: list[Callable[[Consumer], None]] = []
        self.on_change: list[Callable[[str], None]] = []

    def of(self, source_arn: str) -> list[Consumer]:
        """Return the consumers of one queue or stream."""
        return [each for provider in self.providers for each in provider(source_arn)]

    def all(self) -> list[Consumer]:
        """Return all consumers."""
        return [each for provider in self.providers for each in provider(None)]

    def begin(self, consumer: Consumer) -> None:
        """Tell of a new consumer: where it starts to read is decided now."""
        for listener in self.on_begin:
            listener(consumer)
        self.wake(consumer.source_arn)

    def wake(self, source_arn: str) -> None:
        """Look at a source again: something in it, or who takes from it, has changed."""
        for listener in self.on_change:
            listener(source_arn)
