// Who is here and where they last said they stand: a function from (roster, message, now) to a new roster and what
// changed. No socket, no clock, no page. `welcome` is the whole truth; what it changes against what we knew is told as
// joins and leaves, so that everybody who was here before a blip is still the same ship after it.

import { STATUS_LIMIT, oneLine } from "./address.js";

/**
 * @typedef {object} Player
 * @property {string} id
 * @property {number} n       0: the lobby gave no number (version 1)
 * @property {string} name
 * @property {string} status
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} seq     the newest we have; 0: none, or in order of arrival
 * @property {number} heard_ms when we last heard of it, by our clock
 *
 * @typedef {object} Roster
 * @property {string} me      "": not welcomed yet
 * @property {number} n       our own number
 * @property {number} v       the version that is spoken
 * @property {ReadonlyMap<string, Player>} players without us
 * @property {ReadonlyMap<number, string>} numbers
 *
 * @typedef {object} Move
 * @property {string} id
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} t         the sender's clock modulo 65,536; 0: perhaps not given
 * @property {number} server_ms the server's clock; 0: not given
 *
 * @typedef {object} Change
 * @property {Roster} roster
 * @property {Player[]} joined
 * @property {Player[]} left
 * @property {Player[]} placed  stand where the lobby says, without a moment in time to it (welcome, join)
 * @property {Move[]} moved
 * @property {boolean} strangers somebody moved whom we do not know: ask for a new welcome
 */

/** @type {Roster} */
export const EMPTY = Object.freeze({ me: "", n: 0, v: 1, players: new Map(), numbers: new Map() });

const number = (/** @type {unknown} */ value) => (typeof value === "number" && Number.isFinite(value) ? value : 0);

/**
 * @param {any} entry of `welcome` or a `join`
 * @returns {Player | null}
 */
function playerFrom(entry, /** @type {number} */ now_ms) {
  if (typeof entry !== "object" || entry === null || typeof entry.id !== "string" || !entry.id) return null;
  return {
    id: entry.id,
    n: number(entry.n),
    name: oneLine(entry.name) || oneLine(entry.id, 64),
    status: oneLine(entry.status, STATUS_LIMIT),
    x: number(entry.x),
    y: number(entry.y),
    vx: number(entry.vx),
    vy: number(entry.vy),
    h: number(entry.h),
    seq: number(entry.seq),
    heard_ms: now_ms,
  };
}

/** @returns {Change} */
const nothing = (/** @type {Roster} */ roster) => ({ roster, joined: [], left: [], placed: [], moved: [], strangers: false });

/** @returns {Roster} */
function withPlayers(/** @type {Roster} */ roster, /** @type {Map<string, Player>} */ players) {
  const numbers = new Map();
  for (const player of players.values()) if (player.n) numbers.set(player.n, player.id);
  return { ...roster, players, numbers };
}

/**
 * @param {Roster} roster
 * @param {any} message as parsed from JSON; anything
 * @param {number} now_ms our clock
 * @returns {Change}
 */
export function received(roster, message, now_ms) {
  if (typeof message !== "object" || message === null) return nothing(roster);
  switch (message.type) {
    case "welcome":
      return welcomed(roster, message, now_ms);
    case "join":
      return joined(roster, message, now_ms);
    case "leave":
      return left(roster, message);
    case "moves":
      return moved(roster, message, now_ms);
    case "pos":
      return movedOne(roster, message, now_ms);
    case "status":
      return spoke(roster, message);
    default:
      return nothing(roster); // the protocol grows: what we do not know we ignore
  }
}

/** @returns {Change} */
function welcomed(/** @type {Roster} */ roster, /** @type {any} */ message, /** @type {number} */ now_ms) {
  if (typeof message.your_id !== "string" || !Array.isArray(message.lobby_players)) return nothing(roster);
  /** @type {Map<string, Player>} */
  const players = new Map();
  for (const entry of message.lobby_players) {
    const player = playerFrom(entry, now_ms);
    if (player && player.id !== message.your_id) players.set(player.id, player);
  }
  const change = nothing(
    withPlayers({ ...roster, me: message.your_id, n: number(message.n), v: number(message.v) || 1 }, players),
  );
  for (const player of players.values()) {
    const known = roster.players.get(player.id);
    if (!known) change.joined.push(player);
    if (!known || known.x !== player.x || known.y !== player.y) change.placed.push(player);
  }
  for (const player of roster.players.values()) if (!players.has(player.id)) change.left.push(player);
  return change;
}

/** @returns {Change} */
function joined(/** @type {Roster} */ roster, /** @type {any} */ message, /** @type {number} */ now_ms) {
  let player = playerFrom(message, now_ms);
  if (!player || player.id === roster.me) return nothing(roster);
  const known = roster.players.get(player.id);
  if (known && known.n === player.n && known.seq > player.seq) {
    // Told again, it is the truth all the same; where the player stood may be old news.
    const { x, y, vx, vy, h, seq } = known;
    player = { ...player, x, y, vx, vy, h, seq };
  }
  const change = nothing(withPlayers(roster, new Map(roster.players).set(player.id, player)));
  if (!known) change.joined.push(player);
  if (!known || known.x !== player.x || known.y !== player.y) change.placed.push(player);
  return change;
}

/** @returns {Change} */
function left(/** @type {Roster} */ roster, /** @type {any} */ message) {
  const known = roster.players.get(message.id);
  if (!known) return nothing(roster);
  const players = new Map(roster.players);
  players.delete(known.id);
  return { ...nothing(withPlayers(roster, players)), left: [known] };
}

/** @returns {Change} */
function moved(/** @type {Roster} */ roster, /** @type {any} */ message, /** @type {number} */ now_ms) {
  if (!Array.isArray(message.m)) return nothing(roster);
  const change = nothing(roster);
  const players = new Map(roster.players);
  const server_ms = number(message.t);
  for (const entry of message.m) {
    if (!Array.isArray(entry)) continue;
    const n = number(entry[0]); // what was cut off at the end is read as 0
    if (n === roster.n) continue;
    const id = roster.numbers.get(n);
    const known = id === undefined ? undefined : players.get(id);
    if (!known) {
      change.strangers = true;
      continue;
    }
    const seq = number(entry[6]);
    if (seq !== 0 && seq <= known.seq) continue;
    const [x, y, vx, vy, h] = [1, 2, 3, 4, 5].map((at) => number(entry[at]) / 100);
    players.set(known.id, { ...known, x, y, vx, vy, h, seq: seq || known.seq, heard_ms: now_ms });
    change.moved.push({ id: known.id, x, y, vx, vy, h, t: number(entry[7]), server_ms });
  }
  if (change.moved.length > 0) change.roster = { ...roster, players };
  return change;
}

/** Version 1's way to say it: one player, whole units, no velocity, no clock. @returns {Change} */
function movedOne(/** @type {Roster} */ roster, /** @type {any} */ message, /** @type {number} */ now_ms) {
  if (typeof message.id !== "string" || message.id === roster.me) return nothing(roster);
  const known = roster.players.get(message.id);
  if (!known) return { ...nothing(roster), strangers: true };
  const seq = number(message.seq);
  if (seq !== 0 && seq <= known.seq) return nothing(roster);
  const [x, y, vx, vy, h] = [message.x, message.y, message.vx, message.vy, message.h].map(number);
  const players = new Map(roster.players);
  players.set(known.id, { ...known, x, y, vx, vy, h, seq: seq || known.seq, heard_ms: now_ms });
  const move = { id: known.id, x, y, vx, vy, h, t: number(message.t) % 65536, server_ms: 0 };
  return { ...nothing({ ...roster, players }), moved: [move] };
}

/** @returns {Change} */
function spoke(/** @type {Roster} */ roster, /** @type {any} */ message) {
  const known = roster.players.get(message.id);
  if (!known) return nothing(roster);
  const players = new Map(roster.players);
  players.set(known.id, { ...known, status: oneLine(message.status, STATUS_LIMIT) });
  return nothing({ ...roster, players });
}
