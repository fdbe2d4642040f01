import type { ServerWebSocket } from "bun";
import type { Admission, SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { ResumeRequest } from "../../core/conversation/resume.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { ConnectionLeases } from "../../core/ports/leases.ts";
import type { SessionRules } from "../../core/session/state.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Log } from "../log/log.ts";
import type { Permit } from "./admission-queue.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionRegistry } from "./connection-registry.ts";
import type { Hub } from "./conversation/hub.ts";
import type { MessageCounters } from "./message-counters.ts";
import type { TimingWheel } from "./timing-wheel.ts";
import type { WriteBatcher } from "./write-batcher.ts";

/**
 * What a connection needs of its socket; server/faults puts a disturbed line in its place, which cannot be published to,
 * since that would go around it.
 */
export type Socket = Pick<
  ServerWebSocket<Connection>,
  "sendText" | "cork" | "getBufferedAmount" | "ping" | "pause" | "resume" | "close" | "terminate"
> &
  Partial<Pick<ServerWebSocket<Connection>, "subscribe" | "unsubscribe">>;

/** What all connections of a server share. */
export interface ConnectionDeps {
  readonly rules: SessionRules;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly timingWheel: Pick<TimingWheel<Connection>, "schedule" | "cancel">;
  readonly writeBatcher: WriteBatcher<Connection>;
  readonly admission: Admission;
  readonly leases: ConnectionLeases;
  readonly registry: ConnectionRegistry<Connection>;
  readonly counters: MessageCounters;
  readonly log: Log;
  /** Finds out who presents this and lets the connection in, or refuses it, in `place` if it has one; never throws. */
  admit(connection: Connection, presented: PresentedCredential, place?: Permit): void;
  /** Puts `token` in the place of the one a connection came with, or refuses it; never throws. */
  renew(connection: Connection, token: string): void;
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
