import type { PersonReader } from "../ports/person/person-store.ts";

/**
 * Returns what a store has about a person as JSON, one object for each line: first the person and when it was read, in milliseconds
 * since 1970, then the records, at last the number of records, by which a reader knows that nothing is missing.
 */
export async function* exportLines(persons: PersonReader, user: string, now: number): AsyncGenerator<string> {
  yield JSON.stringify({ type: "person", user, at: now });
  let records = 0;
  for (let after: string | undefined; ; ) {
    const page = await persons.read(user, after);
    for (const record of page.records) yield JSON.stringify(record);
    records += page.records.length;
    after = page.next;
    if (after === undefined) break;
    // Other requests come first.
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield JSON.stringify({ type: "end", records });
}
