/** A conversation of a list that is put in its order. */
export interface Listed {
  readonly conversation: string;
  /** See `sortTime`. */
  readonly at: number;
}

export interface Page<Item extends Listed> {
  /** Newest first. */
  readonly items: readonly Item[];
  readonly more: boolean;
  /** Undefined when there is nothing after the page. */
  readonly cursor: string | undefined;
}

/** Returns `limit` items of a list, newest first: those after the place of `cursor`, or the newest of all. */
export function pageOf<Item extends Listed>(
  list: readonly Item[],
  limit: number,
  cursor: Listed | undefined,
): Page<Item> {
  const rest = cursor === undefined ? list : list.filter((item) => isBefore(cursor, item));
  const items = newestOf(rest, limit);
  const more = rest.length > items.length;
  return { items, more, cursor: more ? encodeCursor(items.at(-1)!) : undefined };
}

/** The newest `count` items in their order. Only these are sorted: sorting 10,000 items would take 4 ms. */
function newestOf<Item extends Listed>(list: readonly Item[], count: number): Item[] {
  let candidates = list;
  if (list.length > count) {
    const times = Float64Array.from(list, ({ at }) => at).sort();
    const least = times[times.length - count]!;
    candidates = list.filter(({ at }) => at >= least);
  }
  return candidates.toSorted((one, other) => (isBefore(one, other) ? -1 : 1)).slice(0, count);
}

/** Whether `one` comes before `other` in the list. Of two with the same time the name decides, so the order is the same everywhere. */
function isBefore(one: Listed, other: Listed): boolean {
  return one.at === other.at ? one.conversation < other.conversation : one.at > other.at;
}

/** A cursor is the place of the last item of a page, so a page is right whatever has changed before it. */
export function encodeCursor({ at, conversation }: Listed): string {
  return `${at.toString(36)}~${conversation}`;
}

/** Returns undefined for a text that is not a cursor; a client can send any text. */
export function decodeCursor(text: string): Listed | undefined {
  const [, at, conversation] = /^([0-9a-z]{1,10})~(\S{1,200})$/.exec(text) ?? [];
  return at === undefined ? undefined : { at: Number.parseInt(at, 36), conversation: conversation! };
}

/** Divides encoded items into parts of at most `budget` bytes each, with a comma after each; at least one item in a part. */
export function partsWithin(items: readonly string[], budget: number): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(item) + 1;
    if (bytes + size > budget && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(item);
    bytes += size;
  }
  return parts;
}
