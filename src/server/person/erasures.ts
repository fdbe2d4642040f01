import { randomBytes } from "node:crypto";
import { beginErasure, type Erasure } from "../../core/person/erasure.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { PersonStore } from "../../core/ports/person/person-store.ts";
import type { RunOnOneNode, StopTask } from "../../core/ports/shared-tasks.ts";
import { type ErasePersonDeps, erasePerson } from "./erase-person.ts";

/** How often a node looks for erasures that are wanted or were interrupted, in milliseconds. */
const LOOK_INTERVAL_MS = 1_000;

/** How often a caller that waits for an erasure looks how far it has come, in milliseconds. */
const WAIT_STEP_MS = 100;

/** Records that a person is to be erased. One node does it; an erasure of this user that is under way is returned. */
export async function requestErasure(
  { persons, clock }: { readonly persons: Pick<PersonStore, "begin">; readonly clock: Pick<Clock, "wall"> },
  user: string,
): Promise<Erasure> {
  return persons.begin(beginErasure(randomBytes(9).toString("base64url"), user, clock.wall()));
}

/** Carries out the erasures that are under way, one after the other. */
export async function carryOutErasures(deps: ErasePersonDeps, signal?: AbortSignal): Promise<void> {
  for (const erasure of await deps.persons.pending()) {
    if (signal?.aborted) return;
    await erasePerson(deps, erasure, signal);
  }
}

/** The erasures of persons on one server: of all nodes that share a store, one carries them out. */
export class Erasures {
  private readonly stopTask: StopTask;

  constructor(private readonly deps: ErasePersonDeps & { readonly runOnOneNode: RunOnOneNode }) {
    this.stopTask = deps.runOnOneNode("persons", LOOK_INTERVAL_MS, ({ signal }) =>
      carryOutErasures(deps, signal),
    );
  }

  request(user: string): Promise<Erasure> {
    return requestErasure(this.deps, user);
  }

  find(id: string): Promise<Erasure | undefined> {
    return this.deps.persons.find(id);
  }

  /** Waits until an erasure has ended, or for so many milliseconds; returns how far it has come. */
  async wait(erasure: Erasure, milliseconds: number): Promise<Erasure> {
    const until = performance.now() + milliseconds;
    let found = erasure;
    while (found.step !== "done" && performance.now() < until) {
      await Bun.sleep(WAIT_STEP_MS);
      found = (await this.find(erasure.id)) ?? found;
    }
    return found;
  }

  async stop(): Promise<void> {
    await this.stopTask();
  }
}
