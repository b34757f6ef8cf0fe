"""Where a designer's chain is deployed: target, plan, stack, what was measured, and the work that is under way there.

The panels that deploy, break and redrive share it through the state. Work is done on a thread, one at a time, so that
the page answers meanwhile; what it says and how it ends, they hear as the topic "site".
"""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from chainkit.deployment.measured import Measured
from chainkit.deployment.plan import Plan
from chainkit.deployment.stack import Stack
from chainkit.deployment.targets import Target
from chainkit.errors import ChainkitError, ConfigError
from chainkit.records import Trace
from chainkit.simulation.run import Run
from chainkit.widgets.canvas import refused
from chainkit.widgets.places import Place
from chainkit.widgets.state import State

MOST_LINES = 300
"""Of what a piece of work has told."""


class StoppedError(ChainkitError):
    """Work that a hand has stopped."""


@dataclass
class Work:
    """One piece of work: what it is, how far it has come, how it ended."""

    title: str
    total: int = 0
    """Steps in all; 0: nobody knows."""
    done: int = 0
    lines: list[str] = field(default_factory=list)
    error: ChainkitError | None = None
    is_over: bool = False
    can_stop: bool = False
    """Whether it looks, time and again, if it was asked to end."""
    is_stopped: bool = False
    """Whether it was asked to end."""

    def words(self) -> dict[str, Any]:
        """Return the work as a panel shows it."""
        refusal = refused(self.error if self.is_over else None)
        told = {
            "title": self.title,
            "done": self.done,
            "total": self.total,
            "lines": self.lines,
            "is_over": self.is_over,
        }
        return {**told, "can_stop": self.can_stop and not self.is_stopped, **refusal}

    def require_going(self) -> None:
        """Raise StoppedError if it was asked to end."""
        if self.is_stopped:
            raise StoppedError(f"{self.title}: stopped after {self.done} of {self.total}" if self.total else self.title)


class Worksite:
    """What stands where, and the work on it.

    Parameters
    ----------
    state : whose chain is deployed

    Examples
    --------
    >>> import chainkit as ck
    >>> designer = ck.Designer(ck.example("orders"), requests=20)
    >>> site = site_of(designer.state)
    >>> site.start("wait", lambda work: site.told("done"))
    >>> site.wait()
    >>> site.work.lines, site.is_busy
    (['done'], False)
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.place: Place | None = None
        """Where the target is."""
        self.opened_with: tuple[Any, ...] = ()
        """What the target was opened with: who asks for the same gets the same."""
        self.target: Target | None = None
        self.plan: Plan | None = None
        self.stack: Stack | None = None
        self.is_standing = False
        """Whether something of the chain stands there, whole or half made."""
        self.faults: Any = None
        """What is broken there now; None: nothing."""
        self.trace: Trace | None = None
        """The request that was sent last."""
        self.measured: Measured | None = None
        self.run: Run | None = None
        """The run with the very requests that were measured, if their draws were injected."""
        self.work = Work("", is_over=True)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open, self._broken = ExitStack(), ExitStack()
        self._ends = weakref.finalize(self, _end, self._broken, self._open)  # dropped, or the kernel ends

    # --- work ---

    @property
    def is_busy(self) -> bool:
        """Whether work is under way."""
        return not self.work.is_over

    def start(self, title: str, act: Callable[[Work], None], *, total: int = 0, can_stop: bool = False) -> None:
        """Begin a piece of work on a thread of its own.

        Raises
        ------
        ConfigError
            If another is under way.
        """
        with self._lock:
            if self.is_busy:
                raise ConfigError(
                    f"{title}: there is work under way ({self.work.title})", fix="wait until it is over, or stop it"
                )
            self.work = Work(title, total, can_stop=can_stop)
        self._thread = threading.Thread(target=self._do, args=(self.work, act), name=f"chainkit {title}", daemon=True)
        self._state.tell_site()
        self._thread.start()

    def _do(self, work: Work, act: Callable[[Work], None]) -> None:
        """Do a piece of work and keep how it ended."""
        work.error = ConfigError("this went wrong inside chainkit", fix="the kernel's log says more")
        try:
            act(work)
            work.error = None
        except ChainkitError as error:
            work.error = error
        finally:
            work.is_over = True
            self._state.tell_site()

    def told(self, line: str) -> None:
        """Hear of a step of the work while it is taken: what `tell=` of a deployment is."""
        line = line if self.target is None else self.target.masked(line)
        self.work.lines = [*self.work.lines[1 - MOST_LINES :], line]
        self.work.done += 1
        self._state.tell_site()

    def came(self, done: int) -> None:
        """Hear how far the work has come."""
        self.work.done = done
        self._state.tell_site()

    def stop(self) -> None:
        """Ask the work to end: what is under way at this moment is brought to its end."""
        self.work.is_stopped = True

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until the work is over: for cells, which go on at once."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    # --- the target ---

    @property
    def is_own(self) -> bool:
        """Whether there is a target that was started here, and ends with what stands on it when it is left."""
        return self.place is not None and self.place.is_own

    def enter(self, place: Place, target: AbstractContextManager[Target], opened_with: tuple[Any, ...]) -> Target:
        """Take a target that is being opened; the one before is let go."""
        self.leave()
        self.target, self.place, self.opened_with = self._open.enter_context(target), place, opened_with
        return self.target

    def leave(self) -> None:
        """Let the target go; one that was started here ends, and all that stands on it with it."""
        self.stop()
        self.target = self.plan = self.stack = self.trace = self.measured = self.run = self.faults = None
        self.place, self.opened_with, self.is_standing = None, (), False
        _end(self._broken, self._open)

    # --- what is broken ---

    def break_(self, faults: Any) -> None:
        """Let things break where the chain stands, in place of what broke before; None: nothing any more."""
        self._broken.close()
        self.faults = None
        if faults is not None:
            self._broken.enter_context(self.need_stack("faults").faults(faults))
            self.faults = faults
        self._state.tell_site()

    def need_stack(self, who: str) -> Stack:
        """Return the stack.

        Raises
        ------
        ConfigError
            If nothing is deployed.
        """
        if self.stack is None:
            raise ConfigError(f"{who}: nothing is deployed", fix="plan and deploy first")
        return self.stack


def _end(broken: ExitStack, opened: ExitStack) -> None:
    """Mend what was broken, and let the target go."""
    with opened, suppress(ChainkitError):  # a target that is gone has no faults any more
        broken.close()


def site_of(state: State) -> Worksite:
    """Return the one site of a state: all its panels work on the same."""
    if state.site is None:
        state.site = Worksite(state)
    site: Worksite = state.site
    return site
