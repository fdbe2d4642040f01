import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { certificateState } from "../../core/operator/certificate-validity.ts";
import { readCertificates, readPrivateKey } from "../../server/tls-files.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";
import type { DoctorFacts, DoctorTarget } from "./facts.ts";

/** The facts of one certificate. */
export interface CertificateFacts {
  /** The host names, such as `chat.example.com, *.example.com`, or the subject. */
  readonly names: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly fingerprint: string;
}

/** The facts about the certificates of a server. */
export interface TlsFacts {
  /** The leaf certificate of TLS_CERT, or the reason why it cannot be used. Undefined without TLS_CERT. */
  readonly file: CertificateFacts | string | undefined;
  /** Whether TLS_KEY belongs to the leaf certificate. */
  readonly keyFits: boolean;
  /** Whether other users of this machine can read TLS_KEY. */
  readonly keyIsOpen: boolean;
  /** Whether each certificate of the file is issued by the next one. */
  readonly isChain: boolean;
  /** The certificate of the running server; undefined if no server responds. */
  readonly served: CertificateFacts | undefined;
  /** Why a client with the usual root certificates would reject it; undefined if it would not, or for the own server. */
  readonly refusedFor: string | undefined;
  readonly now: number;
}

const DAY_MS = 86_400_000;

/** Checks TLS_CERT, TLS_KEY, and the certificate of the running server. */
export const CERTIFICATE_CHECK = defineCheck({
  name: "certificate",
  async collect(facts) {
    const { settings, server } = facts;
    const isServed = typeof server !== "string" && server.http.startsWith("https:");
    const ownServer = typeof server === "string" || !server.isNamed;
    if (ownServer && settings === undefined) return "The settings are invalid.";
    if (!isServed && !(ownServer && settings?.tlsCert !== undefined))
      return "The server is reached without TLS; a proxy in front of it has its own certificate.";
    return collectTls(facts);
  },
  evaluate: evaluateTls,
});

async function collectTls({ settings, server, timeoutMs }: DoctorFacts): Promise<TlsFacts> {
  const isNamed = typeof server !== "string" && server.isNamed;
  const { tlsCert, tlsKey } = isNamed || settings === undefined ? {} : settings;
  const { served, refusedFor } =
    typeof server === "string" ? {} : await fetchServedCertificate(server, timeoutMs);
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
    const chain = readCertificates(certificate);
    const leaf = chain[0]!;
    return {
      file: factsOf(leaf),
      keyFits: leaf.checkPrivateKey(readPrivateKey(key)),
      keyIsOpen: (statSync(key).mode & 0o077) !== 0,
      isChain: chain.every((each, index) => index === 0 || chain[index - 1]!.checkIssued(each)),
    };
  } catch (error) {
    return { ...NO_FILE, file: (error as Error).message };
  }
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { subjectAltName, subject, validFrom, validTo, fingerprint256 } = certificate;
  const names = subjectAltName?.replaceAll(/(DNS|IP Address):/g, "") ?? subject.replaceAll("\n", ", ");
  return { names, from: Date.parse(validFrom), until: Date.parse(validTo), fingerprint: fingerprint256 };
}

/** Reads the certificate that the server sends; nothing if it does not respond, which another check reports. */
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
      // The certificate is only read; no data is sent over the connection.
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

/** Evaluates the facts about certificates. */
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
          text: `A server cannot speak TLS: ${file}.`,
          advice: "Correct the file. Both must be in PEM form, and the key without a passphrase.",
        },
      ],
    };
  if (!keyFits)
    findings.push({
      mark: "problem",
      text: "TLS_KEY does not belong to TLS_CERT.",
      advice: "Set TLS_KEY to the key of the certificate.",
    });
  if (keyIsOpen)
    findings.push({
      mark: "warning",
      text: "Other users of this machine can read TLS_KEY.",
      advice: "Run chmod 600 on the file.",
    });
  if (!isChain)
    findings.push({
      mark: "warning",
      text: "The certificates in TLS_CERT are not a chain in the right order.",
      advice: "Put the server's certificate first, then that of its issuer, and so on.",
    });
  if (file !== undefined && served !== undefined && served.fingerprint !== file.fingerprint)
    findings.push({
      mark: "warning",
      text: "The running server uses another certificate than the one in TLS_CERT.",
      advice:
        "It takes new files within seconds; if it did not, its log says why (tls.refused). If TLS_CERT has named another file since its start, restart it.",
    });
  if (refusedFor !== undefined)
    findings.push({
      mark: "problem",
      text: `Clients reject the certificate (${refusedFor}).`,
      advice:
        "Use a certificate of a public authority, with its whole chain. For your own authority, set NODE_EXTRA_CA_CERTS=ca.pem.",
    });
  const shown = served ?? file;
  if (shown === undefined)
    return {
      findings: findings.length > 0 ? findings : [{ mark: "skipped", text: "No server with TLS responds." }],
    };
  // The file is used at the next start, so it must be valid, too.
  for (const [subject, one] of [
    ["The certificate", shown],
    ["The certificate in TLS_CERT", file],
  ] as const)
    if (one !== undefined && (one === shown || one.fingerprint !== shown.fingerprint))
      findings.push(...evaluateValidity(subject, one, now));
  const left = shown.until - now;
  return {
    findings: findingsOr(
      findings,
      `The certificate for ${shown.names} is valid for ${Math.floor(left / DAY_MS)} days.`,
    ),
    values: { left_seconds: Math.round(left / 1000) },
  };
}

const RENEW =
  "Renew it: a server takes new files of TLS_CERT and TLS_KEY within seconds, and needs no restart. A proxy may have to be reloaded.";

function evaluateValidity(subject: string, certificate: CertificateFacts, now: number): Finding[] {
  const { from, until, names } = certificate;
  const whose = `${subject} for ${names}`;
  const ending = `${whose} expires in ${Math.floor((until - now) / DAY_MS)} days, on ${formatDate(until)}.`;
  const state = certificateState(certificate, now);
  switch (state) {
    case "valid":
      return [];
    case "expired":
      return [{ mark: "problem", text: `${whose} expired on ${formatDate(until)}.`, advice: RENEW }];
    case "not_yet":
      return [
        {
          mark: "problem",
          text: `${whose} is not valid before ${formatDate(from)}.`,
          advice: "Check whether this machine's clock is right.",
        },
      ];
    case "ending":
      return [{ mark: "warning", text: ending, advice: RENEW }];
    case "ending_soon":
      return [{ mark: "problem", text: ending, advice: RENEW }];
    default:
      return state satisfies never;
  }
}

function formatDate(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
