"""Takes the pictures of docs/ again: `make shots`, or `python -m tests.browser.shots [NAME ...]` for some of them.

Each is a designer in a JupyterLab of its own, in Chromium, as a reader would see it. Look at them before they go in.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from chainkit.data import path
from chainkit.doctor import chromium
from tests.browser.conftest import CHROMIUM, Lab, serving, strangers

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = "jupyterlab_settings_dir/@jupyterlab/apputils-extension"
ORDERS = """\
import chainkit as ck
chain = ck.example("orders")
traffic = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
designer = ck.Designer(chain, traffic)
designer"""
MACHINE = ORDERS.replace('"orders"', '"orders-sfn"')
TAB = ".jupyter-widget-tab"
WAIT_MS = 90_000


@dataclass(frozen=True)
class Shot:
    """A picture: what is shown, and what a hand does before it is taken."""

    act: Callable[[Page], object]
    part: str = ".jp-OutputArea-output"
    """Of the page: the whole designer, or less."""
    ends_with: str = ""
    """What in it is the last that is seen; empty for all."""
    cell: str = ORDERS
    is_dark: bool = False


def select(page: Page, name: str = "payment") -> None:
    card(page, name).click()
    page.get_by_label("memory_mb").first.wait_for()


def card(page: Page, name: str) -> Locator:
    return page.locator(f'.ck-card[data-id="{name}"]')


def offers(page: Page) -> None:
    """Draw a link from one card to another, and let go."""
    source, target = card(page, "validate").locator(".ck-out").bounding_box(), card(page, "payment").bounding_box()
    assert source is not None
    assert target is not None
    page.mouse.move(source["x"] + source["width"] / 2, source["y"] + source["height"] / 2)
    page.mouse.down()
    page.mouse.move(target["x"] + 30, target["y"] + 30, steps=8)
    page.mouse.up()
    page.get_by_role("dialog").wait_for()


def tab(title: str) -> Callable[[Page], None]:
    """Return what opens a tab."""
    return lambda page: page.get_by_role("tab", name=title, exact=True).click()


def compare(page: Page) -> None:
    """Run the variants that are chosen at first."""
    tab("Compare")(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator(f"{TAB} table:visible").first.wait_for(timeout=WAIT_MS)


def cost(page: Page) -> None:
    """Put two variants beside the chain."""
    tab("Cost")(page)
    for kind in ("sqs", "sns"):
        page.get_by_role("checkbox", name=kind, exact=True).locator("visible=true").click(timeout=WAIT_MS)
        page.wait_for_timeout(1500)


def deploy(page: Page) -> None:
    """Plan, deploy, and send an order; each when the one before is done."""
    tab("Deploy")(page)
    order = path("chains", "orders", "orders.jsonl").read_text("utf-8").splitlines()[0]
    for button, work in (("Plan", "plan"), ("Deploy this plan", "deploy"), ("Send", "send")):
        if button == "Send":
            page.get_by_label("event (JSON)").fill(order)
        page.locator(TAB).get_by_role("button", name=button, exact=True).click(timeout=WAIT_MS)
        page.locator(f"{TAB} .ck-wk-head", has_text=f"{work}: done").wait_for(timeout=WAIT_MS)


def faults(page: Page) -> None:
    """Let the payment fail, and the queue hand out twice."""
    tab("Faults")(page)
    for place, field, value in (("payment", "error rate", "0.3"), ("jobs", "duplicate rate", "0.1")):
        page.get_by_label("Where something breaks").select_option(place, timeout=WAIT_MS)
        page.get_by_label(field, exact=True).fill(value)
        page.get_by_role("button", name="Set the fault").click()
        page.locator(".ck-fl-set li", has_text=place).wait_for(timeout=WAIT_MS)


SHOTS: Mapping[str, Shot] = {
    "designer": Shot(select, ends_with=f"{TAB} .lm-TabBar"),
    "designer-dark": Shot(select, ends_with=f"{TAB} .lm-TabBar", is_dark=True),
    "designer-offers": Shot(offers, ".ck-canvas"),
    "designer-traffic": Shot(tab("Traffic"), TAB),
    "designer-machine": Shot(tab("State machine"), TAB, cell=MACHINE),
    "designer-compare": Shot(compare, TAB),
    "designer-cost": Shot(cost, TAB),
    "designer-sizes": Shot(tab("Sizes"), TAB),
    "designer-deploy": Shot(deploy, TAB),
    "designer-faults": Shot(faults, TAB),
}


def take(shot: Shot, lab: Lab, file: Path) -> None:
    """Open the designer, act, and keep what is seen of its cell's output."""
    page = lab.open(shot.cell)
    page.locator(".ck-card").first.wait_for(timeout=WAIT_MS)
    page.locator("tr", has_text="response p50").first.wait_for(timeout=WAIT_MS)
    page.keyboard.press("Control+B")  # without the file browser the notebook has the width that people give it
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Show all (F)").first.click()
    shot.act(page)
    page.wait_for_timeout(2500)
    box = page.locator(shot.part).first.bounding_box()
    end = page.locator(shot.ends_with or shot.part).first.bounding_box()
    assert box is not None
    assert end is not None
    page.screenshot(path=file, clip={**box, "height": end["y"] + end["height"] - box["y"]})


def main(names: list[str]) -> int:
    """Take the pictures; return how many failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home, root = Path(folder) / "home", Path(folder) / "lab"
        home.mkdir()
        root.mkdir()
        words = ("--no-browser", "--allow-root", "--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1")
        command = ("jupyterlab", *words, "--LabApp.extension_manager=readonly", f"--ServerApp.root_dir={root}")
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM))
        with serving(home, *command) as (url, token):
            for name in names:
                failed += not _took(name, browser, (root, home, url, token))
    return failed


def _took(name: str, browser: Browser, server: tuple[Path, Path, str, str]) -> bool:
    """Take one picture and say so; tell whether it could be taken."""
    root, home, url, token = server
    theme = "Dark" if SHOTS[name].is_dark else "Light"
    for setting, value in (("themes", {"theme": f"JupyterLab {theme}"}), ("notification", {"fetchNews": "false"})):
        file = home / SETTINGS / f"{setting}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1420, "height": 3000})
    try:
        take(SHOTS[name], Lab(root, url, token, page, strangers(page, url)), DOCS / f"{name}.png")
    except (AssertionError, Error) as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a program of the terminal
        return False
    finally:
        page.close()
    print(DOCS / f"{name}.png")  # noqa: T201
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make shots", description="Take the pictures of docs/ again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHOTS)}; all if none is named")
    given = parser.parse_args().names or [*SHOTS]
    unknown = [name for name in given if name not in SHOTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(SHOTS)}")
    sys.exit(1 if main(given) else 0)
