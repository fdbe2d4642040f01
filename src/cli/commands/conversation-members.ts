import { Command, Option } from "commander";
import type { z } from "zod";
import { createNamedConversation } from "../../core/members/change-facts.ts";
import { putMember, removeMember } from "../../core/members/change-members.ts";
import { ROLES, type Role } from "../../core/members/records.ts";
import {
  liftSanction,
  putSanction,
  refuseListingSanctions,
  type SanctionKind,
} from "../../core/members/sanctions.ts";
import { refuseReading } from "../../core/members/standing.ts";
import type { NameRange } from "../../core/ports/conversation/members.ts";
import { EpochChanged } from "../../core/ports/conversations.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { ConversationBody, MemberBody, SanctionBody } from "../../protocol/member-requests.ts";
import { readBody } from "../../protocol/request-body.ts";
import { UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withMembers } from "../store/open.ts";
import { changeAsOperator, type OperatorRequest, readAsOperator } from "../store/operator.ts";
import { print, printJson } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";

interface MemberFlags {
  readonly access?: string;
  readonly title?: string;
  readonly member?: readonly string[];
  readonly role?: string;
  readonly seconds?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

/** The open store, and the arguments of the command line; `body` is what was given, as `BodyOf` has checked it. */
interface Task<Body> extends OperatorRequest {
  readonly user: string;
  readonly flags: MemberFlags;
  readonly body: Body;
}

/** Checks the flags, before the store is opened, as the server checks the body of the same request. Throws UsageError. */
type BodyOf<Body> = (flags: MemberFlags) => Body;

const noBody: BodyOf<undefined> = () => undefined;

const JSON_OUTPUT = "print JSON, for scripts";

/** How many entries of a list are read at once. */
const PAGE_SIZE = 200;

/** `parley conversation create …`: makes a conversation with members, as the operator. */
export function createCommand(): Command {
  const command = new Command("create")
    .argument("<conversation>")
    .description("make a conversation and add its members");
  return verb(command, newConversation, create, "changes")
    .addOption(
      new Option("--access <access>", "who may use it (default: CONVERSATION_ACCESS)").choices([
        "anyone",
        "members",
      ]),
    )
    .option("--title <title>", "its title")
    .option(
      "--member <user[:role]>",
      "a user to add, may be repeated; the role is member, moderator or owner",
      collect,
    );
}

/** `parley conversation member …`: lists, adds and removes members as the operator. */
export function memberCommand(): Command {
  const member = new Command("member").description("list, add and remove members");
  verb(
    member.command("add <conversation> <user>").description("add a user, or change its role"),
    ({ role }) => parse(MemberBody, { role }),
    addMember,
    "changes",
  ).addOption(new Option("--role <role>", "its role (default: member for a new one)").choices(ROLES));
  verb(
    member.command("list <conversation>").description("list all members"),
    noBody,
    listMembers,
    "reads",
  ).option("--json", JSON_OUTPUT);
  verb(
    member.command("remove <conversation> <user>").description("remove a member"),
    noBody,
    removeOne,
    "changes",
  );
  return member;
}

/** `parley conversation mute …` and `parley conversation ban …`. */
export function sanctionCommand(kind: SanctionKind): Command {
  const sanction = new Command(kind).description(`list, add and remove ${kind}s`);
  verb(
    sanction.command("add <conversation> <user>").description(`${kind} a user`),
    ({ seconds, reason }) =>
      parse(SanctionBody, { seconds: seconds === undefined ? undefined : Number(seconds), reason }),
    (task) => addSanction(task, kind),
    "changes",
  )
    .option("--seconds <seconds>", "how long (default: without end)")
    .option("--reason <reason>", "why; shown in the list");
  verb(
    sanction.command("list <conversation>").description(`list the ${kind}s that are in force`),
    noBody,
    (task) => listSanctions(task, kind),
    "reads",
  ).option("--json", JSON_OUTPUT);
  verb(
    sanction.command("remove <conversation> <user>").description(`end the ${kind} of a user`),
    noBody,
    (task) => removeSanction(task, kind),
    "changes",
  );
  return sanction;
}

function verb<Body>(
  command: Command,
  bodyOf: BodyOf<Body>,
  task: (task: Task<Body>) => Promise<void>,
  kind: "changes" | "reads",
): Command {
  return addStoreFlags(command).action(async (...given: unknown[]) => {
    const ran = given.at(-1) as Command;
    const flags = ran.opts();
    const [conversation = "", user = ""] = ran.args;
    for (const name of ran.args) requireIdentifier(name);
    const body = bodyOf(flags);
    const settings = loadStoreSettings(flags);
    await withMembers(settings, (members) => task({ members, settings, conversation, user, flags, body }));
    if (kind === "changes") printStorePath(settings);
  });
}

function newConversation({ access, title, member = [] }: MemberFlags) {
  const members = member.map(parseMember);
  return { members, body: parse(ConversationBody, { access, title, members }) };
}

async function create(task: Task<ReturnType<typeof newConversation>>): Promise<void> {
  const { conversation } = task;
  const { members, body } = task.body;
  const users = members.map(({ user }) => user);
  await changeAsOperator(task, users, (scene, sizes) => createNamedConversation(scene, body, sizes));
  const listed = members.map(({ user, role = "member" }) => `${user} (${role})`).join(", ");
  print(`Made ${conversation}${listed === "" ? "" : ` with ${listed}`}.`);
}

/** Reads `user[:role]`. A name may hold colons itself, so only a role after the last one is taken for a role. */
function parseMember(text: string): { readonly user: string; readonly role?: Role } {
  const colon = text.lastIndexOf(":");
  const role = ROLES.find((each) => colon !== -1 && each === text.slice(colon + 1));
  const user = role === undefined ? text : text.slice(0, colon);
  requireIdentifier(user);
  return { user, ...(role !== undefined && { role }) };
}

async function addMember(task: Task<z.infer<typeof MemberBody>>): Promise<void> {
  const { members, conversation, user } = task;
  const { role } = task.body;
  await changeAsOperator(task, [user], (scene, sizes) => putMember(scene, { user, role }, sizes));
  const { standings } = await members.read(conversation, [user]);
  print(`${user} has the role ${standings.get(user)?.role ?? "none"} in ${conversation}.`);
}

async function removeOne(task: Task<undefined>): Promise<void> {
  const { conversation, user } = task;
  const isChanged = await changeAsOperator(task, [user], (scene) => removeMember(scene, user));
  print(isChanged ? `Removed ${user} from ${conversation}.` : `${user} is not a member of ${conversation}.`);
}

async function listMembers(task: Task<undefined>): Promise<void> {
  const { members, conversation, flags } = task;
  await readAsOperator(task, refuseReading);
  const all = await readAll(task, async (range) => {
    const { members: entries, more } = await members.members(conversation, range);
    return { entries, more };
  });
  if (flags.json)
    return void printJson(
      all.map(({ user, role, since, read }) => ({ user, role, since: isoTime(since), read })),
      2,
    );
  if (all.length === 0) return print(`${conversation} has no members.`);
  print(formatTable(all.map(({ user, role, since }) => [user, role, isoTime(since)])));
}

async function addSanction(task: Task<z.infer<typeof SanctionBody>>, kind: SanctionKind): Promise<void> {
  const { conversation, user } = task;
  const { seconds, reason } = task.body;
  await changeAsOperator(task, [user], (scene) => putSanction(scene, kind, { user, seconds, reason }));
  const end = seconds === undefined ? "without end" : `for ${seconds} s`;
  print(`${kind === "ban" ? "Banned" : "Muted"} ${user} in ${conversation} ${end}.`);
}

async function removeSanction(task: Task<undefined>, kind: SanctionKind): Promise<void> {
  const { conversation, user } = task;
  const isChanged = await changeAsOperator(task, [user], (scene) => liftSanction(scene, kind, user));
  print(
    isChanged
      ? `Ended the ${kind} of ${user} in ${conversation}.`
      : `There is no ${kind} of ${user} in ${conversation}.`,
  );
}

async function listSanctions(task: Task<undefined>, kind: SanctionKind): Promise<void> {
  const { members, conversation, flags } = task;
  await readAsOperator(task, refuseListingSanctions);
  const all = await readAll(task, async (range) => {
    const { sanctions, more } = await members.sanctions(
      conversation,
      kind === "ban" ? "banned" : "muted",
      range,
    );
    return { entries: sanctions, more };
  });
  if (flags.json)
    return void printJson(
      all.map(({ user, until, reason, by, at }) => ({
        user,
        until: until === undefined ? null : isoTime(until),
        reason,
        by,
        at: isoTime(at),
      })),
      2,
    );
  if (all.length === 0) return print(`There are no ${kind}s in ${conversation}.`);
  print(
    formatTable(
      all.map(({ user, until, by, reason = "" }) => [
        user,
        until === undefined ? "without end" : `until ${isoTime(until)}`,
        `by ${by}`,
        reason,
      ]),
    ),
  );
}

/** Reads all pages of a list. Throws EpochChanged when the conversation is removed meanwhile: its list would be cut off. */
export async function readAll<T extends { readonly user: string }>(
  { members, conversation }: Pick<Task<unknown>, "members" | "conversation">,
  readPage: (range: NameRange) => Promise<{ readonly entries: readonly T[]; readonly more: boolean }>,
): Promise<T[]> {
  const { epoch } = await members.read(conversation, []);
  const all: T[] = [];
  for (let goesOn = true; goesOn; ) {
    const { entries, more } = await readPage({ after: all.at(-1)?.user, limit: PAGE_SIZE });
    all.push(...entries);
    goesOn = more;
  }
  if ((await members.read(conversation, [])).epoch !== epoch) throw new EpochChanged(conversation);
  return all;
}

/** Checks what was given as the server checks the body of the same request. */
function parse<T>(schema: z.ZodType<T>, value: object): T {
  const read = readBody(schema, value, JSON.stringify(value));
  if ("body" in read) return read.body;
  throw new UsageError(read.message);
}

/** Throws UsageError where `name` is no name of a user or a conversation. */
export function requireIdentifier(name: string): void {
  if (!isIdentifier(name))
    throw new UsageError(`${JSON.stringify(name)} is not a valid name: use ${IDENTIFIER_RULE}.`);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
