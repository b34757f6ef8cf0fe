// A chain deployed, step by step: shows what Python knows of plan, progress and requests, and tells it which step is taken.

import { Asking } from "./asking.js";
import { h, hear, sized } from "./dom.js";
import { button, listed, region, Working } from "./working.js";
import { speaker } from "./view.js";
import { waterfall } from "./waterfall.js";

let boards = 0;

class Board {
  constructor(model, el, cleanups) {
    Object.assign(this, { model, uid: `ckd${Date.now().toString(36)}${boards++}`, asks: new Map() });
    [this.status, this.say] = speaker("ck-dp-said");
    this.asking = new Asking(model, cleanups, this.say);
    this.working = new Working(() => this.asking.ask({ kind: "stop" }));
    this.root = h(
      "div",
      { class: "ck ck-deploy" },
      this.#where(),
      this.#planned(),
      this.working.element,
      this.status,
      this.#standing(),
      this.#requests(),
      this.#results(),
    );
    // JupyterLab has commands on keys that are typed here.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    el.append(this.root);
    hear(model, cleanups, "change:scene", () => this.show());
    hear(model, cleanups, "change:progress", () => this.working.show(model.get("progress")));
    sized(this.root, cleanups, () => this.#draw());
    this.show();
    this.working.show(model.get("progress"));
  }

  get scene() {
    return this.model.get("scene");
  }

  // --- what stands there once ---

  #where() {
    const ask = (kind, more) => this.asking.ask({ kind, ...more });
    this.place = h("select", {
      class: "ck-select",
      onpointerenter: () => ask("look"), // what is up now
      onfocus: () => ask("look"),
      onchange: () => ask("choose", { place: this.place.value }),
    });
    this.help = h("span", { class: "ck-hint" });
    this.fields = h("div", { class: "ck-dp-fields" });
    this.plan = button("Plan", () => ask("plan", { told: this.#told() }), "Show what would change; nothing is sent");
    this.destroy = button("Destroy", () => this.#sure(true), "Delete all that was deployed of this chain");
    this.really = h(
      "span",
      { class: "ck-dp-sure", hidden: "" },
      h("span", {}, "Delete all of it there? "),
      button("Yes, destroy", () => (this.#sure(false), ask("destroy")), "", "ck-danger"),
      button("Keep it", () => this.#sure(false)),
    );
    return h(
      "div",
      { class: "ck-dp-step" },
      h("div", { class: "ck-dp-bar" }, h("label", {}, "Where ", this.place), this.plan, this.destroy, this.really),
      this.help,
      this.fields,
    );
  }

  #sure(isAsked) {
    this.really.hidden = !isAsked;
    this.destroy.hidden = isAsked;
    (isAsked ? this.really.querySelector("button") : this.destroy).focus();
  }

  #planned() {
    this.planTitle = h("b", {});
    this.planRows = region("What the plan changes");
    this.month = h("div", {});
    this.read = h("input", { type: "checkbox", onchange: () => this.#enable() });
    this.readWords = h("span", {});
    this.readLabel = h("label", { class: "ck-dp-read" }, this.read, this.readWords);
    this.deploy = button("Deploy this plan", () => this.asking.ask({ kind: "deploy", code: this.code }), "", "ck-main");
    this.planned = h(
      "section",
      { class: "ck-dp-step", "aria-label": "Plan" },
      this.planTitle,
      this.planRows,
      this.month,
      h("div", { class: "ck-dp-bar" }, this.readLabel, this.deploy),
    );
    return this.planned;
  }

  #standing() {
    this.stands = h("section", { class: "ck-dp-step", "aria-label": "What stands" });
    return this.stands;
  }

  #requests() {
    const ask = (kind, more) => this.asking.ask({ kind, ...more });
    this.event = h("textarea", { class: "ck-input ck-dp-event", rows: "3", spellcheck: "false" });
    this.rate = h("input", { class: "ck-input", type: "number", min: "0", step: "any" });
    this.count = h("input", { class: "ck-input", type: "number", min: "1", step: "1" });
    this.own = h("input", { type: "checkbox" });
    this.same = h("input", { type: "checkbox", checked: "" });
    this.send = button("Send", () => ask("send", { event: this.event.value }), "Send this event through the chain", "ck-main");
    const numbers = () => ({ rate: Number(this.rate.value), requests: Number(this.count.value) });
    const payload = () => ({ event: this.own.checked ? this.event.value : null, is_same: this.same.checked });
    this.load = button("Run load test", () => ask("load", { ...numbers(), ...payload() }), "Send requests at this rate");
    this.compare = button("Compare with the prediction", () => ask("compare"), "Simulate what was deployed, beside it");
    this.sending = h(
      "section",
      { class: "ck-dp-step", "aria-label": "Requests" },
      h("label", { class: "ck-dp-over" }, "event (JSON)", this.event),
      h(
        "div",
        { class: "ck-dp-bar" },
        this.send,
        h("label", {}, "per second ", this.rate),
        h("label", {}, "requests ", this.count),
        h("label", {}, this.own, " this event each time"),
        h("label", { title: "The same attempts fail here and in the simulation" }, this.same, " with the simulation's draws"),
        this.load,
        this.compare,
      ),
    );
    return this.sending;
  }

  #results() {
    this.measured = h("section", { class: "ck-dp-step", "aria-label": "Load test" });
    this.story = h("section", { class: "ck-dp-step", "aria-label": "Last request" });
    this.beside = h("section", { class: "ck-dp-step", "aria-label": "Predicted and measured" });
    return h("div", { class: "ck-dp-results" }, this.story, this.measured, this.beside);
  }

  // --- what changes ---

  show() {
    const { places, place, plan, stack, event, load, can, broken } = this.scene;
    this.#showPlaces(places, place);
    this.#showPlan(plan);
    this.stands.hidden = !stack.title;
    if (stack.title)
      this.stands.replaceChildren(
        h("b", {}, stack.title),
        stack.note ? h("div", { class: "ck-dp-note" }, `${stack.note} Plan again to bring it there.`) : "",
        broken ? h("div", { class: "ck-dp-note" }, `Broken there now: ${broken}`) : "",
        stack.outputs.length ? pairs(stack.outputs) : "",
        stack.dropped.length ? h("div", { class: "ck-hint" }, `Not held by the target: ${stack.dropped.join(", ")}`) : "",
      );
    for (const [field, value] of [
      [this.event, event],
      [this.rate, load.rate],
      [this.count, load.requests],
    ]) {
      if (field.given === String(value)) continue; // what was typed stays
      field.given = field.value = String(value);
    }
    this.sending.hidden = !can.send && !stack.title;
    this.#enable();
    this.#showMeasured();
    this.#showBeside();
    this.#draw();
  }

  #enable() {
    const { can, plan } = this.scene;
    this.plan.disabled = !can.plan;
    this.place.disabled = !can.plan;
    this.deploy.disabled = !can.deploy || (Boolean(plan.must_be_read) && !this.read.checked);
    this.destroy.disabled = !can.destroy;
    if (!can.destroy && !this.really.hidden) this.#sure(false);
    this.send.disabled = this.load.disabled = !can.send;
    this.compare.disabled = !can.compare;
  }

  #showPlaces(places, place) {
    const words = JSON.stringify(places);
    if (words !== this.words) {
      this.words = words;
      this.place.replaceChildren(
        ...places.map(({ word, label, is_there }) =>
          h("option", { value: word, disabled: is_there ? null : "" }, is_there ? label : `${label} (not there)`),
        ),
      );
    }
    this.place.value = place;
    const { help, asks } = places.find(({ word }) => word === place);
    const missing = places.filter(({ is_there }) => !is_there).map(({ label, help: why }) => `${label}: ${why}`);
    this.help.textContent = [help, ...missing].join(" ");
    this.fields.replaceChildren(...Object.entries(asks).map(([name, label]) => this.#field(name, label)));
  }

  #field(name, label) {
    if (!this.asks.has(name)) this.asks.set(name, h("input", { class: "ck-input", type: "text", autocomplete: "off" }));
    return h("label", { class: "ck-dp-over" }, label, this.asks.get(name));
  }

  #told() {
    const { places, place } = this.scene;
    const names = Object.keys(places.find(({ word }) => word === place).asks);
    const typed = names.map((name) => [name, this.asks.get(name).value.trim()]);
    return Object.fromEntries(typed.filter(([, value]) => value));
  }

  #showPlan(plan) {
    this.planned.hidden = !plan.title;
    if (!plan.title) return;
    if (plan.code !== this.code) this.read.checked = false; // another plan has not been read
    this.code = plan.code;
    this.planTitle.textContent = plan.title;
    this.planRows.hidden = !plan.rows.length;
    const hasCost = plan.rows.some(({ usd }) => usd);
    const hasChange = plan.rows.some(({ differences }) => differences.length);
    const heads = ["", "resource", "type", ...(hasCost ? ["a month"] : []), ...(hasChange ? ["what differs"] : [])];
    this.planRows.replaceChildren(listed(heads, plan.rows.map((row) => change(row, hasCost, hasChange))));
    this.month.textContent = plan.month ?? "";
    this.readLabel.hidden = !plan.must_be_read;
    this.readWords.textContent = plan.must_be_read ?? "";
    this.deploy.hidden = plan.is_empty;
  }

  #showMeasured() {
    const { said, rows } = this.scene.measured;
    this.measured.hidden = !said;
    if (!said) return;
    this.measured.replaceChildren(
      ...said.map((each) => h("div", {}, each)),
      region("Figures of the load test", listed(["measured", "value", "95 % interval"], rows)),
    );
  }

  #showBeside() {
    const { said, rows } = this.scene.beside;
    this.beside.hidden = !said;
    if (!said) return;
    const heads = ["where", "figure, per request", "predicted", "measured", "verdict", ""];
    const cells = ({ node, figure, predicted, measured, verdict, note }) => [
      node,
      figure,
      predicted,
      measured,
      h("span", { class: `ck-dp-verdict is-${verdict.replace(" ", "-")}` }, verdict),
      note,
    ];
    this.beside.replaceChildren(h("b", {}, said), region("Figures, predicted and measured", listed(heads, rows.map(cells))));
  }

  // In a tab that is not open there is no width to draw for.
  #draw() {
    const { story } = this.scene;
    const width = this.root.clientWidth;
    this.story.hidden = !story.title;
    if (!story.title || !width) return;
    const { element, point } = waterfall(story, Math.max(460, width - 8));
    point(story.total_s);
    this.story.replaceChildren(
      h("b", {}, story.title),
      element,
      story.answer ? h("pre", { class: "ck-dp-answer" }, `answer: ${story.answer}`) : "",
    );
  }
}

function change({ sign, action, id, type, differences, usd }, hasCost, hasChange) {
  const what = h("span", { class: `ck-dp-sign is-${action}` }, `${sign} ${action}`);
  const lines = h("span", {}, ...differences.map((each) => h("div", {}, each)));
  return [what, id, type, ...(hasCost ? [usd] : []), ...(hasChange ? [lines] : [])];
}

const pairs = (rows) =>
  h("dl", { class: "ck-dp-outputs" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
