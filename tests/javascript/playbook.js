// Plays a play-book (tests/playbooks/*.json) against the connection of the page. README.md there describes the format.

import { readFileSync, readdirSync } from "node:fs";

import { Connection } from "../../clients/javascript/client/connection.js";

const FOLDER = new URL("../playbooks/", import.meta.url);
const TICK_MS = 20;

/** The names of all play-books. */
export const books = () => readdirSync(FOLDER).filter((name) => name.endsWith(".json")).sort();
export const read = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

/** A socket that does what the play-book says. */
class FakeSocket {
  is_open = false;
  is_closed = false;
  close_code = 1006;
  close_reason = "";
  hangs = false;
  arrived = [];
  #pongs = [];
  #is_closing = false;

  constructor(stage, number) {
    this.stage = stage;
    this.number = number;
  }

  take(most) {
    return this.arrived.splice(0, most);
  }

  send(text) {
    const message = JSON.parse(text);
    this.stage.log(`socket ${this.number} sends`, message);
    if (message.action === "ping" && this.stage.pongs) this.#pongs.push(JSON.stringify({ type: "pong", t: message.t, now: 1 }));
  }

  close() {
    this.stage.log(`socket ${this.number} closes`, 1000);
    this.is_open = false;
    this.#is_closing = true;
  }

  end(code, reason) {
    this.is_open = false;
    this.is_closed = true;
    this.close_code = code;
    this.close_reason = reason;
  }

  /** What is left from the last tick: pongs arrive, and a close is answered. */
  beginTick() {
    if (this.#is_closing && !this.hangs && !this.is_closed) this.end(1000, "");
    if (this.is_open) this.arrived.push(...this.#pongs);
    this.#pongs = [];
  }
}

/** The connection, its sockets and the log of one play-book. */
export class Stage {
  now_ms = 0;
  pongs = true;
  sockets = [];
  entries = [];
  #busy_until_ms = 0;
  #state = "closed";

  constructor(book, options = {}) {
    this.book = book;
    this.connection = new Connection({
      newSocket: (url) => {
        if (!url) throw new Error("no address");
        this.log(`socket ${this.sockets.length} opens`, url);
        this.sockets.push(new FakeSocket(this, this.sockets.length));
        return this.sockets.at(-1);
      },
      random: () => book.random,
      on: {
        disconnected: (reason, pause_ms) => this.log("disconnected", reason, Math.round(pause_ms)),
        refused: (code, message) => this.log("refused", code, message),
        message: ({ type }, _, is_busy) => this.log("message", type, ...(is_busy ? ["busy"] : [])),
      },
      ...options,
    });
    if (book.takeover_ms !== undefined) this.connection.takeover_ms = book.takeover_ms;
  }

  log(what, ...values) {
    this.entries.push([this.now_ms, what, ...values]);
  }

  /** Plays everything and returns the log. */
  play() {
    const steps = [...this.book.steps];
    for (; this.now_ms <= this.book.until; this.now_ms += this.book.tick_ms ?? TICK_MS) {
      for (const socket of this.sockets) socket.beginTick();
      while (steps.length > 0 && steps[0].at <= this.now_ms) {
        this.take(steps.shift());
        this.#noteState();
      }
      if (this.now_ms >= this.#busy_until_ms) {
        this.connection.poll(this.now_ms);
        this.#noteState();
      }
    }
    if (steps.length > 0) throw new Error("there are steps after the end");
    return this.entries;
  }

  #noteState() {
    if (this.connection.state === this.#state) return;
    this.#state = this.connection.state;
    this.log("state", this.#state);
  }

  /** Takes one step. */
  take(step) {
    const socket = this.sockets[step.socket];
    if (step.client === "open") this.connection.open(step.url, this.now_ms);
    else if (step.client === "close") this.connection.close(this.now_ms);
    else if (step.client === "nudge") this.connection.nudge(this.now_ms);
    else if (step.client === "send") this.connection.send(step.text) || this.log("not sent");
    else if (step.client === "send_position") this.connection.sendPosition(step.text, step.seq, this.now_ms) || this.log("not sent");
    else if (step.does === "open") socket.is_open = true;
    else if (step.does === "close") socket.end(step.code, step.reason);
    else if (step.does === "hang") socket.hangs = true;
    else if ("receives" in step) socket.arrived.push(...Array(step.times ?? 1).fill(JSON.stringify(step.receives)));
    else if ("receives_hex" in step) socket.arrived.push(Uint8Array.from(Buffer.from(step.receives_hex, "hex")));
    else if ("receives_text" in step) socket.arrived.push(step.receives_text);
    else if ("pongs" in step) this.pongs = step.pongs;
    else if ("busy_until" in step) this.#busy_until_ms = step.busy_until;
    else throw new Error(`unknown step: ${JSON.stringify(step)}`);
  }
}
