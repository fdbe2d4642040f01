// Who may add, promote and remove members (MB4, MB5).
import type { ListSize } from "../ports/conversation/members.ts";
import { changeOne, type Decision, memberNews, refuse, UNCHANGED } from "./decision.ts";
import { isInForce, type MemberNews, type Role, type Standing, type StandingChange } from "./records.ts";
import { conflict, forbidden, type MemberRefusal } from "./refusals.ts";
import { actsOn, isLastOwner, type Power, powerOf, rankOf, refuseReading, type Scene } from "./standing.ts";

/** A user who is to become a member, or to get a role; without `role` a new member is a `member`, and another stays as it is. */
export interface MemberRequest {
  readonly user: string;
  readonly role?: Role | undefined;
}

/** How many conversations users belong to already, by user. */
export type ListSizes = ReadonlyMap<string, Pick<ListSize, "conversations">>;

/** `PUT …/members/{user}`: adds a user, joins oneself, or changes a role. */
export function putMember(scene: Scene, request: MemberRequest, sizes: ListSizes): Decision {
  const unreadable = refuseReading(scene);
  if (unreadable !== undefined) return refuse(unreadable);
  const { view } = scene;
  const target = view.standings.get(request.user);
  if (target?.role !== undefined) return changeRole(scene, request, target, target.role);
  const refusal = refuseAdding(scene, request, target) ?? refuseFull(scene, 1, request.user, sizes);
  if (refusal !== undefined) return refuse(refusal);
  return changeOne(
    scene,
    addedStanding(scene, request),
    { change: "added", role: request.role ?? "member" },
    isSelf(scene, request.user) ? [] : [request.user],
  );
}

/**
 * The changes that add several members to a conversation by its owner or an API key, which is allowed to. Those who are members
 * already get the role that is named; nobody is removed.
 */
export function putMembers(
  scene: Scene,
  requests: readonly MemberRequest[],
  sizes: ListSizes,
): { readonly refusal: MemberRefusal } | Required<Omit<PutMembers, "refusal">> {
  const standings: StandingChange[] = [];
  const news: MemberNews[] = [];
  const added: string[] = [];
  for (const request of requests) {
    const { refusal, change, added: one = [] } = putMember(scene, request, sizes);
    if (refusal !== undefined) return { refusal: naming(refusal, request.user) };
    standings.push(...(change?.standings ?? []));
    news.push(...((change?.news ?? []) as MemberNews[]));
    added.push(...one);
  }
  const full = refuseFull(scene, news.filter(({ change }) => change === "added").length);
  return full === undefined ? { standings, news, added } : { refusal: full };
}

interface PutMembers {
  readonly refusal?: MemberRefusal;
  readonly standings?: readonly StandingChange[];
  readonly news?: readonly MemberNews[];
  readonly added?: readonly string[];
}

/** `DELETE …/members/{user}`: removes a member, or leaves. */
export function removeMember(scene: Scene, user: string): Decision {
  const unreadable = refuseReading(scene);
  if (unreadable !== undefined) return refuse(unreadable);
  const { view } = scene;
  const target = view.standings.get(user);
  const power = powerOf(scene);
  const leaves = isSelf(scene, user);
  if (!leaves && !actsOn(power, target)) return refuse(forbidden(cannotAct(user, target)));
  if (target?.role === undefined) return UNCHANGED;
  if (isLastOwner(view, target) && power !== "key") return refuse(lastOwner(user));
  const standing: StandingChange = { user, role: null, ...(leaves && { left: true }) };
  return changeOne(scene, standing, { change: "removed" });
}

/**
 * The account of `user` is removed: it leaves the conversation, and `heir` becomes owner where it was the last one (MB4). `heir`
 * MUST be the oldest moderator at the moment of the view, else the oldest member; undefined where there is no other member.
 */
export function leaveForGood(
  scene: Pick<Scene, "view" | "actor">,
  user: string,
  heir: string | undefined,
): Decision {
  const { view } = scene;
  const target = view.standings.get(user);
  if (target?.role === undefined) return UNCHANGED;
  const standings: StandingChange[] = [{ user, role: null, left: null }];
  const news = [memberNews(scene, user, { change: "removed" })];
  if (isLastOwner(view, target) && heir !== undefined) {
    standings.push({ user: heir, role: "owner" });
    news.push(memberNews(scene, heir, { change: "role", role: "owner" }));
  }
  return { change: { standings, news } };
}

/** The refusal for an action on the last owner. */
export function lastOwner(user: string): MemberRefusal {
  return conflict(
    `\`${user}\` is the last owner: make another member an owner first, or remove the conversation.`,
  );
}

/** A sentence for `forbidden`: the sender's role does not allow to act on `user`. */
export function cannotAct(user: string, target: Standing | undefined): string {
  return rankOf(target?.role) >= rankOf("moderator")
    ? `Only an owner can do this to \`${user}\`, who is ${target?.role === "owner" ? "an owner" : "a moderator"}.`
    : "Only moderators and owners of this conversation can do this.";
}

function changeRole(scene: Scene, { user, role }: MemberRequest, target: Standing, present: Role): Decision {
  const power = powerOf(scene);
  const self = isSelf(scene, user);
  if (!self && rankOf(roleOf(power)) < rankOf("moderator"))
    return refuse(forbidden(cannotAct(user, undefined)));
  if (role === undefined || role === present) return UNCHANGED;
  const lowersOneself = self && rankOf(role) < rankOf(present);
  if (power !== "key" && power !== "owner" && !lowersOneself)
    return refuse(forbidden("Only an owner of this conversation changes roles."));
  if (isLastOwner(scene.view, target) && power !== "key") return refuse(lastOwner(user));
  return changeOne(scene, { user, role }, { change: "role", role });
}

function refuseAdding(
  scene: Scene,
  { user, role = "member" }: MemberRequest,
  target: Standing | undefined,
): MemberRefusal | undefined {
  const { view } = scene;
  const power = powerOf(scene);
  const self = isSelf(scene, user);
  if (isInForce(target?.banned, view.now)) return conflict(`\`${user}\` is banned: end the ban first.`);
  if (view.facts?.direct !== undefined && !view.facts.direct.includes(user))
    return conflict("A direct conversation has two users and takes no other.");
  if (self && power === undefined)
    return role === "member" ? undefined : forbidden("One joins as a `member`; an owner gives other roles.");
  if (rankOf(roleOf(power)) < rankOf("moderator")) return forbidden(cannotAct(user, undefined));
  if (role !== "member" && power === "moderator")
    return forbidden("Only an owner of this conversation gives this role.");
  if (target?.left === true && power !== "key" && !self)
    return forbidden(`\`${user}\` has left this conversation; only an API key adds a user who has left.`);
  return undefined;
}

/** Returns why so many more members do not fit, in the conversation or in the list of `user` (MB5). */
function refuseFull(
  { view, policy }: Scene,
  more: number,
  user?: string,
  sizes?: ListSizes,
): MemberRefusal | undefined {
  if (view.members + more > policy.maxMembers)
    return conflict(`A conversation has at most ${policy.maxMembers} members.`);
  const size = user === undefined ? 0 : (sizes?.get(user)?.conversations ?? 0);
  if (size >= policy.maxConversations)
    return conflict(
      `\`${user}\` belongs to ${policy.maxConversations} conversations already, which is the most.`,
    );
  return undefined;
}

function addedStanding(scene: Scene, { user, role = "member" }: MemberRequest): StandingChange {
  return { user, role, left: null, unopened: isSelf(scene, user) ? null : true };
}

function isSelf({ actor }: Scene, user: string): boolean {
  return actor.kind === "user" && actor.name === user;
}

/** An API key may do what an owner may. */
function roleOf(power: Power): Role | undefined {
  return power === "key" ? "owner" : power;
}

function naming(refusal: MemberRefusal, user: string): MemberRefusal {
  return refusal.message.includes(`\`${user}\``)
    ? refusal
    : { ...refusal, message: `\`${user}\`: ${refusal.message}` };
}
