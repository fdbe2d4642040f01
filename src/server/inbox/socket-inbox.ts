import type { Grants } from "../../core/access/grants.ts";
import { decodeCursor } from "../../core/inbox/page.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Inboxes } from "./inboxes.ts";
import type { InboxClient, InboxSocket } from "./user-list.ts";

/** The most requests of one socket that wait; each may read thousands of conversations. */
const MAX_WAITING = 4;

/** The lane of the inbox on a socket (socket/user/lane-writer.ts). No conversation has this name. */
const LANE = "";

/** The part of a connection that is needed here; see socket/socket-writer.ts. */
export interface InboxConnection {
  readonly user: string;
  deliver(frame: string): void;
  deliverIn(lane: string, frame: string, isPage: boolean): void;
  dropLane(lane: string): void;
  isLaneWritable(lane: string): boolean;
  laneDrained(lane: string): Promise<void>;
}

/** The inbox of one socket of a user, from its first request on. */
export class SocketInbox {
  private readonly client: InboxClient;
  private waiting = 0;

  constructor(
    private readonly inboxes: Inboxes,
    private readonly connection: InboxConnection,
    grants: Grants,
    /** Called with an error that should not happen. */
    private readonly failed: (error: unknown) => void,
  ) {
    this.client = inboxes.open(laneOf(connection), grants);
  }

  request({ limit, cursor, after, id }: ClientFrameOf<"inbox">): void {
    const place = cursor === undefined ? undefined : decodeCursor(cursor);
    if (cursor !== undefined && place === undefined) {
      this.refuse("invalid", "`cursor`: is not one that this server gave.", id);
      return;
    }
    if (this.waiting >= MAX_WAITING) {
      this.refuse("busy", `${MAX_WAITING} requests for the inbox wait already.`, id, 1);
      return;
    }
    this.waiting++;
    this.inboxes
      .request(this.client, { limit, cursor: place, after }, id)
      .then((isAnswered) => {
        if (!isAnswered)
          this.refuse("unavailable", "The inbox cannot be read now. Ask again a little later.", id, 1);
      })
      .catch(this.failed)
      .finally(() => this.waiting--);
  }

  /** The connection has another token. */
  renewed(grants: Grants): void {
    this.inboxes.renew(this.client, grants);
  }

  close(): void {
    this.inboxes.close(this.client);
    this.connection.dropLane(LANE);
  }

  private refuse(
    code: ServerFrameOf<"error">["code"],
    message: string,
    id: string | undefined,
    retryAfter?: number,
  ): void {
    if (this.client.closed) return;
    const frame: ServerFrameOf<"error"> = {
      type: "error",
      code,
      message,
      ...(id !== undefined && { id }),
      ...(retryAfter !== undefined && { retry_after: retryAfter }),
    };
    this.connection.deliver(JSON.stringify(frame));
  }
}

function laneOf(connection: InboxConnection): InboxSocket {
  return {
    user: connection.user,
    deliver: (frame, isPage) => connection.deliverIn(LANE, frame, isPage),
    drained: () => connection.laneDrained(LANE),
    get isWritable() {
      return connection.isLaneWritable(LANE);
    },
  };
}
