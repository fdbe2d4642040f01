/** What a guarded port asks before a call, and where it reports what failed. */
export interface Guard {
  /** Throws where the store may not be used now. */
  assertUsable(): void;
  onError(error: unknown): void;
}

/**
 * The same port, whose calls are rejected while the store may not be used, and whose faults are reported. All of its
 * methods but `watch`, which only takes note of a listener, MUST return promises.
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
