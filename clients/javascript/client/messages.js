// The wire format of the protocol, versions 1 to 3, without compact positions (compact.js). No other file knows the names of JSON fields. Pure.
//
// A server is not trusted: a text that is not a valid message of the protocol becomes null and changes nothing.

import { CONFIG_LONGEST_MS, ID_CHARACTERS, ROSTER_MOST, SENTENCE_CHARACTERS } from "./constants.js";
import { oneLine } from "./text.js";

/** The newest version of the protocol that the page knows. */
export const VERSION = 3;
/** Larger data is left out: no lobby stores it. */
const DATA_BYTES_MOST = 16_384;
/** A number of this size or larger is not valid. */
const NUMBER_LIMIT = 1e15;

/**
 * @typedef {object} Position
 * @property {number} x   units
 * @property {number} y   units
 * @property {number} vx  units per second
 * @property {number} vy  units per second
 * @property {number} h   heading, in radians
 * @property {number} seq 0: in order of arrival
 * @property {number} t   the sender's clock modulo CLOCK_MODULUS_MS; 0: perhaps not given
 * @property {number} z   height, in units
 * @property {number} vz  units per second
 *
 * @typedef {Record<string, unknown>} Data an object of the game, as JSON
 *
 * @typedef {object} PlayerEntry a player in `welcome` or `join`
 * @property {string} id
 * @property {number} n       number in the room; 0: the lobby gave none (version 1)
 * @property {string} name
 * @property {string} status
 * @property {Position} position
 * @property {number} age how long ago the lobby stored the position, in ms; 0: just now, or unknown
 * @property {Data} data
 *
 * @typedef {object} Welcome all other players of the room; it replaces what the client knew
 * @property {"welcome"} type
 * @property {string} your_id
 * @property {number} n
 * @property {number} v
 * @property {Position} position of the own player, as the lobby has it
 * @property {PlayerEntry[]} players
 * @property {number} t the server's clock, in ms; 0: not given
 * @property {string} status of the own player
 * @property {Data} data   of the own player
 * @property {boolean} watch the own connection is a watcher
 *
 * @typedef {{ type: "join", player: PlayerEntry }} Join
 * @typedef {{ type: "leave", id: string }} Leave
 * @typedef {{ type: "changes", left: string[], joined: PlayerEntry[] }} Changes players left and joined, in this order (version 3)
 * @typedef {{ type: "pos", id: string, position: Position }} PlayerPosition a player moved (version 1 only)
 * @typedef {{ type: "status", id: string, status: string }} StatusChanged
 * @typedef {{ type: "data", id: string, data: Data }} DataChanged
 * @typedef {{ type: "event", id: string, event: string, data: Data }} EventMessage `id`: of the sender; "": an operator
 *
 * @typedef {object} Moves all positions of one window
 * @property {"moves"} type
 * @property {number} t the server's clock, in ms; 0: not given
 * @property {{ n: number, position: Position }[]} entries
 *
 * @typedef {object} Config the timing that the lobby asks for, in ms
 * @property {"config"} type
 * @property {number} send_ms      shortest interval between two positions of a client
 * @property {number} window_ms    the lobby collects positions for so long before it sends them
 * @property {number} far_ms       the same for receivers that are far away
 * @property {number} heartbeat_ms interval between a client's pings
 * @property {number} return_ms    over which time clients return after the lobby has closed all connections
 *
 * @typedef {{ type: "pong", t: number, now: number, seq: number | null }} Pong `seq`: null if the lobby is too old to send it
 *
 * @typedef {object} ErrorMessage the lobby refused a message, or is about to close the connection
 * @property {"error"} type
 * @property {string} code
 * @property {string} message
 * @property {number} close in a closing error, the close code; else 0
 * @property {{ x: number, y: number, z: number } | null} place where the lobby has the own player instead
 *
 * @typedef {Welcome | Join | Leave | Changes | Moves | PlayerPosition | StatusChanged | DataChanged | EventMessage | Config | Pong | ErrorMessage} Message
 */

/** @returns {value is Record<string, unknown>} */
const isObject = (/** @type {unknown} */ value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The fields of one message. A field that is not valid throws, which makes the whole message invalid. */
class Fields {
  /** @type {Record<string, unknown>} */
  #body;

  constructor(/** @type {unknown} */ body) {
    if (!isObject(body)) throw new TypeError("not an object");
    this.#body = body;
  }

  has(/** @type {string} */ name) {
    return Object.hasOwn(this.#body, name);
  }

  /** Whether the field has a value; null is none. */
  hasValue(/** @type {string} */ name) {
    return this.has(name) && this.#body[name] !== null;
  }

  isTrue(/** @type {string} */ name) {
    return this.has(name) && this.#body[name] === true;
  }

  /** @returns {string} */
  text(/** @type {string} */ name, /** @type {string | undefined} */ missing = undefined) {
    const value = this.has(name) ? this.#body[name] : missing;
    if (typeof value !== "string") throw new TypeError(name);
    return value;
  }

  number(/** @type {string} */ name, /** @type {number | undefined} */ missing = undefined) {
    return number(this.has(name) ? this.#body[name] : missing);
  }

  duration(/** @type {string} */ name, /** @type {number | undefined} */ missing = undefined) {
    const value = this.number(name, missing);
    if (value < 0 || value > CONFIG_LONGEST_MS) throw new RangeError(name);
    return value;
  }

  /** The id of a player. */
  id(/** @type {string} */ name) {
    const value = this.text(name);
    if (!value || value.length > ID_CHARACTERS) throw new TypeError(name);
    return value;
  }

  /** The object of the game; {} if there is none, or if it is larger than any lobby stores. @returns {Data} */
  data() {
    const value = this.has("data") ? this.#body.data : {};
    if (!isObject(value)) throw new TypeError("data");
    return JSON.stringify(value).length <= DATA_BYTES_MOST ? value : {};
  }

  /** The ids of players; none if there is no list. */
  ids(/** @type {string} */ name) {
    return this.has(name) ? this.list(name).map((id) => new Fields({ id }).id("id")) : [];
  }

  /** The entries of players; none if there is no list. */
  players(/** @type {string} */ name) {
    return this.has(name) ? this.list(name).map((body) => new Fields(body).player()) : [];
  }

  /** A list with at most one entry for each player. @returns {unknown[]} */
  list(/** @type {string} */ name) {
    const value = this.has(name) ? this.#body[name] : undefined;
    if (!Array.isArray(value) || value.length > ROSTER_MOST) throw new TypeError(name);
    return value;
  }

  /** @returns {Position} */
  position() {
    const [x, y, vx, vy, h, seq, z, vz] = ["x", "y", "vx", "vy", "h", "seq", "z", "vz"].map((name) => this.number(name, 0));
    return { x, y, vx, vy, h, seq, t: 0, z, vz };
  }

  /** @returns {PlayerEntry} */
  player() {
    const id = this.id("id");
    const name = oneLine(this.text("name", id)) || oneLine(id, ID_CHARACTERS);
    const position = { ...this.position(), t: this.number("t", 0) };
    const age = Math.max(0, this.number("age", 0));
    return { id, n: this.number("n", 0), name, status: oneLine(this.text("status", "")), position, age, data: this.data() };
  }
}

function number(/** @type {unknown} */ value) {
  if (typeof value !== "number" || !(Math.abs(value) < NUMBER_LIMIT)) throw new TypeError("not a number");
  return value;
}

/** `[n, x, y, vx, vy, h, seq, t, z, vz]`. All but n, seq and t are in hundredths. Zeros at the end are left out. */
function entry(/** @type {unknown} */ row) {
  if (!Array.isArray(row) || row.length === 0) throw new TypeError("m");
  const values = row.map(number);
  const [x, y, vx, vy, h, z, vz] = [1, 2, 3, 4, 5, 8, 9].map((at) => (values[at] ?? 0) / 100);
  return { n: values[0], position: { x, y, vx, vy, h, seq: values[6] ?? 0, t: values[7] ?? 0, z, vz } };
}

/** @returns {Message | null} */
function message(/** @type {Fields} */ fields) {
  const type = fields.text("type");
  switch (type) {
    case "moves":
      return { type, t: fields.number("t", 0), entries: fields.list("m").map(entry) };
    case "pos":
      return { type, id: fields.id("id"), position: fields.position() };
    case "welcome": {
      const players = fields.list("lobby_players").map((body) => new Fields(body).player());
      const [n, v, t] = [fields.number("n", 0), fields.number("v", 1), fields.number("t", 0)];
      const [status, data, watch] = [oneLine(fields.text("status", "")), fields.data(), fields.isTrue("watch")];
      return { type, your_id: fields.id("your_id"), n, v, position: fields.position(), players, t, status, data, watch };
    }
    case "join":
      return { type, player: fields.player() };
    case "leave":
      return { type, id: fields.id("id") };
    case "changes":
      return { type, left: fields.ids("leave"), joined: fields.players("join") };
    case "status":
      return { type, id: fields.id("id"), status: oneLine(fields.text("status")) };
    case "data":
      return { type, id: fields.id("id"), data: fields.data() };
    case "event": {
      const id = fields.text("id"); // empty: an operator of the lobby
      return { type, id: id && fields.id("id"), event: oneLine(fields.text("event")), data: fields.data() };
    }
    case "config": {
      const [send_ms, window_ms, far_ms, heartbeat_ms] = ["send_ms", "window_ms", "far_ms", "heartbeat_ms"].map((name) => fields.duration(name));
      return { type, send_ms, window_ms, far_ms, heartbeat_ms, return_ms: fields.duration("return_ms", 0) };
    }
    case "pong":
      return { type, t: fields.number("t"), now: fields.number("now"), seq: fields.hasValue("seq") ? fields.number("seq") : null };
    case "error": {
      const place = fields.hasValue("x") && fields.hasValue("y") ? { x: fields.number("x"), y: fields.number("y"), z: fields.number("z", 0) } : null;
      const text = oneLine(fields.text("message", ""), SENTENCE_CHARACTERS);
      const close = fields.hasValue("close") ? fields.number("close") : 0;
      return { type, code: oneLine(fields.text("code", "")), message: text, close, place };
    }
    default:
      return null; // a newer server may send other types
  }
}

/**
 * The message in a text from the lobby; null if it is not a valid message of the protocol.
 * @param {string} text
 * @returns {Message | null}
 */
export function decode(text) {
  try {
    return message(new Fields(JSON.parse(text)));
  } catch {
    return null;
  }
}

const hundredths = (/** @type {number} */ value) => Math.round(value * 100) / 100;

/** The own player's position. A game without height sends none. @param {import("./motion.js").Motion & { seq: number, t: number }} position */
export function encodePosition({ x, y, vx, vy, h, seq, t, z = 0, vz = 0 }) {
  const heading = Math.atan2(Math.sin(h), Math.cos(h));
  const [px, py, pvx, pvy, ph, pz, pvz] = [x, y, vx, vy, heading, z, vz].map(hundredths);
  const height = { ...(pz !== 0 && { z: pz }), ...(pvz !== 0 && { vz: pvz }) };
  return JSON.stringify({ action: "pos", x: px, y: py, vx: pvx, vy: pvy, h: ph, seq, t, ...height });
}

/** The own player's status; "" removes it. */
export const encodeStatus = (/** @type {string} */ status) => JSON.stringify({ action: "status", status });

/** The own player's name; "": its id is shown. */
export const encodeName = (/** @type {string} */ name) => JSON.stringify({ action: "name", name });

/** A change of the own player's data: a JSON merge patch. */
export const encodeData = (/** @type {Data} */ patch) => JSON.stringify({ action: "data", data: patch });

/**
 * An event for the player `to`, or for all others in the room. `seq` counts the events of a connection from 1.
 * @param {string} event
 * @param {Data} data
 * @param {string} to "": all others
 * @param {number} seq
 */
export const encodeEvent = (event, data, to, seq) =>
  JSON.stringify({ action: "send", event, ...(Object.keys(data).length > 0 && { data }), ...(to && { to }), seq });

/** Asks for a `pong` with the same `t`. */
export const encodePing = (/** @type {number} */ t) => JSON.stringify({ action: "ping", t });

/** Asks for a `welcome`. */
export const encodeHello = () => JSON.stringify({ action: "hello" });
