// Player data: JSON objects, changed by JSON merge patches (RFC 7396). Pure.

/** @typedef {Record<string, unknown>} Data */

/** @returns {value is Data} */
const isObject = (/** @type {unknown} */ value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** `known` after the merge patch. @returns {Data} */
export function merge(/** @type {Data} */ known, /** @type {Data} */ patch) {
  const merged = new Map(Object.entries(known));
  for (const [name, value] of Object.entries(patch)) {
    const before = merged.get(name);
    if (value === null) merged.delete(name);
    else merged.set(name, isObject(value) ? merge(isObject(before) ? before : {}, value) : value);
  }
  return Object.fromEntries(merged);
}

/** One merge patch that does what `first` and then `second` do. @returns {Data} */
export function combine(/** @type {Data} */ first, /** @type {Data} */ second) {
  const combined = new Map(Object.entries(first));
  for (const [name, value] of Object.entries(second)) {
    const before = combined.get(name);
    combined.set(name, isObject(value) && isObject(before) ? combine(before, value) : value);
  }
  return Object.fromEntries(combined);
}

export const isSame = (/** @type {Data} */ one, /** @type {Data} */ other) => JSON.stringify(one) === JSON.stringify(other);
