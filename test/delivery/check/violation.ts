export type ViolationKind =
  /** D2: acked, and not stored, or stored under another number. */
  | "lost_ack"
  /** D2: told to clients, and not stored so. */
  | "unstored"
  /** D3: stored twice, or told twice to one client. */
  | "duplicate"
  /** D1, D4: a number that is missing in the store, or that a client was never told. */
  | "hole"
  /** D1: told in another order than that of `seq`. */
  | "order"
  /** D1: acked before the messages with lower numbers were told on the same connection. */
  | "ack_ahead"
  /** D4: not resumed though it could have been, or resumed at another place than was asked for. */
  | "resume"
  /** D5: the store lost messages, or began anew, under the same epoch; or another epoch without a loss. */
  | "epoch"
  /** Nobody sent what is stored. */
  | "altered"
  /** Q2: charged for more or fewer messages than are stored. */
  | "charge"
  /** P1: a user shown as present who is not connected, or one connected who is not shown. */
  | "presence"
  /** A message that got no answer to the end. */
  | "unanswered"
  | "refused"
  | "crash";

export interface Violation {
  readonly kind: ViolationKind;
  /** What it is about; undefined for the server as a whole. */
  readonly conversation?: string;
  readonly text: string;
}
