// Which names are written if not all of them fit. Pure. A name that is shown stays shown as long as possible, so that the
// picture is calm. The important names come first: the own player, the followed one, players with a status.

/**
 * @typedef {object} Box
 * @property {string} id
 * @property {string} ship   the id of its ship, which it may cover
 * @property {number} x      left
 * @property {number} y      top
 * @property {number} width
 * @property {number} height
 * @property {number} rank   smaller is more important
 */

const CELL_PX = 64;
/** A name needs more room to appear than to stay. Otherwise names flicker where ships pass each other. */
const ROOM_PX = 4;

/**
 * @param {Box[]} boxes
 * @param {ReadonlySet<string>} shown ids of the boxes that were shown last time
 * @param {{ width: number, height: number }} screen
 * @param {Box[]} [obstacles] boxes that must not be covered, except by boxes of rank 0 and 1
 * @returns {Set<string>}
 */
export function place(boxes, shown, screen, obstacles = []) {
  const order = boxes
    .filter((box) => box.x + box.width > 0 && box.y + box.height > 0 && box.x < screen.width && box.y < screen.height)
    .map((box) => (shown.has(box.id) ? { box, rank: box.rank - 0.5 } : { box: grown(box, ROOM_PX), rank: box.rank }))
    .sort((a, b) => a.rank - b.rank || (a.box.id < b.box.id ? -1 : 1));
  /** @type {Map<string, Box[]>} */
  const cells = new Map();
  /** @type {Set<string>} */
  const placed = new Set();
  const occupy = (/** @type {Box} */ box, /** @type {string[]} */ covered) => {
    for (const key of covered) {
      const cell = cells.get(key);
      if (cell) cell.push(box);
      else cells.set(key, [box]);
    }
  };
  const solid = new Set(obstacles);
  for (const box of obstacles) occupy(box, covers(box));
  for (const { box } of order) {
    const covered = covers(box);
    const hit = (/** @type {Box} */ other) => !(solid.has(other) && (box.rank <= 1 || box.ship === other.ship)) && overlap(box, other);
    if (covered.some((key) => cells.get(key)?.some(hit))) continue;
    placed.add(box.id);
    occupy(box, covered);
  }
  return placed;
}

/** The cells of a coarse grid that a box touches. Each box is compared with its neighbours only. */
function covers(/** @type {Box} */ box) {
  const keys = [];
  for (let column = Math.floor(box.x / CELL_PX); column <= Math.floor((box.x + box.width) / CELL_PX); column++) {
    for (let row = Math.floor(box.y / CELL_PX); row <= Math.floor((box.y + box.height) / CELL_PX); row++) {
      keys.push(`${column},${row}`);
    }
  }
  return keys;
}

/** @returns {Box} */
function grown(/** @type {Box} */ box, /** @type {number} */ by) {
  return { ...box, x: box.x - by, y: box.y - by, width: box.width + 2 * by, height: box.height + 2 * by };
}

function overlap(/** @type {Box} */ a, /** @type {Box} */ b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
