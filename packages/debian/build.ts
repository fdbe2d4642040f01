// Builds the Debian package: the single binary as a hardened service of systemd, with man pages and completions.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import manifest from "../../package.json" with { type: "json" };
import { publishedDocuments } from "../documents.ts";
import { manPage } from "./man-page.ts";

const ROOT = join(import.meta.dir, "../..");

/** The architectures of Debian by those of the runtime. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const MAINTAINER = "The Parley authors <authors@parley.example>";

/** Where the documents lie: laid out as in the repository, so that the links between them lead somewhere. */
const DOCUMENTS_FOLDER = "usr/share/doc/parley";

/** Where the completion scripts of the shells lie. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/parley",
  zsh: "usr/share/zsh/vendor-completions/_parley",
  fish: "usr/share/fish/vendor_completions.d/parley.fish",
} as const;

/** The files that this folder has for the package, by their places, with their rights. */
const FILES = [
  ["parley.env", "etc/parley/parley.env", 0o644],
  ["parleyctl", "usr/sbin/parleyctl", 0o755],
  ["lintian-overrides", "usr/share/lintian/overrides/parley", 0o644],
] as const;

/** What differs in the unit of deploy/, which is for a copy of the repository. */
const UNIT_REPLACEMENTS = [
  [
    /^(?:#.*\n)+/,
    "# Parley under systemd. Settings: /etc/parley/parley.env. `systemctl restart parley` sends each client the time to come back.\n",
  ],
  [/^Documentation=.*$/m, "Documentation=man:parley(1) file:///usr/share/doc/parley/docs/OPERATIONS.md"],
  [/^EnvironmentFile=.*$/m, "EnvironmentFile=/etc/parley/parley.env"],
  [/^ExecStart=.*$/m, "ExecStart=/usr/bin/parley serve"],
] as const;

/** Writes the package of `binary` into `folder`; returns its path. Throws where `dpkg-deb` is missing or fails. */
export async function buildDebianPackage(binary: string, folder: string, now = new Date()): Promise<string> {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`There is no Debian package for ${process.arch}.`);
  const root = mkdtempSync(join(tmpdir(), "parley-deb-"));
  try {
    chmodSync(root, 0o755);
    await writeTree(root, binary, now);
    writeControl(root, architecture);
    const path = join(folder, `parley_${manifest.version}_${architecture}.deb`);
    await run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, path]);
    return path;
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function writeTree(root: string, binary: string, now: Date): Promise<void> {
  const write = (path: string, content: string | Uint8Array, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(root, path), content, { mode });
    chmodSync(join(root, path), mode);
  };
  const compressed = (text: string) => gzipSync(text, { level: 9 });
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  cpSync(binary, join(root, "usr/bin/parley"));
  chmodSync(join(root, "usr/bin/parley"), 0o755);
  for (const [name, path, mode] of FILES) write(path, readFileSync(join(import.meta.dir, name)), mode);
  write("lib/systemd/system/parley.service", unit());
  const page = manPage(manifest.version, now.toISOString().slice(0, 10));
  write("usr/share/man/man1/parley.1.gz", compressed(page));
  const controlPage = readFileSync(join(import.meta.dir, "parleyctl.8"), "utf8");
  write("usr/share/man/man8/parleyctl.8.gz", compressed(controlPage));
  write(`${DOCUMENTS_FOLDER}/copyright`, readFileSync(join(ROOT, "LICENSE")));
  write(`${DOCUMENTS_FOLDER}/changelog.gz`, compressed(debianChangelog(now)));
  for (const path of publishedDocuments())
    write(`${DOCUMENTS_FOLDER}/${path}`, readFileSync(join(ROOT, path)));
  for (const [shell, path] of Object.entries(COMPLETIONS))
    write(path, await run([join(root, "usr/bin/parley"), "completion", shell]));
}

function writeControl(root: string, architecture: string): void {
  const folder = join(root, "DEBIAN");
  mkdirSync(folder, { mode: 0o755 });
  const control = [
    "Package: parley",
    `Version: ${manifest.version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${Math.ceil(sizeOf(root) / 1024)}`,
    "Depends: libc6 (>= 2.31), adduser",
    "Section: net",
    "Priority: optional",
    "Description: conversation server over WebSocket",
    " Parley lets people and programs talk over WebSocket. It keeps every message in",
    " order, meters every user by plan, and never loses a message without saying so.",
    " On one machine it needs nothing but itself; on many, its nodes meet in Redis.",
    "",
  ];
  writeFileSync(join(folder, "control"), control.join("\n"));
  writeFileSync(join(folder, "conffiles"), "/etc/parley/parley.env\n");
  for (const name of ["postinst", "prerm", "postrm"]) {
    writeFileSync(join(folder, name), readFileSync(join(import.meta.dir, name)), { mode: 0o755 });
    chmodSync(join(folder, name), 0o755);
  }
  for (const name of ["control", "conffiles"]) chmodSync(join(folder, name), 0o644);
}

/** The unit of deploy/, for the places of the package. */
function unit(): string {
  let text = readFileSync(join(ROOT, "deploy/parley.service"), "utf8");
  for (const [from, to] of UNIT_REPLACEMENTS) {
    if (!from.test(text)) throw new Error(`deploy/parley.service has nothing like ${from}.`);
    text = text.replace(from, to);
  }
  return text;
}

/** The form that deb-changelog(5) asks for. */
function debianChangelog(now: Date): string {
  const date = now.toUTCString().replace("GMT", "+0000");
  const { version } = manifest;
  return `parley (${version}) unstable; urgency=medium\n\n  * Version ${version}; /usr/share/doc/parley/CHANGELOG.md has the changes.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** The bytes of all files in a folder. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Runs a command; returns its output, or throws with its errors. */
async function run(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${errors || output}`);
  return output;
}
