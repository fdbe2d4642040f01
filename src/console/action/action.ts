// What a person does with a conversation, each with the same in HTTP and in the client library.
import type { Access, Role } from "../../client/index.ts";
import type { Frame } from "../wire/frame.ts";

/** One action, as it is shown afterwards. */
export interface Action {
  /** In the past tense: `user2 was muted`. */
  readonly title: string;
  readonly user: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** A statement in JavaScript, in which `parley` is the user's connection. */
  readonly library: string;
  /** In place of the answer, a second request writes this text into the stream that the first one began, and ends it. */
  readonly streamed?: string;
  /** Whether a frame belongs to the action. */
  matches(frame: Frame): boolean;
}

/** Types of frames that the server sends about a conversation after a change of it or of its members. */
const CONSEQUENCES: ReadonlySet<string> = new Set([
  "member",
  "conversation",
  "inbox_item",
  "opened",
  "closed",
]);

export const js = (value: unknown) => JSON.stringify(value);
export const pathOf = (conversation: string) => `/conversations/${encodeURIComponent(conversation)}`;
const about = (conversation: string) => (frame: Frame) =>
  frame.conversation === conversation && CONSEQUENCES.has(frame.type);
const membersOf = (conversation: string) => `watchMembers(parley.conversation(${js(conversation)}))`;

/** A new conversation. `matches` finds the first frame about it once its name is known. */
export function createAction(
  user: string,
  title: string,
  facts: Readonly<Record<string, unknown>>,
  conversation: () => string | undefined,
): Action {
  return {
    title,
    user,
    method: "POST",
    path: "/conversations",
    body: facts,
    library: `await parley.create(${js(facts)});`,
    matches: (frame) => conversation() !== undefined && about(conversation()!)(frame),
  };
}

export function memberAction(user: string, conversation: string, other: string, role?: Role): Action {
  return {
    title: role === undefined ? `${other} was added` : `${other} is ${role} now`,
    user,
    method: "PUT",
    path: `${pathOf(conversation)}/members/${encodeURIComponent(other)}`,
    body: role === undefined ? {} : { role },
    library: `await ${membersOf(conversation)}.put(${js(other)}${role === undefined ? "" : `, ${js(role)}`});`,
    matches: about(conversation),
  };
}

export function removeAction(user: string, conversation: string, other: string): Action {
  return {
    title: other === user ? "You left the conversation" : `${other} was removed`,
    user,
    method: "DELETE",
    path: `${pathOf(conversation)}/members/${encodeURIComponent(other)}`,
    library: `await ${membersOf(conversation)}.remove(${js(other)});`,
    matches: about(conversation),
  };
}

/** `seconds` is left out for a sanction without an end. */
export function sanctionAction(
  user: string,
  conversation: string,
  other: string,
  kind: "mute" | "ban",
  seconds?: number,
): Action {
  const body = seconds === undefined ? {} : { seconds };
  return {
    title: `${other} was ${kind === "mute" ? "muted" : "banned"}`,
    user,
    method: "PUT",
    path: `${pathOf(conversation)}/${kind}s/${encodeURIComponent(other)}`,
    body,
    library: `await ${membersOf(conversation)}.${kind}(${js(other)}${seconds === undefined ? "" : `, ${js(body)}`});`,
    matches: about(conversation),
  };
}

export function liftAction(user: string, conversation: string, other: string, kind: "mute" | "ban"): Action {
  return {
    title: `${other} is ${kind === "mute" ? "not muted" : "not banned"} any more`,
    user,
    method: "DELETE",
    path: `${pathOf(conversation)}/${kind}s/${encodeURIComponent(other)}`,
    library: `await ${membersOf(conversation)}.un${kind}(${js(other)});`,
    matches: about(conversation),
  };
}

export function updateAction(
  user: string,
  conversation: string,
  fields: { readonly title?: string | null; readonly access?: Access },
): Action {
  return {
    title: "title" in fields ? "The title was changed" : "The access was changed",
    user,
    method: "PATCH",
    path: pathOf(conversation),
    body: fields,
    library: `await parley.conversation(${js(conversation)}).update(${js(fields)});`,
    matches: about(conversation),
  };
}

export function deleteAction(user: string, conversation: string): Action {
  return {
    title: "The conversation was deleted",
    user,
    method: "DELETE",
    path: pathOf(conversation),
    library: `await parley.conversation(${js(conversation)}).remove();`,
    matches: about(conversation),
  };
}
