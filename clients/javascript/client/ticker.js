// A worker that ticks. Browsers slow down the timers of a hidden page, but not those of its workers: with these ticks a
// hidden page still answers its lobby in time, and comes back after a disconnect.

const TICK_MS = 80; // below BUSY_MS of constants.js

setInterval(() => postMessage(null), TICK_MS);
