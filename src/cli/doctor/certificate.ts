import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";
import type { DoctorFacts, DoctorTarget } from "./facts.ts";

/** One certificate, in what matters here. */
export interface CertificateFacts {
  /** `chat.example.com, *.example.com`, or what else names it. */
  readonly names: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly fingerprint: string;
}

/** What is known about the certificates of a server. */
export interface TlsFacts {
  /** Of the settings: the leaf, or in words why it cannot be used. Undefined without TLS_CERT. */
  readonly file: CertificateFacts | string | undefined;
  /** Whether TLS_KEY is the leaf's. */
  readonly keyFits: boolean;
  /** Whether others on this machine can read TLS_KEY. */
  readonly keyIsOpen: boolean;
  /** Whether each certificate of the file is vouched for by the one after it. */
  readonly isChain: boolean;
  /** What a running server shows; undefined where none answers. */
  readonly served: CertificateFacts | undefined;
  /** Why a program that trusts the usual authorities would refuse it; undefined where it would not, or where it is ours. */
  readonly refusedFor: string | undefined;
  readonly now: number;
}

const DAY_MS = 86_400_000;

/** Time left at which somebody should look: programs that renew have tried for days by then. Less for short lives. */
const EXPIRY_WARNING = { days: 21, part: 1 / 3 };

/** Time left at which it is urgent. */
const EXPIRY_PROBLEM = { days: 5, part: 1 / 10 };

/** TLS_CERT and TLS_KEY, and what a running server shows. */
export const CERTIFICATE_CHECK = defineCheck({
  name: "certificate",
  async collect(situation) {
    const { settings, server } = situation;
    const isServed = typeof server !== "string" && server.http.startsWith("https:");
    const ownServer = typeof server === "string" || !server.isNamed;
    if (ownServer && settings === undefined) return "The settings are wrong.";
    if (!isServed && !(ownServer && settings?.tlsCert !== undefined))
      return "The server is spoken to without TLS; a proxy in front of it has its own certificate.";
    return collectTls(situation);
  },
  evaluate: evaluateTls,
});

async function collectTls({ settings, server, timeoutMs: patience }: DoctorFacts): Promise<TlsFacts> {
  const isNamed = typeof server !== "string" && server.isNamed;
  const { tlsCert, tlsKey } = isNamed || settings === undefined ? {} : settings;
  const { served, refusedFor } =
    typeof server === "string" ? {} : await fetchServedCertificate(server, patience);
  return {
    ...(tlsCert === undefined ? NO_FILE : readFiles(tlsCert, tlsKey!)),
    served,
    refusedFor: isNamed ? refusedFor : undefined,
    now: Date.now(),
  };
}

const NO_FILE = { file: undefined, keyFits: true, keyIsOpen: false, isChain: true };

function readFiles(certificate: string, key: string): Omit<TlsFacts, "served" | "refusedFor" | "now"> {
  try {
    const blocks = readFileSync(certificate, "utf8").match(PEM) ?? [];
    const chain = blocks.map((block) => new X509Certificate(block));
    const [leaf] = chain;
    if (leaf === undefined) throw new Error("it holds no certificate in PEM form");
    return {
      file: factsOf(leaf),
      keyFits: leaf.checkPrivateKey(createPrivateKey(readFileSync(key))),
      keyIsOpen: (statSync(key).mode & 0o077) !== 0,
      isChain: chain.every((each, index) => index === 0 || chain[index - 1]!.checkIssued(each)),
    };
  } catch (error) {
    return { ...NO_FILE, file: (error as Error).message };
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { subjectAltName, subject, validFrom, validTo, fingerprint256 } = certificate;
  const names = subjectAltName?.replaceAll(/(DNS|IP Address):/g, "") ?? subject.replaceAll("\n", ", ");
  return { names, from: Date.parse(validFrom), until: Date.parse(validTo), fingerprint: fingerprint256 };
}

/** What the server shows to who connects; nothing where nobody answers, which is told elsewhere. */
function fetchServedCertificate(
  { http }: DoctorTarget,
  timeoutMs: number,
): Promise<{ served?: CertificateFacts; refusedFor?: string }> {
  const { hostname, port } = new URL(http);
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      // It is looked at, and nothing is said over it.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 && { servername: host }),
    });
    const end = (found: { served?: CertificateFacts; refusedFor?: string }) => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(timeoutMs, () => end({}));
    socket.on("error", () => end({}));
    socket.on("secureConnect", () => {
      const { raw } = socket.getPeerCertificate();
      const refusedFor = socket.authorized ? undefined : String(socket.authorizationError);
      end(
        raw === undefined
          ? {}
          : { served: factsOf(new X509Certificate(raw)), ...(refusedFor && { refusedFor }) },
      );
    });
  });
}

/** Judges certificates. */
export function evaluateTls({
  file,
  keyFits,
  keyIsOpen,
  isChain,
  served,
  refusedFor,
  now,
}: TlsFacts): CheckResult {
  const findings: Finding[] = [];
  if (typeof file === "string")
    return {
      findings: [
        {
          mark: "problem",
          text: `TLS_CERT and TLS_KEY cannot be used: ${file}.`,
          advice: "Both must be in PEM form, and the key without a pass phrase.",
        },
      ],
    };
  if (!keyFits)
    findings.push({
      mark: "problem",
      text: "TLS_KEY is not the key of TLS_CERT.",
      advice: "Set the two files that were made together.",
    });
  if (keyIsOpen)
    findings.push({
      mark: "warning",
      text: "Other users of this machine can read TLS_KEY.",
      advice: "chmod 600 the file.",
    });
  if (!isChain)
    findings.push({
      mark: "warning",
      text: "TLS_CERT holds certificates that do not vouch for each other in their order.",
      advice: "The server's own comes first, then that of its authority, and so on.",
    });
  if (file !== undefined && served !== undefined && served.fingerprint !== file.fingerprint)
    findings.push({
      mark: "warning",
      text: "The running server shows another certificate than the one in TLS_CERT.",
      advice: "Restart it: certificates are read at the start.",
    });
  if (refusedFor !== undefined)
    findings.push({
      mark: "problem",
      text: `The certificate is not accepted (${refusedFor}).`,
      advice:
        "Use one of a public authority, with its whole chain; one of your own: NODE_EXTRA_CA_CERTS=ca.pem.",
    });
  const shown = served ?? file;
  if (shown === undefined)
    return { findings: findings.length > 0 ? findings : [{ mark: "skipped", text: "No server shows one." }] };
  // The one on disk is used at the next start, and must be good too.
  for (const [whose, one] of [
    ["The certificate", shown],
    ["The certificate in TLS_CERT", file],
  ] as const)
    if (one !== undefined && (one === shown || one.fingerprint !== shown.fingerprint))
      findings.push(...evaluateValidity(whose, one, now));
  const left = shown.until - now;
  return {
    findings: findingsOr(
      findings,
      `The certificate for ${shown.names} is good for ${Math.floor(left / DAY_MS)} days.`,
    ),
    values: { left_seconds: Math.round(left / 1000) },
  };
}

function evaluateValidity(subject: string, { from, until, names }: CertificateFacts, now: number): Finding[] {
  const left = until - now;
  const advice = "Renew it, and restart the server.";
  if (left <= 0)
    return [
      { mark: "problem", text: `${subject} for ${names} has expired on ${formatDate(until)}.`, advice },
    ];
  if (now < from)
    return [
      {
        mark: "problem",
        text: `${subject} for ${names} is good only from ${formatDate(from)} on.`,
        advice: "Look whether this machine's clock is right.",
      },
    ];
  const within = ({ days, part }: typeof EXPIRY_WARNING) =>
    left < Math.min(days * DAY_MS, (until - from) * part);
  if (!within(EXPIRY_WARNING)) return [];
  const text = `${subject} for ${names} ends in ${Math.floor(left / DAY_MS)} days, on ${formatDate(until)}.`;
  return [{ mark: within(EXPIRY_PROBLEM) ? "problem" : "warning", text, advice }];
}

function formatDate(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
