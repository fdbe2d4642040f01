// A long task that is done in bounded parts, section after section, and can go on after a crash from the text `after`.

/** What one part has given, and where its section goes on; undefined: the section is done. */
export interface SectionPart<Value> {
  readonly value: Value;
  readonly next: string | undefined;
}

/** Sections by their names, in their order. Each does one part from `after` on; undefined: from its beginning. */
export type Sections<Value> = Readonly<
  Record<string, (after: string | undefined) => SectionPart<Value> | Promise<SectionPart<Value>>>
>;

/** Does the part that begins at `after`, and returns where the next one begins; undefined: all sections are done. */
export async function doPart<Value>(
  sections: Sections<Value>,
  after: string | undefined,
): Promise<SectionPart<Value>> {
  const names = Object.keys(sections);
  const [given = names[0]!, ...place] = after?.split(" ") ?? [];
  // A store that was begun by another version of Parley may name another section: all of it is done again.
  const name = given in sections ? given : names[0]!;
  const { value, next } = await sections[name]!(place.length === 0 ? undefined : place.join(" "));
  if (next !== undefined) return { value, next: `${name} ${next}` };
  return { value, next: names[names.indexOf(name) + 1] };
}
