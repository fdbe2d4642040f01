import { Broken } from "../../conformance/check.ts";
import { Line } from "../../conformance/line.ts";
import { ERRORS, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf, ServerFrameType } from "../../protocol/server-frames.ts";
import { createKeys } from "../../server/authentication/keys.ts";
import { signToken } from "../../server/authentication/tokens.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { checkOf, type Finding, inSeconds, type Judgement } from "./check.ts";
import type { Credential, ServerAtHand, Situation } from "./situation.ts";

/** The user and the conversation that are the doctor's own; nobody else's plan is charged, and nobody is disturbed. */
export const DOCTOR = "parley-doctor";

/** Life of the token that is made, in seconds. */
const LIFETIME = 60;

/** Ack time above which people notice, in milliseconds. */
const SLOW = 1_000;

/** How a conversation with itself went. Times are in milliseconds. */
export interface TalkFacts {
  readonly url: string;
  readonly credential: string;
  /** What it ended with before its end; undefined where all of it went as it must. */
  readonly fault: TalkFault | undefined;
  readonly times: Readonly<Partial<Record<Timed, number>>>;
}

/** A step that failed, and the error that the server told, where it told one. */
export interface TalkFault {
  readonly step: Step;
  readonly text: string;
  readonly code?: string;
}

export type Timed = "connect" | "ack" | "resume";

/** The steps, by what is being waited for. */
export type Step = "welcome" | "message" | "history" | "resume";

/**
 * Two connections to a conversation of the doctor's own: what one says is acked, reaches the other, is in the history,
 * and is caught up with by a connection that was away. Takes three requests of the plan, and leaves two messages.
 */
export function talkCheck(isWanted: boolean) {
  return checkOf({
    name: "round_trip",
    async gather(situation) {
      const { server, health, credential } = situation;
      if (!isWanted) return "Left out with --no-talk.";
      if (typeof server === "string") return server;
      if (health === undefined || "fault" in health) return "No server answers.";
      if (typeof credential === "string") return `There is nothing to sign in with: ${credential}.`;
      return gatherTalk(server, credential, situation);
    },
    judge: judgeTalk,
  });
}

async function gatherTalk(
  server: ServerAtHand,
  credential: Credential,
  { settings, patience }: Situation,
): Promise<TalkFacts> {
  const user = "user" in credential ? credential.user : DOCTOR;
  const token = "token" in credential ? credential.token : await makeToken(credential.secret, settings!);
  const times: Partial<Record<Timed, number>> = {};
  const talk = new Talk({ server, user, token, patience, times });
  const fault = await talk.hold();
  return { url: server.http, credential: credential.from, fault, times };
}

/** Good for its own conversation alone, and not for long: it is shown to whoever listens at the address. */
async function makeToken(secret: string, settings: Settings): Promise<string> {
  const room = (limit: number) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);
  // An unattended check each minute takes more requests an hour than a small plan has.
  const [roomiest] = [...settings.plans.plans.values()].sort(
    (a, b) => room(b.requestsPerHour) - room(a.requestsPerHour),
  );
  return signToken(await createKeys(settings, secret), {
    subject: DOCTOR,
    ...(roomiest && { plan: roomiest.name }),
    grants: { conversations: [DOCTOR] },
    lifetime: LIFETIME,
    now: Date.now(),
  });
}

interface TalkParts {
  readonly server: ServerAtHand;
  readonly user: string;
  readonly token: string;
  readonly patience: number;
  /** Filled in as far as it comes. */
  readonly times: Partial<Record<Timed, number>>;
}

/** What the server said instead of what was waited for. */
class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

class Talk {
  private readonly lines: Line[] = [];
  private step: Step = "welcome";

  constructor(private readonly parts: TalkParts) {}

  /** The whole of it; answers what went wrong. */
  async hold(): Promise<TalkFault | undefined> {
    try {
      const first = await this.timed("connect", () => this.join());
      const second = await this.join();
      this.step = "message";
      const said = await this.timed("ack", () => this.say(first.line));
      const heard = await this.wait(second.line, "message", ({ id }) => id === said.id);
      if (heard.seq !== said.seq)
        throw new Broken(`The message is ${said.seq} to who sent it and ${heard.seq} to who heard it.`);
      this.step = "history";
      first.line.send({ type: "history", limit: 20 });
      const { messages } = await this.wait(first.line, "history");
      if (!messages.some(({ id }) => id === said.id))
        throw new Broken("The message is not in the history of its conversation.");
      this.step = "resume";
      await second.line.leave();
      const missed = await this.say(first.line);
      await this.timed("resume", async () => {
        const back = await this.join(`&after=${heard.seq}&epoch=${second.welcome.epoch}`);
        if (!back.welcome.resumed) throw new Broken("A connection that came back was not let go on.");
        await this.wait(back.line, "message", ({ id }) => id === missed.id);
      });
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return { step: this.step, text: error.message, code: error.code };
      if (error instanceof Broken) return { step: this.step, text: error.message };
      throw error;
    } finally {
      await Promise.all(this.lines.map((line) => line.leave()));
    }
  }

  private async join(resuming = ""): Promise<{ line: Line; welcome: ServerFrameOf<"welcome"> }> {
    const { server, user, token } = this.parts;
    const url = `${server.ws}/ws/${user}/${DOCTOR}?token=${token}${resuming}`;
    // Bun's WebSocket takes options of TLS where browsers take protocols.
    const options = { tls: server.tls } as unknown as string[];
    const line = new Line(new WebSocket(url, options));
    this.lines.push(line);
    return { line, welcome: await this.wait(line, "welcome") };
  }

  private async say(line: Line): Promise<{ id: string; seq: number }> {
    const id = crypto.randomUUID();
    line.send({ type: "message", id, text: "parley doctor" });
    return this.wait(line, "ack", (ack) => ack.id === id);
  }

  /** The frame of `type` that `fits`; throws Refused when the server tells an error in its place. */
  private async wait<T extends ServerFrameType>(
    line: Line,
    type: T,
    fits: (frame: ServerFrameOf<T>) => boolean = () => true,
  ): Promise<ServerFrameOf<T>> {
    let found: ServerFrameOf<T> | undefined;
    await line.until(
      () => {
        found ??= line.of(type).find(fits);
        return found !== undefined || line.of("error").length > 0;
      },
      `\`${type}\` frame`,
      this.parts.patience,
    );
    if (found !== undefined) return found;
    const { code, message } = line.of("error")[0]!;
    throw new Refused(code, message);
  }

  private async timed<T>(name: Timed, task: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const answer = await task();
    this.parts.times[name] = performance.now() - started;
    return answer;
  }
}

/** Errors that say that the doctor has used up what it may, and not that the server is broken. */
const USED_UP = ["rate_limited", "too_many_connections", "too_many_handshakes"];

/** Judges a conversation with itself. */
export function judgeTalk({ url, credential, fault, times }: TalkFacts): Judgement {
  const values: Record<string, number> = {};
  for (const [name, took] of Object.entries(times)) values[`${name}_seconds`] = inSeconds(took);
  if (fault !== undefined) return { findings: [broken(url, credential, fault)], values };
  const { connect = 0, ack = 0, resume = 0 } = times;
  const [connected, acked, resumed] = [connect, ack, resume].map((took) => `${took.toFixed(1)} ms`);
  const text = `Connected in ${connected}, acked in ${acked}, resumed in ${resumed}, with ${credential}.`;
  const slow = ack > SLOW || connect > SLOW;
  return {
    findings: [
      slow
        ? { mark: "warning", text, advice: "The server, its disk or Redis is slow; its log may say why." }
        : { mark: "ok", text },
    ],
    values,
  };
}

function broken(url: string, credential: string, { step, text, code }: TalkFault): Finding {
  const where = `The talk with ${url} ended at ${STEPS[step]}`;
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
    mark: USED_UP.includes(code) ? "warning" : "problem",
    text: `${where}: ${code}. ${text}`,
    ...(advice !== undefined && { advice }),
  };
}

const STEPS: Readonly<Record<Step, string>> = {
  welcome: "the start",
  message: "the first message",
  history: "reading it back",
  resume: "coming back to what was missed",
};
