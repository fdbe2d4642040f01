import { type ErrorCode, errorEntry } from "../../../../protocol/errors.ts";
import { IDENTIFIER_RULE, isIdentifier, isMessageId } from "../../../../protocol/identifiers.ts";
import { parseJson, splitArray } from "../../../../protocol/json.ts";
import { MAX_FRAME_BYTES } from "../../../../protocol/limits.ts";
import { readText } from "../../body.ts";
import { authenticateMaker, type Caller } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";
import { type ConversationRoutesDeps, parseFrame, postMessage } from "../conversations.ts";
import { replyJson } from "../members/request.ts";

/** Longest body of `POST /messages`, in bytes. */
export const MAX_BATCH_BYTES = 1024 * 1024;

/** Most messages of one `POST /messages`. */
const MAX_BATCH_ITEMS = 100;

/** What an item was answered: a stored message, or the fields of an `error` frame. */
type Result = Readonly<Record<string, unknown>>;

/**
 * `POST /messages` with `[{conversation, …}]`: each item is posted as by `POST /conversations/{id}/messages`, in their order, and none
 * waits for another to succeed (N8). Returns `{results}` in the same order.
 */
export function postMessagesRoute(deps: ConversationRoutesDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const maker = await authenticateMaker(deps, c, "write");
    if (maker instanceof Response) return maker;
    const text = await readText(deps.emit, c, MAX_BATCH_BYTES);
    if (text instanceof Response) return text;
    const refuse = (code: "malformed" | "invalid", detail: string) => {
      deps.emit("request.invalid", { ...maker.found.logFields, path: c.req.path, code });
      return problem(code, { detail });
    };
    const texts = splitArray(text, MAX_BATCH_ITEMS);
    if (texts === undefined && parseJson(text).error === "malformed")
      return refuse("malformed", "The body is not JSON.");
    if (texts === undefined || texts.length === 0)
      return refuse("invalid", `The body must be a list of 1 to ${MAX_BATCH_ITEMS} messages.`);
    // All are read before the first one is stored, so that of a body that is cut off nothing is stored.
    const items = texts.map(readItem);
    if (items.some(({ isJson }) => !isJson)) return refuse("malformed", "The body is not JSON.");
    // One that names an epoch waits until its conversation was read, so all that follow wait for it.
    const post = (item: Item) => postItem(deps, maker.of, item);
    const results: Result[] = [];
    for (const part of splitAfter(items, ({ epoch }) => epoch))
      results.push(...(await postItems(deps, part, post)));
    for (const { code } of results) if (code !== undefined) deps.metrics?.requestRefused(code as ErrorCode);
    return replyJson({ results });
  };
}

/**
 * Each call passes its message to the engine at once, so the engine gets them in their order, and stores them in one batch. Where they
 * have to be approved, those of one conversation come one after the other: only a few requests of a sender may wait (MX2).
 */
function postItems(
  { factsApprover }: ConversationRoutesDeps,
  items: readonly Item[],
  postOne: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  if (factsApprover === undefined) return Promise.all(items.map(postOne));
  const last = new Map<string | undefined, Promise<unknown>>();
  return Promise.all(
    items.map((item) => {
      const result = (last.get(item.conversation) ?? Promise.resolve()).then(() => postOne(item));
      last.set(item.conversation, result);
      return result;
    }),
  );
}

interface Item {
  readonly text: string;
  readonly isJson: boolean;
  readonly conversation: string | undefined;
  readonly id: string | undefined;
  /** It names an epoch. */
  readonly epoch: boolean;
  /** The error of an item that is no message for a conversation. */
  readonly error?: Result;
}

function readItem(text: string): Item {
  const none = { text, isJson: true, conversation: undefined, id: undefined, epoch: false };
  const { value, error } = parseJson(text);
  if (error === "malformed") return { ...none, isJson: false };
  if (error !== undefined) return { ...none, error: errorOf(error) };
  const { conversation, id, epoch } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const named = {
    ...none,
    epoch: epoch !== undefined,
    conversation: typeof conversation === "string" && isIdentifier(conversation) ? conversation : undefined,
    id: typeof id === "string" && isMessageId(id) ? id : undefined,
  };
  if (Buffer.byteLength(text) > MAX_FRAME_BYTES)
    return { ...named, error: errorOf("too_large", `The message is longer than ${MAX_FRAME_BYTES} bytes.`) };
  return named.conversation === undefined
    ? { ...named, error: errorOf("invalid", `\`conversation\`: must be ${IDENTIFIER_RULE}.`) }
    : named;
}

async function postItem(
  deps: ConversationRoutesDeps,
  callerOf: (conversation: string) => Caller | Response,
  { text, conversation, id, error }: Item,
): Promise<Result> {
  const named = { ...(conversation !== undefined && { conversation }), ...(id !== undefined && { id }) };
  if (error !== undefined || conversation === undefined) return { ...named, ...error };
  const caller = callerOf(conversation);
  if (caller instanceof Response) return { ...named, ...(await errorIn(caller)) };
  const sent = parseFrame(deps, caller, "message", text);
  if (sent instanceof Response) return { ...named, ...(await errorIn(sent)) };
  const posted = await postMessage(deps, caller, sent);
  return posted instanceof Response ? { ...named, ...(await errorIn(posted)) } : { conversation, ...posted };
}

/** Splits a list after each item for which `ends` holds. */
function splitAfter<T>(items: readonly T[], ends: (item: T) => boolean): T[][] {
  const parts: T[][] = [[]];
  for (const item of items) {
    parts.at(-1)!.push(item);
    if (ends(item)) parts.push([]);
  }
  return parts;
}

function errorOf(code: ErrorCode, message = errorEntry(code).what): Result {
  return { code, message };
}

/** Returns the problem of a response as the fields of an `error` frame. */
async function errorIn(response: Response): Promise<Result> {
  const {
    type: _,
    title: __,
    status: ___,
    detail,
    ...fields
  } = (await response.json()) as Record<string, unknown>;
  const wait =
    fields.code === "unavailable" ? { retry_after: Number(response.headers.get("Retry-After")) } : {};
  return { ...fields, ...wait, message: detail };
}
