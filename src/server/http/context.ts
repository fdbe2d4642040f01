import type { Context } from "hono";
import type { DemoUse } from "../../core/access/demo-accounts.ts";

/** What the server hands to `app.fetch` beside the request. */
export interface HttpEnvironment {
  readonly Bindings: {
    /** Network address of the client, proxies already taken into account. */
    readonly address: string;
    /** How the client asked, as far as it is known. */
    readonly scheme: "http" | "https";
    /** Whether the client may use a demo account. */
    readonly demoUse: DemoUse;
    /** Says that all of the request has arrived: from now on its line has KEEP_ALIVE_TIMEOUT. */
    readonly arrived: () => void;
    /** Whether who asks may make faults, where there are any. */
    readonly faultsUsable: boolean;
  };
}

export type HttpContext = Context<HttpEnvironment>;
