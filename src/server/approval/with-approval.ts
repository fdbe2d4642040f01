import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import type { ApprovalResult } from "../metrics/table.ts";
import type { Settings } from "../settings/settings.ts";
import { webhookKeyOf } from "../webhooks/signature.ts";
import { ApprovalClient } from "./approval-client.ts";
import { approveEngine } from "./approve-engine.ts";
import { Approver } from "./approver.ts";

export interface ApprovalDeps {
  readonly engine: Engine;
  readonly settings: Pick<Settings, "approvalUrl" | "approvalFor" | "approvalSecret" | "approvalFail">;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly version: string;
  readonly metrics?: Pick<ServerMetrics, "approvalDecided"> | undefined;
}

export interface Approval {
  readonly engine: Engine;
  /** Asks about titles and data of conversations; undefined where messages need not be approved. */
  readonly factsApprover: Approver | undefined;
  /** Asks about openings; undefined where these need not be approved. */
  readonly openingApprover: Approver | undefined;
}

/** Returns the engine that the server uses: the one it has, or with APPROVAL_URL one that asks before it stores. */
export function withApproval(deps: ApprovalDeps): Approval {
  const { engine, settings } = deps;
  const { approvalUrl: url, approvalFor, approvalSecret = [], approvalFail: fail } = settings;
  if (url === undefined) return { engine, factsApprover: undefined, openingApprover: undefined };
  const keys = approvalSecret.flatMap((secret) => webhookKeyOf(secret) ?? []);
  const client = new ApprovalClient({ url, keys, version: deps.version });
  const { metrics } = deps;
  const count = metrics && ((result: ApprovalResult) => metrics.approvalDecided(result));
  const approver = new Approver({ ...deps, client, fail, url: new URL(url).origin, count });
  const asksFirst = approvalFor.includes("message");
  return {
    engine: asksFirst ? approveEngine(engine, approver) : engine,
    factsApprover: asksFirst ? approver : undefined,
    openingApprover: approvalFor.includes("open") ? approver : undefined,
  };
}
