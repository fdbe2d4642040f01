// Limits of the wire, for server and client: a client can refuse a frame before it sends it.

/** Largest frame from a client, in bytes of UTF-8. A larger one gets `too_large` and a close with 1009. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** How deep a message's `data` may nest; `{"a":{"b":1}}` has depth 2. Deeper JSON makes naive readers overflow. */
export const MAX_DATA_DEPTH = 16;

/** How many values (objects, arrays and scalars) a message's `data` may hold in all. */
export const MAX_DATA_VALUES = 4096;

/** How deep any JSON from a client may nest, fields that the server does not know included. `data` has a bound of its own. */
export const MAX_JSON_DEPTH = 32;

/** How many values any JSON from a client may hold in all, fields that the server does not know included. */
export const MAX_JSON_VALUES = 8192;

/** Most messages in one `history` frame. */
export const MAX_HISTORY_LIMIT = 200;

/** Most users in one answer of `GET …/presence`, and how many it holds when the request names no `limit`. */
export const MAX_PRESENCE_LIMIT = 200;
export const DEFAULT_PRESENCE_LIMIT = 100;

/** Messages in a `history` frame when the request names no `limit`. */
export const DEFAULT_HISTORY_LIMIT = 50;

/** Most messages that `last` in the address of a socket may ask for. */
export const MAX_LAST = 50;

/** Most conversations that one `open` or `close` frame may name. */
export const MAX_NAMED_CONVERSATIONS = 64;

/** Longest token accepted anywhere, in bytes (RFC 6750 sets none; ours are under 500). */
export const MAX_TOKEN_BYTES = 4096;

/** Most bytes of UTF-8 in the `text` of one `stream_append`. */
export const MAX_APPEND_BYTES = 16 * 1024;

/** Appends to streams that one connection may send a second, beside its other frames. */
export const MAX_APPENDS_PER_SECOND = 100;

/** Most appends in one HTTP request. */
export const MAX_REQUEST_APPENDS = 100;

/** Streams that one user may have open at a time, over all conversations. */
export const MAX_OPEN_STREAMS = 8;

/** Most bytes of UTF-8 in the name of a reaction. */
export const MAX_REACTION_BYTES = 64;

/** Most different reactions of one message, and most of one user on it. */
export const MAX_REACTIONS = 50;
export const MAX_REACTIONS_PER_USER = 8;

/** Most names of users with each reaction of a message. */
export const MAX_REACTION_USERS = 5;

/** Most characters of the reason of an erasure, a mute or a ban. */
export const MAX_REASON_LENGTH = 200;

/** Most missed changes that a returning client is sent; beyond them it reads the messages again. */
export const MAX_FOLDS = 1000;
