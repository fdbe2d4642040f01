import { parse } from "node:path";
import { Command } from "commander";
import { closestName } from "../../server/settings/closest-name.ts";
import { UsageError } from "../cli-error.ts";
import { printJson, write } from "../terminal/print.ts";
import { readExampleFiles } from "./example-files.ts";

/** An example program. */
export interface Example {
  /** The path below the folder of examples, such as `talk.sh`. */
  readonly name: string;
  /** A description in one line. */
  readonly about: string;
  readonly text: string;
}

/** Returns all examples by name; none if the folder is not installed, as in a small image. */
export function readExamples(): Example[] {
  return readExampleFiles().map(({ name, text }) => ({ name, about: descriptionOf(text), text }));
}

/** Returns the first comment line of a program, or the note in the header of a scenario. */
function descriptionOf(text: string): string {
  if (text.startsWith("{")) return String(JSON.parse(text.split("\n")[0]!).note ?? "");
  return /^(?:#!.*\n)?(?:#|\/\/|<!--) ?(.*)/.exec(text)?.[1] ?? "";
}

const NOTE = `
  parley examples
  parley examples talk.sh > talk.sh`;

/** `parley examples [name]`: lists all examples, or prints one. */
export function examplesCommand(): Command {
  return new Command("examples")
    .argument("[example]", "the example to print")
    .description("list example programs, or print one")
    .option("--json", "print JSON, for scripts")
    .addHelpText("after", NOTE)
    .action((name: string | undefined, { json }: { json?: boolean }) => {
      const examples = readExamples();
      const example = name === undefined ? undefined : findExample(name, examples);
      if (json) return void printJson(example ?? examples, 2);
      write(process.stdout, example?.text ?? formatList(examples));
    });
}

/** Returns the example called `name`; its folder and the extension may be omitted. */
function findExample(name: string, examples: readonly Example[]): Example {
  const example = examples.find((each) => {
    const { base, name: stem } = parse(each.name);
    return [each.name, base, stem].includes(name);
  });
  if (example !== undefined) return example;
  const closest = closestName(
    name,
    examples.map((each) => each.name),
  );
  const advice = closest === undefined ? "" : ` Did you mean ${closest}?`;
  throw new UsageError(
    `There is no example ${JSON.stringify(name)}.${advice} \`parley examples\` lists all.`,
  );
}

function formatList(examples: readonly Example[]): string {
  if (examples.length === 0) return "The examples are not installed here.\n";
  const width = Math.max(...examples.map(({ name }) => name.length));
  const lines = examples.map(({ name, about }) => `${name.padEnd(width)}  ${about}\n`);
  return `${lines.join("")}\nTo print one: parley examples <name>\n`;
}
