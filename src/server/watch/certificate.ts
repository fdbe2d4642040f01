import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import type { Emit } from "../../core/events/events.ts";
import { type CertificateTimes, certificateState } from "../../core/operator/certificate-validity.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { ListenFailed, type TlsPair } from "../listener.ts";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import { readTlsFiles, type TlsFiles } from "../tls-files.ts";

export interface CertificateWatchDeps {
  readonly files: TlsFiles;
  /** The certificate in use. */
  readonly current: TlsPair;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly metrics: Pick<ServerMetrics, "watchCertificate"> | undefined;
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

/** How often the log says that the certificate ends soon, in milliseconds. */
const NOTICE_INTERVAL_MS = 86_400_000;

/**
 * Reads the certificate and its key again when their files have changed: written over, replaced, or behind a symbolic
 * link that leads elsewhere now. Files are read when two looks in a row found the same ones, because the two files are not
 * replaced at the same moment. Unusable files are logged, and the certificate before them stays in use. The log also says, at the
 * start and once a day, when the certificate in use has expired or will soon.
 */
export function watchCertificate(deps: CertificateWatchDeps): CertificateWatch {
  const { files, clock, emit, use } = deps;
  let current = deps.current;
  let times = timesOf(current);
  let nextNotice = 0;
  const notice = () => {
    const now = clock.wall();
    if (now < nextNotice) return;
    nextNotice = now + NOTICE_INTERVAL_MS;
    announceEnd(files, times, now, emit);
  };
  notice();
  deps.metrics?.watchCertificate(() => ({ times, now: clock.wall() }));
  let known = fingerprintOf(files);
  let changed: string | undefined;
  const load = (looks: string) => {
    known = looks;
    changed = undefined;
    let pair: TlsPair;
    try {
      pair = readTlsFiles(files);
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
    times = timesOf(pair);
    emit("tls.renewed", { cert_file: files.cert, not_after: new Date(times.until).toISOString() });
    nextNotice = 0;
    notice();
  };
  const stop = clock.every(CHECK_INTERVAL_MS, () => {
    const looks = fingerprintOf(files);
    if (looks === known) changed = undefined;
    else if (looks === changed) load(looks);
    else changed = looks;
    notice();
  });
  return { read: () => load(fingerprintOf(files)), stop };
}

function timesOf({ cert }: TlsPair): CertificateTimes {
  const { validFrom, validTo } = new X509Certificate(cert);
  return { from: Date.parse(validFrom), until: Date.parse(validTo) };
}

function announceEnd({ cert }: TlsFiles, times: CertificateTimes, now: number, emit: Emit): void {
  const state = certificateState(times, now);
  const fields = { cert_file: cert, not_after: new Date(times.until).toISOString() };
  const advice = "Renew the certificate: the server takes the new files within seconds, without a restart.";
  if (state === "expired") emit("tls.expired", { ...fields, advice });
  else if (state === "ending" || state === "ending_soon") emit("tls.expiring", { ...fields, advice });
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
