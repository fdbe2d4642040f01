/** Is asked before each call of a guarded port, and receives the errors of its calls. */
export interface Guard {
  /** Throws when the store must not be used now. */
  assertUsable(): void;
  onError(error: unknown): void;
}

/**
 * Wraps a port: rejects its calls while the store must not be used, and reports their errors. All methods of the port MUST
 * return promises, except `watch`, which only adds a listener and is not guarded.
 *
 * The methods are wrapped once, and not found by a proxy in each call: each client that connects makes several calls.
 */
export function guardedPort<Port extends object>(port: Port, guard: Guard): Port {
  const guarded: Record<string, unknown> = Object.create(port);
  for (const name of methodsOf(port)) {
    const method = (port as Record<string, unknown>)[name] as (...given: unknown[]) => Promise<unknown>;
    guarded[name] =
      name === "watch"
        ? method.bind(port)
        : async (...given: unknown[]) => {
            guard.assertUsable();
            try {
              return await method.apply(port, given);
            } catch (error) {
              guard.onError(error);
              throw error;
            }
          };
  }
  return guarded as Port;
}

/** Returns the names of the methods of an object, also those of its classes. */
function methodsOf(port: object): string[] {
  const names: string[] = [];
  for (let at = port; at !== Object.prototype && at !== null; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (name !== "constructor" && typeof value === "function") names.push(name);
  }
  return names;
}
