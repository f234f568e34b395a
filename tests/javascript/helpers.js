// Repeatable random numbers, flights of players, and a network.

/** Mulberry32: returns a function that returns numbers from 0 up to 1, the same for the same seed. */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A ship that rests, flies and turns as players do: its position every 5 ms.
 * @returns {{ at: (ms: number) => { x: number, y: number, vx: number, vy: number, h: number }, until_ms: number }}
 */
export function flight(random, until_ms, { ever_idle = true } = {}) {
  const step_ms = 5;
  const top = 10 + 5 * random();
  const acceleration = 20 + 20 * random();
  const turning = ((45 + 45 * random()) * Math.PI) / 180;
  let [x, y, h, speed, wanted, turn, change_ms] = [0, 0, 6 * random() - 3, 0, 0, 0, 0];
  const track = [];
  for (let ms = 0; ms <= until_ms + 5_000; ms += step_ms) {
    if (ms >= change_ms) {
      const idle = ever_idle && random() < 0.25;
      wanted = idle ? 0 : top * (0.6 + 0.4 * random());
      turn = idle ? 0 : random() < 0.5 ? 0 : turning * (random() < 0.5 ? -1 : 1);
      change_ms = ms + 400 + 2_500 * random();
    }
    const seconds = step_ms / 1000;
    const change = acceleration * seconds;
    speed += Math.max(-change, Math.min(change, wanted - speed));
    h += (speed > 0 ? turn : 0) * seconds;
    x += Math.cos(h) * speed * seconds;
    y += Math.sin(h) * speed * seconds;
    track.push({ x, y, vx: Math.cos(h) * speed, vy: Math.sin(h) * speed, h });
  }
  const at = (ms) => {
    const exact = Math.max(0, ms) / step_ms;
    const i = Math.min(Math.floor(exact), track.length - 2);
    const share = exact - i;
    const [a, b] = [track[i], track[i + 1]];
    return { ...a, x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
  };
  return { at, until_ms };
}

/** What a client sends of a flight: five positions a second while it moves, and one more at rest. */
export function sentRegularly(path, interval_ms = 200, first_ms = 0) {
  const messages = [];
  let rested = false;
  for (let ms = first_ms; ms <= path.until_ms; ms += interval_ms) {
    const { x, y, vx, vy, h } = path.at(ms);
    const rests = vx === 0 && vy === 0;
    if (rests && rested) continue;
    rested = rests;
    const round = (value) => Math.round(value * 100) / 100;
    messages.push({ sent_ms: ms, x: round(x), y: round(y), vx: round(vx), vy: round(vy), h: round(Math.atan2(Math.sin(h), Math.cos(h))) });
  }
  return messages;
}

/** What a client with a send policy sends: a position when the straight line from the last one is wrong, as `lobby bots` do. */
export function sentByPolicy(path, { longest_ms = 1_000, think_ms = 50, send_ms = 100, off_units = 0.1 } = {}) {
  const messages = [];
  let last = null;
  for (let ms = 0; ms <= path.until_ms; ms += think_ms) {
    const { x, y, vx, vy, h } = path.at(ms);
    if (last) {
      const passed_ms = ms - last.sent_ms;
      const off = Math.hypot(last.x + (last.vx * passed_ms) / 1000 - x, last.y + (last.vy * passed_ms) / 1000 - y);
      const rests = !(vx || vy || last.vx || last.vy);
      if (passed_ms < send_ms || (off < off_units && (rests || passed_ms < longest_ms))) continue;
    }
    last = { sent_ms: ms, x, y, vx, vy, h };
    messages.push(last);
  }
  return messages;
}

/** A network with up to 50 ms of jitter, and sometimes much more. Messages arrive in the order in which they were sent. */
export function delivered(messages, random, { jitter_ms = 50, late = 0.02, late_ms = 200 } = {}) {
  let last_ms = 0;
  return messages.map((message) => {
    const delay = jitter_ms * random() + (random() < late ? late_ms * (0.5 + random()) : 0);
    last_ms = Math.max(last_ms, message.sent_ms + delay);
    return { ...message, arrival_ms: last_ms };
  });
}

/**
 * Hops of a player on the screen: times at which it is drawn at over one and a half times the speed of the fastest ship.
 * @param {{ x: number, y: number }[]} frames one per frame
 * @returns {number[]} the length of each, in units
 */
export function hops(frames, frame_ms) {
  const found = [];
  let length = 0;
  for (let i = 1; i < frames.length; i++) {
    const step = Math.hypot(frames[i].x - frames[i - 1].x, frames[i].y - frames[i - 1].y);
    if (step > (22.5 * frame_ms) / 1000) length += step;
    else {
      if (length > 0.5) found.push(length);
      length = 0;
    }
  }
  return found;
}

export const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
