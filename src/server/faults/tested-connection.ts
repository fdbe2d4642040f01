import { endingOf, type Fault, type FaultOf, planJump } from "../../core/faults.ts";
import type { Pass } from "../../core/session-state.ts";
import type { Identity } from "../authentication/identify.ts";
import { Connection } from "../socket/connection.ts";
import type { ConnectionFacts, ConnectionHost, Socket } from "../socket/connection-host.ts";
import { endFaulty } from "../socket/fault.ts";
import { DisturbedLine } from "./line.ts";
import { OwnTime } from "./own-time.ts";

/** The faults that are made on a connection itself, and not for its user. */
export type LineFault = Exclude<Fault, FaultOf<"fill_quota" | "expired_token">>;

/**
 * A connection whose line can be disturbed and whose clock can be moved, apart from all others. There are such only
 * while TEST_FAULTS is on; what is done to one ends with it.
 */
export class TestedConnection extends Connection {
  private line: DisturbedLine | undefined;
  private readonly time: OwnTime;
  private readonly server: ConnectionHost;
  private readonly failed: (error: unknown) => void;

  constructor(host: ConnectionHost, facts: ConnectionFacts) {
    const time = new OwnTime(host.clock, host.wheel);
    super({ ...host, clock: time, wheel: time }, facts);
    this.time = time;
    this.server = host;
    this.failed = (error) => endFaulty(host.log, this, error);
  }

  /** Makes a fault; answers a sentence where it cannot be made now. */
  disturb(fault: LineFault): string | undefined {
    try {
      return this.tryTo(fault);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Takes back what disturbs the line. What was held back follows. */
  undisturb(): void {
    this.line?.thaw();
    this.line?.delay(0);
  }

  override opened(socket: Socket): void {
    this.line = new DisturbedLine(socket, this.server.clock, {
      drained: () => this.drain(),
      thawed: () => this.thawed(),
      failed: this.failed,
    });
    super.opened(this.line);
  }

  override received(message: string | Buffer): void {
    const bytes = typeof message === "string" ? Buffer.byteLength(message) : message.length;
    this.line?.arrives(bytes, () => super.received(message));
  }

  override control(): void {
    this.line?.arrives(0, () => super.control());
  }

  /** A token ends where the connection's clock shows what the world's will show then. */
  override renewed(identity: Identity, pass: Pass): void {
    super.renewed(identity, { ...pass, expiresAt: pass.expiresAt + this.time.ahead });
  }

  override closed(code: number, reason: string): void {
    const arrived = this.line?.end() ?? [];
    this.line = undefined;
    try {
      // What a client says before it closes in good order would have arrived, late; on a line that was cut it is lost.
      if (code !== 1006) for (const work of arrived) work();
    } finally {
      super.closed(code, reason);
    }
  }

  private tryTo(fault: LineFault): string | undefined {
    const { line } = this;
    switch (fault.do) {
      case "cut":
        this.cut();
        return;
      case "freeze":
        line?.freeze(fault.seconds * 1000);
        this.time.stop();
        return;
      case "thaw":
        line?.thaw();
        return;
      case "delay":
        line?.delay(fault.milliseconds);
        return;
      case "lose":
        line?.lose(fault.next, fault.count);
        return;
      case "close":
        this.end(endingOf(fault));
        return;
      case "jump":
        return this.jump(fault);
      default:
        fault satisfies never;
    }
  }

  private jump(fault: FaultOf<"jump">): string | undefined {
    if (this.session.phase !== "live") return "The connection is not open.";
    if (this.line?.isFrozen) return "The connection is frozen; thaw it first.";
    const plan = planJump(this.session, fault, this.time.now(), this.server.rules);
    if (typeof plan === "string") return plan;
    for (const stop of plan.stops) {
      this.hear();
      this.time.moveTo(stop);
      if (plan.active) this.apply({ type: "frame", decoded: { frame: { type: "activity" } } });
      this.due();
    }
  }

  private thawed(): void {
    this.hear();
    this.time.start();
  }

  /** No peer can answer a ping within a jump or a freeze, and none is lost for that. */
  private hear(): void {
    if (this.session.phase === "live" && this.session.pingDue === 0) super.control();
  }
}
