import assert from "node:assert/strict";
import { test } from "node:test";

import { TRACK_DELAY_MOST_MS, TRACK_REACH_MS } from "../../clients/javascript/client/constants.js";
import { SenderClock } from "../../clients/javascript/client/sender_clock.js";
import { Track, hermite, turn } from "../../clients/javascript/client/track.js";
import { delivered, flight, quantile, randomNumbers, sentByPolicy, sentRegularly } from "./helpers.js";

/** Sends a flight over a network into a track, and draws 60 frames a second. */
function play(track, messages, path, { clock_ms = 0, wrap = true, frame = () => {} } = {}) {
  const seen = [];
  let next = 0;
  for (let now_ms = 0; now_ms <= path.until_ms; now_ms += 1000 / 60) {
    while (next < messages.length && messages[next].arrival_ms <= now_ms) {
      const { x, y, vx, vy, h, sent_ms, arrival_ms } = messages[next++];
      const t = Math.round(sent_ms + clock_ms);
      track.add({ x, y, vx, vy, h, t: wrap ? t % 65536 : t }, 0, arrival_ms);
    }
    const drawn = track.at(now_ms);
    if (!drawn) continue;
    frame(now_ms, drawn);
    if (Number.isNaN(drawn.late_ms)) continue; // the player is at rest
    const true_position = path.at(now_ms - drawn.late_ms);
    seen.push({ now_ms, error: Math.hypot(drawn.x - true_position.x, drawn.y - true_position.y), late_ms: drawn.late_ms });
  }
  return seen;
}

test("a player is drawn within 0.1 units of its position at the stated delay, over a network with jitter", () => {
  const all = [];
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomNumbers(seed);
    const path = flight(random, 120_000);
    const seen = play(new Track(), delivered(sentRegularly(path), random), path, { clock_ms: 60_000 * random() });
    // The first seconds measure how late messages are.
    const settled = seen.filter(({ now_ms }) => now_ms > 3_000);
    const errors = settled.map(({ error }) => error);
    all.push(...errors);
    assert.ok(quantile(errors, 0.98) < 0.1, `seed ${seed}: p98 ${quantile(errors, 0.98).toFixed(3)}`);
    assert.ok(quantile(settled.map(({ late_ms }) => late_ms), 0.5) < 650, `seed ${seed}: drawn too late`);
  }
  assert.ok(quantile(all, 0.99) < 0.1, `p99 ${quantile(all, 0.99).toFixed(3)}`);
  assert.ok(quantile(all, 0.5) < 0.02, `median ${quantile(all, 0.5).toFixed(3)}`);
});

test("a player whose positions are sent by a send policy is drawn as exactly as one that sends regularly", () => {
  const all = [];
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomNumbers(seed);
    const path = flight(random, 120_000);
    const seen = play(new Track(), delivered(sentByPolicy(path), random), path, { clock_ms: 7_777 });
    all.push(...seen.filter(({ now_ms }) => now_ms > 3_000).map(({ error }) => error));
  }
  // The sender itself does not send changes under 0.1 units.
  assert.ok(quantile(all, 0.95) < 0.05, `p95 ${quantile(all, 0.95).toFixed(3)}`);
  assert.ok(quantile(all, 0.99) < 0.15, `p99 ${quantile(all, 0.99).toFixed(3)}`);
});

test("a straight movement with one position a second is drawn without a stop", () => {
  const track = new Track();
  let before = null;
  for (let now_ms = 0; now_ms <= 12_000; now_ms += 20) {
    if (now_ms % 1_000 === 0) track.add({ x: now_ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: now_ms + 1 }, 0, now_ms);
    const { x } = track.at(now_ms);
    if (now_ms > 3_000) assert.ok(x - before > 0.15 && x - before < 0.25, `${x - before} at ${now_ms}`);
    before = x;
  }
});

test("over a good network the delay is about one interval", () => {
  const random = randomNumbers(5);
  const path = flight(random, 60_000, { ever_idle: false });
  const seen = play(new Track(), delivered(sentRegularly(path), random, { late: 0 }), path);
  const late = seen.slice(600).map(({ late_ms }) => late_ms);
  assert.ok(quantile(late, 0.99) < 280 && quantile(late, 0.01) > 190, `${quantile(late, 0.01)} to ${quantile(late, 0.99)}`);
});

test("at ten positions a second it is drawn less late than at five", () => {
  const random = randomNumbers(6);
  const path = flight(random, 60_000, { ever_idle: false });
  const seen = play(new Track(), delivered(sentRegularly(path, 100), random, { late: 0 }), path);
  assert.ok(quantile(seen.slice(1500).map(({ late_ms }) => late_ms), 0.9) < 180);
  assert.ok(quantile(seen.map(({ error }) => error), 0.99) < 0.1);
});

test("a player that moves never jumps on the screen", () => {
  for (let seed = 20; seed < 26; seed++) {
    const random = randomNumbers(seed);
    const path = flight(random, 60_000);
    let before = null;
    let worst = 0;
    play(new Track(), delivered(sentRegularly(path), random, { late: 0.05, late_ms: 400 }), path, {
      frame: (_, { x, y }) => {
        if (before) worst = Math.max(worst, Math.hypot(x - before.x, y - before.y));
        before = { x, y };
      },
    });
    // 15 units a second are a quarter of a unit a frame; a correction that dies away adds a little.
    assert.ok(worst < 1.1, `seed ${seed}: ${worst.toFixed(2)} units in one frame`);
  }
});

test("the sender's clock may start anywhere and wraps at 65,536", () => {
  for (const clock_ms of [0, 65_000, 65_535, 131_071, 1e9]) {
    const random = randomNumbers(7);
    const path = flight(random, 140_000, { ever_idle: false }); // wraps at least twice
    const seen = play(new Track(), delivered(sentRegularly(path), random), path, { clock_ms });
    const errors = seen.filter(({ now_ms }) => now_ms > 3_000).map(({ error }) => error);
    assert.ok(quantile(errors, 0.99) < 0.1, `clock from ${clock_ms}: ${quantile(errors, 0.99)}`);
  }
});

test("a clock is still known after it wrapped many times in a silence", () => {
  const clock = new SenderClock();
  clock.received(1_000, 50);
  assert.equal(clock.received((1_000 + 400_000) % 65_536, 400_050), 401_000);
  assert.equal(clock.is_new, false);
});

test("the fastest message sets the clock, and old messages are forgotten", () => {
  const clock = new SenderClock();
  const random = randomNumbers(9);
  for (let t = 0; t < 20_000; t += 200) clock.received(t, t + 500 + 50 * random());
  assert.ok(Math.abs(clock.offset_ms - 500) < 5);
  for (let t = 20_000; t < 90_000; t += 200) clock.received(t, t + 560 + 50 * random()); // the network became slower
  assert.ok(Math.abs(clock.offset_ms - 560) < 5, `${clock.offset_ms}`);
});

test("after a reload of the sender's page its clock is new, and its ship stays in place", () => {
  const track = new Track();
  const move = { x: 5, y: 5, vx: 0, vy: 0, h: 0 };
  track.add({ ...move, t: 40_000 }, 0, 100_000);
  track.at(100_300);
  track.add({ ...move, t: 300 }, 0, 105_000);
  track.add({ ...move, x: 5.5, vx: 2, t: 500 }, 0, 105_200);
  for (let now_ms = 105_000; now_ms < 106_000; now_ms += 16) {
    const { x, y } = track.at(now_ms);
    assert.ok(x >= 4.9 && x < 5.5 + 2 * 1.3 && Math.abs(y - 5) < 1e-9, `${x}, ${y} at ${now_ms}`);
  }
});

test("without new positions a player moves straight on for TRACK_REACH_MS, then stops", () => {
  const track = new Track();
  for (let ms = 0; ms <= 2_000; ms += 200) track.add({ x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1 }, 0, ms);
  let drawn;
  for (let now_ms = 2_000; now_ms < 6_000; now_ms += 16) drawn = track.at(now_ms);
  assert.ok(Math.abs(drawn.x - (20 + (10 * TRACK_REACH_MS) / 1000)) < 0.01, `${drawn.x}`);
  assert.equal(drawn.is_still, true);
});

test("a player comes to rest exactly at its last position", () => {
  const random = randomNumbers(11);
  const path = flight(random, 30_000);
  const messages = delivered(sentRegularly(path), random);
  const { x, y } = messages.at(-1);
  messages.push({ x, y, vx: 0, vy: 0, h: 1, sent_ms: 30_100, arrival_ms: 30_150 });
  const track = new Track();
  play(track, messages, { ...path, until_ms: 33_000 });
  const drawn = track.at(34_000);
  assert.ok(Math.hypot(drawn.x - x, drawn.y - y) < 0.001);
  assert.equal(drawn.is_still, true);
});

test("a teleport is drawn without the way in between", () => {
  const track = new Track();
  for (let ms = 0; ms <= 1_000; ms += 200) track.add({ x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1 }, 0, ms);
  for (let ms = 1_200; ms <= 2_000; ms += 200) track.add({ x: 500 + ms / 100, y: 300, vx: 10, vy: 0, h: 0, t: ms + 1 }, 0, ms);
  for (let now_ms = 0; now_ms < 3_000; now_ms += 16) {
    const { x, y } = track.at(now_ms);
    assert.ok((x < 20 && y === 0) || (x > 499 && y > 299), `${x}, ${y} at ${now_ms}`);
  }
});

test("a game that counts in pixels is drawn without teleports", () => {
  const track = new Track();
  let before = null;
  let worst = 0;
  for (let ms = 0; ms <= 4_000; ms += 200) {
    track.add({ x: (300 * ms) / 1000, y: 0, vx: 0, vy: 0, h: 0, t: 0 }, 0, ms); // version 1: no velocity, no clock
    for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) {
      const { x } = track.at(now_ms);
      if (before !== null && ms > 1_000) worst = Math.max(worst, x - before);
      before = x;
    }
  }
  assert.ok(worst < 8, `${worst} of 4.8 pixels a frame`);
});

test("a player that sends neither velocity nor clock is drawn on a smooth curve", () => {
  for (const server of [true, false]) {
    const random = randomNumbers(13);
    const path = flight(random, 60_000, { ever_idle: false });
    const track = new Track();
    const messages = delivered(sentRegularly(path), random, { jitter_ms: 5, late: 0 });
    const errors = [];
    let next = 0;
    for (let now_ms = 0; now_ms < 60_000; now_ms += 1000 / 60) {
      while (next < messages.length && messages[next].arrival_ms <= now_ms) {
        const { x, y, sent_ms, arrival_ms } = messages[next++];
        track.add({ x, y, vx: 0, vy: 0, h: 0, t: 0 }, server ? 1.7e12 + sent_ms : 0, arrival_ms);
      }
      const drawn = track.at(now_ms);
      if (!drawn || Number.isNaN(drawn.late_ms) || now_ms < 3_000) continue;
      const true_position = path.at(now_ms - drawn.late_ms);
      errors.push(Math.hypot(drawn.x - true_position.x, drawn.y - true_position.y));
    }
    assert.ok(quantile(errors, 0.95) < 0.35, `${quantile(errors, 0.95)}`);
  }
});

test("a player without a heading points to where it moves", () => {
  const track = new Track();
  for (let ms = 0; ms <= 2_000; ms += 200) {
    track.add({ x: 0, y: ms / 100, vx: 0, vy: 10, h: 0, t: ms + 1 }, 0, ms);
    for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) track.at(now_ms);
  }
  assert.ok(Math.abs(track.at(2_200).h - Math.PI / 2) < 0.01);
});

test("messages that waited for a busy page do not increase the delay", () => {
  const [idle, busy] = [new Track(), new Track()];
  for (let ms = 0; ms <= 5_000; ms += 200) {
    const move = { x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1 };
    const stalled = ms >= 2_000 && ms < 2_600;
    const arrival_ms = stalled ? 2_600 : ms;
    idle.add(move, 0, arrival_ms);
    busy.add(move, 0, arrival_ms, stalled);
  }
  for (let now_ms = 5_000; now_ms < 12_000; now_ms += 16) [idle, busy].forEach((track) => track.at(now_ms));
  for (let ms = 12_000; ms < 14_000; ms += 200) {
    const move = { x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1 };
    for (const track of [idle, busy]) {
      track.add(move, 0, ms);
      for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) track.at(now_ms);
    }
  }
  assert.ok(idle.at(14_000).late_ms > busy.at(14_000).late_ms + 150);
  assert.ok(idle.at(14_000).late_ms <= TRACK_DELAY_MOST_MS);
});

test("a placed player is at rest at its position", () => {
  const track = new Track();
  assert.equal(track.at(0), null);
  track.place({ x: 3, y: 4, vx: 0, vy: 0, h: 1, seq: 1, t: 0 }, 0, 0, 0);
  assert.deepEqual({ ...track.at(10) }, { x: 3, y: 4, vx: 0, vy: 0, h: 1, z: 0, vz: 0, late_ms: NaN, is_still: true });
});

test("the curve goes through both positions with both velocities", () => {
  const a = { t_ms: 0, x: 0, y: 0, vx: 10, vy: 0, h: 0, is_jump: false };
  const b = { t_ms: 200, x: 1.5, y: 1, vx: 0, vy: 10, h: 0, is_jump: false };
  const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-9, `${one} is not ${other}`);
  for (const [s, end] of [[0, a], [1, b]]) {
    const on = hermite(a, b, s);
    for (const key of ["x", "y", "vx", "vy"]) near(on[key], end[key]);
  }
});

test("a heading turns the shorter way", () => {
  assert.ok(Math.abs(turn(3, -3, 0.5) - (3 + (2 * Math.PI - 6) / 2)) < 1e-9);
  assert.ok(Math.abs(turn(-3, 3, 1) - (-3 - (2 * Math.PI - 6))) < 1e-9);
});

test("height is drawn as smoothly as the plane", () => {
  const track = new Track();
  for (let ms = 0; ms <= 2_000; ms += 200) track.add({ x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: ms + 1, t: ms + 1, z: ms / 100, vz: 10 }, 0, ms + 30);
  const { z, vz, is_still } = track.at(2_030);
  assert.ok(z > 16 && z < 20, `${z}`);
  assert.deepEqual([Math.round(vz), is_still], [10, false]);
});
