import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { closestName } from "../../server/settings/closest-name.ts";
import { CliError } from "../cli-error.ts";
import { printJson, write } from "../terminal/print.ts";

/** The programs that are kept in the repository, each run by a test. */
export const EXAMPLES_FOLDER = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** A program to begin with. */
export interface Example {
  /** Its file's name: `talk.sh`. */
  readonly name: string;
  /** What it shows, in one line. */
  readonly about: string;
  readonly text: string;
}

/** All examples, by name. None where the folder was left out, as in a small image. */
export function readExamples(): Example[] {
  if (!existsSync(EXAMPLES_FOLDER)) return [];
  return readdirSync(EXAMPLES_FOLDER)
    .sort()
    .map((name) => {
      const text = readFileSync(join(EXAMPLES_FOLDER, name), "utf8");
      return { name, about: descriptionOf(text), text };
    });
}

/** The first comment of a program, after the line that names its interpreter; of a scenario the note in its header. */
function descriptionOf(text: string): string {
  if (text.startsWith("{")) return String(JSON.parse(text.split("\n")[0]!).note ?? "");
  return /^(?:#!.*\n)?(?:#|\/\/|<!--) ?(.*)/.exec(text)?.[1] ?? "";
}

const NOTE = `
  parley examples
  parley examples talk.sh > talk.sh`;

/** `parley examples [name]`: lists the examples, or prints one. */
export function examplesCommand(): Command {
  return new Command("examples")
    .argument("[example]", "the example to print")
    .description("list programs to begin with, or print one")
    .option("--json", "answer as JSON, for scripts")
    .addHelpText("after", NOTE)
    .action((name: string | undefined, { json }: { json?: boolean }) => {
      const examples = readExamples();
      const example = name === undefined ? undefined : findExample(name, examples);
      if (json) return void printJson(example ?? examples, 2);
      write(process.stdout, example?.text ?? formatList(examples));
    });
}

/** The example called `name`; its ending may be left out. */
function findExample(name: string, examples: readonly Example[]): Example {
  const example = examples.find((each) => each.name === name || parse(each.name).name === name);
  if (example !== undefined) return example;
  const closest = closestName(
    name,
    examples.map((each) => each.name),
  );
  const advice = closest === undefined ? "" : ` Did you mean ${closest}?`;
  throw new CliError(`There is no example ${JSON.stringify(name)}.${advice} \`parley examples\` lists all.`);
}

function formatList(examples: readonly Example[]): string {
  if (examples.length === 0) return "The examples are not installed here.\n";
  const width = Math.max(...examples.map(({ name }) => name.length));
  const lines = examples.map(({ name, about }) => `${name.padEnd(width)}  ${about}\n`);
  return `${lines.join("")}\nparley examples <name> prints one.\n`;
}
