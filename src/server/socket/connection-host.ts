import type { ServerWebSocket } from "bun";
import type { Admission, Entry } from "../../core/admission.ts";
import type { Clock } from "../../core/clock.ts";
import type { DemoUse } from "../../core/demo-accounts.ts";
import type { Engine } from "../../core/engine.ts";
import type { ConnectionLeases } from "../../core/leases.ts";
import type { ResumeRequest } from "../../core/resume.ts";
import type { SessionRules } from "../../core/session-state.ts";
import type { Presented } from "../authentication/credential.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./connection.ts";
import type { Directory } from "./directory.ts";
import type { Place } from "./entrance.ts";
import type { Hub } from "./hub.ts";
import type { MessageCounts } from "./message-counts.ts";
import type { Outbox } from "./outbox.ts";
import type { Wheel } from "./wheel.ts";

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
export interface ConnectionHost {
  readonly rules: SessionRules;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly wheel: Pick<Wheel<Connection>, "put" | "take">;
  readonly outbox: Outbox<Connection>;
  readonly admission: Admission;
  readonly leases: ConnectionLeases;
  readonly directory: Directory<Connection>;
  readonly counts: MessageCounts;
  readonly log: Log;
  /** Finds out who presents this and lets the connection in, or refuses it, in `place` if it has one; never throws. */
  admit(connection: Connection, presented: Presented, place?: Place): void;
  /** Puts `token` in the place of the one a connection came with, or refuses it; never throws. */
  renew(connection: Connection, token: string): void;
}

/** What the handshake said. */
export interface ConnectionFacts {
  readonly entry: Entry;
  /** What the address asks for; empty strings where it was faulty. */
  readonly user: string;
  readonly conversation: string;
  /** Whether who opens the socket may use a demo account. */
  readonly demoUse: DemoUse;
  /** Token or ticket, when one came with the handshake. */
  readonly presented: Presented | undefined;
  /** Its place in the entrance, when it comes with a credential. */
  readonly place: Place | undefined;
  readonly resume: ResumeRequest | undefined;
  /** Which of the user's clients it is, where the address says so. */
  readonly client: string | undefined;
  /** When the handshake came: it may have waited for its place. */
  readonly arrivedAt: number;
  /** What is wrong with the address, to be said as soon as the socket is open. */
  readonly fault: string | undefined;
}
