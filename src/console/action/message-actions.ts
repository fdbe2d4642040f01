// What a person does with messages: sending one, writing one as a stream, stopping its writer, and changing one.
import type { Entry } from "../../client/index.ts";
import { type Action, js, pathOf } from "./action.ts";

type ShownMessage = Pick<Entry, "id" | "from" | "text" | "data" | "seq" | "reply_to">;

/** A message of the list, also one of another user: how one like it is sent, or written as a stream if it was. */
export function messageAction(user: string, conversation: string, entry: Entry): Action {
  const isStream = entry.state === "streaming" || entry.stream !== undefined;
  return isStream ? streamAction(user, conversation, entry) : sendAction(user, conversation, entry);
}

/** A message that was sent. */
export function sendAction(user: string, conversation: string, entry: ShownMessage): Action {
  const { text } = entry;
  const more = optionsOf(entry);
  return {
    title: titleOf(entry),
    user,
    method: "POST",
    path: `${pathOf(conversation)}/messages`,
    body: { text, ...more },
    library: `await parley.conversation(${js(conversation)}).send(${js(text)}${Object.keys(more).length > 0 ? `, ${js(more)}` : ""});`,
    matches: matchesMessage(user, conversation, entry, ["message"], ["message", "history"]),
  };
}

/** A message that is being written, or was written while others read it. */
export function streamAction(user: string, conversation: string, entry: ShownMessage): Action {
  const { text } = entry;
  const more = optionsOf(entry);
  return {
    title: entry.seq === undefined ? "A message was written as a stream" : titleOf(entry),
    user,
    method: "POST",
    path: `${pathOf(conversation)}/streams`,
    body: { id: `answer-${Date.now()}`, ...more },
    streamed: text,
    library: [
      `const stream = startStream(parley.conversation(${js(conversation)}), ${js(more)});`,
      `await stream.write(${js(text)});`,
      "await stream.end();",
    ].join("\n"),
    matches: matchesMessage(user, conversation, entry, ["stream_start"], ["stream", "message", "history"]),
  };
}

/** The writer `from` was asked to stop a stream. */
export function cancelAction(user: string, conversation: string, from: string, stream: string): Action {
  return {
    title: from === user ? "You stopped your message" : `${from} was asked to stop`,
    user,
    method: "DELETE",
    path: `${pathOf(conversation)}/streams/${stream}`,
    // A request to stop is not kept for later: the line must be there.
    library: `await parley.ping();\nawait parley.conversation(${js(conversation)}).cancel(${js({ streamId: stream })});`,
    matches: ({ conversation: where, direction, type, text }) =>
      where === conversation &&
      direction === "out" &&
      type === "stream_cancel" &&
      text.includes(`"stream":${js(stream)}`),
  };
}

/** The text of a message was changed. */
export function editAction(
  user: string,
  conversation: string,
  { seq }: ShownMessage,
  fields: { readonly text: string; readonly if_rev: number },
): Action {
  return {
    title: `Message #${seq} was edited`,
    user,
    method: "PATCH",
    path: `${pathOf(conversation)}/messages/${seq}`,
    body: fields,
    library: `await parley.conversation(${js(conversation)}).edit(${seq}, ${js(fields)});`,
    matches: matchesChange(conversation, "edit", seq),
  };
}

/** The content of a message was taken out. */
export function eraseAction(
  user: string,
  conversation: string,
  { seq }: ShownMessage,
  reason: string | undefined,
): Action {
  const why = reason === undefined ? "" : `?reason=${encodeURIComponent(reason)}`;
  return {
    title: `Message #${seq} was erased`,
    user,
    method: "DELETE",
    path: `${pathOf(conversation)}/messages/${seq}${why}`,
    library: `await parley.conversation(${js(conversation)}).erase(${seq}${reason === undefined ? "" : `, ${js(reason)}`});`,
    matches: matchesChange(conversation, "erase", seq),
  };
}

/** A reaction was added, or taken back. */
export function reactAction(
  user: string,
  conversation: string,
  { seq }: ShownMessage,
  reaction: string,
  on: boolean,
): Action {
  return {
    title: on ? `You reacted to #${seq} with ${reaction}` : `Your ${reaction} was taken back from #${seq}`,
    user,
    method: on ? "PUT" : "DELETE",
    path: `${pathOf(conversation)}/messages/${seq}/reactions/${encodeURIComponent(reaction)}`,
    library: `await parley.conversation(${js(conversation)}).react(${seq}, ${js(reaction)}, ${on});`,
    matches: matchesChange(conversation, "react", seq),
  };
}

function matchesChange(conversation: string, wanted: string, seq: number | undefined): Action["matches"] {
  return ({ conversation: where, direction, type, text }) =>
    where === conversation && direction === "out" && type === wanted && text.includes(`"seq":${seq},`);
}

function titleOf({ seq, from }: ShownMessage): string {
  return seq === undefined ? "A message that is not stored" : `Message #${seq} of ${from}`;
}

function optionsOf({ data, reply_to }: ShownMessage): Readonly<Record<string, unknown>> {
  return { ...(data && { data }), ...(reply_to !== undefined && { reply_to }) };
}

/** The frame in which the message was sent, or received where another user sent it. */
function matchesMessage(
  user: string,
  conversation: string,
  { id, from }: ShownMessage,
  sent: readonly string[],
  received: readonly string[],
): Action["matches"] {
  const [wanted, types] = from === user ? (["out", sent] as const) : (["in", received] as const);
  return ({ conversation: where, direction, type, text }) =>
    where === conversation && direction === wanted && types.includes(type) && text.includes(`"id":${js(id)}`);
}
