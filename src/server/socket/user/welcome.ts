import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import type { Identity } from "../../authentication/authenticate.ts";
import type { Connection } from "../connection.ts";
import type { JoinDeps } from "../conversation/join.ts";
import { limitsOf } from "../session-rules.ts";
import { tokenTermOf } from "../token-access.ts";

/** Admits the socket of a user, unless the client disconnects meanwhile. */
export async function welcomeUser(deps: JoinDeps, connection: Connection, identity: Identity): Promise<void> {
  const { engine, inactivity, health, clock, limits } = deps;
  const quota = await engine.quota(identity.user, identity.plan.requestsPerHour);
  if (connection.ended) return;
  const plan = connection.plan ?? identity.plan;
  connection.conversations.renewed(identity.grants);
  connection.admitted(
    {
      type: "welcome",
      connection: connection.id,
      user: identity.user,
      plan: plan.name,
      quota,
      limits: limitsOf(limits, plan),
      inactivity,
      at: clock.wall(),
      server: { name: "parley", protocol: PROTOCOL_VERSION },
    },
    tokenTermOf(deps, identity),
  );
  if (health.initialFrame !== undefined) connection.deliver(JSON.stringify(health.initialFrame));
}
