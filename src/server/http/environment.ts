import type { Context } from "hono";

/** What the server hands to `app.fetch(request, { address })` beside the request. */
export interface HttpEnvironment {
  readonly Bindings: {
    /** Network address of the client, proxies already taken into account. */
    readonly address: string;
  };
}

export type HttpContext = Context<HttpEnvironment>;
