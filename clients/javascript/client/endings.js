// Why connections end, and whether the client comes back. Pure. The codes are in errors.js.

import { CLOSES, CODES } from "./errors.js";

/** The lobby's own close codes. From FIRST_FINAL on the client does not come back until a person changed something. */
const FIRST = 4000;
const FIRST_FINAL = 4500;
const LAST = 4999;

/**
 * @typedef {object} Ending
 * @property {string} code          of the closing error or of the close; "": none
 * @property {string} text          the reason, for people
 * @property {boolean} is_final     the client does not come back
 * @property {boolean} is_unexplained a plain close without a reason: its error may be lost, so the backoff is not reset
 */

/** Whether the close code is one of the lobby's own codes. Only these define whether to come back. */
export const isOwn = (/** @type {number} */ close) => close >= FIRST && close <= LAST;

/** Whether the error ends a connection. */
export const ends = (/** @type {string} */ code) => Object.hasOwn(CODES, code);

/** Whether the client does not come back: the close code decides if it is the lobby's own, else the error. */
export function isFinal(/** @type {string} */ code, /** @type {number} */ close) {
  if (isOwn(close)) return close >= FIRST_FINAL;
  return ends(code) && !CODES[code].retry;
}

/** The error that closes with this code; "" if there is none, and for codes that are not the lobby's own. */
export function codeOf(/** @type {number} */ close) {
  if (!isOwn(close)) return "";
  return Object.keys(CODES).find((code) => CODES[code].close === close) ?? "";
}

/** The meaning of an end, for people. */
export function meaning(/** @type {string} */ code, /** @type {number} */ close) {
  if (ends(code)) return CODES[code].meaning;
  return CLOSES[close] ?? `the connection was closed with ${close}`;
}
