// 10,000 users enter one conversation, on Parley and on the library centrifuge with join and leave, in turns:
// `bun bench/standalone/beside-centrifuge/entering.ts [users] [rounds]`. A user has entered with `welcome`, or the reply to
// `subscribe`; it ends after a minute, however many have entered. After the last one everybody listens for AFTER_S seconds more, so that what is still waiting on the server counts.
// Frames and bytes do not depend on what else the machine does; times do.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGenerator, type Counted, type TrafficResult } from "../../load-generator.ts";
import { startCentrifuge } from "../../peers/centrifuge.ts";
import { parley } from "../../peers/parley.ts";
import type { Peer } from "../../peers/peer.ts";

/** The generator connects the first so many again and again before it counts, each in a conversation of its own. */
const WARM_UP = 1_000;
const AFTER_S = 5;

const [users = 10_000, rounds = 1] = process.argv.slice(2).map(Number);
const PEERS: readonly Pick<Peer, "name" | "protocol" | "start">[] = [
  parley,
  {
    name: "centrifuge",
    protocol: "centrifuge",
    start: (options) => startCentrifuge(options, { JOIN_LEAVE: "true" }),
  },
];

const folder = mkdtempSync(join(tmpdir(), "parley-entering-"));
try {
  const load = await buildGenerator(folder);
  for (let round = 1; round <= rounds; round++)
    for (const { name, protocol, start } of PEERS) {
      const own = join(folder, `${name}-${round}`);
      mkdirSync(own);
      await using server = await start({ members: users, folder: own });
      const paths = Array.from({ length: WARM_UP }, (_, i) => server.target(`warm-${i}`, `warm-${i}`));
      for (let i = 0; i < users; i++) paths.push(server.target(`user-${i}`, "large"));
      const { port, pid } = server;
      const job = { scenario: "connect", protocol, port, pid, paths, roomSize: 1, seconds: AFTER_S } as const;
      const { windows } = (await load.run(job)) as TrafficResult;
      console.log(`round ${round}, ${name}: ${describe(windows as [Counted, Counted])}`);
    }
} finally {
  rmSync(folder, { recursive: true });
}

function describe([entering, after]: readonly [Counted, Counted]): string {
  const processorS = entering.serverBusy * entering.seconds + after.serverBusy * after.seconds;
  const { answered } = entering;
  const each = (of: "frames" | "bytes") => ((entering[of] + after[of]) / answered).toFixed(0);
  const share = (part: number) => `${Math.round(part * 100)} %`;
  return [
    `${answered} in after ${entering.seconds.toFixed(1)} s`,
    `${((processorS * 1_000) / answered).toFixed(2)} ms of processor time a user`,
    `${each("frames")} frames and ${each("bytes")} bytes to each`,
    `meanwhile server ${share(entering.serverBusy)}, load ${share(entering.loadBusy)}`,
    `others ${share(entering.othersBusy)}`,
    `server afterwards ${share(after.serverBusy)}`,
  ].join("; ");
}
