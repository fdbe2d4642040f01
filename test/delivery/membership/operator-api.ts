import { signToken } from "../../../src/server/authentication/tokens.ts";
import { testKeys } from "../../support/server/tokens.ts";
import { tokenOf } from "../topology/topology.ts";
import type { Measure } from "./sanction.ts";

/** How long a change is tried again, in milliseconds: seconds on a quiet machine, while a server restarts. */
const TIMEOUT_MS = 90_000;

/** How long one request may take, in milliseconds: a node that has lost its Redis answers `unavailable` before. */
const REQUEST_TIMEOUT_MS = 30_000;

const POLL_INTERVAL_MS = 50;

/** The statuses of a server that restarts, or whose store is away. */
const RETRIED = [500, 502, 503, 429];

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
    for (const deadline = performance.now() + TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const request = { method: "POST", headers, body, signal };
      const response = await this.fetch(`/conversations/${conversation}/messages`, request);
      if (response !== undefined && !RETRIED.includes(response.status)) return;
      if (performance.now() > deadline) throw new Error(`A message of ${user} got no answer.`);
    }
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
    for (const deadline = performance.now() + TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
      const response = await this.fetch(path, {
        method,
        headers,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (response?.ok === true) return response.text === "" ? {} : JSON.parse(response.text);
      if (response !== undefined && !RETRIED.includes(response.status))
        throw new Error(`${method} ${path} returned ${response.status}: ${response.text}`);
      if (performance.now() > deadline) throw new Error(`${method} ${path} got no answer.`);
    }
  }

  /** Returns undefined where no server answered. */
  private async fetch(path: string, request: RequestInit) {
    try {
      const response = await fetch(`${this.url()}${path}`, request);
      return { ok: response.ok, status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }
}
