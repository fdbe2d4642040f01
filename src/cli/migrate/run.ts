import type { RetentionLimits } from "../../core/conversation/retention.ts";
import type { Difference, MigrationSource, MigrationTarget } from "../../core/migration/ports.ts";
import type { MigrationSize } from "../../core/migration/records.ts";
import {
  CHANGED_MEANWHILE,
  type MigrationPhase,
  type MigrationState,
  nextPhase,
} from "../../core/migration/state.ts";
import { CliError } from "../cli-error.ts";

/** How often the place is stored from which a migration that was cut off goes on, in milliseconds, where nothing else is said. */
const SAVE_INTERVAL_MS = 1_000;

/** How far a migration has come. `of`: all of the phase. */
export interface Progress {
  readonly phase: MigrationPhase;
  readonly what: string;
  readonly done: number;
  readonly of: number;
}

export interface MigrationRun {
  readonly source: MigrationSource;
  readonly target: MigrationTarget;
  readonly size: MigrationSize;
  readonly onProgress: (progress: Progress) => void;
  readonly saveIntervalMs?: number | undefined;
  /** Begins a new epoch in the source, after which nothing can be read from it. */
  readonly leaveSource: () => void;
}

/** What a migration has done in this run. */
export interface MigrationResult {
  /** Messages that this run has read and written; a run that goes on has fewer than there are. */
  readonly written: number;
  /** Messages that were read back and compared: all. */
  readonly compared: number;
  readonly differences: readonly Difference[];
}

export function newState(
  source: Pick<MigrationSource, "id" | "fingerprint" | "epoch">,
  retention: RetentionLimits,
  startedAt: number,
): MigrationState {
  const { id, fingerprint, epoch } = source;
  return {
    ...{ version: 1, source: id, fingerprint, epoch, retention, startedAt },
    phase: "messages",
    after: "",
  };
}

/** Carries out a migration from `state` on, to its end, or until what was read back differs. Throws CliError where the source was changed meanwhile. */
export async function runMigration(run: MigrationRun, state: MigrationState): Promise<MigrationResult> {
  const course = new Course(run, state);
  await run.target.begin(state.epoch);
  await course.save();
  let differences: readonly Difference[] = [];
  if (course.phase === "messages") await course.carryMessages();
  if (course.phase === "conversations") await course.carryConversations();
  if (course.phase === "users") await course.carryUsers();
  if (course.phase === "rest") await course.carryRest();
  if (course.phase === "check") {
    differences = await course.check();
    if (differences.length > 0) return { written: course.written, compared: course.compared, differences };
    // What was compared before its change is not among the differences.
    if (run.source.isChanged()) throw new CliError(CHANGED_MEANWHILE);
    await course.advance();
  }
  // Before nodes may start: a client that has been there and returns to the folder must not find the epoch that it knows.
  run.leaveSource();
  await run.target.finish(state.retention);
  return { written: course.written, compared: course.compared, differences };
}

class Course {
  written = 0;
  compared = 0;
  private savedAt = performance.now();

  constructor(
    private readonly run: MigrationRun,
    private state: MigrationState,
  ) {}

  get phase(): MigrationPhase {
    return this.state.phase;
  }

  async save(): Promise<void> {
    await this.run.target.saveState(this.state);
  }

  async advance(): Promise<void> {
    await this.run.target.flush();
    this.state = nextPhase(this.state);
    await this.save();
  }

  async carryMessages(): Promise<void> {
    const { source, target, size } = this.run;
    this.report("messages", 0, size.messages);
    for (const { after, messages } of source.messages(Number(this.state.after))) {
      await target.append(messages);
      this.written += messages.length;
      this.report("messages", this.written, size.messages);
      await this.noteAfter(String(after));
    }
    await this.advance();
  }

  async carryConversations(): Promise<void> {
    const { source, target, size } = this.run;
    let done = 0;
    for (const { place, record } of source.conversations(Number(this.state.after))) {
      await target.writeConversation(record, this.state.epoch);
      this.report("conversations", ++done, size.conversations);
      await this.noteAfter(String(place));
    }
    await this.advance();
  }

  async carryUsers(): Promise<void> {
    const { source, target, size } = this.run;
    let done = 0;
    for (const record of source.users(this.state.after)) {
      await target.writeUser(record);
      done += record.conversations.length;
      this.report("lists of users", done, size.members);
      await this.noteAfter(record.user);
    }
    await this.advance();
  }

  async carryRest(): Promise<void> {
    const { source, target, size } = this.run;
    let done = 0;
    await target.writeRest(source.rest(), () => this.report("accounts and others", ++done, size.accounts));
    await this.advance();
  }

  /** Reads everything back and compares it with the source, which is read again. */
  async check(): Promise<readonly Difference[]> {
    const { source, target, size } = this.run;
    const differences: Difference[] = [];
    for (const { messages } of source.messages(0)) {
      target.expect(messages);
      // The event loop keeps the connection to Redis alive.
      await Bun.sleep(0);
    }
    differences.push(
      ...(await target.compareLogs((count) => {
        this.compared += count;
        this.report("messages read back", this.compared, size.messages);
      })),
    );
    for (const { record } of source.conversations(0))
      await target.compareConversation(record, this.state.epoch);
    for (const record of source.users("")) await target.compareUser(record);
    await target.compareRest(source.rest());
    return [...differences, ...(await target.compared())];
  }

  private report(what: string, done: number, of: number): void {
    this.run.onProgress({ phase: this.state.phase, what, done, of: Math.max(done, of) });
  }

  /** Stores the place now and then. What is before it must be written by then. */
  private async noteAfter(after: string): Promise<void> {
    const now = performance.now();
    if (now - this.savedAt < (this.run.saveIntervalMs ?? SAVE_INTERVAL_MS)) return;
    await this.run.target.flush();
    this.state = { ...this.state, after };
    await this.save();
    this.savedAt = now;
  }
}
