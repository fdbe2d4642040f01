import { expect, test } from "bun:test";
import { connect, watchMessages } from "../../src/client/index.ts";
import { startTestServer } from "../../src/testing/index.mjs";
import { ROOT } from "../docs/pages.ts";
import { becomes, keepOpen, reaches } from "../support/clients/library.ts";
import { longTest } from "../support/long-test.ts";

test("a test server has settings, tokens and faults, and is gone in the end", async () => {
  const server = await startTestServer({ settings: { PLANS: "free:2:5", BCRYPT_COST: "4" } });
  const parley = connect({ url: server.url, token: await server.token("ann") });
  const lobby = parley.conversation("lobby");
  const list = watchMessages(lobby);
  const end = list.subscribe(() => {});
  expect((await lobby.send("hello")).quota).toMatchObject({ limit: 2, remaining: 1 });
  const waiting = reaches(parley, "waiting");
  await server.fault(parley.welcome.getSnapshot()!, { do: "cut" });
  await waiting;
  parley.reconnect();
  await becomes(list, ({ status }) => status === "ready");
  expect(server.fault({ user: "ann", connection: "none" }, { do: "cut" })).rejects.toThrow(
    /^The server refused the fault: /,
  );
  end();
  const narrow = connect({ url: server.url, token: await server.token("ann", { conversations: ["other"] }) });
  keepOpen(narrow.conversation("lobby"));
  expect(await reaches(narrow.conversation("lobby"), "closed")).toMatchObject({ code: "forbidden" });
  await Promise.all([parley.close(), narrow.close()]);
  await server[Symbol.asyncDispose]();
  expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
});

test("a server that cannot start says why", () => {
  expect(startTestServer({ settings: { INACTIVITY_TIMEOUT: "soon" } })).rejects.toThrow(/INACTIVITY_TIMEOUT/);
});

longTest("it runs on node, too", async () => {
  const program = `
    import { startTestServer } from ${JSON.stringify(`${ROOT}/src/testing/index.mjs`)};
    const server = await startTestServer();
    console.log((await fetch(server.url + "/me", { headers: { Authorization: "Bearer " + await server.token("ann") } })).status);
    await server[Symbol.asyncDispose]();
  `;
  const child = Bun.spawn(["node", "--input-type=module", "-e", program], { stderr: "inherit" });
  expect(await new Response(child.stdout).text()).toBe("200\n");
  expect(await child.exited).toBe(0);
});
