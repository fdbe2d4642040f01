import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { ListenFailed, type TlsPair } from "../listener.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateWatchDeps {
  readonly files: TlsFiles;
  /** The certificate in use. */
  readonly current: TlsPair;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Uses another certificate from now on. May throw. */
  readonly use: (tls: TlsPair) => void;
}

export interface CertificateWatch {
  /** Reads the files now, whether they look changed or not. */
  read(): void;
  stop(): void;
}

/** How often the files are compared with the last look, in milliseconds. */
const CHECK_INTERVAL_MS = 1000;

export function readTlsFiles({ cert, key }: TlsFiles): TlsPair {
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/**
 * Reads the certificate and its key again when their files have changed: written over, replaced, or behind a symbolic
 * link that leads elsewhere now. Files are read when two looks in a row found the same ones, because the two files are not
 * replaced at the same moment. Unusable files are logged, and the certificate before them stays in use.
 */
export function watchCertificate(deps: CertificateWatchDeps): CertificateWatch {
  const { files, clock, emit, use } = deps;
  let current = deps.current;
  let known = fingerprintOf(files);
  let changed: string | undefined;
  const load = (looks: string) => {
    known = looks;
    changed = undefined;
    let pair: TlsPair;
    try {
      pair = readTlsFiles(files);
      createSecureContext(pair);
    } catch (error) {
      emit("tls.refused", { cert_file: files.cert, key_file: files.key, reason: (error as Error).message });
      return;
    }
    if (pair.cert === current.cert && pair.key === current.key) return;
    try {
      use(pair);
    } catch (error) {
      // The next looks try again.
      if (error instanceof ListenFailed) known = "";
      emit("tls.refused", { cert_file: files.cert, key_file: files.key, reason: (error as Error).message });
      return;
    }
    current = pair;
    emit("tls.renewed", {
      cert_file: files.cert,
      not_after: new X509Certificate(pair.cert).validToDate.toISOString(),
    });
  };
  const stop = clock.every(CHECK_INTERVAL_MS, () => {
    const looks = fingerprintOf(files);
    if (looks === known) changed = undefined;
    else if (looks === changed) load(looks);
    else changed = looks;
  });
  return { read: () => load(fingerprintOf(files)), stop };
}

/** Differs when a file was replaced or written. Symbolic links are followed. */
function fingerprintOf({ cert, key }: TlsFiles): string {
  const one = (path: string) => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined
      ? "none"
      : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
  };
  try {
    return `${one(cert)} ${one(key)}`;
  } catch (error) {
    return String(error);
  }
}
