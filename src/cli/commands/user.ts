import { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { OPERATOR } from "../../core/members/standing.ts";
import { removeAccount } from "../../core/operator/remove-account.ts";
import type { Account, AccountChange, AccountStore } from "../../core/ports/accounts.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { checkNewPassword, createPasswords } from "../../server/authentication/passwords.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withMembers, withStore } from "../store/open.ts";
import { readPassword } from "../terminal/password-prompt.ts";
import { print, printJson } from "../terminal/print.ts";
import { addPersonCommands } from "./person.ts";

/** The open store, the settings, and the arguments of the command line. */
interface Task {
  readonly accounts: AccountStore;
  readonly revocations: RevocationStore;
  readonly settings: Settings;
  readonly operands: readonly string[];
  readonly flags: UserFlags;
}

interface UserFlags {
  readonly plan?: string;
  readonly passwordStdin?: boolean;
  readonly json?: boolean;
}

/** `parley user …`: manages the accounts in the store. A running server applies each change within a second. */
export function userCommand(): Command {
  const user = new Command("user").description("add, show and change accounts");

  const verb = (usage: string, about: string, task: (task: Task) => Promise<void>) =>
    addStoreFlags(user.command(usage).description(about)).action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const flags = command.opts();
      const [name] = command.args;
      if (name !== undefined && !isIdentifier(name))
        throw new UsageError(`${JSON.stringify(name)} is not a valid user name: use ${IDENTIFIER_RULE}.`);
      const settings = loadStoreSettings(flags);
      const [, plan = flags.plan] = command.args;
      if (plan !== undefined) requirePlan(settings, plan);
      await withStore(settings, ({ accounts, revocations }) =>
        task({ accounts, revocations, settings, flags, operands: command.args }),
      );
      if (task !== list && task !== show) printStorePath(settings);
    });

  verb("add <user>", "add an account; asks for its password", add)
    .option("--plan <plan>", "its plan (default: DEFAULT_PLAN)")
    .option("--password-stdin", PASSWORD_STDIN);
  verb("list", "list all accounts", list).option("--json", JSON_OUTPUT);
  verb("show <user>", "show one account", show).option("--json", JSON_OUTPUT);
  verb("set-plan <user> <plan>", "change the plan of an account", setPlan);
  verb("set-password <user>", "change the password of an account; asks for it", setPassword).option(
    "--password-stdin",
    PASSWORD_STDIN,
  );
  verb("disable <user>", "disable an account", (task) => setDisabled(task, true));
  verb("enable <user>", "enable a disabled account", (task) => setDisabled(task, false));
  verb("remove <user>", "remove an account, which leaves its conversations; its messages stay", remove);
  addPersonCommands(user);
  return user;
}

const PASSWORD_STDIN = "read the password from standard input instead";
const JSON_OUTPUT = "print JSON, for scripts";

async function add({ accounts, settings, operands: [user = ""], flags }: Task): Promise<void> {
  const { plan = settings.plans.fallback.name } = flags;
  const taken = new CliError(`There is already a user ${user}; see \`parley user show ${user}\`.`);
  // Checked before the password prompt, so that no password is typed in vain; `add` below decides.
  if ((await accounts.find(user)) !== undefined) throw taken;
  const passwordHash = await newPasswordHash(settings, flags);
  const account = { user, plan, disabled: false, passwordHash, demo: false, createdAt: systemClock().now() };
  if (!(await accounts.add(account))) throw taken;
  print(`Added ${user} with the plan ${plan}.`);
}

async function list({ accounts, settings, flags }: Task): Promise<void> {
  const all = await accounts.list();
  if (flags.json) return void printJson(all.map(jsonFields), 2);
  if (all.length === 0) return print("There are no accounts. Add one with `parley user add <user>`.");
  const width = Math.max(...all.map(({ user }) => escapeControlChars(user).length));
  for (const account of all) {
    const { plan, state, created } = formatFields(account, settings);
    print(
      `${escapeControlChars(account.user).padEnd(width)}  ${plan.padEnd(10)}  ${state.padEnd(14)}  ${created}`,
    );
  }
}

async function show({ accounts, settings, operands: [user = ""], flags }: Task): Promise<void> {
  const account = await accounts.find(user);
  if (account === undefined) throw noSuchUser(user);
  if (flags.json) return void printJson(jsonFields(account), 2);
  const { plan, state, created } = formatFields(account, settings);
  print(`user     ${user}\nplan     ${plan}\nstate    ${state}\ncreated  ${created}`);
}

async function setPlan({ accounts, operands: [user = "", plan = ""] }: Task): Promise<void> {
  await change(accounts, user, { plan });
  print(`${user} now has the plan ${plan}.`);
}

async function setPassword(task: Task): Promise<void> {
  const { accounts, revocations, settings, flags } = task;
  const [user = ""] = task.operands;
  if ((await accounts.find(user)) === undefined) throw noSuchUser(user);
  // An account with its own password is no longer a demo account, and may sign in on a public address.
  await change(accounts, user, { passwordHash: await newPasswordHash(settings, flags), demo: false });
  // Sign out all clients that signed in with the old password.
  await revocations.revokeUser(user, systemClock().now());
  print(`Changed the password of ${user}, and signed out all its sessions.`);
}

async function setDisabled({ accounts, operands: [user = ""] }: Task, disabled: boolean): Promise<void> {
  await change(accounts, user, { disabled });
  print(`${disabled ? "Disabled" : "Enabled"} ${user}.`);
}

async function remove({ accounts, revocations, settings, operands: [user = ""] }: Task): Promise<void> {
  const now = systemClock().now();
  const left = await withMembers(settings, (members) =>
    removeAccount({ accounts, revocations, members }, user, OPERATOR, now),
  );
  if (left.outcome === "missing") throw noSuchUser(user);
  if (left.outcome === "contended")
    throw new CliError(
      `${user} is disabled and not removed yet: the members of ${left.conversation} are being changed by others. Run the command again.`,
    );
  print(
    `Removed ${user}${left.conversations === 0 ? "" : `, who has left ${conversationCount(left.conversations)}`}.`,
  );
}

function conversationCount(count: number): string {
  return count === 1 ? "1 conversation" : `${count} conversations`;
}

async function change(accounts: AccountStore, user: string, changes: AccountChange): Promise<void> {
  if ((await accounts.update(user, changes)) === undefined) throw noSuchUser(user);
}

async function newPasswordHash(settings: Settings, { passwordStdin = false }: UserFlags): Promise<string> {
  const password = await readPassword(passwordStdin);
  const verdict = checkNewPassword(password);
  if (!verdict.ok) throw new CliError(verdict.reason);
  const hashing = await createPasswords({ cost: settings.bcryptCost, queue: 1 }).hash(password);
  if (hashing.outcome === "busy") throw new Error("A queue for one password was full.");
  return hashing.hash;
}

function requirePlan({ plans: { plans } }: Settings, name: string): void {
  if (plans.has(name)) return;
  throw new UsageError(
    `There is no plan ${JSON.stringify(name)}; PLANS has ${[...plans.keys()].join(", ")}.`,
  );
}

function noSuchUser(user: string): CliError {
  return new CliError(`There is no user ${JSON.stringify(user)}; \`parley user list\` lists all.`);
}

/** Returns the fields of an account for scripts, without the password hash. */
function jsonFields({ user, plan, disabled, demo, createdAt }: Account): object {
  return { user, plan, disabled, demo, created_at: new Date(createdAt).toISOString() };
}

function formatFields({ plan, disabled, demo, createdAt }: Account, { plans }: Settings) {
  return {
    plan: plans.plans.has(plan)
      ? plan
      : `${escapeControlChars(plan)} (not in PLANS, treated as ${plans.fallback.name})`,
    state: `${disabled ? "disabled" : "enabled"}${demo ? ", demo" : ""}`,
    created: new Date(createdAt).toISOString(),
  };
}
