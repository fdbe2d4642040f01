import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether this user may make a root of its own here: root on a Debian that allows mounts. */
export function mayMakeRoot(): boolean {
  return (
    process.getuid?.() === 0 &&
    ["dpkg", "unshare", "nsenter", "setpriv"].every((name) => Bun.which(name) !== null) &&
    Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).success
  );
}

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * This machine's file system with whatever is written laid over it in memory and dropped at the end: a package can be installed,
 * upgraded and purged without a trace. `/shared` is a folder of this machine.
 */
export class ThrowawayRoot implements AsyncDisposable {
  private constructor(
    private readonly holder: Bun.Subprocess,
    private readonly folder: string,
  ) {}

  static async make(shared: string): Promise<ThrowawayRoot> {
    const folder = mkdtempSync(join(tmpdir(), "parley-root-"));
    const script = `
      set -e
      mount -t tmpfs tmpfs "$1"
      mkdir "$1/written" "$1/work" "$1/root"
      mount -t overlay overlay -o "lowerdir=/,upperdir=$1/written,workdir=$1/work" "$1/root"
      mount --rbind /dev "$1/root/dev"
      mount -t proc proc "$1/root/proc"
      mkdir "$1/root/shared"
      mount --bind "$2" "$1/root/shared"
      echo made
      exec sleep infinity`;
    const holder = Bun.spawn(["unshare", "--mount", "sh", "-c", script, "sh", folder, shared], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    if (value === undefined) throw new Error("The file system could not be mounted.");
    reader.releaseLock();
    return new ThrowawayRoot(holder, folder);
  }

  /** Starts a command in it, as root, with nothing of our environment. */
  spawn(command: readonly string[], { stdin = "", env = {} }: RunOptions = {}) {
    const enter = ["nsenter", `--mount=/proc/${this.holder.pid}/ns/mnt`, "chroot", join(this.folder, "root")];
    return Bun.spawn([...enter, ...command], {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        LC_ALL: "C.UTF-8",
        DEBIAN_FRONTEND: "noninteractive",
        ...env,
      },
      stdin: new Blob([stdin]),
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  /** Runs a command to its end, whatever it is. */
  async try(command: readonly string[], options: RunOptions = {}): Promise<Result> {
    const child = this.spawn(command, options);
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, stdout, stderr };
  }

  /** Runs a command, and returns what it printed. Throws where it fails. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.try(command, options);
    if (code !== 0) throw new Error(`${command.join(" ")}: ${code} ${stderr}${stdout}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its mounts end with its last process.
    this.holder.kill("SIGKILL");
    await this.holder.exited;
    rmSync(this.folder, { recursive: true });
  }
}
