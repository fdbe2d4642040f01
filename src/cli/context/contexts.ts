import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CliError } from "../cli-error.ts";

/** One server as somebody speaks to it. A token may be kept, a password never is. */
export interface Context {
  readonly url: string;
  readonly user?: string | undefined;
  readonly conversation?: string | undefined;
  readonly token?: string | undefined;
}

/** What the file holds. */
export interface Contexts {
  /** The name of the one that counts where none is named. */
  readonly selected?: string | undefined;
  readonly all: ReadonlyMap<string, Context>;
}

const File = z.object({
  selected: z.string().optional(),
  contexts: z.record(
    z.string(),
    z.object({
      url: z.string(),
      user: z.string().optional(),
      conversation: z.string().optional(),
      token: z.string().optional(),
    }),
  ),
});

/** Says whether `name` can name a context: letters and digits, and inside `.`, `_` and `-`. */
export function isContextName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

/** Where the contexts lie: `$XDG_CONFIG_HOME/parley/contexts.json`, or below `~/.config`. */
export function contextsPath(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "parley", "contexts.json");
}

/** Reads the file; there are none where it is missing. Throws a `CliError` when others can read it, or it is broken. */
export function readContexts(path: string): Contexts {
  const text = readPrivateFile(path);
  if (text === undefined) return { all: new Map() };
  const read = File.safeParse(parseJson(text));
  if (!read.success)
    throw new CliError(
      `The file ${JSON.stringify(path)} is not one of contexts. Correct it, or remove it and add them again.`,
    );
  const { selected, contexts } = read.data;
  return { selected, all: new Map(Object.entries(contexts)) };
}

/** Writes the file in the place of the old one, for its owner only. */
export function writeContexts(path: string, { selected, all }: Contexts): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify({ selected, contexts: Object.fromEntries(all) }, null, 2)}\n`, {
    mode: 0o600,
  });
  // `mode` is for new files only, and one of a crashed run may lie there.
  chmodSync(next, 0o600);
  renameSync(next, path);
}

/** The context called `name`. Throws a `CliError` that names those there are. */
export function requireContext({ all }: Contexts, name: string): Context {
  const context = all.get(name);
  if (context !== undefined) return context;
  const names = all.size === 0 ? "there are none yet" : `there are ${[...all.keys()].join(", ")}`;
  throw new CliError(`There is no context ${JSON.stringify(name)}: ${names}; see \`parley context add\`.`);
}

function readPrivateFile(path: string): string | undefined {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      throw new CliError(
        `The file ${JSON.stringify(path)} can be read or changed by others, and may hold tokens: chmod 600 it, and revoke tokens that somebody may have seen.`,
      );
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new CliError(`The file ${JSON.stringify(path)} cannot be read (${code ?? message}).`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
