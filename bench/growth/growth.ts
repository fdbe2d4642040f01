import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LoadGenerator } from "../load-generator.ts";
import { median } from "../median.ts";
import { parley } from "../peers/parley.ts";
import type { Peer } from "../peers/peer.ts";
import { relay } from "../peers/relay.ts";
import { AXES, type Axis } from "./axes.ts";

/** The cost of a delivered message for one peer at one point: CPU time of the server in µs. */
export interface GrowthPoint {
  readonly axis: string;
  readonly peer: string;
  readonly point: number;
  /** Median, least and most of the windows. */
  readonly cost: number;
  readonly least: number;
  readonly most: number;
  /** Messages lost, doubled and out of order in all. */
  readonly deviations: number;
  /** Share of a core that the rest of the machine used meanwhile. */
  readonly othersBusy: number;
}

const WINDOWS = 3;
const LOAD = {
  scenario: "traffic",
  textBytes: 64,
  warmUp: 1.5,
  seconds: 1,
  windows: WINDOWS,
  settle: true,
} as const;

/** Measures every point of every axis; calls `onPoint` with each result as it comes. */
export async function runGrowth(
  generator: LoadGenerator,
  folder: string,
  onPoint: (point: GrowthPoint) => void,
): Promise<GrowthPoint[]> {
  const points: GrowthPoint[] = [];
  for (const axis of AXES)
    for (const point of axis.points)
      for (const peer of axis.relay ? [relay, parley] : [parley]) {
        const measured = await measurePoint(axis, point, peer, generator, folder);
        points.push(measured);
        onPoint(measured);
      }
  return points;
}

async function measurePoint(
  axis: Axis,
  point: number,
  peer: Peer,
  generator: LoadGenerator,
  parent: string,
): Promise<GrowthPoint> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `growth-${peer.name}-`));
  try {
    const { conversations, members, bystanders = 0, rate, fill } = axis.setupAt(point);
    if (fill !== undefined) await runFill(join(folder, "data"), JSON.stringify(fill));
    await using server = await peer.start({ folder, members, rate });
    const paths: string[] = [];
    for (let conversation = 0; conversation < conversations; conversation++)
      for (let member = 0; member < members; member++)
        paths.push(server.target(`user-${conversation}-${member}`, `room-${conversation}`));
    for (let i = 0; i < bystanders; i++) paths.push(server.target(`silent-${i}`, `silent-${i}`));
    const result = await generator.run({
      ...LOAD,
      rate,
      port: server.port,
      pid: server.pid,
      paths,
      roomSize: members,
      bystanders,
      protocol: peer.protocol,
    });
    if (!("windows" in result) || result.windows === undefined)
      throw new Error(`${axis.name} ${point}: the load generator returned no windows`);
    const costs = result.windows.map(({ serverBusy, seconds, delivered }) =>
      Number(((serverBusy * seconds * 1e6) / delivered).toFixed(3)),
    );
    return {
      axis: axis.name,
      peer: peer.name,
      point,
      cost: median(costs),
      least: Math.min(...costs),
      most: Math.max(...costs),
      deviations: result.lost + result.doubled + result.outOfOrder,
      othersBusy: median(result.windows.map(({ othersBusy }) => othersBusy)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runFill(dataDir: string, job: string): Promise<void> {
  const program = join(import.meta.dir, "fill.ts");
  const child = Bun.spawn([process.execPath, "--no-env-file", program, dataDir, job], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`the store was not filled:\n${words.trim()}`);
}
