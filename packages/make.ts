// npm run package: makes everything that is published for this machine's platform, in dist/packages.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { buildBinary } from "./binary/build.ts";
import { buildDebianPackage } from "./debian/build.ts";

const ROOT = join(import.meta.dir, "..");

/** The container image: the single binary and nothing else. */
const CONTAINERFILE = `# One node of Parley: docker build -t parley .
FROM debian:12-slim
RUN useradd --system --home-dir /var/lib/parley --create-home parley
COPY parley /usr/bin/parley
USER parley
WORKDIR /var/lib/parley
ENV HOST=0.0.0.0 DATA_DIR=/var/lib/parley/data
EXPOSE 8000
# As process 1 it gets SIGTERM itself, and sends each client the time to come back.
CMD ["/usr/bin/parley", "serve"]
`;

/** Makes all packages in `folder`; returns their paths. */
export async function makePackages(folder: string): Promise<string[]> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const binary = join(folder, `parley-${manifest.version}-${process.platform}-${process.arch}`);
  await buildBinary(binary);
  const made = [binary];
  if (Bun.which("dpkg-deb") === null) console.log("dpkg-deb is missing: no Debian package was made.");
  else made.push(await buildDebianPackage(binary, folder));
  for (const source of [ROOT, join(ROOT, "packages/parley-client")]) made.push(await pack(source, folder));
  made.push(makeContainerContext(binary, join(folder, "container")));
  return made;
}

/** Packs an npm package into `folder`; returns its path. */
async function pack(source: string, folder: string): Promise<string> {
  const printed = await Bun.$`npm pack --silent --pack-destination ${folder}`.cwd(source).text();
  return join(folder, basename(printed.trim().split("\n").at(-1)!));
}

function makeContainerContext(binary: string, folder: string): string {
  mkdirSync(folder);
  cpSync(binary, join(folder, "parley"));
  writeFileSync(join(folder, "Dockerfile"), CONTAINERFILE);
  return folder;
}

if (import.meta.main) for (const path of await makePackages(join(ROOT, "dist/packages"))) console.log(path);
