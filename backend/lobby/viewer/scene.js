// What the page shows of room and own ship: ships on the field, rows of the list, texts. Pure.

/**
 * @typedef {object} Known a session (session.js), or what a test has of it
 * @property {import("./room.js").Room} room
 * @property {import("./own_ship.js").OwnShip} own
 * @property {string} name of the own player; "": its id
 */

/**
 * All players that are drawn. The own player is the last: it covers the others.
 * @param {Known} known
 * @param {(id: string) => boolean} isMarked
 * @returns {import("./drawing.js").Drawable[]}
 */
export function ships({ room, own, name }, isMarked) {
  /** @type {import("./drawing.js").Drawable[]} */
  const all = [];
  for (const [id, at] of room.drawn) {
    const player = room.roster.players.get(id);
    if (player) all.push({ ...at, id, name: player.name, status: room.eventOf(id) || player.status, tint: room.tintOf(id), is_me: false, is_marked: isMarked(id) });
  }
  const { me } = room.roster;
  if (!own.is_placed || !me) return all;
  return [...all, { ...own.ship, z: 0, id: me, name: name || me, status: own.status, tint: room.tintOf(me), is_me: true, is_marked: isMarked(me) }];
}

/** The rows of the list, in any order. @returns {import("./panel.js").Row[]} */
export function rows(/** @type {Known} */ { room, own, name }) {
  const others = [...room.roster.players.values()].map(({ id, name, status, position }) => {
    const { x, y, z } = room.drawn.get(id) ?? position;
    const distance = own.is_placed ? Math.hypot(x - own.ship.x, y - own.ship.y, z) : NaN;
    return { id, name, status, tint: room.tintOf(id), distance, height: z, is_me: false };
  });
  const { me } = room.roster;
  if (!me || me.startsWith("#")) return others; // a watcher is no player
  return [...others, { id: me, name: name || me, status: own.status, tint: room.tintOf(me), distance: NaN, height: 0, is_me: true }];
}

/** The field in words, for screen readers. */
export function fieldLabel(/** @type {Known} */ { room, own }) {
  const is_watching = room.roster.me.startsWith("#");
  const here = room.roster.players.size + (room.roster.me && !is_watching ? 1 : 0);
  const count = `${here} ${here === 1 ? "player" : "players"}, ${room.delays_ms.length} moving`;
  const place = is_watching ? "You are watching." : `You are at ${Math.round(own.ship.x)}, ${Math.round(own.ship.y)}.`;
  return `The lobby from above: ${count}. ${place}`;
}

/** The own player and all others, as `window.lobby.snapshot()` returns them. */
export function snapshot(/** @type {Known} */ { room, own, name }) {
  const players = [...room.roster.players.values()].map(({ id, name, status, data, position: { x, y, z } }) => {
    const at = room.drawn.get(id);
    const late_ms = at && !Number.isNaN(at.late_ms) ? at.late_ms : null;
    return { id, name, status, data, x, y, z, drawn_x: at?.x ?? null, drawn_y: at?.y ?? null, drawn_z: at?.z ?? null, late_ms };
  });
  return { me: { id: room.roster.me, name, status: own.status, seq: own.seq, ...own.ship }, players };
}
