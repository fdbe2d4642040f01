// The Tab key, in real shells at a pseudo-terminal. What a line was completed to is seen when it is run.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { MAIN, ParleyFolder } from "../parley-folder.ts";

/** How each shell is started without settings of its own, and made to complete. */
const SHELLS = {
  bash: { command: ["bash", "--norc", "--noprofile", "-i"], load: "source <(parley completion bash)" },
  zsh: {
    command: ["zsh", "-f", "-i"],
    load: "autoload -U compinit; compinit -u -D; source <(parley completion zsh)",
  },
  fish: { command: ["fish", "--no-config", "-i"], load: "parley completion fish | source" },
} as const;

const TAB = "\t";

let folder: ParleyFolder;
beforeAll(async () => {
  folder = new ParleyFolder();
  for (const name of ["staging", "prod"])
    await folder.run(["context", "add", name, "--url", `https://${name}.example.com`]);
  folder.write("a recording.jsonl", "");
  // Whatever was completed is shown in the place of being done.
  const parley = `exec ${process.execPath} --no-env-file ${MAIN} "$@"`;
  const shown = `for word; do printf '<%s>' "$word"; done; echo .`;
  folder.write(
    "parley",
    `#!/bin/sh\ncase "$1 $2" in completion*|"context list") ${parley};; *) ${shown};; esac\n`,
  );
  chmodSync(join(folder.path, "parley"), 0o755);
});
afterAll(() => folder[Symbol.asyncDispose]());

/** A shell at a pseudo-terminal, which completes parley's words. */
async function openShell(name: keyof typeof SHELLS) {
  const { command, load } = SHELLS[name];
  const written: Uint8Array[] = [];
  const shell = Bun.spawn([...command], {
    cwd: folder.path,
    env: {
      PATH: `${folder.path}:${process.env.PATH}`,
      HOME: folder.path,
      TERM: "dumb",
      LANG: "C.UTF-8",
    },
    terminal: { cols: 200, rows: 40, data: (_, bytes) => written.push(bytes) },
  });
  const shows = (text: string) => {
    const screen = () => Buffer.concat(written).toString();
    return waitUntil(`${name} shows ${text}`, () => screen().includes(text)).catch(() => {
      throw new Error(`${name} does not show ${text}: ${screen()}`);
    });
  };
  shell.terminal!.write(`${load}; echo load"ed"\r`);
  await shows("\nloaded");
  return {
    shows,
    type: (keys: string) => shell.terminal!.write(keys),
    async [Symbol.asyncDispose]() {
      shell.kill("SIGKILL");
      await shell.exited;
    },
  };
}

for (const name of ["bash", "zsh", "fish"] as const)
  describe.skipIf(Bun.which(name) === null)(name, () => {
    test("completes commands, flags and values at the Tab key", async () => {
      await using shell = await openShell(name);
      for (const [typed, completed] of [
        [`doc${TAB}--form${TAB}na${TAB}--no-t${TAB}`, ["doctor", "--format", "nagios", "--no-talk"]],
        [`user set-pl${TAB}ann pre${TAB}`, ["user", "set-plan", "ann", "premium"]],
        [`--port 9000 user set-pl${TAB}`, ["--port", "9000", "user", "set-plan"]],
        [`error token_e${TAB}`, ["error", "token_expired"]],
        [`exam${TAB}echo${TAB}`, ["examples", "echo-bot.mjs"]],
        [`serve --log-l${TAB}de${TAB}`, ["serve", "--log-level", "debug"]],
      ] as const) {
        shell.type(`parley ${typed}\r`);
        await shell.shows(`${completed.map((word) => `<${word}>`).join("")}.`);
      }
    });

    // What is completed is printed by the program, for all shells.
    const testOfNames = name === "bash" ? test : longTest;
    testOfNames("completes the names of contexts, as they are when the key is pressed", async () => {
      await using shell = await openShell(name);
      shell.type(`parley chat --context sta${TAB}--js${TAB}\r`);
      await shell.shows("<chat><--context><staging><--json>.");
      shell.type(`parley context sel${TAB}pr${TAB}\r`);
      await shell.shows("<context><select><prod>.");
    });

    testOfNames("completes files, with blanks in their names, one after the other", async () => {
      await using shell = await openShell(name);
      shell.type(`parley run a${TAB}--junit out.xml a${TAB}\r`);
      await shell.shows("<run><a recording.jsonl><--junit><out.xml><a recording.jsonl>.");
    });
  });

test("each shell is one that there is a script for", async () => {
  const { stdout } = await folder.run(["completion", "--help"]);
  for (const name of Object.keys(SHELLS)) expect(stdout).toContain(`"${name}"`);
});
