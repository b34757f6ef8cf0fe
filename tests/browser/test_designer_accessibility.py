"""The designer for those who see little, or use no mouse: axe-core, focus, contrast, what is said."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.hand import FIRST_MS, PATIENCE_MS, Hand

pytestmark = pytest.mark.browser

ORDERS = """\
import chainkit as ck
chain = ck.example("orders")
chain.group("Front", ["api", "validate"])
load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
ck.Designer(chain, load, requests=1000)"""
THEMES = ("JupyterLab Light", "JupyterLab Dark")
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
ENOUGH = 4.5
"""WCAG 2, 1.4.3: contrast of small text."""

FOCUSED = """() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const parts = { bar: ".ck-bar", palette: ".ck-palette", stage: ".ck-stage", tabs: ".widget-tab" };
  const part = Object.keys(parts).find((name) => element.closest(parts[name]));
  const isOurs = Boolean(element.closest(".jp-OutputArea-output"));
  return [part ?? (isOurs ? "panels" : "outside"), outlineStyle !== "none" && parseFloat(outlineWidth) >= 1];
}"""

# Every ink on every ground, as it is computed on the page: [what, contrast].
CONTRASTS = """(root) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
    const [r, g, b] = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (ink, ground) => {
    const [low, high] = [light(ink), light(ground)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const probe = root.appendChild(document.createElement("i"));
  const read = (value) => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const found = [];
  for (const ink of ["ink", "grey", "accent", "good", "warn", "bad"])
    for (const ground of ["paper", "ground"])
      found.push([`${ink} on ${ground}`, contrast(read(`var(--${ink})`), read(`var(--${ground})`))]);
  found.push(["on-accent on accent", contrast(read("var(--on-accent)"), read("var(--accent)"))]);
  const grounds = {
    heated: "var(--hottest)",
    busy: "color-mix(in srgb, var(--accent) 28%, var(--paper))",
    failing: "color-mix(in srgb, var(--hot) 40%, var(--paper))",
    framed: "color-mix(in srgb, var(--grey) 7%, var(--paper))",
  };
  for (const [name, ground] of Object.entries(grounds))
    found.push([`ink where it is ${name}`, contrast(read("var(--ink)"), read(ground))]);
  for (const text of root.querySelectorAll(".ck-world text")) {
    const sign = text.closest(".ck-warning")?.querySelector("circle");
    const paper = read(text.closest(".ck-frame") ? grounds.framed : "var(--paper)");
    const ground = sign ? getComputedStyle(sign).fill : paper;
    found.push([`${text.getAttribute("class")} ${text.textContent}`, contrast(getComputedStyle(text).fill, ground)]);
  }
  probe.remove();
  return found;
}"""


def opened(lab, theme: str = THEMES[0]) -> Hand:
    """Return a hand on the designer of the order chain, in a theme of JupyterLab."""
    settings = f"{lab.url}/lab/api/settings/@jupyterlab/apputils-extension:themes?token={lab.token}"
    assert lab.page.request.put(settings, data={"raw": json.dumps({"theme": theme})}).ok
    hand = Hand(lab.open(ORDERS))
    is_light = "true" if "Light" in theme else "false"
    expect(hand.page.locator(f'body[data-jp-theme-light="{is_light}"]')).to_be_attached()
    hand.ready()
    expect(hand.note("payment")).to_contain_text("p95", timeout=FIRST_MS)
    return hand


def violations(page: Page) -> list[str]:
    """Return what axe-core finds in the designer's output, one line each."""
    found = Axe().run(page, context={"include": [[".jp-OutputArea-output"]]}, options=WCAG).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_no_violation_of_wcag_2_aa_in_any_part(lab, theme):
    hand = opened(lab, theme)
    found = {"at first": violations(hand.page)}
    hand.stage.focus()
    hand.find("validate")
    expect(hand.whole.get_by_label("memory_mb", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    found["a service"] = violations(hand.page)
    hand.press("?")
    found["the keys"] = violations(hand.page)
    hand.press("Escape", "r")
    found["a name"] = violations(hand.page)
    hand.press("Escape", "c", "Enter")
    expect(hand.window.get_by_role("radio").first).to_be_visible(timeout=PATIENCE_MS)
    found["a link before it is kept"] = violations(hand.page)
    hand.press("Escape", "l")
    expect(hand.whole.get_by_label("kind of link")).to_be_visible(timeout=PATIENCE_MS)
    found["a link"] = violations(hand.page)
    hand.press("Control+a", "Control+a")
    for name in hand.whole.get_by_role("tab").all_inner_texts():
        hand.whole.get_by_role("tab", name=name).click()
        expect(hand.whole.locator(".widget-tab-contents .ck-panel").first).to_be_attached(timeout=PATIENCE_MS)
        found[name] = violations(hand.page)
    hand.stage.focus()
    hand.press("p")
    expect(hand.whole.locator(".ck-story svg").first).to_be_visible(timeout=PATIENCE_MS)
    found["a request played"] = violations(hand.page)

    assert {part: lines for part, lines in found.items() if lines} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_stands_out_from_its_ground(lab, theme):
    hand = opened(lab, theme)
    hand.whole.get_by_label("Colour cards by their share of").select_option("cost")
    contrasts = hand.whole.locator(".ck-canvas").evaluate(CONTRASTS)

    assert len(contrasts) > 50
    assert {what: round(value, 2) for what, value in contrasts if value < ENOUGH} == {}


def test_tab_goes_through_all_parts_in_the_order_in_which_they_are_seen_and_the_focus_is_seen(lab):
    hand = opened(lab)
    hand.stage.focus()
    hand.find("jobs")
    expect(hand.whole.get_by_label("visibility_timeout_s", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    hand.whole.locator(".ck-bar button:enabled").first.focus()
    parts, unseen = [], []
    for _ in range(120):
        part, is_seen = hand.page.evaluate(FOCUSED)
        if part == "outside":
            break
        parts += [part] if parts[-1:] != [part] else []
        unseen += [] if is_seen else [hand.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")]
        hand.press("Tab")

    assert parts == ["bar", "palette", "stage", "panels", "tabs"]
    assert unseen == []


def test_folded_settings_are_opened_by_keys(lab):
    hand = opened(lab)
    hand.stage.focus()
    hand.find("validate")
    more = hand.whole.get_by_role("button", name="more settings")
    more.focus(timeout=PATIENCE_MS)
    hand.press("Space")

    expect(hand.whole.get_by_label("runtime", exact=True)).to_be_visible(timeout=PATIENCE_MS)


def test_a_screen_reader_finds_a_list_of_options_and_hears_where_it_is(lab):
    hand = opened(lab)
    stage = hand.whole.get_by_role("listbox", name="Chain orders, 9 cards")
    expect(stage).to_have_attribute("aria-multiselectable", "true")
    names = hand.cards.evaluate_all(
        "(cards) => cards.map((card) => [card.getAttribute('role'), card.getAttribute('aria-label')])"
    )
    assert {role for role, _ in names} == {"option"}
    assert names[0][1].startswith("api: HTTP API, p95 ")
    stage.focus()
    for name in ("api", "validate"):
        hand.press("ArrowRight")
        card = hand.card(name)
        expect(stage).to_have_attribute("aria-activedescendant", str(card.get_attribute("id")))
        expect(card).to_have_attribute("aria-selected", "true")
        expect(hand.whole.get_by_role("status").filter(has_text=f"{name}: ").first).to_be_visible()
    expect(hand.status).to_have_attribute("aria-live", "polite")
    hand.press("Escape")
    expect(stage).not_to_have_attribute("aria-activedescendant", "")
