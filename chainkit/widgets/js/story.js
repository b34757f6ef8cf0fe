// One request on its way: tokens run along the links, and a waterfall below shows what took how long.

import { h, s } from "./dom.js";
import { waterfall } from "./waterfall.js";

const LASTS_MS = 7000;

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
    this.drawn.point(now_s);
  }

  #waterfall(story) {
    this.drawn = waterfall(story, Math.max(420, this.board.root.clientWidth - 24));
    const close = h("button", { type: "button", class: "ck-button", onclick: () => this.#close() }, "Close");
    const again = h("button", { type: "button", class: "ck-button", onclick: () => this.play(story) }, "\u25b6 Again");
    this.element.replaceChildren(
      h("div", { class: "ck-story-head" }, h("b", {}, story.title), h("span", { class: "ck-space" }), again, close),
      this.drawn.element,
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
