// Opens a store, and posts, edits and erases messages until it is killed. Prints the mark of each text that was acked as gone.
import type { Change } from "../../../../src/core/changes/decide-change.ts";
import { openSqlite } from "../../../../src/engine/sqlite/open.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { messageContent } from "../../../support/entries.ts";
import { Random } from "../../../support/random.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";

const [, , dataDir, round] = process.argv;
const random = new Random(Number(round));
const { engine } = await openSqlite({
  ...{ dataDir: dataDir!, clock: systemClock(), emit: new RecordedLog().emit, sync: "normal" },
});
let count = 0;
const conversation = () => `room-${random.between(0, 3)}`;
const textOf = (mark: string) =>
  mark + "x".repeat(random.between(0, 15) === 0 ? 6_000 : random.between(0, 300));

function markOf(): string {
  return `PUBLIC-${round}${String(count++).padStart(6, "0")}-`;
}

async function talk(): Promise<void> {
  const room = conversation();
  const first = markOf();
  const request = { conversation: room, user: "ann", limit: 0, id: crypto.randomUUID() };
  const posted = await new Promise<number>((done) =>
    engine.post({ ...request, ...messageContent(textOf(first)) }, (result) =>
      done("seq" in result ? result.seq : 0),
    ),
  );
  const change = (what: Change) =>
    new Promise<string>((done) =>
      engine.changes.change(
        { conversation: room, user: "ann", limit: 0, moderates: false, seq: posted, change: what },
        ({ outcome }) => done(outcome),
      ),
    );
  let shown = first;
  for (let edits = random.between(0, 2); edits > 0; edits--) {
    const next = markOf();
    if ((await change({ kind: "edit", text: textOf(next) })) === "changed")
      process.stdout.write(`${shown}\n`);
    shown = next;
  }
  if (random.between(0, 2) > 0 && (await change({ kind: "erase" })) === "changed")
    process.stdout.write(`${shown}\n`);
}

for (;;) await Promise.all(Array.from({ length: 5 }, talk));
