// Cost over volume: the marker is looked up in what Python has sent once; the bill below it is asked for as it moves.

import { Asking } from "./asking.js";
import { drawn, Marker } from "./chart.js";
import { h, hear, s, sized } from "./dom.js";
import { speaker } from "./view.js";

const REST_MS = 350; // how long a hand rests before curves are made again

class Board {
  constructor(model, el, cleanups) {
    this.model = model;
    [this.status, this.say] = speaker("ck-co-said");
    this.asking = new Asking(model, cleanups, this.say);
    this.svg = s("svg", { class: "ck-chart", role: "group" });
    this.marker = new Marker(this.svg, "Requests a month", (at) => this.#moved(at));
    this.refusals = h("div", {});
    this.kinds = h("fieldset", { class: "ck-co-kinds" });
    this.free = h("input", {
      type: "checkbox",
      onchange: () => this.asking.ask({ kind: "free", is_on: this.free.checked }),
    });
    this.volume = h("input", {
      class: "ck-input",
      type: "number",
      step: "any",
      "aria-label": "Requests a month",
      onkeydown: (event) => event.stopPropagation(),
      onchange: () => this.asking.ask({ kind: "type", volume: Number(this.volume.value) }),
    });
    this.dollars = h("div", { class: "ck-co-dollars" });
    this.words = h("div", { class: "ck-co-words", role: "status", "aria-live": "polite" });
    this.points = h("ul", { class: "ck-co-points" });
    this.note = h("div", { class: "ck-hint" });
    this.bill = h("div", { class: "ck-co-bill" });
    this.body = h(
      "div",
      { class: "ck-co-body" },
      this.svg,
      this.dollars,
      this.words,
      this.points,
      this.bill,
      this.note,
    );
    this.root = h(
      "div",
      { class: "ck ck-costs", "aria-busy": "false" },
      this.refusals,
      this.kinds,
      h(
        "div",
        { class: "ck-co-bar" },
        h("label", {}, "Requests a month ", this.volume),
        h("label", {}, this.free, " with the account's free tier"),
        this.status,
      ),
      this.body,
    );
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    hear(model, cleanups, "change:bill", () => this.#showBill());
    sized(this.root, cleanups, () => this.#keepCurrent());
    cleanups.push(() => clearTimeout(this.resting));
    this.show();
    this.#showBill();
  }

  get scene() {
    return this.model.get("scene");
  }

  // In a tab that is not open there is nothing to keep current: it is looked at when it gets a width.
  #keepCurrent() {
    clearTimeout(this.resting);
    if (!this.scene.is_stale || !this.root.clientWidth) return;
    this.resting = setTimeout(
      () => {
        if (!this.scene.is_stale || !this.root.clientWidth) return;
        this.asking.ask({ kind: "current" });
      },
      this.scene.chart ? REST_MS : 0,
    );
  }

  show() {
    const { chart, stops, at, is_stale, refusals = [], free_tier, points, note } = this.scene;
    this.root.classList.toggle("is-stale", is_stale);
    this.root.setAttribute("aria-busy", is_stale);
    this.body.hidden = !chart;
    this.refusals.replaceChildren(...refusals.map(refusal));
    if (is_stale && !chart) this.say("Counting \u2026");
    this.#keepCurrent();
    if (!chart) return;
    this.#showKinds();
    this.free.checked = free_tier;
    this.svg.setAttribute("viewBox", `0 0 ${chart.width} ${chart.height}`);
    this.svg.setAttribute("aria-label", chart.title);
    this.svg.replaceChildren(...drawn(chart), this.marker.handle);
    this.marker.show(
      chart,
      stops.map(({ x }) => x),
      stops.map(({ volume, cheapest }) => (cheapest ? `${volume}; ${cheapest}` : volume)),
      at,
    );
    this.points.replaceChildren(...points.map((each) => h("li", {}, each)));
    this.note.textContent = note;
    this.#tell(this.marker.at);
  }

  #showKinds() {
    const { kinds, chosen } = this.scene;
    this.kinds.hidden = !kinds.length;
    if (this.boxes) return this.boxes.forEach((box) => (box.checked = chosen.includes(box.value)));
    this.boxes = kinds.map((value) => h("input", { type: "checkbox", value, onchange: () => this.#choose() }));
    this.boxes.forEach((box) => (box.checked = chosen.includes(box.value)));
    this.kinds.replaceChildren(
      h("legend", {}, "This chain beside the same flow through"),
      ...this.boxes.map((box) => h("label", {}, box, ` ${box.value}`)),
    );
  }

  #choose() {
    this.asking.ask({ kind: "choose", kinds: this.boxes.filter((box) => box.checked).map((box) => box.value) });
  }

  // --- the marker ---

  #moved(at) {
    this.#tell(at);
    this.asking.ask({ kind: "volume", at });
  }

  #tell(at) {
    const { stops, names, chart } = this.scene;
    const { volume, requests, usd, ranges, cheapest, sentences } = stops[at];
    if (document.activeElement !== this.volume) this.volume.value = requests;
    this.dollars.replaceChildren(
      h("div", { class: "ck-co-volume" }, `At ${volume}`),
      ...names.map((name, k) =>
        h(
          "div",
          { class: "ck-co-one" },
          h("span", { class: "ck-co-key", style: `background: ${chart.lines[k].colour}`, "aria-hidden": "true" }),
          h("span", {}, name),
          h("b", {}, usd[k]),
          h("span", { class: "ck-hint" }, ranges[k]),
        ),
      ),
    );
    this.words.replaceChildren(...[cheapest, ...sentences].filter(Boolean).map((each) => h("div", {}, each)));
  }

  // --- the bill ---

  #showBill() {
    const { of, title, total, lines } = this.model.get("bill");
    if (!lines) return;
    const names = this.scene.names ?? [of];
    const open = new Set([...this.bill.querySelectorAll("details[open]")].map((each) => each.dataset.key));
    const choose = h(
      "select",
      {
        class: "ck-select",
        "aria-label": "Whose bill",
        onchange: () => this.asking.ask({ kind: "bill", of: choose.value }),
      },
      ...names.map((name) => h("option", { value: name, selected: name === of ? "" : null }, name)),
    );
    const head = ["node", "what: where it comes from", "quantity \u00d7 price", "USD a month"];
    this.bill.replaceChildren(
      h("div", { class: "ck-co-billhead" }, h("b", {}, "Bill"), names.length > 1 ? choose : "", h("span", {}, title)),
      h(
        "div",
        { class: "ck-co-lines", tabindex: "0", role: "region", "aria-label": "Lines of the bill" },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ...head.map((each) => h("th", { scope: "col" }, each)))),
          h("tbody", {}, ...lines.map((each) => line(each, open))),
          h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: "3" }, "total"), h("td", {}, total))),
        ),
      ),
    );
  }
}

function line({ node, what, sum, usd, source, story }, open) {
  const key = `${node}\n${what}`;
  return h(
    "tr",
    { title: source },
    h("th", { scope: "row" }, node),
    h(
      "td",
      {},
      h(
        "details",
        { "data-key": key, open: open.has(key) ? "" : null },
        h("summary", {}, what),
        h("pre", {}, story),
      ),
    ),
    h("td", {}, sum),
    h("td", {}, usd),
  );
}

function refusal({ problem, fix }) {
  return h("div", { class: "ck-refusal", role: "alert" }, `\u26a0 ${problem}`, fix ? h("div", {}, `fix: ${fix}`) : "");
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
