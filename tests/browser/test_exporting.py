"""An exported page, opened from its file in Chromium: it shows the chain, can be worked with, and asks for nothing."""

import pytest
from playwright.sync_api import Page, sync_playwright

import chainkit as ck
from chainkit.pictures import picture
from tests.browser.conftest import CHROMIUM

pytestmark = pytest.mark.browser

# How many of the canvas's pixels have one colour.
COUNT = """([r, g, b]) => {
  const canvas = document.querySelector("#mynetwork canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let k = 0; k < data.length; k += 4) if (data[k] === r && data[k + 1] === g && data[k + 2] === b) n++;
  return n;
}"""


@pytest.fixture
def opened(tmp_path, chromium_path):
    """Return the page of the orders chain, its chain, and what happened in it."""
    chain = ck.example("orders")
    chain.group("Front", ["api", "validate"])
    path = ck.export(chain, tmp_path / "orders.html", notes={"payment": "212 ms"})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(CHROMIUM))
        context = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True)
        page = context.new_page()
        happened: list[str] = []
        page.on("request", lambda request: happened.append(request.url))
        page.on("console", lambda message: happened.append(message.text))
        page.on("pageerror", lambda error: happened.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("document.querySelector('#mynetwork canvas') !== null")
        page.wait_for_timeout(300)
        yield page, chain, happened, path.as_uri()
        browser.close()


def spot(page: Page, name: str) -> tuple[float, float]:
    """Return where the middle of a card is in the window."""
    box = page.locator("#mynetwork").bounding_box()
    assert box is not None
    at = page.evaluate("(name) => network.canvasToDOM(network.getPosition(name))", name)
    return box["x"] + at["x"], box["y"] + at["y"]


def test_the_page_asks_for_nothing_but_itself_and_reports_no_error(opened):
    _, _, happened, address = opened

    assert happened == [address]


def test_every_service_is_drawn_in_its_colour_where_the_layout_has_it(opened):
    page, chain, _, _ = opened
    places = page.evaluate("network.getPositions()")

    for service in chain.services.values():
        assert page.evaluate(COUNT, [int(service.colour[k : k + 2], 16) for k in (1, 3, 5)]) > 100
    for card in picture(chain).cards:
        assert (places[card.name]["x"], places[card.name]["y"]) == (card.x, card.y)


def test_all_of_the_chain_is_in_sight_at_first(opened):
    page, chain, _, _ = opened
    box = page.locator("#mynetwork").bounding_box()

    for name in chain.services:
        x, y = spot(page, name)
        assert box["x"] < x < box["x"] + box["width"]
        assert box["y"] < y < box["y"] + box["height"]


def test_a_hover_shows_what_differs_from_the_defaults(opened):
    page, _, _, _ = opened
    page.mouse.move(*spot(page, "jobs"))
    tip = page.locator(".vis-tooltip")
    tip.wait_for(state="visible")

    assert tip.inner_text() == "jobs: SQS queue\nvisibility_timeout_s: 60"


def test_a_card_can_be_dragged_and_its_frame_comes_along(opened):
    page, _, _, _ = opened
    before = page.evaluate("frameBoxes(scene, network)[0]")
    x, y = spot(page, "api")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y + 60, steps=5)
    page.mouse.up()
    after = page.evaluate("frameBoxes(scene, network)[0]")

    assert after[3] > before[3] + 20


def test_the_keyboard_and_the_buttons_zoom(opened):
    page, _, _, _ = opened
    first = page.evaluate("network.getScale()")
    page.get_by_role("button", name="Zoom in").click()
    assert page.evaluate("network.getScale()") == pytest.approx(1.25 * first)

    page.locator("#mynetwork").focus()
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert page.evaluate("network.getScale()") == pytest.approx(0.8 * first)

    page.keyboard.press("f")
    assert page.evaluate("network.getScale()") == pytest.approx(first)


def test_a_screen_reader_finds_the_chain_as_text(opened):
    page, chain, _, _ = opened

    assert page.get_by_role("heading", name="orders", exact=True).count() == 1
    assert page.locator("#description").text_content() == str(chain)
    for name in chain.services:
        assert page.get_by_role("listitem").filter(has_text=name).count() >= 1
