import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Store } from "../../core/ports/store.ts";
import { LocalLeases } from "./leases.ts";
import { LOCAL_RELAY } from "./relay.ts";
import { localTasks } from "./shared-tasks.ts";
import { LocalThrottle } from "./throttle.ts";
import { LocalTickets } from "./tickets.ts";

/** Returns the ports of a single node. Their state is kept in memory, because none of it has to survive a restart. */
export function localPorts(
  clock: Clock,
  emit: Emit,
): Pick<Store, "relay" | "leases" | "runOnOneNode" | "tickets" | "throttle" | "announceNode" | "nodes"> {
  return {
    relay: LOCAL_RELAY,
    leases: new LocalLeases(),
    runOnOneNode: localTasks(clock, emit),
    tickets: () => new LocalTickets(clock),
    throttle: (limits) => new LocalThrottle(limits, clock),
    announceNode() {},
    nodes: async () => undefined,
  };
}
