"""Measure the targets on this machine: `python bench/local_target.py`, also the last part of `make bench`.

Start, deploys, cold and warm invokes, messages through a queue, on `ck.local()` and on its peers: ministack, and moto
as it is installed, which runs no handler without Docker. Each round is a fresh process for each target, in rotation.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tables

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import chainkit as ck  # noqa: E402
from chainkit.deployment import emulated  # noqa: E402
from chainkit.emulation import ministack  # noqa: E402

TARGETS = ("chainkit", "ministack", "moto")
CODE = "def handler(event, context):\n    return {}\n"
MEASURED_S = 3.0
"""How long warm invokes are counted."""
MESSAGES = 500


def chain(folder: Path) -> ck.Chain:
    """Return five functions, two queues with their mappings, a topic with its subscription, a bus with its rule."""
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(CODE, encoding="utf-8")
    made = ck.Chain("bench")
    made.path = folder / "bench.chain.yaml"
    for k in range(1, 6):
        made.add(ck.LambdaFunction(f"f{k}", timeout_s=10, code="code", handler="index.handler"))
    for name in ("jobs", "mails"):
        made.add(ck.SqsQueue(name, visibility_timeout_s=60))
    made.add(ck.SnsTopic("news"))
    made.add(ck.EventBus("shop"))
    made.connect("f1", "jobs")
    made.connect("jobs", "f2", batch_size=10)
    made.connect("f1", "mails")
    made.connect("mails", "f3", batch_size=10)
    made.connect("f1", "news")
    made.connect("news", "f4")
    made.connect("f4", "shop")
    made.connect("shop", "f5", event_pattern={"detail-type": ["order"]})
    return made


@contextmanager
def stock_moto() -> Iterator[Any]:
    """Give moto's own server as a target."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url, opener = f"http://127.0.0.1:{port}", urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while True:
                try:
                    opener.open(f"{url}/moto-api/", timeout=5.0).close()
                    break
                except OSError:
                    time.sleep(0.02)
            yield emulated.watched(url, "moto", "us-east-1", "123456789012", emulated.MOTO_DROPS)
        finally:
            server.terminate()


OPEN: dict[str, Callable[[], Any]] = {
    "chainkit": ck.local,
    "ministack": lambda: ck.emulator("ministack"),
    "moto": stock_moto,
}


# --- one target, in a process of its own ---


def measure(name: str) -> dict[str, float]:
    """Return the figures of one target."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        design = chain(Path(folder))
        began = time.perf_counter()
        with OPEN[name]() as target:
            found["start_s"] = time.perf_counter() - began
            for which in ("first", "again"):
                stack, found[f"deploy_{which}_s"] = timed(lambda: ck.deploy(ck.plan(design, target)))
                if which == "first" or name == "moto":
                    _, found["destroy_s"] = timed(stack.destroy)
            if name != "moto":
                found |= invokes(target) | messages(target)
                stack.destroy()
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what some work gives, and its seconds."""
    began = time.perf_counter()
    given = work()
    return given, time.perf_counter() - began


def invokes(target: Any) -> dict[str, float]:
    """Return cold and warm invokes."""
    client = target.client("lambda")

    def invoke(function: str) -> None:
        answer = client.invoke(FunctionName=f"bench-{function}", Payload=b"{}")
        assert answer["Payload"].read() == b"{}"

    def until(end_s: float) -> int:
        count = 0
        while time.perf_counter() < end_s:
            invoke("f1")
            count += 1
        return count

    def per_s(threads: int, span_s: float) -> float:
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            count = sum(pool.map(until, [began + span_s] * threads))
            return count / (time.perf_counter() - began)

    cold_s = statistics.median(timed(lambda k=k: invoke(f"f{k}"))[1] for k in range(1, 6))
    sequential = per_s(1, MEASURED_S)
    per_s(4, 1.0)  # four environments
    return {"cold_s": cold_s, "invokes_per_s": sequential, "invokes_of_4_per_s": per_s(4, MEASURED_S)}


def messages(target: Any) -> dict[str, float]:
    """Return the messages a second, from the first one sent to the last one deleted after a function took it."""
    sqs = target.client("sqs")
    url = sqs.get_queue_url(QueueName="bench-jobs")["QueueUrl"]
    left = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def waiting() -> int:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=left)
        return sum(map(int, answer["Attributes"].values()))

    began = time.perf_counter()
    for k in range(0, MESSAGES, 10):
        entries = [{"Id": str(i), "MessageBody": "{}"} for i in range(k, k + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    while waiting():
        time.sleep(0.02)
    return {"messages_per_s": MESSAGES / (time.perf_counter() - began)}


# --- the campaign ---

FIGURES = (
    ("start_s", "start, until it answers", "s"),
    ("deploy_first_s", "first deploy", "s"),
    ("deploy_again_s", "deploy once more, after a destroy", "s"),
    ("destroy_s", "destroy", "s"),
    ("cold_s", "cold invoke", "s"),
    ("invokes_per_s", "warm invokes, one after another", "/s"),
    ("invokes_of_4_per_s", "warm invokes, four threads", "/s"),
    ("messages_per_s", f"{MESSAGES} messages sent, and all taken by a function", "/s"),
)


def rows(found: Mapping[str, Sequence[Mapping[str, float]]]) -> Iterator[Sequence[str]]:
    """Yield medians, the spread of each, and how many times better ours is: of the ratios of each round, the median."""
    peers = [name for name in found if name != "chainkit"]
    yield "what", *(each for name in found for each in (name, "max/min")), *(f"ours beside {name}" for name in peers)
    for key, what, unit in FIGURES:
        cells = []
        for rounds in found.values():
            values = [each[key] for each in rounds if key in each]
            cells += [f"{statistics.median(values):.3g} {unit}", tables.spread(values)] if values else ["", ""]
        ratios = []
        for name in peers:
            pairs = [(a[key], b[key]) for a, b in zip(found["chainkit"], found[name], strict=True) if key in b]
            better = [theirs / ours if unit == "s" else ours / theirs for ours, theirs in pairs]
            ratios.append(ratio(better) if better else "")
        yield what, *cells, *ratios


def ratio(values: Sequence[float]) -> str:
    """Return the median of ratios, the least and the greatest."""
    return f"{statistics.median(values):.2g}x ({min(values):.2g} to {max(values):.2g})"


def parts(rounds: int, said: Callable[[str], None]) -> list[str]:
    """Measure all targets in rotation; return the table, and what was skipped and why."""
    there = [name for name in TARGETS if name != "ministack" or ministack.is_installed()]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in there}
    for number in range(rounds):
        turn = number % len(there)
        for name in there[turn:] + there[:turn]:
            said(f"round {number + 1} of {rounds}: the local target {name}")
            command = [sys.executable, __file__, "--measure", name]
            done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    skipped = "Skipped: ministack is not installed; `chainkit local install ministack`."
    return [*([] if "ministack" in there else [skipped]), tables.table(rows(found))]


def surroundings() -> dict[str, str]:
    """Return this process's variables, without what would keep .pyc files from being written."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Print the table; keep it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--measure", choices=TARGETS, help="one target, once, as a line of JSON")
    parser.add_argument("--write", action="store_true", help="store the table in bench/LOCAL.md")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    found = parts(options.rounds, lambda text: print(text, file=sys.stderr, flush=True))
    print("\n\n".join(found))
    if options.write:
        print(f"\nwritten: {write(options.rounds, found)}")


def write(rounds: int, found: Sequence[str]) -> Path:
    """Write LOCAL.md and return its path."""
    day = datetime.now(UTC).date().isoformat()
    head = f"# The last measurement of the local targets\n\n{day}, by `python bench/local_target.py --write`."
    path = HERE / "LOCAL.md"
    where = f"{tables.processor()}, {os.cpu_count()} processors; Python {platform.python_version()}"
    what = f"moto {version('moto')}, ministack {ministack.VERSION}; {rounds} rounds, medians"
    path.write_text("\n\n".join([f"{head}\n{where}, {what}.", *found]) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
