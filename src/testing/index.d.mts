/** A real server, on a free port of this machine and with a folder of its own. */
export interface TestServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:41234`: the option `url` of `connect()`. */
  readonly url: string;
  /** Returns a token of `user`, valid for an hour. `claims` are added or replace those of it, such as `plan` or `exp`. */
  token(user: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /**
   * Has the server do something to a connection: `{ do: "cut" }`, `{ do: "lose", next: "ack", count: 1 }` and all others of
   * docs/TESTING.md. `of` names the connection and its user: what `parley.welcome` holds. Rejects with the server's refusal.
   */
  fault(
    of: { readonly user: string; readonly connection: string },
    fault: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** Stops the server, and removes its folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestServerOptions {
  /** Settings as in the environment (docs/SETTINGS.md); nothing else of the environment is used. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a server. Rejects with what it printed if it cannot start. */
export function startTestServer(options?: TestServerOptions): Promise<TestServer>;
