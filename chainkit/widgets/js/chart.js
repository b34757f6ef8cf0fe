// A chart that Python has laid out, drawn as it is; and a marker on it that stops where Python says.

import { follow, s } from "./dom.js";

const text = (x, y, words, anchor, kind = "ck-ch-axis") => s("text", { x, y, "text-anchor": anchor, class: kind }, words);
const route = (points) => points.map((each) => each.join(",")).join(" ");

// Everything of a chart but its marker.
export function drawn(chart) {
  const [left, top, right, bottom] = chart.box;
  return [
    text(left, 14, chart.y_title, "start", "ck-ch-title"),
    ...chart.y_ticks.flatMap(({ at, text: words }) => [
      s("path", { d: `M${left} ${at}H${right}`, class: "ck-ch-grid" }),
      text(left - 8, at + 4, words, "end"),
    ]),
    ...chart.x_ticks.map(({ at, text: words }) => text(at, bottom + 17, words, "middle")),
    text(right, bottom + 35, chart.x_title, "end", "ck-ch-title"),
    ...chart.marks.flatMap(({ x, words, band }) => [
      band.length
        ? s("rect", { x: band[0], y: top, width: Math.max(band[1] - band[0], 1), height: bottom - top, class: "ck-ch-turn" })
        : "",
      s("path", { d: `M${x} ${top}V${bottom}`, class: "ck-ch-mark" }, s("title", {}, words)),
    ]),
    ...chart.lines.flatMap(({ name, colour, dash, route: points, band, name_y }) => [
      band.length ? s("polygon", { points: route(band), fill: colour, class: "ck-ch-band" }) : "",
      s("polyline", { points: route(points), stroke: colour, "stroke-dasharray": dash || null, class: "ck-ch-line" }),
      chart.lines.length > 1 ? text(right + 6, name_y, name, "start", "ck-ch-name") : "",
    ]),
    s("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "ck-ch-axes" }),
  ].filter((each) => each !== "");
}

// A line across a chart that is dragged, or moved by keys, from stop to stop.
export class Marker {
  constructor(svg, label, moved, rested = () => {}) {
    Object.assign(this, { svg, moved, rested, at: 0, xs: [], words: [] });
    this.line = s("path", { class: "ck-ch-cursor" });
    this.grip = s("circle", { r: 7, class: "ck-ch-grip" });
    this.handle = s(
      "g",
      {
        class: "ck-ch-marker",
        tabindex: "0",
        role: "slider",
        "aria-label": label,
        "aria-valuemin": "0",
        onkeydown: (event) => this.#key(event),
      },
      this.line,
      this.grip,
    );
    svg.addEventListener("pointerdown", (event) => this.#press(event));
  }

  show(chart, xs, words, at) {
    Object.assign(this, { chart, xs, words });
    if (!this.stop) this.at = at;
    this.handle.setAttribute("aria-valuemax", xs.length - 1);
    this.place();
  }

  place() {
    const [, top, , bottom] = this.chart.box;
    const x = this.xs[this.at];
    this.line.setAttribute("d", `M${x} ${top}V${bottom}`);
    this.grip.setAttribute("cx", x);
    this.grip.setAttribute("cy", bottom);
    this.handle.setAttribute("aria-valuenow", this.at);
    this.handle.setAttribute("aria-valuetext", this.words[this.at]);
  }

  #go(at) {
    const next = Math.min(Math.max(at, 0), this.xs.length - 1);
    if (next === this.at) return;
    this.at = next;
    this.place();
    this.moved(next);
  }

  #nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.chart.width) / box.width;
    return this.xs.reduce((best, each, k) => (Math.abs(each - x) < Math.abs(this.xs[best] - x) ? k : best), 0);
  }

  #press(event) {
    if (event.button !== 0 || !this.chart) return;
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    const before = this.at;
    this.#go(this.#nearest(event));
    this.stop?.();
    this.stop = follow(
      this.svg,
      (move) => this.#go(this.#nearest(move)),
      (end) => {
        this.stop();
        this.stop = null;
        if (end.type !== "pointerup") this.#go(before);
        this.rested(this.at);
      },
    );
  }

  #key(event) {
    const step = event.shiftKey ? 5 : 1;
    const to = {
      ArrowLeft: this.at - step,
      ArrowDown: this.at - step,
      ArrowRight: this.at + step,
      ArrowUp: this.at + step,
      PageDown: this.at - 10,
      PageUp: this.at + 10,
      Home: 0,
      End: this.xs.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has commands on the same keys
    this.#go(to);
    this.rested(this.at);
  }
}
