import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSettings } from "../../src/server/settings/read.ts";
import { SETTING_NAMES } from "../../src/server/settings/table.ts";

const FOLDER = join(import.meta.dir, "../../deploy");

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: unknown;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { ipam: { config: readonly { subnet: string }[] } }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const compose = Bun.YAML.parse(readFileSync(join(FOLDER, "compose.yaml"), "utf8")) as Compose;
const caddyfile = readFileSync(join(FOLDER, "Caddyfile"), "utf8");
const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith("node"));

/** `${NAME:-other}` and `${NAME:?why}`, as Compose replaces them. */
function filledIn(environment: Readonly<Record<string, string>>, given: Record<string, string>) {
  const fill = (text: string) =>
    text.replace(/\$\{([A-Z_]+):([-?])([^}]*)\}/g, (_, name: string, sign: string, rest: string) => {
      if (given[name] !== undefined) return given[name];
      if (sign === "-") return rest;
      throw new Error(`${name}: ${rest}`);
    });
  return Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, fill(text)]));
}

test("compose.yaml has Redis, three nodes and Caddy, each with everything it refers to", () => {
  expect(Object.keys(compose.services).sort()).toEqual(["caddy", "node1", "node2", "node3", "redis"]);
  for (const { volumes = [], networks = [], depends_on = {} } of Object.values(compose.services)) {
    for (const network of networks) expect(compose.networks).toHaveProperty(network);
    for (const volume of volumes) {
      const [source = ""] = volume.split(":");
      if (source.startsWith("./")) expect(existsSync(join(FOLDER, source))).toBe(true);
      else expect(compose.volumes).toHaveProperty(source);
    }
    const needed = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on as object);
    for (const name of needed) expect(compose.services).toHaveProperty(name);
  }
});

test("the nodes' settings are valid, they are accepted, and the key is required", () => {
  const key = "GzcZQ2b7mWq0p5yEw1rT8uKx9vLh3NdF";
  for (const [, { environment = {}, build }] of nodes) {
    expect(existsSync(join(FOLDER, build!.context, build!.dockerfile))).toBe(true);
    for (const name of Object.keys(environment)) expect(SETTING_NAMES as string[]).toContain(name);
    expect(() => filledIn(environment, {})).toThrow("openssl rand -base64 32");
    const read = readSettings({ env: filledIn(environment, { SECRET_KEY: key, SITE: "chat.example.com" }) });
    if ("problems" in read) throw new Error(read.problems.join("\n"));
    expect(read.settings).toMatchObject({ redisHost: "redis", secretKey: key, demoAccounts: false });
    expect(read.settings.trustedProxies).toEqual([compose.networks.inside!.ipam.config[0]!.subnet]);
    expect(read.settings.allowedOrigins).toEqual(["https://chat.example.com"]);
  }
});

test("D2 Redis keeps its data on disk and evicts nothing", () => {
  const { command = [] } = compose.services.redis!;
  const option = (name: string) => command[command.indexOf(name) + 1];
  expect(option("--appendonly")).toBe("yes");
  expect(option("--maxmemory-policy")).toBe("noeviction");
});

test("Caddy balances over every node, and asks each whether it accepts new clients", () => {
  const upstreams = /reverse_proxy ([^{]+)\{/.exec(caddyfile)?.[1]?.trim().split(/\s+/);
  expect(upstreams).toEqual(nodes.map(([name]) => `${name}:8000`));
  expect(caddyfile).toContain("health_uri /readyz");
  const depth = [...caddyfile.replaceAll(/\{\$[^}]*\}/g, "")].reduce(
    (open, sign) => open + (sign === "{" ? 1 : sign === "}" ? -1 : 0),
    0,
  );
  expect(depth).toBe(0);
});

test("the image contains every file that a running server reads", () => {
  const dockerfile = readFileSync(join(FOLDER, "Dockerfile"), "utf8");
  for (const [, source = ""] of dockerfile.matchAll(/^COPY (\S+)/gm))
    if (!source.includes("*")) expect(existsSync(join(FOLDER, "..", source))).toBe(true);
});
