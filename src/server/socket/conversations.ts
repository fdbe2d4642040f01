import type { Grants } from "../../core/access/grants.ts";
import type { OpenedEvent, RequestStep } from "../../core/session/membership-state.ts";
import type { UserRequestStep } from "../../core/session/user/state.ts";
import type { ClientFrame, ClientFrameOf } from "../../protocol/client-frames.ts";
import type { DecodeResult } from "../../protocol/decode.ts";

/** The step of a request, for the connection to count before it is carried out. */
export type ConsideredStep = RequestStep | UserRequestStep;

/**
 * The conversations of one connection: the one in its address, or those that a client opens on the socket of a user.
 */
export interface Conversations {
  /** The conversation in the socket's address; undefined on the socket of a user. */
  readonly conversation: string | undefined;
  /** Returns the frame, or the error for one that does not fit this kind of socket. */
  check(decoded: DecodeResult): DecodeResult;
  /** Returns the step for a frame, for `carryOut`; undefined where the frame is about no single conversation. */
  consider(frame: ClientFrame | undefined): ConsideredStep | undefined;
  /** Carries out the step that `consider` returned for `frame`. */
  carryOut(frame: ClientFrame | undefined, step: ConsideredStep): void;
  /** Handles a frame that names several conversations. */
  openOrClose(frame: ClientFrameOf<"open" | "close">): void;
  /** Replies with a page of the inbox, and sends its changes from now on. */
  inbox(frame: ClientFrameOf<"inbox">): void;
  /** A socket of one conversation has joined it. */
  opened(event: OpenedEvent): void;
  /** The connection's token was replaced, and with it the rights. */
  renewed(grants: Grants): void;
  /** All pages that were queued are sent to the peer. */
  pagesLeft(): void;
  /**
   * `unsent` bytes wait for the peer. Returns how many still do after the socket of a user has closed the conversations that
   * do not keep up.
   */
  relieve(unsent: number): number;
  /** The connection has ended: no more frames of the conversations are sent. */
  close(): void;
  /** The socket is closed. `replaced`: a newer connection of its client takes its place. */
  leave(replaced: boolean): void;
}
