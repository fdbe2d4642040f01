import { signToken } from "../../../src/server/authentication/tokens.ts";
import { testKeys } from "../../support/server/tokens.ts";
import { STEP_TIMEOUT_MS } from "../timeouts.ts";
import { tokenOf } from "../topology/topology.ts";
import type { Measure } from "./sanction.ts";

const POLL_INTERVAL_MS = 50;

/** The statuses of a server that restarts, or whose store is away. */
const RETRIED = [500, 502, 503, 429];

/** Raised when a server refuses a request of the operator. */
export class Refused extends Error {}

/** A token of the operator: it may do what an owner may in all conversations, and belongs to none. */
export async function operatorToken(): Promise<string> {
  const grants = { conversations: ["*"], rights: ["read", "write", "manage"] as const };
  return signToken(await testKeys(), { subject: "operator", now: Date.now(), grants });
}

/** The HTTP verbs of the operator, each repeated until a server has answered it. */
export class OperatorApi {
  /** What `speak` has sent. */
  readonly tried: { conversation: string; user: string; id: string; text: string }[] = [];

  private constructor(
    private readonly url: () => string,
    private readonly token: string,
  ) {}

  /** `url`: the address of a running server; it may throw while there is none. */
  static async create(url: () => string): Promise<OperatorApi> {
    return new OperatorApi(url, await operatorToken());
  }

  /** Makes a conversation one of `members`, with these; returns its newest `seq`. */
  async makePrivate(conversation: string, users: readonly string[]): Promise<number> {
    const members = users.map((user) => ({ user }));
    const facts = await this.send("PUT", `/conversations/${conversation}`, { access: "members", members });
    return Number(facts.seq);
  }

  /** Adds a member; returns the newest `seq` after that. */
  async add(conversation: string, user: string): Promise<number> {
    await this.send("PUT", `/conversations/${conversation}/members/${user}`, {});
    return Number((await this.send("GET", `/conversations/${conversation}`)).seq);
  }

  /** Returns when the measure ends by itself, if it does. */
  async impose(
    conversation: string,
    user: string,
    measure: Measure,
    seconds: number | undefined,
  ): Promise<number | undefined> {
    const path = `/conversations/${conversation}`;
    if (measure === "removal") {
      await this.send("DELETE", `${path}/members/${user}`);
      return undefined;
    }
    const body = seconds === undefined ? {} : { seconds };
    const { until } = await this.send("PUT", `${path}/${measure}s/${user}`, body);
    return until as number | undefined;
  }

  async lift(conversation: string, user: string, measure: Measure): Promise<void> {
    if (measure === "removal") return;
    await this.send("DELETE", `/conversations/${conversation}/${measure}s/${user}`);
  }

  /**
   * Sends a message in the name of the user over HTTP, until a server has answered it: an answer that is `unavailable` leaves its charge
   * open. Whether the message was stored stands in the store.
   */
  async speak(conversation: string, user: string): Promise<void> {
    const message = { id: `late.${this.tried.length}`, text: "after the answer to a measure" };
    this.tried.push({ conversation, user, ...message });
    const headers = { Authorization: `Bearer ${await tokenOf(user)}`, "Content-Type": "application/json" };
    const body = JSON.stringify(message);
    await this.answerOf(`/conversations/${conversation}/messages`, { method: "POST", headers, body });
  }

  /** All pages of a list of a conversation: the users in it. */
  async list(conversation: string, what: "members" | "bans"): Promise<string[]> {
    const users: string[] = [];
    for (let query = "?limit=200"; query !== ""; ) {
      const page = await this.send("GET", `/conversations/${conversation}/${what}${query}`);
      users.push(...(page[what] as { user: string }[]).map(({ user }) => user));
      query = page.more === true ? `?limit=200&cursor=${page.cursor}` : "";
    }
    return users;
  }

  private async send(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const { ok, status, text } = await this.answerOf(path, request);
    if (!ok) throw new Refused(`${method} ${path} returned ${status}: ${text}`);
    return text === "" ? {} : JSON.parse(text);
  }

  /**
   * Sends a request again until a server that runs and has its store has answered it. A request whose answer is late is not sent again: it
   * might be carried out after later ones.
   */
  private async answerOf(path: string, request: RequestInit & { method: string }) {
    const signal = AbortSignal.timeout(STEP_TIMEOUT_MS);
    for (; !signal.aborted; await Bun.sleep(POLL_INTERVAL_MS)) {
      try {
        const response = await fetch(`${this.url()}${path}`, { ...request, signal });
        const answer = { ok: response.ok, status: response.status, text: await response.text() };
        if (!RETRIED.includes(answer.status)) return answer;
      } catch {
        // The server has ended, or is not there yet.
      }
    }
    throw new Error(`${request.method} ${path} got no answer in ${STEP_TIMEOUT_MS / 1000} s.`);
  }
}
