import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Entry, Role } from "../../../client/index.ts";
import type { Quoted } from "./quote.tsx";

/** Whether the user may ask the writer of a message to stop: the writer, who wrote what it answers, and moderators (docs/protocol/STREAMS.md). */
export function mayStop(
  row: Entry,
  user: string,
  role: Role | undefined,
  answered: Quoted | undefined,
): boolean {
  if (row.state !== "streaming") return false;
  const isModerator = role === "owner" || role === "moderator";
  return isModerator || row.from === user || answered?.from === user;
}

/** Returns how a streamed message ended, in words; nothing if its writer has finished it. `by`: who asked it to stop, if known. */
export function endingOf({ stream }: Pick<Entry, "stream">, by: string | undefined): string {
  if (stream === undefined || stream.state === "done") return "";
  if (stream.state === "cancelled") return by === undefined ? "stopped" : `stopped by ${by}`;
  return stream.state;
}

interface StopButtonProps {
  readonly from: string;
  stop(): void;
}

/** Asks the writer to stop. The writer has some seconds, so the button stays, and can be pressed again. */
export function StopButton({ from, stop }: StopButtonProps) {
  const button = useRef<HTMLButtonElement>(null);
  const [isAsked, setAsked] = useState(false);
  // It goes away with the end of the stream: then the keyboard goes on in the list, and not at the top of the page.
  useLayoutEffect(() => {
    const element = button.current;
    return () => {
      if (document.activeElement === element)
        document.getElementById("scroller")?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <button
      type="button"
      class="plain small stop"
      ref={button}
      onClick={() => {
        setAsked(true);
        stop();
      }}
    >
      <span aria-hidden="true">■</span> {isAsked ? "Stopping…" : "Stop"}
      <span class="unseen"> {from}</span>
    </button>
  );
}
