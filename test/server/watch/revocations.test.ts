import { describe, expect, test } from "bun:test";
import { NEVER } from "../../../src/core/ports/revocations.ts";
import { verifyToken } from "../../../src/server/authentication/tokens.ts";
import { ConnectionRegistry } from "../../../src/server/socket/connection-registry.ts";
import { watchRevocations } from "../../../src/server/watch/revocations.ts";
import { joinRaw } from "../../support/clients/join.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { storedRevocations } from "../../support/server/stored-accounts.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** The codes that a client receives at the end: the error's and the Close frame's. */
async function endOf(raw: RawSocket): Promise<[string | undefined, number]> {
  const { code } = await raw.waitForClose();
  const error = raw.frames.findLast(({ type }) => type === "error");
  return [error?.type === "error" ? error.code : undefined, code];
}

const REVOKED: [string, number] = ["token_revoked", 4401];

describe("A3 SEC-T5 revoking closes sockets", () => {
  test("A3 POST /logout closes the sockets of that token, and not the user's others", async () => {
    await using server = await startTestServer();
    const [token, other] = [await server.token("anna"), await server.token("anna")];
    await using first = await joinRaw(server, "anna", { token: token });
    await using second = await joinRaw(server, "anna", { token: token });
    await using third = await joinRaw(server, "anna", { token: other });
    const headers = { Authorization: `Bearer ${token}` };
    expect((await fetch(`${server.url}/logout`, { method: "POST", headers })).status).toBe(204);
    expect(await endOf(first)).toEqual(REVOKED);
    expect(await endOf(second)).toEqual(REVOKED);
    third.sendJson({ type: "ping", id: "still here" });
    expect(await third.waitForFrame("pong")).toMatchObject({ id: "still here" });
  });

  test("A3 revoking a user closes sockets with older tokens; a new token is accepted", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    const old = await server.token("anna");
    await using anna = await joinRaw(server, "anna", { token: old });
    await using ben = await joinRaw(server, "ben");
    clock.advance(1);
    await server.revocations.revokeUser("anna", clock.now());
    expect(await endOf(anna)).toEqual(REVOKED);
    await using again = await RawSocket.handshake(server.port, `/ws/anna/lobby?token=${old}`);
    expect(await endOf(again)).toEqual(REVOKED);
    await using fresh = await joinRaw(server, "anna");
    for (const raw of [fresh, ben]) {
      raw.sendJson({ type: "ping", id: "still here" });
      expect(await raw.waitForFrame("pong")).toMatchObject({ id: "still here" });
    }
  });

  test("A3 only the newest token of a socket counts: the one before a renewal may be revoked", async () => {
    await using server = await startTestServer();
    const [old, renewed] = [await server.token("anna"), await server.token("anna")];
    await using raw = await joinRaw(server, "anna", { token: old });
    raw.sendJson({ type: "token", token: renewed });
    await raw.waitForFrame("token_accepted");
    const ids: string[] = [];
    for (const token of [old, renewed]) {
      const verdict = await verifyToken(server.keys, token, Date.now());
      if (verdict.ok) ids.push(verdict.token.id);
    }
    await server.revocations.revokeToken(ids[0]!, NEVER);
    raw.sendJson({ type: "ping", id: "still here" });
    expect(await raw.waitForFrame("pong")).toMatchObject({ id: "still here" });
    await server.revocations.revokeToken(ids[1]!, NEVER);
    expect(await endOf(raw)).toEqual(REVOKED);
  });
});

describe("A3 missed revocations", () => {
  interface Held {
    readonly user: string;
    credential: { tokenId: string; issuedAt: number } | undefined;
    end(): void;
  }

  /** A watch over connections of known users, which is notified that it may have missed something. */
  async function miss(prepare: (revocations: ReturnType<typeof storedRevocations>) => Promise<void>) {
    const revocations = storedRevocations();
    const directory = new ConnectionRegistry<Held>();
    const ended: string[] = [];
    /** The tokens with which streams are written over HTTP. */
    const writers: string[] = [];
    const hold = (user: string, tokenId: string, issuedAt: number) => {
      const held: Held = { user, credential: { tokenId, issuedAt }, end: () => void ended.push(tokenId) };
      directory.add(held);
      return held;
    };
    let missed: (() => Promise<void> | void) | undefined;
    watchRevocations({
      revocations: {
        isRevoked: (token) => revocations.isRevoked(token),
        watch(_, whenMissed) {
          missed = whenMissed;
          return () => {};
        },
      },
      registry: directory,
      refuseStreams: () => {},
      streams: {
        refuse: () => {},
        refuseTokens: () => {},
        async recheckTokens(isRevoked) {
          for (const id of writers) if (await isRevoked({ id, subject: "anna", issuedAt: 5 })) ended.push(id);
        },
      },
      clock: new ManualClock(),
      emit: new RecordedLog().emit,
    });
    await prepare(revocations);
    return { hold, writers, ended, poll: async () => missed?.() };
  }

  test("A3 every socket's token is checked, and the revoked ones end", async () => {
    const watch = await miss(async (revocations) => {
      await revocations.revokeToken("t7", NEVER);
      await revocations.revokeToken("t1203", NEVER);
      await revocations.revokeUser("ben", 100);
    });
    for (let k = 0; k < 1_500; k++) watch.hold("anna", `t${k}`, 5);
    watch.hold("ben", "old", 99);
    watch.hold("ben", "new", 100);
    await watch.poll();
    expect(watch.ended.sort()).toEqual(["old", "t1203", "t7"]);
  });

  test("ST3 A3 the tokens of those who write streams over HTTP are checked, too", async () => {
    const watch = await miss((revocations) => revocations.revokeToken("gone", NEVER));
    watch.writers.push("kept", "gone");
    await watch.poll();
    expect(watch.ended).toEqual(["gone"]);
  });

  test("A3 a token renewed during the check is the one that counts", async () => {
    const watch = await miss((revocations) => revocations.revokeToken("old", NEVER));
    const held = watch.hold("anna", "old", 5);
    const asked = watch.poll();
    held.credential = { tokenId: "new", issuedAt: 6 };
    await asked;
    expect(watch.ended).toEqual([]);
  });
});
