// A recording may end before the replies to its last frames arrived. When it is run, those replies are received, and are
// not unexpected.
import type { NameMapping } from "../compare/name-mapping.ts";
import type { Payload } from "../format/recording.ts";
import type { Plan, Step } from "./plan.ts";

interface SentReadMark {
  readonly user: string;
  readonly seq: number;
  readonly index: number;
}

/** Recognizes replies to frames that were sent at the end of a recording. */
export class TrailingReplies {
  /** By id in this run: the index of the step that sent it last. */
  private readonly sent = new Map<string, number>();
  private readonly readMarks: readonly SentReadMark[];

  constructor(
    { steps, recording }: Plan,
    private readonly mapping: NameMapping,
  ) {
    const users = new Map(recording.clients.map(({ name, user }) => [name, user]));
    const isSend = (step: Step) => step.kind === "send";
    const sends = steps.filter(isSend);
    for (const { index, entry } of sends)
      if (typeof entry.frame?.id === "string") this.sent.set(mapping.idToSend(entry.frame.id), index);
    this.readMarks = sends.flatMap(({ index, entry, connection }) =>
      entry.frame?.type === "read" && typeof entry.frame.seq === "number"
        ? [{ user: mapping.user(users.get(connection.client) ?? ""), seq: entry.frame.seq, index }]
        : [],
    );
  }

  /**
   * Whether a frame is the reply to a frame that was sent after the last recorded frame of its lane. `epochKey` is that of
   * the connection, `lastIndex` the index of that last frame.
   */
  includes({ frame }: Payload, epochKey: string, lastIndex: number): boolean {
    if (frame?.type === "read")
      return this.readMarks.some(
        ({ user, seq, index }) =>
          index > lastIndex && user === frame.user && this.mapping.seq(epochKey, seq) === frame.seq,
      );
    const index = typeof frame?.id === "string" ? this.sent.get(frame.id) : undefined;
    return index !== undefined && index > lastIndex;
  }
}
