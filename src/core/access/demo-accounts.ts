// From where the accounts with a published password may be used. Without a setting: only by clients on the machine
// itself, on a server that listens for this machine only.

import { isLoopbackName, parseHost } from "./host-field.ts";
import { isForwarded } from "./proxy-fields.ts";

export type DemoReach = "nowhere" | "this_machine" | "anywhere";

/** `setting` is DEMO_ACCOUNTS, undefined where it is not set; `loopbackOnly`: the server listens for this machine only. */
export function demoReach(setting: boolean | undefined, loopbackOnly: boolean): DemoReach {
  if (setting !== undefined) return setting ? "anywhere" : "nowhere";
  return loopbackOnly ? "this_machine" : "nowhere";
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
 * Whether who asks sits at this machine, as far as that can be told. On one machine a line from 127.0.0.1 may be a proxy's, which asks for somebody
 * far away: then it names them in some field, or passes on a `Host` that is no name of this machine. So does a page whose
 * name was made to lead to 127.0.0.1 (DNS rebinding).
 */
export function isOnThisMachine({ loopback, headers }: RequestSource): boolean {
  if (!loopback || isForwarded(headers)) return false;
  const host = headers.get("host");
  // Programs that use HTTP/1.0 send none; a browser always does.
  if (host === null || host === "") return true;
  const named = parseHost(host);
  return named !== undefined && isLoopbackName(named.name);
}
