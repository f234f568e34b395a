// Texts of other people, made safe for one line. Pure.

import { TEXT_CHARACTERS } from "./constants.js";

/** Control characters, lone surrogates, line separators, and characters that change the reading direction. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * The text as one line: each unsafe character becomes a space. The Python and the Godot client have the same function.
 * @param {unknown} text anything but a string becomes ""
 * @param {number} [limit] the longest result, in characters (code points)
 */
export function oneLine(text, limit = TEXT_CHARACTERS) {
  if (typeof text !== "string") return "";
  const start = [...text].slice(0, 4 * limit).join("");
  return [...start.replace(UNSAFE, " ").trim()].slice(0, limit).join("");
}
