/**
 * The hash tags of the 64 buckets. Redis Cluster gives each tag a slot: CRC16 of the tag, modulo 16,384. The letters
 * after the number are chosen so that tag `i` lies in the middle of the `i`th 64th of the slots, at most 43 slots beside it.
 * Primaries with equal ranges of slots then have equally many buckets.
 *
 * These tags are part of the names of keys: they MUST NOT change once there is data.
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
 * The bucket of a conversation, a user or another name: 0–63, the same on every node and in every version. FNV-1a over the
 * UTF-16 units of the name, and of the product that mixes it the highest six bits.
 */
export function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 26;
}
