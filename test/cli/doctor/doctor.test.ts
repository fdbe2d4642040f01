import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { startFaultyProxy } from "../../conformance/faulty-proxy.ts";
import { freePort } from "../../support/free-port.ts";
import { longTest } from "../../support/long-test.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { makeCertificate } from "../../support/server/certificates.ts";
import { SECRET } from "../../support/server/test-server.ts";
import { MAIN, ParleyFolder, type Running } from "../parley-folder.ts";

/** Runs bun as a user without any files; only root can do so. */
const AS_SOMEBODY_ELSE = [
  ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
  ...[process.execPath, "--no-env-file"],
];
const canBeSomebodyElse =
  process.getuid?.() === 0 &&
  Bun.which("setpriv") !== null &&
  Bun.spawnSync([...AS_SOMEBODY_ELSE, MAIN, "--version"], { env: { HOME: "/tmp" } }).success;

interface DoctorRun {
  readonly code: number;
  readonly stderr: string;
  /** By check: its result, and all its texts joined. */
  readonly checks: Readonly<Record<string, { readonly result: string; readonly text: string }>>;
}

/** Asks the doctor in `folder`, and reads its JSON. */
async function ask(
  folder: ParleyFolder,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<DoctorRun> {
  const { code, stdout, stderr } = await folder.run(["doctor", "--format", "json", ...args], { env });
  const { checks } = JSON.parse(stdout) as {
    checks: { check: string; result: string; findings: { text: string; advice?: string }[] }[];
  };
  const report = checks.map(({ check, result, findings }) => {
    const text = findings.map(({ text, advice = "" }) => `${text} ${advice}`).join(" ");
    return [check, { result, text }] as const;
  });
  return { code, stderr, checks: Object.fromEntries(report) };
}

const results = ({ checks }: DoctorRun) =>
  Object.fromEntries(Object.entries(checks).map(([check, { result }]) => [check, result]));

const portOf = ({ url }: Running) => new URL(url).port;

describe("a healthy installation", () => {
  test("is reported as ok in each format, with exit code 0, after a real round trip", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    const env = { PORT: portOf(server) };
    const report = await ask(folder, [], env);
    expect(report).toMatchObject({ code: 0, stderr: "" });
    expect(results(report)).toEqual({
      settings: "ok",
      data_dir: "ok",
      store: "ok",
      redis: "skipped",
      certificate: "skipped",
      approval: "skipped",
      server: "ok",
      time: "ok",
      feed: "ok",
      webhooks: "ok",
      round_trip: "ok",
    });
    expect(report.checks.round_trip!.text).toMatch(
      /^Connected in .* ms, acked in .* ms, resumed in .*secret\.key\.? $/,
    );
    const exported = await folder.run(["conversation", "export", "parley-doctor"]);
    expect(
      exported.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).from),
    ).toEqual(["parley-doctor", "parley-doctor"]);

    const [text, metrics, plugin, quiet] = await Promise.all([
      folder.run(["doctor"], { env }),
      folder.run(["doctor", "--format", "prometheus"], { env }),
      folder.run(["doctor", "--format", "nagios", "--no-talk"], { env }),
      ask(folder, ["--no-talk"], env),
    ]);
    expect([text.code, metrics.code, plugin.code, quiet.code]).toEqual([0, 0, 0, 0]);
    expect(text.stdout).toContain("\nok       round_trip   Connected in");
    expect(text.stdout).toEndWith("\n8 ok, 0 warnings, 0 problems, 3 skipped\n");
    for (const line of metrics.stdout.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{check="\w+"\})? -?\d+(\.\d+)?)$/);
    expect(metrics.stdout).toContain('parley_doctor_result{check="round_trip"} 0\n');
    expect(plugin.stdout).toMatch(/^PARLEY OK - 7 ok, [^|]+ \| (\w+=-?[\d.]+(s|B)? ?)+\n/);
    expect(quiet.checks.round_trip).toMatchObject({ result: "skipped", text: "Switched off by --no-talk. " });
  });

  longTest("before the first start only lacks a server, and the doctor creates nothing", async () => {
    await using folder = new ParleyFolder();
    const report = await ask(folder, ["--port", `${await freePort()}`]);
    expect(report.code).toBe(1);
    expect(results(report)).toMatchObject({ settings: "ok", data_dir: "ok", store: "ok", server: "warning" });
    expect(report.checks.server!.text).toContain("(nothing listens there)");
    expect(readdirSync(folder.path)).not.toContain("data");
  });

  longTest(
    "is checked over TLS with the settings' own certificate, which need not be for 127.0.0.1",
    async () => {
      await using folder = new ParleyFolder();
      const { certificate, key } = makeCertificate(folder.path);
      const env = { TLS_CERT: certificate, TLS_KEY: key };
      const server = await folder.serve([], env);
      const report = await ask(folder, ["--port", portOf(server)], env);
      expect(report.code).toBe(0);
      expect(results(report)).toMatchObject({ certificate: "ok", server: "ok", round_trip: "ok" });
      expect(report.checks.certificate!.text).toMatch(
        /^The certificate for localhost, 127\.0\.0\.1 is valid for (89|90) days/,
      );

      // Other clients do not trust it.
      const stranger = await ask(folder, ["--url", server.url.replace("http:", "https:")]);
      expect(stranger.code).toBe(2);
      expect(stranger.checks.certificate!.text).toMatch(/Clients reject the certificate \(.*SELF_SIGNED/);
      const trusting = { NODE_EXTRA_CA_CERTS: certificate };
      const told2 = await ask(folder, ["--url", `https://localhost:${portOf(server)}`], trusting);
      expect(results(told2)).toMatchObject({ certificate: "ok", server: "ok", round_trip: "ok" });
    },
  );
});

describe("a planted problem is found, with exit code 2", () => {
  test("wrong settings; dependent checks are skipped, and no secret is shown", async () => {
    await using folder = new ParleyFolder();
    folder.write(".env", "SECRET_KEY=your_secret_key\nPROT=1\n");
    const report = await ask(folder);
    expect(report.code).toBe(2);
    const { settings, ...rest } = results(report);
    expect(settings).toBe("problem");
    expect(new Set(Object.values(rest))).toEqual(new Set(["skipped"]));
    expect(report.checks.settings!.text).toContain("PROT in .env is not a setting");
    expect(JSON.stringify(report)).not.toContain("your_secret_key");
  });

  longTest("permissions by which others can sign tokens, or change the data", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    const key = join(folder.path, "data/secret.key");
    chmodSync(key, 0o644);
    chmodSync(join(folder.path, "data"), 0o777);
    const report = await ask(folder, ["--port", portOf(server), "--no-talk"]);
    expect(report.code).toBe(2);
    expect(report.checks.data_dir!.text).toContain("chmod 600 data/secret.key");
    expect(report.checks.data_dir!.text).toContain(
      "Other users of this machine can change ./data. chmod 700 ./data",
    );
    // It gives advice and does not follow it itself.
    expect(statSync(key).mode & 0o777).toBe(0o644);
  });

  test.skipIf(!canBeSomebodyElse)(
    "a folder of another user, of which nothing else is known then",
    async () => {
      await using folder = new ParleyFolder();
      const server = await folder.serve();
      chmodSync(folder.path, 0o755);
      const child = Bun.spawn(
        [...AS_SOMEBODY_ELSE, folder.program, "doctor", "--format", "json", "--port", portOf(server)],
        { cwd: folder.path, env: { PATH: process.env.PATH ?? "", HOME: "/tmp" }, stderr: "inherit" },
      );
      const { checks } = await new Response(child.stdout).json();
      expect(await child.exited).toBe(2);
      const [folderCheck, store] = ["data_dir", "store"].map((name) =>
        checks.find(({ check }: { check: string }) => check === name),
      );
      expect(folderCheck.result).toBe("problem");
      expect(JSON.stringify(folderCheck.findings)).toContain("this user has no right to write there");
      expect(store.result).toBe("problem");
      expect(JSON.stringify(store.findings)).toContain("Run the doctor as the user that the server runs as");
    },
  );

  test("a file instead of the data folder", async () => {
    await using folder = new ParleyFolder();
    folder.write("data", "");
    const report = await ask(folder);
    expect(report).toMatchObject({ code: 2, checks: { data_dir: { result: "problem" } } });
    expect(report.checks.data_dir!.text).toContain("a file is in its place");
  });

  longTest("a damaged store, and a file that is no store", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    server.process.kill("SIGTERM");
    await server.process.exited;
    const path = join(folder.path, "data/parley.db");
    const file = openSync(path, "r+");
    for (let at = 4096; at < statSync(path).size; at += 4096)
      writeSync(file, Buffer.alloc(512, 0xaa), 0, 512, at);
    const damaged = await ask(folder);
    expect(damaged).toMatchObject({ code: 2, checks: { store: { result: "problem" } } });
    expect(damaged.checks.store!.text).toMatch(/is damaged|cannot be read/);
    expect(damaged.checks.store!.text).toContain("restore a backup");
    folder.write("data/parley.db", "this is no database, and was never one, whatever it is called");
    expect((await ask(folder)).checks.store!.text).toContain("cannot be read (file is not a database)");
  });

  longTest("an expired certificate, one with another key, and one that is not served yet", async () => {
    await using folder = new ParleyFolder();
    const expired = makeCertificate(folder.path, { name: "expired", from: -100, until: -3 });
    const good = makeCertificate(folder.path, { name: "good" });
    const ending = makeCertificate(folder.path, { name: "ending", from: -80, until: 10 });
    const port = ["--port", `${await freePort()}`];
    const withFiles = (certificate: string, key: string, at = port) =>
      ask(folder, at, { TLS_CERT: certificate, TLS_KEY: key });
    const [old, foreign, soon] = await Promise.all([
      withFiles(expired.certificate, expired.key),
      withFiles(good.certificate, expired.key),
      withFiles(ending.certificate, ending.key),
    ]);
    expect(old).toMatchObject({ code: 2, checks: { certificate: { result: "problem" } } });
    expect(old.checks.certificate!.text).toContain("for localhost, 127.0.0.1 expired on");
    expect(foreign).toMatchObject({ code: 2, checks: { certificate: { result: "problem" } } });
    expect(foreign.checks.certificate!.text).toContain("TLS_KEY does not belong to TLS_CERT.");
    expect(soon).toMatchObject({ code: 1, checks: { certificate: { result: "warning" } } });

    const server = await folder.serve([], { TLS_CERT: expired.certificate, TLS_KEY: expired.key });
    const renewed = await withFiles(good.certificate, good.key, ["--port", portOf(server)]);
    expect(renewed.code).toBe(2);
    expect(renewed.checks.certificate!.text).toContain("uses another certificate than the one in TLS_CERT");
    expect(renewed.checks.certificate!.text).toContain("The certificate for localhost, 127.0.0.1 expired");
  });

  longTest("a named server that does not reply, and another program at its address", async () => {
    await using folder = new ParleyFolder();
    await using other = Bun.serve({ port: 0, fetch: () => new Response("<h1>It works</h1>") });
    const [away, stranger] = await Promise.all([
      ask(folder, ["--url", `http://127.0.0.1:${await freePort()}`]),
      ask(folder, [], { PARLEY_URL: `http://127.0.0.1:${other.port}` }),
    ]);
    expect(away).toMatchObject({ code: 2, checks: { server: { result: "problem" } } });
    expect(stranger).toMatchObject({ code: 2, checks: { server: { result: "problem" } } });
    expect(stranger.checks.server!.text).toContain("is not Parley (/healthz: status 200)");
  });

  test("a SECRET_KEY that differs from the server's", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    const report = await ask(folder, ["--port", portOf(server)], { SECRET_KEY: SECRET });
    expect(report).toMatchObject({
      code: 2,
      checks: { round_trip: { result: "problem" }, server: { result: "ok" } },
    });
    expect(report.checks.round_trip!.text).toContain("the server rejects a token from SECRET_KEY");
    expect(JSON.stringify(report)).not.toContain(SECRET);
  });

  longTest("a token without the right to post, and a used-up quota", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve(["--plans", "free:1:5"]);
    const env = { PORT: portOf(server), PLANS: "free:1:5" };
    const read = await folder.run(["token", "ann", "--rights", "read"]);
    const mute = await ask(folder, [], { ...env, PARLEY_TOKEN: read.stdout.trim() });
    expect(mute).toMatchObject({ code: 2, checks: { round_trip: { result: "problem" } } });
    expect(mute.checks.round_trip!.text).toContain("failed at the first message: forbidden.");
    const report = await ask(folder, [], env);
    expect(report).toMatchObject({ code: 1, checks: { round_trip: { result: "warning" } } });
    expect(report.checks.round_trip!.text).toContain("rate_limited");
  });
});

test("the round trip detects a server that loses acks, hides history, or resumes wrongly", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  const behind = async (frames: (frame: ServerFrame) => readonly object[]) => {
    await using proxy = await startFaultyProxy(Number(new URL(url).port), {
      frames: (all) => all.flatMap(frames),
    });
    const report = await ask(folder, ["--url", proxy.url, "--timeout", "1"]);
    expect(report).toMatchObject({
      code: 2,
      checks: { server: { result: "ok" }, round_trip: { result: "problem" } },
    });
    return report.checks.round_trip!.text;
  };
  const [acks, history, resuming] = await Promise.all([
    behind((frame) => (frame.type === "ack" ? [] : [frame])),
    behind((frame) => (frame.type === "history" ? [{ ...frame, messages: [] }] : [frame])),
    behind((frame) => (frame.type === "welcome" ? [{ ...frame, resumed: false }] : [frame])),
  ]);
  expect(acks).toContain("failed at the first message. No `ack` frame received within 1 s");
  expect(history).toContain("failed at the history. The message is not in the history");
  expect(resuming).toContain("failed at the resume. The server did not resume a connection.");
});

describe("Redis", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis(["--appendonly", "yes"]);
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  test("is checked as a node uses it, and lists its nodes; the data folder is not created", async () => {
    await using folder = new ParleyFolder();
    const env = { REDIS_URL: redis.url, SECRET_KEY: SECRET };
    const server = await folder.serve([], env);
    const report = await ask(folder, ["--port", portOf(server)], env);
    expect(report.code).toBe(0);
    expect(results(report)).toMatchObject({
      data_dir: "skipped",
      store: "skipped",
      redis: "ok",
      feed: "ok",
      webhooks: "ok",
      time: "ok",
      round_trip: "ok",
    });
    expect(report.checks.redis!.text).toMatch(
      /^Redis at 127\.0\.0\.1:\d+ responds in [\d.]+ ms; 1 node uses it\./,
    );
    expect(report.checks.time!.text).toContain("Redis and the server");
    const other = await ask(folder, ["--port", portOf(server), "--no-talk"], {
      ...env,
      SECRET_KEY: SECRET.toLowerCase(),
    });
    expect(other.checks.redis!.text).toContain("has another SECRET_KEY than these settings");
    expect(readdirSync(folder.path)).not.toContain("data");
  });

  longTest(
    "that is down, or may evict keys, is a problem; one without persistence is a warning",
    async () => {
      await using folder = new ParleyFolder();
      await using evicting = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
      await using forgetful = await startRedis();
      const from = async (port: number) =>
        ask(folder, ["--port", `${await freePort()}`, "--timeout", "1"], {
          REDIS_HOST: "127.0.0.1",
          REDIS_PORT: `${port}`,
          SECRET_KEY: SECRET,
        });
      const away = await from(await freePort());
      expect(away).toMatchObject({ code: 2, stderr: "", checks: { redis: { result: "problem" } } });
      expect(away.checks.redis!.text).toContain("could not be used within 1 s: nothing listens there.");
      const unfit = await from(evicting.port);
      expect(unfit).toMatchObject({ code: 2, checks: { redis: { result: "problem" } } });
      expect(unfit.checks.redis!.text).toContain("maxmemory-policy is allkeys-lru");
      const short = await from(forgetful.port);
      expect(short).toMatchObject({ code: 1, checks: { redis: { result: "warning" } } });
      expect(short.checks.redis!.text).toContain("Redis writes nothing to disk");
    },
  );
});

test("a usage error is printed on standard error with exit code 2, and nothing on standard output", async () => {
  await using folder = new ParleyFolder();
  const calls = [["--format", "xml"], ["--timeout", "soon"], ["--url", "127.0.0.1"], ["now"]];
  for (const { code, stdout, stderr } of await Promise.all(
    calls.map((call) => folder.run(["doctor", ...call])),
  )) {
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toStartWith("error: ");
  }
});

test("colours are for terminals that support them", async () => {
  await using folder = new ParleyFolder();
  mkdirSync(join(folder.path, "data"), { mode: 0o700 });
  const onTerminal = async (env: Record<string, string>) => {
    const written: Uint8Array[] = [];
    const child = Bun.spawn([process.execPath, "--no-env-file", folder.program, "doctor", "--port", "0"], {
      cwd: folder.path,
      env: { PATH: process.env.PATH ?? "", HOME: folder.path, TERM: "xterm", ...env },
      terminal: { cols: 200, data: (_, bytes) => written.push(bytes) },
    });
    await child.exited;
    return Buffer.concat(written).toString();
  };
  const [coloured, plain] = await Promise.all([onTerminal({}), onTerminal({ NO_COLOR: "1" })]);
  expect(coloured).toContain("\x1b[32mok");
  expect(plain).toContain("ok       settings");
  expect(plain).not.toContain("\x1b[");
});
