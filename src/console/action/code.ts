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

function curlOf({ method, path, body }: Action, server: string): string {
  const parts = [
    `curl ${method === "POST" ? "" : `-X ${method} `}${quote(server + path)}`,
    '-H "Authorization: Bearer $TOKEN"',
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`]),
  ];
  return `${parts.join(" \\\n  ")}\n`;
}

function libraryOf({ library }: Action, server: string): string {
  const names = library.includes("watchMembers(") ? "connect, watchMembers" : "connect";
  return [
    `import { ${names} } from "parley-client";`,
    "",
    `const parley = connect({ url: ${JSON.stringify(server)}, token: process.env.TOKEN });`,
    library,
    "await parley.close();",
    "",
  ].join("\n");
}

function pythonOf({ method, path, body }: Action, server: string): string {
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
