import { isLoopback } from "../../server/client-address.ts";
import type { SettingsRead } from "../../server/settings/read.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** Whether a server would start with the settings, and what is not as it should be on an address that others reach. */
export const SETTINGS_CHECK = defineCheck({
  name: "settings",
  collect: ({ read }) => read,
  evaluate: evaluateSettings,
});

/** Judges settings as `serve` would have read them. */
export function evaluateSettings(read: SettingsRead): CheckResult {
  const findings: Finding[] = read.warnings.map((text) => ({ mark: "warning", text }));
  if ("problems" in read) {
    findings.push(...read.problems.map((text): Finding => ({ mark: "problem", text })));
    return { findings };
  }
  findings.push(...exposureFindings(read.settings));
  const { host, port } = read.settings;
  return {
    findings: findingsOr(findings, `A server with these settings would listen on ${host}, port ${port}.`),
  };
}

/** A server for this machine only is reached by others where a proxy on it leads there. */
function proxyFindings(demoAccounts: boolean | undefined, isProxied: boolean): Finding[] {
  const advice = "Set DEMO_ACCOUNTS=false.";
  if (demoAccounts === true)
    return [
      {
        mark: "warning",
        text: "Everybody who comes through a proxy on this machine can sign in with the published password of the demo accounts.",
        advice,
      },
    ];
  if (demoAccounts === false || !isProxied) return [];
  return [
    {
      mark: "warning",
      text: "Demo accounts are for users of this machine, who cannot be told from those of a proxy on it that neither passes `Host` on nor adds a field such as X-Forwarded-For.",
      advice,
    },
  ];
}

/** What may be so on a first try, and must not be where others reach the server. */
function exposureFindings({ host, demoAccounts, tlsCert, trustedProxies }: Settings): Finding[] {
  if (isLoopback(host)) return proxyFindings(demoAccounts, trustedProxies.length > 0);
  const found: Finding[] = [];
  if (demoAccounts === true)
    found.push({
      mark: "problem",
      text: `Everybody who reaches ${host} can sign in with the published password of the demo accounts.`,
      advice: "Set DEMO_ACCOUNTS=false.",
    });
  if (tlsCert === undefined && trustedProxies.length === 0)
    found.push({
      mark: "warning",
      text: `Passwords, tokens and messages come to ${host} in the clear.`,
      advice: "Set TLS_CERT and TLS_KEY, or put a proxy with TLS in front and name it in TRUSTED_PROXIES.",
    });
  return found;
}
