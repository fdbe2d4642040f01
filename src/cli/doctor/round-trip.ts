import { TestSocket } from "../../conformance/test-socket.ts";
import { RuleViolated } from "../../conformance/verdicts.ts";
import { ERRORS, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf, ServerFrameType } from "../../protocol/server-frames.ts";
import { createKeys } from "../../server/authentication/keys.ts";
import { signToken } from "../../server/authentication/tokens.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { type CheckResult, defineCheck, type Finding, toSeconds } from "./check.ts";
import type { DoctorCredential, DoctorFacts, DoctorTarget } from "./facts.ts";

/** The doctor's own user and conversation, so that no other user is charged or disturbed. */
export const DOCTOR_USER = "parley-doctor";

/** Lifetime of the doctor's token, in seconds. */
const TOKEN_LIFETIME_S = 60;

/** Ack time that is a warning, in milliseconds: people notice it. */
const SLOW_ACK_MS = 1_000;

/** The result of the round trip. Times are in milliseconds. */
export interface RoundTripFacts {
  readonly url: string;
  readonly credential: string;
  /** The step that failed; undefined if all succeeded. */
  readonly failure: RoundTripFailure | undefined;
  readonly timesMs: Readonly<Partial<Record<TimedStep, number>>>;
}

/** A step that failed, and the error code that the server sent, if any. */
export interface RoundTripFailure {
  readonly step: Step;
  readonly text: string;
  readonly code?: string;
}

export type TimedStep = "connect" | "ack" | "resume";

/** The steps, by the event that is expected. */
export type Step = "welcome" | "message" | "history" | "resume";

/**
 * Opens two connections to the doctor's own conversation, and checks that a message of one is acked, delivered to the
 * other, stored in the history, and received after a resume. Costs three requests of the plan, and leaves two messages.
 */
export function roundTripCheck(isEnabled: boolean) {
  return defineCheck({
    name: "round_trip",
    async collect(facts) {
      const { server, health, credential } = facts;
      if (!isEnabled) return "Switched off by --no-talk.";
      if (typeof server === "string") return server;
      if (health === undefined || "error" in health) return "No server responds.";
      if (typeof credential === "string") return `The doctor cannot sign in: ${credential}.`;
      return collectRoundTrip(server, credential, facts);
    },
    evaluate: evaluateRoundTrip,
  });
}

async function collectRoundTrip(
  server: DoctorTarget,
  credential: DoctorCredential,
  { settings, timeoutMs }: DoctorFacts,
): Promise<RoundTripFacts> {
  const user = "user" in credential ? credential.user : DOCTOR_USER;
  const token = "token" in credential ? credential.token : await makeToken(credential.secret, settings!);
  const timesMs: Partial<Record<TimedStep, number>> = {};
  const roundTrip = new RoundTrip({ server, user, token, timeoutMs, timesMs });
  const failure = await roundTrip.run();
  return { url: server.http, credential: credential.from, failure, timesMs };
}

/** Creates a short-lived token for the doctor's conversation only, because any program may listen at the address. */
async function makeToken(secret: string, settings: Settings): Promise<string> {
  const hourlyLimit = (limit: number) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);
  // A check every minute costs more requests an hour than a small plan allows.
  const [largestPlan] = [...settings.plans.plans.values()].sort(
    (a, b) => hourlyLimit(b.requestsPerHour) - hourlyLimit(a.requestsPerHour),
  );
  return signToken(await createKeys(settings, secret), {
    subject: DOCTOR_USER,
    ...(largestPlan && { plan: largestPlan.name }),
    grants: { conversations: [DOCTOR_USER] },
    lifetime: TOKEN_LIFETIME_S,
    now: Date.now(),
  });
}

interface RoundTripDeps {
  readonly server: DoctorTarget;
  readonly user: string;
  readonly token: string;
  readonly timeoutMs: number;
  /** Filled in step by step. */
  readonly timesMs: Partial<Record<TimedStep, number>>;
}

/** An error frame of the server instead of the expected frame. */
class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

class RoundTrip {
  private readonly sockets: TestSocket[] = [];
  private step: Step = "welcome";

  constructor(private readonly deps: RoundTripDeps) {}

  /** Runs all steps; resolves with the failure, if any. */
  async run(): Promise<RoundTripFailure | undefined> {
    try {
      const first = await this.timed("connect", () => this.join());
      const second = await this.join();
      this.step = "message";
      const sent = await this.timed("ack", () => this.send(first.socket));
      const received = await this.wait(second.socket, "message", ({ id }) => id === sent.id);
      if (received.seq !== sent.seq)
        throw new RuleViolated(
          `The message has the seq ${sent.seq} in its ack, but ${received.seq} at the receiver.`,
        );
      this.step = "history";
      first.socket.send({ type: "history", limit: 20 });
      const { messages } = await this.wait(first.socket, "history");
      if (!messages.some(({ id }) => id === sent.id))
        throw new RuleViolated("The message is not in the history of its conversation.");
      this.step = "resume";
      await second.socket.disconnect();
      const missed = await this.send(first.socket);
      await this.timed("resume", async () => {
        const back = await this.join(`&after=${received.seq}&epoch=${second.welcome.epoch}`);
        if (!back.welcome.resumed) throw new RuleViolated("The server did not resume a connection.");
        await this.wait(back.socket, "message", ({ id }) => id === missed.id);
      });
      return undefined;
    } catch (error) {
      if (error instanceof ServerError) return { step: this.step, text: error.message, code: error.code };
      if (error instanceof RuleViolated) return { step: this.step, text: error.message };
      throw error;
    } finally {
      await Promise.all(this.sockets.map((socket) => socket.disconnect()));
    }
  }

  private async join(resuming = ""): Promise<{ socket: TestSocket; welcome: ServerFrameOf<"welcome"> }> {
    const { server, user, token } = this.deps;
    const url = `${server.ws}/ws/${user}/${DOCTOR_USER}?token=${token}${resuming}`;
    // Bun's WebSocket takes TLS options in place of protocols.
    const options = { tls: server.tls } as unknown as string[];
    const socket = new TestSocket(new WebSocket(url, options));
    this.sockets.push(socket);
    return { socket, welcome: await this.wait(socket, "welcome") };
  }

  private async send(socket: TestSocket): Promise<{ id: string; seq: number }> {
    const id = crypto.randomUUID();
    socket.send({ type: "message", id, text: "parley doctor" });
    const { seq } = await this.wait(socket, "ack", (ack) => ack.id === id);
    return { id, seq };
  }

  /** Waits for the frame of `type` that `matches`; throws `ServerError` if the server sends an error instead. */
  private async wait<T extends ServerFrameType>(
    socket: TestSocket,
    type: T,
    matches: (frame: ServerFrameOf<T>) => boolean = () => true,
  ): Promise<ServerFrameOf<T>> {
    let found: ServerFrameOf<T> | undefined;
    await socket.until(
      () => {
        found ??= socket.of(type).find(matches);
        return found !== undefined || socket.of("error").length > 0;
      },
      `\`${type}\` frame`,
      this.deps.timeoutMs,
    );
    if (found !== undefined) return found;
    const { code, message } = socket.of("error")[0]!;
    throw new ServerError(code, message);
  }

  private async timed<T>(name: TimedStep, task: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await task();
    this.deps.timesMs[name] = performance.now() - started;
    return result;
  }
}

/** Errors that mean that the doctor reached a limit, not that the server is broken. */
const LIMIT_ERRORS = ["rate_limited", "too_many_connections", "too_many_handshakes"];

/** Evaluates the round trip. */
export function evaluateRoundTrip({ url, credential, failure, timesMs }: RoundTripFacts): CheckResult {
  const values: Record<string, number> = {};
  for (const [name, took] of Object.entries(timesMs)) values[`${name}_seconds`] = toSeconds(took);
  if (failure !== undefined) return { findings: [failureFinding(url, credential, failure)], values };
  const { connect = 0, ack = 0, resume = 0 } = timesMs;
  const [connected, acked, resumed] = [connect, ack, resume].map((took) => `${took.toFixed(1)} ms`);
  const text = `Connected in ${connected}, acked in ${acked}, resumed in ${resumed}, with ${credential}.`;
  const slow = ack > SLOW_ACK_MS || connect > SLOW_ACK_MS;
  return {
    findings: [
      slow
        ? { mark: "warning", text, advice: "The server, its disk or Redis is slow; check the server's log." }
        : { mark: "ok", text },
    ],
    values,
  };
}

function failureFinding(url: string, credential: string, { step, text, code }: RoundTripFailure): Finding {
  const where = `The round trip to ${url} failed at ${STEP_NAMES[step]}`;
  if (code === undefined)
    return {
      mark: "problem",
      text: `${where}. ${text}`,
      advice: "Check the server's log; `parley conformance` tests more.",
    };
  if (code === "unauthorized")
    return {
      mark: "problem",
      text: `${where}: the server rejects a token from ${credential} (${text})`,
      advice:
        "Give the doctor the same SECRET_KEY, TOKEN_ISSUER and TOKEN_AUDIENCE as the server, or a PARLEY_TOKEN.",
    };
  const advice = Object.hasOwn(ERRORS, code) ? errorEntry(code as keyof typeof ERRORS).advice : undefined;
  return {
    mark: LIMIT_ERRORS.includes(code) ? "warning" : "problem",
    text: `${where}: ${code}. ${text}`,
    ...(advice !== undefined && { advice }),
  };
}

const STEP_NAMES: Readonly<Record<Step, string>> = {
  welcome: "the connection",
  message: "the first message",
  history: "the history",
  resume: "the resume",
};
