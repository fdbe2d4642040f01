/**
 * The server's address as this page came from it, without a slash at the end: with a path where a proxy has the server below
 * one, as in `https://example.com/chat`. The page itself lies at the root of it.
 */
export function serverAddress(): string {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}
