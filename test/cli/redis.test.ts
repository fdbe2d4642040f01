import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { TestClient } from "../support/clients/test-client.ts";
import { freePort } from "../support/free-port.ts";
import { longTest } from "../support/long-test.ts";
import { accepts, REDIS_SERVER, startRedis, type TestRedis } from "../support/redis/redis-server.ts";
import { SECRET } from "../support/server/test-server.ts";
import { TIMEOUT_MS, waitUntil } from "../support/time/wait-until.ts";
import { ParleyFolder, type Running } from "./parley-folder.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Settings of a node on the Redis of this file, whose keys are separated by `prefix`. */
const on = (prefix: string) => ({
  REDIS_HOST: "127.0.0.1",
  REDIS_PORT: `${redis.port}`,
  REDIS_PREFIX: prefix,
  SECRET_KEY: SECRET,
});

async function signIn({ url }: Running, username: string, password: string): Promise<Response> {
  return fetch(`${url}/token`, { method: "POST", body: new URLSearchParams({ username, password }) });
}

async function tokenFrom(server: Running, user: string, password: string): Promise<string> {
  const { access_token: token } = (await (await signIn(server, user, password)).json()) as {
    access_token: string;
  };
  return token;
}

const events = (server: Running) =>
  server
    .output()
    .stdout.trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).event as string);

describe("two nodes on one Redis", () => {
  test("print their engine, make the demo accounts once, accept each other's tokens, and are listed", async () => {
    await using folder = new ParleyFolder();
    const env = on("two");
    const [one, other] = await Promise.all([folder.serve([], env), folder.serve([], env)]);
    const block = new RegExp(`Engine +Redis at 127\\.0\\.0\\.1:${redis.port}; this is node (\\S+)\n`);
    const names = [one, other].map((server) => block.exec(server.output().stderr)?.[1] ?? "");
    expect(new Set(names).size).toBe(2);
    expect(one.output().stderr).toContain("user1 (free), user2 (basic), user3 (premium)");
    const made = [...events(one), ...events(other)].filter((event) => event === "demo_accounts.created");
    expect(made).toHaveLength(1);
    expect(readdirSync(folder.path)).not.toContain("data");

    const token = await tokenFrom(one, "user1", "password");
    const me = await fetch(`${other.url}/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(me.status).toBe(200);

    const [table, json, activity] = await Promise.all([
      folder.run(["nodes"], { env }),
      folder.run(["nodes", "--json"], { env }),
      folder.run(["top", "--once", "--json"], { env }),
    ]);
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toMatch(/^node +address +connections +version +lag +since +lease\n/);
    const nodes = JSON.parse(json.stdout) as Record<string, unknown>[];
    expect(nodes.map(({ node, url }) => `${node} ${url}`).sort()).toEqual(
      [`${names[0]} ${one.url}`, `${names[1]} ${other.url}`].sort(),
    );
    for (const node of nodes) expect(node).toMatchObject({ connections: 0, version: expect.any(String) });

    const answer = JSON.parse(activity.stdout) as { nodes: { node: string }[]; silent: string[] };
    expect(answer.nodes.map(({ node }) => node)).toEqual([...names].sort());
    expect(answer.silent).toEqual([]);

    for (const { process } of [one, other]) process.kill("SIGTERM");
    expect(await Promise.all([one.process.exited, other.process.exited])).toEqual([0, 0]);
    expect((await folder.run(["nodes"], { env })).stdout).toBe("No node is running.\n");
  });

  test("commands change accounts, tokens and conversations next to them like next to files", async () => {
    await using folder = new ParleyFolder();
    const env = on("beside");
    const server = await folder.serve([], { ...env, DEMO_ACCOUNTS: "false" });
    const run = (...args: string[]) => folder.run(args, { env });
    const added = await folder.run(["user", "add", "ada", "--plan", "basic", "--password-stdin"], {
      env,
      stdin: "correct horse",
    });
    expect(added).toEqual({ code: 0, stdout: "Added ada with the plan basic.\n", stderr: "" });
    expect((await run("user", "list")).stdout).toMatch(/^ada +basic +enabled /);
    const token = await tokenFrom(server, "ada", "correct horse");
    const post = (text: string) =>
      fetch(`${server.url}/conversations/lobby/messages`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ text }),
      });
    expect((await post("one")).status).toBe(201);
    expect((await post("two")).status).toBe(201);

    expect((await run("conversation", "list")).stdout).toMatch(/^lobby +2 messages \(1–2\)/);
    const exported = (await run("conversation", "export", "lobby")).stdout.trimEnd().split("\n");
    expect(exported.map((line) => JSON.parse(line).text)).toEqual(["one", "two"]);
    expect((await run("conversation", "retain", "lobby", "--messages", "5")).stdout).toBe(
      "lobby keeps its newest 5 messages, for as long as RETENTION_DAYS says.\n",
    );
    expect((await run("conversation", "remove", "lobby", "--yes")).stdout).toBe(
      "Removed lobby. Its connections are closed. If it is used again, its seqs continue after 2.\n",
    );
    expect(await (await post("three")).json()).toMatchObject({ seq: 3 });

    const bearer = { authorization: `Bearer ${token}` };
    const members = [{ user: "cem" }, { user: "ben", role: "moderator" }];
    const body = JSON.stringify({ access: "members", members });
    const made = await fetch(`${server.url}/conversations`, { method: "POST", headers: bearer, body });
    const { conversation } = (await made.json()) as { conversation: string };

    expect((await run("revoke", "--user", "ada")).stdout).toStartWith("Signed out ada");
    const refused = async () => (await post("four")).status === 401;
    for (const deadline = Date.now() + TIMEOUT_MS; !(await refused()); await Bun.sleep(50))
      if (Date.now() > deadline) throw new Error("The token is still taken.");
    const signed = await run("token", "ada");
    expect(signed.code).toBe(0);
    expect(signed.stdout.trim().split(".")).toHaveLength(3);

    // MB4: what the account owned goes to the oldest moderator.
    // The message after the removal may have made ada a member of lobby again, or not: its node learns of the removal in a moment.
    expect((await run("user", "remove", "ada")).stdout).toMatch(
      /^Removed ada, who has left [12] conversations?\.\n$/,
    );
    const ben = { authorization: `Bearer ${(await run("token", "ben")).stdout.trim()}` };
    const listed = await fetch(`${server.url}/conversations/${conversation}/members`, { headers: ben });
    expect(await listed.json()).toMatchObject({
      members: [
        { user: "ben", role: "owner" },
        { user: "cem", role: "member" },
      ],
    });
  });
});

describe("SEC-P3 Redis with authentication", () => {
  longTest(
    "an ACL user with the permissions of docs/OPERATIONS.md can run every node and command",
    async () => {
      await using folder = new ParleyFolder();
      const page = readFileSync(join(import.meta.dir, "../../docs/OPERATIONS.md"), "utf8");
      const [, line = ""] = /^ +(ACL SETUSER .*)$/m.exec(page) ?? [];
      const words = line.replace("PASSWORD", "p@ss/word").replaceAll("parley:*", "locked:*").split(" ");
      const admin = new Redis(redis.port);
      try {
        await admin.call(words[0]!, ...words.slice(1));
        const { REDIS_HOST: _, ...rest } = on("locked");
        const env = { ...rest, REDIS_URL: `redis://parley:p%40ss%2Fword@127.0.0.1:${redis.port}` };
        const server = await folder.serve([], env);
        const token = await tokenFrom(server, "user2", "password");
        await using client = await TestClient.connect(
          `${server.url.replace("http", "ws")}/ws/user2/lobby?token=${token}`,
        );
        client.send({ type: "message", text: "hello" });
        await client.next("ack");
        for (const command of [
          ["nodes"],
          ["user", "set-plan", "user2", "premium"],
          ["conversation", "show", "lobby"],
          ["conversation", "remove", "lobby", "--yes"],
          ["revoke", "--user", "user2"],
        ])
          expect(await folder.run(command, { env })).toMatchObject({ code: 0, stderr: "" });
        server.process.kill("SIGTERM");
        expect(await server.process.exited).toBe(0);
        expect(await admin.acl("LOG")).toEqual([]);
        expect(server.output().stdout).not.toContain("word");
      } finally {
        admin.disconnect();
      }
    },
  );

  test("TLS: an untrusted certificate is refused; with its authority in NODE_EXTRA_CA_CERTS it is accepted", async () => {
    await using folder = new ParleyFolder();
    const { certificate, options } = makeCertificate(folder.path);
    const port = await freePort();
    await using _ = await startRedis(["--tls-port", `${port}`, ...options]);
    const env = { REDIS_URL: `rediss://127.0.0.1:${port}` };
    const refused = await folder.run(["nodes"], { env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("its certificate is not accepted");
    const taken = await folder.run(["nodes"], { env: { ...env, NODE_EXTRA_CA_CERTS: certificate } });
    expect(taken).toEqual({ code: 0, stdout: "No node is running.\n", stderr: "" });
  });

  longTest("TLS with Sentinel is used for the Sentinels and for the primary that they name", async () => {
    await using folder = new ParleyFolder();
    const { certificate, options } = makeCertificate(folder.path);
    const [port, sentinelPort] = [await freePort(), await freePort()];
    const common = [...options, "--tls-replication", "yes", "--requirepass", "pw"];
    // It listens in the clear somewhere else, where no Sentinel leads.
    await using _ = await startRedis(["--tls-port", `${port}`, ...common]);
    const lines = [
      ...["port 0", `tls-port ${sentinelPort}`, "bind 127.0.0.1"],
      ...Array.from(
        { length: common.length / 2 },
        (_, i) => `${common[i * 2]!.slice(2)} ${common[i * 2 + 1]}`,
      ),
      ...[`sentinel monitor main 127.0.0.1 ${port} 1`, "sentinel auth-pass main pw"],
    ];
    folder.write("sentinel.conf", lines.join("\n"));
    const sentinel = Bun.spawn([REDIS_SERVER, join(folder.path, "sentinel.conf"), "--sentinel"], {
      cwd: folder.path,
      stdout: "ignore",
    });
    try {
      await waitUntil("the Sentinel listens", () => accepts(sentinelPort));
      const env = {
        REDIS_URL: `rediss+sentinel://:pw@127.0.0.1:${sentinelPort}/main`,
        NODE_EXTRA_CA_CERTS: certificate,
      };
      const taken = await folder.run(["nodes"], { env });
      expect(taken).toMatchObject({ code: 0, stdout: "No node is running.\n" });
    } finally {
      sentinel.kill("SIGKILL");
      await sentinel.exited;
    }
  });
});

/** A certificate that vouches for itself, and the options with which Redis uses it. */
function makeCertificate(folder: string) {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
  ]);
  if (!made.success) throw new Error(`openssl made no certificate: ${made.stderr}`);
  const files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
  return { certificate, options: [...files, "--tls-auth-clients", "no"] };
}

describe("an error that prevents a node's start is printed in one line, with exit code 1", () => {
  const oneLine = /^parley: [^\n]+\n$/;

  test("SEC-T4 no SECRET_KEY, which each node would generate for itself", async () => {
    await using folder = new ParleyFolder();
    const { SECRET_KEY: _, ...env } = on("keyless");
    const { code, stderr } = await folder.run(["serve"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain("SECRET_KEY is missing: with Redis set it, the same on every node.");
    expect(readdirSync(folder.path)).not.toContain("data");
  });

  test("L3 no Redis within the time-out, which is shorter for commands", async () => {
    await using folder = new ParleyFolder();
    const env = { ...on("away"), REDIS_PORT: `${await freePort()}`, STARTUP_TIMEOUT: "1" };
    const { code, stderr } = await folder.run(["serve"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain("could not be used within 1 s: nothing listens there.");
  });

  test("D2 a Redis that may evict messages", async () => {
    await using evicting = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
    await using folder = new ParleyFolder();
    const { code, stderr } = await folder.run(["serve"], {
      env: { ...on("evicting"), REDIS_PORT: `${evicting.port}` },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain("maxmemory-policy is allkeys-lru");
  });

  test("nodes require Redis", async () => {
    await using folder = new ParleyFolder();
    const { code, stderr } = await folder.run(["nodes"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  });
});
