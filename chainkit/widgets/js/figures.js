// The figures panel: draws the values that Python holds, tells it which button was pressed, and that the hand rests.

import { h, hear, s, SILENCE, tell } from "./dom.js";

const REST_MS = 400;
const SOON_MS = 150;
const MARKS = { better: "\u25bc", worse: "\u25b2", same: "=", "": "" };
const SIGNS = { high: "\u25b2\u25b2", medium: "\u25b2", low: "\u25b3" };
let boards = 0;

const pc = (x) => `${x}%`;

class FiguresBoard {
  constructor(model, el, cleanups) {
    Object.assign(this, {
      model,
      uid: `ckf${Date.now().toString(36)}${boards++}`,
      drawn: new Map(),
      isOpen: new Map(),
    });
    const part = (name, label) => h("section", { class: `ck-part ck-${name}`, "aria-label": label });
    this.parts = {
      head: h("header", { class: "ck-head" }),
      errors: h("div", { class: "ck-errors", role: "alert" }),
      headline: part("headline", "Headline figures"),
      percentiles: part("percentiles", "Percentiles"),
      bottleneck: part("bottleneck", "Where the time goes"),
      bill: part("bill", "Bill"),
      ledger: part("ledger", "Ledger"),
      findings: part("findings", "Findings"),
    };
    const { head, errors, headline, percentiles, bottleneck, bill, ledger, findings } = this.parts;
    this.spoken = h("div", { class: "ck-spoken", role: "status", "aria-live": "polite" });
    this.told = h("div", { class: "ck-told", role: "status" });
    this.figures = h(
      "div",
      { class: "ck-numbers" },
      headline,
      h("div", { class: "ck-columns" }, h("div", {}, percentiles, bottleneck), h("div", {}, bill, ledger)),
    );
    this.root = h(
      "div",
      { class: "ck ck-figures" },
      h("div", { class: "ck-inner" }, errors, head, this.figures, findings, this.spoken),
    );
    el.append(this.root);
    hear(model, cleanups, "change:figures", () => this.show());
    hear(model, cleanups, "change:is_running", () => this.#run());
    hear(model, cleanups, "msg:custom", (message) => this.#tell(message));
    cleanups.push(() => [this.resting, this.soon].forEach(clearTimeout));
    this.show();
  }

  send(message) {
    if (!tell(this.model, message)) this.told.textContent = SILENCE;
  }

  // --- from Python ---

  show() {
    const made = this.model.get("figures");
    if (!made.findings) return;
    this.root.classList.toggle("is-old", made.is_old);
    this.figures.hidden = !made.run;
    this.#part("head", [made.run, made.hint, made.is_old, made.name, counted(made.findings)], () => this.#head(made));
    this.#part("errors", [made.errors, made.more_errors], () => this.#errors(made));
    this.#part("findings", made.findings, () => this.#findings(made.findings));
    if (made.run) {
      this.#part("headline", made.headline, () => made.headline.map((tile) => this.#tile(tile)));
      this.#part("percentiles", made.percentiles, () => this.#percentiles(made.percentiles));
      this.#part("bottleneck", made.bottleneck, () => this.#bottleneck(made.bottleneck));
      this.#part("bill", made.bill, () => this.#bill(made.bill));
      this.#part("ledger", made.ledger, () => this.#ledger(made.ledger));
    }
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.send({ kind: "rest" });
      const said = made.errors.length ? "" : made.say;
      if (this.spoken.textContent !== said) this.spoken.textContent = said;
    }, REST_MS);
  }

  // Draws a part anew if its values are others; what was open stays open, and the focus where it was.
  #part(name, values, draw) {
    const text = JSON.stringify(values);
    if (this.drawn.get(name) === text) return;
    this.drawn.set(name, text);
    const element = this.parts[name];
    const focus = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    element.replaceChildren(...draw().filter(Boolean));
    if (focus) element.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }

  #run() {
    clearTimeout(this.soon);
    const isRunning = this.model.get("is_running");
    if (!isRunning) this.root.classList.remove("is-running");
    else this.soon = setTimeout(() => this.root.classList.add("is-running"), SOON_MS);
  }

  #tell({ said, can_undo, refusal }) {
    if (!said && !refusal) {
      this.told.replaceChildren();
      return;
    }
    const text = refusal ? `\u26a0 ${refusal.problem}. ${refusal.fix}` : said;
    this.told.className = `ck-told${refusal ? " is-refused" : ""}`;
    this.told.replaceChildren(text);
    if (!can_undo) return;
    const undo = this.#button("Undo", "Take this fix back", "undo", { kind: "undo" });
    this.told.append(undo);
    if (document.activeElement === document.body) undo.focus({ preventScroll: true }); // the button that was pressed is gone
  }

  // --- pieces ---

  #button(text, title, key, message, look = "") {
    return h(
      "button",
      {
        type: "button",
        class: `ck-button ck-small ${look}`,
        title,
        "data-key": key,
        onclick: () => this.send(message),
      },
      text,
    );
  }

  #show(where) {
    return h(
      "button",
      {
        type: "button",
        class: "ck-where",
        title: `Select ${where} on the canvas`,
        "data-key": `show ${where}`,
        onclick: () => this.send({ kind: "show", where }),
      },
      where,
    );
  }

  #details(key, isOpen, ...children) {
    const details = h("details", {}, ...children);
    details.open = this.isOpen.get(key) ?? isOpen;
    details.addEventListener("toggle", () => this.isOpen.set(key, details.open));
    details.firstChild.dataset.key = key;
    return details;
  }

  // --- parts ---

  #head({ run, hint, is_old, name, findings }) {
    if (hint) return [h("p", { class: "ck-hint" }, hint)];
    if (!run) return [h("div", { class: "ck-which" }, `Figures of ${name}`)];
    const found = counted(findings);
    return [
      h("div", { class: "ck-which" }, is_old ? h("b", {}, "Of the chain before: ") : "", run.text),
      h(
        "div",
        { class: "ck-quick" },
        h("span", { class: "ck-runs" }, "running \u2026"),
        h("span", { class: "ck-looks" }, run.quick || "all requests run"),
        found
          ? h(
              "button",
              {
                type: "button",
                class: "ck-where ck-found",
                title: "Go to the findings",
                "data-key": "found",
                onclick: () => this.#goToFindings(),
              },
              found,
            )
          : "",
      ),
      this.#details(
        "notes",
        false,
        h("summary", { class: "ck-grey" }, "What these figures stand on"),
        h("ul", { class: "ck-notes" }, ...run.notes.map((note) => h("li", {}, note))),
      ),
    ];
  }

  #goToFindings() {
    const { findings } = this.parts;
    findings.scrollIntoView({ block: "start" });
    findings.querySelector("summary")?.focus({ preventScroll: true });
  }

  #errors({ errors, more_errors }) {
    if (!errors.length) return [];
    return [
      h(
        "b",
        {},
        errors.length + more_errors === 1
          ? "This chain cannot be run"
          : `This chain cannot be run, for ${errors.length + more_errors} reasons`,
      ),
      ...errors.map(({ problem, fix }) =>
        h("p", { class: "ck-error" }, `\u26a0 ${problem}`, fix ? h("span", { class: "ck-fix" }, `fix: ${fix}`) : ""),
      ),
      more_errors ? h("p", {}, `and ${more_errors} more`) : null,
    ];
  }

  #tile({ label, text, way, change }) {
    return h(
      "div",
      { class: "ck-tile" },
      h("div", { class: "ck-label" }, label),
      h("div", { class: "ck-value" }, text),
      h(
        "div",
        { class: `ck-change is-${way || "new"}`, title: change },
        h("span", { "aria-hidden": "true" }, `${MARKS[way]} `),
        change,
      ),
    );
  }

  #percentiles({ rows, ticks, is_log }) {
    const lines = () => ticks.map(({ x }) => s("line", { x1: pc(x), x2: pc(x), y1: 0, y2: "100%", class: "ck-tick" }));
    const plot = (row) => {
      const drawn = lines();
      if (row.was !== null)
        drawn.push(s("line", { x1: pc(row.was), x2: pc(row.was), y1: "15%", y2: "85%", class: "ck-was" }));
      if (row.low !== null && row.high !== null) {
        drawn.push(s("line", { x1: pc(row.low), x2: pc(row.high), y1: "50%", y2: "50%", class: "ck-range" }));
        for (const x of [row.low, row.high])
          drawn.push(s("line", { x1: pc(x), x2: pc(x), y1: "30%", y2: "70%", class: "ck-cap" }));
      }
      if (row.never) drawn.push(s("text", { x: pc(row.x), y: "50%", class: "ck-never" }, "\u25b6"));
      else if (row.x !== null) drawn.push(s("circle", { cx: pc(row.x), cy: "50%", r: 4.5, class: "ck-dot" }));
      return s("svg", { "aria-hidden": "true", class: "ck-plot" }, ...drawn);
    };
    const axis = s(
      "svg",
      { "aria-hidden": "true", class: "ck-axis" },
      ...ticks.map(({ x, text }, k) => s("text", { x: pc(x), y: 12, class: k % 2 ? "is-odd" : "" }, text)),
    );
    const hasWas = rows.some(({ was }) => was !== null);
    return [
      h("h3", {}, "How long it takes"),
      h(
        "table",
        { class: "ck-ranges" },
        h(
          "thead",
          { class: "ck-spoken" },
          h("tr", {}, ...["time", "plot", "value, 95 % interval"].map((text) => h("th", { scope: "col" }, text))),
        ),
        h(
          "tbody",
          {},
          ...rows.map((row, k) =>
            h(
              "tr",
              { class: k && row.label.split(" ")[0] !== rows[k - 1].label.split(" ")[0] ? "is-next" : "" },
              h("th", { scope: "row" }, row.label),
              h("td", { class: "ck-plotted" }, plot(row)),
              h(
                "td",
                { title: row.note },
                h("b", {}, row.text),
                " ",
                h("span", { class: "ck-interval" }, row.interval),
              ),
            ),
          ),
        ),
        h(
          "tfoot",
          { "aria-hidden": "true" },
          h("tr", {}, h("td", {}), h("td", { class: "ck-plotted" }, axis), h("td", {})),
        ),
      ),
      h(
        "p",
        { class: "ck-key" },
        "\u25cf value  \u251c\u2524 95 % interval",
        hasWas ? "  \u2506 before" : "",
        is_log ? "  logarithmic scale" : "",
      ),
    ];
  }

  #bottleneck({ where, words, bars, limit_where, limit }) {
    return [
      h("h3", {}, "Where the time goes"),
      h("p", { class: "ck-words" }, where ? this.#show(where) : "", " ", words),
      h(
        "div",
        { class: "ck-bars" },
        ...bars.map(({ name, text, part, x }) => bar(name, `${text}`, part, x, name === where ? "is-most" : "")),
      ),
      limit ? h("p", { class: "ck-words" }, this.#show(limit_where), " ", limit) : null,
    ];
  }

  #bill({ total, services }) {
    return [
      h("h3", {}, "Bill"),
      h("p", { class: "ck-words" }, total),
      ...services.map(({ name, usd, part, x, lines }) =>
        this.#details(
          `bill ${name}`,
          false,
          h("summary", {}, bar(name, usd, part, x)),
          h(
            "table",
            { class: "ck-lines" },
            h(
              "thead",
              { class: "ck-spoken" },
              h("tr", {}, ...["what", "USD"].map((text) => h("th", { scope: "col" }, text))),
            ),
            h(
              "tbody",
              {},
              ...lines.map((line) =>
                h(
                  "tr",
                  { title: line.source },
                  h("td", {}, h("b", {}, line.what), h("span", { class: "ck-why" }, line.why)),
                  h("td", { class: "ck-usd" }, line.usd),
                ),
              ),
            ),
          ),
        ),
      ),
    ];
  }

  #ledger({ rows, total }) {
    const id = (k) => `${this.uid}-${k}`;
    const swatch = (k) =>
      s(
        "svg",
        { class: "ck-swatch", "aria-hidden": "true" },
        s("rect", { width: "100%", height: "100%", fill: `url(#${id(k)})`, class: "ck-outcome" }),
      );
    return [
      h("h3", {}, "What became of the requests"),
      s(
        "svg",
        { class: "ck-stack", "aria-hidden": "true" },
        s("defs", {}, ...rows.map((_, k) => pattern(id(k), k))),
        ...rows
          .filter(({ width }) => width)
          .map(({ x, width, name }) =>
            s("rect", {
              x: pc(x),
              width: pc(width),
              height: "100%",
              fill: `url(#${id(rows.findIndex((row) => row.name === name))})`,
              class: "ck-outcome",
            }),
          ),
      ),
      h(
        "table",
        { class: "ck-counts" },
        h(
          "thead",
          { class: "ck-spoken" },
          h("tr", {}, ...["outcome", "requests", "share"].map((text) => h("th", { scope: "col" }, text))),
        ),
        h(
          "tbody",
          {},
          ...rows.map(({ name, count, part, what }, k) =>
            h(
              "tr",
              { class: count === "0" ? "is-none" : "", title: what },
              h("th", { scope: "row" }, swatch(k), name, h("span", { class: "ck-what" }, what)),
              h("td", {}, count),
              h("td", {}, part),
            ),
          ),
        ),
        h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "all"), h("td", {}, total), h("td", {}, "100 %"))),
      ),
    ];
  }

  #findings(groups) {
    const count = groups.reduce((sum, { rows }) => sum + rows.length, 0);
    return [
      h("h3", {}, count ? `What would go wrong (${count})` : "What would go wrong: nothing was found"),
      this.told,
      ...groups.flatMap(({ severity, what, rows }) => [
        h(
          "h4",
          { class: `is-${severity}` },
          h("span", { "aria-hidden": "true" }, `${SIGNS[severity]} `),
          `${severity} (${rows.length})`,
          h("span", { class: "ck-grey" }, ` ${what}`),
        ),
        ...rows.map((row) => this.#finding(row, severity)),
      ]),
    ];
  }

  #finding({ key, where, problem, effect, fix, source, code, is_open }, severity) {
    const fixing = code.length
      ? this.#button("Fix", code.join("\n"), `fix ${key}`, { kind: "fix", key }, "ck-main")
      : h("span", { class: "ck-grey" }, "yours to decide");
    fixing.setAttribute("aria-label", `${code.length ? "Fix" : "No one fix for"} ${where}: ${fix}`);
    return h(
      "div",
      { class: `ck-finding is-${severity}` },
      this.#details(
        `finding ${key}`,
        is_open,
        h(
          "summary",
          {},
          h("b", {}, where),
          " ",
          problem.startsWith(`'${where}' `) ? problem.slice(where.length + 3) : problem,
        ),
        h("p", {}, effect),
        h(
          "p",
          { class: "ck-repair" },
          fixing,
          this.#button("Show", `Select ${where} on the canvas`, `find ${key}`, { kind: "show", where }),
          h("span", {}, h("b", {}, "fix: "), fix),
        ),
        code.length ? h("pre", { class: "ck-code" }, code.join("\n")) : null,
        h("p", { class: "ck-source" }, `source: ${source}`),
      ),
    );
  }
}

// "2 high, 1 low findings", "" for none.
function counted(groups) {
  return groups.length
    ? `findings: ${groups.map(({ severity, rows }) => `${rows.length} ${severity}`).join(", ")}`
    : "";
}

// A name, a bar, and what it stands for.
function bar(name, text, part, x, look = "") {
  return h(
    "span",
    { class: `ck-bar-row ${look}` },
    h("span", { class: "ck-name", title: name }, name),
    s(
      "svg",
      { class: "ck-line", "aria-hidden": "true" },
      s("rect", { width: pc(Math.max(x, 0.5)), height: "100%", class: "ck-amount" }),
    ),
    h("span", { class: "ck-figure" }, text),
    h("span", { class: "ck-share" }, part),
  );
}

// One outcome's look: full, then lines, dots and checks of other colours, so that it is told without its colour.
function pattern(id, k) {
  const marks = [
    [],
    [["path", { d: "M-2 8 L8 -2 M0 10 L10 0" }]],
    [["path", { d: "M0 4 H8" }]],
    [["path", { d: "M4 0 V8" }]],
    [["path", { d: "M0 4 H8 M4 0 V8" }]],
    [["path", { d: "M0 0 L8 8 M0 8 L8 0" }]],
    [["circle", { cx: 4, cy: 4, r: 1.6 }]],
  ][k];
  return s(
    "pattern",
    { id, width: 8, height: 8, patternUnits: "userSpaceOnUse", class: `ck-look ck-look-${k}` },
    s("rect", { width: 8, height: 8 }),
    ...marks.map(([tag, attributes]) => s(tag, attributes)),
  );
}

function render({ model, el }) {
  const cleanups = [];
  new FiguresBoard(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
