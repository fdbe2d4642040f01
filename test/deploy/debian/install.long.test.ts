import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import manifest from "../../../package.json" with { type: "json" };
import { buildBinary } from "../../../packages/binary/build.ts";
import { buildDebianPackage } from "../../../packages/debian/build.ts";
import { blocksOf, readPage, sectionOf } from "../../docs/pages.ts";
import { freePort } from "../../support/free-port.ts";
import { type Service, startService } from "./service.ts";
import { mayMakeRoot, ThrowawayRoot } from "./throwaway-root.ts";

/** From 0 (all is forbidden) to 10; systemd calls a service below 2 safe. */
const WORST_EXPOSURE = 2;

const folder = mkdtempSync(join(tmpdir(), "parley-install-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The same package under a higher version. */
async function nextVersion(path: string): Promise<string> {
  const tree = join(folder, "tree");
  await Bun.$`dpkg-deb --raw-extract ${path} ${tree}`.quiet();
  const control = join(tree, "DEBIAN/control");
  const text = readFileSync(control, "utf8");
  writeFileSync(control, text.replace(/^Version: .*$/m, `Version: ${manifest.version}+next`));
  const next = join(folder, "next.deb");
  await Bun.$`dpkg-deb --root-owner-group -Znone --build ${tree} ${next}`.quiet();
  rmSync(tree, { recursive: true });
  return next;
}

async function signIn(url: string): Promise<Record<string, string>> {
  const body = new URLSearchParams({ username: "alice", password: "a long password" });
  const { access_token } = (await (await fetch(`${url}/token`, { method: "POST", body })).json()) as {
    access_token: string;
  };
  return { Authorization: `Bearer ${access_token}` };
}

test.skipIf(!mayMakeRoot())(
  "OP5 the Debian package is installed, serves, is upgraded over its data, removed and purged, and the store stays",
  async () => {
    const binary = join(folder, "parley");
    await buildBinary(binary);
    const first = basename(await buildDebianPackage(binary, folder));
    const second = basename(await nextVersion(join(folder, first)));
    await using root = await ThrowawayRoot.make(folder);
    const rightsOf = async (path: string) => (await root.run(["stat", "-c", "%U:%G %a", path])).trim();
    const stateOf = async () => {
      const fields = await root.run(["dpkg", "-s", "parley"]);
      return ["Status", "Version"].map((name) => new RegExp(`^${name}: (.*)$`, "m").exec(fields)?.[1]);
    };

    // Of an installation on this machine.
    await root.run(["rm", "-rf", "/var/backups/parley"]);
    const [install = ""] = blocksOf(
      sectionOf(readPage("docs/OPERATIONS.md"), "### Install the Debian package"),
    )[0]!.text.split("\n");
    await root.run(["bash", "-c", `cd /shared && ${install.replace("amd64", "*")}`]);
    expect(await stateOf()).toEqual(["install ok installed", manifest.version]);
    expect(await rightsOf("/etc/parley/parley.env")).toBe("root:parley 640");
    expect(await rightsOf("/var/lib/parley")).toBe("parley:parley 700");
    expect((await root.run(["parley", "--version"])).trim()).toBe(manifest.version);
    const page = await root.run(["man", "--pager=cat", "parley"]);
    expect(page).toContain("conversation server over WebSocket");
    expect(await root.run(["man", "--pager=cat", "parleyctl"])).toContain("/etc/parley/parley.env");
    await root.run(["bash", "-c", ". /usr/share/bash-completion/completions/parley && complete -p parley"]);
    const verified = await root.try(["systemd-analyze", "verify", "/lib/systemd/system/parley.service"]);
    // It prints what it ignores, and ends with 0 all the same. Of other units here it may say anything.
    expect([verified.code, verified.stderr.match(/^.*parley.*$/gm)]).toEqual([0, null]);
    const security = ["security", "--offline=true", `--threshold=${WORST_EXPOSURE * 10}`, "--no-pager"];
    await root.run(["systemd-analyze", ...security, "/lib/systemd/system/parley.service"]);

    const port = await freePort();
    await root.run(["sh", "-c", `echo PORT=${port} >> /etc/parley/parley.env`]);
    const url = `http://127.0.0.1:${port}`;
    let service: Service = await startService(root, port);
    const user = (await root.run(["stat", "-c", "%U", `/proc/${service.process.pid}`])).trim();
    expect(user).toBe("parley");
    await root.run(["parleyctl", "user", "add", "alice", "--password-stdin"], { stdin: "a long password\n" });
    expect(await root.run(["parleyctl", "user", "list"])).toContain("alice");
    const headers = await signIn(url);
    const messages = `${url}/conversations/room/messages`;
    const posted = await fetch(messages, { method: "POST", headers, body: '{"text":"kept"}' });
    expect(posted.status).toBe(201);
    // The commands of the section as root's, and a backup that root has made, which the service's user may not read.
    await root.run(["parleyctl", "backup", "/var/backups/parley/2026-11-30"]);
    expect(await rightsOf("/var/backups/parley")).toBe("parley:parley 700");
    await root.run(["mkdir", "-m", "700", "/var/backups/of-root"]);
    const refused = await root.try(["parleyctl", "restore", "/var/backups/of-root"]);
    expect(refused.stderr).toContain(
      "the user parley has no right to it. Correct its owner and its rights, or use another",
    );
    for (const path of [
      "docs/protocol/HTTP.md",
      "deploy/prometheus/alerts.yaml",
      "deploy/grafana/parley.json",
    ])
      expect(await root.run(["cat", `/usr/share/doc/parley/${path}`])).toBe(readFileSync(path, "utf8"));
    expect(await service.stop()).toBe(0);

    await root.run(["dpkg", "-i", `/shared/${second}`]);
    expect(await stateOf()).toEqual(["install ok installed", `${manifest.version}+next`]);
    expect(await root.run(["cat", "/etc/parley/parley.env"])).toContain(`PORT=${port}`);
    expect(await rightsOf("/etc/parley/parley.env")).toBe("root:parley 640");
    service = await startService(root, port);
    const read = await fetch(messages, { headers: await signIn(url) });
    expect(await read.json()).toMatchObject({ messages: [{ from: "alice", text: "kept" }] });
    expect(await service.stop()).toBe(0);

    const files = ["/usr/bin/parley", "/etc/parley/parley.env", "/var/lib/parley/data"];
    const present = async () => {
      const found = await Promise.all(files.map((path) => root.try(["test", "-e", path])));
      return files.filter((_, i) => found[i]!.code === 0);
    };
    expect(await present()).toEqual(files);
    await root.run(["dpkg", "--remove", "parley"]);
    expect(await present()).toEqual(files.slice(1));
    expect(await stateOf()).toEqual(["deinstall ok config-files", `${manifest.version}+next`]);
    expect(await root.run(["dpkg", "--purge", "parley"])).toMatch(
      /The store is still in \/var\/lib\/parley[\s\S]*Backups are still in \/var\/backups\/parley/,
    );
    expect(await present()).toEqual(files.slice(2));
    expect((await root.try(["dpkg-query", "-W", "parley"])).code).toBe(1);
  },
  300_000,
);
