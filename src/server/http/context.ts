import type { Context } from "hono";
import type { DemoUse } from "../../core/access/demo-accounts.ts";

/** The values that the server passes to `app.fetch` with the request. */
export interface HttpEnvironment {
  readonly Bindings: {
    /** Network address of the client, proxies already taken into account. */
    readonly address: string;
    /** How the client asked, as far as it is known. */
    readonly scheme: "http" | "https";
    /** Whether the client may use a demo account. */
    readonly demoUse: DemoUse;
    /** Marks the whole request as received: from now on its connection has KEEP_ALIVE_TIMEOUT. */
    readonly arrived: () => void;
    /** Whether the client may make faults, if they are enabled. */
    readonly faultsUsable: boolean;
  };
}

export type HttpContext = Context<HttpEnvironment>;
