// Calls TypeScript's compiler for src/client and all that it imports.
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

/** Compiles src/client/index.ts into `folder`, whose paths are those of src/. Throws with the compiler's output if that fails. */
export function compile(folder: string, options: readonly string[]): void {
  const compiler = Bun.spawnSync(
    [
      join(ROOT, "node_modules/.bin/tsc"),
      ...["--outDir", folder, "--rootDir", join(ROOT, "src"), "--ignoreConfig", "--strict", "--skipLibCheck"],
      ...["--target", "ES2022", "--moduleResolution", "bundler", "--rewriteRelativeImportExtensions"],
      ...["--verbatimModuleSyntax", "--lib", "ESNext,DOM,DOM.Iterable", ...options],
      join(ROOT, "src/client/index.ts"),
    ],
    { cwd: ROOT },
  );
  if (!compiler.success) throw new Error(compiler.stdout.toString());
}

/** Returns the path in the package, without its extension, of a source (a path in src/ without its extension). */
export function publishedName(name: string): string {
  return name.replace(/^client\//, "");
}
