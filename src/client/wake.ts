/** As much of a page's or a worker's global object as is listened to; Node and Bun have no such events. */
interface Global {
  readonly document?: EventTarget & { readonly visibilityState: string };
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/**
 * Tells when it is worth trying again (`wake`: the machine is online again, or the page is looked at or restored), and
 * when the line is probably gone (`offline`). Answers a function that ends it.
 */
export function watchWakes(tell: (type: "wake" | "offline") => void): () => void {
  const global = globalThis as Global;
  const { document } = global;
  const wake = () => tell("wake");
  const offline = () => tell("offline");
  const look = () => document?.visibilityState === "visible" && wake();
  global.addEventListener?.("online", wake);
  global.addEventListener?.("pageshow", wake);
  global.addEventListener?.("offline", offline);
  document?.addEventListener("visibilitychange", look);
  return () => {
    global.removeEventListener?.("online", wake);
    global.removeEventListener?.("pageshow", wake);
    global.removeEventListener?.("offline", offline);
    document?.removeEventListener("visibilitychange", look);
  };
}
