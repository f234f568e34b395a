// What the client needs of a browser or of Node: ticks, and what happens to the page.

/** The client polls this often without a worker, in ms; below BUSY_MS of constants.js. */
const TICK_MS = 80;

/**
 * Calls `tick` also while the page is hidden: a worker wakes the page. Without workers it is a timer, which browsers slow
 * down in a hidden page.
 * @returns {() => void} ends it
 */
export function everyTick(/** @type {() => void} */ tick) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const useTimer = () => {
    timer = setInterval(tick, TICK_MS);
  };
  try {
    const worker = new Worker(new URL("./ticker.js", import.meta.url));
    worker.onmessage = tick;
    worker.onerror = useTimer;
    return () => {
      worker.terminate();
      clearInterval(timer);
    };
  } catch {
    useTimer();
    return () => clearInterval(timer);
  }
}

/**
 * Follows the life of the page. In Node it does nothing.
 * @param {object} on
 * @param {() => void} on.wake     the page is visible again, or the network is back
 * @param {() => void} on.offline  the network is gone
 * @param {() => void} on.leave    the page is closed, or kept by the browser for "back"
 * @param {() => void} on.comeBack a kept page is shown again
 * @returns {() => void} ends it
 */
export function followPage({ wake, offline, leave, comeBack }) {
  if (typeof document === "undefined") return () => {};
  const end = new AbortController();
  const { signal } = end;
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake(), { signal });
  addEventListener("online", wake, { signal });
  addEventListener("offline", offline, { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("pageshow", (event) => event.persisted && comeBack(), { signal });
  return () => end.abort();
}

/** The address of the page; "" in Node. */
export const pageAddress = () => (typeof document === "undefined" ? "" : document.baseURI);
