import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { TlsPair } from "./listener.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Raised for files that cannot be used for TLS; the message says which, and why, without a full stop. */
export class TlsUnusable extends Error {}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Reads a certificate with its key. Throws TlsUnusable. */
export function readTlsFiles(files: TlsFiles): TlsPair {
  const pair = { cert: readFile("TLS_CERT", files.cert), key: readFile("TLS_KEY", files.key) };
  const [leaf] = parseCertificates(pair.cert);
  if (!leaf!.checkPrivateKey(parseKey(pair.key)))
    throw new TlsUnusable(
      "TLS_KEY does not belong to TLS_CERT: one of them was replaced and the other was not, or it is the key of another certificate",
    );
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new TlsUnusable(`TLS_CERT and TLS_KEY cannot be used (${(error as Error).message})`);
  }
  return pair;
}

/** Reads the certificates of a file, that of the server first. Throws TlsUnusable. */
export function readCertificates(path: string): readonly X509Certificate[] {
  return parseCertificates(readFile("TLS_CERT", path));
}

/** Reads the key of a file. Throws TlsUnusable. */
export function readPrivateKey(path: string): KeyObject {
  return parseKey(readFile("TLS_KEY", path));
}

function parseCertificates(text: string): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new TlsUnusable("TLS_CERT has no certificate in PEM form");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new TlsUnusable("TLS_CERT has a certificate that is damaged or cut off");
  }
}

function parseKey(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new TlsUnusable(
      text.includes("ENCRYPTED")
        ? "TLS_KEY has a passphrase; a server needs it without"
        : "TLS_KEY has no private key in PEM form",
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "this user has no right to read it",
  EPERM: "this user has no right to read it",
  EISDIR: "it is a folder",
};

function readFile(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new TlsUnusable(`${setting}=${path} cannot be read: ${REASONS[code] ?? message}`);
  }
}
