import type { Message, ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";

type Change = ServerFrameOf<"change">;
type Fields = Record<string, unknown>;

/** A message as a client shows it, with the user's own reactions. */
export type ShownMessage = Fields & Pick<Message, "seq"> & { mine: string[] };

/** The messages of a conversation as a client has them that does what docs/protocol/CHANGES.md says, and nothing more. */
export class Replica {
  readonly messages = new Map<number, ShownMessage>();
  /** The position to come back to. */
  after = 0;
  rev = 0;
  epoch = "";

  constructor(private readonly user: string) {}

  /** The query of a socket's address by which it comes back. */
  get query(): string {
    return this.epoch === "" ? "" : `&after=${this.after}&epoch=${this.epoch}&rev=${this.rev}`;
  }

  /** Takes a frame into account. Throws where a rule of CH1 is broken. */
  apply(frame: ServerFrame): void {
    if (frame.type === "welcome") {
      if (this.epoch === "") [this.after, this.rev] = [frame.seq, frame.rev];
      this.epoch = frame.epoch;
    } else if (frame.type === "message") {
      const { type: _, conversation: __, mine = [], ...message } = frame;
      if (message.seq !== this.after + 1) throw new Error(`${message.seq} came after ${this.after}`);
      this.after = message.seq;
      this.messages.set(message.seq, { ...message, mine });
    } else if (frame.type === "change") this.applyChange(frame);
  }

  private applyChange(change: Change): void {
    if (change.kind !== "fold" && change.rev <= this.rev)
      throw new Error(`the change ${change.rev} came after ${this.rev}`);
    this.rev = Math.max(this.rev, change.rev);
    const message = this.messages.get(change.seq);
    if (message === undefined || change.rev <= Number(message.rev ?? 0)) return;
    if (change.kind === "fold")
      for (const name of ["data", "edited", "erased", "reactions"] as const)
        if (!(name in change.set)) delete message[name];
    message.rev = change.rev;
    for (const [name, value] of Object.entries(change.set)) {
      if (value === null) delete message[name];
      else if (name === "reactions" && change.kind !== "fold")
        this.react(message, value as Fields, change.by);
      else message[name] = value;
    }
    if (change.set.reactions === null) message.mine = [];
    if (change.mine !== undefined) message.mine = change.mine;
  }

  private react(message: ShownMessage, changed: Fields, by: string | undefined): void {
    const reactions: Fields = { ...(message.reactions as Fields | undefined) };
    for (const [name, summary] of Object.entries(changed)) {
      const { count, users = [] } = summary as { count: number; users?: string[] };
      if (count === 0) delete reactions[name];
      else reactions[name] = summary;
      if (by !== this.user) continue;
      message.mine = message.mine.filter((own) => own !== name);
      if (users.includes(by)) message.mine.push(name);
    }
    if (Object.keys(reactions).length === 0) delete message.reactions;
    else message.reactions = reactions;
  }
}
