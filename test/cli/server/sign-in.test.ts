import { expect, spyOn, test } from "bun:test";
import { CliError, UsageError } from "../../../src/cli/cli-error.ts";
import { signIn, signInAs } from "../../../src/cli/server/sign-in.ts";
import { addressOf, type Target } from "../../../src/cli/server/target.ts";
import { startTestServer } from "../../support/server/test-server.ts";

/** The server at `value` as a target. */
function targetOf(value: string, rest: Partial<Target> = {}): Target {
  const url = { value, from: "--url" };
  return { ...addressOf(url), url, ...rest };
}

const found = (value: string) => ({ value, from: "--user" });

test("a password gives a token; the client library gets another one the second time", async () => {
  await using server = await startTestServer();
  const { user, token, source } = await signInAs(targetOf(server.url), "user2", "password");
  expect(user).toBe("user2");
  if (typeof source === "string") throw new Error("a password can be used again");
  const first = await source();
  expect(first).toBe(await token());
  expect(await source()).not.toBe(first);
});

test("without a user a demo account is used, and the demo password is known", async () => {
  await using server = await startTestServer();
  const talk = spyOn(process.stderr, "write").mockImplementation(() => true);
  expect((await signIn(targetOf(server.url))).user).toBe("user1");
  expect(talk).toHaveBeenCalledWith(
    "Signed in as the demo account user1; choose another user with --user.\n",
  );
  talk.mockRestore();
  expect((await signIn(targetOf(server.url, { user: found("user3") }))).user).toBe("user3");
});

test("a token is used unchanged, for the user it names", async () => {
  await using server = await startTestServer();
  const token = await server.token("zoe");
  const secret = { token, from: "--token" };
  expect(await signIn(targetOf(server.url, { secret }))).toMatchObject({ user: "zoe", source: token });
  const refused = signIn(targetOf(server.url, { secret: { token: "x", from: "--token" } }));
  await expect(refused).rejects.toThrow(UsageError);
});

test("the reason why a user cannot sign in is explained", async () => {
  await using server = await startTestServer();
  const address = targetOf(server.url);
  await expect(signInAs(address, "user1", "wrong")).rejects.toThrow("wrong user name or password");
  await server.accounts.update("user2", { disabled: true });
  await expect(signInAs(address, "user2", "password")).rejects.toThrow("status 403, forbidden");
  await expect(signIn(targetOf(server.url, { user: found("ann") }))).rejects.toThrow("PARLEY_PASSWORD");
  for (let turn = 0; turn < 6; turn++) await signInAs(address, "user3", "wrong").catch(() => {});
  await expect(signInAs(address, "user3", "wrong")).rejects.toThrow(
    /too_many_attempts.*Try again in \d+ s\./,
  );
});

test("a server that is not Parley is reported", async () => {
  using other = Bun.serve({ port: 0, fetch: () => new Response("<p>hello") });
  await expect(signInAs(targetOf(other.url.origin), "ann", "x")).rejects.toThrow("is not a Parley server");
  using elsewhere = Bun.serve({ port: 0, fetch: () => Response.redirect("http://127.0.0.1:1/", 307) });
  await expect(signInAs(targetOf(elsewhere.url.origin), "ann", "x")).rejects.toThrow("was not sent there");
  await expect(signInAs(targetOf("http://127.0.0.1:1"), "ann", "x")).rejects.toThrow(CliError);
  await expect(signInAs(targetOf("http://127.0.0.1:1"), "ann", "x")).rejects.toThrow(
    "http://127.0.0.1:1 cannot be reached (nothing listens there). Check that the server is running (`parley serve`) and that --url is right.",
  );
});
