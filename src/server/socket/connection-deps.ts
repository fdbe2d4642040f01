import type { ServerWebSocket } from "bun";
import type { Admission, SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { ResumeRequest } from "../../core/conversation/resume.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { ConnectionLeases } from "../../core/ports/leases.ts";
import type { MessageLog, Quotas } from "../../core/ports/message-log.ts";
import type { ReadMarks } from "../../core/ports/read-marks.ts";
import type { SessionRules } from "../../core/session/connection-state.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { ConnectionRegistry, RegisteredConnection } from "./connection-registry.ts";
import type { Hub } from "./conversation/hub.ts";
import type { MessageCounters } from "./message-counters.ts";
import type { TimerEntry, TimingWheel } from "./timing-wheel.ts";
import type { FlushTarget, WriteBatcher } from "./write-batcher.ts";

/**
 * What a connection needs of its socket. server/faults puts a faulty socket in its place, which cannot be published to:
 * the faults would not apply to what is published.
 */
export type Socket = Pick<
  ServerWebSocket<unknown>,
  "sendText" | "cork" | "getBufferedAmount" | "ping" | "pause" | "resume" | "close" | "terminate"
> &
  Partial<Pick<ServerWebSocket<unknown>, "subscribe" | "unsubscribe">>;

/** What all connections of a server share; `C` is the class of the connections. */
export interface ConnectionDeps<C extends TimerEntry & FlushTarget & RegisteredConnection> {
  readonly rules: SessionRules;
  readonly clock: Clock;
  readonly engine: Pick<MessageLog, "post" | "history"> & Pick<ReadMarks, "setReadMark"> & Quotas;
  readonly hub: Hub;
  readonly timingWheel: Pick<TimingWheel<C>, "schedule" | "cancel">;
  readonly writeBatcher: WriteBatcher<C>;
  readonly admission: Admission;
  readonly leases: ConnectionLeases;
  readonly registry: ConnectionRegistry<C>;
  readonly counters: MessageCounters;
  readonly emit: Emit;
  /** Finds out who presents this and lets the connection in, or refuses it, in `place` if it has one; never throws. */
  admit(connection: C, presented: PresentedCredential, place?: Permit): void;
  /** Puts `token` in the place of the one a connection came with, or refuses it; never throws. */
  renew(connection: C, token: string): void;
}

/** What the handshake said. */
export interface ConnectionInit {
  readonly entry: SocketEntry;
  /** What the address asks for; empty strings where it was faulty. */
  readonly user: string;
  readonly conversation: string;
  /** Whether who opens the socket may use a demo account. */
  readonly demoUse: DemoUse;
  /** Token or ticket, when one came with the handshake. */
  readonly presented: PresentedCredential | undefined;
  /** Its place in the entrance, when it comes with a credential. */
  readonly permit: Permit | undefined;
  readonly resume: ResumeRequest | undefined;
  /** Which of the user's clients it is, where the address says so. */
  readonly client: string | undefined;
  /** When the handshake came: it may have waited for its place. */
  readonly arrivedAt: number;
  /** What is wrong with the address, to be said as soon as the socket is open. */
  readonly addressError: string | undefined;
}
