// The admin API, as the console uses it. docs/operators.md describes the API.

/** How long an answer may take, in ms. */
const PATIENCE_MS = 8_000;

/** So many rooms are on one page of the list. */
export const ROOMS_A_PAGE = 50;
/** So many players are on one page, and on the map. It is the most that the API gives at once. */
export const PLAYERS_A_PAGE = 1_000;

/**
 * @typedef {{ messages: number, frames: number }} Traffic
 * @typedef {{ room: string, players: number, watchers: number, connections: number, size: number, traffic: Traffic | null }} RoomView
 * @typedef {{ rooms: RoomView[], total: number, next: string | null }} RoomPage
 * @typedef {{ x: number, y: number, z: number, vx: number, vy: number, vz: number, h: number }} Place
 *
 * @typedef {object} PlayerView
 * @property {string} id
 * @property {number} n
 * @property {string} name
 * @property {string} status
 * @property {Record<string, unknown>} data
 * @property {Place | null} position
 * @property {string} address
 * @property {number} connections
 * @property {number} age_s
 * @property {number} seen_s
 *
 * @typedef {{ room: string, size: number, players: PlayerView[], total: number, next: string | null }} PlayerPage
 *
 * @typedef {object} Point
 * @property {number} at_ms
 * @property {number} players
 * @property {number} rooms
 * @property {number} connections
 * @property {number} messages_per_s
 * @property {number} frames_per_s
 * @property {number | null} latency_ms
 * @property {number | null} latency_p95_ms
 * @property {number} aws_dollars_per_hour
 *
 * @typedef {{ version: string, players: number, rooms: number, connections: number, uptime_s: number, draining: boolean }} Now
 * @typedef {{ now: Now, interval_s: number, points: Point[] }} Stats
 * @typedef {{ player: string, until_ms: number, reason: string }} Ban
 */

/** The API refused a request. The text is its reason. */
export class Refusal extends Error {
  /** @param {number} status of HTTP @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const part = encodeURIComponent;

export class Api {
  #key;

  constructor(/** @type {string} */ key) {
    this.#key = key;
  }

  /** @returns {Promise<RoomPage>} */
  rooms(/** @type {string} */ prefix, /** @type {string} */ after) {
    return this.#ask("GET", `rooms?limit=${ROOMS_A_PAGE}&prefix=${part(prefix)}&after=${part(after)}`);
  }

  /** @returns {Promise<PlayerPage>} */
  players(/** @type {string} */ room, /** @type {string} */ after) {
    return this.#ask("GET", `rooms/${part(room)}?limit=${PLAYERS_A_PAGE}&after=${part(after)}`);
  }

  /** @returns {Promise<Stats>} */
  stats(/** @type {number} */ after_ms) {
    return this.#ask("GET", `stats?after_ms=${after_ms}`);
  }

  /** @returns {Promise<{ closed: number }>} */
  kick(/** @type {string} */ room, /** @type {string} */ player, /** @type {string} */ reason) {
    return this.#ask("POST", `rooms/${part(room)}/players/${part(player)}/kick`, { reason });
  }

  /** A ban is for all rooms; the path of the API names one. @returns {Promise<Ban & { closed: number }>} */
  ban(/** @type {string} */ room, /** @type {string} */ player, /** @type {number} */ seconds, /** @type {string} */ reason) {
    return this.#ask("POST", `rooms/${part(room)}/players/${part(player)}/ban`, { seconds, reason });
  }

  /** @returns {Promise<{ bans: Ban[] }>} */
  bans() {
    return this.#ask("GET", "bans");
  }

  /** @param {string} player "": all players @returns {Promise<{ removed: number }>} */
  unban(player) {
    return this.#ask("DELETE", player ? `bans/${part(player)}` : "bans");
  }

  /** @param {string} room "": all rooms @param {string} event @param {object} data @returns {Promise<{ connections: number }>} */
  send(room, event, data) {
    return this.#ask("POST", room ? `rooms/${part(room)}/events` : "events", { event, data });
  }

  /** @returns {Promise<{ closed: number }>} */
  close(/** @type {string} */ room) {
    return this.#ask("DELETE", `rooms/${part(room)}`);
  }

  /** @returns {Promise<{ players: number, seconds: number }>} */
  drain(/** @type {number} */ seconds) {
    return this.#ask("POST", "drain", { seconds });
  }

  /**
   * Throws Refusal, and another error if there is no answer.
   * @param {"GET" | "POST" | "DELETE"} method
   * @param {string} path relative to the page
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #ask(method, path, body) {
    if (!/^[\x21-\x7e]+$/.test(this.#key)) throw new Refusal(401, "The key has characters that no key of the admin API has.");
    const answer = await fetch(new URL(path, document.baseURI), {
      method,
      body: body && JSON.stringify(body),
      headers: { Authorization: `Bearer ${this.#key}`, ...(body && { "Content-Type": "application/json" }) },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const found = await answer.json().catch(() => null);
    if (answer.ok && found !== null) return found;
    throw new Refusal(answer.status, typeof found?.detail === "string" ? found.detail : `The lobby answered with status ${answer.status}.`);
  }
}
