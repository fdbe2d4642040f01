import { Command } from "commander";
import type { Message, Quota } from "../../client/index.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { messageLines, styleFor } from "../chat/message-lines.ts";
import { UsageError } from "../cli-error.ts";
import { integerOption } from "../flag-values.ts";
import { requestAs } from "../server/server-api.ts";
import { signIn } from "../server/sign-in.ts";
import { addTargetFlags, checkConversation, loadTarget, type TargetFlags } from "../server/target.ts";
import { print, printJson } from "../terminal/print.ts";

interface MessageFlags extends TargetFlags {
  readonly json?: boolean;
  readonly data?: string;
  readonly ifRev?: number;
  readonly reason?: string;
  readonly off?: boolean;
}

/** An HTTP request about one message; `path` follows that of the message. */
interface MessageRequest {
  readonly method: "GET" | "PATCH" | "DELETE" | "PUT";
  readonly path?: string;
  readonly body?: object;
}

/** The answer to a change. */
interface Changed {
  readonly seq: number;
  readonly rev?: number;
  readonly duplicate?: boolean;
  readonly quota: Quota | null;
}

const NOTE = `
Each costs a request of the plan; a change that changes nothing is free.

  parley message get lobby 2
  parley message edit lobby 2 "See you at four" --user user2
  parley message react lobby 2 👍
  parley message react lobby 2 👍 --off
  parley message erase lobby 2 --reason "wrong group" --user user2`;

const JSON_OUTPUT = "print the answer of the server as JSON";

/** `parley message …`: shows and changes one message, as the user, over HTTP. */
export function messageCommand(): Command {
  const message = new Command("message").description("show, edit, erase one message, or react to it");

  const verb = (
    usage: string,
    about: string,
    requestOf: (words: readonly string[], flags: MessageFlags) => MessageRequest,
  ) =>
    addTargetFlags(message.command(usage).description(about).option("--json", JSON_OUTPUT), {
      conversation: false,
    }).action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const [conversation = "", seq = "", ...words] = command.args;
      const flags = command.opts<MessageFlags>();
      await run({ conversation, seq: parseSeq(seq), flags, request: requestOf(words, flags) });
    });

  verb("get <conversation> <seq>", "show a message as it is now", () => ({ method: "GET" }));
  const edit = verb(
    "edit <conversation> <seq> [text]",
    "give one of your messages another text",
    editRequest,
  ).option("--data <json>", "replace its data by this JSON object");
  edit.addOption(
    integerOption(
      edit,
      "--if-rev <rev>",
      "only if this is the `rev` of its newest edit; 0: none",
      0,
      2 ** 53 - 1,
    ),
  );
  verb("erase <conversation> <seq>", "erase one of your messages; as a moderator any", (_, { reason }) => ({
    method: "DELETE",
    path: reason === undefined ? "" : `?${new URLSearchParams({ reason })}`,
  })).option("--reason <text>", "why; everybody in the conversation sees it");
  verb("react <conversation> <seq> <reaction>", "react to a message", ([reaction = ""], { off }) => ({
    method: off ? "DELETE" : "PUT",
    path: `/reactions/${encodeURIComponent(reaction)}`,
  })).option("--off", "take your reaction back");
  return message.addHelpText("after", NOTE);
}

function editRequest([text]: readonly string[], { data, ifRev: if_rev }: MessageFlags): MessageRequest {
  if (text === undefined && data === undefined) throw new UsageError("Give a text, --data, or both.");
  return { method: "PATCH", body: { text, ...(data !== undefined && { data: parseData(data) }), if_rev } };
}

/** The server checks what is in it. */
function parseData(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new UsageError(`--data is not JSON: ${JSON.stringify(json)}.`);
  }
}

function parseSeq(word: string): number {
  const seq = /^#?([1-9]\d{0,14})$/.exec(word)?.[1];
  if (seq === undefined) throw new UsageError(`${JSON.stringify(word)} is not the number of a message.`);
  return Number(seq);
}

interface Task {
  readonly conversation: string;
  readonly seq: number;
  readonly flags: MessageFlags;
  readonly request: MessageRequest;
}

async function run({ conversation, seq, flags, request }: Task): Promise<void> {
  checkConversation(conversation, flags);
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const { method, path = "", body } = request;
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await requestAs(
    target,
    credential,
    `/conversations/${conversation}/messages/${seq}${path}`,
    init,
  );
  if (flags.json) printJson(answer, 2);
  else if (method === "GET")
    print(messageLines(answer as unknown as Message, styleFor(process.stdout)).join("\n"));
  else print(formatChanged(answer as unknown as Changed, conversation));
}

function formatChanged({ seq, rev, duplicate, quota }: Changed, conversation: string): string {
  const what = `#${seq} in ${escapeControlChars(conversation)}`;
  if (duplicate) return `${what} was not changed: it is already as you want it. Nothing was charged.`;
  const left = quota === null ? "" : `; ${quota.remaining} of ${quota.limit} requests left`;
  return `${what} is changed (change ${rev})${left}.`;
}
