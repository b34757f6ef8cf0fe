// The drawing: cards, wires and frames of a scene as SVG, changed only where the scene changed.

import { s } from "./dom.js";
import { arrow, asPath, middle, route } from "./wires.js";

const [ICON, INSET, NOTE_FITS] = [30, 8, 20];
const LETTER = 0.6; // how wide a letter is, in parts of its height
const FRAME = { side: 22, top: 40, bottom: 18 };

// A card; it is an option of the stage, which is a list box: screen readers say what is selected.
export function card(data, style, id) {
  const { width, height } = style;
  const [left, top] = [-width / 2, -height / 2];
  const x = left + 2 * INSET + ICON;
  const first = top + (data.notes.length ? 21 : 28);
  const note = data.notes.join(" \u00b7 ");
  const large = data.notes.length > 1 ? data.notes : [data.label, ...data.notes];
  return s(
    "g",
    {
      id,
      class: "ck-card",
      role: "option",
      "aria-label": said(data),
      "data-id": data.id,
      style: `--of: ${data.colour}`,
    },
    s("title", {}, data.hint ?? `${data.id}: ${data.label}`),
    s("rect", { class: "ck-face", x: left, y: top, width, height, rx: 8 }),
    s("rect", { class: "ck-tile", x: left + INSET, y: top + (height - ICON) / 2, width: ICON, height: ICON, rx: 6 }),
    s("path", {
      class: "ck-icon",
      d: data.icon,
      transform: `translate(${left + INSET + ICON / 2 - 11}, -11) scale(0.917)`,
    }),
    s(
      "text",
      {
        class: "ck-title",
        x,
        y: first,
        style: `--fits: ${((width / 2 - INSET - x) / (LETTER * data.title.length)).toFixed(1)}px`,
      },
      data.title,
    ),
    s("text", { class: "ck-label", x, y: first + 16 }, data.label),
    note ? s("text", { class: "ck-note", x, y: first + 31, ...squeezed(note, width / 2 - 6 - x) }, note) : "",
    ...large.map((line, k) => s("text", { class: "ck-large", x, y: first + 18 * (k + 1) }, line)),
    s("text", { class: "ck-share", x: width / 2 - 8, y: top - 6 }),
    mark(data, `translate(${width / 2 - 4}, ${top + 4})`),
    data.takes ? s("circle", { class: "ck-port ck-in", ...(style.isDown ? { cy: top } : { cx: left }), r: 5 }) : "",
    data.gives
      ? s(
          "g",
          {
            class: "ck-port ck-out",
            transform: style.isDown ? `translate(0, ${height / 2})` : `translate(${width / 2}, 0)`,
          },
          s("title", {}, "Drag to another card to connect"),
          s("circle", { class: "ck-reach", r: 16 }),
          s("circle", { class: "ck-dot", r: 7 }),
          s("path", { d: "M-3.5 0h7M0-3.5v7" }),
        )
      : "",
  );
}

// A longer text is set closer, to stay on its card in whatever font.
function squeezed(text, room) {
  return text.length > NOTE_FITS ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};
}

// What was found about a card or link: its words stand in the hover, and all of it among the figures.
function mark({ warning, warnings }, transform = null) {
  if (!warning) return "";
  const sign = s("text", { y: 5 }, "!");
  return s(
    "g",
    { class: `ck-warning ck-${warning}`, transform },
    s("title", {}, warnings.join("\n")),
    s("circle", { r: 9 }),
    sign,
  );
}

function said({ id, label, notes, warnings }) {
  const found = warnings.length ? `${warnings.length} ${warnings.length === 1 ? "finding" : "findings"}` : "";
  return [`${id}: ${label}`, ...notes, found].filter(Boolean).join(", ");
}

export function wire(data, id) {
  return s(
    "g",
    {
      id,
      class: "ck-wire",
      role: "option",
      "aria-label": [`link ${data.from} to ${data.to}: ${data.word}`, data.note].filter(Boolean).join(", "),
      "data-id": data.id,
    },
    s("path", { class: "ck-hit" }),
    s("path", {
      class: "ck-line",
      style: `--of: ${data.colour}`,
      "stroke-width": data.width,
      "stroke-dasharray": data.dash.length ? data.dash.join(" ") : null,
    }),
    s("polygon", { class: "ck-head", style: `--of: ${data.colour}` }),
    s("text", { class: "ck-word", style: `--of: ${data.colour}` }, data.word),
    s("text", { class: "ck-word ck-rate", style: `--of: ${data.colour}` }, data.note),
    mark(data),
  );
}

export function bend(element, points, share) {
  const [hit, line, head, word, rate, sign] = element.children;
  const path = asPath(points);
  hit.setAttribute("d", path);
  line.setAttribute("d", path);
  head.setAttribute("points", arrow(points));
  const [x, y] = middle(points, share);
  const isLevel = y !== (points[0][1] + 3 * points[1][1] + 3 * points[2][1] + points[3][1]) / 8;
  const half = 3.2 * word.textContent.length; // measuring text would lay the page out once more
  sign?.setAttribute("transform", `translate(${(x + half + 13).toFixed(1)}, ${y.toFixed(1)})`);
  for (const [text, down] of [
    [word, 4],
    [rate, isLevel ? 27 : 19],
  ]) {
    text.setAttribute("x", x.toFixed(1));
    text.setAttribute("y", (y + down).toFixed(1));
  }
}

// A frame around a group's cards, with its title; or where the scene has it.
export function frame(data, places, { width, height }) {
  const [left, top, right, bottom] = around(data.cards.map((id) => places.get(id)).filter(Boolean), width, height);
  const drawn = [
    left - FRAME.side,
    top - FRAME.top,
    right - left + 2 * FRAME.side,
    bottom - top + FRAME.top + FRAME.bottom,
  ];
  const [x, y, wide, tall] = data.box ?? drawn;
  return s(
    "g",
    { class: "ck-frame", "data-title": data.title },
    s("rect", {
      x,
      y,
      width: wide,
      height: tall,
      rx: 12,
    }),
    s(
      "text",
      { x: x + 14, y: y + 21 },
      s("title", {}, data.hint ?? "Click to select the group, drag to move it"),
      data.text ?? data.title,
    ),
  );
}

export function around(places, width, height) {
  const xs = places.map(([x]) => x);
  const ys = places.map(([, y]) => y);
  return [
    Math.min(...xs) - width / 2,
    Math.min(...ys) - height / 2,
    Math.max(...xs) + width / 2,
    Math.max(...ys) + height / 2,
  ];
}

// Keeps what is drawn equal to the scene; `places` are where cards are now, also while they are dragged.
export class Drawing {
  constructor(uid) {
    this.uid = uid;
    this.cards = new Map();
    this.wires = new Map();
    this.places = new Map();
    this.frames = s("g", { role: "presentation" });
    this.lines = s("g", { role: "presentation" });
    this.boxes = s("g", { role: "presentation" });
  }

  show(scene) {
    this.scene = scene;
    this.places = new Map(scene.cards.map(({ id, x, y }) => [id, [x, y]]));
    this.lanes = new Map(scene.wires.map(({ id, via }) => [id, via]));
    this.#keep(this.cards, scene.cards, this.boxes, (data, k) => card(data, scene.style, `${this.uid}-card-${k}`));
    this.#keep(this.wires, scene.wires, this.lines, (data, k) => wire(data, `${this.uid}-wire-${k}`));
    this.scene.cards.forEach(({ id }) => this.#put(id));
    this.#bendAll(scene.wires);
  }

  // Elements by id; one is made anew only if its data changed.
  #keep(known, items, parent, make) {
    const gone = new Set(known.keys());
    items.forEach((data, k) => {
      const { x, y, heat, via, ...look } = data;
      const text = JSON.stringify([k, look]);
      const old = known.get(data.id);
      gone.delete(data.id);
      if (old?.text === text) {
        old.data = data;
        return;
      }
      const element = make(data, k);
      if (old) {
        element.classList.add(...[...old.element.classList].filter((name) => name.startsWith("is-")));
        old.element.replaceWith(element);
      } else parent.append(element);
      known.set(data.id, { element, data, text });
    });
    for (const id of gone) {
      known.get(id).element.remove();
      known.delete(id);
    }
  }

  #put(id) {
    const [x, y] = this.places.get(id);
    this.cards.get(id).element.setAttribute("transform", `translate(${x}, ${y})`);
  }

  #bendAll(wires) {
    const total = new Map();
    const pair = ({ from, to }) => `${from}\n${to}`;
    for (const each of this.scene.wires) total.set(pair(each), (total.get(pair(each)) ?? 0) + 1);
    const seen = new Map();
    const moved = new Set(wires);
    for (const each of this.scene.wires) {
      const k = seen.get(pair(each)) ?? 0;
      seen.set(pair(each), k + 1);
      if (!moved.has(each)) continue;
      const shift = 18 * (k - (total.get(pair(each)) - 1) / 2);
      const ends = [this.places.get(each.from), this.places.get(each.to)];
      const points = route(...ends, this.lanes.get(each.id), shift, this.scene.style, each.from === each.to);
      const held = this.wires.get(each.id);
      held.points = points;
      bend(held.element, points, each.saidAt);
    }
    this.frames.replaceChildren(...this.scene.groups.map((data) => frame(data, this.places, this.scene.style)));
  }

  // Moves cards, and what hangs on them, on the page alone.
  move(places) {
    for (const [id, place] of places) {
      this.places.set(id, place);
      this.#put(id);
    }
    const touched = this.scene.wires.filter(({ from, to }) => places.has(from) || places.has(to));
    for (const { id } of touched) this.lanes.set(id, []);
    this.#bendAll(touched);
  }

  element(key) {
    return (this.cards.get(key) ?? this.wires.get(key))?.element;
  }

  // The box of a card, or of everything: [left, top, right, bottom].
  box(keys = [...this.places.keys()]) {
    const { width, height } = this.scene.style;
    const places = keys.map((key) => this.places.get(key)).filter(Boolean);
    if (!places.length) return [-300, -120, 300, 120];
    const boxes = keys.length === this.places.size ? this.scene.groups.flatMap(({ box }) => (box ? [box] : [])) : [];
    const corners = boxes.flatMap(([x, y, w, h]) => [
      [x + width / 2, y + height / 2],
      [x + w - width / 2, y + h - height / 2],
    ]);
    const lanes = keys.length === this.places.size && this.scene.style.isDown ? [...this.lanes.values()].flat() : [];
    const [left, top, right, bottom] = around([...places, ...corners, ...lanes], width, height);
    const room = this.scene.groups.length ? FRAME.top : 0;
    return [left - room / 2, top - room, right + room / 2, bottom + room / 2];
  }

  cardAt(x, y, margin = 0) {
    const { width, height } = this.scene.style;
    const near = ([cx, cy]) => Math.abs(cx - x) <= width / 2 + margin && Math.abs(cy - y) <= height / 2 + margin;
    return this.scene.cards.map(({ id }) => id).findLast((id) => near(this.places.get(id)));
  }

  // A place on a link, `share` of the way along its first and later curves.
  along(key, share) {
    const line = this.wires.get(key)?.element.children[1];
    if (!line) return null;
    const { x, y } = line.getPointAtLength(line.getTotalLength() * share);
    return [x, y];
  }
}
