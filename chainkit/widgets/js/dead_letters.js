// Dead letters: groups, one letter in full and to be edited, a dry run, the way back, and what became of it.

import { Asking } from "./asking.js";
import { h, hear, sized } from "./dom.js";
import { speaker } from "./view.js";
import { waterfall } from "./waterfall.js";
import { button, listed, region, Working } from "./working.js";

class Board {
  constructor(model, el, cleanups) {
    this.model = model;
    [this.status, this.say] = speaker("ck-dl-said");
    this.asking = new Asking(model, cleanups, this.say);
    this.working = new Working(() => {});
    this.look = button("Look", () => this.#ask("look"), "", "ck-main");
    this.text = h("div", { class: "ck-dl-text", role: "status", "aria-live": "polite" });
    this.groups = region("Groups of dead letters");
    this.sending = this.#way();
    this.letters = h("select", {
      class: "ck-select",
      "aria-label": "Letter of the group",
      onchange: () => this.#ask("show", { which: this.letters.value }),
    });
    this.more = h("span", { class: "ck-hint" });
    this.letter = this.#letter();
    this.result = h("section", { class: "ck-dl-step", "aria-label": "What was done" });
    this.story = h("section", { class: "ck-dl-step", "aria-label": "Request that was sent back" });
    this.root = h(
      "div",
      { class: "ck ck-letters" },
      h("div", { class: "ck-dl-bar" }, this.look, this.text),
      this.working.element,
      this.status,
      this.groups,
      this.sending,
      this.result,
      this.story,
      this.letter,
    );
    // JupyterLab has commands on keys that are typed here.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    sized(this.root, cleanups, () => this.#draw());
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  #ask(kind, more = {}, act = undefined) {
    this.asking.ask({ kind, ...more }, act);
  }

  // --- what stands there once ---

  #way() {
    this.which = h("select", { class: "ck-select", "aria-label": "What is sent back", onchange: () => this.#enable() });
    this.rate = h("input", {
      class: "ck-input",
      type: "number",
      min: "1",
      max: "500",
      step: "1",
      placeholder: "no limit",
      oninput: () => this.#enable(),
    });
    this.resend = h("input", { type: "checkbox", onchange: () => this.#enable() });
    this.dry = button("Dry run", () => this.#ask("redrive", { ...this.#wanted(), is_dry: true }), "Say what would be done");
    this.redrive = button("Redrive", () => this.#ask("redrive", { ...this.#wanted(), is_dry: false }), "", "ck-main");
    return h(
      "section",
      { class: "ck-dl-bar", "aria-label": "The way back" },
      h("label", {}, "Send back ", this.which),
      h("label", {}, "a second ", this.rate),
      h("label", { title: "AWS has no call for letters that no queue gave up" }, this.resend, " also what AWS cannot move"),
      this.dry,
      this.redrive,
    );
  }

  #letter() {
    this.rows = h("div", {});
    this.payload = h("textarea", { class: "ck-input ck-dl-payload", rows: "8", spellcheck: "false" });
    this.keep = button("Keep this payload", () => this.#edit(this.scene.letter.id, this.payload), "For the way back");
    this.fields = h("input", { class: "ck-input", type: "text", placeholder: '{"currency": "EUR"}', spellcheck: "false" });
    this.setAll = button("Set in all of the group", () => this.#edit(this.scene.group, this.fields));
    this.rest = h("div", {});
    return h(
      "section",
      { class: "ck-dl-step", "aria-label": "Letter" },
      h("div", { class: "ck-dl-bar" }, h("label", {}, "Letter ", this.letters), this.more),
      h("div", { class: "ck-dl-both" }, this.rows, h("label", { class: "ck-dl-over" }, "payload (JSON)", this.payload)),
      h(
        "div",
        { class: "ck-dl-bar" },
        this.keep,
        h("label", {}, "or fields (JSON) ", this.fields),
        this.setAll,
      ),
      this.rest,
    );
  }

  #edit(which, field) {
    this.#ask("edit", { which, text: field.value });
  }

  #wanted() {
    const rate = this.rate.value === "" ? null : Number(this.rate.value);
    return { which: this.which.value || null, rate, resend: this.resend.checked };
  }

  // --- what changes ---

  show() {
    const { text, groups, work } = this.scene;
    this.text.textContent = text;
    this.working.element.hidden = !work.title;
    if (work.title) this.working.show(work);
    this.groups.hidden = this.sending.hidden = !groups.length;
    const heads = ["group", "count", "in", "by", "oldest", "latest", "error of the latest"];
    this.groups.replaceChildren(listed(heads, groups.map((each) => this.#group(each))));
    this.#showWhich(groups);
    this.#showLetter();
    this.#showResult();
    this.#enable();
    this.#draw();
  }

  #group({ name, count, queues, links, first, last, example }) {
    const isChosen = name === this.scene.group;
    const act = () => this.#ask("show", { which: name });
    const open = h("button", { type: "button", class: "ck-button ck-dl-name", "aria-pressed": isChosen, onclick: act }, name);
    return [open, count, queues, links, first, last, example];
  }

  #showWhich(groups) {
    const { letter } = this.scene;
    const options = [
      ["", "all of them"],
      ...groups.map(({ name }) => [name, name]),
      ...(letter.id ? [[letter.id, `the letter ${letter.id.slice(0, 8)}`]] : []),
    ];
    const key = JSON.stringify(options);
    if (key === this.options) return;
    this.options = key;
    const { value } = this.which;
    this.which.replaceChildren(...options.map(([word, words]) => h("option", { value: word }, words)));
    this.which.value = options.some(([word]) => word === value) ? value : "";
  }

  #enable() {
    const { can, tried } = this.scene;
    const { which, rate, resend } = this.#wanted();
    this.look.disabled = !can.look;
    this.dry.disabled = !can.redrive;
    // Only what a dry run has shown is sent back.
    this.redrive.disabled = !can.redrive || JSON.stringify(tried) !== JSON.stringify([which, rate, resend]);
  }

  #showLetter() {
    const { letters, more, letter } = this.scene;
    this.letter.hidden = !letter.id;
    if (!letter.id) return;
    this.letters.replaceChildren(...letters.map(({ id, text }) => h("option", { value: id }, text)));
    this.letters.value = letter.id;
    this.more.textContent = more ? `and ${more} more` : "";
    const key = JSON.stringify(letter);
    if (key === this.shown) return; // what is being typed stays
    this.shown = key;
    this.rows.replaceChildren(listed(["", ""], letter.rows));
    this.payload.value = letter.payload;
    this.rest.replaceChildren(
      ...folded("As it came", letter.original),
      ...(letter.attributes.length ? [region("Attributes", listed(["attribute", "value"], letter.attributes))] : []),
      ...folded("Log of the failed invocation", letter.logs, true),
    );
  }

  #showResult() {
    const { text, traces, more } = this.scene.redriven;
    this.result.hidden = !text;
    if (!text) return;
    const row = ({ request, outcome, took }) => {
      const act = () => this.#ask("trace", { request });
      return [h("button", { type: "button", class: "ck-button ck-dl-name", onclick: act }, request), outcome, took];
    };
    this.result.replaceChildren(
      h("pre", { class: "ck-dl-pre" }, text),
      traces.length
        ? region("Requests that were sent back", listed(["request", "outcome", "complete after"], traces.map(row)))
        : "",
      more ? h("div", { class: "ck-hint" }, `and ${more} more requests`) : "",
    );
  }

  // In a tab that is not open there is no width to draw for.
  #draw() {
    const { story } = this.scene;
    const width = this.root.clientWidth;
    this.story.hidden = !story.title;
    if (!story.title || !width) return;
    const { element, point } = waterfall(story, Math.max(460, width - 8));
    point(story.total_s);
    this.story.replaceChildren(h("b", {}, story.title), element);
  }
}

const folded = (title, text, isOpen = false) =>
  text ? [h("details", { open: isOpen ? "" : null }, h("summary", {}, title), h("pre", { class: "ck-dl-pre" }, text))] : [];

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
