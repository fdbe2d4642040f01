// Runs the copied commands as a user would paste them: in a shell, with parley, in a JavaScript runtime.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { copyAs, singleFrameRecording } from "../../../src/scenario/format/copy-as.ts";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import type { Recording } from "../../../src/scenario/format/recording.ts";
import { ParleyFolder } from "../../cli/parley-folder.ts";

const CONNECT = join(import.meta.dir, "../../../src/client/index.ts");

function recordingFor(url: string): Recording {
  const lines = [
    `{"parley":"recording","version":1,"server":"${url}","clients":[{"name":"ann","user":"user1","conversation":"lobby"},{"name":"class","user":"user2","conversation":"lobby"}]}`,
    '{"client":"ann","dir":"line","event":"open"}',
    '{"client":"class","dir":"line","event":"open"}',
    `{"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"it's $HOME \\"here\\"","data":{"a":1}}}`,
    '{"client":"class","dir":"out","frame":{"type":"typing","active":true}}',
    '{"client":"class","dir":"out","frame":{"type":"message","id":"m2","text":"two"}}',
    '{"client":"class","dir":"out","raw":"{\\nbroken"}',
    '{"client":"ann","dir":"out","frame":{"type":"read","seq":1}}',
    '{"client":"ann","dir":"out","frame":{"type":"history","limit":10,"id":"h"}}',
    '{"client":"ann","dir":"line","event":"close","code":1000}',
  ];
  return parseRecording(lines.join("\n")).recording!;
}

/** The messages in lobby, as the server returns them. */
async function stored(url: string): Promise<object[]> {
  const body = new URLSearchParams({ username: "user3", password: "password" });
  const signedIn = await fetch(`${url}/token`, { method: "POST", body });
  const { access_token: token } = (await signedIn.json()) as { access_token: string };
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/conversations/lobby/messages`, { headers });
  return ((await answer.json()) as { messages: object[] }).messages;
}

const BOTH = [
  { from: "user1", id: "m1", text: `it's $HOME "here"`, data: { a: 1 } },
  { from: "user2", id: "m2", text: "two" },
];

describe("a recording", () => {
  test("as curl: a shell posts the same over HTTP, asks for tickets, and reads", async () => {
    await using folder = new ParleyFolder();
    const { url } = await folder.serve();
    const text = copyAs("curl", recordingFor(url));
    expect(text).toContain(`# user2 sends {"type":"typing","active":true}: this needs a socket`);
    const shell = Bun.spawn(["sh", "-eu"], { stdin: new Blob([text]), stdout: "pipe", stderr: "pipe" });
    const out = await new Response(shell.stdout).text();
    expect([await shell.exited, await new Response(shell.stderr).text()]).toEqual([0, ""]);
    expect(out.match(/"ticket":/g)).toHaveLength(2);
    expect(out).toContain('"messages":[{"seq":1,');
    expect(await stored(url)).toMatchObject(BOTH);
  });

  test("as a program with the client library", async () => {
    await using folder = new ParleyFolder();
    const { url } = await folder.serve();
    const text = copyAs("library", recordingFor(url));
    expect(text).toContain('client2_class.conversation("lobby").typing(true);');
    folder.write("talk.ts", text.replace("parley/client", CONNECT));
    const tokens = await Promise.all(["user1", "user2"].map((user) => folder.run(["token", user])));
    const program = Bun.spawn([process.execPath, "--no-env-file", join(folder.path, "talk.ts")], {
      env: { ...process.env, TOKEN_USER1: tokens[0]!.stdout.trim(), TOKEN_USER2: tokens[1]!.stdout.trim() },
      stderr: "pipe",
    });
    expect([await program.exited, await new Response(program.stderr).text()]).toEqual([0, ""]);
    expect(await stored(url)).toMatchObject(BOTH);
  });

  test("as parley: the file itself on standard input, which a shell passes unchanged", async () => {
    await using folder = new ParleyFolder();
    const { url } = await folder.serve();
    const [command, ...file] = copyAs("parley", recordingFor(url)).split("\n");
    expect(command).toBe(`parley run - --url ${url} <<'END'`);
    expect(file.slice(-2)).toEqual(["END", ""]);
    const stdin = file.slice(0, -2).join("\n");
    // Nothing is expected in it: the received frames show what was sent.
    const ended = await folder.run(["run", "-", "--url", url, "--json"], { stdin });
    const { results } = JSON.parse(ended.stdout).files[0];
    expect(results.map(({ what }: { what: string }) => what)).toContain('error "malformed"');
  });
});

describe("a single frame that a client sent", () => {
  const only = (url: string, index: number) => {
    const recording = recordingFor(url);
    return singleFrameRecording(recording, recording.entries[index]!);
  };

  test("as parley: a message without data is a line of chat, the rest a scenario", () => {
    const url = "http://127.0.0.1:8000";
    expect(copyAs("parley", only(url, 4))).toBe(
      "parley chat lobby --url http://127.0.0.1:8000 --user user2 -x two\n",
    );
    expect(copyAs("parley", only(url, 2))).toStartWith("parley run - --url http://127.0.0.1:8000 <<'END'\n");
  });

  test("as curl and as code there is only that one", () => {
    expect(copyAs("curl", only("http://127.0.0.1:8000", 7))).toEndWith(
      `curl -s 'http://127.0.0.1:8000/conversations/lobby/messages?limit=10' -H "Authorization: Bearer $TOKEN_USER1"\n`,
    );
    expect(copyAs("library", only("http://127.0.0.1:8000", 3))).toBe(
      [
        'import { connect } from "parley/client";',
        "",
        'const url = "http://127.0.0.1:8000";',
        'const client1_class = connect({ url, user: "user2", token: () => process.env.TOKEN_USER2 });',
        "",
        'client1_class.conversation("lobby").on("message", () => {});',
        'client1_class.conversation("lobby").typing(true);',
        "await client1_class.close();",
        "",
      ].join("\n"),
    );
  });
});
