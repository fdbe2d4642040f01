import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CliError } from "../cli-error.ts";

/** A server with the user and conversation to use there. It may contain a token, never a password. */
export interface Context {
  readonly url: string;
  readonly user?: string | undefined;
  readonly conversation?: string | undefined;
  readonly token?: string | undefined;
}

/** The content of the file. */
export interface Contexts {
  /** The name of the context to use by default. */
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

/** Whether `name` is a valid context name: letters, digits, `.`, `_` and `-`, with a letter or digit first. */
export function isContextName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

/** Returns the path of the file: `$XDG_CONFIG_HOME/parley/contexts.json`, or below `~/.config`. */
export function contextsPath(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "parley", "contexts.json");
}

/** Reads the file; a missing file has no contexts. Throws a `CliError` if other users can read it, or if it is invalid. */
export function readContexts(path: string): Contexts {
  const text = readPrivateFile(path);
  if (text === undefined) return { all: new Map() };
  const read = File.safeParse(parseJson(text));
  if (!read.success)
    throw new CliError(
      `The file ${JSON.stringify(path)} is not a valid contexts file. Correct it, or remove it and add the contexts again.`,
    );
  const { selected, contexts } = read.data;
  return { selected, all: new Map(Object.entries(contexts)) };
}

/** Replaces the file, readable for its owner only. */
export function writeContexts(path: string, { selected, all }: Contexts): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify({ selected, contexts: Object.fromEntries(all) }, null, 2)}\n`, {
    mode: 0o600,
  });
  // `mode` only applies to new files, and a crashed run may have left this file.
  chmodSync(next, 0o600);
  renameSync(next, path);
}

/** Returns the context called `name`. Throws a `CliError` that lists the existing ones. */
export function requireContext({ all }: Contexts, name: string): Context {
  const context = all.get(name);
  if (context !== undefined) return context;
  const names = all.size === 0 ? "no contexts exist yet" : `the contexts are ${[...all.keys()].join(", ")}`;
  throw new CliError(
    `There is no context ${JSON.stringify(name)}: ${names}. Add one with \`parley context add\`.`,
  );
}

function readPrivateFile(path: string): string | undefined {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      throw new CliError(
        `Other users can read or change the file ${JSON.stringify(path)}, which may contain tokens: run chmod 600 on it, and revoke tokens that may have been seen.`,
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
