// A recording ends somewhere: what was sent just before may have been answered after. When it is played those answers come,
// and they are no surprise.
import type { Names } from "./names.ts";
import type { Plan, Step } from "./plan.ts";
import type { Payload } from "./recording.ts";

interface Mark {
  readonly user: string;
  readonly seq: number;
  readonly at: number;
}

/** What came of what was sent last. */
export class LateAnswers {
  /** By id, as it is in this run: the place where it was sent last. */
  private readonly sent = new Map<string, number>();
  private readonly marks: readonly Mark[];

  constructor(
    { steps, recording }: Plan,
    private readonly names: Names,
  ) {
    const users = new Map(recording.clients.map(({ name, user }) => [name, user]));
    const isSend = (step: Step) => step.kind === "send";
    const sends = steps.filter(isSend);
    for (const { at, entry } of sends)
      if (typeof entry.frame?.id === "string") this.sent.set(names.idToSend(entry.frame.id), at);
    this.marks = sends.flatMap(({ at, entry, of }) =>
      entry.frame?.type === "read" && typeof entry.frame.seq === "number"
        ? [{ user: names.user(users.get(of.client) ?? ""), seq: entry.frame.seq, at }]
        : [],
    );
  }

  /**
   * Whether a frame comes of something that was sent after the last frame that the file has of its kind, on that line.
   * `space` is that of the line, `last` the place of that frame.
   */
  has({ frame }: Payload, space: string, last: number): boolean {
    if (frame?.type === "read")
      return this.marks.some(
        ({ user, seq, at }) => at > last && user === frame.user && this.names.seq(space, seq) === frame.seq,
      );
    const at = typeof frame?.id === "string" ? this.sent.get(frame.id) : undefined;
    return at !== undefined && at > last;
  }
}
