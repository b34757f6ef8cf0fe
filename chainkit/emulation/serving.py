"""How the child reads and writes HTTP: over connections that stay, from processes of its own user.

werkzeug's server closes each connection after one request: a connection and a thread for each. Here a client keeps
both. Whoever can reach the endpoint can create a function, and so run code as this user: on Linux, connections of other
users of the machine are refused; elsewhere they are not.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that belong to the connection; an application's own are left out, lest its length is wrong."""

_WITHOUT_BODY = ("1", "204", "304")


class RequestHandler(MotoRequestHandler):
    """Answers one request after another on a connection; the whole of each is read before it is answered."""

    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        source = environ["wsgi.input"]
        is_chunked = environ.get("wsgi.input_terminated")
        body = source.read() if is_chunked else source.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            status, headers, content = _answer(self.server.app, environ)
        except Exception:  # of moto: its client must not wait for an answer
            traceback.print_exc(file=sys.stderr)
            status, headers, content = "500 INTERNAL SERVER ERROR", [], b""
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}"]
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _OURS]
        if self.command == "HEAD":
            lines += [f"Content-Length: {length}" for length in lengths]
            content = b""
        elif status.startswith(_WITHOUT_BODY):
            content = b""
        else:
            lines.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            lines.append("Connection: close")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    def log_request(self, *_: Any) -> None:
        """Write nothing: nobody reads it, and it takes a while."""


def _answer(app: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return (status, headers, body) of a WSGI application."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
        begun.append((status, headers))
        return written.append

    result = app(environ, start_response)
    try:
        written.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return *begun[-1], b"".join(written)


def refuse_others(server: Any) -> None:
    """Let `server` close the connections of other users of the machine; socketserver asks at each."""
    server.verify_request = lambda _, client: is_of_own_user(client, server.server_port)


def is_of_own_user(client: tuple[str, int], server_port: int, folder: Path = Path("/proc/net")) -> bool:
    """Return whether a connection to us comes from a process of this user, or of root.

    Parameters
    ----------
    client : address and port that it comes from
    server_port : our own
    folder : where the system lists its connections; True where it does not, or does not list this one
    """
    wanted = (_written(*client), _written("127.0.0.1", server_port))
    for name in ("tcp", "tcp6"):  # a client may also write our address as one of IPv6
        try:
            rows = (folder / name).read_text().splitlines()
        except OSError:
            return True
        for row in rows:
            fields = row.split(maxsplit=10)
            if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]):
                # Without an inode it has been closed already: the owner that is listed then is not its own.
                return fields[9] != "0" and int(fields[7]) in (os.getuid(), 0)
    return True


def _written(address: str, port: int) -> str:
    """Return an address as the tables of Linux have it: the machine's own order of bytes."""
    return f"{struct.unpack('=I', socket.inet_aton(address))[0]:08X}:{port:04X}"
