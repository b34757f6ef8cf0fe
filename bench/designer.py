"""Measure the designer: frames while the canvas moves, and how long a changed setting takes to show.

`python bench/designer.py` prints two tables; `--write` stores them in DESIGNER.md. A JupyterLab and a Chromium of
our own are started for it, as in the tests; nothing else should run meanwhile.
"""

import argparse
import json
import math
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import tables
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the tests' JupyterLab is ours too

import chainkit as ck  # noqa: E402
from chainkit.widgets.scene import scene  # noqa: E402
from chainkit.widgets.state import State  # noqa: E402
from tests.browser.conftest import CHROMIUM, jupyterlab  # noqa: E402

LARGE = """\
import chainkit as ck
chain = ck.Chain("large")
chain.add(ck.HttpApi("api"))
for k in range(100):
    chain.add(ck.LambdaFunction(f"f{k}", timeout_s=30, duration=0.01))
    chain.connect(f"f{max(k - 10, 0)}" if k else "api", f"f{k}")
for k in range(99):
    chain.add(ck.SqsQueue(f"q{k}"))
    chain.connect(f"f{k}", f"q{k}")
for k in range(101):
    chain.connect(f"f{k % 97}", f"q{(k % 97) + 1 + k // 97}")
assert (len(chain.services), len(chain.links)) == (200, 300)
"""
ORDERS = """\
import chainkit as ck
chain = ck.example("orders")
load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
"""
MOVES_S = 5.0
FRAME_S = 1 / 60
SLOW_MS = 33
REPEATS = 20
REQUESTS = 20_000

COUNT_FRAMES = """() => {
  window.frames_ms = [];
  window.moves = 0;
  let seen;
  window.counting = true;
  let last = performance.now();
  const tick = (now) => {
    frames_ms.push(now - last);
    last = now;
    const view = document.querySelector(".ck-world")?.style.transform;
    if (view !== seen) moves++;
    seen = view;
    if (counting) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
# A place on the stage where nothing is drawn.
BARE = """() => {
  const stage = document.querySelector(".ck-stage");
  const { left, top, right, bottom } = stage.getBoundingClientRect();
  for (let y = top + 9; y < Math.min(bottom, innerHeight) - 40; y += 9)
    for (let x = left + 9; x < right - 40; x += 9) if (document.elementFromPoint(x, y) === stage) return [x, y];
  return null;
}"""
# How long it takes from Enter to another text of an element.
WATCH = """(note) => {
  let pressed = 0;
  window.took_ms = [];
  addEventListener("keydown", (event) => { if (event.key === "Enter") pressed = performance.now(); }, true);
  const root = note.closest(".ck-world");
  let before = note.textContent;
  new MutationObserver(() => {
    const text = root.querySelector('[data-id="payment"] .ck-note').textContent;
    if (text === before) return;
    before = text;
    if (pressed) took_ms.push(performance.now() - pressed);
    pressed = 0;
  }).observe(root, { subtree: true, childList: true, characterData: true });
}"""


# --- frames ---


def pan(page: Page, x: float, y: float) -> None:
    """Drag in circles."""
    page.mouse.move(x, y)
    page.mouse.down()
    for k in paced():
        page.mouse.move(x + 120 * math.sin(k / 15), y + 60 * math.sin(k / 10))
    page.mouse.up()


def zoom(page: Page, x: float, y: float) -> None:
    """Turn the wheel in and out."""
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(x + 300, y + 200)
    for k in paced():
        page.mouse.wheel(0, -40 if k % 60 < 30 else 40)


def paced() -> Iterator[int]:
    """Count for some seconds, once a frame."""
    began, k = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < MOVES_S:
        yield k
        k += 1
        time.sleep(max(0.0, FRAME_S - (time.perf_counter() - now)))


def frames(page: Page, gesture: Callable[[Page, float, float], None], x: float, y: float) -> list[str]:
    """Return share of frames in time, median, 95 of 100, and their number, while a gesture lasts."""
    page.evaluate(COUNT_FRAMES)
    gesture(page, x, y)
    page.evaluate("counting = false")
    times = page.evaluate("frames_ms.slice(1)")
    is_designer = page.locator(".ck-world").count() > 0
    moves = page.evaluate("moves")
    assert not is_designer or moves > 100, f"the canvas moved {moves} times in {len(times)} frames"
    in_time = sum(each < SLOW_MS for each in times) / len(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    return [f"{100 * in_time:.1f} %", f"{statistics.median(times):.1f}", f"{p95:.1f}", str(len(times))]


def open_notebook(page: Page, folder: Path, url: str, token: str, text: str) -> None:
    """Open a notebook of one cell, and run it."""
    cell = {"cell_type": "code", "id": "c0", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "bench.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    page.goto(f"{url}/lab/tree/bench.ipynb?reset&token={token}")
    page.get_by_role("button", name=re.compile(r"\| Idle$")).wait_for(timeout=90_000)
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".ck-card").last.wait_for(state="attached", timeout=120_000)
    page.locator(".ck-note", has_text="/mo").first.wait_for(state="attached", timeout=120_000)
    page.locator(".ck-stage").scroll_into_view_if_needed()
    page.wait_for_timeout(2000)


def frame_rows(page: Page, folder: Path, url: str, token: str) -> Iterator[list[str]]:
    """Measure panning and zooming of an empty page, of a designer, and of an exported page."""
    page.set_content("<body style='height: 900px'>nothing</body>")
    yield from (["empty page", name, *frames(page, act, 400, 400)] for name, act in GESTURES.items())
    open_notebook(page, folder, url, token, f"{LARGE}ck.Designer(chain, requests=500)")
    for name, act in GESTURES.items():
        yield ["designer, all in sight", name, *frames(page, act, *page.evaluate(BARE))]
    page.locator(".ck-stage").focus()
    page.keyboard.press("f")
    for _ in range(8):
        page.keyboard.press("+")
    page.wait_for_timeout(500)
    for name, act in GESTURES.items():
        yield ["designer, from near", name, *frames(page, act, *page.evaluate(BARE))]
    chain: dict[str, ck.Chain] = {}
    exec(LARGE, chain)
    file = ck.export(chain["chain"], folder / "large.html")
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelector('#mynetwork canvas') !== null")
    page.wait_for_timeout(1000)
    yield from (["exported page (vis-network)", name, *frames(page, act, 600, 500)] for name, act in GESTURES.items())


GESTURES: dict[str, Callable[[Page, float, float], None]] = {"pan": pan, "zoom": zoom}


# --- from a setting to its figures ---


def timed(act: Callable[[], object]) -> list[float]:
    """Return how long it takes, again and again, ms; the first two load what is needed."""
    took = []
    for _ in range(REPEATS + 2):
        began = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - began))
    return took[2:]


def figure_rows(page: Page, folder: Path, url: str, token: str) -> Iterator[list[str]]:
    """Measure the order chain's payment function with another memory: in the kernel, its parts, and on the page."""
    names: dict[str, object] = {}
    exec(ORDERS, names)
    chain, load = names["chain"], names["load"]
    assert isinstance(chain, ck.Chain)
    assert isinstance(load, ck.Poisson)
    state = State(chain, load, requests=REQUESTS, seed=1)
    sizes = iter(range(513, 100_000))
    run = ck.simulate(chain, load, requests=REQUESTS, seed=1)
    parts: dict[str, Callable[[], object]] = {
        "a set memory, all of it, while the hand moves": lambda: state.set("payment", memory_mb=next(sizes)),
        "errors and findings": lambda: state.figures.outdated(chain),
        f"run of {REQUESTS:,} requests": lambda: ck.simulate(chain, load, requests=REQUESTS, seed=1),
        "bill": lambda: ck.bill(chain, run),
        "scene": lambda: scene(chain, state.figures),
    }
    for name, act in parts.items():
        yield [name, *spread_ms(timed(act))]
    open_notebook(page, folder, url, token, f"{ORDERS}ck.Designer(chain, load, requests={REQUESTS})")
    page.locator('.ck-card[data-id="payment"] .ck-tile').click(force=True)
    memory = page.get_by_label("memory_mb", exact=True)
    memory.wait_for()
    page.locator('.ck-card[data-id="payment"] .ck-note').evaluate(WATCH)
    for k in range(REPEATS):
        memory.fill(str(256 + 128 * (k % 2) * 12 + k))
        memory.press("Enter")
        page.wait_for_function("(count) => took_ms.length > count", arg=k, timeout=30_000)
    yield ["from Enter to another text on the page", *spread_ms(page.evaluate("took_ms"))]


def spread_ms(took: Sequence[float]) -> list[str]:
    """Return median, least and most."""
    return [f"{statistics.median(took):.1f}", f"{min(took):.1f}", f"{max(took):.1f}"]


def main() -> None:
    """Print both tables; keep them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the tables in DESIGNER.md")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="path of the browser")
    arguments = parser.parse_args()
    parts = []
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as home,
        jupyterlab(Path(folder), Path(home)) as (url, token),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=list(CHROMIUM))
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        head = ["200 services, 300 links", "gesture", f"frames under {SLOW_MS} ms", "median ms", "p95 ms", "frames"]
        parts.append(tables.table([head, *frame_rows(page, Path(folder), url, token)]))
        print(parts[-1], end="\n\n")
        head = ["the order chain, another memory", "median ms", "least", "most"]
        parts.append(tables.table([head, *figure_rows(page, Path(folder), url, token)]))
        print(parts[-1])
        browser.close()
    if arguments.write:
        day = datetime.now(UTC).date().isoformat()
        title = f"# The last measurement of the designer\n\n{day}, by `python bench/designer.py --write`."
        where = f"{tables.processor()}, software rendering in a headless Chromium."
        (HERE / "DESIGNER.md").write_text("\n\n".join([f"{title} {where}", *parts]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
