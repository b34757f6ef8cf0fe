// The services to choose from: dragged to a place or into a link, or added where there is room.

import { follow, h, s } from "./dom.js";

const DRAGS_PX = 4;

export class Palette {
  constructor(board) {
    this.board = board;
    this.element = h("div", { class: "ck-palette", role: "group", "aria-label": "Services to add" });
  }

  show() {
    const text = JSON.stringify(this.board.scene.palette);
    if (text === this.shown) return;
    this.shown = text;
    this.element.replaceChildren(...this.board.scene.palette.map((item) => this.#button(item)));
  }

  focus() {
    this.element.querySelector("button")?.focus();
  }

  #button(item) {
    const icon = s(
      "svg",
      { viewBox: "0 0 24 24", class: "ck-badge", style: `--of: ${item.colour}`, "aria-hidden": "true" },
      s("path", { class: "ck-icon", d: item.icon }),
    );
    const button = h("button", { type: "button", class: "ck-item", title: item.help }, icon, h("span", {}, item.label));
    button.addEventListener("pointerdown", (event) => this.#press(event, item, button));
    button.addEventListener("click", (event) => {
      if (event.detail === 0) this.#add(item); // by Enter, Space or a screen reader: there is no pointer
    });
    button.addEventListener("keydown", (event) => this.#key(event, button));
    return button;
  }

  #key(event, button) {
    const [next, last] = [button.nextElementSibling, button.previousElementSibling];
    const to = { ArrowRight: next, ArrowDown: next, ArrowLeft: last, ArrowUp: last }[event.key];
    if (to) to.focus();
    else if (event.key === "Escape") this.board.stage.focus();
    else if (event.key !== "Enter" && event.key !== " ") return;
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
    event.stopPropagation();
  }

  async #add(item) {
    await this.board.ask({ kind: "add", what: item.kind });
    this.board.stage.focus({ preventScroll: true });
  }

  #press(event, item, button) {
    if (event.button) return;
    button.setPointerCapture(event.pointerId);
    const { board } = this;
    const from = [event.clientX, event.clientY];
    let ghost = null;
    let into = null;
    const move = (moved) => {
      if (!ghost && Math.hypot(moved.clientX - from[0], moved.clientY - from[1]) < DRAGS_PX) return;
      ghost ??= board.root.appendChild(h("div", { class: "ck-ghost", style: `--of: ${item.colour}` }, item.label));
      const box = board.root.getBoundingClientRect();
      ghost.style.transform = `translate(${moved.clientX - box.left}px, ${moved.clientY - box.top}px) translate(-50%, -50%)`;
      into = this.#wireUnder(moved, item);
    };
    const end = (last) => {
      left();
      ghost?.remove();
      this.#mark(null);
      if (last.type !== "pointerup") return;
      if (!ghost) return this.#add(item);
      const box = board.stage.getBoundingClientRect();
      const isInside =
        last.clientX > box.left && last.clientX < box.right && last.clientY > box.top && last.clientY < box.bottom;
      if (!isInside) return board.say(`Let go of ${item.label} on the canvas`);
      const at = board.view.toWorld(last.clientX, last.clientY);
      board.ask(into ? { kind: "insert", what: item.kind, key: into, at } : { kind: "add", what: item.kind, at });
      board.stage.focus({ preventScroll: true });
    };
    const left = follow(button, move, end);
  }

  // The link under the pointer, if the service can stand in it.
  #wireUnder({ clientX, clientY }, item) {
    const { board } = this;
    const element = board.scene.does.includes("insert")
      ? document
          .elementsFromPoint(clientX, clientY)
          .map((each) => each.closest?.(".ck-wire"))
          .find((each) => each && board.world.contains(each) && !each.dataset.id.endsWith("!"))
      : null;
    this.#mark(element ?? null);
    if (!element) return null;
    const { data } = board.drawing.wires.get(element.dataset.id);
    const kind = (key) => board.drawing.cards.get(key).data.kind;
    const both = [board.scene.fits[kind(data.from)]?.[item.kind], board.scene.fits[item.kind]?.[kind(data.to)]];
    const misfit = both.find((each) => !each?.words);
    if (both.every((each) => each?.words)) {
      board.say(`Puts a ${item.label} between ${data.from} and ${data.to}`);
      return data.id;
    }
    const ends = misfit === both[0] ? [data.from, item.label] : [item.label, data.to];
    board.say(named(misfit?.why ?? "", ...ends), "refusal");
    element.classList.remove("is-aimed");
    return null;
  }

  #mark(element) {
    this.board.world.querySelectorAll(".ck-wire.is-aimed").forEach((each) => each.classList.remove("is-aimed"));
    element?.classList.add("is-aimed");
  }
}
