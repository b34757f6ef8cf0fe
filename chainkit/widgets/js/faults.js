// What breaks where: a form of what can, the faults that are set, and the figures with them and without.

import { Asking } from "./asking.js";
import { h, hear, sized } from "./dom.js";
import { sheet } from "./sheet.js";
import { speaker } from "./view.js";

const REST_MS = 350;
let fields = 0;

class Board {
  constructor(model, el, cleanups) {
    this.model = model;
    [this.status, this.say] = speaker("ck-fl-said");
    this.asking = new Asking(model, cleanups, this.say);
    const ask = (kind, more) => this.asking.ask({ kind, ...more });
    this.where = h("select", {
      class: "ck-select",
      "aria-label": "Where something breaks",
      onchange: () => ask("choose", { name: this.where.value }),
    });
    this.form = h("div", { class: "ck-fl-form" });
    this.set = button("Set the fault", () => ask("set", { name: this.where.value, fault: this.#typed() }), "ck-main");
    this.clear = button("Clear all", () => ask("clear", { name: null }));
    this.list = h("ul", { class: "ck-fl-set", "aria-label": "Faults that are set" });
    this.code = h("pre", { class: "ck-fl-code" });
    this.refusal = h("div", { class: "ck-refusal", role: "alert" });
    this.table = h("div", { class: "ck-sl-figures", role: "region", "aria-label": "Figures", tabindex: "0" });
    this.note = h("div", { class: "ck-hint" });
    this.siteWords = h("div", { role: "status", "aria-live": "polite" });
    this.siteRefusal = h("div", { class: "ck-refusal", role: "alert" });
    this.on = button("Break it there", () => ask("switch", { is_on: true }), "ck-danger");
    this.off = button("Mend it there", () => ask("switch", { is_on: false }));
    this.root = h(
      "div",
      { class: "ck ck-faults", "aria-busy": "false" },
      h(
        "div",
        { class: "ck-sl-left" },
        h("label", { class: "ck-fl-where" }, "Where ", this.where),
        this.form,
        h("div", { class: "ck-fl-bar" }, this.set, this.clear),
        this.status,
        this.list,
        this.code,
      ),
      h(
        "div",
        { class: "ck-sl-right" },
        this.refusal,
        this.table,
        this.note,
        h("div", { class: "ck-fl-site" }, this.siteWords, this.siteRefusal, h("div", { class: "ck-fl-bar" }, this.on, this.off)),
      ),
    );
    // JupyterLab has commands on keys that are typed here.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    sized(this.root, cleanups, () => this.#keepCurrent());
    cleanups.push(() => clearTimeout(this.resting));
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  // In a tab that is not open there is nothing to keep current.
  #keepCurrent() {
    clearTimeout(this.resting);
    if (!this.scene.is_stale || !this.root.clientWidth) return;
    this.resting = setTimeout(
      () => {
        if (this.scene.is_stale && this.root.clientWidth) this.asking.ask({ kind: "current" });
      },
      this.scene.rows?.length ? REST_MS : 0,
    );
  }

  show() {
    const { names = [], chosen, is_stale, set = [], code = "", rows = [], columns = [], note = "", site, refusal } = this.scene;
    this.root.classList.toggle("is-stale", is_stale);
    this.root.setAttribute("aria-busy", is_stale);
    this.#keepCurrent();
    if (!site) return;
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      this.where.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    }
    this.where.value = chosen;
    this.#showForm();
    this.list.replaceChildren(...set.map((each) => this.#row(each)));
    this.clear.disabled = !set.length;
    this.code.textContent = code;
    this.code.hidden = !code;
    this.refusal.replaceChildren(...told(refusal));
    this.table.replaceChildren(sheet(rows, columns));
    this.note.textContent = note;
    this.siteWords.textContent = site.text;
    this.siteRefusal.replaceChildren(...told(site.refusal));
    this.on.disabled = !site.can.includes("on");
    this.off.disabled = !site.can.includes("off");
  }

  // --- the form ---

  // Made anew only for another place or other values: what is being typed stays.
  #showForm() {
    const { chosen, fields: shown } = this.scene;
    const key = JSON.stringify([chosen, shown]);
    if (key === this.key) return;
    this.key = key;
    this.inputs = new Map();
    this.form.replaceChildren(...shown.map((field) => this.#field(field)));
  }

  #field({ name, label, kind, most, is_whole, help, value }) {
    const id = `ck-fl-${fields++}`;
    const looks = {
      flag: { type: "checkbox", checked: value ? "" : null },
      text: { type: "text", class: "ck-input", value: value ?? "", autocomplete: "off" },
      number: { type: "number", class: "ck-input", min: "0", max: most, step: is_whole ? "1" : "any", value },
    };
    const input = h("input", {
      id,
      "aria-describedby": `${id}-help`,
      onkeydown: (event) => event.key === "Enter" && this.set.click(),
      ...looks[typeof value === "string" ? "text" : kind],
    });
    this.inputs.set(name, { input, kind });
    const words = [h("label", { for: id }, label), input];
    return h("div", { class: "ck-fl-field" }, ...words, h("div", { class: "ck-hint", id: `${id}-help` }, help));
  }

  #typed() {
    const found = {};
    for (const [name, { input, kind }] of this.inputs) {
      if (kind === "flag" ? !input.checked : input.value === "") continue;
      found[name] = kind === "flag" ? true : input.type === "number" ? Number(input.value) : input.value;
    }
    return found;
  }

  #row({ name, text }) {
    const edit = () => this.asking.ask({ kind: "choose", name });
    const clear = h(
      "button",
      { type: "button", class: "ck-button", "aria-label": `Clear ${name}`, onclick: () => this.asking.ask({ kind: "clear", name }) },
      "\u2715",
    );
    return h(
      "li",
      {},
      h("button", { type: "button", class: "ck-button ck-fl-name", title: "Change it", onclick: edit }, name),
      h("span", {}, text),
      clear,
    );
  }
}

const told = (refusal) =>
  refusal ? [`\u26a0 ${refusal.problem}`, refusal.fix ? h("div", {}, `fix: ${refusal.fix}`) : ""] : [];

function button(words, act, look = "") {
  return h("button", { type: "button", class: `ck-button ${look}`, onclick: act }, words);
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
