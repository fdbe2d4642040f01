import { CliError, Interrupted } from "../cli-error.ts";
import { write } from "./print.ts";

/** A password for a person's account, from a pipe (`fromStdin`) or asked for twice on the terminal, unseen. */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return readSecret();
  if (!process.stdin.isTTY)
    throw new CliError(
      "There is no terminal to ask for the password on: pipe it in and add --password-stdin.",
    );
  const password = await askHidden("Password: ");
  if ((await askHidden("Once more: ")) !== password)
    throw new CliError("The two passwords differ; nothing was changed.");
  return password;
}

/** A password or token from a pipe. One line end belongs to `echo`, not to the secret; blanks belong to it. */
export async function readSecret(): Promise<string> {
  return (await Bun.stdin.text()).replace(/\r?\n$/, "");
}

const INTERRUPT = "\u0003";
const END = "\u0004";
const ERASE = ["\b", "\u007f"];

/** Asks one line on the terminal without showing it. In raw mode the terminal echoes nothing, and sends Ctrl+C as a character. */
export function askHidden(question: string): Promise<string> {
  const { stdin } = process;
  // Before the question: who answers faster than that would be shown what is typed.
  stdin.setRawMode(true);
  write(process.stderr, question);
  stdin.setEncoding("utf8");
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (settle: () => void) => {
      stdin.off("data", read);
      stdin.setRawMode(false);
      stdin.pause();
      write(process.stderr, "\n");
      settle();
    };
    const read = (chunk: string | Buffer) => {
      for (const character of chunk.toString()) {
        if (character === INTERRUPT)
          return finish(() => reject(new Interrupted("Interrupted; nothing was changed.")));
        if (character === "\r" || character === "\n" || character === END)
          return finish(() => resolve(typed.join("")));
        if (ERASE.includes(character)) typed = typed.slice(0, -1);
        else typed.push(character);
      }
    };
    stdin.on("data", read);
  });
}
