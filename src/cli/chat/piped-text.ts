/** The text of a pipe as it arrives. The line break at its end belongs to the pipe and not to the text, and is left out. */
export async function* pipedText(input: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  /** A line break that is the last one, perhaps. */
  let held = "";
  for await (const bytes of input) {
    const text = held + decoder.decode(bytes, { stream: true });
    held = /\r?\n?$/.exec(text)![0];
    const ready = text.slice(0, text.length - held.length);
    if (ready !== "") yield ready;
  }
  // Half of a character at the end.
  const rest = decoder.decode();
  if (rest !== "") yield held + rest;
}
