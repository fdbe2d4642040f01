/**
 * Several values by one name, where nearly every name has one: that one is kept as it is, since a list for each would be
 * half of what is kept. Values come in the order in which they were added; they MUST NOT be arrays.
 */
export class Multimap<Value extends object> {
  private readonly entries = new Map<string, Value | Value[]>();

  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  add(name: string, value: Value): void {
    const known = this.entries.get(name);
    if (known === undefined) this.entries.set(name, value);
    else if (Array.isArray(known)) known.push(value);
    else this.entries.set(name, [known, value]);
  }

  /** Removes one value, if it is there. */
  remove(name: string, value: Value): void {
    const others = this.of(name).filter((other) => other !== value);
    if (others.length > 1) this.entries.set(name, others);
    else if (others.length === 1) this.entries.set(name, others[0]!);
    else this.entries.delete(name);
  }

  /** The values of `name` as they are now. */
  of(name: string): Value[] {
    const known = this.entries.get(name);
    if (known === undefined) return [];
    return Array.isArray(known) ? [...known] : [known];
  }

  /** All values as they are now. */
  all(): Value[] {
    return [...this.entries.values()].flat() as Value[];
  }
}
