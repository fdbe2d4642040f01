import type { ClaimResult } from "../../../core/migration/ports.ts";
import type { MigrationState } from "../../../core/migration/state.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const CLAIM = new Script("migration/claim");

/** How long a claim lasts that is not renewed, and how often it is renewed, in milliseconds. */
const CLAIM_MS = 30_000;
const RENEW_INTERVAL_MS = 5_000;

/** The claim of one migration to its target, so that two folders are not moved to one Redis. It is renewed until `release`. */
export class MigrationClaim {
  private owner: string | undefined;
  private renewal: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly client: RedisClient) {}

  /** Claims the target; for a new migration only where nothing is there, and with its state from then on. */
  async take(owner: string, newState: MigrationState | undefined): Promise<ClaimResult> {
    const purpose = newState === undefined ? "hold" : "begin";
    const result = await this.call(owner, purpose, newState);
    if (result !== "ok") return result;
    this.owner = owner;
    // The calls of the migration fail, too, where Redis is away, and the next state is not stored where another has the claim.
    const renew = () => void this.call(owner, "hold", undefined).catch(() => {});
    this.renewal = setInterval(renew, RENEW_INTERVAL_MS);
    return result;
  }

  /** Stores the state. Throws where the claim was lost. */
  async save(state: MigrationState | undefined): Promise<void> {
    const { description } = this.client;
    if (this.owner === undefined) throw new Error("The target was not claimed.");
    const result = await this.call(this.owner, "hold", state);
    if (result === "held")
      throw new Error(
        `Another \`parley migrate\` has taken over ${description}, because this one did not go on.`,
      );
    if (result !== "ok")
      throw new Error(
        `What was moved to ${description} was removed there meanwhile. Run the command again, which begins from nothing.`,
      );
  }

  /** Ends the claim where this process has it; `abandon` removes the state, too. */
  async release(purpose: "end" | "abandon" = "end"): Promise<void> {
    clearInterval(this.renewal);
    const { owner } = this;
    this.owner = undefined;
    if (owner !== undefined) await this.call(owner, purpose, undefined);
  }

  private async call(
    owner: string,
    purpose: "begin" | "hold" | "end" | "abandon",
    state: MigrationState | undefined,
  ): Promise<ClaimResult> {
    const { keys } = this.client;
    const names = (["migration", "migration-claim", "epoch", "nodes"] as const).map((name) =>
      keys.globalKey(name),
    );
    const text = state === undefined ? "" : JSON.stringify(state);
    return (await this.client.run(CLAIM, names, [owner, CLAIM_MS, purpose, text])) as ClaimResult;
  }
}
