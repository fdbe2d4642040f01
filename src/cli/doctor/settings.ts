import { isLoopback } from "../../server/client-address.ts";
import type { SettingsRead } from "../../server/settings/read.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** Checks whether a server would start with the settings, and whether they are safe on a public address. */
export const SETTINGS_CHECK = defineCheck({
  name: "settings",
  collect: ({ read }) => read,
  evaluate: evaluateSettings,
});

/** Evaluates the settings as `serve` reads them. */
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

/** Returns findings for a server on a loopback address, which other people can reach through a proxy. */
function proxyFindings(demoAccounts: boolean | undefined, isProxied: boolean): Finding[] {
  const advice = "Set DEMO_ACCOUNTS=false.";
  if (demoAccounts === true)
    return [
      {
        mark: "warning",
        text: "Anyone who connects through a proxy on this machine can sign in to the demo accounts with the published password.",
        advice,
      },
    ];
  if (demoAccounts === false || !isProxied) return [];
  return [
    {
      mark: "warning",
      text: "Demo accounts are for users of this machine. The server cannot recognize requests of a proxy that neither forwards `Host` nor adds a field such as X-Forwarded-For.",
      advice,
    },
  ];
}

/** Returns findings for settings that are fine for a first try, but not on an address that other people can reach. */
function exposureFindings({ host, demoAccounts, tlsCert, trustedProxies }: Settings): Finding[] {
  if (isLoopback(host)) return proxyFindings(demoAccounts, trustedProxies.length > 0);
  const findings: Finding[] = [];
  if (demoAccounts === true)
    findings.push({
      mark: "problem",
      text: `Anyone who can reach ${host} can sign in to the demo accounts with the published password.`,
      advice: "Set DEMO_ACCOUNTS=false.",
    });
  if (tlsCert === undefined && trustedProxies.length === 0)
    findings.push({
      mark: "warning",
      text: `Passwords, tokens and messages are sent to ${host} without encryption.`,
      advice: "Set TLS_CERT and TLS_KEY, or put a proxy with TLS in front and name it in TRUSTED_PROXIES.",
    });
  return findings;
}
