// The bars of one request: what took how long, one below the other.

import { h, s } from "./dom.js";

const ROW = 20;
const NAMES = 190;
const WORDS = 150;

// story: {total_s, answer_s, text, spans: [{what, start_s, end_s, status, look, name, text}]}. `point` puts a line at a time.
export function waterfall(story, width) {
  const room = width - NAMES - WORDS;
  const x = (at_s) => NAMES + (at_s / story.total_s) * room;
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
  const upright = (name, at) => s("line", { class: name, x1: at, x2: at, y1: 0, y2: height });
  const hand = upright("ck-hand", NAMES);
  const answer = story.answer_s === null ? "" : upright("ck-answer", x(story.answer_s));
  const element = h(
    "div",
    { class: "ck-story-scroll", tabindex: "0", role: "region", "aria-label": "Waterfall of the request" },
    s("svg", { width, height, role: "img", "aria-label": story.text }, ...rows, answer, hand),
  );
  const point = (at_s) => ["x1", "x2"].forEach((name) => hand.setAttribute(name, x(at_s)));
  return { element, point };
}
