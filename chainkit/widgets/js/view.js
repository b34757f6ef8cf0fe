// Where the world is seen: pan and zoom of an SVG whose units are the layout's pixels.

import { h } from "./dom.js";

const SMALLEST = 0.04;
const LARGEST = 3;
const RESTS_MS = 140;

export class View {
  constructor(stage, world) {
    Object.assign(this, { stage, world, x: 0, y: 0, scale: 1, resting: 0, isWhole: true });
  }

  // While it moves, the world is one picture that is shifted and stretched; when it rests, it is drawn anew, sharp.
  apply() {
    this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    if (!this.world.classList.contains("ck-moving")) this.#sort();
    this.world.classList.add("ck-moving");
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.#sort();
      this.world.classList.remove("ck-moving");
    }, RESTS_MS);
  }

  // Which words are shown; not while it moves, because other words are another picture.
  #sort() {
    this.world.classList.toggle("ck-middling", this.scale < 0.75);
    this.world.classList.toggle("ck-far", this.scale < 0.4);
  }

  // From a place on the page to a place in the world.
  toWorld(clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    return [(clientX - box.left - this.x) / this.scale, (clientY - box.top - this.y) / this.scale];
  }

  // From a place in the world to one on the stage, CSS pixels.
  toStage(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  pan(dx, dy) {
    this.isWhole = false;
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  zoom(factor, clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    const [px, py] = [
      (clientX ?? box.left + box.width / 2) - box.left,
      (clientY ?? box.top + box.height / 2) - box.top,
    ];
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isWhole = false;
    this.apply();
  }

  // Shows a box of the world, [left, top, right, bottom], whole and in the middle. Where that would be smaller than
  // `least`, its upper end is shown, as much of its middle as lets `x` be seen.
  fit([left, top, right, bottom], margin = 20, least = 0, x = 0) {
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.isWhole = true;
    if (!width || !height) return;
    const fits = Math.min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top));
    this.scale = Math.min(1.15, Math.max(SMALLEST, fits));
    this.x = (width - (left + right) * this.scale) / 2;
    this.y = (height - (top + bottom) * this.scale) / 2;
    if (fits < least) {
      const reach = Math.max(0, width / 2 - 4 * margin) / least;
      this.scale = least;
      this.x = width / 2 - Math.min(Math.max((left + right) / 2, x - reach), x + reach) * least;
      this.y = margin - top * least;
    }
    this.apply();
  }

  // Pans just as far as a box of the world needs to be seen.
  reveal([left, top, right, bottom], margin = 24) {
    const [x1, y1] = this.toStage(left, top);
    const [x2, y2] = this.toStage(right, bottom);
    const { clientWidth: width, clientHeight: height } = this.stage;
    const shift = (low, high, size) => (low < margin ? margin - low : high > size - margin ? size - margin - high : 0);
    const [dx, dy] = [shift(x1, x2, width), shift(y1, y2, height)];
    if (dx || dy) this.pan(dx, dy);
  }

  // An HTML element at a place in the world, kept inside the stage.
  put(element, x, y) {
    const [px, py] = this.toStage(x, y);
    const { clientWidth: width, clientHeight: height } = this.stage;
    element.style.left = `${Math.max(6, Math.min(px, width - element.offsetWidth - 6))}px`;
    element.style.top = `${Math.max(6, Math.min(py, height - element.offsetHeight - 6))}px`;
  }
}

// Says one thing at a time, for eyes and for screen readers.
export function speaker(className) {
  const element = h("div", { class: className, role: "status", "aria-live": "polite" });
  return [
    element,
    (text, kind = "") => {
      element.textContent = text;
      element.dataset.kind = kind;
    },
  ];
}
