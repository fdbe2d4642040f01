import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate that vouches for itself, and its key: paths of PEM files. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Begins the names of its files; one for each certificate of a folder. */
  readonly name?: string;
  /** From when until when it is good, in days from now; both may lie in the past. */
  readonly from?: number;
  readonly until?: number;
}

/** Makes a certificate for this machine with openssl, in `folder`. */
export function makeCertificate(
  folder: string,
  { name = "server", from = -1, until = 90 }: CertificateOptions = {},
): TestCertificate {
  const at = (ending: string) => join(folder, `${name}.${ending}`);
  // Only `openssl ca` makes a certificate that has already expired.
  writeFileSync(at("conf"), authority(at));
  writeFileSync(at("index"), "");
  writeFileSync(at("serial"), "01\n");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("key")];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  openssl("req", "-new", ...key, ...names, "-out", at("request"));
  const times = ["-startdate", day(from), "-enddate", day(until)];
  const files = ["-config", at("conf"), "-keyfile", at("key"), "-in", at("request"), "-out", at("cert")];
  openssl("ca", "-selfsign", "-batch", "-notext", ...files, ...times);
  return { certificate: at("cert"), key: at("key") };
}

function authority(at: (ending: string) => string): string {
  return [
    "[ca]\ndefault_ca = own",
    `[own]\ndatabase = ${at("index")}\nserial = ${at("serial")}\nnew_certs_dir = ${join(at("index"), "..")}`,
    "default_md = sha256\npolicy = any\ncopy_extensions = copy",
    "[any]\ncommonName = supplied\n",
  ].join("\n");
}

/** As openssl wants times: `20261123000000Z`. */
function day(fromNow: number): string {
  const time = new Date(Date.now() + fromNow * 86_400_000).toISOString();
  return `${time.slice(0, 19).replace(/\D/g, "")}Z`;
}

function openssl(...args: string[]): void {
  const made = Bun.spawnSync(["openssl", ...args]);
  if (!made.success) throw new Error(`openssl ${args[0]} failed: ${made.stderr}`);
}
