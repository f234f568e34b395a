// The page is hidden and shown, loses its network, is left, and comes back.

/**
 * @param {object} on
 * @param {() => void} on.hidden
 * @param {() => void} on.wake  the page is visible again, or the network is back
 * @param {() => void} on.offline the network is gone
 * @param {() => void} on.leave the page is closed, or kept by the browser for "back"
 * @param {() => void} on.comeBack a kept page is shown again
 */
export function connectPageLife({ hidden, wake, offline, leave, comeBack }) {
  document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? hidden() : wake()));
  addEventListener("online", wake);
  addEventListener("offline", offline);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (event.persisted) comeBack();
  });
}
