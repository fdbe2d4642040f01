/**
 * The URL of the server that this page was loaded from, without a trailing slash; with a path if a proxy serves it below
 * one, as in `https://example.com/chat`. The page is at its root.
 */
export function serverAddress(): string {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}
