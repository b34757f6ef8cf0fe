// What a pointer does on the stage: select, move, pan, frame, connect from port to card, zoom.

import { follow, h, s } from "./dom.js";
import { asPath, route } from "./wires.js";

const DRAGS_PX = 4;
const NEAR = 14;

export class Pointer {
  constructor(board) {
    this.board = board;
    this.tip = h("div", { class: "ck-tip", hidden: "" });
    board.popups.layer.append(this.tip);
    board.stage.addEventListener("pointerdown", (event) => this.#press(event));
    board.stage.addEventListener("dblclick", (event) => this.#twice(event));
    board.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #press(event) {
    if (event.button) return;
    const { board } = this;
    const { target } = event;
    board.stage.focus({ preventScroll: true });
    board.popups.close();
    board.keys.endAim();
    event.preventDefault(); // no text is selected, and the notebook keeps its own drags
    const owner = target.closest(".ck-card, .ck-wire, .ck-frame");
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    if (owner?.matches(".ck-card") && target.closest(".ck-out")) this.#drag(event, this.#linking(owner.dataset.id));
    else if (owner?.matches(".ck-card")) this.#card(event, owner.dataset.id, adds);
    else if (owner?.matches(".ck-wire")) this.#choose(owner.dataset.id.replace(/!$/, ""), adds);
    else if (owner && target.closest("text")) this.#frame(event, owner.dataset.title);
    else if (event.shiftKey) this.#drag(event, this.#lasso(event));
    else this.#drag(event, this.#panning());
  }

  // Follows the pointer until it is let go; nothing counts as a drag before it has moved a little.
  #drag(pressed, { start, move, end, click }) {
    const { stage } = this.board;
    const from = [pressed.clientX, pressed.clientY];
    let last = from;
    let isDrag = false;
    stage.setPointerCapture(pressed.pointerId);
    const moved = (event) => {
      if (!isDrag && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < DRAGS_PX) return;
      if (!isDrag) start?.();
      isDrag = true;
      move?.(event, event.clientX - last[0], event.clientY - last[1], from);
      last = [event.clientX, event.clientY];
    };
    const ended = (event) => {
      left();
      if (isDrag) end?.(event, event.type !== "pointerup");
      else if (event.type === "pointerup") click?.(event);
    };
    const left = follow(stage, moved, ended);
  }

  #choose(key, adds) {
    const { selection } = this.board;
    if (!adds) this.board.select([key]);
    else this.board.select(selection.includes(key) ? selection.filter((each) => each !== key) : [...selection, key]);
  }

  #card(event, key, adds) {
    const { board } = this;
    if (adds) return this.#choose(key, true);
    const wasChosen = board.selection.includes(key);
    if (!wasChosen) board.select([key]);
    const drag = board.scene.does.includes("move") ? this.#moving() : this.#panning();
    return this.#drag(event, { ...drag, click: () => wasChosen && board.select([key]) });
  }

  #frame(event, title) {
    const { board } = this;
    board.select(board.scene.groups.find((each) => each.title === title).cards);
    this.#drag(event, board.scene.does.includes("move") ? this.#moving() : { ...this.#panning(), click: null });
  }

  #moving() {
    const { board } = this;
    const places = new Map();
    return {
      start: () => {
        for (const key of board.selectedCards()) places.set(key, board.drawing.places.get(key));
      },
      move: (_, dx, dy) => {
        for (const [key, [x, y]] of places) places.set(key, [x + dx / board.view.scale, y + dy / board.view.scale]);
        board.drawing.move(places);
      },
      end: (_, isOff) => {
        if (isOff) board.show();
        else board.ask({ kind: "move", places: Object.fromEntries(places) });
      },
    };
  }

  #panning() {
    const { board } = this;
    return {
      start: () => board.stage.classList.add("is-panning"),
      move: (_, dx, dy) => board.view.pan(dx, dy),
      end: () => board.stage.classList.remove("is-panning"),
      click: () => board.select([]),
    };
  }

  #lasso(pressed) {
    const { board } = this;
    const [x, y] = board.view.toWorld(pressed.clientX, pressed.clientY);
    const rect = s("rect", { class: "ck-lasso" });
    const box = [x, y, x, y];
    return {
      start: () => board.over.append(rect),
      move: ({ clientX, clientY }) => {
        const [u, v] = board.view.toWorld(clientX, clientY);
        [box[0], box[1], box[2], box[3]] = [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
        for (const [name, value] of [
          ["x", box[0]],
          ["y", box[1]],
          ["width", box[2] - box[0]],
          ["height", box[3] - box[1]],
        ])
          rect.setAttribute(name, value);
      },
      end: () => {
        rect.remove();
        const inside = ([, [cx, cy]]) => cx >= box[0] && cx <= box[2] && cy >= box[1] && cy <= box[3];
        board.select([...board.drawing.places].filter(inside).map(([id]) => id));
      },
    };
  }

  #linking(from) {
    const { board } = this;
    const { style } = board.scene;
    const ghost = s("path", { class: "ck-ghost-wire" });
    const aims = `From ${from}: let go on a card to connect, or on the canvas to add one`;
    let to = null;
    return {
      click: () => board.select([from]),
      start: () => {
        board.over.append(ghost);
        board.aim(from, null);
        board.say(aims);
      },
      move: ({ clientX, clientY }) => {
        const at = board.view.toWorld(clientX, clientY);
        const over = board.drawing.cardAt(...at, NEAR);
        if (over !== to) {
          to = over;
          board.aim(from, to);
          if (!to) board.say(aims);
          this.#why(to && board.fits(from, to).why);
        }
        this.#putTip(clientX, clientY);
        const end =
          to && to !== from
            ? board.drawing.places.get(to)
            : style.isDown
              ? [at[0], at[1] + style.height / 2]
              : [at[0] + style.width / 2, at[1]];
        ghost.setAttribute("d", asPath(route(board.drawing.places.get(from), end, [], 0, style, to === from)));
      },
      end: (event, isOff) => {
        ghost.remove();
        this.#why(null);
        board.aim(null);
        if (isOff) return;
        if (to && board.fits(from, to).words) board.connect(from, to);
        else if (to) board.say(board.fits(from, to).why, "refusal");
        else board.popups.extend(from, board.view.toWorld(event.clientX, event.clientY));
      },
    };
  }

  // Why a link cannot lead to the card under the pointer, beside the pointer.
  #why(text) {
    this.tip.hidden = !text;
    this.tip.textContent = text ?? "";
  }

  #putTip(clientX, clientY) {
    if (this.tip.hidden) return;
    const box = this.board.stage.getBoundingClientRect();
    const left = Math.min(clientX - box.left + 14, box.width - this.tip.offsetWidth - 6);
    this.tip.style.transform = `translate(${left}px, ${clientY - box.top + 18}px)`;
  }

  #twice(event) {
    // The stage has held the pointer, so the event names the stage: the place says which card it was.
    const key = this.board.drawing.cardAt(...this.board.view.toWorld(event.clientX, event.clientY));
    if (key && this.board.scene.does.includes("rename")) this.board.rename(key);
  }

  // The page scrolls until the canvas has been clicked, or with Ctrl held.
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && !this.board.stage.contains(document.activeElement)) return;
    event.preventDefault();
    this.board.view.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX, event.clientY);
  }
}
