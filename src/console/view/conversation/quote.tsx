import { useEffect, useRef } from "preact/hooks";
import type { Entry, Message } from "../../../client/index.ts";

/** Most characters of a message in a quote; the style sheet cuts them to one line. */
const MAX_QUOTE_LENGTH = 120;

/** A message that another one answers: an entry, or one that was read for the quote. Null: it cannot be read any more. */
export type Quoted = Entry | Message | null;

/** Finds the messages that are answered. Undefined: not in the list, and not read yet. */
export type FindQuoted = (seq: number) => Quoted | undefined;

/** Returns a function that finds messages in the list, or among those that were read for quotes. */
export function quoteFinder(
  entries: readonly Entry[],
  read: ReadonlyMap<number, Message | null>,
): FindQuoted {
  let bySeq: Map<number | undefined, Entry> | undefined;
  return (seq) => {
    bySeq ??= new Map(entries.map((entry) => [entry.seq, entry]));
    return bySeq.get(seq) ?? read.get(seq);
  };
}

/** Returns the text of a message for the page; one without text shows its data. */
export function wordsOf({ text, data, erased }: Pick<Message, "text" | "data" | "erased">): string {
  if (text !== "") return text;
  return erased ? "Message erased" : data === undefined ? "" : JSON.stringify(data);
}

interface QuoteProps {
  readonly seq: number;
  readonly message: Quoted | undefined;
  /** Reads the message. */
  load(seq: number): void;
  /** Shows the message in the list. */
  show(seq: number): void;
}

/** The line above a message that answers another one. A click shows that one. */
export function Quote({ seq, message, load, show }: QuoteProps) {
  const line = useRef<HTMLButtonElement>(null);
  // A request of the plan is used only for a quote that is in view.
  useEffect(() => {
    if (message !== undefined) return undefined;
    const observer = new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) load(seq);
    });
    observer.observe(line.current!);
    return () => observer.disconnect();
  }, [message === undefined]);
  if (message === null) return <p class="quote">{`Answers #${seq}, which is no longer kept`}</p>;
  return (
    <button type="button" class="quote" ref={line} onClick={() => show(seq)}>
      <span class="unseen">Answers </span>
      {message === undefined ? (
        `#${seq}`
      ) : (
        <>
          <b>{message.from}</b> {wordsOf(message).slice(0, MAX_QUOTE_LENGTH)}
        </>
      )}
    </button>
  );
}
