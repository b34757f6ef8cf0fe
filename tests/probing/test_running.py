import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chainkit.errors import ConfigError, DeployError
from chainkit.probing import CHECKS, Check, chosen, probe
from chainkit.probing.checking import Unmet
from chainkit.probing.place import Clients, Place, code
from chainkit.probing.running import ask

SEEN: list[dict[str, str]] = []


class Nonsense(BaseHTTPRequestHandler):
    """Answers every request with a page that no client of AWS's understands."""

    def do_POST(self) -> None:
        SEEN.append(dict(self.headers))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def nonsense() -> Iterator[str]:
    SEEN.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.us-east-1.amazonaws.com",
        "http://192.168.1.7:4566",
        "http://127.0.0.1.example.com:4566",
        "http://127.0.0.1@example.com",
        "http://localhost.example.com",
        "http://0x7f000001",
    ],
)
def test_an_endpoint_on_another_machine_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="another machine"):
        probe(url)


def test_an_endpoint_elsewhere_is_asked_when_that_is_allowed() -> None:
    with pytest.raises(DeployError, match="nothing answers"):
        probe("http://nowhere.invalid:4566", elsewhere=True)


@pytest.mark.parametrize("url", ["127.0.0.1:4566", "", "file:///tmp/x", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        probe(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_nothing_answers_at_an_address_of_this_machine(host: str) -> None:
    with pytest.raises(DeployError, match="nothing answers"):
        probe(f"http://{host}:1")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"only": ["sqs_esn"]}, "did you mean 'sqs_esm'"),
        ({"order": "alphabetic"}, "order='alphabetic' is unknown"),
        ({"jobs": 0}, "jobs=0 is below 1"),
        ({"patience_s": 0.0}, "is not above 0 s"),
    ],
)
def test_an_option_that_is_none_is_refused(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text.replace("(", r"\(")):
        probe("http://127.0.0.1:1", **wrong)


def test_every_check_is_red_on_an_endpoint_that_understands_nothing(nonsense: str) -> None:
    report = probe(nonsense, slow=True, jobs=8, patience_s=0.1)

    assert [result.check for result in report.results] == list(CHECKS)
    assert [result.check for result in report.results if result.passed] == []
    assert not report.passed


def test_the_keys_are_dummies_and_the_users_profile_is_not_read(
    nonsense: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    own = tmp_path / "credentials"
    own.write_text("[mine]\naws_access_key_id = AKIAOWNKEY\naws_secret_access_key = secret\nregion = eu-west-1\n")
    for name, value in {
        "AWS_PROFILE": "mine",
        "AWS_SHARED_CREDENTIALS_FILE": str(own),
        "AWS_CONFIG_FILE": str(own),
        "AWS_ACCESS_KEY_ID": "AKIAOWNKEY",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "own",
        "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    probe(nonsense, only=["sqs_visibility"], patience_s=0.1)

    assert SEEN
    assert all("testing" in headers["Authorization"] for headers in SEEN)
    assert "AKIAOWNKEY" not in str(SEEN)


def test_a_random_order_is_the_same_for_the_same_seed(nonsense: str) -> None:
    def names(**order: object) -> list[str]:
        report = probe(nonsense, only=["sqs_esm", "invoke_sync", "sns_lambda", "kinesis", "eb_sfn"], jobs=5, **order)
        return [result.check for result in report.results]

    assert names() == ["invoke_sync", "sqs_esm", "sns_lambda", "eb_sfn", "kinesis"]
    assert names(order="random", seed=3) == names(order="random", seed=3)
    assert len({tuple(names(order="random", seed=seed)) for seed in range(5)}) > 1


def test_one_job_asks_one_check_after_the_other(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most = [], []

    def looked(at: Place) -> None:
        under_way.append(at)
        most.append(len(under_way))
        at.until("nothing", lambda: False)

    def leaving(at: Place) -> None:
        try:
            looked(at)
        finally:
            under_way.remove(at)

    for name in ("one", "two", "three"):
        monkeypatch.setitem(CHECKS, name, Check(name, "", leaving))
    probe(nonsense, only=["one", "two", "three"], jobs=1, patience_s=0.2)

    assert most == [1, 1, 1]


def test_a_report_says_what_came_instead(nonsense: str) -> None:
    said = []
    report = probe(nonsense, only=["sqs_visibility"], patience_s=0.1, progress=said.append)
    (result,) = report.results

    assert said == [result]
    assert "sqs_visibility" in str(report)
    assert "failed" in str(report)
    assert result.instead in str(report)
    assert str(report).endswith(f"{nonsense}: 0 of 1 checks passed")
    assert json.loads(report.to_json())["results"][0]["instead"] == result.instead
    assert report.to_frame()[["check", "passed"]].to_numpy().tolist() == [["sqs_visibility", False]]


def test_a_check_that_meets_something_else_says_so() -> None:
    def differing(at: Place) -> None:
        raise Unmet("the answer: 41 instead of 42")

    def stumbling(at: Place) -> None:
        raise KeyError("Records")

    clients = Clients("http://127.0.0.1:1", "us-east-1")

    assert ask(Check("x", "", differing), clients).instead == "the answer: 41 instead of 42"
    assert ask(Check("x", "", stumbling), clients).instead == "KeyError: 'Records'"
    assert ask(Check("x", "", lambda at: None), clients).passed


def test_what_cannot_be_removed_is_told(nonsense: str) -> None:
    clients = Clients("http://127.0.0.1:1", "us-east-1")
    result = ask(Check("x", "", lambda at: at.later("sqs", "delete_queue", QueueUrl="http://127.0.0.1:1/q")), clients)
    clients.close()

    assert len(result.left) == 1
    assert result.left[0].startswith("delete_queue http://127.0.0.1:1/q: ")
    assert "not removed: delete_queue" in str(result)


def test_the_zip_of_the_handlers_is_the_same_every_time() -> None:
    assert code() == code()
    assert code(release=2) != code()


def test_every_check_says_what_it_expects() -> None:
    assert [check.name for check in chosen(slow=True) if not check.expects.endswith(".")] == []
