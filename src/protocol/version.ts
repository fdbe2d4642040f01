/** The subprotocol a client offers in `Sec-WebSocket-Protocol`, and the only one the server ever echoes. */
export const SUBPROTOCOL = "parley.v1";

/** The protocol's number, sent in `welcome.server.protocol`. It grows when a client written for the old one would break. */
export const PROTOCOL_VERSION = 1;
