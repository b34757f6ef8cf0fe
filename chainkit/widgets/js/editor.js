// A text with line numbers. Python holds it; what is typed goes there when the field is left, or by Ctrl+Enter.

import { h, hear } from "./dom.js";

const LINE = 18;
const TOP = 8;

class Editor {
  constructor(model, el, cleanups) {
    Object.assign(this, { model, line: 0 });
    this.numbers = h("div", { class: "ck-numbers", "aria-hidden": "true" });
    this.mark = h("div", { class: "ck-mark", hidden: "" });
    this.fault = h("div", { class: "ck-fault", hidden: "" });
    this.area = h("textarea", {
      class: "ck-code",
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      wrap: "off",
      "aria-label": model.get("label"),
      title: "Ctrl+Enter draws the text, Escape takes it back",
    });
    const field = h("div", { class: "ck-field" }, this.mark, this.fault, this.area);
    // JupyterLab has commands on keys that are typed here.
    el.append(h("div", { class: "ck ck-editor", "data-lm-suppress-shortcuts": "true" }, this.numbers, field));
    hear(model, cleanups, "change:shown", () => this.show());
    hear(model, cleanups, "change:marks", () => this.showMarks(true));
    hear(model, cleanups, "change:fault", () => this.showMarks(false));
    this.area.addEventListener("scroll", () => this.#follow());
    this.area.addEventListener("input", () => this.#number());
    this.area.addEventListener("blur", () => this.#send());
    this.area.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["click", "keyup"]) this.area.addEventListener(name, () => this.#tellLine());
    this.show();
  }

  get text() {
    return this.model.get("shown").text;
  }

  show() {
    const { scrollTop, selectionStart } = this.area;
    if (this.area.value !== this.text) {
      this.area.value = this.text;
      this.area.setSelectionRange(selectionStart, selectionStart);
      this.area.scrollTop = scrollTop;
    }
    this.sent = this.text;
    this.#number();
    this.showMarks(false);
  }

  showMarks(isNew) {
    const [first, last] = this.model.get("marks");
    const fault = this.model.get("fault");
    this.mark.hidden = !first;
    this.fault.hidden = !fault;
    this.area.setAttribute("aria-invalid", Boolean(fault));
    if (first) this.mark.style.height = `${(last - first + 1) * LINE}px`;
    const wanted = fault || (isNew && document.activeElement !== this.area ? first : 0);
    const seen = this.area.clientHeight;
    const y = (wanted - 1) * LINE;
    if (wanted && (y < this.area.scrollTop || y > this.area.scrollTop + seen - 3 * LINE))
      this.area.scrollTop = Math.max(0, y - 2 * LINE);
    this.#follow();
  }

  #number() {
    const count = this.area.value.split("\n").length;
    if (count === this.count) return;
    this.count = count;
    this.numbers.replaceChildren(
      h("div", { class: "ck-lines" }, Array.from({ length: count }, (_, k) => k + 1).join("\n")),
    );
    this.#follow();
  }

  #follow() {
    const { scrollTop } = this.area;
    const at = (line) => `translateY(${TOP + (line - 1) * LINE - scrollTop}px)`;
    this.numbers.firstChild.style.transform = `translateY(${-scrollTop}px)`;
    this.mark.style.transform = at(this.model.get("marks")[0] ?? 1);
    this.fault.style.transform = at(this.model.get("fault") || 1);
  }

  #send() {
    if (this.area.value === this.sent) return;
    this.sent = this.area.value;
    this.model.send({ kind: "typed", text: this.sent });
  }

  #key(event) {
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send();
    else if (event.key === "Escape") this.#takeBack();
    else return;
    event.preventDefault();
  }

  #takeBack() {
    this.area.value = this.sent = this.text;
    this.#number();
    this.model.send({ kind: "back" });
  }

  #tellLine() {
    const line = this.area.value.slice(0, this.area.selectionStart).split("\n").length;
    if (line === this.line || this.area.value !== this.text) return;
    this.line = line;
    this.model.send({ kind: "line", line });
  }
}

function render({ model, el }) {
  const cleanups = [];
  new Editor(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
