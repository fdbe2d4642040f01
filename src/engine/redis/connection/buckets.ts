/**
 * The hash tags of the 64 buckets. Redis Cluster maps each tag to a slot: CRC16 of the tag, modulo 16,384. The letters after
 * the number are chosen so that the slot of tag `i` is at most 43 slots away from the middle of the `i`th 64th of all slots.
 * So primaries with slot ranges of equal size have equally many buckets.
 *
 * These tags are part of the names of keys: they MUST NOT change, because existing data would not be found.
 */
export const BUCKET_TAGS: readonly string[] = [
  ...["b0mb", "b1og", "b2fa", "b3dd", "b4dq", "b5yh", "b6or", "b7rk"],
  ...["b8bi", "b9om", "b10ee", "b11ha", "b12mk", "b13pr", "b14sj", "b15ns"],
  ...["b16si", "b17np", "b18dp", "b19yi", "b20wc", "b21uf", "b22sa", "b23ay"],
  ...["b24xc", "b25zf", "b26bc", "b27qe", "b28xh", "b29eq", "b30mb", "b31ax"],
  ...["b32bf", "b33ob", "b34lz", "b35qc", "b36ti", "b37ip", "b38cp", "b39au"],
  ...["b40pr", "b41bj", "b42kl", "b43vu", "b44ya", "b45ky", "b46rb", "b47pg"],
  ...["b48az", "b49sb", "b50es", "b51xj", "b52ra", "b53pd", "b54ca", "b55ne"],
  ...["b56lb", "b57oy", "b58ud", "b59wa", "b60yk", "b61dr", "b62rh", "b63pm"],
];

export const BUCKET_COUNT = 64;

/**
 * Divides names into slices of at most `size`, as indexes; with `byBucket` the names of a slice are in one bucket, so that in
 * Cluster one call can have their keys.
 */
export function slicesOf(names: readonly string[], size: number, byBucket: boolean): number[][] {
  const slices: number[][] = [];
  const open = new Map<number, number[]>();
  for (const [i, name] of names.entries()) {
    const bucket = byBucket ? bucketOf(name) : 0;
    let slice = open.get(bucket);
    if (slice === undefined || slice.length === size) {
      slice = [];
      open.set(bucket, slice);
      slices.push(slice);
    }
    slice.push(i);
  }
  return slices;
}

/**
 * Returns the bucket of a conversation, a user or another name: 0–63, the same on every node and in every version. Computes
 * FNV-1a over the UTF-16 units of the name, multiplies it once more to mix the bits, and returns the highest six bits.
 */
export function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 26;
}
