import { statSync } from "node:fs";
import { hostname } from "node:os";
import type { MigrationTarget } from "../../core/migration/ports.ts";
import { explainOccupied, type MigrationState } from "../../core/migration/state.ts";
import { CliError } from "../cli-error.ts";

export interface ClaimRequest {
  /** The state of an unfinished migration that was found before the operator agreed. */
  readonly found: MigrationState | undefined;
  /** The state with which this migration begins or goes on. */
  readonly state: MigrationState;
  readonly resumes: boolean;
}

/**
 * Returns who owns a claim: the folder. Only one process works on a folder, by its lock, so one that has it may take over what the
 * process before has claimed.
 */
export function claimOwnerOf(dataDir: string): string {
  const { dev, ino } = statSync(dataDir);
  return `${hostname()} ${dev}:${ino}`;
}

/**
 * Claims a target after the operator has agreed, which may have taken hours, and looks at it again. Removes an unfinished migration that
 * is not to go on. Throws CliError where the target is no longer what it was.
 */
export async function claimTarget(
  target: MigrationTarget,
  owner: string,
  { found, state, resumes }: ClaimRequest,
): Promise<void> {
  const result = await target.claim(owner, found === undefined ? state : undefined);
  if (result === "held")
    throw new CliError(
      `Another folder is being moved to ${target.description} now. If that was killed, run the command again in half a minute.`,
    );
  if (found === undefined) return rejectOccupied(target, result === "ok");
  const present = await target.readState();
  if (result !== "ok" || present?.source !== found.source || present.startedAt !== found.startedAt)
    throw new CliError(explainChanged(target));
  if (await target.hasRunningNodes())
    throw new CliError(
      `A server runs on ${target.description}. Stop it, and run the command again with --restart.`,
    );
  if (resumes) return;
  // So that no migration goes on with what is left after a crash in the middle.
  await target.saveState({ ...found, source: "" });
  await target.clear();
}

async function rejectOccupied(target: MigrationTarget, isClaimed: boolean): Promise<void> {
  const occupied = await target.findOther();
  if (occupied === undefined && isClaimed) return;
  if (isClaimed) await target.abandon();
  throw new CliError(occupied === undefined ? explainChanged(target) : explainOccupied(occupied));
}

function explainChanged({ description }: MigrationTarget): string {
  return `${description} was changed since the command looked at it. Run it again.`;
}
