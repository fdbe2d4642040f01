// What the clients of a run of changes have asked for and been answered, and what they hold in the end.
import type { ServerFrameOf } from "../../../src/protocol/server-frames.ts";

type ChangeFrame = ServerFrameOf<"change">;

/** A message as a client holds it: its fields, as the frames had them. */
export type HeldMessage = Readonly<Record<string, unknown>> & { readonly seq: number };

/** A change that a client has asked for. */
export type AskedChange = { readonly seq: number; readonly id: string } & (
  | { readonly type: "edit"; readonly text: string }
  | { readonly type: "erase" }
  | { readonly type: "react"; readonly reaction: string; readonly on: boolean }
);

export interface ChangeAnswer {
  readonly asked: AskedChange;
  /** The epoch in which it was answered. What is of an earlier one than the store's can be lost. */
  readonly epoch: string;
  /** Undefined: it was refused with `code`. */
  readonly rev: number | undefined;
  readonly duplicate: boolean;
  readonly code?: string;
}

export interface ChangingRecord {
  readonly name: string;
  readonly conversation: string;
  readonly user: string;
  readonly answers: readonly ChangeAnswer[];
  /** How many changes it did not ask for again, since the store had begun a new epoch before their answer. */
  readonly unanswered: number;
  readonly held: ReadonlyMap<number, HeldMessage>;
  /** The newest change that it knows. */
  readonly rev: number;
}

/** Applies a change as the protocol says: the fields of `set` take the place of the message's. */
export function applyChange(message: HeldMessage, { rev, kind, set }: ChangeFrame): HeldMessage {
  const {
    seq,
    id,
    from,
    at,
    reactions: held = {},
    ...rest
  } = message as HeldMessage & { reactions?: object };
  const fields: Record<string, unknown> = kind === "fold" ? {} : { ...rest };
  const reactions: Record<string, unknown> = kind === "fold" ? {} : { ...held };
  for (const [name, value] of Object.entries(set)) {
    if (name === "reactions" && value !== null) {
      for (const [reaction, summary] of Object.entries(value as Record<string, { count: number }>))
        if (summary.count === 0) delete reactions[reaction];
        else reactions[reaction] = summary;
    } else if (name === "reactions")
      for (const reaction of Object.keys(reactions)) delete reactions[reaction];
    else if (value === null) delete fields[name];
    else fields[name] = value;
  }
  if (Object.keys(reactions).length > 0) fields.reactions = reactions;
  return { ...fields, seq, id, from, at, rev };
}
