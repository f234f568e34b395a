import assert from "node:assert/strict";
import { test } from "node:test";

import { DELAY_MAX_MS, EXTRAPOLATE_MS, SenderClock, Track, hermite, turn } from "../../backend/lobby/viewer/interpolation.js";
import { chance, delivered, flight, quantile, reckoned, said } from "./helpers.js";

/** Plays a flight through a network into a track, 60 frames a second. */
function play(track, messages, path, { clock_ms = 0, wrap = true, frame = () => {} } = {}) {
  const seen = [];
  let next = 0;
  for (let now_ms = 0; now_ms <= path.until_ms; now_ms += 1000 / 60) {
    while (next < messages.length && messages[next].arrival_ms <= now_ms) {
      const { x, y, vx, vy, h, sent_ms, arrival_ms } = messages[next++];
      const t = Math.round(sent_ms + clock_ms);
      track.add({ x, y, vx, vy, h, t: wrap ? t % 65536 : t, server_ms: 0 }, arrival_ms);
    }
    const drawn = track.at(now_ms);
    if (!drawn) continue;
    frame(now_ms, drawn);
    if (Number.isNaN(drawn.late_ms)) continue; // at rest
    const true_place = path.at(now_ms - drawn.late_ms);
    seen.push({ now_ms, error: Math.hypot(drawn.x - true_place.x, drawn.y - true_place.y), late_ms: drawn.late_ms });
  }
  return seen;
}

test("a ship is drawn within a tenth of a unit of its own path, the stated delay ago, over a network that jitters", () => {
  const all = [];
  for (let seed = 1; seed <= 40; seed++) {
    const random = chance(seed);
    const path = flight(random, 120_000);
    const seen = play(new Track(), delivered(said(path), random), path, { clock_ms: 60_000 * random() });
    // How late a message is can be told only after some have come: the first seconds are for that.
    const settled = seen.filter(({ now_ms }) => now_ms > 3_000);
    const errors = settled.map(({ error }) => error);
    all.push(...errors);
    assert.ok(quantile(errors, 0.98) < 0.1, `seed ${seed}: p98 ${quantile(errors, 0.98).toFixed(3)}`);
    assert.ok(quantile(settled.map(({ late_ms }) => late_ms), 0.5) < 650, `seed ${seed}: drawn too late`);
  }
  assert.ok(quantile(all, 0.99) < 0.1, `p99 ${quantile(all, 0.99).toFixed(3)}`);
  assert.ok(quantile(all, 0.5) < 0.02, `median ${quantile(all, 0.5).toFixed(3)}`);
});

test("who speaks only when straight on would be wrong is drawn as exactly as the sender meant it", () => {
  const all = [];
  for (let seed = 1; seed <= 40; seed++) {
    const random = chance(seed);
    const path = flight(random, 120_000);
    const seen = play(new Track(), delivered(reckoned(path), random), path, { clock_ms: 7_777 });
    all.push(...seen.filter(({ now_ms }) => now_ms > 3_000).map(({ error }) => error));
  }
  // The sender itself is silent about less than 0.1 units.
  assert.ok(quantile(all, 0.95) < 0.05, `p95 ${quantile(all, 0.95).toFixed(3)}`);
  assert.ok(quantile(all, 0.99) < 0.15, `p99 ${quantile(all, 0.99).toFixed(3)}`);
});

test("straight on for long, with a word a second, is drawn without a stop", () => {
  const track = new Track();
  let before = null;
  for (let now_ms = 0; now_ms <= 12_000; now_ms += 20) {
    if (now_ms % 1_000 === 0) track.add({ x: now_ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: now_ms + 1, server_ms: 0 }, now_ms);
    const { x } = track.at(now_ms);
    if (now_ms > 3_000) assert.ok(x - before > 0.15 && x - before < 0.25, `${x - before} at ${now_ms}`);
    before = x;
  }
});

test("over a good network the delay is about one interval", () => {
  const random = chance(5);
  const path = flight(random, 60_000, { ever_idle: false });
  const seen = play(new Track(), delivered(said(path), random, { late: 0 }), path);
  const late = seen.slice(600).map(({ late_ms }) => late_ms);
  assert.ok(quantile(late, 0.99) < 280 && quantile(late, 0.01) > 190, `${quantile(late, 0.01)} to ${quantile(late, 0.99)}`);
});

test("at ten positions a second it is drawn less late than at five", () => {
  const random = chance(6);
  const path = flight(random, 60_000, { ever_idle: false });
  const seen = play(new Track(), delivered(said(path, 100), random, { late: 0 }), path);
  assert.ok(quantile(seen.slice(1500).map(({ late_ms }) => late_ms), 0.9) < 180);
  assert.ok(quantile(seen.map(({ error }) => error), 0.99) < 0.1);
});

test("nothing ever hops on the screen while a ship flies", () => {
  for (let seed = 20; seed < 26; seed++) {
    const random = chance(seed);
    const path = flight(random, 60_000);
    let before = null;
    let worst = 0;
    play(new Track(), delivered(said(path), random, { late: 0.05, late_ms: 400 }), path, {
      frame: (_, { x, y }) => {
        if (before) worst = Math.max(worst, Math.hypot(x - before.x, y - before.y));
        before = { x, y };
      },
    });
    // 15 units a second are a quarter of a unit a frame; a correction that dies away adds a little.
    assert.ok(worst < 1.1, `seed ${seed}: ${worst.toFixed(2)} units in one frame`);
  }
});

test("the sender's clock may wrap at 65,536 and begin anywhere", () => {
  for (const clock_ms of [0, 65_000, 65_535, 131_071, 1e9]) {
    const random = chance(7);
    const path = flight(random, 140_000, { ever_idle: false }); // wraps at least twice
    const errors = play(new Track(), delivered(said(path), random), path, { clock_ms }).map(({ error }) => error);
    assert.ok(quantile(errors, 0.99) < 0.1, `clock from ${clock_ms}: ${quantile(errors, 0.99)}`);
  }
});

test("a clock is understood after a silence of many wraps", () => {
  const clock = new SenderClock();
  clock.heard(1_000, 50);
  const { t_ms, restarted } = clock.heard((1_000 + 400_000) % 65_536, 400_050);
  assert.equal(t_ms, 401_000);
  assert.equal(restarted, false);
});

test("the message that travelled fastest sets the clock, and old ones are forgotten", () => {
  const clock = new SenderClock();
  const random = chance(9);
  for (let t = 0; t < 20_000; t += 200) clock.heard(t, t + 500 + 50 * random());
  assert.ok(Math.abs(clock.offset_ms - 500) < 5);
  for (let t = 20_000; t < 90_000; t += 200) clock.heard(t, t + 560 + 50 * random()); // the way became longer
  assert.ok(Math.abs(clock.offset_ms - 560) < 5, `${clock.offset_ms}`);
});

test("a page that was loaded anew has another clock, and its ship stays where it is", () => {
  const track = new Track();
  const move = { x: 5, y: 5, vx: 0, vy: 0, h: 0, server_ms: 0 };
  track.add({ ...move, t: 40_000 }, 100_000);
  track.at(100_300);
  track.add({ ...move, t: 300 }, 105_000);
  track.add({ ...move, x: 5.5, vx: 2, t: 500 }, 105_200);
  for (let now_ms = 105_000; now_ms < 106_000; now_ms += 16) {
    const { x, y } = track.at(now_ms);
    assert.ok(x >= 4.9 && x < 6.2 && Math.abs(y - 5) < 1e-9, `${x}, ${y} at ${now_ms}`);
  }
});

test("without news a ship flies straight on for one interval at the most, then holds", () => {
  const track = new Track();
  for (let ms = 0; ms <= 2_000; ms += 200) track.add({ x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1, server_ms: 0 }, ms);
  let drawn;
  for (let now_ms = 2_000; now_ms < 6_000; now_ms += 16) drawn = track.at(now_ms);
  assert.ok(Math.abs(drawn.x - (20 + (10 * EXTRAPOLATE_MS) / 1000)) < 0.01, `${drawn.x}`);
  assert.equal(drawn.still, true);
});

test("a last position at rest is where it comes to rest, exactly", () => {
  const random = chance(11);
  const path = flight(random, 30_000);
  const messages = delivered(said(path), random);
  const { x, y } = messages.at(-1);
  messages.push({ x, y, vx: 0, vy: 0, h: 1, sent_ms: 30_100, arrival_ms: 30_150 });
  const track = new Track();
  play(track, messages, { ...path, until_ms: 33_000 });
  const drawn = track.at(34_000);
  assert.ok(Math.hypot(drawn.x - x, drawn.y - y) < 0.001);
  assert.equal(drawn.still, true);
});

test("a teleport is drawn as one: nobody is seen on the way", () => {
  const track = new Track();
  for (let ms = 0; ms <= 1_000; ms += 200) track.add({ x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1, server_ms: 0 }, ms);
  for (let ms = 1_200; ms <= 2_000; ms += 200) track.add({ x: 500 + ms / 100, y: 300, vx: 10, vy: 0, h: 0, t: ms + 1, server_ms: 0 }, ms);
  for (let now_ms = 0; now_ms < 3_000; now_ms += 16) {
    const { x, y } = track.at(now_ms);
    assert.ok((x < 20 && y === 0) || (x > 499 && y > 299), `${x}, ${y} at ${now_ms}`);
  }
});

test("a game in pixels is fast and not full of teleports", () => {
  const track = new Track();
  let before = null;
  let worst = 0;
  for (let ms = 0; ms <= 4_000; ms += 200) {
    track.add({ x: (300 * ms) / 1000, y: 0, vx: 0, vy: 0, h: 0, t: 0, server_ms: 0 }, ms); // version 1: no velocity, no clock
    for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) {
      const { x } = track.at(now_ms);
      if (before !== null && ms > 1_000) worst = Math.max(worst, x - before);
      before = x;
    }
  }
  assert.ok(worst < 8, `${worst} of 4.8 pixels a frame`);
});

test("who says neither velocity nor clock is drawn on a smooth curve all the same", () => {
  for (const server of [true, false]) {
    const random = chance(13);
    const path = flight(random, 60_000, { ever_idle: false });
    const track = new Track();
    const messages = delivered(said(path), random, { jitter_ms: 5, late: 0 });
    const errors = [];
    let next = 0;
    for (let now_ms = 0; now_ms < 60_000; now_ms += 1000 / 60) {
      while (next < messages.length && messages[next].arrival_ms <= now_ms) {
        const { x, y, sent_ms, arrival_ms } = messages[next++];
        track.add({ x, y, vx: 0, vy: 0, h: 0, t: 0, server_ms: server ? 1.7e12 + sent_ms : 0 }, arrival_ms);
      }
      const drawn = track.at(now_ms);
      if (!drawn || Number.isNaN(drawn.late_ms) || now_ms < 3_000) continue;
      const true_place = path.at(now_ms - drawn.late_ms);
      errors.push(Math.hypot(drawn.x - true_place.x, drawn.y - true_place.y));
    }
    assert.ok(quantile(errors, 0.95) < 0.35, `${quantile(errors, 0.95)}`);
  }
});

test("a ship that does not say where its nose points looks where it flies", () => {
  const track = new Track();
  for (let ms = 0; ms <= 2_000; ms += 200) {
    track.add({ x: 0, y: ms / 100, vx: 0, vy: 10, h: 0, t: ms + 1, server_ms: 0 }, ms);
    for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) track.at(now_ms);
  }
  assert.ok(Math.abs(track.at(2_200).h - Math.PI / 2) < 0.01);
});

test("what waited for a busy page does not make everything late", () => {
  const [idle, busy] = [new Track(), new Track()];
  for (let ms = 0; ms <= 5_000; ms += 200) {
    const move = { x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1, server_ms: 0 };
    const stalled = ms >= 2_000 && ms < 2_600;
    const arrival_ms = stalled ? 2_600 : ms;
    idle.add(move, arrival_ms);
    busy.add(move, arrival_ms, stalled);
  }
  for (let now_ms = 5_000; now_ms < 12_000; now_ms += 16) [idle, busy].forEach((track) => track.at(now_ms));
  for (let ms = 12_000; ms < 14_000; ms += 200) {
    const move = { x: ms / 100, y: 0, vx: 10, vy: 0, h: 0, t: ms + 1, server_ms: 0 };
    for (const track of [idle, busy]) {
      track.add(move, ms);
      for (let now_ms = ms; now_ms < ms + 200; now_ms += 16) track.at(now_ms);
    }
  }
  assert.ok(idle.at(14_000).late_ms > busy.at(14_000).late_ms + 150);
  assert.ok(idle.at(14_000).late_ms <= DELAY_MAX_MS);
});

test("to stand somewhere is known without any message", () => {
  const track = new Track();
  assert.equal(track.at(0), null);
  track.place({ x: 3, y: 4, h: 1 });
  assert.deepEqual({ ...track.at(10) }, { x: 3, y: 4, vx: 0, vy: 0, h: 1, late_ms: NaN, still: true });
});

test("the curve goes through both places with both velocities", () => {
  const a = { t_ms: 0, x: 0, y: 0, vx: 10, vy: 0, h: 0, jump: false };
  const b = { t_ms: 200, x: 1.5, y: 1, vx: 0, vy: 10, h: 0, jump: false };
  const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-9, `${one} is not ${other}`);
  for (const [s, end] of [[0, a], [1, b]]) {
    const on = hermite(a, b, s);
    for (const key of ["x", "y", "vx", "vy"]) near(on[key], end[key]);
  }
});

test("a nose turns the shorter way", () => {
  assert.ok(Math.abs(turn(3, -3, 0.5) - (3 + (2 * Math.PI - 6) / 2)) < 1e-9);
  assert.ok(Math.abs(turn(-3, 3, 1) - (-3 - (2 * Math.PI - 6))) < 1e-9);
});
