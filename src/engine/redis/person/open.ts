import type { Erasure } from "../../../core/person/erasure.ts";
import type { PersonReader, PersonStore } from "../../../core/ports/person/person-store.ts";
import { type ConnectOptions, connect } from "../connection/connect.ts";
import { Erasures } from "./erasures.ts";
import { RedisPersonReader } from "./person-reader.ts";

/** Opens what the store has about persons, for a command that reads it or asks for an erasure. Servers may run on the same Redis. */
export async function openRedisPersons(
  options: ConnectOptions,
): Promise<{ persons: PersonReader & Pick<PersonStore, "begin" | "find">; close(): Promise<void> }> {
  const client = await connect(options);
  const reader = new RedisPersonReader(client);
  const erasures = new Erasures(client);
  const persons = {
    read: (user: string, after?: string) => reader.read(user, after),
    begin: (erasure: Erasure) => erasures.begin(erasure),
    find: (id: string) => erasures.find(id),
  };
  return { persons, close: () => client.close() };
}
