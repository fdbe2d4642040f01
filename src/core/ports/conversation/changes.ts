// The port for changes: messages that are edited, erased and reacted to. `test/contracts/changes` is the contract.
import type { Quota } from "../../../protocol/server-frames.ts";
import type { Change, ChangeRefused } from "../../changes/decide-change.ts";
import type { AnnouncedChange, ChangedEntry, FoldPlan } from "../../changes/fold.ts";
import type { OwnReactions } from "../../changes/message-state.ts";
import type { Entry } from "../../conversation/entry.ts";
import type {
  Busy,
  IdInUse,
  PostRequest,
  RateLimited,
  Rejected,
  Removed,
  Unavailable,
} from "../message-log.ts";

/** What is not named here is as in a post. */
export interface ChangeRequest
  extends Pick<PostRequest, "conversation" | "user" | "epoch" | "limit" | "exempt" | "mustExist"> {
  readonly seq: number;
  readonly change: Change;
  /** The user may erase messages of others whatever its role is. Moderators and owners may, too; the engine MUST look that up. */
  readonly moderates: boolean;
  /** The epoch in which the sender knows `seq`; where the conversation has another one, nothing is done. */
  readonly expectedEpoch?: string | undefined;
  /** One namespace with the ids of messages and streams of this user and conversation. */
  readonly id?: string;
}

export type ChangeResult =
  | {
      readonly outcome: "changed";
      readonly seq: number;
      readonly rev: number;
      /** When the change was made, in milliseconds since 1970. */
      readonly at: number;
      readonly quota: Quota | null;
    }
  /** The change was made before, under the same id, and then has its `rev`; or it changes nothing. */
  | {
      readonly outcome: "duplicate";
      readonly seq: number;
      readonly rev?: number;
      readonly at: number;
      readonly quota: Quota | null;
    }
  /** The `id` is that of a message, a stream, or a change of another message. */
  | IdInUse
  /** `expectedEpoch` is not the conversation's, which is `epoch`. */
  | { readonly outcome: "other_epoch"; readonly epoch: string }
  | Exclude<ChangeRefused, { readonly outcome: "duplicate" }>
  | RateLimited
  | Rejected
  | Busy
  | Removed
  | Unavailable;

/** An edit that would be made: the content that the message `id` would have then, as `Entry.body`. */
export interface AcceptableChange {
  readonly outcome: "acceptable";
  readonly id: string;
  readonly body: string;
}

/** A change that was stored, with the message as it is now. */
export interface StoredChange extends AnnouncedChange {
  readonly conversation: string;
  readonly epoch: string;
  readonly entry: Entry;
}

/**
 * One change after the other, or, where a node has missed some, the messages that they changed, as they are now. `rev` is the
 * newest change that is contained.
 */
export type ChangeEvent =
  | { readonly type: "changed"; readonly change: StoredChange }
  | {
      readonly type: "folded";
      readonly conversation: string;
      readonly rev: number;
      readonly changed: readonly ChangedEntry[];
    };

export type ChangeListener = (event: ChangeEvent) => void;

/** What a returning client has missed. */
export interface MissedChanges {
  readonly changed: readonly ChangedEntry[];
  /** There are more than the plan allows, or their bodies have more than MAX_FOLD_BYTES bytes; then `changed` is empty. */
  readonly tooMany: boolean;
}

/** The changes of messages. */
export interface Changes {
  /**
   * Decides by core/changes/decide-change.ts, charges the user, numbers, stores and announces a change: all of it or none.
   * MUST NOT charge what changes nothing; an erasure is charged only while a request is left (CH4). From `done` on no read
   * of this port or of `MessageLog` may return what an edit replaced or an erasure removed (CH3).
   *
   * `done` is called as that of `MessageLog.post`, and in the same order with it.
   */
  change(request: ChangeRequest, done: (result: ChangeResult) => void): void;

  /** Decides about an edit as `change` does, and MUST NOT charge, store or announce anything; `changed` is no result of it. */
  consider(request: ChangeRequest, done: (result: ChangeResult | AcceptableChange) => void): void;

  /** Returns the newest change of a conversation; 0 for none. As `MessageLog.head`, it MUST NOT fall within an epoch. */
  rev(conversation: string): Promise<number>;

  /**
   * Returns the kept messages of a plan that were changed, as they are now, in the order of `rev`, one for each message; with
   * `user` also what the user's own reactions are. They are of one moment. Undefined: the store cannot be read now.
   *
   * MUST NOT delay posts, as MessageLog.page.
   */
  missed(conversation: string, plan: FoldPlan, user?: string): Promise<MissedChanges | undefined>;

  /** Returns which of these messages a user reacted to, and how. Messages without a reaction of the user are missing. */
  mine(conversation: string, user: string, seqs: readonly number[]): Promise<OwnReactions>;

  /**
   * Calls `listener` for each change of a subscribed conversation, in the order of `rev` without holes, and in one order with the
   * messages that `MessageLog.subscribe` announces. Returns a function that stops it.
   */
  watch(listener: ChangeListener): () => void;
}
