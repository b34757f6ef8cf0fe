"""A hand on a designer, and an eye: what tests in a browser do and see there."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

EMPTY = """\
import chainkit as ck
chain = ck.Chain("shop")
ck.Designer(chain, requests=1000)"""
PAY = """\
import chainkit as ck
chain = ck.Chain("shop")
chain.add(ck.HttpApi("api"))
chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.2, cpu_fraction=1.0))
chain.add(ck.SqsQueue("jobs"))
chain.connect("api", "pay")
chain.connect("pay", "jobs")
ck.Designer(chain, requests=1000)"""
"""Cells that show an empty chain, and one with a function."""
FIRST_MS = 90_000
"""What the first designer of a kernel may take: the compiled machine is loaded."""
PATIENCE_MS = 20_000
Spot = tuple[float, float]

# The order chain as somebody draws it: name, kind, and where on the stage, in parts of its width and height.
ORDERS = {
    "api": ("HTTP API", 0.09, 0.5),
    "validate": ("Lambda function", 0.26, 0.5),
    "inventory": ("Lambda function", 0.43, 0.2),
    "jobs": ("SQS queue", 0.43, 0.6),
    "payment": ("Lambda function", 0.6, 0.5),
    "jobs-dead": ("SQS queue", 0.6, 0.85),
    "events": ("SNS topic", 0.76, 0.5),
    "shipping": ("Lambda function", 0.91, 0.25),
    "confirm": ("Lambda function", 0.91, 0.75),
}
ORDER_LINKS = {
    ("api", "validate"): "sync",
    ("validate", "inventory"): "sync",
    ("validate", "jobs"): "send",
    ("jobs", "payment"): "mapping",
    ("jobs", "jobs-dead"): "redrive",
    ("payment", "events"): "publish",
    ("events", "shipping"): "subscription",
    ("events", "confirm"): "subscription",
}

IS_THE_ORDER_CHAIN = """\
def drawn(one):
    kinds = {name: type(service) for name, service in one.services.items()}
    return kinds, {(link.source, link.target, link.word) for link in one.links.values()}
print("it is the order chain:", drawn(chain) == drawn(ck.example("orders")))
print(chain)"""


@dataclass
class Hand:
    """One designer on the page, by the number of its cell."""

    page: Page
    cell: int = 0

    @property
    def whole(self) -> Locator:
        """The designer, with its panels."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(self.cell).locator(".jp-OutputArea").first

    @property
    def stage(self) -> Locator:
        """What is drawn on."""
        return self.whole.locator(".ck-stage")

    @property
    def window(self) -> Locator:
        """The small window that asks for a name, or shows a link."""
        return self.whole.locator(".ck-window")

    @property
    def status(self) -> Locator:
        """What the canvas says."""
        return self.whole.locator(".ck-status")

    @property
    def cards(self) -> Locator:
        """All cards."""
        return self.whole.locator(".ck-card")

    @property
    def links(self) -> Locator:
        """All links."""
        return self.whole.locator(".ck-wire")

    def card(self, name: str) -> Locator:
        """Return a card."""
        return self.whole.locator(f'.ck-card[data-id="{name}"]')

    def link(self, key: str) -> Locator:
        """Return a link: "api>pay"."""
        return self.whole.locator(f'.ck-wire[data-id="{key}"]')

    def note(self, name: str) -> Locator:
        """Return the figures on a card."""
        return self.card(name).locator(".ck-note")

    def tool(self, kind: str) -> Locator:
        """Return a service of the palette."""
        return self.whole.locator(".ck-item").filter(has_text=re.compile(f"^{kind}$"))

    def ready(self) -> "Hand":
        """Wait until the designer is there, and bring it into sight."""
        expect(self.stage).to_be_visible(timeout=FIRST_MS)
        self.stage.scroll_into_view_if_needed()
        return self

    # --- where things are, in the window ---

    def middle(self, of: Locator) -> Spot:
        """Return the middle of what is seen of something."""
        box = of.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def face(self, name: str) -> Spot:
        """Return the middle of a card."""
        return self.middle(self.card(name).locator(".ck-face"))

    def port(self, name: str) -> Spot:
        """Return where links begin on a card."""
        return self.middle(self.card(name).locator(".ck-dot"))

    def place(self, x: float, y: float) -> Spot:
        """Return a place on the stage, given in parts of its width and height."""
        box = self.stage.bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    # --- by mouse ---

    def hold(self, start: Spot, end: Spot) -> None:
        """Press at one place and move to another, without letting go."""
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=6)

    def drag(self, start: Spot, end: Spot) -> None:
        """Drag from one place to another."""
        self.hold(start, end)
        self.page.mouse.up()

    def drop(self, kind: str, x: float, y: float) -> None:
        """Drag a service from the palette to a place on the stage."""
        count = self.cards.count()
        self.drag(self.middle(self.tool(kind)), self.place(x, y))
        expect(self.cards).to_have_count(count + 1, timeout=PATIENCE_MS)

    def rename(self, name: str, new: str) -> None:
        """Give a card another name by a double click; the name alone is typed."""
        self.page.mouse.dblclick(*self.face(name))
        expect(self.window).to_be_visible()
        self.page.keyboard.type(new)
        self.window.get_by_role("button", name="Keep").click()
        expect(self.card(new)).to_be_attached(timeout=PATIENCE_MS)

    def connect(self, source: str, target: str) -> None:
        """Drag from a card's port to another card, and keep the link that is shown."""
        self.drag(self.port(source), self.face(target))
        self.window.get_by_role("button", name="Keep this link").click(timeout=PATIENCE_MS)
        expect(self.link(f"{source}>{target}")).to_be_attached(timeout=PATIENCE_MS)

    # --- by keyboard ---

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def find(self, name: str) -> None:
        """Select a card by its name, and come back to the stage."""
        self.press("/")
        self.page.keyboard.type(name)
        self.press("Enter", "Escape")
        expect(self.card(name)).to_have_attribute("aria-selected", "true")

    def add_by_keys(self, kind: str, name: str) -> None:
        """Add a service and name it."""
        self.press("n")
        for _ in range(self.whole.locator(".ck-item").count()):
            if self.tool(kind).evaluate("(item) => item === document.activeElement"):
                break
            self.press("ArrowRight")
        count = self.cards.count()
        self.press("Enter")
        expect(self.cards).to_have_count(count + 1, timeout=PATIENCE_MS)
        expect(self.stage).to_be_focused(timeout=PATIENCE_MS)
        new = self.whole.locator(".ck-card.is-selected")
        expect(new).to_have_count(1)
        if new.get_attribute("data-id") == name:
            return
        self.press("r")
        expect(self.window).to_be_visible()
        self.page.keyboard.type(name)
        self.press("Enter")
        expect(self.card(name)).to_have_attribute("aria-selected", "true", timeout=PATIENCE_MS)

    def connect_by_keys(self, source: str, target: str) -> None:
        """Connect two cards: the second one is named by its letters."""
        self.find(source)
        self.press("c")
        self.page.keyboard.type(target)
        expect(self.status).to_contain_text(f"{source} \u2192 {target}")
        self.press("Enter")
        expect(self.window).to_be_visible(timeout=PATIENCE_MS)
        self.press("Enter")
        expect(self.link(f"{source}>{target}")).to_be_attached(timeout=PATIENCE_MS)
        expect(self.stage).to_be_focused()
