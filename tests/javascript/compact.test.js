import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Decoder } from "../../clients/javascript/client/compact.js";
import { randomNumbers } from "./helpers.js";

const STREAMS = JSON.parse(readFileSync(new URL("../vectors/compact.json", import.meta.url), "utf8"));
const whole = ({ n, position: { x, y, vx, vy, h, seq, t, z, vz } }) => {
  const [ix, iy, ivx, ivy, ih, iz, ivz] = [x, y, vx, vy, h, z, vz].map((value) => Math.round(value * 100) + 0);
  return [n, ix, iy, ivx, ivy, ih, seq, t, iz, ivz];
};

for (const { name, frames } of STREAMS) {
  test(`compact positions: ${name}`, () => {
    const decoder = new Decoder();
    for (const { hex, text, result } of frames) {
      const read = text === undefined ? decoder.decode(Uint8Array.from(Buffer.from(hex, "hex"))) : decoder.decodeText(text);
      assert.deepEqual(read && { t: read.t, entries: read.entries.map(whole) }, result, hex ?? text);
    }
  });
}

test("compact positions: any bytes are a frame or null", () => {
  const random = randomNumbers(3);
  const decoder = new Decoder();
  let frames = 0;
  for (let round = 0; round < 2_000; round++) {
    const bytes = Uint8Array.from({ length: 60 * random() }, (_, index) => (index === 0 ? 1 : 256 * random()));
    const read = decoder.decode(bytes);
    frames += read === null ? 0 : 1;
    for (const { position } of read?.entries ?? []) assert.ok(Object.values(position).every(Number.isFinite));
  }
  assert.ok(frames > 20);
});
