import { Command } from "commander";
import { decodeJwt } from "jose";
import { NEVER } from "../../core/ports/revocations.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { CliError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withStore } from "../store/open.ts";
import { print } from "../terminal/print.ts";

interface RevokeFlags {
  readonly user?: string;
  readonly token?: string;
}

/** `parley revoke`: signs out a user or one token. A server that runs on the data closes the sockets within a second. */
export function revokeCommand(): Command {
  const command = new Command("revoke").description("sign out a user everywhere, or one token");
  return addStoreFlags(command)
    .option("--user <user>", "refuse all tokens that were issued to this user until now")
    .option("--token <token>", "refuse this token; its `jti` will do")
    .action(revoke);
}

async function revoke(flags: RevokeFlags): Promise<void> {
  const { user, token } = flags;
  const settings = loadStoreSettings(flags);
  if ((user === undefined) === (token === undefined))
    throw new CliError("Say what to revoke: --user <user> or --token <token>, one of them.");
  if (user !== undefined) {
    if (!isIdentifier(user))
      throw new CliError(`${JSON.stringify(user)} cannot be a user: use ${IDENTIFIER_RULE}.`);
    await withStore(settings, (_, revocations) => revocations.revokeUser(user, systemClock().now()));
    print(`Signed out ${user}: tokens issued until now are refused.`);
    return printStorePath(settings);
  }
  const { id, expiresAt } = readToken(token!);
  await withStore(settings, (_, revocations) => revocations.revokeToken(id, expiresAt));
  print("Signed out the token.");
  printStorePath(settings);
}

/** The `jti` and end of a token; anything that is no token is taken for a `jti`. Its signature need not be good: to revoke is safe. */
function readToken(text: string): { id: string; expiresAt: number } {
  if (text.split(".").length !== 3) return { id: text, expiresAt: NEVER };
  try {
    const { jti, exp } = decodeJwt(text);
    if (jti !== undefined) return { id: jti, expiresAt: exp === undefined ? NEVER : exp * 1000 };
  } catch {}
  throw new CliError("This is not a token with a `jti`; give the whole token, or its `jti` alone.");
}
