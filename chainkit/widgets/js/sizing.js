// Memory of one function: a slider looked up in what Python has sent once; moves of a right-sizing; Power Tuning's JSON.

import { Asking } from "./asking.js";
import { drawn } from "./chart.js";
import { h, hear, s, sized } from "./dom.js";
import { speaker } from "./view.js";

const REST_MS = 350; // how long a hand rests before a curve is made again
const quiet = (event) => event.stopPropagation(); // letters are the notebook's commands elsewhere

class Board {
  constructor(model, el, cleanups) {
    this.model = model;
    [this.status, this.say] = speaker("ck-si-said");
    this.asking = new Asking(model, cleanups, (text, kind) => {
      if (!this.scene.progress) this.say(text || this.scene.said || "", text ? kind : "");
    });
    this.title = h("h3", {});
    this.range = h("input", {
      type: "range",
      min: "0",
      step: "1",
      "aria-label": "Memory",
      oninput: () => this.#tell(),
      onkeydown: quiet,
    });
    this.memory = h("output", {});
    this.take = this.#button("", () => this.asking.ask({ kind: "take_size", memory_mb: this.#stop().memory_mb }));
    this.undo = this.#button("\u21b6 Undo last step", () => this.asking.ask({ kind: "undo" }));
    this.marks = h("span", { class: "ck-si-marks" });
    this.charts = h("div", { class: "ck-si-charts" });
    this.figures = h("dl", { class: "ck-si-figures", "aria-live": "polite" });
    this.notes = h("div", { class: "ck-hint" });
    this.why = Object.fromEntries(
      ["size", "limit", "moves", "tuning"].map((where) => [where, h("div", { class: "ck-refusal", role: "alert" })]),
    );
    this.body = h(
      "div",
      { class: "ck-si-body" },
      h("div", { class: "ck-si-bar" }, this.range, this.memory, this.take, this.undo),
      this.marks,
      this.why.size,
      this.figures,
      this.charts,
      this.notes,
    );
    this.root = h("div", { class: "ck ck-sizing" }, this.title, this.body, this.#sizing(), this.#tuning(), this.status);
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    sized(this.root, cleanups, () => this.#keepCurrent());
    cleanups.push(() => clearTimeout(this.resting));
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  #button(words, onclick, kind = "") {
    return h("button", { type: "button", class: `ck-button ${kind}`, onclick }, words);
  }

  #sizing() {
    this.limit = h("input", { class: "ck-input", "aria-label": "Limit", placeholder: "0.3 s, or 300 ms", onkeydown: quiet });
    this.figure = h("select", {
      class: "ck-select",
      "aria-label": "Which time is limited",
      onchange: () => this.asking.ask({ kind: "figure", figure: this.figure.value }),
    });
    this.go = this.#button(
      "Right-size",
      () => this.asking.ask({ kind: "right_size", limit: this.limit.value, figure: this.figure.value }),
      "ck-main",
    );
    this.progress = h("span", { class: "ck-hint", role: "status", "aria-live": "polite" });
    this.found = h("div", {});
    return h(
      "section",
      { "aria-label": "Right-size" },
      h("h3", {}, "The cheapest design of the chain under a limit"),
      h("div", { class: "ck-si-bar" }, this.figure, h("span", {}, "at most"), this.limit, this.go, this.progress),
      this.why.limit,
      this.found,
      this.why.moves,
    );
  }

  #tuning() {
    this.text = h("textarea", {
      class: "ck-input",
      rows: "3",
      spellcheck: "false",
      "aria-label": "Result of AWS Lambda Power Tuning",
      placeholder: '{"power": "512", "stats": [ \u2026 ]}',
      onkeydown: quiet,
    });
    const file = h("input", {
      type: "file",
      accept: ".json,application/json",
      "aria-label": "File with the result",
      onchange: async () => {
        this.text.value = (await file.files[0]?.text()) ?? "";
      },
    });
    return h(
      "details",
      {},
      h("summary", {}, "Read a result of AWS Lambda Power Tuning into the function"),
      this.text,
      h(
        "div",
        { class: "ck-si-bar" },
        file,
        this.#button("Read it", () => this.asking.ask({ kind: "tuning", text: this.text.value })),
      ),
      this.why.tuning,
    );
  }

  // In a tab that is not open there is nothing to keep current: it is looked at when it gets a width.
  #keepCurrent() {
    clearTimeout(this.resting);
    if (!this.scene.is_stale || !this.root.clientWidth) return;
    this.resting = setTimeout(
      () => {
        if (this.scene.is_stale && this.root.clientWidth) this.asking.ask({ kind: "current" });
      },
      this.scene.charts ? REST_MS : 0,
    );
  }

  show() {
    const { function: name, charts, is_stale, stops, at, progress, refusals = {}, said, can_undo, notes } = this.scene;
    this.root.classList.toggle("is-stale", is_stale);
    this.root.setAttribute("aria-busy", Boolean(is_stale || progress));
    this.body.hidden = !charts;
    this.title.textContent = name ? `Memory of ${name}` : "Counting \u2026";
    this.#keepCurrent();
    for (const [where, element] of Object.entries(this.why)) {
      const refused = refusals[where];
      element.textContent = refused ? `\u26a0 ${refused.problem}. ${refused.fix}` : "";
    }
    this.say(said ?? "");
    this.progress.textContent = progress ?? "";
    this.go.disabled = Boolean(progress);
    this.undo.disabled = !can_undo;
    this.#showLimit();
    this.#showFound();
    if (!charts) return;
    if (this.shown !== `${name} ${this.scene.now}`) this.range.value = at;
    this.shown = `${name} ${this.scene.now}`;
    this.range.max = stops.length - 1;
    if (Number(this.range.value) >= stops.length) this.range.value = at;
    this.notes.textContent = notes.join("; ");
    this.#showMarks();
    this.charts.replaceChildren(
      ...charts.map((each) =>
        s(
          "svg",
          { class: "ck-chart", viewBox: `0 0 ${each.width} ${each.height}`, role: "img", "aria-label": each.title },
          ...drawn(each),
          s("path", { class: "ck-ch-cursor" }),
        ),
      ),
    );
    this.#tell();
  }

  #showMarks() {
    this.marks.replaceChildren(
      ...this.scene.marks.map(({ word, at, text }) =>
        this.#button(`${word}: ${text}`, () => {
          this.range.value = at;
          this.#tell();
        }),
      ),
    );
  }

  // --- the slider ---

  #stop() {
    return this.scene.stops[this.range.value];
  }

  #tell() {
    const { memory, memory_mb, figures, x } = this.#stop();
    this.memory.textContent = memory;
    this.range.setAttribute("aria-valuetext", memory);
    this.take.textContent = `Take ${memory_mb} MB`;
    this.take.disabled = memory_mb === this.scene.now;
    this.figures.replaceChildren(
      ...Object.entries(figures).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
    this.scene.charts.forEach(({ box }, k) =>
      this.charts.children[k].lastChild.setAttribute("d", `M${x} ${box[1]}V${box[3]}`),
    );
  }

  // --- right-sizing ---

  #showLimit() {
    const { figures = [], figure, limit } = this.scene;
    this.figure.replaceChildren(
      ...figures.map(({ key, words }) => h("option", { value: key, selected: key === figure ? "" : null }, words)),
    );
    if (limit && document.activeElement !== this.limit) this.limit.value = limit;
  }

  #showFound() {
    const { head, moves, notes, is_old } = this.scene.sizing ?? {};
    if (!head) return this.found.replaceChildren();
    const open = moves.filter(({ is_taken }) => !is_taken);
    this.found.replaceChildren(
      ...head.map((each) => h("div", {}, each)),
      is_old ? h("div", { class: "ck-hint" }, "The chain has changed since: this is of the chain as it was.") : "",
      h(
        "ol",
        { class: "ck-si-moves" },
        ...moves.map(({ what, reason, is_taken }, place) =>
          h(
            "li",
            {},
            h("b", {}, what),
            h("div", { class: "ck-hint" }, reason),
            is_taken
              ? h("span", { class: "ck-hint" }, "taken")
              : h(
                  "button",
                  {
                    type: "button",
                    class: "ck-button",
                    "aria-label": `Take ${what}`,
                    onclick: () => this.asking.ask({ kind: "take", place }),
                  },
                  "Take",
                ),
          ),
        ),
      ),
      open.length > 1 ? this.#button(`Take all ${open.length}`, () => this.asking.ask({ kind: "take_all" })) : "",
      ...notes.map((each) => h("div", { class: "ck-hint" }, each)),
    );
  }
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
