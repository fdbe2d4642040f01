// What a change does to a message, and who may make it (CH4). Pure; the engines read the scene and carry out the decision.
import {
  MAX_FRAME_BYTES,
  MAX_REACTION_USERS,
  MAX_REACTIONS,
  MAX_REACTIONS_PER_USER,
} from "../../protocol/limits.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { SpeechRefusal } from "../members/speech.ts";
import { ERASED_USER, idOfErased } from "../person/erased-user.ts";
import {
  type ChangeState,
  decodeContent,
  encodeContent,
  encodeErased,
  type MessageContent,
} from "./message-state.ts";

/**
 * What is to be done to a message. `data` is JSON; null drops it. `forget` is asked for by the server only, when a person is erased: it
 * takes out the name of `user`, and all of a message that this user sent.
 */
export type Change =
  | { readonly kind: "edit"; readonly text?: string; readonly data?: string | null; readonly ifRev?: number }
  | {
      readonly kind: "erase";
      readonly reason?: string;
      /** Where the message is the asking user's own, the reason is not stored: nobody has approved it. */
      readonly dropsOwnReason?: true;
    }
  | { readonly kind: "react"; readonly reaction: string; readonly on: boolean }
  | { readonly kind: "forget"; readonly user: string; readonly seq: number };

/** The `kind` of the frame that shows a change. */
export function shownKindOf({ kind }: Change): "edit" | "erase" | "react" {
  return kind === "forget" ? "erase" : kind;
}

/** Whether a change takes the content out of a message. */
export function erasesContent({ kind }: Change): boolean {
  return kind === "erase" || kind === "forget";
}

/** A kept message and what the decision needs to know of it. */
export interface ChangedMessage {
  readonly from: string;
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number;
  /** Its content, encoded, without changes. */
  readonly body: string;
  /** Undefined where it was never changed. */
  readonly state: ChangeState | undefined;
  /** Of a reaction: the names of all that the asking user has on this message. */
  readonly own?: readonly string[];
  /** Of a reaction: the newest users who have it, the newest first; one more than a summary shows. */
  readonly newest?: readonly string[];
}

/** Who asks, and when. */
export interface ChangeScene {
  readonly by: string;
  /** A moderator or owner of the conversation, a token with `manage`, or an API key. */
  readonly moderates: boolean;
  /** What core/members/speech.ts says of the user. */
  readonly refusal: SpeechRefusal | undefined;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end (EDIT_SECONDS). */
  readonly editWithin: number;
  /** The store's time, in milliseconds since 1970. */
  readonly now: number;
  /** The number of this change, if it is made. */
  readonly rev: number;
}

/** A change that is to be stored. */
export interface ChangeMade {
  readonly outcome: "changed";
  /** The message's content from now on, encoded without changes. Undefined: it stays. */
  readonly body: string | undefined;
  readonly state: ChangeState;
  /** The field `set` of the frame, as JSON. */
  readonly set: string;
  /** The message has neither its sender nor its id any more. */
  readonly forgetsSender?: true;
}

/** Why a change is not made. */
export type ChangeRefused =
  /** The message is so already. It is free. */
  | { readonly outcome: "duplicate" }
  /** The message was edited since: `rev` is its newest edit, 0 for none. */
  | { readonly outcome: "conflict"; readonly rev: number }
  | {
      readonly outcome:
        | "not_found"
        | "erased"
        | "too_late"
        | "not_own"
        | "empty"
        | "too_large"
        | "too_many_reactions";
    }
  | SpeechRefusal;

export type ChangeDecision = ChangeMade | ChangeRefused;

/** Decides about one change of a message; undefined: no such message is kept. */
export function decideChange(
  message: ChangedMessage | undefined,
  change: Change,
  scene: ChangeScene,
): ChangeDecision {
  const { refusal } = scene;
  // A user who does not belong here learns nothing. A muted one may take back what it said, which is not speaking.
  if (refusal !== undefined && (refusal.outcome !== "muted" || change.kind !== "erase")) return refusal;
  if (message === undefined) return { outcome: "not_found" };
  switch (change.kind) {
    case "edit":
      return decideEdit(message, change, scene);
    case "erase":
      return decideErasure(message, change, scene);
    case "react":
      return decideReaction(message, change, scene);
    case "forget":
      return decideForgetting(message, change, scene);
    default:
      return change satisfies never;
  }
}

function decideEdit(
  message: ChangedMessage,
  { text, data, ifRev }: Extract<Change, { kind: "edit" }>,
  scene: ChangeScene,
): ChangeDecision {
  const { state, body, from } = message;
  if (from !== scene.by) return { outcome: "not_own" };
  const content = decodeContent(body);
  if (isErased(content, state)) return { outcome: "erased" };
  if (isTooLate(message, scene)) return { outcome: "too_late" };
  const edits = state?.edited?.rev ?? 0;
  if (ifRev !== undefined && ifRev !== edits) return { outcome: "conflict", rev: edits };
  const next = edited(content, text, data);
  if (next.text === "" && next.data === undefined) return { outcome: "empty" };
  const encoded = encodeContent(next);
  if (encoded === body) return { outcome: "duplicate" };
  if (isTooLarge(encoded, body)) return { outcome: "too_large" };
  const edit = { at: scene.now, rev: scene.rev };
  const set = { ...(text !== undefined && { text }), ...(data !== undefined && { data: next.data ?? null }) };
  return {
    outcome: "changed",
    body: encoded,
    state: { ...state, rev: scene.rev, edited: edit },
    set: JSON.stringify({ ...set, edited: edit }),
  };
}

function edited(
  content: MessageContent,
  text: string | undefined,
  data: string | null | undefined,
): MessageContent {
  const { data: old, ...rest } = content;
  const next = data === undefined ? old : data === null ? undefined : (JSON.parse(data) as unknown);
  return { ...rest, text: text ?? content.text, ...(next !== undefined && { data: next }) };
}

function decideErasure(
  message: ChangedMessage,
  change: Extract<Change, { kind: "erase" }>,
  scene: ChangeScene,
): ChangeDecision {
  const { state, body, from } = message;
  if (from !== scene.by && !scene.moderates) return { outcome: "not_own" };
  const content = decodeContent(body);
  if (isErased(content, state)) return { outcome: "duplicate" };
  if (!scene.moderates && isTooLate(message, scene)) return { outcome: "too_late" };
  const reason = change.dropsOwnReason && from === scene.by ? undefined : change.reason;
  const erased = { by: scene.by, at: scene.now, ...(reason !== undefined && { reason }) };
  return {
    outcome: "changed",
    body: encodeErased(content),
    state: { rev: scene.rev, ...(state?.edited !== undefined && { edited: state.edited }), erased },
    set: JSON.stringify({ text: "", data: null, reactions: null, erased }),
  };
}

function decideReaction(
  { state, body, own = [], newest = [] }: ChangedMessage,
  { reaction, on }: Extract<Change, { kind: "react" }>,
  scene: ChangeScene,
): ChangeDecision {
  if (isErased(decodeContent(body), state)) return { outcome: "erased" };
  if (own.includes(reaction) === on) return { outcome: "duplicate" };
  const reactions = state?.reactions ?? {};
  // A reaction may be named as a property that each object has.
  const summary = Object.hasOwn(reactions, reaction) ? reactions[reaction] : undefined;
  const isTooMany =
    own.length >= MAX_REACTIONS_PER_USER ||
    (summary === undefined && Object.keys(reactions).length >= MAX_REACTIONS);
  if (on && isTooMany) return { outcome: "too_many_reactions" };
  const others = newest.filter((user) => user !== scene.by);
  const users = (on ? [scene.by, ...others] : others).slice(0, MAX_REACTION_USERS);
  const count = (summary?.count ?? 0) + (on ? 1 : -1);
  const next = { count, users };
  const { [reaction]: _replaced, ...rest } = reactions;
  const all = count === 0 ? rest : { ...reactions, [reaction]: next };
  const { reactions: _, ...unchanged } = state ?? { rev: 0 };
  return {
    outcome: "changed",
    body: undefined,
    state: { ...unchanged, rev: scene.rev, ...(Object.keys(all).length > 0 && { reactions: all }) },
    set: JSON.stringify({ reactions: { [reaction]: count === 0 ? { count } : next } }),
  };
}

/** Of a message that the person sent, nothing but its place stays. Of one that the person erased, only its name goes. */
function decideForgetting(
  { state, body, from }: ChangedMessage,
  { user, seq }: Extract<Change, { kind: "forget" }>,
  { now, rev }: ChangeScene,
): ChangeDecision {
  const content = decodeContent(body);
  const edited = state?.edited !== undefined && { edited: state.edited };
  const before = state?.erased ?? content.erased;
  if (from === user) {
    const erased = { by: ERASED_USER, at: before?.at ?? now, person: true as const };
    const sender = { from: ERASED_USER, id: idOfErased(seq) };
    return {
      outcome: "changed",
      body: encodeErased(content),
      state: { rev, ...edited, erased },
      set: JSON.stringify({ ...sender, text: "", data: null, reactions: null, erased }),
      forgetsSender: true,
    };
  }
  if (before?.by !== user) return { outcome: "duplicate" };
  // The reason is a text of the person, too.
  const erased = { by: ERASED_USER, at: before.at };
  return {
    outcome: "changed",
    body: encodeErased(content),
    state: { rev, ...edited, erased },
    set: JSON.stringify({ erased }),
  };
}

/** A stream that was discarded has no content either; its erasure is in the body. */
function isErased(content: MessageContent, state: ChangeState | undefined): boolean {
  return state?.erased !== undefined || content.erased !== undefined;
}

/** Text and data may come in two edits, so a frame alone does not bound them. A finished stream may be longer; it may not grow. */
function isTooLarge(next: string, body: string): boolean {
  const bytes = utf8Length(next);
  return bytes > MAX_FRAME_BYTES && bytes > utf8Length(body);
}

function isTooLate({ at }: ChangedMessage, { editWithin, now }: ChangeScene): boolean {
  return editWithin > 0 && now - at > editWithin;
}
