import type { TestClient } from "../client/test-client.ts";

/** Names clients after their user unless the person named them; further clients of a user get a number. */
export function createNames(known: ReadonlyMap<string, TestClient>): (id: string) => string {
  /** Names are not reused, so that a frame of a removed client is not attributed to another one. */
  const assigned = new Map<string, { readonly user: string; readonly name: string }>();

  return (id) => {
    const client = known.get(id);
    if (client === undefined) return id;
    const { session } = client.state.value;
    const user = session.state === "signed_out" ? client.user() : session.user;
    const before = assigned.get(id);
    if (client.givenName.value !== "") return client.givenName.value;
    if (user === undefined || before?.user === user) return before?.name ?? "new client";
    const used = new Set([...assigned.values()].map(({ name }) => name));
    let name = user;
    for (let number = 2; used.has(name); number++) name = `${user} (${number})`;
    assigned.set(id, { user, name });
    return name;
  };
}
