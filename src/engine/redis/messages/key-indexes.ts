/** Assigns an index to each name among the keys of a call, in the order of first use, starting with 1 as in Lua. */
export class KeyIndexes {
  readonly names: string[] = [];
  private readonly indexes = new Map<string, number>();

  of(name: string): number {
    let index = this.indexes.get(name);
    if (index === undefined) {
      index = this.names.push(name);
      this.indexes.set(name, index);
    }
    return index;
  }
}
