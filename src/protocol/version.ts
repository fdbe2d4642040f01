/** The subprotocol a client offers in `Sec-WebSocket-Protocol`, and the only one the server ever echoes. */
export const SUBPROTOCOL = "parley.v1";

/** The protocol's version, sent in `welcome.server.protocol`. It increases with changes that break existing clients. */
export const PROTOCOL_VERSION = 1;

/**
 * The number of additions within PROTOCOL_VERSION: frames, optional fields, codes. A client need not check it, because it
 * ignores unknown fields and frames. It shows which of two documents is the newer one.
 */
export const PROTOCOL_REVISION = 0;

/** One state of the wire. test/protocol/wire/ has the schemas of each, as `{version}.{revision}.json`. */
export interface WireState {
  readonly version: number;
  readonly revision: number;
  /** The additions, with their reason. */
  readonly change: string;
}

/** Every state of the wire so far, oldest first. A test fails when the wire changes without a new entry. */
export const PROTOCOL_HISTORY: readonly WireState[] = [
  { version: 1, revision: 0, change: "The first. It is rewritten until the first release." },
];
