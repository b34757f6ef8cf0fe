// What a hand wants, told to Python: one message at a time and the latest only, each of which is answered.

import { hear, SILENCE, tell } from "./dom.js";

const ANSWER_MS = 5000;

export class Asking {
  constructor(model, cleanups, say) {
    Object.assign(this, { model, say, asked: 0, waiting: null, wanted: [] });
    hear(model, cleanups, "msg:custom", (message) => this.#heard(message));
    cleanups.push(() => clearTimeout(this.silent));
  }

  get isBusy() {
    return this.waiting !== null;
  }

  // A message takes the place of those of its name that were not sent yet; `act` gets the answer.
  ask(message, act = () => {}, name = message.kind) {
    this.wanted = [...this.wanted.filter((each) => each.name !== name), { message, act, name }];
    if (!this.waiting) this.#send();
  }

  #send() {
    const next = this.wanted.shift();
    if (!next) return;
    this.waiting = `${Date.now().toString(36)}-${this.asked++}`;
    this.act = next.act;
    clearTimeout(this.silent);
    if (tell(this.model, { ...next.message, n: this.waiting }))
      this.silent = setTimeout(() => this.say(SILENCE, "refusal"), ANSWER_MS);
    else this.#unheard();
  }

  #unheard() {
    Object.assign(this, { waiting: null, wanted: [] });
    this.act({});
    this.say(SILENCE, "refusal");
  }

  #heard(message) {
    if (message.to !== this.waiting) return;
    clearTimeout(this.silent);
    this.waiting = null;
    this.say(message.refusal ? `${message.refusal.problem}. ${message.refusal.fix}` : "", "refusal");
    this.act(message);
    this.#send();
  }
}
