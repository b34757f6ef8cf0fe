"""HTTP of the child: connections stay, requests are framed right, other users of the machine are refused."""

import http.client
import os
import socket
import subprocess
import sys

import pytest

from chainkit.emulation.serving import is_of_own_user

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request"}


@pytest.fixture
def connection(aws):
    port = int(aws.emulator.endpoint_url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    yield connection
    connection.close()


def ask(connection, method, path, body=None, headers=None, **options):
    connection.request(method, path, body, {**SIGNED, **(headers or {})}, **options)
    response = connection.getresponse()
    return response, response.read()


def test_a_connection_answers_one_request_after_another(aws, connection):
    aws.client("s3").create_bucket(Bucket="stays")
    ask(connection, "PUT", "/stays/a", b"x" * 300_000)
    kept = connection.sock
    read = ask(connection, "GET", "/stays/a")[1]
    head, nothing = ask(connection, "HEAD", "/stays/a")
    gone, no_body = ask(connection, "DELETE", "/stays/a")
    missing = ask(connection, "GET", "/stays/a")[0]

    assert read == b"x" * 300_000
    assert (head.headers["content-length"], nothing) == ("300000", b"")
    assert (gone.status, no_body) == (204, b"")
    assert missing.status == 404
    assert connection.sock is kept


def test_a_body_in_pieces_is_read_to_its_end(aws, connection):
    aws.client("s3").create_bucket(Bucket="pieces")
    ask(connection, "PUT", "/pieces/a", iter([b"one ", b"two"]), encode_chunked=True)
    kept = connection.sock

    assert ask(connection, "GET", "/pieces/a")[1] == b"one two"
    assert connection.sock is kept


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(connection):
    first = ask(connection, "POST", "/_chainkit/workers", b"GET / HTTP/1.1\r\n\r\n" * 1000)[0]
    second = ask(connection, "GET", "/_chainkit/workers")[0]

    assert (first.status, second.status) == (200, 200)


def test_who_asks_for_a_close_gets_one(connection):
    response, _ = ask(connection, "GET", "/_chainkit/workers", headers={"Connection": "close"})

    assert response.headers["connection"] == "close"
    assert connection.sock is None


def table(tmp_path, *, uid, inode=77, name="tcp", client="0100007F:C350"):
    """Write a table of connections with one from port 50000 to port 8000."""
    row = (
        f"   1: {client} 0100007F:1F40 01 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode} 1 ffff 20 4 30 10 -1"
    )
    for each in ("tcp", "tcp6"):
        (tmp_path / each).write_text("  sl  local_address rem_address   st tx_queue\n" + row * (each == name))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no user ids")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"uid": 0}, True),
        ({"uid": 4242}, False),
        ({"uid": 4242, "name": "tcp6", "client": "0000000000000000FFFF00000100007F:C350"}, False),
        ({"uid": 0, "inode": 0}, False),
        ({"uid": 4242, "client": "0100007F:C351"}, True),
    ],
    ids=["root", "another user", "another user by IPv6", "closed before it was accepted", "another connection"],
)
def test_the_owner_of_a_connection_decides(tmp_path, row, expected):
    if sys.byteorder != "little":
        pytest.skip("the rows above are written for little-endian machines")

    assert is_of_own_user(("127.0.0.1", 50_000), 8000, table(tmp_path, **row)) is expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no user ids")
def test_ones_own_connection_is_taken(tmp_path):
    assert is_of_own_user(("127.0.0.1", 50_000), 8000, table(tmp_path, uid=os.getuid()))
    assert is_of_own_user(("127.0.0.1", 50_000), 8000, tmp_path / "no such folder")


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(os, "getuid") or os.getuid() != 0, reason="takes two users")
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_another_user_of_the_machine_is_refused(aws, family):
    port = int(aws.emulator.endpoint_url.rpartition(":")[2])
    address = "127.0.0.1" if family == "AF_INET" else "::ffff:127.0.0.1"
    code = (
        f"import os, socket\nos.setuid(65534)\ns = socket.socket(socket.{family})\n"
        f"s.connect(({address!r}, {port}))\n"
        "try:\n    s.sendall(b'GET /_chainkit/workers HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n    print(s.recv(100))\n"
        "except ConnectionError:\n    print(b'')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with socket.create_connection(("127.0.0.1", port)) as own:
        own.sendall(b"GET /_chainkit/workers HTTP/1.1\r\nHost: x\r\n\r\n")

        assert own.recv(100).startswith(b"HTTP/1.1 403")
    assert done.stdout == "b''\n"
