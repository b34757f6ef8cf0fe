// The load curve: draws the scene that Python holds, and tells Python where a hand wants its points.

import { h, hear, s, SILENCE, tell } from "./dom.js";
import { speaker } from "./view.js";

const ANSWER_MS = 5000;
const RESTS_MS = 400;
const HEIGHT = 300;
const EDGE = { left: 62, right: 18, top: 24, bottom: 44 };
const NARROW = 260;
const MOST_PER_S = 999999;
const MOST_UNDONE = 100;
const HELP =
  "Drag points; press on the line to add one. Keys: Tab goes from point to point, arrows move it (with Shift finely), N adds one after it, Delete removes it, Ctrl+Z takes back.";

const clean = (value, step) => Number((Math.round(value / step) * step).toPrecision(10));
const copied = (points) => points.map((each) => [...each]);
const short = (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 });

class Plot {
  constructor(model, el, cleanups) {
    Object.assign(this, { model, asked: 0, waiting: null, wanted: null, kept: null, done: [], handles: [], width: 0 });
    this.grid = s("g", { class: "ck-grid", "aria-hidden": "true" });
    this.bars = s("g", { class: "ck-bars", "aria-hidden": "true" });
    this.area = s("polygon", { class: "ck-area" });
    this.line = s("polyline", { class: "ck-rate" });
    this.reach = s("polyline", { class: "ck-reach" });
    this.dots = s("g");
    this.svg = s(
      "svg",
      { class: "ck-plot", role: "group", "aria-busy": "false", height: HEIGHT },
      this.grid,
      this.bars,
      this.area,
      this.line,
      this.reach,
      this.dots,
    );
    this.note = h("div", { class: "ck-hint" });
    this.help = h("div", { class: "ck-hint" }, HELP);
    [this.status, this.say] = speaker("ck-said");
    el.append(h("div", { class: "ck ck-curve" }, this.svg, this.status, this.note, this.help));
    this.svg.addEventListener("pointerdown", (event) => this.#press(event));
    this.svg.addEventListener("dblclick", (event) => this.#twice(event));
    hear(model, cleanups, "change:scene", () => this.show());
    hear(model, cleanups, "msg:custom", (message) => this.#heard(message));
    const observer = new ResizeObserver(() => {
      if (this.svg.clientWidth && this.svg.clientWidth !== this.width) this.draw();
    });
    observer.observe(this.svg);
    cleanups.push(
      () => observer.disconnect(),
      () => clearTimeout(this.resting),
      () => clearTimeout(this.silent),
    );
    this.points = [];
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  // The axes: while a point is held they stay, so that it stays under the hand.
  get axes() {
    return this.kept ?? this.scene;
  }

  // --- from Python ---

  // While a hand moves faster than Python answers, the points are where the hand has them.
  show() {
    if (!this.kept && !this.waiting && !this.wanted) this.#adopt();
    if (!this.scene.is_drawn) this.say("");
    this.draw();
  }

  // What a field, a preset or a cell made of the points can be taken back too.
  #adopt() {
    const { points } = this.scene;
    if (this.points.length && points.length && JSON.stringify(points) !== JSON.stringify(this.points)) this.#remember();
    this.points = copied(points);
  }

  #heard({ to, refusal }) {
    if (to !== this.waiting) return;
    clearTimeout(this.silent);
    this.waiting = null;
    if (refusal) {
      this.wanted = null;
      this.points = copied(this.scene.points);
      this.done.pop();
      this.say(`${refusal.problem}. ${refusal.fix}`, "refusal");
    }
    if (this.wanted) this.#send();
    else {
      this.#busy(this.asking === "points" && !refusal);
      this.show();
    }
  }

  // --- to Python: one message at a time, the latest points only ---

  #offer() {
    this.#busy(true);
    this.wanted = { kind: "points", points: copied(this.points) };
    this.draw();
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.waiting) this.#send();
    });
    clearTimeout(this.resting);
    if (!this.kept) this.resting = setTimeout(() => this.#rest(), RESTS_MS);
  }

  // Until all requests have been run with what is drawn.
  #busy(is) {
    this.svg.setAttribute("aria-busy", is);
  }

  #rest() {
    if (this.waiting || this.wanted) this.resting = setTimeout(() => this.#rest(), RESTS_MS);
    else this.#ask({ kind: "rest" });
  }

  #send() {
    const message = this.wanted;
    this.wanted = null;
    if (message) this.#ask(message);
  }

  #ask(message) {
    this.waiting = `${this.asked++}`;
    this.asking = message.kind;
    const isSent = tell(this.model, { ...message, n: this.waiting });
    this.silent = setTimeout(
      () => {
        this.waiting = null;
        this.#busy(false);
        this.say(SILENCE, "refusal");
      },
      isSent ? ANSWER_MS : 0,
    );
  }

  // --- drawing ---

  draw() {
    const { scene } = this;
    this.width = Math.max(this.svg.clientWidth || 720, NARROW);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.svg.setAttribute("aria-label", scene.title);
    this.svg.classList.toggle("is-drawn", scene.is_drawn);
    this.svg.classList.toggle("is-bound", scene.is_bound);
    this.help.hidden = !scene.is_drawn;
    this.note.textContent = scene.note;
    this.#drawGrid();
    this.bars.replaceChildren(
      ...scene.bars.map(([low, high, rate]) => {
        const [left, right, top] = [this.x(low), this.x(high), this.y(rate)];
        return s("rect", {
          x: left,
          y: top,
          width: Math.max(right - left - 0.5, 0.5),
          height: Math.max(this.y(0) - top, 0),
        });
      }),
    );
    const line = scene.is_drawn ? this.points : scene.line;
    const route = line.map(([at, rate]) => `${this.x(at)},${this.y(rate)}`).join(" ");
    for (const each of [this.line, this.reach]) each.setAttribute("points", route);
    this.area.setAttribute(
      "points",
      line.length ? `${this.x(0)},${this.y(0)} ${route} ${this.x(this.axes.span_s)},${this.y(0)}` : "",
    );
    this.#drawHandles();
  }

  #drawGrid() {
    const { x, y } = this.axes;
    const { left, right, bottom } = EDGE;
    const text = (at, height, anchor, words, kind = "") =>
      s("text", { x: at, y: height, "text-anchor": anchor, class: kind }, words);
    const every = Math.ceil((x.ticks.length * 46) / (this.width - left - right));
    this.grid.replaceChildren(
      ...y.ticks.flatMap((rate) => [
        s("path", { d: `M${left} ${this.y(rate)}H${this.width - right}`, class: rate ? "" : "ck-base" }),
        text(left - 8, this.y(rate) + 4, "end", short(rate)),
      ]),
      ...x.ticks
        .filter((_, k) => k % every === 0)
        .flatMap((at) => [
          s("path", { d: `M${this.x(at)} ${this.y(0)}v5`, class: "ck-base" }),
          text(this.x(at), HEIGHT - bottom + 19, "middle", short(at / x.size)),
        ]),
      text(left - 48, 13, "start", "requests per second", "ck-title"),
      text(this.width - right, HEIGHT - 6, "end", `time, ${x.title}`, "ck-title"),
    );
  }

  #drawHandles() {
    while (this.handles.length > this.points.length) this.handles.pop().remove();
    while (this.handles.length < this.points.length) this.#addHandle(this.handles.length);
    this.points.forEach(([at, rate], k) => {
      const handle = this.handles[k];
      handle.setAttribute("transform", `translate(${this.x(at)} ${this.y(rate)})`);
      handle.setAttribute("aria-label", `Point ${k + 1} of ${this.points.length}`);
      handle.setAttribute("aria-valuemax", Math.max(this.axes.y.top, rate));
      handle.setAttribute("aria-valuenow", rate);
      handle.setAttribute("aria-valuetext", this.#words(k));
    });
  }

  #addHandle(k) {
    const handle = s(
      "g",
      {
        class: "ck-point",
        tabindex: "0",
        role: "slider",
        "aria-orientation": "vertical",
        "aria-valuemin": "0",
        onkeydown: (event) => this.#key(event, k),
        onfocus: () => this.say(this.#words(k)),
      },
      s("circle", { r: 13, class: "ck-grip" }),
      s("circle", { r: 6, class: "ck-dot" }),
    );
    this.handles.push(handle);
    this.dots.append(handle);
  }

  #words(k) {
    const [at, rate] = this.points[k];
    const { size, title } = this.axes.x;
    return `${short(rate)} requests per second at ${short(at / size)} ${title}`;
  }

  x(at) {
    return EDGE.left + ((this.width - EDGE.left - EDGE.right) * at) / this.axes.span_s;
  }

  y(rate) {
    return (
      HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * (Math.min(rate, this.axes.y.top) / this.axes.y.top)
    );
  }

  // From a place on the page to [seconds, requests per second].
  #at({ clientX, clientY }) {
    const { axes, width } = this;
    const box = this.svg.getBoundingClientRect();
    const at = ((clientX - box.left) * (width / box.width) - EDGE.left) / (width - EDGE.left - EDGE.right);
    const rate = (HEIGHT - EDGE.bottom - (clientY - box.top)) / (HEIGHT - EDGE.top - EDGE.bottom);
    return [at * axes.span_s, Math.min(rate, 1) * axes.y.top];
  }

  // --- what a hand does with points ---

  #remember() {
    this.done = [...this.done, copied(this.points)].slice(-MOST_UNDONE);
  }

  // Puts a point there, or as near as its neighbours and the ends let it.
  #put(k, at, rate, fine = 1) {
    const { x, y } = this.axes;
    const isEnd = k === 0 || k === this.points.length - 1;
    const [low, high] = [this.points[k - 1]?.[0], this.points[k + 1]?.[0]];
    const step = (x.step / 10) * fine;
    const time = isEnd ? this.points[k][0] : Math.min(Math.max(clean(at, step), low), high);
    this.points[k] = [time, Math.min(Math.max(clean(rate, (y.step / 10) * fine), 0), MOST_PER_S)];
    this.say(this.#words(k));
    this.#offer();
  }

  #insert(at, rate) {
    const k = this.points.findIndex((each) => each[0] > at);
    if (k < 1) return -1;
    this.points.splice(k, 0, [at, rate]);
    this.draw();
    this.#put(k, at, rate);
    return k;
  }

  #remove(k) {
    if (k === 0 || k === this.points.length - 1) {
      this.say("The first and the last point stay: they are the ends of the curve", "refusal");
      return;
    }
    this.#remember();
    this.points.splice(k, 1);
    this.#offer();
    this.handles[k].focus();
    this.say(`removed; ${this.points.length} points are left`);
  }

  #undo() {
    const before = this.done.pop();
    if (!before) return this.say("There is nothing to take back", "refusal");
    this.points = before;
    this.#offer();
    return this.say("taken back");
  }

  #press(event) {
    if (event.button || !this.scene.is_drawn) return;
    let k = this.handles.indexOf(event.target.closest(".ck-point"));
    if (k < 0 && event.target !== this.reach) return;
    event.preventDefault();
    this.#remember();
    if (k < 0) k = this.#insert(...this.#at(event));
    if (k < 0) return;
    this.handles[k].focus({ preventScroll: true });
    this.#drag(event, k);
  }

  #drag(pressed, k) {
    const before = copied(this.points);
    const from = this.#at(pressed);
    const [at, rate] = this.points[k];
    this.kept = this.scene;
    this.svg.setPointerCapture(pressed.pointerId);
    this.svg.classList.add("is-held");
    const moved = (event) => {
      const to = this.#at(event);
      this.#put(
        k,
        at + to[0] - from[0],
        Math.max(0, Math.min(rate + to[1] - from[1], Math.max(this.axes.y.top, rate))),
      );
    };
    const ended = (event) => {
      this.svg.removeEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) this.svg.removeEventListener(name, ended);
      this.svg.classList.remove("is-held");
      this.kept = null;
      if (event.type === "pointercancel") this.points = before;
      if (JSON.stringify(this.points) === JSON.stringify(this.done.at(-1))) this.done.pop();
      else this.#offer();
    };
    this.svg.addEventListener("pointermove", moved);
    for (const name of ["pointerup", "pointercancel"]) this.svg.addEventListener(name, ended);
  }

  #twice(event) {
    if (!this.scene.is_drawn || event.target.closest(".ck-point, .ck-reach")) return;
    const [at, rate] = this.#at(event);
    if (at <= 0 || at >= this.axes.span_s || rate < 0) return;
    this.#remember();
    const k = this.#insert(at, rate);
    if (k > 0) this.handles[k].focus({ preventScroll: true });
  }

  #key(event, k) {
    const { key, shiftKey } = event;
    const isControl = event.ctrlKey || event.metaKey;
    const { x, y } = this.axes;
    const step = shiftKey ? 0.1 : 1;
    const move = (dt, dr) => () => {
      const [at, rate] = this.points[k];
      this.#remember();
      this.#put(k, at + dt * step * x.step, rate + dr * step * y.step, shiftKey ? 0.1 : 1);
    };
    const act = isControl
      ? { z: () => this.#undo() }[key.toLowerCase()]
      : {
          ArrowLeft: move(-1, 0),
          ArrowRight: move(1, 0),
          ArrowUp: move(0, 1),
          ArrowDown: move(0, -1),
          PageUp: move(0, 10),
          PageDown: move(0, -10),
          Home: move(0, -Infinity),
          n: () => this.#addAfter(k),
          N: () => this.#addAfter(k),
          Delete: () => this.#remove(k),
          Backspace: () => this.#remove(k),
        }[key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has commands on the same keys
    act();
  }

  // Adds a point on the line, half-way to the next; after the last one, half-way to the one before.
  #addAfter(k) {
    const [one, other] = k === this.points.length - 1 ? [k - 1, k] : [k, k + 1];
    this.#remember();
    const made = this.#insert(
      (this.points[one][0] + this.points[other][0]) / 2,
      (this.points[one][1] + this.points[other][1]) / 2,
    );
    if (made > 0) this.handles[made].focus();
  }
}

function render({ model, el }) {
  const cleanups = [];
  new Plot(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
