import { expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { ParleyFolder } from "./parley-folder.ts";

test("--help and --version print to standard output with exit code 0", async () => {
  await using folder = new ParleyFolder();
  const [help, serveHelp, version] = await Promise.all([
    folder.run(["--help"]),
    folder.run(["serve", "--help"]),
    folder.run(["--version"]),
  ]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  for (const command of ["serve", "user", "token"]) expect(help.stdout).toContain(command);
  expect(serveHelp.code).toBe(0);
  expect(serveHelp.stdout).toContain("--inactivity-timeout <seconds>");
  expect(serveHelp.stdout).toContain("(default: 300)");
  expect(serveHelp.stdout).not.toContain("--secret-key");
  expect(version).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
});

test("a usage error is printed on standard error with exit code 2", async () => {
  await using folder = new ParleyFolder();
  const calls = [["sevre"], ["--prot", "1"], ["user", "add"], ["user", "frobnicate"], ["token", "a", "b"]];
  for (const { code, stdout, stderr } of await Promise.all(calls.map((call) => folder.run(call)))) {
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toStartWith("error: ");
  }
});

test("all wrong settings are reported at once, one line each, with exit code 2 and without the secret", async () => {
  await using folder = new ParleyFolder();
  folder.write(
    ".env",
    "REDIS_HOST=localhost\nREDIS_PORT=6379\nINACTIVITY_TIMEOUT=300  # in seconds\nSECRET_KEY=your_secret_key\nPROT=1\n",
  );
  const { code, stderr, stdout } = await folder.run(["--port", "80a"]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  const lines = stderr.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain("PROT in .env is not a setting");
  expect(lines[1]).toStartWith('error: PORT="80a" (from --port)');
  expect(lines[2]).toStartWith("error: SECRET_KEY (from .env) is a placeholder");
  expect(stderr).not.toContain("your_secret_key");
});

test("every command reports an unwritable data folder in one line", async () => {
  await using folder = new ParleyFolder();
  folder.write("data", "a file where the folder should be");
  const calls = [["serve"], ["user", "list"], ["token", "ada"]];
  for (const { code, stderr } of await Promise.all(calls.map((call) => folder.run(call)))) {
    expect(code).toBe(1);
    expect(stderr).toBe(
      'parley: The data folder "./data" cannot be written: a file is in its place. Set DATA_DIR to a folder that can be.\n',
    );
  }
});
