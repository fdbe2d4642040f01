import type { PersonReader } from "../../../core/ports/person/person-store.ts";
import { type ConnectOptions, connect } from "../connection/connect.ts";
import { RedisPersonReader } from "./person-reader.ts";

/** Opens what the store has about persons, for a command that reads it. Servers may run on the same Redis. */
export async function openRedisPersons(
  options: ConnectOptions,
): Promise<{ persons: PersonReader; close(): Promise<void> }> {
  const client = await connect(options);
  return { persons: new RedisPersonReader(client), close: () => client.close() };
}
