// Sliders and the figures that move with them: shows what Python holds, and tells Python where a slider is.

import { Asking } from "./asking.js";
import { h, hear, sized } from "./dom.js";
import { sheet } from "./sheet.js";
import { speaker } from "./view.js";

const RESTS_MS = 300; // how long keys rest before a drag is over

class Board {
  constructor(model, el, cleanups) {
    Object.assign(this, { model, rows: new Map(), held: null });
    [this.status, this.say] = speaker("ck-sl-said");
    this.asking = new Asking(model, cleanups, this.say);
    this.sliders = h("div", { class: "ck-sl-knobs" });
    this.table = h("div", { class: "ck-sl-figures", role: "region", "aria-label": "Figures", tabindex: "0" });
    this.words = h("div", { class: "ck-sl-words", role: "status", "aria-live": "polite" });
    this.note = h("div", { class: "ck-hint" });
    this.refusal = h("div", { class: "ck-refusal" });
    this.undo = h(
      "button",
      { type: "button", class: "ck-button", onclick: () => this.asking.ask({ kind: "undo" }) },
      "\u21b6 Take the last drag back",
    );
    this.root = h(
      "div",
      { class: "ck ck-sliders", "aria-busy": "false" },
      h("div", { class: "ck-sl-left" }, this.sliders, this.undo, this.status),
      h("div", { class: "ck-sl-right" }, this.refusal, this.table, this.words, this.note),
    );
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    sized(this.root, cleanups, () => this.#keepCurrent());
    cleanups.push(() => clearTimeout(this.resting));
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  #keepCurrent() {
    if (this.scene.is_stale && this.root.clientWidth) this.asking.ask({ kind: "current" });
  }

  show() {
    this.#keepCurrent();
    const { knobs, refusals, said, note, is_quick, can_undo } = this.scene;
    const keys = knobs.map(({ key }) => key).join("\n");
    if (keys !== this.keys) {
      this.keys = keys;
      this.rows.clear();
      this.sliders.replaceChildren(...knobs.map((knob) => this.#row(knob)));
    }
    for (const knob of knobs) this.#place(knob, refusals[knob.key]);
    const whole = refusals[""];
    this.refusal.textContent = whole ? `\u26a0 ${whole.problem} ${whole.fix}` : "";
    this.words.textContent = said || this.words.textContent;
    this.words.classList.toggle("is-stale", !said);
    this.note.textContent = note;
    this.root.classList.toggle("is-quick", is_quick);
    this.#busy(is_quick || this.held !== null);
    this.undo.disabled = !can_undo;
    this.#showTable();
  }

  // --- sliders ---

  #row({ key, label }) {
    const id = `ck-sl-${Math.random().toString(36).slice(2)}`;
    const range = h("input", {
      type: "range",
      id,
      min: "0",
      step: "1",
      "aria-describedby": `${id}-why`,
      oninput: () => this.#moved(key),
      onchange: () => this.#changed(key),
      onpointerdown: () => (this.pressed = true),
      onkeydown: (event) => event.stopPropagation(), // the notebook has commands on the same keys
    });
    const value = h("output", { for: id });
    const why = h("div", { class: "ck-refusal", id: `${id}-why`, role: "alert" });
    this.rows.set(key, { range, value, why });
    return h("div", { class: "ck-sl-knob" }, h("label", { for: id }, label), value, range, why);
  }

  #place({ key, stops, at }, refused) {
    const { range, value, why } = this.rows.get(key);
    range.max = stops.length - 1;
    if (this.held !== key) range.value = at;
    this.#tell(key);
    value.textContent = stops[range.value];
    why.textContent = refused ? `\u26a0 ${refused.problem}. ${refused.fix}` : "";
    range.setAttribute("aria-invalid", Boolean(refused));
  }

  #tell(key) {
    const { range, value } = this.rows.get(key);
    const words = this.scene.knobs.find((each) => each.key === key).stops[range.value];
    value.textContent = words;
    range.setAttribute("aria-valuetext", words);
  }

  // Until all requests have been run with what the hand has left.
  #busy(is) {
    this.root.setAttribute("aria-busy", is);
  }

  #moved(key) {
    this.held = key;
    this.#busy(true);
    this.#tell(key);
    clearTimeout(this.resting);
    this.asking.ask({ kind: "move", key, at: Number(this.rows.get(key).range.value) });
  }

  // A mouse lets go once; keys are at rest when none was pressed for a while: one step either way.
  #changed(key) {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#over(key), this.pressed ? 0 : RESTS_MS);
    this.pressed = false;
  }

  #over(key) {
    const at = Number(this.rows.get(key).range.value);
    this.asking.ask({ kind: "move", key, at, is_over: true }, () => {
      this.held = null;
      this.show();
    });
  }

  // --- figures ---

  #showTable() {
    const { rows, columns } = this.scene;
    this.table.replaceChildren(sheet(rows, columns));
  }
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
