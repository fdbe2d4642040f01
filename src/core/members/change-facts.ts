// Who may make, change and remove conversations.
import { type ListSizes, type MemberRequest, putMembers } from "./change-members.ts";
import { type Decision, refuse, UNCHANGED } from "./decision.ts";
import { isGivenName } from "./names.ts";
import { accessOfNew, type MemberPolicy } from "./policy.ts";
import type { Access, ConversationFacts, FactsNews, StandingChange } from "./records.ts";
import { conflict, forbidden, type MemberRefusal, NOT_FOUND } from "./refusals.ts";
import { type Actor, powerOf, refuseReading, type Scene } from "./standing.ts";

type Data = Readonly<Record<string, unknown>>;

export interface NewConversation {
  readonly access?: Access | undefined;
  readonly title?: string | undefined;
  readonly data?: Data | undefined;
  readonly members?: readonly MemberRequest[] | undefined;
}

/** What PATCH changes: null drops a field. */
export interface FactsPatch {
  readonly access?: Access | undefined;
  readonly title?: string | null | undefined;
  readonly data?: Data | null | undefined;
}

/** Returns why the sender may not make a conversation whose name the server gives. */
export function refuseCreating({ kind, manages }: Actor, policy: MemberPolicy): MemberRefusal | undefined {
  if (kind === "key" || manages === true || policy.create === "anyone") return undefined;
  return forbidden("On this server only operators make conversations (CONVERSATION_CREATE).");
}

/** `POST /conversations`: makes a conversation under the name that the server gave. `owner`: undefined where a key makes it. */
export function createConversation(
  scene: Scene,
  owner: string | undefined,
  { access, title, data, members }: NewConversation,
  sizes: ListSizes,
): Decision {
  const { view, policy } = scene;
  // The same request before: the conversation is there, and its answer is repeated.
  if (view.exists) return UNCHANGED;
  const facts = factsOf({
    access: access ?? accessOfNew(members !== undefined, policy),
    title,
    data,
    at: view.now,
  });
  return makeWith(scene, facts, owner, members ?? [], sizes);
}

/**
 * `POST /conversations` with `direct`: gives the one conversation of two users. The one that asks and has left is put into it
 * again.
 */
export function createDirect(
  scene: Scene,
  asker: string,
  pair: readonly [string, string],
  { title, data }: Pick<NewConversation, "title" | "data">,
  sizes: ListSizes,
): Decision {
  const { view } = scene;
  const other = pair[0] === asker ? pair[1] : pair[0];
  if (view.exists) {
    const standing = view.standings.get(asker);
    if (standing?.role !== undefined) return UNCHANGED;
    const banned = refuseReading({ ...scene, actor: { kind: "user", name: asker, manages: true } });
    if (banned !== undefined) return refuse(banned);
    const news = {
      type: "member",
      user: asker,
      change: "added",
      role: "owner",
      by: asker,
      at: view.now,
    } as const;
    return { change: { standings: [{ user: asker, role: "owner", left: null }], news: [news] } };
  }
  const facts: ConversationFacts = {
    ...factsOf({ access: "members", title, data, at: view.now }),
    direct: pair,
  };
  return makeWith(scene, facts, asker, [{ user: other, role: "owner" }], sizes);
}

/** `PUT /conversations/{c}`: makes a conversation of a name that the operator chose, or replaces its facts and adds members. */
export function putConversation(scene: Scene, request: NewConversation, sizes: ListSizes): Decision {
  const { conversation, view, actor, policy } = scene;
  const { access, title, data, members = [] } = request;
  if (actor.kind !== "key" && !actor.manages)
    return refuse(
      forbidden("Only an API key, or a token with the right `manage`, chooses the name of a conversation."),
    );
  if (!view.exists && isGivenName(conversation))
    return refuse(
      forbidden("Names that begin with `_` are given by the server: POST /conversations makes one."),
    );
  const present = view.exists ? (view.facts?.access ?? "anyone") : policy.defaultAccess;
  // An access that is not named stays as it is: a repeated request must not open a private conversation.
  const facts: ConversationFacts = {
    ...factsOf({ access: access ?? present, title, data, at: view.facts?.at ?? view.now }),
    ...(view.facts?.direct !== undefined && { direct: view.facts.direct }),
  };
  if (!view.exists) return makeWith(scene, facts, undefined, members, sizes);
  const refusal = refuseAccess(view.facts, facts.access);
  if (refusal !== undefined) return refuse(refusal);
  const put = putMembers(scene, members, sizes);
  if ("refusal" in put) return put;
  const isSame = sameFacts(view.facts, facts);
  if (isSame && put.standings.length === 0) return UNCHANGED;
  const news = isSame ? put.news : [factsNews(scene, facts), ...put.news];
  return { change: { ...(!isSame && { facts }), standings: put.standings, news }, added: put.added };
}

/** `parley conversation create`: makes a conversation of a name that the operator chose, and changes none that there is. */
export function createNamedConversation(scene: Scene, request: NewConversation, sizes: ListSizes): Decision {
  if (scene.view.exists)
    return refuse(conflict(`There is already a conversation \`${scene.conversation}\`.`));
  return putConversation(scene, request, sizes);
}

/** `PATCH /conversations/{c}`. */
export function patchConversation(scene: Scene, patch: FactsPatch): Decision {
  const refusal = refuseOwning(scene);
  if (refusal !== undefined) return refuse(refusal);
  const { view } = scene;
  if (!view.exists) return refuse(NOT_FOUND);
  const {
    access = view.facts?.access ?? "anyone",
    title = view.facts?.title,
    data = view.facts?.data,
  } = patch;
  const facts: ConversationFacts = {
    ...factsOf({
      access,
      title: title ?? undefined,
      data: data ?? undefined,
      at: view.facts?.at ?? view.lastAt ?? view.now,
    }),
    ...(view.facts?.direct !== undefined && { direct: view.facts.direct }),
  };
  const closed = refuseAccess(view.facts, access);
  if (closed !== undefined) return refuse(closed);
  if (sameFacts(view.facts, facts)) return UNCHANGED;
  return { change: { facts, news: [factsNews(scene, facts)] } };
}

/** Returns why the sender may not remove the conversation, or change its facts. */
export function refuseOwning(scene: Scene): MemberRefusal | undefined {
  const unreadable = refuseReading(scene);
  if (unreadable !== undefined) return unreadable;
  const power = powerOf(scene);
  if (power === "key" || power === "owner") return undefined;
  return forbidden("Only an owner of this conversation can do this; where it has none, an operator.");
}

function makeWith(
  scene: Scene,
  facts: ConversationFacts,
  owner: string | undefined,
  members: readonly MemberRequest[],
  sizes: ListSizes,
): Decision {
  const { view, actor, policy } = scene;
  // The rules of adding are those of an owner in the conversation that is being made.
  const made = {
    ...view,
    exists: true,
    facts,
    members: owner === undefined ? 0 : 1,
    owners: 0,
    standings: new Map(),
  };
  const asOwner: Scene = {
    ...scene,
    view: made,
    actor: owner === undefined ? actor : { ...actor, manages: true },
  };
  const others = members.filter(({ user }) => user !== owner);
  const size = owner === undefined ? 0 : (sizes.get(owner)?.conversations ?? 0);
  if (size >= policy.maxConversations)
    return refuse(
      conflict(`You belong to ${policy.maxConversations} conversations already, which is the most.`),
    );
  const put = putMembers(asOwner, others, sizes);
  if ("refusal" in put) return put;
  const own: StandingChange[] = owner === undefined ? [] : [{ user: owner, role: "owner", left: null }];
  const ownNews = own.map(
    ({ user }) =>
      ({ type: "member", user, change: "added", role: "owner", by: actor.name, at: view.now }) as const,
  );
  return {
    change: {
      facts,
      standings: [...own, ...put.standings],
      news: [factsNews(scene, facts), ...ownNews, ...put.news],
    },
    added: put.added,
  };
}

function refuseAccess(before: ConversationFacts | undefined, access: Access): MemberRefusal | undefined {
  if (before?.direct === undefined || access === "members") return undefined;
  return conflict("A direct conversation is for its two users; its `access` stays `members`.");
}

function factsOf({
  access,
  title,
  data,
  at,
}: {
  readonly access: Access;
  readonly title: string | undefined;
  readonly data: Data | undefined;
  readonly at: number;
}): ConversationFacts {
  return { access, ...(title !== undefined && { title }), ...(data !== undefined && { data }), at };
}

function factsNews({ actor, view }: Scene, { access, title, data }: ConversationFacts): FactsNews {
  return {
    type: "conversation",
    access,
    ...(title !== undefined && { title }),
    ...(data !== undefined && { data }),
    by: actor.name,
    at: view.now,
  };
}

function sameFacts(before: ConversationFacts | undefined, after: ConversationFacts): boolean {
  // Both come from JSON and have the fields in one order, but for those in `data`, where a difference in order is written again.
  const content = ({ access, title, data }: ConversationFacts) => JSON.stringify([access, title, data]);
  return before !== undefined && content(before) === content(after);
}
