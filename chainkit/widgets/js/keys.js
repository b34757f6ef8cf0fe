// Everything the pointer can do, by keys.

const STEP = 10;
const SPELLS_MS = 900;

// How far a card lies in the direction of an arrow: nearer is smaller, elsewhere is no number.
const AHEAD = {
  ArrowRight: (dx, dy) => (dx > 1 ? dx + 2 * Math.abs(dy) : NaN),
  ArrowLeft: (dx, dy) => (dx < -1 ? -dx + 2 * Math.abs(dy) : NaN),
  ArrowDown: (dx, dy) => (dy > 1 ? dy + 2 * Math.abs(dx) : NaN),
  ArrowUp: (dx, dy) => (dy < -1 ? -dy + 2 * Math.abs(dx) : NaN),
};

export const HELP = [
  ["Arrows", "go to the next card; with Shift, select it too; with Alt, move what is selected"],
  ["N", "add a service: arrows choose, Enter adds it where there is room"],
  ["C", "connect: arrows or first letters choose the other card, Enter shows what the link brings"],
  ["L", "go through the links of the selected card"],
  ["I", "put a service into the selected link"],
  ["E or Enter", "go to the settings of what is selected"],
  ["R or F2", "rename"],
  ["D", "duplicate; Ctrl+C copies, Ctrl+V pastes, also into another designer"],
  ["G", "group what is selected; Shift+G ends the group"],
  ["Delete", "remove what is selected"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+A, Escape", "select all, nothing"],
  ["T, F, + and -", "tidy, show all, zoom"],
  ["P", "play a request"],
  ["/", "search"],
];

export class Keys {
  constructor(board) {
    this.board = board;
    this.aimed = null; // {from, to, letters, typed} while connecting
    this.nudged = new Map(); // key -> place, while an arrow is held with Alt
    board.stage.addEventListener("keydown", (event) => this.#press(event));
    board.stage.addEventListener("keyup", () => this.#settle());
    board.stage.addEventListener("blur", () => {
      this.endAim();
      this.#settle();
    });
  }

  #press(event) {
    const act = this.aimed
      ? this.#aiming(event)
      : event.ctrlKey || event.metaKey
        ? this.#control(event)
        : this.#plain(event);
    // The notebook has commands on single keys: one that means nothing here must not insert a cell there.
    if (act || !(event.ctrlKey || event.metaKey || event.key === "Tab")) event.stopPropagation();
    if (!act) return;
    event.preventDefault();
    act();
  }

  #control({ key, shiftKey }) {
    const { board } = this;
    const copied = board.selectedCards();
    return {
      z: () => board.ask({ kind: shiftKey ? "redo" : "undo" }),
      y: () => board.ask({ kind: "redo" }),
      a: () => board.select([...board.drawing.cards.keys()]),
      c: () => this.#copy(copied)?.then(() => board.say(`copied: ${copied.join(", ")}`)),
      x: () => this.#copy(copied)?.then(() => board.ask({ kind: "remove", keys: copied })),
      v: () => board.ask({ kind: "paste" }),
      d: () => board.duplicate(),
    }[key.toLowerCase()];
  }

  #copy(keys) {
    return keys.length
      ? this.board.ask({ kind: "copy", keys })
      : this.board.say("Select the cards to copy first", "refusal");
  }

  #plain(event) {
    const { board } = this;
    const { key } = event;
    const link = board.selection.find((each) => board.drawing.wires.has(each));
    if (key in AHEAD) return () => this.#arrow(event);
    const acts = {
      n: () => board.palette.focus(),
      c: () => this.#aim(board.selectedCards().at(-1)),
      l: () => this.#nextLink(),
      i: () => (link ? board.popups.insert(link) : board.say("Select a link first (L)", "refusal")),
      e: () => board.edit(),
      enter: () => board.edit(),
      r: () => board.rename(),
      f2: () => board.rename(),
      d: () => board.duplicate(),
      g: () => (event.shiftKey ? this.#ungroup() : board.group()),
      delete: () => board.remove(),
      backspace: () => board.remove(),
      escape: () => board.select([]),
      t: () => board.ask({ kind: "tidy" }).then(() => board.fit()),
      f: () => board.fit(),
      "+": () => board.view.zoom(1.25),
      "=": () => board.view.zoom(1.25),
      "-": () => board.view.zoom(0.8),
      p: () => board.buttons.play?.click(),
      "/": () => board.searching.focus(),
      "?": () => board.popups.help(),
      home: () => this.#go([...board.drawing.cards.keys()][0]),
      end: () => this.#go([...board.drawing.cards.keys()].at(-1)),
    };
    return event.altKey ? undefined : acts[key.toLowerCase()];
  }

  #arrow(event) {
    const { board } = this;
    const last = board.selectedCards().at(-1);
    if (event.altKey && board.scene.does.includes("move"))
      return this.#nudge(event.key, event.shiftKey ? 5 * STEP : STEP);
    const next = last ? this.#ahead(event.key, last) : [...board.drawing.cards.keys()][0];
    if (!next) return undefined;
    if (event.shiftKey) board.select([...board.selection.filter((key) => key !== next), next]);
    else board.select([next]);
    return board.view.reveal(board.drawing.box([next]));
  }

  #ahead(key, from) {
    const { places } = this.board.drawing;
    const [x, y] = places.get(from);
    const far = ([, [cx, cy]]) => AHEAD[key](cx - x, cy - y);
    const ahead = [...places].filter((each) => each[0] !== from && !Number.isNaN(far(each)));
    return ahead.sort((a, b) => far(a) - far(b))[0]?.[0];
  }

  #nudge(key, step) {
    const { board } = this;
    const [dx, dy] = { ArrowRight: [step, 0], ArrowLeft: [-step, 0], ArrowDown: [0, step], ArrowUp: [0, -step] }[key];
    for (const each of board.selectedCards()) {
      const [x, y] = this.nudged.get(each) ?? board.drawing.places.get(each);
      this.nudged.set(each, [x + dx, y + dy]);
    }
    board.drawing.move(this.nudged);
  }

  // A held arrow is one move: it is told when the key comes up.
  #settle() {
    if (!this.nudged.size) return;
    const places = Object.fromEntries(this.nudged);
    this.nudged.clear();
    this.board.ask({ kind: "move", places });
  }

  // What a new scene leaves of what was begun by keys.
  follow() {
    const { cards } = this.board.drawing;
    if (this.aimed && !(cards.has(this.aimed.from) && cards.has(this.aimed.to))) this.endAim();
    for (const key of this.nudged.keys()) if (!cards.has(key)) this.nudged.delete(key);
    if (this.nudged.size) this.board.drawing.move(this.nudged);
  }

  #go(key) {
    if (!key) return;
    this.board.select([key]);
    this.board.view.reveal(this.board.drawing.box([key]));
  }

  #nextLink() {
    const { board } = this;
    const chosen = board.selection.at(-1);
    const wires = board.scene.wires.filter(({ id }) => !id.endsWith("!"));
    const own = board.drawing.cards.has(chosen) ? chosen : this.linksOf;
    if (board.drawing.cards.has(chosen)) this.linksOf = chosen;
    const near = own ? wires.filter(({ from, to }) => from === own || to === own) : wires;
    if (!near.length) return board.say("no links here", "refusal");
    const at = near.findIndex(({ id }) => id === chosen);
    return board.select([near[(at + 1) % near.length].id]);
  }

  #ungroup() {
    const { board } = this;
    const own = board.scene.groups.find(({ cards }) => board.selection.some((key) => cards.includes(key)));
    if (own) board.ask({ kind: "ungroup", title: own.title });
  }

  // --- connecting ---

  #aim(from) {
    const { board } = this;
    if (!from) return board.say("Select a card first", "refusal");
    const first = [...board.drawing.cards.keys()].find((key) => key !== from && board.fits(from, key).words);
    if (!first) return board.say(`nothing is there to which ${from} could lead`, "refusal");
    this.aimed = { from, to: first };
    return board.aim(from, first);
  }

  #aiming(event) {
    const { board, aimed } = this;
    if (event.key in AHEAD) return () => this.#aimAt(this.#ahead(event.key, aimed.to) ?? aimed.to);
    if (event.key === "Enter")
      return () => {
        const { from, to } = aimed;
        const { words, why } = board.fits(from, to);
        if (!words) return board.say(why, "refusal");
        this.endAim();
        return board.connect(from, to);
      };
    if (event.key === "Escape") return () => this.endAim();
    return event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey
      ? () => this.#spell(event)
      : undefined;
  }

  // Aims at the first card whose name begins with the letters typed in a row.
  #spell({ key, timeStamp }) {
    const { board, aimed } = this;
    aimed.letters = timeStamp - aimed.typed < SPELLS_MS ? aimed.letters + key : key;
    aimed.typed = timeStamp;
    const found = [...board.drawing.cards.keys()].find((id) =>
      id.toLowerCase().startsWith(aimed.letters.toLowerCase()),
    );
    if (!found) return board.say(`no name begins with ${aimed.letters}`, "refusal");
    this.#aimAt(found);
  }

  #aimAt(key) {
    const { board, aimed } = this;
    aimed.to = key;
    board.aim(aimed.from, key);
    board.view.reveal(board.drawing.box([key]));
  }

  endAim() {
    if (!this.aimed) return;
    this.aimed = null;
    this.board.aim(null);
  }
}
