// The proxies of deploy/, with their configuration from there except for ports, file names and the server's address.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { makeCertificate } from "../support/server/certificates.ts";
import { waitUntil } from "../support/time/wait-until.ts";

export interface RunningProxy extends AsyncDisposable {
  readonly port: number;
}

const DEPLOY = join(import.meta.dir, "../../deploy");

/** Whether a program of the Debian package with the same name is installed. Throws with CI=true if it is not. */
export function isInstalled(program: string): boolean {
  if (Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin` }) !== null) return true;
  if (process.env.CI === "true") throw new Error(`${program} is missing: apt-get install ${program}`);
  return false;
}

/** nginx with one of the examples of deploy/ in front of the server at `server`. */
export async function startNginx(example: string, server: number): Promise<RunningProxy> {
  return start(server, async (folder, port, { certificate, key }) => {
    const site = substitute(readFileSync(join(DEPLOY, example), "utf8"), [
      ["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
      ["listen [::]:443 ssl;", ""],
      [/ssl_certificate .*;/, `ssl_certificate ${certificate};`],
      [/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`],
      ["127.0.0.1:8000", `127.0.0.1:${server}`],
    ]);
    const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${join(folder, name)};`)
      .join("\n");
    // Its workers run as the user who started it, who can read the folder.
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const file = join(folder, "nginx.conf");
    writeFileSync(
      file,
      `${user}\npid ${folder}/pid;\nevents {}\nhttp {\naccess_log off;\n${places}\n${site}\n}\n`,
    );
    return ["nginx", "-e", join(folder, "error.log"), "-c", file, "-g", "daemon off;"];
  });
}

/** HAProxy with the example of deploy/ in front of the server at `server`. */
export async function startHaproxy(server: number): Promise<RunningProxy> {
  return start(server, async (folder, port, { certificate, key }) => {
    const pem = join(folder, "both.pem");
    writeFileSync(pem, `${readFileSync(certificate, "utf8")}\n${readFileSync(key, "utf8")}`);
    const config = substitute(readFileSync(join(DEPLOY, "haproxy.cfg"), "utf8"), [
      [/bind :443 ssl crt \S+/, `bind 127.0.0.1:${port} ssl crt ${pem}`],
      ["127.0.0.1:8000", `127.0.0.1:${server}`],
    ]);
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, config);
    return ["haproxy", "-db", "-f", file];
  });
}

/** HAProxy without TLS, with only its defaults, and `health` as its check; `status` returns the result of the check. */
export async function startBareHaproxy(
  server: number,
  health = "option httpchk",
): Promise<RunningProxy & { status(): Promise<string> }> {
  let socket = "";
  const proxy = await start(server, async (folder, port) => {
    socket = join(folder, "stats");
    const file = join(folder, "haproxy.cfg");
    writeFileSync(
      file,
      `global
  stats socket ${socket}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  # Without it a busy machine has 200 ms for a reply.
  timeout check 30s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  ${health}
  server node 127.0.0.1:${server} check inter 200ms fall 1 rise 1
`,
    );
    return ["haproxy", "-db", "-f", file];
  });
  return { ...proxy, status: () => statusIn(socket) };
}

/** Status and reply of the check of `node`, `UP L7OK 200`; empty before the first. */
async function statusIn(path: string): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    let got = "";
    const socket = connect(path, () => socket.write("show stat\n"));
    socket.on("data", (data) => {
      got += String(data);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
  });
  const [head = "", ...rows] = text.split("\n").map((line) => line.split(","));
  const row = rows.find(([, name]) => name === "node") ?? [];
  const value = (name: string) => row[head.indexOf(name)] ?? "";
  // A star says that the next check is under way; the result is that of the last one.
  const result = value("check_status").replace(/^\* /, "");
  return value("check_code") === "" ? "" : `${value("status")} ${result} ${value("check_code")}`;
}

async function start(
  server: number,
  prepare: (
    folder: string,
    port: number,
    files: ReturnType<typeof makeCertificate>,
  ) => Promise<readonly string[]>,
): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), "parley-proxy-"));
  const port = await freePort();
  const command = await prepare(folder, port, makeCertificate(folder));
  const child = Bun.spawn([...command], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const stop = async () => {
    child.kill();
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitUntil(`${command[0]} listens in front of ${server}`, async () => {
      if (child.exitCode !== null)
        throw new Error(`${command[0]}: ${await new Response(child.stderr).text()}`);
      return isOpen(port);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: stop };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** `text` with each of `pairs` replaced; throws where one is not in it. */
function substitute(text: string, pairs: readonly (readonly [string | RegExp, string])[]): string {
  return pairs.reduce((before, [from, to]) => {
    const after = before.replace(from, () => to);
    if (after === before) throw new Error(`The example has no ${from} any more.`);
    return after;
  }, text);
}
