import type { Admission } from "../../core/admission.ts";
import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../../core/engine.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { type IdentifyParts, identify } from "../authentication/identify.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./connection.ts";
import { endFaulty } from "./fault.ts";
import type { Hub } from "./hub.ts";

export interface AdmitParts extends IdentifyParts {
  readonly admission: Admission;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds, as they are told to the client. */
  readonly inactivity: { readonly timeout: number; readonly warning: number };
}

/**
 * Lets a connection in: who is it, may they, is there a place left, what is going on in the conversation.
 *
 * The client may be gone after each wait, so what was taken by then is given back.
 */
export async function admit(parts: AdmitParts, connection: Connection, token: string): Promise<void> {
  try {
    await tryToAdmit(parts, connection, token);
  } catch (error) {
    endFaulty(parts.log, connection, error);
  }
}

async function tryToAdmit(parts: AdmitParts, connection: Connection, token: string): Promise<void> {
  const { admission, engine, hub } = parts;
  const { user, conversation } = connection;
  const identity = await identify(parts, token, user);
  if (connection.ended) return;
  if ("refusal" in identity) return connection.refused(identity.refusal.code, identity.refusal.message);
  connection.identified(identity.plan);

  const { plan } = identity;
  if (!admission.lease(user, plan.connections)) {
    const message = `The plan \`${plan.name}\` allows ${plan.connections} connections of one user at a time.`;
    return connection.refused("too_many_connections", message);
  }
  let admitted = false;
  try {
    const quota = await engine.quota(user, plan.requestsPerHour);
    await hub.open(conversation);
    if (connection.ended) return hub.giveUp(conversation);
    const { seq, epoch, members } = hub.join(conversation, connection);
    admitted = true;
    connection.admitted({
      type: "welcome",
      connection: connection.id,
      conversation,
      user,
      plan: connection.plan?.name ?? plan.name,
      seq,
      epoch,
      resumed: false,
      quota,
      inactivity: parts.inactivity,
      members,
      server: { name: "parley", protocol: PROTOCOL_VERSION },
    });
  } finally {
    if (!admitted) admission.release(user);
  }
}
