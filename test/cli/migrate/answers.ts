// What a server answers over HTTP about the filled store, without what differs by the moment.
import { NAME } from "../../contracts/person/life.ts";
import { KEYS } from "../../server/operator/operator-api.ts";
import type { TestServer } from "../../support/server/test-server.ts";

const CONVERSATIONS = ["lobby", "team", "pair", "club", "far", "left", "notes", "gone", "again", "never"];
const USERS = [NAME, "user-1", "user-3", "user-5", "user-9"];
const PATHS = [
  "/conversations?limit=200",
  "/users?limit=200",
  "/revocations?limit=200",
  "/api-keys",
  "/webhooks",
  ...CONVERSATIONS.flatMap((id) => [
    `/conversations/${id}`,
    `/conversations/${id}/retention`,
    `/conversations/${id}/messages?limit=200`,
    `/conversations/${id}/messages?limit=40&before=200`,
    `/conversations/${id}/members?limit=200`,
    `/conversations/${id}/mutes`,
    `/conversations/${id}/bans`,
  ]),
  ...USERS.flatMap((user) => [`/inbox?user=${user}&limit=200`]),
];

/**
 * What differs by the moment, or by the technology, and means the same. The feed begins again with the move, so what waits for a webhook
 * does, too.
 */
const UNSTABLE = new Set(["reset", "cursor", "position", "waiting"]);

/** Lists that come in the order of the store. */
const UNORDERED = new Set(["conversations", "records", "revocations"]);

const sorted = (list: readonly unknown[]) =>
  [...list].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key]) =>
      !UNSTABLE.has(key) &&
      // An export says when it was made, and a page of history what is left of the plan.
      !(key === "at" && "records" in value) &&
      !(key === "quota" && "messages" in value),
  );
  return Object.fromEntries(
    entries.map(([key, of]) => [key, UNORDERED.has(key) ? sorted(stable(of) as unknown[]) : stable(of)]),
  );
}

/** The requests count, so the quotas are asked for last before the move, and first after it. */
export async function answers(server: TestServer, isAfter: boolean): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  const ask = async (path: string, bearer: string, key: string) => {
    const response = await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${bearer}` } });
    const text = await response.text();
    const lines = text.includes("\n") ? text.trim().split("\n") : [text];
    const body = lines.map((line) => stable(JSON.parse(line)));
    found.set(key, { status: response.status, body });
  };
  const quotas = async () => {
    for (const user of USERS) {
      await ask(`/users/${user}`, KEYS.ops, user);
      await ask(`/users/${user}/export`, KEYS.ops, `${user}: export`);
      await ask("/me", await server.token(user), `${user}: me`);
    }
  };
  if (isAfter) await quotas();
  for (const path of PATHS) await ask(path, KEYS.ops, path);
  for (const user of USERS.slice(1)) {
    const token = await server.token(user);
    for (const id of ["lobby", "team", "club"])
      await ask(`/conversations/${id}/messages?limit=100`, token, `${user}: ${id}`);
  }
  if (!isAfter) await quotas();
  return found;
}
