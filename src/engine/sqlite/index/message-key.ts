/**
 * Returns the key of a message in the index: a hash of 53 bits of (conversation, sender, id).
 *
 * It has two accumulators over the UTF-16 units (with the mixing steps of MurmurHash3's finaliser). They start from a secret
 * seed of the store, so that an attacker cannot prepare ids with equal keys. Two messages can still have equal keys, so a
 * look-up MUST compare the row in the log.
 */
export function messageKey(seed: number, conversation: number, sender: string, id: string): number {
  let a = (seed ^ Math.imul(conversation, 0x9e3779b1)) | 0;
  let b = (seed + Math.imul(conversation, 0x85ebca77) + sender.length) | 0;
  for (let i = 0; i < sender.length; i++) {
    const unit = sender.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x85ebca6b);
    b = Math.imul(b ^ unit, 0xc2b2ae35);
  }
  a = mix(a ^ Math.imul(b, 0x27d4eb2f));
  b = mix(b ^ a);
  return (b >>> 11) * 4294967296 + (a >>> 0);
}

function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
