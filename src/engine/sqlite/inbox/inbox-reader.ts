import type { Database, Statement } from "bun:sqlite";
import type { Entry } from "../../../core/conversation/entry.ts";
import type { InboxQuery, InboxReader, InboxView } from "../../../core/ports/conversation/inbox.ts";
import type { MessageLog } from "../messages/message-log.ts";
import type { RecentHeads } from "./recent-heads.ts";

/** Queries that are read by one statement; it takes about a millisecond. */
const QUERIES_AT_ONCE = 200;
/** How long a slice may read before the event loop goes on, in milliseconds. */
const SLICE_MS = 2;

const NO_MARK: InboxReader = { read: 0, markedAt: 0 };

/** What the store has of a conversation. */
interface Row {
  /** The index of the query. */
  readonly place: number;
  readonly number: number | null;
  readonly first_seq: number;
  readonly removals: number;
  readonly seq: number | null;
  readonly at: number | null;
  readonly changed: number | null;
}

interface Mark {
  readonly seq: number;
  readonly sent: number;
  readonly at: number;
}

interface MarkRow extends Mark {
  readonly place: number;
}

interface OwnRow extends Row {
  readonly read: number | null;
  readonly sent: number | null;
  readonly markedAt: number | null;
}

interface Job {
  readonly queries: readonly InboxQuery[];
  readonly newest: boolean;
  readonly views: InboxView[];
  readonly resolve: (views: readonly InboxView[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads what the inbox shows, in slices: one in each turn of the event loop, so that messages are stored in between. */
export class SlicedInboxReader {
  private readonly jobs: Job[] = [];
  private running = false;
  private readonly heads: Statement<Row>;
  private readonly marks: Statement<MarkRow>;
  private readonly ofUser: Statement<OwnRow>;

  constructor(
    db: Database,
    private readonly messages: MessageLog,
    private readonly recent: RecentHeads,
    /** Throws when the store cannot be read now. */
    private readonly assertReadable: () => void,
  ) {
    this.heads = db.prepare(
      `select j.key as place, c.number, c.first_seq, c.removals, h.seq, h.at, h.changed
       from json_each(?) j left join conversation c on c.id = j.value left join head h on h.conversation = c.number`,
    );
    this.marks = db.prepare(
      `select j.key as place, m.seq, m.sent, m.at from json_each(?) j
       join mark m on m.conversation = j.value ->> 0 and m.user = j.value ->> 1`,
    );
    // For lists: the numbers of a user's conversations in one statement take half of the time.
    this.ofUser = db.prepare(
      `select j.key as place, c.number, c.first_seq, c.removals, h.seq, h.at, h.changed,
         m.seq as read, m.sent, m.at as markedAt
       from json_each(?) j left join conversation c on c.id = j.value left join head h on h.conversation = c.number
       left join mark m on m.conversation = c.number and m.user = ?`,
    );
  }

  /** Returns views as `Inboxes.read` does. */
  read(queries: readonly InboxQuery[], newest: boolean): Promise<readonly InboxView[]> {
    if (queries.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.jobs.push({ queries, newest, views: [], resolve, reject });
      if (this.running) return;
      this.running = true;
      setImmediate(() => this.runSlice());
    });
  }

  /** Finalizes the statements, so that the database can be closed. Reads that wait are refused. */
  close(error: Error): void {
    for (const job of this.jobs.splice(0)) job.reject(error);
    this.heads.finalize();
    this.marks.finalize();
    this.ofUser.finalize();
  }

  private runSlice(): void {
    const until = performance.now() + SLICE_MS;
    while (this.jobs.length > 0 && performance.now() < until) this.readSome(this.shortest());
    this.running = this.jobs.length > 0;
    if (this.running) setImmediate(() => this.runSlice());
  }

  /** The job with the least left to read: a change of one item does not wait for a user with 10,000 conversations. */
  private shortest(): Job {
    const left = ({ queries, views }: Job) => queries.length - views.length;
    return this.jobs.reduce((least, job) => (left(job) < left(least) ? job : least));
  }

  private readSome(job: Job): void {
    const { queries, newest, views } = job;
    try {
      this.assertReadable();
      const from = views.length;
      views.push(...this.readViews(queries.slice(from, from + QUERIES_AT_ONCE), newest));
      if (views.length < queries.length) return;
      job.resolve(views);
    } catch (error) {
      job.reject(error);
    }
    this.jobs.splice(this.jobs.indexOf(job), 1);
  }

  private readViews(queries: readonly InboxQuery[], newest: boolean): InboxView[] {
    const [user] = queries[0]!.users;
    if (user !== undefined && queries.every(({ users }) => users.length === 1 && users[0] === user))
      return this.readViewsOf(user, queries, newest);
    const rows = this.heads.all(JSON.stringify(queries.map(({ conversation }) => conversation)));
    const pairs = rows.flatMap(({ place, number }) =>
      number === null ? [] : queries[place]!.users.map((user) => [number, user] as const),
    );
    const marks: (Mark | undefined)[] = [];
    for (const mark of this.marks.all(JSON.stringify(pairs))) marks[mark.place] = mark;
    let at = 0;
    const views: InboxView[] = [];
    for (const row of rows) {
      const { conversation, users } = queries[row.place]!;
      views[row.place] =
        row.number === null
          ? this.viewOfNone(users)
          : this.viewOf(
              conversation,
              row,
              users.map((user, i) => this.readerOf(row.number!, user, marks[at + i])),
              newest,
            );
      if (row.number !== null) at += users.length;
    }
    return views;
  }

  private readViewsOf(user: string, queries: readonly InboxQuery[], newest: boolean): InboxView[] {
    const views: InboxView[] = [];
    for (const row of this.ofUser.all(JSON.stringify(queries.map((query) => query.conversation)), user)) {
      const { conversation, users } = queries[row.place]!;
      const mark = row.read === null ? undefined : { seq: row.read, sent: row.sent!, at: row.markedAt! };
      views[row.place] =
        row.number === null
          ? this.viewOfNone(users)
          : this.viewOf(conversation, row, [this.readerOf(row.number, user, mark)], newest);
    }
    return views;
  }

  private readerOf(conversation: number, user: string, mark: Mark | undefined): InboxReader {
    const sent = this.recent.sentBy(conversation, user);
    if (mark === undefined) return sent === 0 ? NO_MARK : { read: sent, markedAt: 0 };
    return { read: Math.max(mark.seq, mark.sent, sent), markedAt: mark.at };
  }

  private viewOf(
    conversation: string,
    row: Row,
    readers: readonly InboxReader[],
    newest: boolean,
  ): InboxView {
    const recent = this.recent.newest(row.number!);
    const seq = Math.max(recent?.seq ?? row.seq ?? 0, row.first_seq - 1);
    const newestAt = recent?.at ?? row.at ?? 0;
    return {
      seq,
      first: row.first_seq,
      epoch: this.messages.epochAfter(row.removals),
      at: newestAt,
      changedAt: Math.max(newestAt, row.changed ?? 0),
      newest: newest && row.first_seq <= seq ? this.newestOf(conversation, seq) : undefined,
      readers,
    };
  }

  private viewOfNone(users: readonly string[]): InboxView {
    const epoch = this.messages.epochAfter(0);
    return {
      seq: 0,
      first: 1,
      epoch,
      at: 0,
      changedAt: 0,
      newest: undefined,
      readers: users.map(() => NO_MARK),
    };
  }

  private newestOf(conversation: string, seq: number): Entry | undefined {
    const head = this.messages.find(conversation);
    return head && this.messages.read(head, seq, seq, true, Number.POSITIVE_INFINITY).entries[0];
  }
}
