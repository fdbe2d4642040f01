import type { PersonReader } from "../ports/person/person-store.ts";
import type { PersonRecord } from "./records.ts";

/** Returns the same as one JSON document, in pieces: `{user, at, records: […]}`. It is cut, and no JSON, where reading has failed. */
export async function* exportDocument(
  persons: PersonReader,
  user: string,
  now: number,
): AsyncGenerator<string> {
  yield `{"user":${JSON.stringify(user)},"at":${now},"records":[`;
  let isFirst = true;
  for await (const records of exportPages(persons, user)) {
    const text = records.map((record) => JSON.stringify(record)).join(",");
    if (text === "") continue;
    yield isFirst ? text : `,${text}`;
    isFirst = false;
  }
  yield "]}";
}

async function* exportPages(persons: PersonReader, user: string): AsyncGenerator<readonly PersonRecord[]> {
  for (let after: string | undefined; ; ) {
    const page = await persons.read(user, after);
    yield page.records;
    after = page.next;
    if (after === undefined) return;
    // Other requests come first.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * Returns what a store has about a person as JSON, one object for each line: first the person and when it was read, in milliseconds
 * since 1970, then the records, at last the number of records, by which a reader knows that nothing is missing.
 */
export async function* exportLines(persons: PersonReader, user: string, now: number): AsyncGenerator<string> {
  yield JSON.stringify({ type: "person", user, at: now });
  let records = 0;
  for await (const page of exportPages(persons, user)) {
    for (const record of page) yield JSON.stringify(record);
    records += page.length;
  }
  yield JSON.stringify({ type: "end", records });
}
