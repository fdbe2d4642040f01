import { CliError, Interrupted, UsageError } from "../cli-error.ts";
import { write } from "./print.ts";

/** Reads a new password, from a pipe (`fromStdin`) or from a prompt without echo, which asks twice. */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return readSecret();
  if (!process.stdin.isTTY)
    throw new UsageError(
      "There is no terminal to ask for the password: pipe it in and add --password-stdin.",
    );
  const password = await askHidden("Password: ");
  if ((await askHidden("Repeat the password: ")) !== password)
    throw new CliError("The two passwords differ; nothing was changed.");
  return password;
}

/** Reads a password or token from a pipe. A line end at the end is removed (it comes from `echo`); blanks are kept. */
export async function readSecret(): Promise<string> {
  return (await Bun.stdin.text()).replace(/\r?\n$/, "");
}

const INTERRUPT = "\u0003";
const END = "\u0004";
const ERASE = ["\b", "\u007f"];

/** Reads one line from the terminal without echo. In raw mode the terminal sends Ctrl+C as a character. */
export function askHidden(question: string): Promise<string> {
  const { stdin } = process;
  // Before the prompt is shown: keys that are pressed before raw mode is on would be echoed.
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
