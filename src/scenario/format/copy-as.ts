// Formats a client's actions for the clipboard: as curl commands (if an HTTP request does the same), as parley commands, or
// as a program with the client library. It contains no token: tokens come from the environment.
import {
  type Frame,
  isClientClose,
  type RecordedClient,
  type Recording,
  type RecordingEntry,
} from "./recording.ts";
import { withoutTokens, writeRecording } from "./serialize.ts";

export type CopyKind = "curl" | "parley" | "library";

/** Formats a recording, or a part of one. Actions that the format cannot express become comments. */
export function copyAs(kind: CopyKind, recording: Recording): string {
  switch (kind) {
    case "curl":
      return withoutTokens(curl(recording));
    case "parley":
      return parley(recording);
    case "library":
      return withoutTokens(library(recording));
    default:
      return kind satisfies never;
  }
}

/** Returns a recording of a single action of a client, preceded by the opening of its connection. */
export function singleFrameRecording(recording: Recording, entry: RecordingEntry): Recording {
  const clients = recording.clients.filter(({ name }) => name === entry.client);
  const { line: _, note: __, ...bare } = entry;
  const open: RecordingEntry = { t: 0, client: entry.client, dir: "line", event: "open" };
  const isOpening = entry.dir === "line" && entry.event === "open";
  const entries = isOpening ? [open] : [open, { ...bare, t: 0 } as RecordingEntry];
  return { ...recording, kind: "scenario", unexpected: "pass", clients, entries };
}

function curl({ clients, entries, server }: Recording): string {
  const begin = clients.map(({ user }) => {
    const token = variable(user);
    return [
      `# ${user} signs in, as a demo account unless PASSWORD is set`,
      `${token}=$(curl -s ${quote(`${server}/token`)} -d username=${quote(user)} -d "password=\${PASSWORD:-password}" \\`,
      `  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
    ].join("\n");
  });
  // A single action over HTTP needs no socket.
  const [first, second, ...more] = entries;
  const isOne = first?.dir === "line" && second !== undefined && more.length === 0;
  const done = isOne ? [second] : entries;
  return lines([
    ...new Set(begin),
    ...formatActions(clients, done, (entry, client) => curlOf(entry, client, server)),
  ]);
}

function curlOf(entry: RecordingEntry, { user, conversation }: RecordedClient, server: string): string {
  const request = (path: string, ...more: string[]) =>
    [`curl -s ${quote(`${server}${path}`)} -H "Authorization: Bearer $${variable(user)}"`, ...more].join(
      " \\\n  ",
    );
  const post = (path: string, body: object) =>
    request(path, `-H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`);
  const conversationPath = `/conversations/${encodeURIComponent(conversation)}`;
  if (entry.dir === "line")
    return entry.event === "open"
      ? `# A ticket for a socket at ${server.replace(/^http/, "ws")}/ws/${user}/${conversation}?ticket=…\n${post("/ticket", { conversation })}`
      : comment(user, "closes the socket");
  if (entry.dir === "fault") return post("/test/faults", { connection: "…", fault: entry.fault });
  const { frame } = entry;
  if (frame?.type === "message") return post(`${conversationPath}/messages`, without(frame, "type"));
  if (frame?.type === "history") {
    const query = new URLSearchParams(
      Object.entries(without(frame, "type", "id")).map(([name, value]) => [name, `${value}`]),
    );
    return request(`${conversationPath}/messages${query.size > 0 ? `?${query}` : ""}`);
  }
  return comment(user, `sends ${contentOf(entry)}: this needs a socket`);
}

function parley(recording: Recording): string {
  const { clients, entries, server } = recording;
  const sent = entries.flatMap((entry) => (entry.dir === "out" ? [entry.frame] : []));
  const [client] = clients;
  const hasTextsOnly =
    sent.length > 0 && sent.every((frame) => frame?.type === "message" && !("data" in frame));
  const isPlain = entries.every(
    (entry) => entry.dir === "out" || (entry.dir === "line" && entry.event === "open"),
  );
  if (client !== undefined && clients.length === 1 && hasTextsOnly && isPlain) {
    const texts = sent.map((frame) => ` -x ${quote(String(frame?.text))}`).join("");
    return `parley chat ${quote(client.conversation)} --url ${quote(server)} --user ${quote(client.user)}${texts}\n`;
  }
  const text = writeRecording(recording);
  return `parley run - --url ${quote(server)} <<'END'\n${text}END\n`;
}

function library({ clients, entries, server }: Recording): string {
  const names = new Map(clients.map(({ name }, index) => [name, identifier(name, index)]));
  const begin = clients.map(({ name, user }) => {
    const options = `{ url, user: ${js(user)}, token: () => process.env.${variable(user)} }`;
    return `const ${names.get(name)} = connect(${options});`;
  });
  const done = formatActions(clients, entries, (entry, { name, conversation }) =>
    libraryOf(entry, names.get(name)!, conversation),
  );
  const closings = [...names.values()].map((name) => `await ${name}.close();`);
  return lines([
    'import { connect } from "parley/client";',
    "",
    `const url = ${js(server)};`,
    ...begin,
    "",
    ...done,
    ...closings,
  ]);
}

/** `line` is the variable of the client's `connect()`. */
function libraryOf(entry: RecordingEntry, line: string, conversation: string): string {
  const name = `${line}.conversation(${js(conversation)})`;
  if (entry.dir === "line")
    return entry.event === "open"
      ? `${name}.on("message", () => {});`
      : `// ${line} closes the socket here; the library reconnects automatically`;
  if (entry.dir === "fault")
    return `// POST /test/faults for the connection of ${line}: ${JSON.stringify(entry.fault)}`;
  const { frame } = entry;
  if (frame === undefined) return `// ${line} sent ${contentOf(entry)}, which the library cannot send`;
  const { type, id, text, data, ...rest } = frame;
  switch (type) {
    case "message": {
      const more = { ...(id !== undefined && { id }), ...(data !== undefined && { data }) };
      return `await ${name}.send(${js(text ?? "")}${Object.keys(more).length > 0 ? `, ${js(more)}` : ""});`;
    }
    case "history":
      return `await ${name}.history(${js(rest)});`;
    case "typing":
      return `${name}.typing(${js(frame.active)});`;
    case "read":
      return `${name}.read(${js(frame.seq)});`;
    case "activity":
      return `${line}.activity();`;
    case "ping":
      return `await ${line}.ping();`;
    case "token":
      return "// the library renews its token automatically";
    default:
      return `// ${line} sent ${JSON.stringify(frame)}, which the library cannot send`;
  }
}

/** Formats all actions of clients, in order. */
function formatActions(
  clients: readonly RecordedClient[],
  entries: readonly RecordingEntry[],
  format: (entry: RecordingEntry, client: RecordedClient) => string,
): string[] {
  const parts = new Map(clients.map((client) => [client.name, client]));
  return entries.flatMap((entry) => {
    const client = parts.get(entry.client);
    const isDone = entry.dir === "line" ? entry.event === "open" || isClientClose(entry) : entry.dir !== "in";
    const text = client !== undefined && isDone ? format(entry, client) : "";
    return text === "" ? [] : [text];
  });
}

function contentOf(entry: RecordingEntry & { readonly dir: "out" | "in" }): string {
  if (entry.bytes !== undefined) return `${atob(entry.bytes).length} bytes`;
  return entry.raw === undefined ? JSON.stringify(entry.frame) : JSON.stringify(entry.raw);
}

function without(frame: Frame, ...names: string[]): Frame {
  return Object.fromEntries(Object.entries(frame).filter(([name]) => !names.includes(name)));
}

function comment(user: string, action: string): string {
  return `# ${user} ${action}`.replace(/\s+/g, " ");
}

/** Returns the name of the environment variable for a user's token, such as `TOKEN_ANN`. */
function variable(user: string): string {
  return `TOKEN_${user.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** Returns the name of a client's variable in a program, unique among the clients. */
function identifier(name: string, index: number): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[A-Za-z_]\w*$/.test(name) && !RESERVED.has(name) ? name : `client${index + 1}_${plain}`;
}

const RESERVED: ReadonlySet<string> = new Set(
  "await break case catch class const connect continue debugger default delete do else enum export extends false finally for function if import in instanceof let new null return static super switch this throw true try typeof url var void while with yield".split(
    " ",
  ),
);

/** Quotes a word for a shell, so that nothing in it is expanded. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns a value as a JavaScript literal. */
function js(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
