// Small windows over the stage: a name to type, a link's kinds and what they bring, the keys.

import { h } from "./dom.js";
import { HELP } from "./keys.js";

export class Popups {
  constructor(board) {
    this.board = board;
    this.layer = h("div", { class: "ck-layer" });
    this.open = null;
  }

  close() {
    this.open?.remove();
    this.open = null;
  }

  // Shows a window at a place in the world, keeps the focus in it, and gives it back.
  #show(title, at, look, ...children) {
    this.close();
    const { board } = this;
    const id = `${board.uid}-window`;
    this.open = h(
      "div",
      { class: `ck-window ${look}`, role: "dialog", "aria-modal": "true", "aria-labelledby": id },
      h("div", { class: "ck-window-title", id }, title),
      ...children,
    );
    this.open.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.#leave();
      else if (event.key === "Tab") this.#stay(event);
    });
    this.open.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.layer.append(this.open);
    board.view.put(this.open, ...at);
    (this.open.querySelector("[data-first]") ?? this.open.querySelector("input, button"))?.focus({
      preventScroll: true,
    });
  }

  #leave() {
    this.close();
    this.board.stage.focus({ preventScroll: true });
  }

  #stay(event) {
    const stops = [...this.open.querySelectorAll("input, button")];
    const over = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement !== over) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  #buttons(text) {
    const off = h("button", { type: "button", class: "ck-button", onclick: () => this.#leave() }, "Cancel");
    return h(
      "div",
      { class: "ck-window-buttons" },
      h("button", { type: "submit", class: "ck-button ck-main" }, text),
      off,
    );
  }

  #form(text, act, ...children) {
    return h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          act();
        },
      },
      ...children,
      this.#buttons(text),
    );
  }

  // Asks for a line of text, beside a card.
  ask(label, value, key, act) {
    const input = h("input", {
      type: "text",
      value,
      class: "ck-input",
      "aria-label": label,
      "data-first": "",
      spellcheck: "false",
    });
    const wrong = h("div", { class: "ck-wrong", role: "alert" });
    const window = () => this.open;
    const done = async () => {
      const own = window();
      const answer = await act(input.value.trim());
      if (own !== window()) return; // it was left meanwhile
      if (answer?.refusal) wrong.textContent = `${answer.refusal.problem}. ${answer.refusal.fix}`;
      else this.#leave();
    };
    const [left, , , bottom] = this.board.drawing.box([key]);
    this.#show(label, [left, bottom + 8], "", this.#form("Keep", done, input, wrong));
    input.select();
  }

  // A link before it is kept: its kinds, and what each brings.
  offer(from, to, offers) {
    const list = h("ul", { class: "ck-brings" });
    let chosen = offers[0];
    const choose = (offer) => {
      chosen = offer;
      const { refusal, brings } = offer;
      const lines = (brings.length ? brings : ["nothing: it is settled by its ends"]).map((line) => h("li", {}, line));
      if (refusal)
        lines.unshift(h("li", { class: "ck-refusal" }, `AWS would refuse it: ${refusal.problem}. ${refusal.fix}`));
      list.replaceChildren(...lines);
    };
    const name = `${this.board.uid}-word`;
    const radios = offers.map((offer, k) =>
      h(
        "label",
        { class: "ck-choice" },
        h("input", {
          type: "radio",
          name,
          value: offer.word,
          checked: k === 0 ? "" : null,
          "data-first": k === 0 ? "" : null,
          onchange: () => choose(offer),
        }),
        h("b", {}, offer.label),
        h("span", {}, offer.text),
      ),
    );
    choose(chosen);
    const keep = () => {
      this.#leave();
      this.board.ask({ kind: "connect", from, to, word: chosen.word });
    };
    const [, y] = this.board.drawing.places.get(to);
    const [left] = this.board.drawing.box([to]);
    this.#show(
      `${from} \u2192 ${to}`,
      [left, y + 40],
      "",
      this.#form(
        "Keep this link",
        keep,
        h("fieldset", { class: "ck-choices" }, h("legend", {}, "Kind of link"), ...radios),
        h("div", { class: "ck-window-head" }, this.board.scene.brings ?? "What it adds to the account"),
        list,
      ),
    );
  }

  // The services that can stand after a card, where a new link was let go.
  extend(from, at) {
    const { board } = this;
    const kind = board.drawing.cards.get(from).data.kind;
    const fitting = board.scene.palette.filter((item) => board.scene.fits[kind]?.[item.kind]?.words);
    if (!fitting.length) return board.say(`${from} leads to no new service`, "refusal");
    return this.#choice(`After ${from}`, at, fitting, (item) =>
      board.ask({ kind: "extend", from, what: item.kind, at }),
    );
  }

  // The services that can stand in a link.
  insert(key) {
    const { board } = this;
    const { data } = board.drawing.wires.get(key);
    const kind = (id) => board.drawing.cards.get(id).data.kind;
    const { fits } = board.scene;
    const fitting = board.scene.palette.filter(
      (item) => fits[kind(data.from)]?.[item.kind]?.words && fits[item.kind]?.[kind(data.to)]?.words,
    );
    if (!fitting.length) return board.say(`nothing can stand between ${data.from} and ${data.to}`, "refusal");
    return this.#choice(`Between ${data.from} and ${data.to}`, board.drawing.along(key, 0.5), fitting, (item) =>
      board.ask({ kind: "insert", what: item.kind, key }),
    );
  }

  #choice(title, at, items, act) {
    const rows = items.map((item) =>
      h(
        "button",
        {
          type: "button",
          class: "ck-row",
          onclick: () => {
            this.#leave();
            act(item);
          },
        },
        item.label,
      ),
    );
    rows.forEach((row, k) =>
      row.addEventListener("keydown", (event) => {
        const to = { ArrowDown: rows[k + 1], ArrowUp: rows[k - 1] }[event.key];
        if (!to) return;
        event.preventDefault();
        to.focus();
      }),
    );
    this.#show(title, at, "", h("div", { class: "ck-rows" }, ...rows));
  }

  help() {
    const rows = HELP.flatMap(([keys, text]) => [h("dt", {}, keys), h("dd", {}, text)]);
    const { view } = this.board;
    const at = [(60 - view.x) / view.scale, (20 - view.y) / view.scale];
    this.#show(
      "Keys of the canvas",
      at,
      "ck-wide",
      h("dl", { class: "ck-help" }, ...rows),
      h(
        "p",
        {},
        "With the pointer: drag a service to the canvas or into a link, drag from a card's right edge to connect, drag the canvas to pan, hold Shift to frame cards, turn the wheel to zoom once the canvas is clicked.",
      ),
      h(
        "div",
        { class: "ck-window-buttons" },
        h("button", { type: "button", class: "ck-button ck-main", onclick: () => this.#leave() }, "Close"),
      ),
    );
  }
}
