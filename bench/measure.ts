import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Case, CaseName } from "./cases.ts";
import type { LoadGenerator, LoadResult } from "./load-generator.ts";
import type { Peer } from "./peers/peer.ts";

/** One run of one case against one peer. */
export interface Measurement {
  readonly caseName: CaseName;
  readonly peer: string;
  readonly round: number;
  readonly figure: number;
  readonly result: LoadResult;
}

export interface MeasureOptions {
  readonly case: Case;
  readonly peer: Peer;
  readonly round: number;
  readonly generator: LoadGenerator;
  /** Where the server's files are while it runs; on a real disk, as its store is measured too. */
  readonly folder: string;
  readonly profile?: string;
}

/** Starts the peer with an empty store, runs the case and stops it again. */
export async function measure(options: MeasureOptions): Promise<Measurement> {
  const { case: kase, peer, round, generator, profile } = options;
  await mkdir(options.folder, { recursive: true });
  const folder = await mkdtemp(join(options.folder, `${peer.name}-`));
  try {
    await using server = await peer.start({
      members: kase.members,
      folder,
      ...(kase.load.rate !== undefined && { rate: kase.load.rate }),
      ...(kase.accounts === true && { accounts: true }),
      ...(profile !== undefined && { profile }),
    });
    const paths: string[] = [];
    for (let conversation = 0; conversation < kase.conversations; conversation++)
      for (let member = 0; member < kase.members; member++)
        paths.push(server.target(`user-${conversation}-${member}`, `room-${conversation}`));
    if (kase.load.scenario === "resume")
      for (const user of ["one", "other"]) paths.push(server.target(user, "pair"));
    const result = await generator
      .run({
        ...kase.load,
        port: server.port,
        pid: server.pid,
        paths,
        roomSize: kase.members,
        protocol: peer.protocol,
        ...(server.storePid !== undefined && { storePid: server.storePid }),
      })
      .catch(async (error: Error) => {
        throw new Error(`${kase.name}, ${peer.name}: ${error.message}\n${await server.lastOutput()}`.trim());
      });
    return { caseName: kase.name, peer: peer.name, round, figure: kase.figure(result), result };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
