import { readFileSync } from "node:fs";

/** Of `CLK_TCK` in proc(5), which Linux fixes for user space. */
const TICKS_PER_S = 100;

/** Processor time of a process with all its threads in seconds, where `withEnded` with that of its children that have ended. */
export function processorSeconds(pid: number, withEnded = false): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const ticks =
    Number(fields[11]) + Number(fields[12]) + (withEnded ? Number(fields[13]) + Number(fields[14]) : 0);
  return ticks / TICKS_PER_S;
}
