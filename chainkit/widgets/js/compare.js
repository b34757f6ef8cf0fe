// Designs side by side: shows the columns and the scatter that Python made, and tells Python what a hand wants.

import { h, hear, s, SILENCE, sized, tell } from "./dom.js";

const REST_MS = 350; // how long a hand rests before a stale comparison is made again
const ANSWER_MS = 5000;
const SIGNS = { less: "\u25bc", more: "\u25b2", same: "=", open: "\u2248" };
const LISTS = {
  summary: "In all",
  added: "Added",
  gone: "Gone",
  changed: "Changed",
  rewired: "Rewired",
  kept: "Stays as it is",
  notes: "Note",
};
const PROMISES = {
  delivery: "Work arrives",
  ordering: "Order",
  after_last_try: "After the last try",
  idempotent: "Must be idempotent",
};
let boards = 0;

class Board {
  constructor(model, el, cleanups) {
    Object.assign(this, {
      model,
      uid: `ckc${Date.now().toString(36)}${boards++}`,
      asked: 0,
      waiting: new Map(),
      boxes: new Map(),
    });
    this.note = h("span", { class: "ck-cmp-note", role: "status", "aria-live": "polite" });
    this.refusals = h("div", { class: "ck-cmp-refusals" });
    this.table = h("div", {
      class: "ck-cmp-columns",
      tabindex: "0",
      role: "region",
      "aria-label": "Designs side by side",
    });
    this.plot = h("div", { class: "ck-cmp-tradeoff" });
    this.dialog = h("dialog", { class: "ck-cmp-dialog" });
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.root = h(
      "div",
      { class: "ck ck-compare" },
      this.#choices(),
      this.#bar(),
      this.refusals,
      this.table,
      this.plot,
      this.dialog,
    );
    el.append(this.root);
    hear(model, cleanups, "change:controls", () => this.showControls());
    hear(model, cleanups, "change:result", () => this.showResult());
    hear(model, cleanups, "msg:custom", (message) => this.#heard(message));
    sized(this.root, cleanups, () => this.#keepCurrent());
    cleanups.push(() => clearTimeout(this.resting));
    this.showControls();
    this.showResult();
  }

  get controls() {
    return this.model.get("controls");
  }

  get result() {
    return this.model.get("result");
  }

  // --- to Python, and what it answers ---

  ask(gesture, refuse = (refusals) => this.#refuse(refusals)) {
    const n = `${this.uid}-${this.asked++}`;
    if (!tell(this.model, { ...gesture, n })) {
      this.note.textContent = SILENCE;
      return Promise.resolve({});
    }
    return new Promise((resolve) => {
      const silent = setTimeout(() => {
        if (!this.controls.progress) this.note.textContent = SILENCE;
      }, ANSWER_MS);
      this.waiting.set(n, (answer) => {
        clearTimeout(silent);
        refuse(answer.refusal ? [answer.refusal] : []);
        resolve(answer);
      });
    });
  }

  #heard(message) {
    const act = this.waiting.get(message.to);
    this.waiting.delete(message.to);
    if (act) act(message);
  }

  #keepCurrent() {
    clearTimeout(this.resting);
    if (!this.controls.asks_again || !this.root.clientWidth) return;
    this.resting = setTimeout(() => {
      if (this.controls.asks_again && this.root.clientWidth) this.ask({ kind: "compare", is_automatic: true });
    }, REST_MS);
  }

  // --- what is compared ---

  #choices() {
    this.kinds = h("div", { class: "ck-cmp-kinds" });
    this.keepSaid = h("div", {});
    this.keptList = h("div", { class: "ck-cmp-kept" });
    this.name = h("input", {
      class: "ck-input",
      "aria-label": "Name of the design to keep",
      maxlength: "40",
      onkeydown: (event) => this.#nameKey(event),
    });
    const keep = h(
      "button",
      {
        type: "button",
        class: "ck-button",
        title: "Put a copy of the chain as it is into the comparison",
        onclick: () => this.#keep(),
      },
      "Keep this design",
    );
    return h(
      "div",
      { class: "ck-cmp-choices" },
      h("fieldset", {}, h("legend", {}, "This chain beside the same flow through"), this.kinds),
      h(
        "fieldset",
        {},
        h("legend", {}, "and beside designs of your own"),
        h("div", { class: "ck-hint" }, "Keep the chain as it is, change it on, and compare before with after."),
        this.keptList,
        h("div", { class: "ck-cmp-keep" }, this.name, keep),
        this.keepSaid,
      ),
    );
  }

  #bar() {
    this.go = h(
      "button",
      { type: "button", class: "ck-button ck-main", onclick: () => this.ask({ kind: "compare" }) },
      "Compare",
    );
    this.undo = h(
      "button",
      {
        type: "button",
        class: "ck-button",
        title: "Take the last step on the chain back",
        onclick: () => this.ask({ kind: "undo" }),
      },
      "\u21b6 Undo last step",
    );
    this.record = h(
      "button",
      { type: "button", class: "ck-button", title: "All of it as Markdown", onclick: () => this.#decide() },
      "Decision record",
    );
    return h("div", { class: "ck-cmp-bar" }, this.go, this.undo, this.record, this.note);
  }

  async #decide() {
    const { record } = await this.ask({ kind: "decide" });
    if (record) this.#open("Decision record", this.#code(record, "Markdown, to keep beside the design:"));
  }

  #nameKey(event) {
    event.stopPropagation(); // letters are the notebook's commands elsewhere
    if (event.key === "Enter") this.#keep();
  }

  async #keep() {
    const answer = await this.ask({ kind: "keep", name: this.name.value }, (refusals) =>
      this.keepSaid.replaceChildren(...refusals.map(refusal)),
    );
    if (!answer.refusal) this.name.value = "";
  }

  #choose() {
    const kinds = [...this.boxes].filter(([, box]) => box.checked).map(([word]) => word);
    this.ask({ kind: "choose", kinds });
  }

  showControls() {
    const { kinds, kept, free_name, progress, note, is_stale, can_undo, can_decide, refusals } = this.controls;
    for (const { word, help, is_chosen } of kinds) {
      if (!this.boxes.has(word)) {
        const box = h("input", {
          type: "checkbox",
          id: `${this.uid}-${word}`,
          "aria-describedby": `${this.uid}-${word}-help`,
          onchange: () => this.#choose(),
        });
        this.boxes.set(word, box);
        this.kinds.append(
          h(
            "div",
            { class: "ck-cmp-kind" },
            box,
            h("label", { for: box.id }, word),
            h("div", { class: "ck-hint", id: `${box.id}-help` }, help),
          ),
        );
      }
      this.boxes.get(word).checked = is_chosen;
    }
    this.keptList.replaceChildren(...kept.map(({ name, help }) => this.#keptRow(name, help)));
    this.name.placeholder = free_name;
    this.note.textContent = progress || note;
    this.note.classList.toggle("is-stale", is_stale && !progress);
    this.root.classList.toggle("is-stale", is_stale);
    this.root.setAttribute("aria-busy", Boolean(progress));
    this.go.disabled = Boolean(progress);
    this.go.textContent = this.result.columns && is_stale ? "Compare again" : "Compare";
    this.undo.disabled = !can_undo;
    this.record.disabled = !can_decide || Boolean(progress);
    this.#refuse(refusals);
    this.#keepCurrent();
  }

  #keptRow(name, help) {
    const forget = h(
      "button",
      {
        type: "button",
        class: "ck-button",
        "aria-label": `Forget ${name}`,
        onclick: () => this.ask({ kind: "forget", name }),
      },
      "Forget",
    );
    return h("div", { class: "ck-cmp-kept-row" }, h("b", {}, name), h("span", { class: "ck-hint" }, help), forget);
  }

  // What a gesture met stands before what the comparison met.
  #refuse(own) {
    const told = [
      ...own,
      ...this.controls.refusals.filter((each) => !own.some(({ problem }) => problem === each.problem)),
    ];
    this.refusals.replaceChildren(...told.map(refusal));
  }

  // --- columns ---

  showResult() {
    const { rows, columns } = this.result;
    if (!columns) {
      this.table.replaceChildren();
      this.plot.replaceChildren();
      return;
    }
    const body = [];
    let group = "";
    for (const row of rows) {
      if (row.group !== group)
        body.push(
          h("tr", { class: "ck-cmp-group" }, h("th", { scope: "rowgroup", colspan: columns.length + 1 }, row.group)),
        );
      group = row.group;
      body.push(h("tr", {}, says(row), ...columns.map(({ cells }) => cell(cells[row.key]))));
    }
    body.push(
      ...lists("What AWS promises", PROMISES, columns),
      ...lists("While something is broken", { faults: "Fault" }, columns),
      ...lists(`Beside ${columns[0].title}`, LISTS, columns),
    );
    const head = h(
      "tr",
      {},
      h(
        "td",
        {},
        h("div", { class: "ck-hint" }, `Differences are to ${columns[0].title}. All ranges are 95 % intervals.`),
      ),
      ...columns.map((column) => this.#head(column)),
    );
    this.table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)));
    this.showPlot();
  }

  #head(column) {
    const { name, title, picture, code, is_now } = column;
    const source = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture)}`;
    const image = () => h("img", { src: source, alt: `Picture of ${title}` });
    const open = (make) => () => this.#open(title, make());
    const take = h(
      "button",
      {
        type: "button",
        class: "ck-button",
        "aria-label": `Take this design: ${title}`,
        onclick: () => this.ask({ kind: "take", name }),
      },
      "Take this design",
    );
    return h(
      "th",
      { scope: "col" },
      h("div", { class: "ck-cmp-title" }, title),
      h(
        "button",
        {
          type: "button",
          class: "ck-cmp-thumb",
          title: "Show it large",
          "aria-label": `Show ${title} large`,
          onclick: open(() => h("div", { class: "ck-cmp-large" }, image())),
        },
        image(),
      ),
      h(
        "div",
        { class: "ck-cmp-acts" },
        is_now ? "" : take,
        h(
          "button",
          {
            type: "button",
            class: "ck-button",
            "aria-label": `Open as a chain: ${title}`,
            onclick: open(() => this.#code(code)),
          },
          "Open as a chain",
        ),
      ),
    );
  }

  #code(code, hint = "Python for a cell of its own:") {
    const text = h("pre", { class: "ck-cmp-code", tabindex: "0" }, code);
    const copy = h("button", { type: "button", class: "ck-button ck-main" }, "Copy");
    copy.addEventListener("click", async () => {
      getSelection().selectAllChildren(text);
      const isThere =
        navigator.clipboard &&
        (await navigator.clipboard.writeText(code).then(
          () => true,
          () => false,
        ));
      copy.textContent = isThere ? "Copied" : "Selected: press Ctrl+C";
    });
    return h("div", {}, h("div", { class: "ck-hint" }, hint), text, copy);
  }

  #open(title, shown) {
    const close = h("button", { type: "button", class: "ck-button", onclick: () => this.dialog.close() }, "Close");
    this.dialog.setAttribute("aria-label", title);
    this.dialog.replaceChildren(h("div", { class: "ck-cmp-dialog-head" }, h("b", {}, title), close), shown);
    this.dialog.showModal();
  }

  // --- time against cost ---

  showPlot() {
    const { plots, rows } = this.result;
    const names = rows.filter(({ key }) => plots[key]);
    if (!names.length) return this.plot.replaceChildren();
    if (!plots[this.axis]) this.axis = ["response_p95_s", "completion_p95_s"].find((key) => plots[key]) ?? names[0].key;
    const choose = h(
      "select",
      { class: "ck-select", "aria-label": "Time on the upright axis" },
      ...names.map(({ key, group, label }) =>
        h("option", { value: key, selected: key === this.axis ? "" : null }, `${group} ${label}`),
      ),
    );
    choose.addEventListener("change", () => {
      this.axis = choose.value;
      this.#draw(figure);
    });
    const figure = h("div", { class: "ck-cmp-figure" });
    this.plot.replaceChildren(
      h(
        "div",
        { class: "ck-cmp-plot-head" },
        h("b", {}, "Time against cost"),
        choose,
        h("span", { class: "ck-hint" }, "Bars are 95 % intervals. Down and left is better."),
      ),
      figure,
    );
    this.#draw(figure);
  }

  #draw(figure) {
    const plot = this.result.plots[this.axis];
    const [left, top, right, bottom] = plot.box;
    const text = (x, y, words, anchor, kind = "ck-cmp-axis") =>
      s("text", { x, y, "text-anchor": anchor, class: kind }, words);
    const line = (x1, y1, x2, y2, kind) => s("line", { x1, y1, x2, y2, class: kind });
    const said = plot.points.map((point) => point.text).join("; ");
    figure.replaceChildren(
      s(
        "svg",
        {
          viewBox: `0 0 ${plot.width} ${plot.height}`,
          role: "img",
          "aria-label": `${plot.y_title} against cost: ${said}`,
        },
        ...plot.x_ticks.flatMap((tick) => [
          line(tick.at, top, tick.at, bottom, "ck-cmp-grid"),
          text(tick.at, bottom + 17, tick.text, "middle"),
        ]),
        ...plot.y_ticks.flatMap((tick) => [
          line(left, tick.at, right, tick.at, "ck-cmp-grid"),
          text(left - 8, tick.at + 4, tick.text, "end"),
        ]),
        s("path", { class: "ck-cmp-axes", d: `M${left} ${top}V${bottom}H${right}` }),
        text((left + right) / 2, bottom + 36, plot.x_title, "middle"),
        s(
          "text",
          {
            class: "ck-cmp-axis",
            transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`,
            "text-anchor": "middle",
          },
          plot.y_title,
        ),
        ...plot.points.map((point) =>
          s(
            "g",
            {},
            s("title", {}, point.text),
            point.has_leader ? line(point.x, point.y, point.name_x, point.name_y + 3, "ck-cmp-leader") : "",
            line(point.x_bar[0], point.y, point.x_bar[1], point.y, "ck-cmp-interval"),
            line(point.x, point.y_bar[0], point.x, point.y_bar[1], "ck-cmp-interval"),
            s("path", {
              class: "ck-cmp-shape",
              d: point.shape,
              transform: `translate(${point.x} ${point.y})`,
              fill: point.colour,
            }),
          ),
        ),
        ...plot.points.map((point) => text(point.name_x, point.name_y, point.name, point.anchor, "ck-cmp-name")),
      ),
      plot.missing.length ? h("div", { class: "ck-hint" }, `Not drawn: ${plot.missing.join("; ")}`) : "",
    );
  }
}

function refusal({ problem, fix }) {
  return h("div", { class: "ck-refusal", role: "alert" }, `\u26a0 ${problem}`, fix ? h("div", {}, `fix: ${fix}`) : "");
}

function cell({ value, range, difference, verdict, best }) {
  return h(
    "td",
    {},
    h("div", { class: "ck-cmp-value" }, value, best ? h("span", { class: "ck-cmp-best" }, `\u2605 ${best}`) : ""),
    h("div", { class: "ck-cmp-range" }, range),
    difference ? h("div", { class: `ck-cmp-difference is-${verdict}` }, `${SIGNS[verdict] ?? ""} ${difference}`) : "",
  );
}

// A figure's name, and what the intervals say of it.
function says({ label, verdict }) {
  return h("th", { scope: "row" }, label, verdict ? h("div", { class: "ck-hint ck-cmp-says" }, verdict) : "");
}

// Rows of lists under one heading; those that no design has are left out.
function lists(title, names, columns) {
  const keys = Object.keys(names).filter((key) => columns.some((column) => column[key].length));
  if (!keys.length) return [];
  const head = h("th", { scope: "rowgroup", colspan: columns.length + 1 }, title);
  const row = (key) => [h("th", { scope: "row" }, names[key]), ...columns.map((column) => list(column[key]))];
  return [
    h("tr", { class: "ck-cmp-group" }, head),
    ...keys.map((key) => h("tr", { class: "ck-cmp-said" }, ...row(key))),
  ];
}

function list(lines) {
  return h(
    "td",
    {},
    lines.length ? h("ul", {}, ...lines.map((line) => h("li", {}, line))) : h("span", { class: "ck-hint" }, "\u2013"),
  );
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
