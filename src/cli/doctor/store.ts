import type { StoreInspection } from "../../engine/sqlite/inspect.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectionError } from "../store/provider.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** What is known about the embedded store. */
export interface StoreFacts {
  readonly folder: string;
  /** Undefined where there is no store yet. */
  readonly store: StoreInspection | InspectionError | undefined;
  readonly sync: Settings["storeSync"];
  readonly serverAnswers: boolean;
}

/** The embedded engine's file: whether it can be read, is whole, and is this version's. Changes nothing. */
export const STORE_CHECK = defineCheck({
  name: "store",
  collect({ settings, data, health }): StoreFacts | string {
    if (settings === undefined) return "The settings are wrong.";
    if (data.kind !== "embedded") return "With Redis there is none.";
    const serverAnswers = health !== undefined && "alive" in health;
    return { folder: settings.dataDir, store: data.store, sync: settings.storeSync, serverAnswers };
  },
  evaluate: evaluateStore,
});

/** Judges an embedded store. */
export function evaluateStore({ folder, store, sync, serverAnswers }: StoreFacts): CheckResult {
  if (store === undefined)
    return {
      findings: [{ mark: "ok", text: `Nothing is stored in ${folder} yet; the first start begins.` }],
    };
  if ("error" in store) return { findings: [readProblem(folder, store)] };
  const { bytes, version, knownVersion, conversations, damage, unclosed } = store;
  const findings: Finding[] = [];
  if (damage !== undefined && damage.length > 0)
    findings.push(storeProblem(folder, `is damaged (${damage.join("; ")})`));
  if (version > knownVersion)
    findings.push({
      mark: "problem",
      text: `The store in ${folder} was written by a newer Parley (schema ${version}; this one knows ${knownVersion}).`,
      advice: "Update Parley.",
    });
  if (unclosed === "earlier start" && sync === "normal" && !serverAnswers)
    findings.push({
      mark: "warning",
      text: "The machine stopped while a server ran. The last moments may be lost; clients learn of it after the next start.",
      advice: "STORE_SYNC=full prevents it.",
    });
  const read = damage === undefined ? "not read through; --thorough does" : "whole";
  const older =
    version < knownVersion ? ` Its tables are older (${version}); the next start renews them.` : "";
  return {
    findings: findingsOr(
      findings,
      `The store in ${folder} is ${read}: ${conversations === 1 ? "1 conversation" : `${conversations} conversations`}, ${formatBytes(bytes)}.${older}`,
    ),
    values: { bytes },
  };
}

/** What SQLite says of a file that it has read, and what it says when it may not. */
function readProblem(folder: string, { error: fault, advice }: InspectionError): Finding {
  if (advice !== undefined) return { mark: "problem", text: fault, advice };
  const how = `cannot be read (${fault})`;
  if (/not a database|malformed/.test(fault)) return storeProblem(folder, how);
  return {
    mark: "problem",
    text: `The store in ${folder} ${how}.`,
    advice:
      "Run the doctor as the user that the server runs as, or correct the rights of the folder and its files.",
  };
}

function storeProblem(folder: string, how: string): Finding {
  return {
    mark: "problem",
    text: `The store in ${folder} ${how}.`,
    advice: "Stop the server, keep a copy of the folder, and put a good copy of it back.",
  };
}
