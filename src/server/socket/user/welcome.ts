import { MAX_FRAME_BYTES } from "../../../protocol/limits.ts";
import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import type { Identity } from "../../authentication/authenticate.ts";
import type { Connection } from "../connection.ts";
import type { JoinDeps } from "../conversation/join.ts";
import { tokenTermOf } from "../token-access.ts";

export interface WelcomeDeps extends JoinDeps {
  readonly maxOpenConversations: number;
}

/** Admits the socket of a user, unless the client disconnects meanwhile. */
export async function welcomeUser(
  deps: WelcomeDeps,
  connection: Connection,
  identity: Identity,
): Promise<void> {
  const { engine, inactivity, health, clock, maxOpenConversations } = deps;
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
      limits: {
        conversations: maxOpenConversations,
        connections: plan.connections,
        frame_bytes: MAX_FRAME_BYTES,
      },
      inactivity,
      at: clock.wall(),
      server: { name: "parley", protocol: PROTOCOL_VERSION },
    },
    tokenTermOf(deps, identity),
  );
  if (health.initialFrame !== undefined) connection.deliver(JSON.stringify(health.initialFrame));
}
