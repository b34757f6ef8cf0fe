"""The traces of what was sent through a stack, to be found again: the last ten thousand."""

import threading
from collections import OrderedDict

from chainkit.deployment.log_lines import names
from chainkit.errors import ConfigError
from chainkit.records import Trace

MOST = 10_000


class KeptTraces:
    """Traces by their ids; the oldest go when there are more than `most`."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._traces)

    def keep(self, trace: Trace) -> Trace:
        """Keep a trace, and return it."""
        with self._lock:
            self._traces[trace.request] = trace
            if len(self._traces) > self._most:
                self._traces.popitem(last=False)
        return trace

    def find(self, id_: str) -> Trace | None:
        """Return the trace of that id, or the last one in whose log lines it stands; None if there is none."""
        with self._lock:
            kept = list(self._traces.values())
            if id_ in self._traces:
                return self._traces[id_]
        return next((t for t in reversed(kept) if any(names(line, id_) for s in t.spans for line in s.logs)), None)

    def found(self, id_: str, chain: str) -> Trace:
        """Return the trace of that id, or in whose log lines it stands.

        Raises
        ------
        ConfigError
            If it is no id, or none of those that are kept.
        """
        trace = self.find(id_) if isinstance(id_, str) and id_ else None
        if trace is None:
            known = f"{len(self):,} requests were sent through this stack" if len(self) else "nothing was sent yet"
            raise ConfigError(
                f"stack {chain!r}: there is no trace {id_!r}: {known}, of which the last {self._most:,} are kept",
                fix="give a trace's `request`, or a correlation id that a handler logged: stack.logs() shows them",
            )
        return trace
