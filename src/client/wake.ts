/**
 * Tells when it is worth trying again (`wake`: the machine is online again, or the page is looked at or restored), and
 * when the line is probably gone (`offline`). Answers a function that ends it. Node and Bun have no such events.
 */
export function watchWakes(tell: (event: { type: "wake" | "offline" }) => void): () => void {
  const ending = new AbortController();
  const listen = (target: Partial<EventTarget> | undefined, name: string, type: "wake" | "offline") =>
    target?.addEventListener?.(
      name,
      () => {
        if (name !== "visibilitychange" || document.visibilityState === "visible") tell({ type });
      },
      { signal: ending.signal },
    );
  listen(globalThis, "online", "wake");
  listen(globalThis, "pageshow", "wake");
  listen(globalThis, "offline", "offline");
  listen(globalThis.document, "visibilitychange", "wake");
  return () => ending.abort();
}
