"""Runs the replications: on all cores, behind a bar where it takes long; an interrupt keeps what is done."""

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainkit.simulation.memory import Tally, Told

LONG = 5_000_000
"""Requests from which on a run shows a progress bar."""
SHORT = 20_000
"""Requests below which threads cost more than they save."""
GLANCE_S = 0.2
"""How often the bar moves, and an interrupt is seen on systems whose waits it does not end."""


class _Over(BaseException):
    """Ends a replication that nobody wants any more."""


class Crew:
    """All replications of one run, and what an interrupt does to them.

    Those that are done are kept, and the others given up. If none is done yet, those that run take no more requests,
    and end with what they have in flight: they are as good as shorter ones. A second interrupt ends everything.
    """

    def __init__(self, replications: int, requests: int, threads: int | None = None) -> None:
        self.replications, self.requests = replications, requests
        self.threads = min(threads or os.cpu_count() or 1, replications)
        self.arrived = [0] * replications
        self.done: list[Tally] = []
        self.is_interrupted = self.is_over = False

    def run(self, one: "Callable[[int, Told], Tally]") -> "tuple[Tally, ...]":
        """Return what `one` gives for each replication that came to an end, in their order.

        Raises
        ------
        KeyboardInterrupt
            If there is none.
        """
        # No interrupt comes to another thread than the main one: who started several looks after them (sweeps.py).
        is_one_of_many = self.threads == 1 and current_thread() is not main_thread()
        if self.requests < SHORT or is_one_of_many:
            self._in_a_row(one)
        else:
            with Bar(self) as bar, ThreadPoolExecutor(self.threads) as pool:
                running = {pool.submit(self._one, one, r) for r in range(self.replications)}
                try:
                    self._wait(running, bar)
                except BaseException:
                    self.is_over = True
                    raise
        if not self.done:
            raise KeyboardInterrupt
        return tuple(sorted(self.done, key=lambda tally: tally.replication))

    def _in_a_row(self, one: "Callable[[int, Told], Tally]") -> None:
        """Run one after another, in this thread."""
        try:
            for r in range(self.replications):
                self.done.append(one(r, self._told(r)))
        except KeyboardInterrupt:
            self.is_interrupted = True

    def _wait(self, running: "set[Future[Tally | None]]", bar: "Bar") -> None:
        """Wait until all are done; an interrupt, here or in one of them, is told to the others."""
        while running:
            try:
                ready = wait(running, GLANCE_S, FIRST_COMPLETED).done
                bar.move()
                for future in ready:
                    running.discard(future)
                    tally = future.result()
                    if tally is not None:
                        self.done.append(tally)
            except KeyboardInterrupt:
                if self.is_interrupted:
                    raise
                self.is_interrupted = True

    def _one(self, one: "Callable[[int, Told], Tally]", r: int) -> "Tally | None":
        """Run one replication in a thread of its own; None: given up."""
        with suppress(_Over):
            told = self._told(r)
            told(0)
            return one(r, told)
        return None

    def _told(self, r: int) -> "Told":
        """Return what a replication tells how many requests have arrived, and asks whether to go on."""

        def told(requests: int) -> str | None:
            self.arrived[r] += requests
            if self.is_over or (self.is_interrupted and (self.done or not self.arrived[r])):
                raise _Over
            return "end" if self.is_interrupted else None

        return told


class Bar:
    """A progress bar by requests, where a run is long; none under CI."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.bar: Any = None

    def __enter__(self) -> "Bar":
        """Show the bar."""
        if self.crew.requests >= LONG and not os.environ.get("CI"):
            from tqdm.auto import tqdm

            self.bar = tqdm(total=self.crew.requests, unit=" requests", unit_scale=True)
        return self

    def move(self) -> None:
        """Move the bar to where the run is."""
        if self.bar is not None:
            self.bar.update(sum(self.crew.arrived) - self.bar.n)

    def __exit__(self, *error: object) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.move()
            self.bar.close()
