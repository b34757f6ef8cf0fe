// Work that goes on in the kernel: a bar, the steps that it tells, how it ended; and tables, which can be scrolled.

import { h } from "./dom.js";

export class Working {
  constructor(stop) {
    this.bar = h("progress", { class: "ck-wk-bar" });
    this.title = h("span", { role: "status", "aria-live": "polite" });
    this.stop = h("button", { type: "button", class: "ck-button", onclick: stop }, "Stop");
    this.lines = h("pre", { class: "ck-wk-lines", tabindex: "0", "aria-label": "Steps" });
    this.details = h("details", { class: "ck-wk-steps" }, h("summary", {}, "Steps"), this.lines);
    this.refusal = h("div", { class: "ck-refusal", role: "alert" });
    this.element = h(
      "div",
      { class: "ck-working", hidden: "" },
      h("div", { class: "ck-wk-head" }, this.title, this.bar, this.stop),
      this.refusal,
      this.details,
    );
  }

  // progress: {title, done, total, lines, is_over, can_stop, refusal}
  show({ title, done, total, lines, is_over, can_stop, refusal }) {
    this.element.hidden = !title;
    this.element.setAttribute("aria-busy", !is_over);
    const steps = total && done <= total ? `: ${done} of ${total}` : "";
    this.title.textContent = is_over ? `${title}: ${refusal ? "refused" : "done"}` : `${title} \u2026${steps}`;
    this.bar.hidden = is_over;
    if (total && done <= total) Object.assign(this.bar, { max: total, value: done });
    else this.bar.removeAttribute("value");
    this.stop.hidden = is_over || !can_stop;
    this.refusal.replaceChildren(
      ...(refusal ? [`\u26a0 ${refusal.problem}`, refusal.fix ? h("div", {}, `fix: ${refusal.fix}`) : ""] : []),
    );
    this.details.hidden = !lines.length;
    this.details.open = !is_over;
    this.lines.textContent = lines.join("\n");
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}

// Something wide, scrolled in itself, also by keys.
export const region = (label, ...children) =>
  h("div", { class: "ck-wk-region", tabindex: "0", role: "region", "aria-label": label }, ...children);

// A table of words and elements; the first cell of a row names it.
export function listed(heads, rows) {
  return h(
    "table",
    { class: "ck-wk-table" },
    h("thead", {}, h("tr", {}, ...heads.map((each) => h("th", { scope: "col" }, each)))),
    h(
      "tbody",
      {},
      ...rows.map(([first, ...rest]) =>
        h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((cell) => h("td", {}, cell))),
      ),
    ),
  );
}

export function button(words, act, title = "", look = "") {
  return h("button", { type: "button", class: `ck-button ${look}`, title: title || null, onclick: act }, words);
}
