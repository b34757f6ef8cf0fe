// The canvas: shows the scene that Python holds, and tells Python what a hand wants. It decides nothing itself.

import { Drawing } from "./cards.js";
import { download, h, hear, named, s, SILENCE, tell } from "./dom.js";
import { Keys } from "./keys.js";
import { Palette } from "./palette.js";
import { Pointer } from "./pointer.js";
import { Popups } from "./popups.js";
import { Story } from "./story.js";
import { View, speaker } from "./view.js";

const ANSWER_MS = 5000;
const MOST_FRAMES = 1200;
const LEAST_SCALE = 0.7;
const FILE_KINDS = {
  svg: "Picture (.svg)",
  png: "Picture (.png)",
  html: "Interactive page (.html)",
  yaml: "Design file (.chain.yaml)",
  py: "Python (.py)",
};
let boards = 0;

class Board {
  constructor(model, el, cleanups) {
    Object.assign(this, { model, uid: `ck${Date.now().toString(36)}${boards++}`, asked: 0, waiting: new Map() });
    this.world = s("svg", { class: "ck-world", role: "presentation" });
    this.stage = h(
      "div",
      {
        id: `${this.uid}-stage`,
        class: "ck-stage",
        tabindex: "0",
        role: "listbox",
        "aria-multiselectable": "true",
      },
      this.world,
    );
    this.drawing = new Drawing(this.uid);
    this.over = s("g", { role: "presentation", class: "ck-over" });
    this.world.append(this.drawing.frames, this.drawing.lines, this.drawing.boxes, this.over);
    this.view = new View(this.stage, this.world);
    [this.status, this.say] = speaker("ck-status");
    this.palette = new Palette(this);
    this.popups = new Popups(this);
    this.story = new Story(this);
    const middle = h("div", { class: "ck-middle" }, this.stage, this.popups.layer);
    this.root = h(
      "div",
      { class: "ck ck-canvas" },
      this.#bar(),
      this.palette.element,
      middle,
      this.status,
      this.story.element,
    );
    el.append(this.root);
    this.pointer = new Pointer(this);
    this.keys = new Keys(this);
    this.#listen(cleanups);
    this.show();
  }

  get scene() {
    return this.model.get("scene");
  }

  get selection() {
    return this.model.get("selected");
  }

  // --- from Python ---

  #listen(cleanups) {
    hear(this.model, cleanups, "change:scene", () => this.show());
    hear(this.model, cleanups, "change:selected", () => this.showSelection());
    hear(this.model, cleanups, "msg:custom", (message) => this.#heard(message));
    // A cell that is folded away has no width yet; a side bar gives and takes some. What nobody has moved stays whole.
    let width = 0;
    const observer = new ResizeObserver(() => {
      if (!width || this.view.isWhole) this.begin();
      width = this.stage.clientWidth;
    });
    observer.observe(this.stage);
    cleanups.push(
      () => observer.disconnect(),
      () => this.story.stop(),
    );
  }

  show() {
    const { scene } = this;
    const known = new Set(this.drawing.cards.keys());
    this.stage.style.height ||= `${scene.height}px`;
    this.drawing.show(scene);
    this.stage.setAttribute("aria-label", `${scene.what} ${scene.name}, ${scene.cards.length} cards`);
    this.root.classList.toggle("is-empty", !scene.cards.length);
    this.stage.dataset.hint = scene.hint;
    this.palette.show();
    this.heat();
    this.showSelection();
    this.keys?.follow();
    for (const [name, button] of Object.entries(this.buttons)) button.disabled = scene.off.includes(name);
    const fresh = scene.cards.map(({ id }) => id).filter((id) => !known.has(id));
    if (fresh.length > 1 && fresh.length === scene.cards.length) this.begin();
    else if (fresh.length) this.view.reveal(this.drawing.box(fresh));
  }

  showSelection() {
    const chosen = new Set(this.selection);
    for (const [id, { element }] of [...this.drawing.cards, ...this.drawing.wires]) {
      const isChosen = chosen.has(id.replace(/!$/, ""));
      element.classList.toggle("is-selected", isChosen);
      element.setAttribute("aria-selected", isChosen);
    }
    const last = this.drawing.element(this.selection.at(-1));
    if (last) this.stage.setAttribute("aria-activedescendant", last.id);
    else this.stage.removeAttribute("aria-activedescendant");
    this.saySelection();
  }

  // Says what is selected: not over something else that was said, unless the selection is another one.
  saySelection(isAnyway = false) {
    const [words, keys] = [this.#selectionWords(), this.selection.join("\n")];
    const isOther = isAnyway || keys !== this.told?.keys || this.status.textContent === this.told.words;
    this.told = { words, keys };
    if (isOther) this.say(words);
  }

  #selectionWords() {
    const { selection, scene } = this;
    if (!scene.cards.length) return scene.hint;
    if (!selection.length) return "Press ? for the keys";
    if (selection.length > 1) return `${selection.length} selected: ${selection.join(", ")}`;
    const words = this.drawing.element(selection[0])?.getAttribute("aria-label") ?? selection[0];
    const canRename = scene.does.includes("rename") && this.drawing.cards.has(selection[0]);
    return canRename ? `${words}. R or a double click renames it` : words;
  }

  #heard(message) {
    if (message.story && !message.to) this.story.play(message.story); // sent from a panel
    const act = this.waiting.get(message.to);
    this.waiting.delete(message.to);
    if (act) act(message);
  }

  // --- to Python: each gesture is answered, so that silence can be told from refusal ---

  ask(gesture) {
    const n = `${this.uid}-${this.asked++}`;
    if (!tell(this.model, { ...gesture, n })) {
      this.say(SILENCE, "refusal");
      return Promise.resolve({});
    }
    return new Promise((resolve) => {
      const silent = setTimeout(() => this.say(SILENCE, "refusal"), ANSWER_MS);
      this.waiting.set(n, (answer) => {
        clearTimeout(silent);
        if (answer.refusal) this.say(`${answer.refusal.problem}; fix: ${answer.refusal.fix}`, "refusal");
        else if (this.status.dataset.kind === "refusal") this.saySelection(true);
        resolve(answer);
      });
    });
  }

  select(keys) {
    this.model.set("selected", [...new Set(keys)]);
    this.model.save_changes();
    this.showSelection();
    this.saySelection(true);
  }

  // --- what toolbar, keys and pointer share ---

  selectedCards() {
    return this.selection.filter((key) => this.drawing.cards.has(key));
  }

  // What is seen first: all, or the beginning of what would be too small to read.
  begin() {
    const { cards, style } = this.scene;
    this.view.fit(this.drawing.box(), 36, style.isDown ? LEAST_SCALE : 0, cards[0]?.x);
  }

  fit() {
    this.view.fit(this.drawing.box());
  }

  remove() {
    if (!this.selection.length) return this.say("Select what is to be removed first", "refusal");
    return this.ask({ kind: "remove", keys: this.selection });
  }

  duplicate() {
    const keys = this.selectedCards();
    return keys.length ? this.ask({ kind: "duplicate", keys }) : this.say("Select the cards to copy first", "refusal");
  }

  group() {
    const keys = this.selectedCards();
    if (!keys.length) return this.say("Select the cards of the group first", "refusal");
    const own = this.scene.groups.find(
      ({ cards }) => cards.length === keys.length && keys.every((key) => cards.includes(key)),
    );
    return this.popups.ask("Title of the group", own?.title ?? "", keys[0], (title) => {
      if (title) return this.ask({ kind: "group", title, keys });
      return own && this.ask({ kind: "ungroup", title: own.title });
    });
  }

  // Goes to the settings of what is selected.
  edit() {
    if (!this.selection.length) return this.say("Select a card or a link first", "refusal");
    return this.#edit();
  }

  rename(key = this.selectedCards().at(-1)) {
    if (!key) return this.say("Select a card first", "refusal");
    return this.popups.ask(
      `New name of ${key}`,
      key,
      key,
      (name) => name && name !== key && this.ask({ kind: "rename", key, name }),
    );
  }

  // Goes to the first field of what is selected: the form beside the canvas may still be on its way.
  async #edit() {
    // The selection itself may come later: front ends hold changes back while the kernel works, and messages not.
    const { field } = await this.ask({ kind: "edit", key: this.selection.at(-1) });
    const form = () => this.root.closest(".ck-beside")?.querySelector(".ck-form");
    const find = () => [...(form()?.querySelectorAll("label") ?? [])].find((each) => each.textContent === field);
    // Until it is there, or the keyboard has gone elsewhere.
    for (let frame = 0; field && frame < MOST_FRAMES && document.activeElement === this.stage; frame++) {
      find()?.parentElement.querySelector("input, select, textarea")?.focus();
      await new Promise(requestAnimationFrame);
    }
  }

  // Connects two cards: what fits, and what it would bring, is shown before it is kept.
  async connect(from, to) {
    const answer = await this.ask({ kind: "offers", from, to });
    if (answer.offers) this.popups.offer(from, to, answer.offers);
  }

  // Whether a link can lead from one card to another: {words} or {why}.
  fits(from, to) {
    const kind = (key) => this.drawing.cards.get(key).data.kind;
    const found = this.scene.fits[kind(from)]?.[kind(to)] ?? { why: this.scene.otherwise ?? "nothing leads there" };
    return found.words ? found : { why: named(found.why, `'${from}'`, `'${to}'`) };
  }

  // Marks the cards to which a link can lead, dims the others, and says why.
  aim(from, to) {
    this.root.classList.toggle("is-aiming", Boolean(from));
    for (const [id, { element }] of this.drawing.cards) {
      element.classList.toggle("is-fitting", Boolean(from) && Boolean(this.fits(from, id).words));
      element.classList.toggle("is-aimed", id === to);
    }
    if (!from) this.saySelection(true);
    if (!from || !to) return;
    const { words, why } = this.fits(from, to);
    if (words) this.say(`${from} \u2192 ${to}: ${words.join(" or ")}`);
    else this.say(why, "refusal");
  }

  heat() {
    const of = this.heating.value;
    this.root.classList.toggle("is-heated", Boolean(of));
    for (const { element, data } of this.drawing.cards.values()) {
      const share = of ? (data.heat?.[of] ?? 0) : 0;
      element.style.setProperty("--heat", `${Math.round(100 * share)}%`);
      element.querySelector(".ck-share").textContent = share >= 0.005 ? `${Math.round(100 * share)} % of ${of}` : "";
    }
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    const found = [];
    for (const [id, { element, data }] of this.drawing.cards) {
      const isFound = wanted && `${id} ${data.label}`.toLowerCase().includes(wanted);
      element.classList.toggle("is-found", Boolean(isFound));
      if (isFound) found.push(id);
    }
    this.root.classList.toggle("is-searching", Boolean(wanted));
    if (wanted)
      this.say(found.length ? `${found.length} found: ${found.slice(0, 6).join(", ")}` : `nothing is called ${text}`);
    return found;
  }

  async play(which) {
    const answer = await this.ask({ kind: "story", which });
    if (answer.story) this.story.play(answer.story);
  }

  async save(kind) {
    const answer = await this.ask({ kind: "file", as: kind });
    if (!answer.file) return;
    const { name, type, text, base64 } = answer.file;
    const content = base64 ? Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)) : text;
    download(name, content, type);
    this.say(`${name} is in your downloads`);
  }

  // --- the bar ---

  #bar() {
    const button = (name, text, title, act) => {
      this.buttons[name] = h(
        "button",
        { type: "button", class: "ck-button", title, "aria-label": title, onclick: act },
        text,
      );
      return this.buttons[name];
    };
    this.buttons = {};
    this.heating = h(
      "select",
      { class: "ck-select", "aria-label": "Colour cards by their share of", onchange: () => this.heat() },
      h("option", { value: "" }, "heat: off"),
      ...this.scene.heats.map((of) => h("option", { value: of }, `heat: ${of}`)),
    );
    this.searching = h("input", {
      type: "search",
      class: "ck-search",
      placeholder: "Search",
      "aria-label": "Search cards",
      oninput: () => this.search(this.searching.value),
      onkeydown: (event) => this.#searchKey(event),
    });
    const playing = h(
      "select",
      { class: "ck-select", "aria-label": "Which request to play" },
      ...this.scene.stories.map((which) => h("option", { value: which }, which)),
    );
    const files = this.#menu(
      "Export",
      this.scene.files.map((kind) => [FILE_KINDS[kind], () => this.save(kind)]),
    );
    const does = this.scene.does;
    const group = (...parts) => h("div", { class: "ck-parts", role: "group" }, ...parts);
    return h(
      "div",
      { class: "ck-bar", role: "toolbar", "aria-label": `Tools of ${this.scene.name}` },
      group(
        button("undo", "\u21b6 Undo", "Undo (Ctrl+Z)", () => this.ask({ kind: "undo" })),
        button("redo", "\u21b7 Redo", "Redo (Ctrl+Shift+Z)", () => this.ask({ kind: "redo" })),
      ),
      group(
        button("duplicate", "Copy", "Duplicate what is selected (D)", () => this.duplicate()),
        button("remove", "Delete", "Delete what is selected (Delete)", () => this.remove()),
        does.includes("group") ? button("group", "Group", "Frame what is selected (G)", () => this.group()) : "",
      ),
      group(
        button("tidy", "Tidy", "Lay the cards out (T)", () => this.ask({ kind: "tidy" }).then(() => this.fit())),
        button("fit", "Fit", "Show all (F)", () => this.fit()),
        button("in", "+", "Zoom in (+)", () => this.view.zoom(1.25)),
        button("out", "\u2212", "Zoom out (-)", () => this.view.zoom(0.8)),
      ),
      this.scene.heats.length ? group(this.heating) : "",
      this.scene.stories.length
        ? group(
            button("play", "\u25b6 Play", "Play a request (P)", () => this.play(playing.value)),
            playing,
          )
        : "",
      h("span", { class: "ck-space" }),
      this.searching,
      this.scene.files.length ? files : "",
      button("help", "?", "Keys (?)", () => this.popups.help()),
    );
  }

  #menu(text, rows) {
    const menu = h("details", { class: "ck-menu" }, h("summary", { class: "ck-button" }, text));
    const shut = (act) => () => {
      menu.open = false;
      act();
    };
    menu.append(
      h(
        "div",
        { class: "ck-rows" },
        ...rows.map(([label, act]) => h("button", { type: "button", class: "ck-row", onclick: shut(act) }, label)),
      ),
    );
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.firstChild.focus();
      event.stopPropagation();
    });
    return menu;
  }

  #searchKey(event) {
    event.stopPropagation(); // letters are the notebook's commands elsewhere
    if (event.key === "Escape") {
      this.searching.value = "";
      this.search("");
      this.stage.focus();
    } else if (event.key === "Enter") {
      const found = this.search(this.searching.value);
      const next = found[(found.indexOf(this.selection[0]) + 1) % found.length];
      if (!next) return;
      this.select([next]);
      this.view.reveal(this.drawing.box([next]), 80);
    }
  }
}

function render({ model, el }) {
  const cleanups = [];
  new Board(model, el, cleanups);
  return () => cleanups.forEach((act) => act());
}

export default { render };
