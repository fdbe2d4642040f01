// A real store of its own under the inbox, with places where a test holds back or refuses what is read.
import { ALL_GRANTS, type Grants } from "../../../src/core/access/grants.ts";
import type { Inboxes as InboxPort } from "../../../src/core/ports/conversation/inbox.ts";
import type { MemberStore } from "../../../src/core/ports/conversation/members.ts";
import type { InboxFrame, InboxItem, InboxItemFrame } from "../../../src/protocol/frames/inbox-frames.ts";
import { Inboxes } from "../../../src/server/inbox/inboxes.ts";
import type { InboxClient, InboxSocket } from "../../../src/server/inbox/user-list.ts";
import { StoreFolder } from "../../engine/sqlite/store-folder.ts";
import { messageContent } from "../../support/entries.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** How often the inbox looks at what has changed. */
export const ROUND_MS = 500;
/** Longer than what a return is sent again of (POSITION_SLACK_MS). */
export const LONG_MS = 11_000;

class Away extends Error {}

/** A place where the test holds calls back, or has them fail. */
class Gate {
  private held: Promise<void> = Promise.resolve();
  /** The calls that have come to the gate. */
  calls = 0;
  fails = false;

  /** Holds calls from now on, until the function that it returns is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.held = promise;
    return () => {
      this.held = Promise.resolve();
      resolve();
    };
  }

  async pass<T>(result: Promise<T>): Promise<T> {
    this.calls++;
    const { held, fails } = this;
    const settled = await result;
    await held;
    if (fails) throw new Away();
    return settled;
  }
}

/** A list after a frame, as a client applies it. */
export function applied(
  list: Readonly<Record<string, InboxItem>>,
  frame: InboxFrame | InboxItemFrame,
): Record<string, InboxItem> {
  const items = "reset" in frame && frame.reset ? {} : { ...list };
  for (const item of "items" in frame ? frame.items : [frame.item])
    if ("removed" in item) delete items[item.conversation];
    else items[item.conversation] = item;
  return items;
}

/** What a socket was sent. */
export class Socket implements InboxSocket {
  readonly frames: (InboxFrame | InboxItemFrame)[] = [];
  isWritable = true;

  constructor(readonly user: string) {}

  deliver(frame: string): void {
    this.frames.push(JSON.parse(frame));
  }

  async drained(): Promise<void> {}

  get position(): string {
    return this.frames.at(-1)!.position;
  }

  /** The list as a client has it. */
  get items(): Record<string, InboxItem> {
    return this.frames.reduce<Record<string, InboxItem>>(applied, {});
  }

  get unread(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.items).map(([name, { unread }]) => [name, unread]));
  }
}

/** An inbox that only the clock of the test moves. */
export async function openScene() {
  const folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  const { engine, members } = store;
  /** The reading of numbers, of names, and the beginning to watch. */
  const [reading, naming, watching] = [new Gate(), new Gate(), new Gate()];
  /** Conversations of which no items can be read. */
  const broken = new Set<string>();
  const lost = { news: false, onGap: () => {} };
  const inbox: InboxPort = {
    async read(queries, newest) {
      if (newest && queries.some(({ conversation }) => broken.has(conversation))) throw new Away();
      return reading.pass(engine.inbox.read(queries, newest));
    },
    watch(listener, onGap) {
      lost.onGap = onGap;
      const report: typeof listener = (...what) => void (lost.news || listener(...what));
      return watching.pass(engine.inbox.watch(report, onGap));
    },
  };
  const sources: Pick<MemberStore, "conversationsOf" | "read" | "readForUser" | "watch"> = {
    conversationsOf: (...of) => naming.pass(members.conversationsOf(...of)),
    read: (...of) => members.read(...of),
    readForUser: (...of) => members.readForUser(...of),
    watch: (listener) => members.watch((...news) => void (lost.news || listener(...news))),
  };
  const inboxes = new Inboxes({
    inbox,
    members: sources,
    clock,
    emit: folder.log.emit,
    isStoreUnavailable: (error) => error instanceof Away,
  });
  let messages = 0;
  return {
    clock,
    members,
    inboxes,
    reading,
    naming,
    watching,
    broken,
    lost,
    open(user: string, grants: Grants = ALL_GRANTS) {
      const socket = new Socket(user);
      return { socket, client: inboxes.open(socket, grants) };
    },
    ask: (client: InboxClient, ask: { limit?: number; after?: string } = {}) =>
      inboxes.request(client, { limit: 50, cursor: undefined, after: undefined, ...ask }, undefined),
    /** What `GET /inbox` answers to a user who comes back with a position. */
    comeBack: async (user: string, after: string) =>
      JSON.parse(await inboxes.read(user, ALL_GRANTS, { limit: 50, cursor: undefined, after })) as InboxFrame,
    say: (conversation: string, user: string) =>
      new Promise<void>((resolve) =>
        engine.post(
          { conversation, user, limit: 0, id: String(++messages), ...messageContent("hello") },
          () => resolve(),
        ),
      ),
    mark: (conversation: string, user: string, seq: number) => engine.setReadMark(conversation, user, seq),
    /** Time passes until it is so, with a look at what has changed again and again. */
    becomes: (what: string, holds: () => boolean) =>
      waitUntil(what, () => {
        clock.advance(ROUND_MS);
        return holds();
      }),
    async [Symbol.asyncDispose]() {
      inboxes.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
