// How long to wait before trying again. Full jitter: a thousand players whose lobby restarts come back spread out over
// the whole pause and not all at its end. Pure: the random number is an argument.

export const BASE_MS = 500;
export const CAP_MS = 30_000;

/** A connection that lived shorter than this was no success: a lobby that accepts and drops us at once must not be hammered. */
export const PROVEN_MS = 5_000;

/**
 * @param {number} tries how often we already tried in vain, from 0
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds
 */
export function pauseBefore(tries, random) {
  return random * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(tries, 30));
}

/**
 * What a close code asks of us: 4000-4499 come back, 4500-4999 do not until a person has changed something, and every
 * other one (1001, 1006, 1011) is an accident: come back.
 * @param {number} code
 */
export function mayComeBack(code) {
  return code < 4500 || code > 4999;
}
