import type { ServerWebSocket } from "bun";
import type { Admission, SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Grants } from "../../core/access/grants.ts";
import type { ResumeRequest } from "../../core/conversation/resume.ts";
import type { Emit } from "../../core/events/events.ts";
import type { MemberPolicy } from "../../core/members/policy.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { ConnectionLeases } from "../../core/ports/leases.ts";
import type { MessageLog, Quotas } from "../../core/ports/message-log.ts";
import type { ReadMarks } from "../../core/ports/read-marks.ts";
import type { SessionRules } from "../../core/session/connection-state.ts";
import type { OpenItem } from "../../core/session/user/state.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { SocketInbox } from "../inbox/socket-inbox.ts";
import type { MemberGate } from "../members/member-gate.ts";
import type { StreamRequests } from "../streams/stream-requests.ts";
import type { ConnectionRegistry, RegisteredConnection } from "./connection-registry.ts";
import type { Hub } from "./conversation/hub.ts";
import type { MessageCounters } from "./message-counters.ts";
import type { TimerEntry, TimingWheel } from "./timing-wheel.ts";
import type { UserMember } from "./user/user-member.ts";
import type { FlushTarget, WriteBatcher } from "./write-batcher.ts";

/**
 * The methods of a socket that a connection uses. server/faults replaces it by a faulty socket, which cannot subscribe to
 * topics: the faults would not apply to published frames.
 */
export type Socket = Pick<
  ServerWebSocket<unknown>,
  "sendText" | "cork" | "getBufferedAmount" | "ping" | "pause" | "resume" | "close" | "terminate"
> &
  Partial<Pick<ServerWebSocket<unknown>, "subscribe" | "unsubscribe">>;

/** The objects that all connections of a server share; `C` is the class of the connections. */
export interface ConnectionDeps<C extends TimerEntry & FlushTarget & RegisteredConnection> {
  readonly rules: SessionRules;
  readonly clock: Clock;
  readonly engine: Pick<MessageLog, "post" | "history" | "head"> &
    Pick<ReadMarks, "setReadMark"> &
    Quotas &
    Pick<Engine, "changes" | "isUnavailable">;
  readonly hub: Hub;
  readonly timingWheel: Pick<TimingWheel<C>, "schedule" | "cancel">;
  readonly writeBatcher: WriteBatcher<C>;
  readonly admission: Admission;
  readonly leases: ConnectionLeases;
  readonly registry: ConnectionRegistry<C>;
  readonly memberPolicy: MemberPolicy;
  readonly gate: MemberGate;
  readonly counters: MessageCounters;
  readonly emit: Emit;
  readonly streams: Pick<StreamRequests, "request" | "left" | "renewed">;
  /** Checks the presented credential and admits or refuses the connection, with the permit `place` if it has one. Never throws. */
  admit(connection: C, presented: PresentedCredential, place?: Permit): void;
  /** The most conversations that may be open on the socket of a user. */
  readonly maxOpenConversations: number;
  /** Opens a conversation on the socket of a user. Never rejects. */
  open(connection: C, member: UserMember, item: OpenItem): Promise<void>;
  /** Begins to send the socket of a user its inbox. */
  openInbox(connection: C, grants: Grants): SocketInbox;
  /** Replaces the token of a connection by `token`, or refuses it. Never throws. */
  renew(connection: C, token: string): void;
}

/** The result of the handshake, for the new connection. */
export interface ConnectionInit {
  readonly entry: SocketEntry;
  /** The ids in the address; empty strings where the address was invalid. */
  readonly user: string;
  /** Undefined for the socket of a user. */
  readonly conversation: string | undefined;
  /** Whether the client may use a demo account. */
  readonly demoUse: DemoUse;
  /** The token or ticket in the handshake, if any. */
  readonly presented: PresentedCredential | undefined;
  /** Its permit of the admission queue, if the handshake has a credential. */
  readonly permit: Permit | undefined;
  readonly resume: ResumeRequest | undefined;
  /** The client name, if the address contains one. */
  readonly client: string | undefined;
  /** When the handshake arrived; it may have waited for its permit since. */
  readonly arrivedAt: number;
  /** The error in the address, if any. It is sent as soon as the socket is open. */
  readonly addressError: string | undefined;
}
