// Text of streams that is in no message leaves all files, however it is mixed with that of others (ST4).
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { StreamSubject } from "../../../contracts/streams/stream-subject.ts";
import { Random, seeds } from "../../../support/random.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { StoreFolder } from "../store-folder.ts";

type Kind = "SECRET" | "REMOVED" | "PUBLIC";

const STREAMS = 24;
const ROUNDS = 40;

/** How many marks of a kind the files of a folder contain. */
function marksIn(folder: StoreFolder, kind: Kind): number {
  let found = 0;
  for (const file of readdirSync(folder.path)) {
    const bytes = readFileSync(join(folder.path, file)).toString("latin1");
    found += bytes.match(new RegExp(`${kind}-\\d+-`, "g"))?.length ?? 0;
  }
  return found;
}

for (const seed of seeds(20_261_130)) {
  test(`ST4 discarded, restarted and removed text leaves the files (seed ${seed})`, async () => {
    const random = new Random(seed);
    await using folder = new StoreFolder();
    await using streams = await StreamSubject.begin(async (clock, retention) => {
      let store = await folder.open(clock, retention);
      const reopen = async () => {
        await store.close();
        store = await folder.open(clock, retention);
        return store.engine;
      };
      return {
        engine: store.engine,
        reopen,
        clean: () => store.applyRetention(),
        close: () => store.close(),
        rowBytes: async () => 0,
        async removeConversation(conversation) {
          const { path: dataDir, log } = folder;
          const conversations = openConversations({ dataDir, clock, emit: log.emit, sync: "normal" });
          await conversations.remove(conversation);
          await conversations.close();
        },
      };
    });
    const { subject } = streams;
    await subject.store("m", { conversation: "removed" });
    const writers = await Promise.all(
      Array.from({ length: STREAMS }, async (_, i) => {
        const fate = ["discard", "restart", "remove", "keep", "end", "end"][i % 6]!;
        const conversation = fate === "remove" ? "removed" : "room";
        const isSecret = fate === "discard" || fate === "restart";
        const kind: Kind = isSecret ? "SECRET" : fate === "remove" ? "REMOVED" : "PUBLIC";
        const fields = { conversation, user: `user-${i}` };
        const writer = await streams.open(`s${i}`, { ...fields, data: `{"note":"${kind}-0-data"}` });
        return { writer, fate, kind, fields, id: `s${i}`, n: 0 };
      }),
    );
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(
        writers.map((one) => {
          if (random.next() < 0.3) return undefined;
          const mark = `${one.kind}-${round}-`;
          const text = mark + "x".repeat(random.next() < 0.1 ? 6_000 : random.between(0, 400));
          const data = random.next() < 0.2 ? { data: JSON.stringify({ note: `${mark}data` }) } : {};
          return streams.append(one.writer, { n: ++one.n, text, ...data });
        }),
      );
      // Streams of others end meanwhile, so that there are blank rows among living ones.
      const ending = writers.find(({ fate }) => fate === "end");
      if (round % 5 === 4 && ending !== undefined) {
        writers.splice(writers.indexOf(ending), 1);
        await streams.end(ending.writer);
        subject.clock.advance(500);
      }
    }
    expect(marksIn(folder, "SECRET")).toBeGreaterThan(100);
    await Promise.all(
      writers.map(({ writer, fate, fields, id }) => {
        const { stream } = writer;
        if (fate === "discard") return streams.cancel({ stream }, fields.user, { discard: true });
        if (fate === "restart") return streams.start(id, { ...fields, restart: true, data: "{}" });
        return undefined;
      }),
    );
    const isErased = (kind: Kind) => () => {
      // The leases of the others must not end meanwhile.
      subject.clock.advance(1_000);
      void subject.engine.streams.renew(writers.map(({ writer }) => writer));
      return marksIn(folder, kind) === 0;
    };
    await waitUntil("dropped text is in no file", isErased("SECRET"));
    expect(marksIn(folder, "REMOVED")).toBeGreaterThan(100);
    await streams.removeConversation("removed");
    await waitUntil("removed text is in no file", isErased("REMOVED"));
    expect(marksIn(folder, "PUBLIC")).toBeGreaterThan(100);
    const kept = writers.filter(({ fate }) => fate === "keep").map(({ id }) => id);
    const before = (await streams.drafts()).filter(({ id }) => kept.includes(id));
    expect(before).toHaveLength(kept.length);
    await subject.reopen();
    expect((await streams.drafts()).filter(({ id }) => kept.includes(id))).toEqual(before);
  });
}
