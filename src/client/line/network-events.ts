/** `visibilitychange` bubbles from the document to the window. */
const EVENTS = ["online", "offline", "pageshow", "visibilitychange"];

/**
 * Notifies when it is worth trying again (`wake`: the machine is online again, or the page became visible or was
 * restored), and when the connection is probably lost (`offline`). Returns a function that unsubscribes. Node and Bun have
 * no such events.
 */
export function watchNetwork(notify: (event: { type: "wake" | "offline" }) => void): () => void {
  const ending = new AbortController();
  for (const name of EVENTS) {
    const listener = () =>
      notify({ type: name === "offline" || globalThis.document?.hidden ? "offline" : "wake" });
    globalThis.addEventListener?.(name, listener, ending);
  }
  return () => ending.abort();
}
