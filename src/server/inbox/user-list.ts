import type { Grants } from "../../core/access/grants.ts";
import { encodeItemFrame } from "../../core/inbox/answer.ts";
import { ListNumbers } from "../../core/inbox/list-numbers.ts";
import { PendingItems } from "../../core/inbox/pending-items.ts";
import { encodePosition, scopeOf } from "../../core/inbox/position.ts";

/** The most bytes that are handed to a socket at a time, so that its other frames need not wait for many items. */
const BYTES_AT_ONCE = 32 * 1024;

/** A socket that gets an inbox. */
export interface InboxSocket {
  readonly user: string;
  /** Queues one encoded frame. `isPage`: it does not count as back-pressure (B1). */
  deliver(frame: string, isPage: boolean): void;
  /** Resolves when all pages are on the line, or never will be. */
  drained(): Promise<void>;
  /** Whether the peer has read nearly all that was sent. Items wait while it has not. */
  readonly isWritable: boolean;
}

/** The list of a user, as a token with the scope `scope` shows it, for all sockets on this node that asked for it. */
export class UserList {
  readonly scope: string;
  readonly numbers = new ListNumbers();
  readonly clients = new Set<InboxClient>();
  /** The name of the store that the numbers are from. */
  store = "";
  /** Reads of the whole list that are under way. Items are not read meanwhile, since an older state could take their place. */
  loading = 0;
  /** Conversations that have changed meanwhile, each with the time before which all its changes were given to the sockets. */
  readonly changedWhileLoading = new Map<string, number>();

  constructor(
    readonly user: string,
    readonly grants: Grants,
  ) {
    this.scope = scopeOf(grants);
  }
}

/** One socket that gets an inbox. */
export class InboxClient {
  readonly pending = new PendingItems();
  /** The requests that are answered; items wait meanwhile. */
  answering = 0;
  /** The size of the page that the client asked for last. */
  limit = 0;
  /** Whether the client has got a first page. Changes before that would give it a position without the list that belongs to it. */
  hasPage = false;
  /** Whether the client lacks changes, or has the list of another token: it gets the list from its beginning, and items wait. */
  mustRestart = false;
  closed = false;
  /** Requests are answered one after another. */
  queue: Promise<void> = Promise.resolve();

  constructor(
    readonly socket: InboxSocket,
    public list: UserList,
  ) {}

  /** Sends items that wait, as many as the socket takes now. */
  flush(): void {
    if (this.answering > 0 || this.closed || this.mustRestart) return;
    const { socket, pending, list } = this;
    if (!socket.isWritable) return;
    for (let bytes = 0; bytes < BYTES_AT_ONCE; ) {
      const sent = pending.take();
      if (sent === undefined) return;
      const position = encodePosition({ store: list.store, time: sent.time, scope: list.scope });
      const frame = encodeItemFrame(sent.item, position, list.numbers.totals);
      bytes += frame.length;
      socket.deliver(frame, false);
    }
  }
}
