// An action as a command or a program. No token is in it: it comes from the environment. Loaded when it is first shown.
import type { Action } from "./action.ts";

export interface ActionCode {
  readonly name: "curl" | "Library" | "Python";
  readonly text: string;
}

/** Returns the action as a command for curl, and as programs in JavaScript and Python. `server` is its URL. */
export function codeOf(action: Action, server: string): readonly ActionCode[] {
  return [
    { name: "curl", text: curlOf(action, server) },
    { name: "Library", text: libraryOf(action, server) },
    { name: "Python", text: pythonOf(action, server) },
  ];
}

function curlOf({ method, path, body, streamed }: Action, server: string): string {
  const url = server + path;
  if (streamed === undefined) return `${request(method, quote(url), body && quote(JSON.stringify(body)))}\n`;
  const append = quote(JSON.stringify(appendOf(streamed, GENERATION)));
  return [
    `ANSWER=$(${request(method, quote(url), quote(JSON.stringify(body)))})`,
    `STREAM=$(expr "$ANSWER" : '.*"stream":"\\([^"]*\\)"')`,
    `GENERATION=$(expr "$ANSWER" : '.*"generation":\\([0-9]*\\)')`,
    request(method, `${quote(url)}/"$STREAM"`, append.replace(JSON.stringify(GENERATION), `'"$GENERATION"'`)),
    "",
  ].join("\n");
}

function request(method: string, url: string, body: string | undefined): string {
  const parts = [
    `curl ${method === "POST" ? "" : `-X ${method} `}${url}`,
    '-H "Authorization: Bearer $TOKEN"',
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d ${body}`]),
  ];
  return parts.join(" \\\n  ");
}

/** Stands for the generation of the stream, which the answer to the first request names. */
const GENERATION = "generation of the answer";

/** The request that writes all of a stream, and ends it. */
function appendOf(text: string, generation: string): object {
  return { generation, appends: [{ n: 1, text }], end: {} };
}

function libraryOf({ library }: Action, server: string): string {
  const names = ["startStream", "watchMembers"].filter((name) => library.includes(`${name}(`));
  return [
    `import { ${["connect", ...names].join(", ")} } from "parley-client";`,
    "",
    `const parley = connect({ url: ${JSON.stringify(server)}, token: process.env.TOKEN });`,
    library,
    "await parley.close();",
    "",
  ].join("\n");
}

function pythonOf({ method, path, body, streamed }: Action, server: string): string {
  if (streamed !== undefined) return pythonStreamOf(server + path, body, streamed);
  const data = body === undefined ? "" : `, data=json.dumps(${python(body)}).encode()`;
  return [
    "import json, os",
    "from urllib.request import Request, urlopen",
    "",
    `request = Request(${JSON.stringify(server + path)}, method=${JSON.stringify(method)}${data})`,
    'request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])',
    ...(body === undefined ? [] : ['request.add_header("Content-Type", "application/json")']),
    "with urlopen(request) as answer:",
    "    print(answer.status, answer.read().decode())",
    "",
  ].join("\n");
}

function pythonStreamOf(url: string, body: Action["body"], text: string): string {
  const append = python(appendOf(text, GENERATION));
  return [
    "import json, os",
    "from urllib.request import Request, urlopen",
    "",
    "def post(url, body):",
    "    request = Request(url, data=json.dumps(body).encode())",
    '    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])',
    '    request.add_header("Content-Type", "application/json")',
    "    with urlopen(request) as answer:",
    "        return json.load(answer)",
    "",
    `url = ${JSON.stringify(url)}`,
    `started = post(url, ${python(body)})`,
    `print(post(url + "/" + started["stream"], ${append.replace(JSON.stringify(GENERATION), 'started["generation"]')}))`,
    "",
  ].join("\n");
}

/** Returns a value as a literal of Python. Strings of JSON are strings of Python, except for surrogates, which stay pairs. */
function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, field]) => `${JSON.stringify(name)}: ${python(field)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

/** Quotes a word for a shell, so that nothing in it is expanded. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
