import { closeReasonOf, type Fault, type FaultOf, planClockJump } from "../../core/faults.ts";
import type { TokenTerm } from "../../core/session/connection-state.ts";
import type { Identity } from "../authentication/authenticate.ts";
import { Connection } from "../socket/connection.ts";
import type { ConnectionDeps, ConnectionInit, Socket } from "../socket/connection-deps.ts";
import { closeWithInternalError } from "../socket/internal-error.ts";
import { ConnectionClock } from "./connection-clock.ts";
import { FaultySocket } from "./faulty-socket.ts";
import { WriterFaults, type WriterFaultsDeps } from "./writer-faults.ts";

/** The faults that apply to one connection, and not to its user. */
export type ConnectionFault = Exclude<Fault, FaultOf<"fill_quota" | "expired_token" | "fence_writer">>;

/**
 * A connection into which faults can be injected, and whose clock can be moved without affecting other connections. Used
 * only while TEST_FAULTS is on. Its faults end with it.
 */
export class FaultyConnection extends Connection {
  private faultySocket: FaultySocket | undefined;
  private readonly ownClock: ConnectionClock;
  private readonly nodeDeps: ConnectionDeps<Connection>;
  private readonly failed: (error: unknown) => void;

  private readonly writer: WriterFaults;

  constructor(
    host: ConnectionDeps<Connection>,
    writers: Pick<WriterFaultsDeps, "requests" | "streams">,
    facts: ConnectionInit,
  ) {
    const time = new ConnectionClock(host.clock, host.timingWheel);
    const writer = new WriterFaults({
      ...writers,
      clock: host.clock,
      failed: (error) => this.failed(error),
    });
    super({ ...host, clock: time, timingWheel: time, streams: writer }, facts);
    this.writer = writer;
    this.ownClock = time;
    this.nodeDeps = host;
    this.failed = (error) => closeWithInternalError(host.emit, this, error);
  }

  /** Injects a fault; returns a sentence with the reason where it cannot be injected now. */
  inject(fault: ConnectionFault): string | undefined {
    try {
      return this.tryInject(fault);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Ends all faults on the socket. The held frames follow. */
  clearFaults(): void {
    this.faultySocket?.thaw();
    this.faultySocket?.delay(0);
    this.writer.thaw(this);
  }

  /** Takes over the streams that it writes; returns a sentence with the reason where it writes none. */
  fenceWriter(): Promise<string | undefined> {
    return this.writer.fence(this, this.user);
  }

  override onOpen(socket: Socket): void {
    this.faultySocket = new FaultySocket(socket, this.nodeDeps.clock, {
      drained: () => this.onDrain(),
      thawed: () => this.thawed(),
      failed: this.failed,
    });
    super.onOpen(this.faultySocket);
  }

  override onFrame(message: string | Buffer): void {
    const bytes = typeof message === "string" ? Buffer.byteLength(message) : message.length;
    this.faultySocket?.receive(bytes, () => super.onFrame(message));
  }

  override onControlFrame(): void {
    this.faultySocket?.receive(0, () => super.onControlFrame());
  }

  /** Adapts the token's expiry to the connection's clock, which may be ahead of the server's. */
  override renewed(identity: Identity, term: TokenTerm): void {
    super.renewed(identity, { ...term, expiresAt: term.expiresAt + this.ownClock.aheadMs });
  }

  override onClose(code: number, reason: string): void {
    const arrived = this.faultySocket?.end() ?? [];
    this.faultySocket = undefined;
    try {
      // After a normal close, delayed frames of the client would still have arrived; after a cut connection they are lost.
      if (code !== 1006) for (const work of arrived) work();
    } finally {
      super.onClose(code, reason);
    }
  }

  private tryInject(fault: ConnectionFault): string | undefined {
    const { faultySocket } = this;
    switch (fault.do) {
      case "cut":
        this.terminate();
        return;
      case "freeze":
        faultySocket?.freeze(fault.seconds * 1000);
        this.ownClock.stop();
        return;
      case "thaw":
        faultySocket?.thaw();
        this.writer.thaw(this);
        return;
      case "delay":
        faultySocket?.delay(fault.milliseconds);
        return;
      case "lose":
        faultySocket?.dropNext(fault.next, fault.count);
        return;
      case "close":
        this.end(closeReasonOf(fault));
        return;
      case "jump":
        return this.jump(fault);
      case "freeze_writer":
        return this.writer.freeze(this, fault.seconds * 1000);
      case "kill_writer": {
        const refusal = this.writer.kill(this);
        if (refusal === undefined) this.terminate();
        return refusal;
      }
      default:
        fault satisfies never;
    }
  }

  private jump(fault: FaultOf<"jump">): string | undefined {
    if (this.session.phase !== "live") return "The connection is not open.";
    if (this.faultySocket?.isFrozen) return "The connection is frozen; thaw it first.";
    const plan = planClockJump(this.session, fault, this.ownClock.now(), this.nodeDeps.rules);
    if (typeof plan === "string") return plan;
    for (const stop of plan.stops) {
      this.confirmAlive();
      this.ownClock.moveTo(stop);
      if (plan.active) this.apply({ type: "frame", decoded: { frame: { type: "activity" } } });
      this.onDue();
    }
  }

  private thawed(): void {
    this.confirmAlive();
    this.ownClock.start();
  }

  /** During a clock jump or a freeze the peer cannot answer pings, so the connection must not be closed for a missing pong. */
  private confirmAlive(): void {
    if (this.session.phase === "live" && this.session.pingDueAt === 0) super.onControlFrame();
  }
}
