export type ViolationKind =
  /** D2: acked, and not stored, or stored under another number. */
  | "lost_ack"
  /** D2: delivered to clients, and not stored with that content. */
  | "unstored"
  /** D3: stored twice, or delivered twice to one client. */
  | "duplicate"
  /** D1, D4: a seq that is missing in the store, or that a client never received. */
  | "hole"
  /** D1: delivered in another order than that of `seq`. */
  | "order"
  /** D1: acked before the messages with lower seqs were delivered on the same connection. */
  | "ack_ahead"
  /** D4: not resumed though it could have been, or resumed at another place than was asked for. */
  | "resume"
  /** D5: the store lost messages, or was recreated, under the same epoch; or another epoch without a loss. */
  | "epoch"
  /** A stored message that no client sent. */
  | "altered"
  /** Q2: charged for more or fewer messages than are stored. */
  | "charge"
  /** P1: a user shown as present who is not connected, or one connected who is not shown. */
  | "presence"
  /** MB2, MB3: stored though its user was banned, removed or muted. */
  | "spoken"
  /** MB2: a banned or removed user received what was stored later, or was let in. */
  | "leaked"
  /** MX3: a frame of a conversation that was not open. */
  | "after_closed"
  /** MB2, MB4: members or bans that the operator did not want. */
  | "members"
  /** IN1: an inbox that differs from what the log, the read marks and the members say. */
  | "unread"
  /** A message that never got a result. */
  | "unanswered"
  | "refused"
  | "crash";

export interface Violation {
  readonly kind: ViolationKind;
  /** The conversation it concerns; undefined for the server as a whole. */
  readonly conversation?: string;
  readonly text: string;
}
