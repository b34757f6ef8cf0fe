// One request on its way: tokens run along the links, and a waterfall below shows what took how long.

import { h, s } from "./dom.js";

const LASTS_MS = 7000;
const ROW = 20;
const NAMES = 190;

export class Story {
  constructor(board) {
    this.board = board;
    this.element = h("div", { class: "ck-story", hidden: "" });
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.board.over.querySelectorAll(".ck-token").forEach((each) => each.remove());
    this.board.drawing.cards.forEach(({ element }) => element.classList.remove("is-busy", "is-failing"));
  }

  // story: {title, total_s, spans: [{node, link, what, start_s, end_s, status, text}], answer_s}
  play(story) {
    this.stop();
    this.#waterfall(story);
    const pace = paced(story);
    const begun = performance.now();
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now) => {
      const share = isStill ? 1 : Math.min(1, (now - begun) / LASTS_MS);
      this.#show(story, share < 1 ? pace(share) : story.total_s, share >= 1);
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  #show(story, now_s, isOver) {
    const { board } = this;
    board.over.querySelectorAll(".ck-token").forEach((each) => each.remove());
    const busy = new Set();
    const failing = new Set();
    for (const span of isOver ? [] : story.spans) {
      if (span.start_s > now_s || span.end_s < now_s) continue;
      const at = span.link && board.drawing.along(span.link, (now_s - span.start_s) / (span.end_s - span.start_s || 1));
      if (at) board.over.append(s("circle", { class: "ck-token", cx: at[0], cy: at[1], r: 8 }));
      else (span.status === "ok" ? busy : failing).add(span.node);
    }
    for (const [id, { element }] of board.drawing.cards) {
      element.classList.toggle("is-busy", busy.has(id));
      element.classList.toggle("is-failing", failing.has(id));
    }
    const x = NAMES + (now_s / story.total_s) * this.width;
    this.hand.setAttribute("x1", x);
    this.hand.setAttribute("x2", x);
  }

  #waterfall(story) {
    const width = Math.max(420, this.board.root.clientWidth - 24);
    this.width = width - NAMES - 150;
    const x = (at_s) => NAMES + (at_s / story.total_s) * this.width;
    const rows = story.spans.map((span, k) => {
      const y = 8 + k * ROW;
      const look = `ck-bar-${span.status === "ok" ? span.look : "failed"}`;
      return s(
        "g",
        {},
        s("text", { x: NAMES - 8, y: y + 13, class: "ck-bar-name" }, span.name),
        s("rect", {
          class: `ck-span ${look}`,
          x: x(span.start_s),
          y: y + 2,
          height: ROW - 5,
          width: Math.max(1.5, x(span.end_s) - x(span.start_s)),
        }),
        s("text", { x: x(span.end_s) + 5, y: y + 13 }, span.text),
      );
    });
    const height = 16 + story.spans.length * ROW;
    this.hand = s("line", { class: "ck-hand", y1: 0, y2: height });
    const answer =
      story.answer_s === null
        ? ""
        : s("line", { class: "ck-answer", x1: x(story.answer_s), x2: x(story.answer_s), y1: 0, y2: height });
    const close = h("button", { type: "button", class: "ck-button", onclick: () => this.#close() }, "Close");
    const again = h("button", { type: "button", class: "ck-button", onclick: () => this.play(story) }, "\u25b6 Again");
    this.element.replaceChildren(
      h("div", { class: "ck-story-head" }, h("b", {}, story.title), h("span", { class: "ck-space" }), again, close),
      h(
        "div",
        { class: "ck-story-scroll", tabindex: "0", role: "region", "aria-label": "Waterfall of the request" },
        s("svg", { width, height, role: "img", "aria-label": story.text }, ...rows, answer, this.hand),
      ),
    );
    this.element.hidden = false;
  }

  #close() {
    this.stop();
    this.element.hidden = true;
    this.board.stage.focus({ preventScroll: true });
  }
}

// Short steps and long waits are both seen: time runs slower where much happens.
function paced({ spans, total_s }) {
  const instants = [...new Set([0, total_s, ...spans.flatMap(({ start_s, end_s }) => [start_s, end_s])])].sort(
    (a, b) => a - b,
  );
  const weights = instants.slice(1).map((at, k) => Math.log1p((at - instants[k]) / (total_s / 200 || 1)));
  const all = weights.reduce((sum, each) => sum + each, 0) || 1;
  return (share) => {
    let left = share * all;
    for (let k = 0; k < weights.length; k++) {
      if (left <= weights[k]) return instants[k] + (left / (weights[k] || 1)) * (instants[k + 1] - instants[k]);
      left -= weights[k];
    }
    return total_s;
  };
}
