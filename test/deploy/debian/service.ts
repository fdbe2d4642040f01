import { waitUntil } from "../../support/time/wait-until.ts";
import type { ThrowawayRoot } from "./throwaway-root.ts";

const UNIT = "/lib/systemd/system/parley.service";

export interface Service {
  readonly process: Bun.Subprocess;
  /** SIGTERM, as systemd stops it; returns the exit code. */
  stop(): Promise<number>;
}

/**
 * Runs the service of the installed unit, since there is no systemd: its `ExecStart` as its user, in its folder, with its
 * environment. Resolves when it is ready at `port`.
 */
export async function startService(root: ThrowawayRoot, port: number): Promise<Service> {
  const unit = await root.run(["cat", UNIT]);
  const all = (name: string) =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value!.trim());
  const one = (name: string) => {
    const [value, ...more] = all(name);
    if (value === undefined || more.length > 0) throw new Error(`The unit has not one ${name}=.`);
    return value;
  };
  const settings = await root.run(["cat", one("EnvironmentFile")]);
  const env = Object.fromEntries(
    [...all("Environment").flatMap((line) => line.split(" ")), ...settings.split("\n")]
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const user = [`--reuid=${one("User")}`, `--regid=${one("Group")}`, "--clear-groups"];
  const hardened = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];
  const script = `umask ${one("UMask")}; cd ${one("WorkingDirectory")}; exec setpriv ${[...user, ...hardened].join(" ")} ${one("ExecStart")}`;
  const child = root.spawn(["sh", "-c", script], { env });
  const written = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await waitUntil("the service is ready", async () => {
    if (child.exitCode !== null) throw new Error(`It ended: ${(await written).join("")}`);
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  });
  return {
    process: child,
    async stop() {
      child.kill("SIGTERM");
      return child.exited;
    },
  };
}
