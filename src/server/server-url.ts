import { hostname } from "node:os";

/** Returns the origin of a server that listens on `host`: `http://127.0.0.1:8000`. */
export function serverUrl(secure: boolean, host: string, port: number): string {
  return `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Returns `host` as another machine can use it: "all addresses" means nothing to it. */
export function externalHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? hostname() : host;
}
