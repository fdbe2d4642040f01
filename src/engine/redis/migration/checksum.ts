/** The sum that lua/migration/checksum.lua computes: it does not depend on the order of the texts. */
export class Checksum {
  count = 0;
  private sum = 0;

  add(text: string): void {
    this.count++;
    this.sum = (this.sum + digestOf(text)) % MODULUS;
  }

  /** Adds what a script has counted and summed. */
  addReply(count: number, sum: string | number): void {
    this.count += count;
    this.sum = (this.sum + Number(sum)) % MODULUS;
  }

  equals(other: Checksum): boolean {
    return this.count === other.count && this.sum === other.sum;
  }
}

const MODULUS = 2 ** 52;

function digestOf(text: string): number {
  return Number.parseInt(Bun.SHA1.hash(text, "hex").slice(0, 12), 16);
}
