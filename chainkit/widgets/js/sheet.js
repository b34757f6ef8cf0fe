// Figures of designs side by side: a value, its interval, and how it differs from the first design's.

import { h } from "./dom.js";

const SIGNS = { less: "\u25bc", more: "\u25b2", same: "=", open: "\u2248" };

// rows: [{key, label}], columns: [{title, cells: {key: {value, range, difference, verdict}}}]
export function sheet(rows, columns) {
  const heads = columns.map(({ title }) => h("th", { scope: "col" }, title));
  const head = columns.length > 1 ? [h("tr", {}, h("td"), ...heads)] : [];
  const body = rows.map(({ key, label }) =>
    h("tr", {}, h("th", { scope: "row" }, label), ...columns.map(({ cells }) => cell(cells[key]))),
  );
  return h("table", {}, h("thead", {}, ...head), h("tbody", {}, ...body));
}

function cell({ value, range, difference, verdict }) {
  return h(
    "td",
    {},
    h("div", { class: "ck-sl-value" }, value),
    h("div", { class: "ck-sl-range" }, range),
    difference ? h("div", { class: `ck-sl-difference is-${verdict}` }, `${SIGNS[verdict] ?? ""} ${difference}`) : "",
  );
}
