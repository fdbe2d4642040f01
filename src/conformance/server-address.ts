/** A server's URLs for both protocols, without a trailing slash. */
export interface ServerAddress {
  /** `http://127.0.0.1:8000` */
  readonly http: string;
  /** `ws://127.0.0.1:8000` */
  readonly ws: string;
}

/** Parses a server's URL (`ws://`, `wss://`, `http://` or `https://`); returns undefined if it is not one. */
export function parseServerAddress(address: string): ServerAddress | undefined {
  if (!/^(ws|http)s?:\/\//i.test(address)) return undefined;
  try {
    const { protocol, host, pathname, search, username } = new URL(address);
    if (search !== "" || username !== "") return undefined;
    const authority = `//${host}${pathname.replace(/\/+$/, "")}`;
    const secure = protocol === "wss:" || protocol === "https:";
    return secure
      ? { http: `https:${authority}`, ws: `wss:${authority}` }
      : { http: `http:${authority}`, ws: `ws:${authority}` };
  } catch {
    return undefined;
  }
}
