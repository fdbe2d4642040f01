import type { AccountStore } from "../../core/accounts.ts";
import type { NodeEntry } from "../../core/nodes.ts";
import type { RevocationStore } from "../../core/revocations.ts";
import { RedisAccounts } from "./accounts.ts";
import { type ConnectOptions, connect } from "./connect.ts";
import { ControlLog } from "./control.ts";
import { NodeRegistry } from "./nodes.ts";
import { RedisRevocations } from "./revocations.ts";

/** Opens the accounts of all nodes and what was revoked, for a command. */
export async function openRedisAccounts(options: ConnectOptions): Promise<{
  accounts: AccountStore;
  revocations: RevocationStore;
  close(): Promise<void>;
}> {
  const { clock, log } = options;
  const client = await connect(options);
  // Who only writes does not read the log.
  const control = new ControlLog(client, clock, log);
  return {
    accounts: new RedisAccounts(client, control, log),
    revocations: new RedisRevocations(client, control, log),
    close: () => client.close(),
  };
}

/** The nodes that share the store, and its time, for a command. */
export async function readRedisNodes(
  options: ConnectOptions,
): Promise<{ nodes: readonly NodeEntry[]; now: number }> {
  const client = await connect(options);
  try {
    return await NodeRegistry.read(client);
  } finally {
    await client.close();
  }
}
