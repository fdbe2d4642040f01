// A recording ends somewhere: what was sent just before may have been answered after. When it is played those answers come,
// and they are no surprise.
import type { NameMapping } from "../compare/name-mapping.ts";
import type { Payload } from "../format/recording.ts";
import type { Plan, Step } from "./plan.ts";

interface SentReadMark {
  readonly user: string;
  readonly seq: number;
  readonly at: number;
}

/** What came of what was sent last. */
export class TrailingReplies {
  /** By id, as it is in this run: the place where it was sent last. */
  private readonly sent = new Map<string, number>();
  private readonly readMarks: readonly SentReadMark[];

  constructor(
    { steps, recording }: Plan,
    private readonly mapping: NameMapping,
  ) {
    const users = new Map(recording.clients.map(({ name, user }) => [name, user]));
    const isSend = (step: Step) => step.kind === "send";
    const sends = steps.filter(isSend);
    for (const { index: at, entry } of sends)
      if (typeof entry.frame?.id === "string") this.sent.set(mapping.idToSend(entry.frame.id), at);
    this.readMarks = sends.flatMap(({ index: at, entry, connection: of }) =>
      entry.frame?.type === "read" && typeof entry.frame.seq === "number"
        ? [{ user: mapping.user(users.get(of.client) ?? ""), seq: entry.frame.seq, at }]
        : [],
    );
  }

  /**
   * Whether a frame comes of something that was sent after the last frame that the file has of its kind, on that line.
   * `space` is that of the line, `last` the place of that frame.
   */
  includes({ frame }: Payload, epochKey: string, lastIndex: number): boolean {
    if (frame?.type === "read")
      return this.readMarks.some(
        ({ user, seq, at }) =>
          at > lastIndex && user === frame.user && this.mapping.seq(epochKey, seq) === frame.seq,
      );
    const at = typeof frame?.id === "string" ? this.sent.get(frame.id) : undefined;
    return at !== undefined && at > lastIndex;
  }
}
