import type { Context } from "hono";
import type { DemoUse } from "../../core/access/demo-accounts.ts";

/** The values that the server passes to `app.fetch` with the request. */
export interface HttpEnvironment {
  readonly Bindings: {
    /** The client's network address; behind trusted proxies the one that they forward. */
    readonly address: string;
    /** The scheme of the client's request, as far as it is known. */
    readonly scheme: "http" | "https";
    /** Whether the client may use a demo account. */
    readonly demoUse: DemoUse;
    /** Records that the whole request has arrived: from now on KEEP_ALIVE_TIMEOUT applies to its connection. */
    readonly arrived: () => void;
    /** Whether the client may inject faults, if TEST_FAULTS is on. */
    readonly faultsUsable: boolean;
    /** Whether the client is a program on this machine, and no proxy for another one. */
    readonly onThisMachine: boolean;
  };
}

export type HttpContext = Context<HttpEnvironment>;
