// Mutes and bans (MB2–MB4).
import { cannotAct, lastOwner } from "./change-members.ts";
import { changeOne, type Decision, refuse, UNCHANGED } from "./decision.ts";
import { isInForce, type Sanction, type StandingChange } from "./records.ts";
import { actsOn, isLastOwner, powerOf, refuseReading, type Scene } from "./standing.ts";

export type SanctionKind = "mute" | "ban";

export interface SanctionRequest {
  readonly user: string;
  /** How long it is in force, in seconds; without end if undefined. */
  readonly seconds?: number | undefined;
  readonly reason?: string | undefined;
}

/** `PUT …/mutes/{user}` and `PUT …/bans/{user}`: the decision, and the mute or ban as it is from now on. */
export function putSanction(
  scene: Scene,
  kind: SanctionKind,
  { user, seconds, reason }: SanctionRequest,
): Decision & { readonly sanction?: Sanction } {
  const { view, actor } = scene;
  const refusal = refuseActing(scene, user);
  if (refusal !== undefined) return refusal;
  const target = view.standings.get(user);
  if (kind === "ban" && isLastOwner(view, target) && actor.kind !== "key") return refuse(lastOwner(user));
  const sanction: Sanction = {
    ...(seconds !== undefined && { until: view.now + Math.ceil(seconds * 1000) }),
    ...(reason !== undefined && { reason }),
    by: actor.name,
    at: view.now,
  };
  const { until } = sanction;
  const news = {
    change: kind === "ban" ? "banned" : "muted",
    ...(until !== undefined && { until }),
  } as const;
  const standing: StandingChange =
    kind === "ban" ? { user, banned: sanction, role: null } : { user, muted: sanction };
  return { ...changeOne(scene, standing, news), sanction };
}

/** `DELETE …/mutes/{user}` and `DELETE …/bans/{user}`. */
export function liftSanction(scene: Scene, kind: SanctionKind, user: string): Decision {
  const refusal = refuseActing(scene, user);
  if (refusal !== undefined) return refusal;
  const target = scene.view.standings.get(user);
  const field = kind === "ban" ? "banned" : "muted";
  if (target?.[field] === undefined) return UNCHANGED;
  const change = { user, [field]: null };
  // One that has ended by itself is removed without a word.
  if (!isInForce(target[field], scene.view.now)) return { change: { standings: [change], news: [] } };
  return changeOne(scene, change, { change: kind === "ban" ? "unbanned" : "unmuted" });
}

/** Returns why the sender may not see the list of mutes or bans. */
export function refuseListingSanctions(scene: Scene): Decision["refusal"] {
  return refuseReading(scene) ?? (actsOn(powerOf(scene), undefined) ? undefined : NOT_MODERATOR);
}

const NOT_MODERATOR = { code: "forbidden", message: cannotAct("", undefined) } as const;

function refuseActing(scene: Scene, user: string): Decision | undefined {
  const unreadable = refuseReading(scene);
  if (unreadable !== undefined) return refuse(unreadable);
  const target = scene.view.standings.get(user);
  if (actsOn(powerOf(scene), target)) return undefined;
  return refuse({ code: "forbidden", message: cannotAct(user, target) });
}
