// Which clients may use the demo accounts, whose password is published. Without a setting: only clients on the server's
// machine, and only where the server listens on a loopback address.

import { isLoopbackName, parseHost } from "./host-field.ts";
import { isForwarded } from "./proxy-fields.ts";

export type DemoReach = "nowhere" | "this_machine" | "anywhere";

/** `setting` is DEMO_ACCOUNTS, undefined where it is not set; `loopbackOnly`: the server listens for this machine only. */
export function demoReach(setting: boolean | undefined, loopbackOnly: boolean): DemoReach {
  if (setting !== undefined) return setting ? "anywhere" : "nowhere";
  return loopbackOnly ? "this_machine" : "nowhere";
}

/** What decides whether a new store gets the demo conversations. */
export interface DemoStore {
  /** DEMO_CONVERSATIONS. */
  readonly wanted: boolean;
  readonly reach: DemoReach;
  /** The store has just got the demo accounts: it never held another account. */
  readonly isNew: boolean;
  /** The newest `seq` of the conversation that would get messages. */
  readonly seq: number;
  /** The settings name a key of an application or of its issuer: SECRET_KEY, TOKEN_KEY_SET or API_KEYS. */
  readonly hasOwnKeys: boolean;
}

/**
 * Returns whether the store gets the demo conversations: only a new store, and only where a person tries Parley on the own
 * machine. A store of an application must not begin with messages of others.
 */
export function getsDemoConversations({ wanted, reach, isNew, seq, hasOwnKeys }: DemoStore): boolean {
  return wanted && reach === "this_machine" && isNew && seq === 0 && !hasOwnKeys;
}

export interface RequestSource {
  /** Whether the peer's address is one of this machine. */
  readonly loopback: boolean;
  readonly headers: Headers;
}

/** Whether the client may use a demo account. */
export function canUseDemoAccounts(reach: DemoReach, asker: RequestSource): boolean {
  return reach === "this_machine" ? isOnThisMachine(asker) : reach === "anywhere";
}

/** The decision about a demo account: usable, not usable from the client's address, or never usable. */
export type DemoUse = "usable" | "elsewhere" | "off";

/** As `canUseDemoAccounts`, with the reason. */
export function demoUseOf(reach: DemoReach, asker: RequestSource): DemoUse {
  if (reach === "nowhere") return "off";
  return canUseDemoAccounts(reach, asker) ? "usable" : "elsewhere";
}

/**
 * Returns whether the request seems to come from a program on this machine. A connection from 127.0.0.1 is not proof: a
 * proxy on this machine may pass on the request of a remote client. Such a proxy adds a forwarding field, or passes on a
 * `Host` that is not a name of this machine. A page whose name resolves to 127.0.0.1 (DNS rebinding) sends such a `Host` too.
 */
export function isOnThisMachine({ loopback, headers }: RequestSource): boolean {
  if (!loopback || isForwarded(headers)) return false;
  const host = headers.get("host");
  // Programs that use HTTP/1.0 send no `Host`; a browser always sends one.
  if (host === null || host === "") return true;
  const named = parseHost(host);
  return named !== undefined && isLoopbackName(named.name);
}
