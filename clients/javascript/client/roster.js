// Which players are in the room, and their last known positions: a function from (roster, message, now) to a new roster and
// its differences. Pure. A `welcome` replaces what was known. It is compared with that, and only the differences are reported:
// after a short disconnect no player leaves and joins again. When the lobby restarts, the players reconnect one after the other:
// a player that the first `welcome` after a disconnect does not list is kept for GRACE_MS.

import { GRACE_MS, ROSTER_MOST } from "./constants.js";

/**
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./messages.js").PlayerEntry} PlayerEntry
 * @typedef {import("./messages.js").Position} Position
 *
 * @typedef {PlayerEntry & { seen_ms: number }} Player `seen_ms`: when the last position or join arrived, on the page's clock
 *
 * @typedef {object} Roster
 * @property {string} me      id of the own player; "": no welcome yet
 * @property {number} n       the own player's number
 * @property {ReadonlyMap<string, Player>} players without the own player
 * @property {ReadonlyMap<number, string>} numbers ids by number
 * @property {boolean} was_cut  the connection was lost, so players may be missing in the next welcome
 * @property {ReadonlyMap<string, number>} missing  when players that a welcome did not list are removed, by id
 *
 * @typedef {object} Moved
 * @property {string} id
 * @property {Position} position
 * @property {number} server_ms the server's clock; 0: not given
 *
 * @typedef {object} Change
 * @property {Roster} roster
 * @property {Player[]} joined
 * @property {Player[]} left
 * @property {Player[]} placed  have a new position (from a welcome or a join)
 * @property {Moved[]} moved
 * @property {boolean} has_unknown an unknown player moved: the client should ask for a welcome
 */

/** @type {Roster} */
export const EMPTY = Object.freeze({ me: "", n: 0, players: new Map(), numbers: new Map(), was_cut: false, missing: new Map() });

/** @returns {Change} */
const unchanged = (/** @type {Roster} */ roster) => ({ roster, joined: [], left: [], placed: [], moved: [], has_unknown: false });

/** @returns {Roster} */
function withPlayers(/** @type {Roster} */ roster, /** @type {Map<string, Player>} */ players) {
  const numbers = new Map();
  const missing = new Map([...roster.missing].filter(([id]) => players.has(id)));
  for (const player of players.values()) if (player.n && !missing.has(player.id)) numbers.set(player.n, player.id);
  return { ...roster, players, numbers, missing };
}

/** Whether a player has sent a position. A player that has just joined may not have sent one yet. */
export const hasPosition = (/** @type {Position} */ { x, y, seq }) => seq > 0 || x !== 0 || y !== 0;

const isPlacedAnew = (/** @type {Player | undefined} */ known, /** @type {Player} */ player) =>
  !known || known.position.x !== player.position.x || known.position.y !== player.position.y;

/** The connection was lost. @returns {Roster} */
export const cut = (/** @type {Roster} */ roster) => (roster.me ? { ...roster, was_cut: true } : roster);

/** Removes the players that were missing for too long. @returns {Change} */
export function expire(/** @type {Roster} */ roster, /** @type {number} */ now_ms) {
  const gone = [...roster.missing].filter(([, until_ms]) => now_ms >= until_ms).map(([id]) => id);
  if (gone.length === 0) return unchanged(roster);
  const players = new Map(roster.players);
  const left = [];
  for (const id of gone) {
    const known = players.get(id);
    if (known) left.push(known);
    players.delete(id);
  }
  return { ...unchanged(withPlayers(roster, players)), left };
}

/**
 * Applies a message. The given roster stays as it is.
 * @param {Roster} roster
 * @param {Message} message
 * @param {number} now_ms the page's clock
 * @returns {Change}
 */
export function apply(roster, message, now_ms) {
  switch (message.type) {
    case "welcome":
      return welcome(roster, message, now_ms);
    case "join":
      return join(roster, { ...message.player, seen_ms: now_ms });
    case "leave":
      return leave(roster, message.id);
    case "moves":
      return moves(roster, message, now_ms);
    case "pos":
      return move(roster, message.id, message.position, now_ms);
    case "status":
      return status(roster, message.id, message.status);
    default:
      return unchanged(roster);
  }
}

/** @returns {Change} */
function welcome(/** @type {Roster} */ roster, /** @type {import("./messages.js").Welcome} */ message, /** @type {number} */ now_ms) {
  /** @type {Map<string, Player>} */
  const players = new Map();
  for (const entry of message.players) if (entry.id !== message.your_id) players.set(entry.id, { ...entry, seen_ms: now_ms });
  const listed = [...players.values()];
  const missing = new Map();
  const left = [];
  for (const known of roster.players.values()) {
    if (players.has(known.id) || known.id === message.your_id) continue;
    const until_ms = roster.missing.get(known.id) ?? (roster.was_cut ? now_ms + GRACE_MS : undefined);
    if (until_ms === undefined || players.size >= ROSTER_MOST) left.push(known);
    else {
      missing.set(known.id, until_ms);
      players.set(known.id, known);
    }
  }
  const change = unchanged(withPlayers({ ...roster, me: message.your_id, n: message.n, was_cut: false, missing }, players));
  change.left = left;
  for (const player of listed) {
    const known = roster.players.get(player.id);
    if (!known) change.joined.push(player);
    if (isPlacedAnew(known, player)) change.placed.push(player);
  }
  return change;
}

/** @returns {Change} */
function join(/** @type {Roster} */ roster, /** @type {Player} */ joined) {
  if (joined.id === roster.me) return unchanged(roster);
  const known = roster.players.get(joined.id);
  if (!known && roster.players.size >= ROSTER_MOST) return unchanged(roster);
  // A repeated join is right as well, but its position may be older than the known one.
  const is_older = known && known.n === joined.n && known.position.seq > joined.position.seq;
  const is_missing = roster.missing.has(joined.id);
  // A player that has just reconnected has not sent a position yet.
  const has_none = known && is_missing && !hasPosition(joined.position);
  const player = has_none || (is_older && !is_missing) ? { ...joined, position: known.position } : joined;
  const missing = new Map(roster.missing);
  missing.delete(joined.id);
  const change = unchanged(withPlayers({ ...roster, missing }, new Map(roster.players).set(player.id, player)));
  if (!known) change.joined.push(player);
  if (isPlacedAnew(known, player)) change.placed.push(player);
  return change;
}

/** @returns {Change} */
function leave(/** @type {Roster} */ roster, /** @type {string} */ id) {
  const known = roster.players.get(id);
  if (!known) return unchanged(roster);
  const players = new Map(roster.players);
  players.delete(known.id);
  return { ...unchanged(withPlayers(roster, players)), left: [known] };
}

/** Returns the player at the new position; null if the known position is newer. @returns {Player | null} */
function moveTo(/** @type {Player} */ known, /** @type {Position} */ position, /** @type {number} */ now_ms) {
  const { seq } = position;
  if (seq !== 0 && seq <= known.position.seq) return null;
  return { ...known, position: { ...position, seq: seq || known.position.seq }, seen_ms: now_ms };
}

/** @returns {Change} */
function moves(/** @type {Roster} */ roster, /** @type {import("./messages.js").Moves} */ message, /** @type {number} */ now_ms) {
  const change = unchanged(roster);
  const players = new Map(roster.players);
  for (const { n, position } of message.entries) {
    if (n === roster.n) continue;
    const id = roster.numbers.get(n);
    const known = id === undefined ? undefined : players.get(id);
    if (!known) {
      change.has_unknown = true;
      continue;
    }
    const player = moveTo(known, position, now_ms);
    if (!player) continue;
    players.set(player.id, player);
    change.moved.push({ id: player.id, position, server_ms: message.t });
  }
  if (change.moved.length > 0) change.roster = { ...roster, players };
  return change;
}

/** @returns {Change} */
function move(/** @type {Roster} */ roster, /** @type {string} */ id, /** @type {Position} */ position, /** @type {number} */ now_ms) {
  if (id === roster.me) return unchanged(roster);
  const known = roster.players.get(id);
  if (!known) return { ...unchanged(roster), has_unknown: true };
  const player = moveTo(known, position, now_ms);
  if (!player) return unchanged(roster);
  const players = new Map(roster.players).set(id, player);
  return { ...unchanged({ ...roster, players }), moved: [{ id, position, server_ms: 0 }] };
}

/** @returns {Change} */
function status(/** @type {Roster} */ roster, /** @type {string} */ id, /** @type {string} */ text) {
  const known = roster.players.get(id);
  if (!known) return unchanged(roster);
  return unchanged({ ...roster, players: new Map(roster.players).set(id, { ...known, status: text }) });
}
