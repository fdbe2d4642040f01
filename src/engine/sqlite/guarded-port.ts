/** Is asked before each call of a guarded port, and receives the errors of its calls. */
export interface Guard {
  /** Throws when the store must not be used now. */
  assertUsable(): void;
  onError(error: unknown): void;
}

/**
 * Wraps a port: rejects its calls while the store must not be used, and reports their errors. All methods of the port MUST
 * return promises, except `watch`, which only adds a listener and is not guarded.
 */
export function guardedPort<Port extends object>(port: Port, guard: Guard): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name === "watch") return member.bind(target);
      return async (...given: unknown[]) => {
        guard.assertUsable();
        try {
          return await member.apply(target, given);
        } catch (error) {
          guard.onError(error);
          throw error;
        }
      };
    },
  });
}
