"""What a worker prints: taken line by line while it comes, until as much as is kept of an invocation.

A handler that prints without end must not fill the memory of this machine. How much is kept is a limit of the laptop,
not of AWS.
"""

from __future__ import annotations

import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from chainkit.emulation.clock import Clock

LINE_BYTES = 256 * 1024
"""A longer line is cut into several, as CloudWatch cuts what is longer than an event."""

KEPT_BYTES = 8 * 2**20
"""What is kept of one invocation."""

_ID_BYTES = 200
"""At most, of what stands behind the mark."""


class Line(str):
    """A line that a worker printed, and when it came, by the emulator's clock."""

    at_s: float


class Output:
    """The lines of one worker.

    Parameters
    ----------
    stream : what it prints; a zero byte and a request's id mark the end of an invocation
    clock : says when a line came
    """

    def __init__(self, stream: IO[bytes], clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._lines: list[str] = []
        self._bytes = 0
        self._ended: dict[str, threading.Event] = {}
        threading.Thread(target=self._pump, name="logs", daemon=True).start()

    def expect(self, request_id: str) -> None:
        """Say that an invocation begins."""
        self._ended[request_id] = threading.Event()

    def take(self, request_id: str, *, is_ended: bool) -> list[str]:
        """Return the lines printed since the last call, once all of `request_id` have come."""
        if is_ended and request_id in self._ended:
            self._ended[request_id].wait(1.0)
        self._ended.pop(request_id, None)
        return self.rest()

    def rest(self) -> list[str]:
        """Return the lines printed since the last call."""
        lines, left_out, self._lines, self._bytes = self._lines, self._bytes - KEPT_BYTES, [], 0
        if left_out > 0:
            lines.append(self._line(f"[chainkit] {left_out} bytes more were printed, and left out"))
        return lines

    def _line(self, text: str) -> Line:
        line = Line(text)
        line.at_s = self._clock.now_s()
        return line

    def _pump(self) -> None:
        """Collect what comes until the worker has gone."""
        with self._stream as output:
            while raw := output.readline(LINE_BYTES):
                if b"\0" in raw and not raw.endswith(b"\n"):
                    raw += output.readline(_ID_BYTES)
                text, _, ended = raw.partition(b"\0")
                self._keep(text)
                if ended and (event := self._ended.get(ended.decode("ascii", "replace").strip())):
                    event.set()
        for event in list(self._ended.values()):  # nothing more will come
            event.set()

    def _keep(self, text: bytes) -> None:
        room, self._bytes = KEPT_BYTES - self._bytes, self._bytes + len(text)
        if room > 0 and (line := text[:room].decode("utf-8", "replace").rstrip("\r\n")):
            self._lines.append(self._line(line))
