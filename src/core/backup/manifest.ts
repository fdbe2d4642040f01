/** The file of a backup that says what is in it. It is written last, so a folder without it has no whole backup. */
export const MANIFEST_FILE = "parley-backup.json";

/** The version of the manifest and of the files beside it. */
const FORMAT = 1;

/** What a backup says about itself. Times as in RFC 3339. */
export interface BackupManifest {
  readonly format: typeof FORMAT;
  /** The version of Parley that made it. */
  readonly parley: string;
  /** The version of the store's tables. */
  readonly schema: number;
  /** The epoch of the store. A restore begins another one. */
  readonly epoch: string;
  /** The moment whose state the backup has. */
  readonly made_at: string;
  /** The copy of the store, in the same folder. */
  readonly file: string;
  readonly bytes: number;
  /** The SHA-256 of the file, as hex. */
  readonly sha256: string;
  readonly counts: StoreCounts;
}

/** How much is in a store. */
export interface StoreCounts {
  readonly messages: number;
  readonly conversations: number;
  readonly members: number;
  readonly accounts: number;
}

/** Returns the SHA-256 of a text, as hex. */
export type Digest = (text: string) => string;

/** Returns the text of the manifest file: the manifest and a checksum of it. */
export function encodeManifest(manifest: Omit<BackupManifest, "format">, digest: Digest): string {
  const content = { format: FORMAT, ...manifest };
  return `${JSON.stringify({ ...content, checksum: digest(JSON.stringify(content)) }, null, 2)}\n`;
}

/** Reads the text of a manifest file; `problem` says in words why it cannot be used, as the end of a sentence about the backup. */
export function decodeManifest(
  text: string,
  digest: Digest,
): { readonly manifest: BackupManifest } | { readonly problem: string } {
  const parsed = parseObject(text);
  if (parsed === undefined) return { problem: `is damaged: ${MANIFEST_FILE} is no JSON object` };
  const { checksum, ...content } = parsed;
  if (checksum !== digest(JSON.stringify(content)))
    return { problem: `is damaged: ${MANIFEST_FILE} does not have its checksum` };
  // With its checksum right, a manifest has the shape that a Parley gave it.
  if (content.format !== FORMAT) return { problem: "was made by a newer Parley, which can restore it" };
  return { manifest: content as unknown as BackupManifest };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
