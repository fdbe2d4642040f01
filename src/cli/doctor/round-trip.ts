import { TestSocket } from "../../conformance/test-socket.ts";
import { RuleViolated } from "../../conformance/verdicts.ts";
import { ERRORS, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf, ServerFrameType } from "../../protocol/server-frames.ts";
import { createKeys } from "../../server/authentication/keys.ts";
import { signToken } from "../../server/authentication/tokens.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { type CheckResult, defineCheck, type Finding, toSeconds } from "./check.ts";
import type { DoctorCredential, DoctorFacts, DoctorTarget } from "./facts.ts";

/** The user and the conversation that are the doctor's own; nobody else's plan is charged, and nobody is disturbed. */
export const DOCTOR_USER = "parley-doctor";

/** Life of the token that is made, in seconds. */
const TOKEN_LIFETIME_S = 60;

/** Ack time above which people notice, in milliseconds. */
const SLOW_ACK_MS = 1_000;

/** How a conversation with itself went. Times are in milliseconds. */
export interface RoundTripFacts {
  readonly url: string;
  readonly credential: string;
  /** What it ended with before its end; undefined where all of it went as it must. */
  readonly failure: RoundTripFailure | undefined;
  readonly timesMs: Readonly<Partial<Record<TimedStep, number>>>;
}

/** A step that failed, and the error that the server told, where it told one. */
export interface RoundTripFailure {
  readonly step: Step;
  readonly text: string;
  readonly code?: string;
}

export type TimedStep = "connect" | "ack" | "resume";

/** The steps, by what is being waited for. */
export type Step = "welcome" | "message" | "history" | "resume";

/**
 * Two connections to a conversation of the doctor's own: what one says is acked, reaches the other, is in the history,
 * and is caught up with by a connection that was away. Takes three requests of the plan, and leaves two messages.
 */
export function roundTripCheck(isEnabled: boolean) {
  return defineCheck({
    name: "round_trip",
    async collect(situation) {
      const { server, health, credential } = situation;
      if (!isEnabled) return "Left out with --no-talk.";
      if (typeof server === "string") return server;
      if (health === undefined || "error" in health) return "No server answers.";
      if (typeof credential === "string") return `There is nothing to sign in with: ${credential}.`;
      return collectRoundTrip(server, credential, situation);
    },
    evaluate: evaluateRoundTrip,
  });
}

async function collectRoundTrip(
  server: DoctorTarget,
  credential: DoctorCredential,
  { settings, timeoutMs: patience }: DoctorFacts,
): Promise<RoundTripFacts> {
  const user = "user" in credential ? credential.user : DOCTOR_USER;
  const token = "token" in credential ? credential.token : await makeToken(credential.secret, settings!);
  const times: Partial<Record<TimedStep, number>> = {};
  const roundTrip = new RoundTrip({ server, user, token, timeoutMs: patience, timesMs: times });
  const fault = await roundTrip.run();
  return { url: server.http, credential: credential.from, failure: fault, timesMs: times };
}

/** Good for its own conversation alone, and not for long: it is shown to whoever listens at the address. */
async function makeToken(secret: string, settings: Settings): Promise<string> {
  const hourlyLimit = (limit: number) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);
  // An unattended check each minute takes more requests an hour than a small plan has.
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
  /** Filled in as far as it comes. */
  readonly timesMs: Partial<Record<TimedStep, number>>;
}

/** What the server said instead of what was waited for. */
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

  /** The whole of it; answers what went wrong. */
  async run(): Promise<RoundTripFailure | undefined> {
    try {
      const first = await this.timed("connect", () => this.join());
      const second = await this.join();
      this.step = "message";
      const sent = await this.timed("ack", () => this.send(first.socket));
      const received = await this.wait(second.socket, "message", ({ id }) => id === sent.id);
      if (received.seq !== sent.seq)
        throw new RuleViolated(
          `The message is ${sent.seq} to who sent it and ${received.seq} to who heard it.`,
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
        if (!back.welcome.resumed) throw new RuleViolated("A connection that came back was not let go on.");
        await this.wait(back.socket, "message", ({ id }) => id === missed.id);
      });
      return undefined;
    } catch (error) {
      if (error instanceof ServerError) return { step: this.step, text: error.message, code: error.code };
      if (error instanceof RuleViolated) return { step: this.step, text: error.message };
      throw error;
    } finally {
      await Promise.all(this.sockets.map((line) => line.disconnect()));
    }
  }

  private async join(resuming = ""): Promise<{ socket: TestSocket; welcome: ServerFrameOf<"welcome"> }> {
    const { server, user, token } = this.deps;
    const url = `${server.ws}/ws/${user}/${DOCTOR_USER}?token=${token}${resuming}`;
    // Bun's WebSocket takes options of TLS where browsers take protocols.
    const options = { tls: server.tls } as unknown as string[];
    const socket = new TestSocket(new WebSocket(url, options));
    this.sockets.push(socket);
    return { socket, welcome: await this.wait(socket, "welcome") };
  }

  private async send(socket: TestSocket): Promise<{ id: string; seq: number }> {
    const id = crypto.randomUUID();
    socket.send({ type: "message", id, text: "parley doctor" });
    return this.wait(socket, "ack", (ack) => ack.id === id);
  }

  /** The frame of `type` that `fits`; throws Refused when the server tells an error in its place. */
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
    const answer = await task();
    this.deps.timesMs[name] = performance.now() - started;
    return answer;
  }
}

/** Errors that say that the doctor has used up what it may, and not that the server is broken. */
const LIMIT_ERRORS = ["rate_limited", "too_many_connections", "too_many_handshakes"];

/** Judges a conversation with itself. */
export function evaluateRoundTrip({
  url,
  credential,
  failure: fault,
  timesMs: times,
}: RoundTripFacts): CheckResult {
  const values: Record<string, number> = {};
  for (const [name, took] of Object.entries(times)) values[`${name}_seconds`] = toSeconds(took);
  if (fault !== undefined) return { findings: [failureFinding(url, credential, fault)], values };
  const { connect = 0, ack = 0, resume = 0 } = times;
  const [connected, acked, resumed] = [connect, ack, resume].map((took) => `${took.toFixed(1)} ms`);
  const text = `Connected in ${connected}, acked in ${acked}, resumed in ${resumed}, with ${credential}.`;
  const slow = ack > SLOW_ACK_MS || connect > SLOW_ACK_MS;
  return {
    findings: [
      slow
        ? { mark: "warning", text, advice: "The server, its disk or Redis is slow; its log may say why." }
        : { mark: "ok", text },
    ],
    values,
  };
}

function failureFinding(url: string, credential: string, { step, text, code }: RoundTripFailure): Finding {
  const where = `The talk with ${url} ended at ${STEP_NAMES[step]}`;
  if (code === undefined)
    return {
      mark: "problem",
      text: `${where}. ${text}`,
      advice: "Its log says more; `parley conformance` does, too.",
    };
  if (code === "unauthorized")
    return {
      mark: "problem",
      text: `${where}: the server refuses a token made with ${credential} (${text})`,
      advice:
        "Give the doctor the SECRET_KEY, TOKEN_ISSUER and TOKEN_AUDIENCE that the server runs with, or a PARLEY_TOKEN.",
    };
  const advice = Object.hasOwn(ERRORS, code) ? errorEntry(code as keyof typeof ERRORS).advice : undefined;
  return {
    mark: LIMIT_ERRORS.includes(code) ? "warning" : "problem",
    text: `${where}: ${code}. ${text}`,
    ...(advice !== undefined && { advice }),
  };
}

const STEP_NAMES: Readonly<Record<Step, string>> = {
  welcome: "the start",
  message: "the first message",
  history: "reading it back",
  resume: "coming back to what was missed",
};
