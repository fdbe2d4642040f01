import type { StoreInspection } from "../../engine/sqlite/inspect.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectionError } from "../store/provider.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** The facts about the embedded store. */
export interface StoreFacts {
  readonly folder: string;
  /** Undefined if no store exists yet. */
  readonly store: StoreInspection | InspectionError | undefined;
  readonly sync: Settings["storeSync"];
  readonly serverAnswers: boolean;
}

/** Checks whether the embedded store is readable, undamaged, and of this version. Changes nothing. */
export const STORE_CHECK = defineCheck({
  name: "store",
  collect({ settings, data, health }): StoreFacts | string {
    if (settings === undefined) return "The settings are invalid.";
    if (data.kind !== "embedded") return "The data is in Redis.";
    const serverAnswers = health !== undefined && "alive" in health;
    return { folder: settings.dataDir, store: data.store, sync: settings.storeSync, serverAnswers };
  },
  evaluate: evaluateStore,
});

/** Evaluates the facts about the embedded store. */
export function evaluateStore({ folder, store, sync, serverAnswers }: StoreFacts): CheckResult {
  if (store === undefined)
    return {
      findings: [{ mark: "ok", text: `There is no store in ${folder} yet; the first start creates it.` }],
    };
  if ("error" in store) return { findings: [readProblem(folder, store)] };
  const { bytes, version, knownVersion, conversations, damage, unclosed, erasing, kept } = store;
  const findings: Finding[] = [];
  if (damage !== undefined && damage.length > 0)
    findings.push(storeProblem(folder, `is damaged (${damage.join("; ")})`));
  if (version > knownVersion)
    findings.push({
      mark: "problem",
      text: `The store in ${folder} was written by a newer Parley (schema ${version}; this version supports ${knownVersion}).`,
      advice: "Update Parley.",
    });
  if (unclosed === "earlier start" && sync === "normal" && !serverAnswers)
    findings.push({
      mark: "warning",
      text: "The machine stopped while a server was running. The last messages may be lost; clients are notified after the next start.",
      advice: "STORE_SYNC=full prevents such a loss.",
    });
  if (erasing && !serverAnswers)
    findings.push({
      mark: "warning",
      text:
        unclosed === "this start"
          ? "The files may still hold texts that users erased or edited away. No server responds here: one that runs cleans them within a minute, one that was killed does at its next start."
          : "The files may still hold texts that users erased or edited away: the server was killed, or could not clean them before it stopped.",
      advice:
        "Run a server on the folder: it cleans them within a minute. Copies of the folder, and backups, keep what they hold.",
    });
  if (kept.length > 0)
    findings.push({
      mark: "warning",
      text: `${folder} has older stores, with texts and persons that were erased since: ${kept.join(", ")}.`,
      advice:
        "Delete them when the present store works. The server deletes a parley-schema file when it is seven days old.",
    });
  const state = damage === undefined ? "readable (use --thorough to read all of it)" : "undamaged";
  const older =
    version < knownVersion
      ? ` Its schema is older (${version}); the next start updates it, after putting a copy aside.`
      : "";
  return {
    findings: findingsOr(
      findings,
      `The store in ${folder} is ${state}: ${conversations === 1 ? "1 conversation" : `${conversations} conversations`}, ${formatBytes(bytes)}.${older}`,
    ),
    values: { bytes },
  };
}

/** Returns a finding for an error of SQLite: a damaged file, or one that may not be read. */
function readProblem(folder: string, { error, advice }: InspectionError): Finding {
  if (advice !== undefined) return { mark: "problem", text: error, advice };
  const how = `cannot be read (${error})`;
  if (/not a database|malformed/.test(error)) return storeProblem(folder, how);
  return {
    mark: "problem",
    text: `The store in ${folder} ${how}.`,
    advice:
      "Run the doctor as the user that the server runs as, or correct the permissions of the folder and its files.",
  };
}

function storeProblem(folder: string, how: string): Finding {
  return {
    mark: "problem",
    text: `The store in ${folder} ${how}.`,
    advice: "Stop the server, and restore a backup: `parley restore <folder> --replace`.",
  };
}
