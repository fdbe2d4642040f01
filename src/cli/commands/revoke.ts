import { Command } from "commander";
import { NEVER } from "../../core/ports/revocations.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { readTokenId, type TokenToRevoke } from "../../server/authentication/token-id.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withStore } from "../store/open.ts";
import { print } from "../terminal/print.ts";

interface RevokeFlags {
  readonly user?: string;
  readonly token?: string;
}

/** `parley revoke`: signs out a user, or revokes one token. A running server closes the sockets within a second. */
export function revokeCommand(): Command {
  const command = new Command("revoke").description("sign out a user everywhere, or revoke one token");
  return addStoreFlags(command)
    .option("--user <user>", "revoke all tokens issued to this user until now")
    .option("--token <token>", "revoke this token; its `jti` is enough")
    .action(revoke);
}

async function revoke(flags: RevokeFlags): Promise<void> {
  const { user, token } = flags;
  const settings = loadStoreSettings(flags);
  if ((user === undefined) === (token === undefined))
    throw new UsageError("Give either --user <user> or --token <token>.");
  if (user !== undefined) {
    if (!isIdentifier(user))
      throw new UsageError(`${JSON.stringify(user)} is not a valid user name: use ${IDENTIFIER_RULE}.`);
    await withStore(settings, ({ revocations }) => revocations.revokeUser(user, systemClock().now()));
    print(`Signed out ${user}: all tokens issued until now are revoked.`);
    return printStorePath(settings);
  }
  const { id, expiresAt } = readToken(token!);
  await withStore(settings, ({ revocations }) => revocations.revokeToken(id, expiresAt));
  print("Revoked the token.");
  printStorePath(settings);
}

/** Returns the `jti` and the expiry of a token. Any other text is taken as a `jti`. */
function readToken(text: string): TokenToRevoke {
  if (text.split(".").length !== 3) return { id: text, expiresAt: NEVER };
  const read = readTokenId(text);
  if (read !== undefined) return read;
  throw new UsageError("This token has no readable `jti`. Give the whole token, or only its `jti`.");
}
